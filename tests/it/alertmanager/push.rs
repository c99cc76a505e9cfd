//! Our alarms in a real Alertmanager: it shows them, silences them, tells its receiver, and lets them go.

use super::Amtool;
use crate::{
    browser::six::drill,
    cli::{folder, gameday},
    skip::skip,
    stage::until,
};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{any, post},
};
use gameday::{
    base::{At, DrillId, Person, Span},
    clock::{Clock as _, SystemClock},
    drill::{
        command::Command as Asked,
        event::{Event, Notice, NoticeKind},
    },
    notify::{Alertmanager, Notifier, http::Pass},
    scenario::AlarmSeverity,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener as Listener,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

const ALARM: &str = "UploadErrorsHigh";
/// `drills` with the password `pa55`, as the server's own file wants it.
const USERS: &str =
    "basic_auth_users:\n  drills: $2b$04$abcdefghijklmnopqrstuu.1RsMSAedNVSfplnrdbnW4yCnr7zxq.\n";

/// Debian's Alertmanager on a free port, with a receiver of the test's own. It ends with this.
struct Server {
    process: Child,
    url: String,
    amtool: Amtool,
    /// What the receiver was told, alert by alert.
    told: Arc<Mutex<Vec<Value>>>,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Nothing where it is not installed.
    async fn start() -> Option<Self> {
        Self::with_users(None).await
    }

    async fn with_users(users: Option<&str>) -> Option<Self> {
        let amtool = Amtool::at(String::new())?;
        Command::new("prometheus-alertmanager").arg("--version").output().ok()?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let hook = receiver(Arc::clone(&told)).await;
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "route: {{ receiver: team, group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\n\
             receivers: [ {{ name: team, webhook_configs: [ {{ url: '{hook}', send_resolved: true }} ] }} ]\n"
        );
        fs::write(folder.path().join("config.yml"), config).unwrap();
        fs::write(folder.path().join("web.yml"), users.unwrap_or_default()).unwrap();
        let port = Listener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus-alertmanager")
            .current_dir(folder.path())
            .args(["--config.file=config.yml", "--storage.path=data", "--web.config.file=web.yml"])
            .args(["--cluster.listen-address=", &format!("--web.listen-address=127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut amtool = Amtool { url: url.clone(), ..amtool };
        if users.is_some() {
            let config = folder.path().join("amtool.yml");
            fs::write(&config, "basic_auth: { username: drills, password: pa55 }\n").unwrap();
            amtool.config = Some(config);
        }
        let server = Self { process, url, amtool, told, _folder: folder };
        until("an Alertmanager", async || {
            server.amtool.run(&["alert", "query"]).await.status.success().then_some(())
        })
        .await;
        Some(server)
    }

    fn notifier(&self) -> Alertmanager {
        Alertmanager::new(&self.url, &"d-one".parse().unwrap()).unwrap()
    }

    async fn alerts(&self) -> Vec<Value> {
        self.amtool.json(&["alert", "query", "--active", "--silenced", "--inhibited"]).await
    }

    async fn none_fires(&self, when: &str) {
        until(when, async || self.alerts().await.is_empty().then_some(())).await;
    }

    /// Waits until the receiver was told this of the alarm, and gives it.
    async fn tells(&self, status: &str) -> Value {
        until(&format!("word of an alert that is {status}"), async || {
            let told = self.told.lock().unwrap();
            told.iter().find(|alert| alert["status"] == status).cloned()
        })
        .await
    }
}

/// Takes what Alertmanager sends to a webhook.
async fn receiver(told: Arc<Mutex<Vec<Value>>>) -> String {
    type Told = State<Arc<Mutex<Vec<Value>>>>;
    async fn take(State(told): Told, Json(body): Json<Value>) {
        told.lock().unwrap().extend(body["alerts"].as_array().unwrap().iter().cloned());
    }
    let app = Router::new().route("/", post(take)).with_state(told);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn now() -> At {
    SystemClock.now()
}

fn notice(at: At, about: NoticeKind) -> Notice {
    Notice {
        id: "d-one.n1".parse().unwrap(),
        route: "alerts".to_owned(),
        at,
        about,
        severity: Some(AlarmSeverity::Page),
        subject: "EXERCISE alarm: UploadErrorsHigh (12 % of uploads fail)".to_owned(),
        text: String::new(),
        runbook: Some("runbooks/uploads.md".to_owned()),
    }
}

fn raised(at: At) -> Notice {
    notice(at, NoticeKind::AlarmRaised(ALARM.parse().unwrap()))
}

fn resolved(at: At) -> Notice {
    notice(at, NoticeKind::AlarmResolved(ALARM.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_fires_is_silenced_and_resolves_in_a_real_alertmanager() {
    let Some(server) = Server::start().await else {
        return skip("prometheus-alertmanager is not installed");
    };
    let runbooks = Some("https://drills.example.org/read?name=".to_owned());
    let notifier = server.notifier().with_runbooks(runbooks);
    // The comcheck, the start and what is said are no alarms.
    for about in [NoticeKind::ComCheck, NoticeKind::StartEx, NoticeKind::Inject] {
        notifier.deliver(&notice(now(), about)).await.unwrap();
    }
    assert!(server.alerts().await.is_empty());

    let since = now();
    notifier.deliver(&raised(since)).await.unwrap();
    let alert = server.amtool.one_alert(&["alert", "query"]).await;
    let labels = json!({"alertname": ALARM, "drill": "d-one", "exercise": "true", "severity": "page"});
    assert_eq!((&alert["labels"], &alert["startsAt"]), (&labels, &json!(since.to_string())));
    let told = |name: &str| alert["annotations"][name].as_str().unwrap();
    assert!(told("summary").starts_with("EXERCISE: ") && told("summary").contains("12 % of uploads fail"));
    assert_eq!(told("runbook_url"), "https://drills.example.org/read?name=runbooks/uploads.md");
    assert_eq!(
        alert["fingerprint"],
        gameday::notify::alertmanager::fingerprint(
            &labels
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                .collect()
        )
    );
    assert_eq!(server.tells("firing").await["labels"], labels);

    // Another try, as after a lost answer, is the same alert.
    notifier.deliver(&raised(since)).await.unwrap();
    let silence = ["silence", "add", "exercise=true", "--comment", "a drill", "--author", "ana"];
    server.amtool.prints(&silence).await;
    let quiet = until("a silence", async || {
        let alerts = server.amtool.json(&["alert", "query", "--silenced"]).await;
        alerts.into_iter().find(|alert| alert["status"]["state"] == "suppressed")
    })
    .await;
    assert_eq!((server.alerts().await.len(), &quiet["labels"]), (1, &labels));
    let id = quiet["status"]["silencedBy"][0].as_str().unwrap();
    server.amtool.prints(&["silence", "expire", id]).await;

    notifier.deliver(&resolved(now())).await.unwrap();
    server.none_fires("the end of the alert").await;
    assert_eq!(server.tells("resolved").await["labels"], labels);
    // A first try that arrives too late says nothing any more.
    notifier.deliver(&raised(since)).await.unwrap();
    assert!(server.alerts().await.is_empty());
    // The alarm comes back.
    notifier.deliver(&raised(now() + Span::from_millis(1))).await.unwrap();
    server.amtool.one_alert(&["alert", "query"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_fires_for_as_long_as_its_engine_lives_and_no_longer() {
    let Some(server) = Server::start().await else {
        return skip("prometheus-alertmanager is not installed");
    };
    let short = || server.notifier().with_rhythm(Span::from_millis(250), Span::from_secs(4));
    let (notifier, since) = (short(), now());
    notifier.deliver(&raised(since)).await.unwrap();
    let first = server.amtool.one_alert(&["alert", "query"]).await["endsAt"].clone();
    let end: At = serde_json::from_value(first).unwrap();
    SystemClock.sleep_until(end + Span::from_secs(1)).await;
    assert_eq!(server.alerts().await.len(), 1, "it was sent again");

    // The engine dies, and one that plays on knows of the alarm.
    drop(notifier);
    let next = short();
    next.goes_on(&[raised(since)]);
    let end = now() + Span::from_secs(5);
    SystemClock.sleep_until(end).await;
    assert_eq!(server.alerts().await.len(), 1, "the next engine sends it");
    assert!(!server.told.lock().unwrap().iter().any(|alert| alert["status"] == "resolved"));

    // Nobody plays on.
    drop(next);
    server.none_fires("an end without any engine").await;
    server.tells("resolved").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_pushes_its_alarms_and_leaves_none_behind() {
    let Some(server) = Server::start().await else {
        return skip("prometheus-alertmanager is not installed");
    };
    let url = server.url.clone();
    let push = move |drill: &DrillId| Arc::new(Alertmanager::new(&url, drill).unwrap()) as Arc<dyn Notifier>;
    let played = drill("alerts", push).await;
    let alert = server.amtool.one_alert(&["alert", "query", "exercise=true"]).await;
    let named = played.desk.journal(0).into_iter().find_map(|one| match one.event {
        Event::Planned(plan) => Some(plan.drill.to_string()),
        _ => None,
    });
    assert_eq!(
        (&alert["labels"]["alertname"], alert["labels"]["drill"].as_str()),
        (&json!(ALARM), named.as_deref())
    );
    server.tells("firing").await;
    let by: Person = "ana".parse().unwrap();
    let hat = gameday::drill::event::Hat::Instigator;
    played.desk.send(Asked::Join { person: by.clone(), hat }).await.unwrap();
    let stop = Asked::Stop { by, reason: "seen enough".into(), real_incident: false };
    played.desk.send(stop).await.unwrap();
    // Nobody repaired anything: it is the end of the exercise that ends the alert.
    server.none_fires("the end of the drill's alert").await;
    server.tells("resolved").await;
    let resolved = |event: &Event| matches!(event, Event::AlarmResolved { .. });
    assert!(!played.desk.journal(0).iter().any(|one| resolved(&one.event)));
    played.conducted.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_of_the_file_is_proved_without_an_alarm_and_needs_its_pass() {
    let Some(server) = Server::with_users(Some(USERS)).await else {
        return skip("prometheus-alertmanager is not installed");
    };
    let home = folder();
    let keep = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    keep("right", "drills\npa55\n");
    keep("wrong", "drills\ncanary-7Q\n");
    let send = |pass: &str| {
        let routes = format!(
            "format: gameday/routes/v1\nroutes:\n  alerts: {{ alertmanager: '{}/', pass: {{ file: {pass} }} }}\n",
            server.url
        );
        let path = home.path().join("routes.yaml");
        fs::write(&path, routes).unwrap();
        let mut program = gameday(home.path());
        program.args(["routes", "--send", "--routes"]).arg(path);
        tokio::task::spawn_blocking(move || program.assert())
    };
    send("right").await.unwrap().success();
    assert!(server.alerts().await.is_empty());
    let refused = send("wrong").await.unwrap().code(4);
    let told = String::from_utf8_lossy(&refused.get_output().stdout).into_owned();
    assert!(told.contains("401") && !told.contains("canary-7Q"), "{told}");
    let stranger = server.notifier().deliver(&raised(now())).await.unwrap_err();
    assert!(!stranger.retry && stranger.error.contains("401"), "{}", stranger.error);
    let pass = Pass::read("drills\npa55").ok();
    server.notifier().with_pass(pass).deliver(&raised(now())).await.unwrap();
    server.amtool.one_alert(&["alert", "query"]).await;
}

/// A server that answers everything alike.
async fn answering(status: StatusCode, body: &'static str) -> String {
    let app = Router::new().fallback(any(move || async move { (status, body) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn what_is_down_slow_or_no_alertmanager_is_told_and_tried_again_where_that_helps() {
    const STATUS: &str = r#"{"versionInfo": {"version": "0.25.0"}}"#;
    let alarm = NoticeKind::AlarmRaised(ALARM.parse().unwrap());
    // It is accepted at the socket, and nobody answers.
    let silent = Listener::bind("127.0.0.1:0").unwrap();
    let slow = format!("http://{}", silent.local_addr().unwrap());
    let nobody = Listener::bind("127.0.0.1:0").unwrap();
    let down = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let cases = [
        (down.clone(), alarm.clone(), Some((true, "could not connect"))),
        (down, NoticeKind::ComCheck, Some((true, "could not connect"))),
        (slow, NoticeKind::ComCheck, Some((true, "did not answer in time"))),
        (answering(StatusCode::BAD_GATEWAY, "").await, alarm.clone(), Some((true, "502"))),
        (answering(StatusCode::BAD_REQUEST, "canary").await, alarm.clone(), Some((false, "400"))),
        (answering(StatusCode::OK, "<html>").await, NoticeKind::ComCheck, Some((false, "no Alertmanager"))),
        (answering(StatusCode::OK, "{}").await, NoticeKind::ComCheck, Some((false, "no Alertmanager"))),
        (answering(StatusCode::OK, STATUS).await, NoticeKind::ComCheck, None),
        (answering(StatusCode::OK, "<html>").await, alarm, None),
    ];
    let drill: DrillId = "d-one".parse().unwrap();
    let tries = cases.map(|(address, about, expected)| {
        let notifier = Alertmanager::new(&address, &drill).unwrap();
        tokio::spawn(async move {
            let result = notifier.deliver(&notice(now(), about)).await;
            match (result, expected) {
                (Ok(()), None) => {}
                (Err(error), Some((retry, told))) => {
                    assert!(error.error.contains(told) && error.retry == retry, "{}", error.error);
                    assert!(!error.error.contains("canary"));
                }
                (result, _) => panic!("{address}: {:?}", result.map_err(|error| error.error)),
            }
        })
    });
    for one in tries {
        one.await.unwrap();
    }
}
