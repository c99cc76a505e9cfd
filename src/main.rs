//! The `gameday` binary.

use gameday::library::worker::{WORKER_ARG, script_worker_main};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WORKER_ARG) {
        return script_worker_main();
    }
    ExitCode::SUCCESS
}
