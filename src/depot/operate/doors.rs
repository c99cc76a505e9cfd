//! The edge: its rules and its certificate.

use super::{Desk, OperateError, Out, What, desk::LOOK};
use crate::{
    base::{At, Span},
    clock::{Clock, SystemClock},
    depot::{
        error::DepotError,
        gate::{self, Block, Rules},
        tls,
    },
    scenario::pack::CertificateLayout,
};
use std::{fs, path::Path};

/// How long the edge may take to show a new certificate.
const TAKEN: Span = Span::from_secs(5);

/// Writes a file so that nobody ever reads half of it.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), OperateError> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).map_err(DepotError::file("write", &fresh))?;
    Ok(fs::rename(&fresh, path).map_err(DepotError::file("replace", path))?)
}

fn rule(what: What, value: &str) -> Block {
    match what {
        What::Client => Block::Client(value.to_owned()),
        What::Agent => Block::Agent(value.to_owned()),
        What::Path => Block::Path(value.to_owned()),
    }
}

fn shown(block: &Block) -> String {
    match block {
        Block::Client(value) => format!("client {value}"),
        Block::Agent(value) => format!("agent {value}"),
        Block::Path(value) => format!("path {value}"),
    }
}

impl Desk<'_> {
    fn read_rules(&self) -> Result<Rules, OperateError> {
        let path = gate::file(self.root, "edge");
        let text = fs::read_to_string(&path).map_err(DepotError::file("read", &path))?;
        Ok(gate::parse(&text).map_err(|problem| DepotError::Config { path, problem })?)
    }

    fn write_rules(&self, rules: &Rules) -> Result<(), OperateError> {
        let text = serde_json::to_string_pretty(rules).expect("rules have text keys only");
        replace(&gate::file(self.root, "edge"), &(text + "\n"))
    }

    pub(super) fn rules(&self, out: Out<'_>) -> Result<(), OperateError> {
        let rules = self.read_rules()?;
        for block in &rules.blocked {
            writeln!(out, "blocked  {}", shown(block))?;
        }
        for instance in &rules.drained {
            writeln!(out, "drained  {instance}")?;
        }
        if rules == Rules::default() {
            writeln!(out, "nothing is blocked, nothing is drained")?;
        }
        Ok(())
    }

    pub(super) fn block(&self, what: What, value: &str, out: Out<'_>) -> Result<(), OperateError> {
        let (mut rules, block) = (self.read_rules()?, rule(what, value));
        if value.is_empty() || matches!((what, value), (What::Path, "/")) {
            return Err(OperateError::Refused("that rule would turn everybody away".to_owned()));
        }
        if !rules.blocked.contains(&block) {
            rules.blocked.push(block.clone());
        }
        self.write_rules(&rules)?;
        Ok(writeln!(out, "blocked: {}", shown(&block))?)
    }

    pub(super) fn unblock(&self, what: What, value: &str, out: Out<'_>) -> Result<(), OperateError> {
        let (mut rules, block) = (self.read_rules()?, rule(what, value));
        let before = rules.blocked.len();
        rules.blocked.retain(|there| *there != block);
        if rules.blocked.len() == before {
            let what = shown(&block);
            return Err(OperateError::Refused(format!("there is no rule `{what}`; see `depotctl rules`")));
        }
        self.write_rules(&rules)?;
        Ok(writeln!(out, "no longer blocked: {}", shown(&block))?)
    }

    fn web_instance(&self, instance: &str) -> Result<String, OperateError> {
        let process = self.instance(instance)?;
        if process.component.as_str() != "web" {
            let what = format!("`{instance}` is no web instance: the edge sends it nothing anyway");
            return Err(OperateError::Refused(what));
        }
        Ok(process.service.to_string())
    }

    pub(super) fn drain(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let (instance, mut rules) = (self.web_instance(instance)?, self.read_rules()?);
        let webs = self.instances("web")?;
        let left = webs.iter().filter(|web| {
            web.service.as_str() != instance && !rules.drained.iter().any(|name| name == web.service.as_str())
        });
        if left.count() == 0 {
            return Err(OperateError::Refused(format!(
                "{instance} is the last web instance that is not drained"
            )));
        }
        if !rules.drained.contains(&instance) {
            rules.drained.push(instance.clone());
        }
        self.write_rules(&rules)?;
        Ok(writeln!(out, "{instance} gets no new requests")?)
    }

    pub(super) fn undrain(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let (instance, mut rules) = (self.web_instance(instance)?, self.read_rules()?);
        if !rules.drained.contains(&instance) {
            return Err(OperateError::Refused(format!("{instance} is not drained")));
        }
        rules.drained.retain(|name| *name != instance);
        self.write_rules(&rules)?;
        Ok(writeln!(out, "{instance} gets requests again")?)
    }

    fn certificate(&self) -> Result<&CertificateLayout, OperateError> {
        let none = || OperateError::Refused("this depot has no certificate".to_owned());
        self.layout.certificates.first().ok_or_else(none)
    }

    fn not_after(certificate: &CertificateLayout) -> Result<At, OperateError> {
        let path = &certificate.path;
        let text = fs::read_to_string(path).map_err(DepotError::file("read", path))?;
        let problem = |problem| DepotError::Config { path: path.clone(), problem };
        Ok(tls::not_after(&text).map_err(problem)?)
    }

    pub(super) fn show_certificate(&self, out: Out<'_>) -> Result<(), OperateError> {
        let certificate = self.certificate()?;
        let (until, now) = (Self::not_after(certificate)?, SystemClock.now());
        let state = match tls::state(until, now) {
            tls::State::Good => "good",
            tls::State::EndsSoon => "ends soon",
            tls::State::Expired => "expired",
        };
        writeln!(out, "subject    {}", certificate.subject)?;
        writeln!(out, "shown at   {}", certificate.address)?;
        writeln!(out, "not after  {until}")?;
        Ok(writeln!(out, "state      {state}")?)
    }

    /// A new certificate with a new key. The key comes first: the edge waits until both fit.
    pub(super) async fn renew_certificate(&self, out: Out<'_>) -> Result<(), OperateError> {
        let certificate = self.certificate()?;
        let key = &certificate.authority_key;
        let authority = fs::read_to_string(key).map_err(DepotError::file("read", key))?;
        let now = SystemClock.now();
        let pair =
            tls::issue(&authority, now - Span::from_mins(1), now + tls::LIFE).map_err(DepotError::from)?;
        replace(&certificate.key, &pair.key)?;
        replace(&certificate.path, &pair.certificate)?;
        let until = Self::not_after(certificate)?;
        writeln!(out, "a new certificate, not after {until}")?;
        self.wait_for_certificate(until).await?;
        Ok(writeln!(out, "the edge shows it")?)
    }

    async fn wait_for_certificate(&self, until: At) -> Result<(), OperateError> {
        let edge = self.instance("edge")?;
        let shown = format!("certificate_not_after_seconds {}", until.millis() / 1000);
        let deadline = SystemClock.now() + TAKEN;
        loop {
            let page = super::desk::ask(edge, "/metrics", std::time::Duration::from_secs(2)).await;
            if page.is_ok_and(|page| page.lines().any(|line| line == shown)) {
                return Ok(());
            }
            if SystemClock.now() >= deadline {
                let what = "the edge does not show the new certificate (see `depotctl logs edge`)";
                return Err(OperateError::World(what.to_owned()));
            }
            SystemClock.sleep_until(SystemClock.now() + LOOK).await;
        }
    }
}
