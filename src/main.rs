//! The `gameday` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    gameday::cli::main(std::env::args_os())
}
