//! Alertmanager both ways, with Debian's own programs: `amtool` against our console, and our alarms in a real Alertmanager.

mod push;
mod rules;
mod serve;

use crate::stage::until;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Debian's client.
#[derive(Clone)]
pub(super) struct Amtool {
    url: String,
    config: Option<PathBuf>,
}

impl Amtool {
    /// Nothing where it is not installed.
    pub(super) fn at(url: String) -> Option<Self> {
        Command::new("amtool").arg("--version").output().ok()?;
        Some(Self { url, config: None })
    }

    /// The same with this token, in a file as its `--http.config.file` wants it.
    pub(super) fn with_token(&self, folder: &Path, name: &str, token: &str) -> Self {
        let config = folder.join(format!("{name}.yml"));
        std::fs::write(&config, format!("authorization:\n  credentials: {token}\n")).unwrap();
        Self { config: Some(config), ..self.clone() }
    }

    /// Runs it beside what is served here, again where it asked more often than anybody may.
    pub(super) async fn run(&self, args: &[&str]) -> Output {
        until("an answer", async || {
            let mut command = Command::new("amtool");
            command.args(args).arg(format!("--alertmanager.url={}", self.url)).env("HOME", "/nonexistent");
            if let Some(config) = &self.config {
                command.arg("--http.config.file").arg(config);
            }
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            (!String::from_utf8_lossy(&output.stderr).contains("(status 429)")).then_some(output)
        })
        .await
    }

    /// What it prints when it succeeds.
    pub(super) async fn prints(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {complaint}");
        assert!(complaint.is_empty(), "{args:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) async fn json(&self, args: &[&str]) -> Vec<Value> {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.prints(&args).await).unwrap()
    }

    /// Why it fails.
    pub(super) async fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(!output.status.success(), "{args:?} succeeds: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Asks until there is one alert, and gives it.
    pub(super) async fn one_alert(&self, args: &[&str]) -> Value {
        until(&format!("one alert of {args:?}"), async || {
            let alerts = self.json(args).await;
            (alerts.len() == 1).then(|| alerts[0].clone())
        })
        .await
    }
}
