//! Asks a real target's probes over HTTP, encrypted or not.

use super::{HandError, Prober, agent_client::http};
use crate::{
    base::{ProbeName, ServiceName},
    clock::{BoxFuture, Clock, SystemClock},
    drill::command::ProbeAnswer,
    scenario::pack::{CertificateLayout, Probe, ProbeAsk, TargetDescription},
};
use std::{collections::BTreeMap, net::SocketAddr};

/// Asks with GET; 2xx within the probe's time-out is good, anything else is bad.
#[derive(Debug)]
pub struct HttpProber {
    http: reqwest::Client,
    probes: Vec<Probe>,
    addresses: BTreeMap<ServiceName, String>,
    certificates: Vec<CertificateLayout>,
}

impl HttpProber {
    /// The target's probes; `addresses` says where each instance answers, `127.0.0.1:port`, and `certificates` where
    /// and how it does so encrypted.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(
        target: &TargetDescription,
        addresses: BTreeMap<ServiceName, String>,
        certificates: Vec<CertificateLayout>,
    ) -> Result<Self, HandError> {
        Ok(Self { http: http()?, probes: target.probes.clone(), addresses, certificates })
    }

    /// What was seen; the error is a bad answer.
    async fn look(&self, name: &ProbeName) -> Result<String, String> {
        let probe = self.probes.iter().find(|probe| probe.name == *name);
        let probe = probe.ok_or_else(|| format!("there is no probe `{name}`"))?;
        let service = probe.ask.service();
        let unplaced = || format!("nobody knows where `{service}` answers");
        let request = match &probe.ask {
            ProbeAsk::Http { path, .. } => {
                let address = self.addresses.get(service).ok_or_else(unplaced)?;
                self.http.get(format!("http://{address}{path}"))
            }
            ProbeAsk::Tls { path, .. } => {
                let shown = self.certificates.iter().find(|shown| shown.service == *service);
                encrypted(shown.ok_or_else(unplaced)?, path)?
            }
        };
        match request.timeout(probe.timeout.std()).send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.status().to_string()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(err) if err.is_timeout() => Err(format!("no answer within {}", probe.timeout)),
            Err(err) => Err(format!("could not reach `{service}`: {}", cause(&err))),
        }
    }
}

/// A request over a connection of its own that trusts nobody but the certificate's authority. The error is a sentence.
fn encrypted(shown: &CertificateLayout, path: &str) -> Result<reqwest::RequestBuilder, String> {
    let unusable =
        |err: &dyn std::error::Error| format!("could not use {}: {err}", shown.authority.display());
    let authority = std::fs::read(&shown.authority).map_err(|err| unusable(&err))?;
    let authority = reqwest::Certificate::from_pem(&authority).map_err(|err| unusable(&err))?;
    let address: SocketAddr =
        shown.address.parse().map_err(|_| format!("`{}` is no address", shown.address))?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([authority])
        .resolve(&shown.subject, address)
        .build()
        .map_err(|err| unusable(&err))?;
    Ok(client.get(format!("https://{}:{}{path}", shown.subject, address.port())))
}

/// What an error comes from in the end, after its own words.
fn cause(err: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = err;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("{err}: {cause}")
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
        let prober = HttpProber::new(&target, addresses.into(), Vec::new()).unwrap();
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
