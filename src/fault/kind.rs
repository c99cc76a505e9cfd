//! The tree of fault kinds that truth and cause claims speak of: `config.value`, `process.hang`, ...

/// Families and their kinds. The order is that of the documentation; a deeper refinement of a leaf
/// (`config.value.too-small`) is allowed in a scenario and counts as that leaf.
pub const TREE: &[(&str, &[&str])] = &[
    ("config", &["value", "roll-out", "flag", "secret", "certificate", "name-entry", "capacity"]),
    ("release", &["regression", "incompatible", "leak"]),
    ("process", &["crash", "hang", "restart-loop", "deadlock"]),
    ("resource", &["cpu", "memory", "disk-space", "inodes", "descriptors", "pool", "quota"]),
    ("network", &["latency", "loss", "reset", "partition", "bandwidth", "name-resolution"]),
    ("data", &["lock", "index", "bloat", "lag", "corruption", "poison-message"]),
    ("dependency", &["down", "slow", "wrong-answers"]),
    ("load", &["flood", "stampede", "hot-key", "retry-storm", "runaway-job"]),
    ("time", &["skew"]),
    ("none", &["false-alarm", "expected-change"]),
];

/// Whether `kind` is in the tree: a family and a leaf, optionally refined once.
pub fn exists(kind: &str) -> bool {
    let mut parts = kind.split('.');
    let (Some(family), Some(leaf)) = (parts.next(), parts.next()) else {
        return false;
    };
    let refinement_ok = parts.next().is_none_or(crate::base::names::is_name) && parts.next().is_none();
    refinement_ok && TREE.iter().any(|(name, leaves)| *name == family && leaves.contains(&leaf))
}

/// Every `family.leaf`.
pub fn all() -> impl Iterator<Item = String> {
    TREE.iter().flat_map(|(family, leaves)| leaves.iter().map(move |leaf| format!("{family}.{leaf}")))
}
