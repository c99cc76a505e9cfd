//! Asks a real target's probes: over HTTP, encrypted or not, by connecting, or by a command.

use super::{HandError, Prober, agent_client::http};
use crate::{
    base::{ProbeName, ServiceName},
    clock::{BoxFuture, Clock, SystemClock},
    drill::command::ProbeAnswer,
    scenario::pack::{CertificateLayout, Probe, ProbeAsk, TargetDescription},
};
use std::{collections::BTreeMap, net::SocketAddr, process::Stdio};
use tokio::{net::TcpStream, process::Command, time::timeout};

/// Good is: 2xx to a GET, an accepted connection, a command that ends with 0, each within the probe's time-out. Anything
/// else is bad.
#[derive(Debug)]
pub struct TargetProber {
    http: reqwest::Client,
    probes: Vec<Probe>,
    addresses: BTreeMap<ServiceName, String>,
    certificates: Vec<CertificateLayout>,
}

impl TargetProber {
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
        let asked = async {
            match &probe.ask {
                ProbeAsk::Http { service, path } => {
                    let url = format!("http://{}{path}", self.address(service)?);
                    get(self.http.get(url), service).await
                }
                ProbeAsk::Tls { service, path } => {
                    let shown = self.certificates.iter().find(|shown| shown.service == *service);
                    let shown = shown.ok_or_else(|| format!("nobody knows where `{service}` answers"))?;
                    get(encrypted(shown, path)?, service).await
                }
                ProbeAsk::Tcp { service } => match TcpStream::connect(self.address(service)?).await {
                    Ok(_) => Ok("accepts connections".to_owned()),
                    Err(err) => Err(format!("could not connect to `{service}`: {err}")),
                },
                ProbeAsk::Command { argv } => run(argv).await,
            }
        };
        let late = |_| Err(format!("no answer within {}", probe.timeout));
        timeout(probe.timeout.std(), asked).await.unwrap_or_else(late)
    }

    fn address(&self, service: &ServiceName) -> Result<&str, String> {
        let known = self.addresses.get(service).map(String::as_str);
        known.ok_or_else(|| format!("nobody knows where `{service}` answers"))
    }
}

/// Asks, and reads the status.
async fn get(request: reqwest::RequestBuilder, service: &ServiceName) -> Result<String, String> {
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(answer.status().to_string()),
        Ok(answer) => Err(answer.status().to_string()),
        Err(err) => Err(format!("could not reach `{service}`: {}", cause(&err))),
    }
}

/// Runs a probe's command. It is killed when its time is over.
async fn run(argv: &[String]) -> Result<String, String> {
    let (program, rest) = argv.split_first().ok_or("no command is declared")?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match command.status().await {
        Ok(status) if status.success() => Ok(status.to_string()),
        Ok(status) => Err(status.to_string()),
        Err(err) => Err(format!("could not run `{program}`: {err}")),
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

impl Prober for TargetProber {
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
                probe("closed", "b"), probe("unplaced", "c"),
                {"name": "open", "about": "", "timeout": "400ms", "ask": {"tcp": {"service": "a"}}},
                {"name": "shut", "about": "", "timeout": "400ms", "ask": {"tcp": {"service": "b"}}},
                {"name": "true", "about": "", "timeout": "5s", "ask": {"command": {"argv": ["true"]}}},
                {"name": "false", "about": "", "timeout": "5s", "ask": {"command": {"argv": ["false"]}}},
                {"name": "endless", "about": "", "timeout": "400ms", "ask": {"command": {"argv": ["sleep", "60"]}}}],
        }))
        .unwrap();
        let addresses = [("a".parse().unwrap(), address), ("b".parse().unwrap(), closed)];
        let prober = TargetProber::new(&target, addresses.into(), Vec::new()).unwrap();
        for (name, good, detail) in [
            ("good", true, "204 No Content"),
            ("bad", false, "503 Service Unavailable"),
            ("away", false, "302 Found"),
            ("silent", false, "no answer within 400ms"),
            ("closed", false, "could not reach `b`"),
            ("unplaced", false, "nobody knows where `c` answers"),
            ("unknown", false, "there is no probe `unknown`"),
            ("open", true, "accepts connections"),
            ("shut", false, "could not connect to `b`"),
            ("true", true, "exit status: 0"),
            ("false", false, "exit status: 1"),
            ("endless", false, "no answer within 400ms"),
        ] {
            let answer = prober.ask(&name.parse().unwrap()).await;
            assert_eq!(answer.good, good, "{name}: {answer:?}");
            assert!(answer.detail.contains(detail), "{name}: {answer:?}");
            assert_eq!(["silent", "endless"].contains(&name), answer.latency_ms >= 300, "{name}: {answer:?}");
        }
    }
}
