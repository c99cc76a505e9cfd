//! Room of `workload`.
