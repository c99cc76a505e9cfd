//! Runs the target's own operations tool for an engine on another host.

use super::user;
use crate::{fault::protocol::OperateAnswer, scenario::pack::Layout};
use std::{process::Command, time::Duration};

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most characters of what it says that are handed on, from its beginning.
const OUTPUT_CHARS_MAX: usize = 16 * 1024;

/// Runs `ROOT/bin/TOOL` with these arguments; any other program is refused.
pub(super) async fn operate(layout: &Layout, argv: &[String]) -> OperateAnswer {
    let not = |output: String| OperateAnswer { code: None, output };
    let name = argv.first().map(String::as_str).unwrap_or_default();
    if layout.tool.as_ref().is_none_or(|tool| tool.name != name) {
        return not(format!("`{name}` is not the operations tool of this target"));
    }
    let mut command = Command::new(layout.root.join("bin").join(name));
    if let Err(err) = user::run_as(&mut command, None) {
        return not(err.to_string());
    }
    command.args(&argv[1..]).current_dir(&layout.root).stdin(std::process::Stdio::null());
    let mut command = tokio::process::Command::from(command);
    match tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await {
        Err(_) => not(format!("killed: it took longer than {} s", PATIENCE.as_secs())),
        Ok(Err(err)) => not(format!("could not start `{name}`: {err}")),
        Ok(Ok(ended)) => {
            let said = [ended.stdout, ended.stderr].concat();
            let output = String::from_utf8_lossy(&said).chars().take(OUTPUT_CHARS_MAX).collect();
            OperateAnswer { code: ended.status.code(), output }
        }
    }
}
