//! A test that cannot run here says so aloud, and in CI it fails: nothing is passed over in silence.

/// Prints `skipped: WHY`; the caller then returns. With `CI=true` it panics instead.
pub(crate) fn skip(why: &str) {
    if let Err(failure) = verdict(why, std::env::var("CI").ok().as_deref()) {
        panic!("{failure}");
    }
}

fn verdict(why: &str, ci: Option<&str>) -> Result<(), String> {
    println!("skipped: {why}");
    match ci {
        None | Some("" | "0" | "false") => Ok(()),
        Some(_) => Err(format!("nothing may be skipped in CI: {why}")),
    }
}

#[test]
fn nothing_is_skipped_in_ci() {
    assert!(verdict("no such device", Some("true")).is_err());
    assert!(verdict("no such device", Some("1")).is_err());
    for not_ci in [None, Some(""), Some("false"), Some("0")] {
        assert!(verdict("no such device", not_ci).is_ok());
    }
}
