//! Room of `report`.
