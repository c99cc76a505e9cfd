//! Asks a real target's probes over HTTP.

use super::{HandError, Prober, agent_client::http};
use crate::{
    base::{ProbeName, ServiceName},
    clock::{BoxFuture, Clock, SystemClock},
    drill::command::ProbeAnswer,
    scenario::pack::{Probe, ProbeAsk, TargetDescription},
};
use std::collections::BTreeMap;

/// Asks with GET; 2xx within the probe's time-out is good, anything else is bad.
#[derive(Debug)]
pub struct HttpProber {
    http: reqwest::Client,
    probes: Vec<Probe>,
    addresses: BTreeMap<ServiceName, String>,
}

impl HttpProber {
    /// The target's probes; `addresses` says where each instance answers, `127.0.0.1:port`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(
        target: &TargetDescription,
        addresses: BTreeMap<ServiceName, String>,
    ) -> Result<Self, HandError> {
        Ok(Self { http: http()?, probes: target.probes.clone(), addresses })
    }

    /// What was seen; the error is a bad answer.
    async fn look(&self, name: &ProbeName) -> Result<String, String> {
        let probe = self.probes.iter().find(|probe| probe.name == *name);
        let probe = probe.ok_or_else(|| format!("there is no probe `{name}`"))?;
        let ProbeAsk::Http { service, path } = &probe.ask;
        let address =
            self.addresses.get(service).ok_or_else(|| format!("nobody knows where `{service}` answers"))?;
        let request = self.http.get(format!("http://{address}{path}")).timeout(probe.timeout.std());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.status().to_string()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(err) if err.is_timeout() => Err(format!("no answer within {}", probe.timeout)),
            Err(err) => Err(format!("could not reach `{service}`: {err}")),
        }
    }
}

impl Prober for HttpProber {
    fn ask<'a>(&'a self, probe: &'a ProbeName) -> BoxFuture<'a, ProbeAnswer> {
        Box::pin(async move {
            let began = SystemClock.now();
            let seen = self.look(probe).await;
            let took = SystemClock.now().since(began).millis();
            let good = seen.is_ok();
            let (Ok(detail) | Err(detail)) = seen;
            ProbeAnswer { good, latency_ms: u32::try_from(took).unwrap_or(u32::MAX), detail }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, http::StatusCode, routing::get};
    use serde_json::json;

    #[tokio::test]
    async fn only_a_good_status_in_time_is_good() {
        let router = Router::new()
            .route("/good", get(|| async { StatusCode::NO_CONTENT }))
            .route("/bad", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .route("/away", get(|| async { (StatusCode::FOUND, [("location", "/good")]) }))
            .route("/silent", get(std::future::pending::<StatusCode>));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let probe = |name: &str, service: &str| {
            json!({"name": name, "about": "", "timeout": "400ms",
                "ask": {"http": {"service": service, "path": format!("/{name}")}}})
        };
        let target: TargetDescription = serde_json::from_value(json!({
            "name": "t", "driver": "depot", "datacenters": [], "services": [], "links": [], "volumes": [],
            "files": [], "operations": [], "caps": {"services": 1, "links": 1, "volumes": 1},
            "probes": [probe("good", "a"), probe("bad", "a"), probe("away", "a"), probe("silent", "a"),
                probe("closed", "b"), probe("unplaced", "c")],
        }))
        .unwrap();
        let addresses = [("a".parse().unwrap(), address), ("b".parse().unwrap(), closed)];
        let prober = HttpProber::new(&target, addresses.into()).unwrap();
        for (name, good, detail) in [
            ("good", true, "204 No Content"),
            ("bad", false, "503 Service Unavailable"),
            ("away", false, "302 Found"),
            ("silent", false, "no answer within 400ms"),
            ("closed", false, "could not reach `b`"),
            ("unplaced", false, "nobody knows where `c` answers"),
            ("unknown", false, "there is no probe `unknown`"),
        ] {
            let answer = prober.ask(&name.parse().unwrap()).await;
            assert_eq!(answer.good, good, "{name}: {answer:?}");
            assert!(answer.detail.contains(detail), "{name}: {answer:?}");
            assert_eq!(name == "silent", answer.latency_ms >= 300, "{name}: {answer:?}");
        }
    }
}
