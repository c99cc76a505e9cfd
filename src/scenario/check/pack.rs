//! Pack files and shapes of traffic.

use crate::base::{ClassName, Span, names::is_name};
use crate::scenario::blueprint::Blueprint;
use crate::scenario::file::{PACK_FORMAT, PackFile, Placed, RequestClassFile, ShapeFile, TextOr};
use crate::scenario::pack::{
    CatalogueEntry, Expect, Pack, PartKind, RequestClass, TargetDescription, WorkloadShape, path_pieces,
};
use crate::scenario::problem::{Findings, Place, Problem};
use std::collections::BTreeMap;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const BODY_BYTES_MAX: usize = 1024 * 1024;
const RATE_MAX: f64 = 10_000.0;
const KEYS_MAX: u64 = 1_000_000_000;

/// What a pack's `target` names.
pub enum OfTarget<'a> {
    /// One of the targets that are built into the program.
    BuiltIn(&'a [TargetDescription]),
    /// The one that a file of the pack describes; nothing when it has mistakes, which were already told.
    Described(Option<Box<(TargetDescription, Blueprint)>>),
}

/// Checks a pack file. `catalogue` is what its documentation folder holds.
pub fn pack(
    name: &str,
    file: &str,
    pack: &PackFile,
    target: OfTarget<'_>,
    catalogue: Vec<CatalogueEntry>,
) -> Result<Pack, Vec<Problem>> {
    let mut found = Findings::new(file);
    super::format_is(&mut found, &pack.format, PACK_FORMAT);
    super::text(&mut found, &pack.title, 200);
    let target = match target {
        OfTarget::Described(target) => target.map(|described| (described.0, Some(described.1))),
        OfTarget::BuiltIn(targets) => {
            let target = targets.iter().find(|target| target.name == pack.target.value);
            if target.is_none() {
                let known = targets.iter().map(|target| target.name.as_str());
                found.unknown(pack.target.place, "built-in target", &pack.target, known);
            }
            target.map(|target| (target.clone(), None))
        }
    };
    if let Some(docs) = &pack.docs
        && !docs.split('/').all(is_name)
    {
        found.add(docs.place, "`docs` names a folder within the pack: no `..`, no leading `/`");
    }
    let mut workloads = BTreeMap::new();
    for (name, shape_file) in &pack.workloads.0 {
        let of = target.as_ref().map(|(target, _)| target);
        workloads.insert(name.value.clone(), shape(&mut found, shape_file, shape_file.place, of));
    }
    if workloads.is_empty() {
        found.add(Place::default(), "a pack needs at least one shape of traffic under `workloads:`");
    }
    match target {
        Some((target, blueprint)) if found.is_empty() => Ok(Pack {
            name: name.to_owned(),
            title: pack.title.value.clone(),
            target,
            catalogue,
            workloads,
            blueprint,
        }),
        _ => Err(found.into_problems()),
    }
}

/// The scenario's traffic: its own shape, or one of the pack's.
pub(super) fn workload(
    found: &mut Findings,
    given: Option<&Placed<TextOr<ShapeFile>>>,
    pack: &Pack,
) -> WorkloadShape {
    let nothing = WorkloadShape { classes: Vec::new(), encrypted: false };
    let names = || pack.workloads.keys().map(String::as_str);
    match given {
        Some(Placed { value: TextOr::Other(file), place }) => shape(found, file, *place, Some(&pack.target)),
        Some(Placed { value: TextOr::Text(name), place }) => {
            pack.workloads.get(name).cloned().unwrap_or_else(|| {
                found.unknown(*place, "workload in the pack", name, names());
                // Classes of any shape keep the rest of the check from repeating the same mistake.
                pack.workloads.values().next().cloned().unwrap_or(nothing)
            })
        }
        None => {
            if pack.workloads.len() != 1 {
                found.add_with_help(
                    Place::default(),
                    "`workload` is missing",
                    format!("the pack has: {}", names().collect::<Vec<_>>().join(", ")),
                );
            }
            pack.workloads.values().next().cloned().unwrap_or(nothing)
        }
    }
}

fn shape(
    found: &mut Findings,
    file: &ShapeFile,
    place: Place,
    target: Option<&TargetDescription>,
) -> WorkloadShape {
    if file.classes.0.is_empty() || file.classes.0.len() > 64 {
        found.add(place, "a shape of traffic has from 1 to 64 request classes");
    }
    let classes = file.classes.0.iter().filter_map(|(name, class)| match name.parse::<ClassName>() {
        Ok(class_name) => Some(request_class(found, class_name, class)),
        Err(bad) => {
            found.add(name.place, bad.to_string());
            None
        }
    });
    let classes = classes.collect();
    if let (Some(Placed { value: true, place }), Some(target)) = (&file.encrypted, target)
        && !target.parts.iter().any(|part| part.kind == PartKind::Certificate)
    {
        found.add_with_help(
            *place,
            format!("the users cannot come over TLS: `{}` shows no certificate", target.name),
            "leave `encrypted` out",
        );
    }
    let encrypted = file.encrypted.as_ref().is_some_and(|encrypted| encrypted.value);
    WorkloadShape { classes, encrypted }
}

fn request_class(found: &mut Findings, name: ClassName, file: &RequestClassFile) -> RequestClass {
    if !(file.rate.value > 0.0 && file.rate.value <= RATE_MAX) {
        found.add(file.rate.place, format!("a rate is more than 0 and at most {RATE_MAX} a second"));
    }
    let method = file.method.as_ref().map_or("GET", |method| method.as_str());
    if let Some(given) = &file.method
        && !METHODS.contains(&method)
    {
        found.unknown(given.place, "method", method, METHODS);
    }
    let odd = |c: char| !c.is_ascii_graphic() || c == '#';
    let path = &file.path.value;
    if !path.starts_with('/') || path.contains(odd) || path_pieces(path).is_none() || path.len() > 2000 {
        found.add_with_help(
            file.path.place,
            format!("`{path}` is not a path"),
            "begin it with `/`; the only placeholders are `{n}`, `{s}` and `{s-5}`",
        );
    }
    let keys = file.keys.as_ref().map_or(1000, |keys| keys.value);
    if let Some(given) = &file.keys
        && !(1..=KEYS_MAX).contains(&keys)
    {
        found.add(given.place, format!("`keys` goes from 1 to {KEYS_MAX}"));
    }
    let body_bytes = file.body_bytes.as_ref().map_or(0, |bytes| bytes.value);
    if let Some(given) = &file.body_bytes
        && body_bytes > BODY_BYTES_MAX
    {
        found.add(given.place, format!("a body has at most {BODY_BYTES_MAX} bytes"));
    }
    for (header, value) in &file.headers {
        let odd_name = header.is_empty() || !header.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if odd_name || !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            found.add(file.path.place, format!("`{header}: {value}` is not a header"));
        }
    }
    RequestClass {
        name,
        rate: file.rate.value,
        method: method.to_owned(),
        path: file.path.value.clone(),
        keys,
        body_bytes,
        headers: file.headers.clone(),
        expect: expect(found, file),
    }
}

fn expect(found: &mut Findings, file: &RequestClassFile) -> Expect {
    for status in &file.expect.status {
        if !(100..=599).contains(&status.value) {
            found.add(status.place, format!("{} is not an HTTP status", status.value));
        }
    }
    let status: Vec<u16> = file.expect.status.iter().map(|status| status.value).collect();
    let within = file.expect.within.as_ref().map_or(Span::from_secs(2), |within| within.value);
    if let Some(given) = &file.expect.within
        && (within == Span::ZERO || within > Span::from_mins(2))
    {
        found.add(given.place, "an answer is awaited for more than nothing and at most 2m");
    }
    Expect { status: if status.is_empty() { vec![200] } else { status }, within }
}
