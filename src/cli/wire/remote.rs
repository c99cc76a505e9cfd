//! A target beside an agent on another host. It was there before the drill and stays when that is over, so it is found and
//! never laid out. What this engine sees of it is kept in the agent's folder here, for an engine that takes the drill over.

use super::{Ground, Stage, wait_until_ready};
use crate::{
    cli::{exit::Failure, home::Home, preflight, shelf::this_program},
    fault::protocol::{ACCESS, Access},
    scenario::{
        blueprint::{AgentAddress, Blueprint},
        pack::{Layout, Pack},
    },
    staging,
    target::agent_client::AgentClient,
};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// What an engine sees of the target, in the folder that it keeps for the agent.
const SEEN: &str = "seen-from-here.json";

impl Stage {
    /// Finds the agent on another host, which has its target laid out and running.
    pub(super) async fn reach(
        home: &Home,
        pack: &Pack,
        blueprint: &Blueprint,
        address: &AgentAddress,
    ) -> Result<Self, Failure> {
        let folder = home.agents().join(&pack.target.name);
        fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        let token = fs::read_to_string(&address.token_file)
            .map_err(Failure::io(format!("read the agent's token from {}", address.token_file)))?;
        let access = Access {
            address: address.address.clone(),
            token: token.trim().to_owned(),
            pid: 0,
            boot: String::new(),
            fingerprint: address.fingerprint.clone(),
        };
        keep(&folder.join(ACCESS), &access)?;
        let agent = wait_until_ready(&folder).await?;
        let about = agent.attestation().await.map_err(Failure::io("ask the target's agent"))?;
        if about.target != pack.target.name {
            return Err(Failure::refused(format!(
                "could not use the agent at {}: it is beside `{}`, and not beside `{}`",
                address.address, about.target, pack.target.name
            )));
        }
        let held = agent.injections().await.map_err(Failure::io("ask the target's agent what it holds"))?;
        preflight::refuse_held(&address.address, &held)?;
        keep(&folder.join(SEEN), &staging::seen_from_afar(blueprint, &about))?;
        Self::reach_again(folder, Arc::new(agent))
    }

    /// The same target, as the engine that kept this folder has seen it.
    pub(in crate::cli) fn reach_again(folder: PathBuf, agent: Arc<AgentClient>) -> Result<Self, Failure> {
        let path = folder.join(SEEN);
        let text = fs::read(&path).map_err(Failure::io(format!("read {}", path.display())))?;
        let layout: Layout =
            serde_json::from_slice(&text).map_err(Failure::io(format!("understand {}", path.display())))?;
        Ok(Self {
            layout,
            folder,
            agent,
            ground: Ground::Remote,
            program: this_program()?,
            striking: CancellationToken::new(),
            // Nobody here starts or ends that agent.
            keeper: tokio::spawn(async {}),
        })
    }
}

/// Writes it down for this user alone: it may hold a token.
fn keep(path: &Path, what: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(what).expect("it has text keys only");
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(&text)).map_err(Failure::io(format!("write {}", path.display())))
}
