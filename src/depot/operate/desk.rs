//! A depot on the operator's desk: its instances, how they are asked, and what concerns their processes and logs.

use super::{OperateError, Out};
use crate::{
    base::{
        Span,
        supervise::{Process, Request, Signal},
    },
    clock::{Clock, SystemClock},
    depot::{
        call::{CREDENTIAL, client},
        error::DepotError,
        machine, releases, supervisor,
        topology::Instance,
    },
    scenario::pack::{Layout, ProcessLayout},
};
use reqwest::Method;
use serde_json::Value;
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long an instance may take to answer after it was started again.
const READY: Span = Span::from_secs(15);
/// How often it is asked meanwhile, and a followed log looked at.
pub(super) const LOOK: Span = Span::from_millis(150);
/// How long an instance may take over a question of the tool's.
const ANSWER: Duration = Duration::from_secs(30);

/// A depot, and what can be done with it.
pub(super) struct Desk<'a> {
    pub(super) root: &'a Path,
    pub(super) layout: Layout,
}

impl Desk<'_> {
    /// The instances that `name` stands for; refuses an unknown name with the names that there are.
    pub(super) fn instances(&self, name: &str) -> Result<Vec<&ProcessLayout>, OperateError> {
        let all = &self.layout.processes;
        let found: Vec<_> =
            all.iter().filter(|p| p.service.as_str() == name || p.component.as_str() == name).collect();
        if found.is_empty() {
            let names: Vec<_> = all.iter().map(|p| p.service.as_str()).collect();
            return Err(OperateError::Refused(format!(
                "there is no instance or component `{name}`; there are {}",
                names.join(", ")
            )));
        }
        Ok(found)
    }

    pub(super) fn instance(&self, name: &str) -> Result<&ProcessLayout, OperateError> {
        let found = self.instances(name)?;
        match found.as_slice() {
            [one] => Ok(one),
            several => {
                let names: Vec<_> = several.iter().map(|p| p.service.as_str()).collect();
                Err(OperateError::Refused(format!(
                    "`{name}` has several instances; name one of {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// Asks an instance at its own address, with the credential of its machine. A refusal of its own is one here.
    pub(super) async fn call(
        &self,
        process: &ProcessLayout,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, OperateError> {
        let world = |why: String| OperateError::World(format!("could not ask {}: {why}", process.service));
        let file = machine::folder(self.root, process.service.as_str()).join(machine::CREDENTIAL);
        let words = machine::words(&fs::read_to_string(&file).map_err(DepotError::file("read", &file))?);
        let request = client()
            .map_err(|err| world(err.to_string()))?
            .request(method, format!("http://{}{path}", process.address))
            .header(CREDENTIAL, words.first().cloned().unwrap_or_default())
            .timeout(ANSWER);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.map_err(|err| {
            world(
                if err.is_timeout() { "it does not answer in time" } else { "it cannot be reached" }
                    .to_owned(),
            )
        })?;
        let status = answer.status();
        let text = answer.text().await.map_err(|_| world("its answer broke off".to_owned()))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = body["detail"].as_str().unwrap_or(&text);
        if status.is_success() {
            Ok(body)
        } else if status.is_client_error() {
            Err(OperateError::Refused(format!("{} refused: {detail}", process.service)))
        } else {
            Err(world(format!("it answers {status}: {detail}")))
        }
    }

    /// The folder of a component's releases; refuses an unknown component.
    pub(super) fn component_folder(&self, component: &str) -> Result<PathBuf, OperateError> {
        let releases = &self.layout.releases;
        if releases.iter().any(|release| release.component.as_str() == component) {
            return Ok(self.root.join("services").join(component));
        }
        let names: Vec<_> = releases.iter().map(|release| release.component.as_str()).collect();
        Err(OperateError::Refused(format!(
            "there is no component `{component}`; there are {}",
            names.join(", ")
        )))
    }

    pub(super) async fn list(&self, out: Out<'_>) -> Result<(), OperateError> {
        let running = supervisor::list(self.root).await?;
        writeln!(
            out,
            "{:<14} {:<6} {:>8} {:<8} {:>8} {:<12} ADDRESS",
            "INSTANCE", "DC", "PID", "STATE", "RESTARTS", "RELEASE"
        )?;
        for process in &self.layout.processes {
            let release = releases::current(&self.component_folder(process.component.as_str())?)?;
            let seen = running.iter().find(|there| there.service == process.service);
            let pid = seen.and_then(|there| there.pid).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let state = seen.map_or_else(|| "unknown".to_owned(), |there| there.state.to_string());
            writeln!(
                out,
                "{:<14} {:<6} {pid:>8} {state:<8} {:>8} {release:<12} {}",
                process.service,
                datacenter(process),
                seen.map_or(0, |there| there.restarts),
                process.address
            )?;
        }
        Ok(())
    }

    pub(super) async fn restart(&self, name: &str, out: Out<'_>) -> Result<(), OperateError> {
        self.restart_all(&self.instances(name)?, out).await
    }

    /// Restarts instances one after the other, so that the others serve meanwhile.
    pub(super) async fn restart_all(
        &self,
        instances: &[&ProcessLayout],
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        for process in instances {
            let before = self.pid(process).await?;
            supervisor::request(self.root, &Request::Restart { service: process.service.clone() }).await?;
            self.wait_until_ready(process, before).await?;
            writeln!(out, "{} restarted, healthy", process.service)?;
        }
        Ok(())
    }

    async fn pid(&self, process: &ProcessLayout) -> Result<Option<u32>, OperateError> {
        let running: Vec<Process> = supervisor::list(self.root).await?;
        Ok(running.into_iter().find(|there| there.service == process.service).and_then(|there| there.pid))
    }

    async fn wait_until_ready(
        &self,
        process: &ProcessLayout,
        before: Option<u32>,
    ) -> Result<(), OperateError> {
        let deadline = SystemClock.now() + READY;
        let mut why = "its process is still the old one".to_owned();
        loop {
            let pid = self.pid(process).await?;
            if pid.is_some() && pid != before {
                match ask(process, "/health", Duration::from_secs(2)).await {
                    Ok(_) => return Ok(()),
                    Err(reason) => why = reason,
                }
            }
            if SystemClock.now() >= deadline {
                return Err(OperateError::World(format!(
                    "{} is not healthy {READY} after its restart: {why} (see `depotctl logs {}`)",
                    process.service, process.service
                )));
            }
            SystemClock.sleep_until(SystemClock.now() + LOOK).await;
        }
    }

    pub(super) async fn reload(&self, name: &str, out: Out<'_>) -> Result<(), OperateError> {
        for process in self.instances(name)? {
            let request = Request::Signal { service: process.service.clone(), signal: Signal::Hup };
            supervisor::request(self.root, &request).await?;
            writeln!(out, "{} reads its configuration", process.service)?;
        }
        Ok(())
    }

    pub(super) async fn logs(
        &self,
        instance: &str,
        lines: usize,
        follow: bool,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        let path = &self.instance(instance)?.log;
        let mut file = fs::File::open(path).map_err(DepotError::file("read", path))?;
        let mut offset = write_tail(&mut file, lines, out)?;
        if !follow {
            return Ok(());
        }
        loop {
            out.flush()?;
            SystemClock.sleep_until(SystemClock.now() + LOOK).await;
            if file.metadata()?.len() < offset {
                // It was cut off or replaced by a shorter one.
                file = fs::File::open(path).map_err(DepotError::file("read", path))?;
                offset = 0;
            }
            file.seek(SeekFrom::Start(offset))?;
            offset += std::io::copy(&mut file, out)?;
        }
    }

    pub(super) async fn metrics(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let process = self.instance(instance)?;
        let page = ask(process, "/metrics", Duration::from_secs(5)).await.map_err(|why| {
            OperateError::World(format!("could not get the metrics of {}: {why}", process.service))
        })?;
        Ok(out.write_all(page.as_bytes())?)
    }
}

fn datacenter(process: &ProcessLayout) -> &'static str {
    Instance::named(process.service.as_str()).map_or("-", |row| row.datacenter)
}

/// The body of a good answer of an instance, asked at its own address.
pub(super) async fn ask(process: &ProcessLayout, path: &str, timeout: Duration) -> Result<String, String> {
    let client = client().map_err(|err| err.to_string())?;
    let url = format!("http://{}{path}", process.address);
    let answer = client.get(url).timeout(timeout).send().await.map_err(|err| {
        if err.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            "it cannot be reached".to_owned()
        }
    })?;
    let status = answer.status();
    let body = answer.text().await.map_err(|_| "its answer broke off".to_owned())?;
    if status.is_success() { Ok(body) } else { Err(format!("it answers {status}: {}", body.trim())) }
}

/// Writes the last `lines` lines of `file`; gives the place after them.
fn write_tail(file: &mut fs::File, lines: usize, out: Out<'_>) -> std::io::Result<u64> {
    const BLOCK: u64 = 64 * 1024;
    let end = file.metadata()?.len();
    let (mut from, mut text) = (end, Vec::new());
    loop {
        // One more than asked for: the first may be the end of a line that is not wanted.
        if from == 0 || text.split(|byte| *byte == b'\n').count() > lines + 1 {
            break;
        }
        let step = BLOCK.min(from);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut block = vec![0; usize::try_from(step).unwrap_or(0)];
        file.read_exact(&mut block)?;
        block.append(&mut text);
        text = block;
    }
    let whole: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for line in &whole[whole.len().saturating_sub(lines)..] {
        out.write_all(line)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_tail_ends_with_the_last_line() {
        let mut file = tempfile::tempfile().unwrap();
        let text: String = (0..20_000).map(|n| ["line ", &n.to_string(), "\n"].concat()).collect();
        file.write_all(text.as_bytes()).unwrap();
        for (lines, expected) in [(0, ""), (2, "line 19998\nline 19999\n"), (50_000, text.as_str())] {
            let mut out = Vec::new();
            assert_eq!(write_tail(&mut file, lines, &mut out).unwrap(), text.len() as u64);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
