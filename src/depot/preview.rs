//! Previews: a small picture of each larger object. A worker makes it after the upload and leaves it on the storage nodes
//! beside the content; web serves it.
//!
//! A preview says which version it shows. One of an older version is served for a while; after that it would be a
//! picture of something that is no longer there, and is refused as late.

use super::{
    call::{Ask, Reply, VERSION},
    catalogue::Entry,
    config,
    host::{Ctx, Failure},
    telemetry::Page,
    web::{Web, checked},
};
use crate::base::{At, Span};
use axum::{
    extract::{Path as UrlPath, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Dots on each side of the picture.
const SIDE: usize = 8;
/// What a picture is, to who asks for it.
pub(super) const KIND: &str = "image/x-portable-graymap";
/// What begins the name of a preview's file on a volume. Keys never begin so.
const FILE: &str = ".preview-";

/// The picture of a content: a grey map of 8 by 8 dots, each the mean of its part of the bytes.
pub(super) fn of(content: &[u8]) -> Vec<u8> {
    let mut picture = format!("P5 {SIDE} {SIDE} 255\n").into_bytes();
    let dots = SIDE * SIDE;
    for dot in 0..dots {
        let part = &content[content.len() * dot / dots..content.len() * (dot + 1) / dots];
        let sum: usize = part.iter().map(|byte| usize::from(*byte)).sum();
        picture.push(u8::try_from(sum / part.len().max(1)).unwrap_or(u8::MAX));
    }
    picture
}

/// The name of the file on a volume that holds the preview of `key`.
pub(super) fn file(key: &str) -> String {
    format!("{FILE}{key}")
}

/// Where a storage node has the preview of `key`.
pub(super) fn path(key: &str) -> String {
    format!("/previews/{key}")
}

/// The version that a stored content or preview says it is of.
pub(super) fn version(reply: &Reply) -> Option<u64> {
    reply.headers.get(VERSION)?.to_str().ok()?.parse().ok()
}

/// How previews were found by those who asked for them.
#[derive(Default)]
pub(super) struct Previews {
    fresh: AtomicU64,
    older: AtomicU64,
    late: AtomicU64,
    behind_ms: AtomicU64,
}

impl Previews {
    /// One was asked for that is so far behind its object.
    fn saw(&self, behind: Option<Span>, is_late: bool) {
        let count = match behind {
            None => &self.fresh,
            Some(_) if is_late => &self.late,
            Some(_) => &self.older,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.behind_ms.store(behind.map_or(0, Span::millis), Ordering::Relaxed);
    }

    pub(super) fn write(&self, page: &mut Page) {
        let total = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        page.family("web_previews_total", "counter", "Previews asked for, by how they were found.");
        for (state, count) in [("fresh", &self.fresh), ("older", &self.older), ("late", &self.late)] {
            page.sample("web_previews_total", &format!("state=\"{state}\""), total(count));
        }
        let help = "How far the preview that was asked for last was behind its object.";
        page.single("web_preview_behind_seconds", "gauge", help, total(&self.behind_ms) / 1000.0);
    }
}

/// Answers with the preview of an object.
pub(super) async fn serve(
    State(web): State<Arc<Web>>,
    ctx: Ctx,
    UrlPath(key): UrlPath<String>,
) -> Result<Response, Failure> {
    let config = web.settings();
    checked(&key)?;
    web.admit(&ctx, &config).await?;
    let entry = web.look_up(&ctx, &key, &config).await?;
    let none = |detail: String| Failure::new(StatusCode::NOT_FOUND, "no_preview", detail);
    let min_kib = config.previews.min_kib;
    if entry.size < min_kib * 1024 {
        return Err(none(format!("objects of less than {min_kib} KiB have no preview")));
    }
    let newest = newest(&web, &ctx, &key, &entry, &config).await?;
    let shown = newest.as_ref().and_then(version).unwrap_or(0);
    let behind = (shown < entry.version).then(|| web.since(&entry));
    let is_late = behind.is_some_and(|behind| behind >= Span::from_millis(config.previews.late_ms));
    web.previews().saw(behind, is_late);
    if let (Some(behind), true) = (behind, is_late) {
        let detail = format!(
            "the preview shows version {shown} and the object is at {}, for {behind} now",
            entry.version
        );
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "preview_late", detail));
    }
    let newest = newest.ok_or_else(|| none("it is being made".to_owned()))?;
    let kind = [(header::CONTENT_TYPE, KIND)];
    let mut response = (kind, newest.body).into_response();
    response.headers_mut().insert(VERSION, shown.into());
    Ok(response)
}

/// The newest preview that a storage node has; nothing when they answer that there is none.
async fn newest(
    web: &Web,
    ctx: &Ctx,
    key: &str,
    entry: &Entry,
    config: &config::Web,
) -> Result<Option<Reply>, Failure> {
    let (mut best, mut failure): (Option<Reply>, _) = (None, None);
    for node in web.readers(entry, config.storage.read) {
        match node.ask(ctx, Ask::new(Method::GET, &path(key), config.storage.timeout_ms)).await {
            Ok(reply) if reply.status.is_success() => {
                let newer = best.as_ref().is_none_or(|best| version(best) < version(&reply));
                best = if newer { Some(reply) } else { best };
                if best.as_ref().and_then(version) >= Some(entry.version) {
                    break;
                }
            }
            Ok(reply) if reply.status == StatusCode::NOT_FOUND => {}
            Ok(reply) => failure = Some(node.unexpected(&reply)),
            Err(err) => failure = Some(node.failure(&err)),
        }
    }
    match (best, failure) {
        (None, Some(failure)) => Err(failure),
        (best, _) => Ok(best),
    }
}

/// How long ago the object became what it is, by a clock that shows `now`.
pub(super) fn since(entry: &Entry, now: At) -> Span {
    let changed = At::try_from(entry.changed.clone()).unwrap_or(now);
    if changed > now { Span::ZERO } else { now.since(changed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_the_mean_of_each_part() {
        let picture = of(&[[10, 30].repeat(32), vec![200; 64 * 63]].concat());
        let dots = picture.strip_prefix(b"P5 8 8 255\n").unwrap();
        assert_eq!((dots.len(), dots[0], dots[1], dots[63]), (64, 20, 200, 200));
        assert_eq!(of(b"abc").len(), picture.len(), "less than one byte for each dot");
        assert_eq!(of(b"").len(), picture.len());
    }
}
