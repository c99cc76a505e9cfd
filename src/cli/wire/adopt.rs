//! A target whose engine is gone. Its agent has outlived the process that looked after it, and is looked after again.

use super::{Ground, Stage, keep_agent};
use crate::{
    agent,
    base::Span,
    cli::{exit::Failure, shelf::this_program},
    clock::{Clock, SystemClock},
    scenario::pack::Layout,
    target::agent_client::AgentClient,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// How often an adopted agent is looked at.
const LOOK: Span = Span::from_millis(500);

impl Stage {
    /// The target that is laid out in `root`, with the living agent that works on `folder`.
    pub(in crate::cli) fn adopt(
        root: &Path,
        folder: PathBuf,
        agent: Arc<AgentClient>,
    ) -> Result<Self, Failure> {
        let path = root.join("layout.json");
        let text = fs::read(&path).map_err(Failure::io(format!("read {}", path.display())))?;
        let layout: Layout =
            serde_json::from_slice(&text).map_err(Failure::io(format!("understand {}", path.display())))?;
        let ground = match &layout.tool {
            Some(_) => Ground::Described,
            None => Ground::Depot(instance_in(root)?),
        };
        // A described target may lie elsewhere than where it is known.
        let root = layout.root.clone();
        let program = this_program()?;
        let striking = CancellationToken::new();
        let keeper = tokio::spawn(keep_adopted(program.clone(), root, folder.clone(), striking.clone()));
        Ok(Self { layout, folder, agent, ground, program, striking, keeper })
    }
}

/// The number that the addresses of the target are made of; its folder is called after it.
fn instance_in(root: &Path) -> Result<u8, Failure> {
    let name = root.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("depot-")
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Failure::world(format!("could not tell which target lies in {}", root.display())))
}

/// No child of this process, so nobody is told when it ends; but it holds its folder for as long as it lives. When it
/// is gone it is started again, as its first keeper would have done.
async fn keep_adopted(program: PathBuf, root: PathBuf, folder: PathBuf, striking: CancellationToken) {
    while agent::is_taken(&folder) {
        SystemClock.sleep_until(SystemClock.now() + LOOK).await;
    }
    if !striking.is_cancelled() {
        tracing::warn!("the target's agent ended; it is started again");
        keep_agent(program, root, folder, striking).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_known_by_the_name_of_its_folder() {
        assert_eq!(instance_in(Path::new("targets/depot-83")).unwrap(), 83);
        for other in ["targets/depot-830", "targets/mine", "/"] {
            assert!(instance_in(Path::new(other)).is_err(), "{other}");
        }
    }
}
