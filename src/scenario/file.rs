//! What mirrors the YAML.
