//! The list of drills and the API as its own document tells it: a lobby with one open drill and an office that only
//! answers. Who may do what, how people come in and are put out, and a client that tries everything.

use crate::{
    console::{DEADLINE, HATS, Recorder, journal, rationed, target, under_way},
    pages::PAGES,
    skip::skip,
};
use gameday::{
    base::{DrillId, Person},
    clock::BoxFuture,
    console::{
        Checked, Denied, Draft, DrillLine, DrillState, Entrance, Keep, Kept, Lesson, Lobby, Needed, Office,
        Order, Own, OwnDrill, PublicUrl, Rehearsal, Shelved, TakePart, Tokens, Withdraw,
    },
    drill::{
        command,
        event::{Event, Hat, Recorded},
    },
    report::programme::{Coming, Drills, Programme},
    scenario::problem::{Place, Problem},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Command, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The drill of the recorded journal.
const DRILL: &str = "d-corpus";

/// An office that begins nothing.
struct Clerk;

impl Office for Clerk {
    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillLine>, Denied>> {
        let line = DrillLine {
            drill: DRILL.parse().unwrap(),
            scenario: "canary-scenario".into(),
            title: "Canary title".into(),
            target: "depot".into(),
            state: DrillState::Running,
            start: None,
            when: None,
            outcome: None,
            note: None,
        };
        Box::pin(async { Ok(vec![line]) })
    }

    fn library(&self) -> BoxFuture<'_, Result<Vec<Shelved>, Denied>> {
        let one = Shelved {
            name: "canary-scenario".into(),
            own: true,
            title: "Canary title".into(),
            target: "depot".into(),
            difficulty: 2,
            par: "15m".into(),
            objectives: vec!["canary objective".into()],
            problems: Vec::new(),
            rehearsal: Rehearsal::Holds,
        };
        Box::pin(async { Ok(vec![one]) })
    }

    fn programme<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Programme, Denied>> {
        let next = Coming { when: "soon".into(), title: "Canary title".into(), target: "depot".into() };
        Box::pin(async { Ok(Drills::default().programme(vec![next], Vec::new())) })
    }

    fn draft<'a>(&'a self, scenario: &'a str) -> BoxFuture<'a, Result<Draft, Denied>> {
        let draft = Draft {
            scenario: scenario.into(),
            file: "canary-scenario.yaml".into(),
            text: "title: Canary title\n".into(),
            digest: "0".into(),
            own: true,
        };
        let known = scenario == "canary-scenario";
        Box::pin(async move { if known { Ok(draft) } else { Err(Denied::new("no-such-scenario", "no")) } })
    }

    fn check(&self, _: Option<String>, text: String) -> BoxFuture<'_, Result<Checked, Denied>> {
        let plan = journal().into_iter().find_map(|one| match one.event {
            Event::Planned(plan) => Some(*plan),
            _ => None,
        });
        let at = Place { line: 1, column: 1, width: 5 };
        let problem = Problem::at("canary-scenario.yaml", at, format!("{} bytes", text.len()));
        let problems = vec![problem.with_help("write more")];
        Box::pin(async { Ok(Checked { file: "canary-scenario.yaml".into(), problems, plan }) })
    }

    fn keep(&self, asked: Keep) -> BoxFuture<'_, Result<Kept, Denied>> {
        let file = format!("{}.yaml", asked.scenario);
        Box::pin(async { Ok(Kept { scenario: asked.scenario, file, digest: "1".into(), problems: 0 }) })
    }

    fn begin<'a>(&'a self, order: Order, _by: &'a Person) -> BoxFuture<'a, Result<DrillId, Denied>> {
        let known = order.scenario == "pool-shrink";
        let answer =
            if known { Ok("d-next".parse().unwrap()) } else { Err(Denied::new("no-such-scenario", "no")) };
        Box::pin(async { answer })
    }

    fn own<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<Own, Denied>> {
        let shell = Needed { id: "depot/shell-access".into(), says: "a shell".into(), attested: false };
        let planned = OwnDrill {
            entry: "s-later".parse().unwrap(),
            day: "2099-03-02".parse().unwrap(),
            when: "a surprise in the week of 2099-03-02".into(),
            target: "depot".into(),
            minutes: 60,
            responders: Vec::new(),
            needed: Some((1, 3)),
            code_blue: false,
            shifts: Vec::new(),
            prerequisites: vec![shell],
            comcheck: None,
            soon: false,
            side: None,
        };
        Box::pin(async { Ok(Own { answered: None, planned: vec![planned] }) })
    }

    fn sign_up<'a>(
        &'a self,
        _: TakePart,
        _: &'a Person,
        _: Hat,
    ) -> BoxFuture<'a, Result<Option<String>, Denied>> {
        Box::pin(async { Ok(None) })
    }

    fn withdraw<'a>(&'a self, _: Withdraw, _: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }

    fn answered<'a>(&'a self, _: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }

    fn learn<'a>(&'a self, _: &'a Person, _: Lesson<'a>) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }

    fn call_off<'a>(&'a self, _: &'a DrillId, _: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }

    fn postpone<'a>(
        &'a self,
        _: &'a DrillId,
        _: Option<&'a str>,
        _: &'a Person,
    ) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async { Ok(()) })
    }

    fn journal<'a>(&'a self, drill: &'a DrillId) -> BoxFuture<'a, Result<Vec<Recorded>, Denied>> {
        let found =
            if drill.as_str() == DRILL { Ok(journal()) } else { Err(Denied::new("no-such-drill", "no")) };
        Box::pin(async { found })
    }
}

/// A lobby in this process.
pub(crate) struct Hall {
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) desk: Arc<Recorder>,
    pub(crate) address: SocketAddr,
    end: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    tokens: Tokens,
    http: Client,
}

impl Hall {
    /// With a drill that `over` ends.
    async fn with(entrance: impl FnOnce(SocketAddr) -> Entrance, over: CancellationToken) -> Self {
        Self::over(
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            entrance,
            Recorder::over(under_way()),
            over,
        )
    }

    /// With this drill.
    pub(crate) fn over(
        listener: TcpListener,
        entrance: impl FnOnce(SocketAddr) -> Entrance,
        desk: Arc<Recorder>,
        over: CancellationToken,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = listener.local_addr().unwrap();
        let lobby = Lobby::new(entrance(address)).unwrap();
        lobby.staff(Arc::new(Clerk));
        let (tokens, end) = (Tokens::fresh(), CancellationToken::new());
        lobby.open(desk.clone(), target(), over).unwrap();
        lobby.admit(&tokens, &DRILL.parse().unwrap());
        let server = tokio::spawn(Arc::clone(&lobby).serve(listener, end.clone()));
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        Self { lobby, desk, address, end, server, tokens, http }
    }

    async fn open() -> Self {
        Self::with(Entrance::at, CancellationToken::new()).await
    }

    /// Ends the server as its process does; sessions stay where they are kept.
    pub(crate) async fn close(self) {
        self.lobby.close();
        self.end.cancel();
        self.server.await.unwrap().unwrap();
    }

    /// What stands in the link of a side.
    pub(crate) fn token(&self, hat: Hat) -> &str {
        self.tokens.of(hat)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    async fn post(&self, session: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.request(Method::POST, path).bearer_auth(session).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn join(&self, token: &str, name: Option<&str>) -> (StatusCode, Value) {
        let body = json!({"token": token, "name": name});
        let answer = self.request(Method::POST, "/api/join").json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// A session of a side of the drill.
    async fn seat(&self, hat: Hat, name: &str) -> String {
        let (_, joined) = self.join(self.tokens.of(hat), Some(name)).await;
        joined["session"].as_str().unwrap_or_else(|| panic!("{joined}")).to_owned()
    }

    /// A session at the list of drills.
    async fn host(&self, hat: Hat, name: &str) -> String {
        let link = self.lobby.invite(name.parse().unwrap(), hat).unwrap();
        let (_, joined) = self.join(link.split('#').nth(1).unwrap(), None).await;
        let page = if hat.is_staff() { "/drills" } else { "/me" };
        assert_eq!((&joined["drill"], &joined["page"]), (&Value::Null, &json!(page)), "{joined}");
        joined["session"].as_str().unwrap().to_owned()
    }

    async fn document(&self) -> Value {
        let answer = self.request(Method::GET, "/api/openapi.json").send().await.unwrap();
        answer.json().await.unwrap()
    }
}

/// Every operation with what is asked, and the answers to: the drill's instigator, responder, trainer and observer; the
/// instigator and the trainer at the list of drills; a responder and an observer at a page of their own; a stranger.
fn matrix() -> Vec<(&'static str, Value, [u16; 9])> {
    let none = Value::Null;
    let everybody = [200; 9];
    let drill = [200, 200, 200, 200, 404, 404, 404, 404, 401];
    let lobby = [404, 404, 404, 404, 200, 200, 409, 409, 401];
    let own = [404, 404, 404, 404, 200, 200, 200, 200, 401];
    let entry = json!({"entry": "s-later", "day": "2099-03-01"});
    let host = [404, 404, 404, 404, 200, 409, 409, 409, 401];
    let of_instigators = [200, 409, 409, 409, 404, 404, 404, 404, 401];
    vec![
        ("get /healthz", none.clone(), everybody),
        ("get /metrics", none.clone(), everybody),
        ("get /api/openapi.json", none.clone(), everybody),
        ("post /api/join", json!({"token": "a guess", "name": "eve"}), [401; 9]),
        ("get /api/board", none.clone(), drill),
        ("get /api/events", none.clone(), drill),
        ("get /api/injections", none.clone(), [200, 404, 200, 404, 404, 404, 404, 404, 401]),
        ("post /api/act", json!({"say": "hello"}), [409, 200, 409, 409, 404, 404, 404, 404, 401]),
        ("post /api/hint", json!({"pointer": "depotctl(1)"}), of_instigators),
        ("post /api/ask", json!({"number": 1}), of_instigators),
        ("post /api/inject", json!({"number": 1}), of_instigators),
        ("post /api/second-act", json!({}), of_instigators),
        ("post /api/settle", json!({"message": 3}), of_instigators),
        ("post /api/tell", json!({"text": "I know this"}), [409, 409, 409, 200, 404, 404, 404, 404, 401]),
        ("post /api/lever", json!({"reason": "a fire"}), of_instigators),
        ("post /api/observe", json!({"text": "they talk"}), [409, 409, 200, 409, 404, 404, 404, 404, 401]),
        (
            "post /api/review",
            json!({"hand-in": {"overall": "calm"}}),
            [409, 409, 200, 409, 404, 404, 404, 404, 401],
        ),
        ("get /api/grading", none.clone(), [404, 404, 200, 404, 404, 404, 404, 404, 401]),
        ("post /api/stop", json!({"reason": "enough"}), drill),
        ("get /api/drills", none.clone(), lobby),
        ("post /api/drills", json!({"scenario": "pool-shrink"}), host),
        ("post /api/postpone", json!({"drill": "d-later", "at": "2099-03-01 14:00 UTC"}), host),
        ("post /api/call-off", json!({"drill": "d-later"}), host),
        ("get /api/library", none.clone(), lobby),
        ("get /api/scenario?scenario=canary-scenario", none.clone(), host),
        ("post /api/check", json!({"text": "title: x"}), host),
        ("post /api/scenario", json!({"scenario": "mine", "text": "title: x"}), host),
        ("get /api/debrief?drill=d-corpus", none.clone(), lobby),
        ("get /api/programme", none.clone(), lobby),
        ("post /api/invitations", json!({"person": "eve", "hat": "observer", "drill": DRILL}), host),
        ("post /api/revoke", json!({"person": "nobody", "drill": DRILL}), host),
        ("get /api/me", none.clone(), own),
        ("post /api/sign-up", entry.clone(), own),
        ("post /api/withdraw", entry, own),
        ("post /api/answer", json!({}), own),
        ("post /api/enter", json!({"drill": DRILL}), own),
        ("post /api/leave", none, [200, 200, 200, 200, 200, 200, 200, 200, 401]),
    ]
}

#[tokio::test]
async fn every_operation_of_the_document_answers_everybody_as_it_should() {
    let hall = Hall::open().await;
    let mut sessions = Vec::new();
    for (hat, name) in HATS {
        sessions.push(Some(hall.seat(hat, name).await));
    }
    sessions.push(Some(hall.host(Hat::Instigator, "ina").await));
    sessions.push(Some(hall.host(Hat::Trainer, "tina").await));
    sessions.push(Some(hall.host(Hat::Responder, "rosa").await));
    sessions.push(Some(hall.host(Hat::Observer, "olga").await));
    sessions.push(None);
    let document = hall.document().await;
    let paths = document["paths"].as_object().unwrap();
    let mut untold: std::collections::BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, one)| one.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    for (operation, body, wanted) in matrix() {
        let (method, path) = operation.split_once(' ').unwrap();
        let bare = path.split('?').next().unwrap();
        assert!(untold.remove(&format!("{method} {bare}")), "{operation} is not in the document");
        let told = &document["paths"][bare][method];
        for (session, wanted) in sessions.iter().zip(wanted) {
            let mut request = hall.request(method.to_uppercase().parse().unwrap(), path);
            if let Some(session) = session {
                request = request.bearer_auth(session);
            }
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = rationed(&request).await;
            assert_eq!(answer.status().as_u16(), wanted, "{operation}, column of {wanted}");
            let declared = &told["responses"][if wanted == 200 { "200" } else { "4XX" }]["content"];
            let kind = answer.headers()["content-type"].to_str().unwrap();
            assert!(declared.get(kind.split(';').next().unwrap()).is_some(), "{operation} answers {kind}");
        }
        let hats = told["x-hats"].as_array().unwrap().len();
        let seats = if told["x-place"] == "lobby" { &wanted[4..8] } else { &wanted[..4] };
        let may = seats.iter().filter(|status| **status == 200).count();
        assert!(bare == "/api/join" || may == hats.min(seats.len()), "{operation}: {hats} hats, {may} may");
    }
    assert!(untold.is_empty(), "nothing says who may do these: {untold:?}");
}

#[tokio::test]
async fn whoever_guesses_links_is_slowed_down_and_nobody_who_is_in() {
    let hall = Hall::open().await;
    let host = hall.host(Hat::Instigator, "ina").await;
    let mut guessing = tokio::task::JoinSet::new();
    for guess in 0..80 {
        let body = json!({"token": format!("{guess:064}"), "name": "eve"});
        guessing.spawn(hall.request(Method::POST, "/api/join").json(&body).send());
    }
    let answers: Vec<_> = guessing.join_all().await.into_iter().map(|one| one.unwrap().status()).collect();
    let count = |wanted: StatusCode| answers.iter().filter(|one| **one == wanted).count();
    assert!(count(StatusCode::TOO_MANY_REQUESTS) > 0, "{answers:?}");
    assert_eq!(count(StatusCode::TOO_MANY_REQUESTS) + count(StatusCode::UNAUTHORIZED), answers.len());
    let drills = hall.request(Method::GET, "/api/drills").bearer_auth(&host).send().await.unwrap();
    assert_eq!(drills.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_trainer_finds_no_figure_at_the_list_of_drills_before_grading() {
    let hall = Hall::open().await;
    let sealed = async |session: &str| {
        let request = hall.request(Method::GET, "/api/debrief?drill=d-corpus&form=md").bearer_auth(session);
        request.send().await.unwrap().text().await.unwrap().contains("grades are blind")
    };
    assert!(sealed(&hall.host(Hat::Trainer, "tina").await).await);
    // Whoever runs drills sees what was measured, and so does a trainer whose grades are in.
    assert!(!sealed(&hall.host(Hat::Instigator, "ina").await).await);
    assert!(!sealed(&hall.host(Hat::Trainer, "tom").await).await);
}

#[tokio::test]
async fn a_personal_link_is_one_persons_and_works_once() {
    let hall = Hall::open().await;
    let ina = hall.host(Hat::Instigator, "ina").await;
    let ask = json!({"person": "ana", "hat": "responder", "drill": DRILL});
    let (_, made) = hall.post(&ina, "/api/invitations", ask.clone()).await;
    let token = made["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    assert_eq!((token.len(), &made["person"]), (32, &json!("ana")));
    let (status, other) = hall.join(&token, Some("ben")).await;
    assert_eq!((status, &other["code"]), (StatusCode::CONFLICT, &json!("other-person")));
    let (status, joined) = hall.join(&token, None).await;
    assert_eq!(
        (status, &joined["person"], &joined["hat"]),
        (StatusCode::OK, &json!("ana"), &json!("responder"))
    );
    for again in [token.as_str(), "0123456789abcdef0123456789abcdef"] {
        let (status, refused) = hall.join(again, None).await;
        assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!("unknown-token")));
    }
    // Whoever tries twice at once comes in once.
    let (_, made) = hall.post(&ina, "/api/invitations", ask).await;
    let token = made["link"].as_str().unwrap().split('#').nth(1).unwrap();
    let both = tokio::join!(hall.join(token, None), hall.join(token, None));
    let mut statuses = [both.0.0.as_u16(), both.1.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    // Nobody is invited to a drill that is not there.
    let wrong = json!({"person": "ana", "hat": "observer", "drill": "d-no"});
    assert!(hall.post(&ina, "/api/invitations", wrong).await.0.is_client_error());
}

#[tokio::test]
async fn whoever_is_to_play_has_a_page_of_their_own_and_no_other() {
    let hall = Hall::open().await;
    let ina = hall.host(Hat::Instigator, "ina").await;
    let (_, made) = hall.post(&ina, "/api/invitations", json!({"person": "rosa", "hat": "responder"})).await;
    let (_, joined) = hall.join(made["link"].as_str().unwrap().split('#').nth(1).unwrap(), None).await;
    let rosa = joined["session"].as_str().unwrap();
    let look = async |path: &str| {
        let answer = hall.request(Method::GET, path).bearer_auth(rosa).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    for hidden in ["/drills", "/library", "/library/edit", "/programme", "/drills/d-corpus/debrief"] {
        assert_eq!(look(hidden).await.0, StatusCode::NOT_FOUND, "{hidden}");
    }
    let (status, page) = look("/me").await;
    assert_eq!(status, StatusCode::OK);
    for told in ["a surprise in the week of 2099-03-02", "I have depot/shell-access", "Sign up as responder"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.to_lowercase().contains("canary") && !page.contains("/library"), "{page}");
    // A seat in the drill that runs.
    let (status, seat) = hall.post(rosa, "/api/enter", json!({"drill": DRILL})).await;
    assert_eq!((status, &seat["hat"]), (StatusCode::OK, &json!("responder")));
    // Those of the drill have no such page, and those who run drills have it, too.
    let ben = hall.seat(Hat::Responder, "ben").await;
    for (session, wanted) in [(&ben, StatusCode::NOT_FOUND), (&ina, StatusCode::OK)] {
        let answer = hall.request(Method::GET, "/me").bearer_auth(session).send().await.unwrap();
        assert_eq!(answer.status(), wanted);
    }
}

#[tokio::test]
async fn who_is_put_out_loses_every_stream_within_a_second() {
    let hall = Hall::open().await;
    let ina = hall.host(Hat::Instigator, "ina").await;
    let ana = hall.seat(Hat::Responder, "ana").await;
    let ben = hall.seat(Hat::Responder, "ben").await;
    let stream = |session: &str, path: &str| hall.request(Method::GET, path).bearer_auth(session).send();
    let mut open = Vec::new();
    for path in ["/responder/live", "/api/events"] {
        open.push(stream(&ana, path).await.unwrap());
    }
    let mut stays = stream(&ben, "/api/events?after=100000").await.unwrap();
    let (_, revoked) = hall.post(&ina, "/api/revoke", json!({"person": "ana", "drill": DRILL})).await;
    assert_eq!(revoked, json!({"ended": 1}));
    for mut one in open {
        let end = async { while one.chunk().await.is_ok_and(|piece| piece.is_some()) {} };
        tokio::time::timeout(std::time::Duration::from_secs(1), end).await.expect("the stream ends");
    }
    let (status, _) = hall.post(&ana, "/api/act", json!({"say": "still here"})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(1), stays.chunk()).await;
    assert!(nothing.is_err(), "others stay");
}

#[tokio::test]
async fn behind_tls_cookies_and_origins_are_those_of_the_public_name() {
    let public: PublicUrl = "https://drills.example.org".parse().unwrap();
    let entrance = |listen| Entrance { public: Some(public), ..Entrance::at(listen) };
    let hall = Hall::with(entrance, CancellationToken::new()).await;
    let body = json!({"token": hall.tokens.of(Hat::Responder), "name": "ana", "cookie": true});
    let ours = |request: RequestBuilder| request.header("host", "drills.example.org");
    let answer = ours(hall.request(Method::POST, "/api/join")).json(&body).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-gameday-responder="), "{cookie}");
    for word in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word) && !cookie.contains("Domain"), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let live = |origin: &str| {
        let request = hall.request(Method::GET, "/responder/live").header("cookie", cookie);
        ours(request).header("origin", origin).send()
    };
    assert_eq!(live("https://drills.example.org").await.unwrap().status(), StatusCode::OK);
    for other in ["http://drills.example.org", "https://evil.example", "null"] {
        assert_eq!(live(other).await.unwrap().status(), StatusCode::FORBIDDEN, "{other}");
    }
    assert!(
        hall.lobby
            .invite("ina".parse().unwrap(), Hat::Instigator)
            .unwrap()
            .starts_with("https://drills.example.org/#")
    );
}

#[tokio::test]
async fn who_came_and_went_is_on_the_audit_trail_and_no_secret_is() {
    let folder = tempfile::tempdir().unwrap();
    let (people, audit) = (folder.path().join("people.json"), folder.path().join("audit.jsonl"));
    let kept = |listen| Entrance {
        people: Some(people.clone()),
        audit: Some(audit.clone()),
        ..Entrance::at(listen)
    };
    let hall = Hall::with(kept, CancellationToken::new()).await;
    let ina = hall.host(Hat::Instigator, "ina").await;
    let (_, begun) = hall
        .post(&ina, "/api/drills", json!({"scenario": "pool-shrink", "responders": ["ana", "ben"]}))
        .await;
    assert_eq!(begun["invitations"].as_array().unwrap().len(), 2, "{begun}");
    let read = hall
        .request(Method::GET, "/drills/d-corpus/debrief?form=html")
        .bearer_auth(&ina)
        .send()
        .await
        .unwrap();
    assert!(read.status().is_success());
    hall.post(&ina, "/api/revoke", json!({"person": "ana", "drill": "d-next"})).await;
    hall.post(&ina, "/api/leave", json!({})).await;
    let text = std::fs::read_to_string(&audit).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let did: Vec<_> = lines.iter().map(|line| line["did"].as_str().unwrap()).collect();
    assert_eq!(did, ["came in", "began", "invited", "invited", "read the debrief", "revoked", "left"]);
    assert!(lines.iter().all(|line| line["by"] == "ina" && line["at"].is_string()));
    for link in begun["invitations"].as_array().unwrap() {
        let token = link["link"].as_str().unwrap().split('#').nth(1).unwrap();
        for file in [&people, &audit] {
            assert!(!std::fs::read_to_string(file).unwrap().contains(token));
        }
    }
    // A session that was kept opens the same door after the process was started again.
    let ben = hall.seat(Hat::Responder, "ben").await;
    hall.close().await;
    let hall = Hall::with(kept, CancellationToken::new()).await;
    let board = hall.request(Method::GET, "/api/board").bearer_auth(&ben).send().await.unwrap();
    assert_eq!(board.status(), StatusCode::OK);
}

#[tokio::test]
async fn nobody_in_a_drill_hears_of_the_list_of_drills() {
    let hall = Hall::open().await;
    let document = hall.document().await;
    for (hat, name) in HATS {
        let mut seen = String::new();
        let session = hall.seat(hat, name).await;
        let pages = [
            "/drills",
            "/library",
            "/programme",
            "/library/edit?scenario=canary-scenario",
            "/library/edit?copy=canary-scenario",
            "/api/scenario?scenario=canary-scenario",
            "/drills/d-corpus/debrief",
            "/drills/d-corpus/debrief?form=md",
        ];
        let staff = matches!(hat, Hat::Instigator | Hat::Trainer);
        let gets = document["paths"].as_object().unwrap().iter().filter(|(_, one)| one.get("get").is_some());
        let gets = gets.map(|(path, _)| path.as_str()).filter(|path| *path != "/api/events");
        for path in gets.chain(pages) {
            let answer = hall.request(Method::GET, path).bearer_auth(&session).send().await.unwrap();
            let bare = path.split('?').next().unwrap();
            seen.push_str(&format!("{bare} {} {:?}\n", answer.status(), answer.headers()));
            seen.push_str(&answer.text().await.unwrap());
        }
        assert!(!seen.contains("canary-scenario") && !seen.contains("Canary title"), "{hat}: {seen}");
        assert_eq!(seen.contains("canary"), staff, "{hat}");
    }
    // A trainer sees the library, and no text of it.
    let tina = hall.host(Hat::Trainer, "tina").await;
    let page = |path: &str| hall.request(Method::GET, path).bearer_auth(&tina).send();
    assert!(page("/library").await.unwrap().text().await.unwrap().contains("Canary title"));
    let edit = page("/library/edit?scenario=canary-scenario").await.unwrap();
    assert_eq!(edit.status(), StatusCode::NOT_FOUND);
    // Whoever has no session at all is told nothing of either.
    for path in PAGES.map(|page| format!("/responder{page}")).iter().map(String::as_str).chain([
        "/drills",
        "/library",
        "/programme",
        "/library/edit?scenario=canary-scenario",
    ]) {
        let answer = hall.request(Method::GET, path).send().await.unwrap();
        let text = answer.text().await.unwrap().to_lowercase();
        assert!(!text.contains("canary") && !text.contains("uploads"), "{path}: {text}");
    }
}

/// The program that tries the API; CI puts it on the PATH.
fn schemathesis() -> Option<Command> {
    let found = Command::new("schemathesis").arg("--version").output().ok()?;
    found.status.success().then(|| Command::new("schemathesis"))
}

/// Drives every operation with made-up questions, good and bad, as this session.
async fn try_everything(
    mut program: Command,
    folder: &Path,
    address: SocketAddr,
    session: &str,
    only: &[&str],
) {
    program
        .current_dir(folder)
        .args(["--config-file"])
        .arg(crate::tidy::root().join("tests/fixtures/schemathesis.toml"))
        .args(["run", &format!("http://{address}/api/openapi.json")])
        .env("SESSION", session)
        .args(only);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_tries_everything_finds_nothing_that_the_document_does_not_say() {
    if schemathesis().is_none() {
        return skip("schemathesis is not installed");
    }
    // A drill that is over: streams end by themselves.
    let over = CancellationToken::new();
    over.cancel();
    let hall = Hall::with(Entrance::at, over).await;
    let folder = tempfile::tempdir().unwrap();
    // Whoever leaves has no session any more: that comes last.
    let but = ["--exclude-path", "/api/leave"].as_slice();
    let leaving = ["--include-path", "/api/leave"].as_slice();
    let ana = hall.seat(Hat::Responder, "ana").await;
    let ina = hall.host(Hat::Instigator, "ina").await;
    let attempt =
        |session, only| try_everything(schemathesis().unwrap(), folder.path(), hall.address, session, only);
    tokio::join!(attempt(&ana, but), attempt(&ina, but));
    attempt(&ana, leaving).await;
    // That they came in is the story's own doing; all else is what was made up.
    let reached = hall.desk.asked().iter().any(|asked| !matches!(asked, command::Command::Join { .. }));
    assert!(reached, "good questions reach the drill");
}
