//! Extra requests at the target's front door, beside those of the workload: a flood, a stampede, a hot key. The agent
//! makes them itself, so that the lease holds for them as for every fault, and they end with it.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::boot,
    base::InjectionId,
    fault::{Inspection, Presence, Undone},
    seed::{self, Seed},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most requests on their way at once; beyond that they are left out, so that a hanging target costs no more.
const ON_THEIR_WAY_MAX: usize = 512;
/// How often requests are sent: as many as have become due.
const STEP: Duration = Duration::from_millis(10);

/// What will knock where. Nothing of ours knocked before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The front door.
    pub address: String,
    /// The path.
    pub path: String,
    /// Requests per second.
    pub rate: u32,
    /// Size of the space that numbers in the path are drawn from.
    pub keys: u64,
    /// Headers.
    pub headers: BTreeMap<String, String>,
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        (path, rate, keys): (&str, u32, u64),
        headers: &BTreeMap<String, String>,
    ) -> Result<Self, LeverError> {
        // A sweep without an agent has nobody who could knock.
        hands.supervisor().map_err(|_| refused("no agent is here that could make requests"))?;
        let address = hands.layout.front_door.clone();
        Ok(Self { address, path: path.to_owned(), rate, keys, headers: headers.clone() })
    }

    pub(super) fn apply(&self, hands: &Hands, id: &InjectionId) {
        let flood = self.clone();
        let from = u64::from_str_radix(&seed::digest(id.as_str().as_bytes())[..16], 16).unwrap_or(0);
        hands.tasks.hold(id, async move |end| flood.knock(Seed(from), &end).await);
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        if hands.tasks.holds(id) {
            seen(
                Presence::Present,
                format!("{} extra requests per second knock at {}", self.rate, self.address),
            )
        } else {
            seen(Presence::Clean, format!("nothing extra knocks at {}", self.address))
        }
    }

    pub(super) async fn undo(hands: &Hands, id: &InjectionId) -> Undone {
        if hands.tasks.let_go(id).await { Undone::Restored } else { Undone::AlreadyClean }
    }

    /// Sends what is due by the rate, whatever comes of it, until the end.
    async fn knock(&self, seed: Seed, end: &CancellationToken) {
        let mut numbers = seed.stream("extra requests");
        let room = Arc::new(Semaphore::new(ON_THEIR_WAY_MAX));
        let tasks = TaskTracker::new();
        let begun_ms = boot::now_ms();
        let mut sent = 0;
        while !crate::agent::held::pause_or_end(STEP, end).await {
            let due = (boot::now_ms() - begun_ms) * u64::from(self.rate) / 1000;
            // What could not be sent in time is left out: this is load, not a debt.
            let now = (due - sent).min(u64::from(self.rate));
            sent = due;
            for _ in 0..now {
                let number = numbers.random_range(0..self.keys.max(1));
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { break };
                let (address, request, end) = (self.address.clone(), self.request(number), end.clone());
                tasks.spawn(async move {
                    let asked = tokio::time::timeout(PATIENCE, ask(&address, &request));
                    let _ = end.run_until_cancelled(asked).await;
                    drop(permit);
                });
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    fn request(&self, number: u64) -> String {
        let path = self.path.replace("{n}", &number.to_string());
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address)
    }
}

/// Sends a request and reads the answer to its end.
async fn ask(address: &str, request: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 4096];
    while stream.read(&mut answer).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{id, running};
    use super::*;
    use crate::agent::boot::watch_for;
    use std::sync::Mutex;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn requests_come_at_their_rate_and_end_with_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        let (mut hands, supervisor, _) = running(folder.path()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Arc::make_mut(&mut hands.layout).front_door = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let count = stream.read(&mut request).await.unwrap_or(0);
                ear.lock().unwrap().push(String::from_utf8_lossy(&request[..count]).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        });
        let headers = BTreeMap::from([("x-token".to_owned(), "staging".to_owned())]);
        let pre = PreImage::take(&hands, ("/v1/objects/obj-{n}", 200, 3), &headers).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        let begun_ms = boot::now_ms();
        pre.apply(&hands, &id());
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        let enough = async || (heard.lock().unwrap().len() >= 100).then_some(());
        watch_for(Duration::from_secs(20), enough).await.expect("they come");
        let took_ms = boot::now_ms() - begun_ms;
        assert!(took_ms >= 450, "100 requests at 200 per second came in {took_ms} ms");
        assert_eq!(PreImage::undo(&hands, &id()).await, Undone::Restored);
        let (count, first) = {
            let heard = heard.lock().unwrap();
            (heard.len(), heard[0].clone())
        };
        assert!(
            first.starts_with("GET /v1/objects/obj-") && first.contains("\r\nx-token: staging\r\n"),
            "{first}"
        );
        let more = async || (heard.lock().unwrap().len() > count + 5).then_some(());
        assert!(watch_for(Duration::from_millis(300), more).await.is_none(), "they go on after the undo");
        assert_eq!(PreImage::undo(&hands, &id()).await, Undone::AlreadyClean);
        server.abort();
        supervisor.stop_all().await;
    }
}
