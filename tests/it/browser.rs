//! The pages in a real browser. Six people play a drill from the first page to the debrief, one of them by keyboard alone, in
//! `six`; `axe` looks at every page with the eyes of a published checker; `editor` writes a scenario; `game_day` is
//! one by the console alone; and a page that was cut off
//! catches up by itself.

mod axe;
mod editor;
mod game_day;
pub(crate) mod six;
mod trainer;

use crate::{
    console::{Recorder, Running, journal, under_way},
    lobby::Hall,
    skip::skip,
};
use gameday::{
    base::Span,
    clock::{Clock, SystemClock},
    console,
    drill::event::{Event, Hat},
    scenario::act::Act,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Stdio},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Nothing that a page waits for takes longer, also on a busy machine.
const PATIENCE: Span = Span::from_secs(60);
/// How keys and elements are named in the driver's protocol.
const TAB: &str = "\u{e004}";
const RETURN: &str = "\u{e007}";
const SPACE: &str = " ";
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a driver beside it; both end with this.
struct Browser {
    driver: Child,
    http: Client,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver does not always take its browser along; they are a group of their own.
        let group = format!("-{}", self.driver.id());
        let _ = std::process::Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Nothing when no browser is installed here.
    async fn start() -> Option<Self> {
        let mut driver = std::process::Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok()
        })?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().unwrap();
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,900"];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let address = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, http, session: address };
        let answer = browser.ask(Method::POST, "", wanted).await.ok()?;
        browser.session = format!("{}/{}", browser.session, answer["sessionId"].as_str()?);
        Some(browser)
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::GET { request } else { request.json(&body) };
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        if value["error"].is_string() { Err(value) } else { Ok(value) }
    }

    async fn tell(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn js(&self, script: &str) -> Value {
        self.tell("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// A page of its own, in front from now on.
    async fn open(&self, address: &str) -> Value {
        let window = self.tell("/window/new", json!({"type": "tab"})).await["handle"].clone();
        self.turn_to(&window).await;
        self.tell("/url", json!({"url": address})).await;
        window
    }

    async fn turn_to(&self, window: &Value) {
        self.tell("/window", json!({"handle": window})).await;
    }

    /// Waits until an expression is true on the page in front.
    async fn until(&self, expression: &str) {
        let end = SystemClock.now() + PATIENCE;
        loop {
            let seen =
                self.js(&format!("try {{ return Boolean({expression}) }} catch {{ return false }}")).await;
            if seen == json!(true) {
                return;
            }
            if SystemClock.now() > end {
                let text = self.js("return document.body.innerText").await;
                panic!("this never came true: {expression}\n{}", text.as_str().unwrap_or_default());
            }
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(50)).await;
        }
    }

    /// Waits until a part of the page says something.
    async fn says(&self, part: &str, words: &str) {
        self.until(&format!("document.querySelector({part:?}).textContent.includes({words:?})")).await;
    }

    /// Clicks what a selector finds, once it is there.
    async fn click(&self, selector: &str) {
        self.until(&format!("document.querySelector({selector:?})")).await;
        self.js(&format!("document.querySelector({selector:?}).scrollIntoView({{block: 'center'}})")).await;
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into a field.
    async fn write(&self, selector: &str, text: &str) {
        self.until(&format!("document.querySelector({selector:?})")).await;
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.tell("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Fills a form that stands under a title, and sends it.
    async fn act(&self, form: &str, fields: &[(&str, &str)]) {
        if self.js(&format!("return document.querySelector('#{form}').open")).await != json!(true) {
            self.click(&format!("#{form} > summary")).await;
        }
        for (field, text) in fields {
            self.write(&format!("#{form} [name='{field}']"), text).await;
        }
        self.click(&format!("#{form} .send button")).await;
        self.says(&format!("#{form} output"), "Done.").await;
    }

    /// Opens somebody's link and joins.
    async fn join(&self, link: &str, name: &str) -> Value {
        let window = self.open(link).await;
        self.until("location.hash === ''").await;
        self.write("#join [name=name]", name).await;
        self.click("#join button").await;
        self.until("document.querySelector('.link.live')").await;
        window
    }

    /// Presses keys, as they are named in the driver's protocol, wherever the focus is.
    async fn keys(&self, keys: &str) {
        let pressed: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key})))
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": pressed}]});
        self.tell("/actions", actions).await;
    }

    /// Goes on with the tabulator until the focus is on what a selector finds.
    async fn tab_to(&self, selector: &str) {
        self.until(&format!("document.querySelector({selector:?})")).await;
        for _ in 0..150 {
            let there = format!("return document.activeElement.matches({selector:?})");
            if self.js(&there).await == json!(true) {
                return;
            }
            self.keys(TAB).await;
        }
        panic!("the tabulator does not lead to {selector}");
    }

    /// Speaks with the browser itself.
    async fn devtools(&self, command: &str, params: Value) {
        self.tell("/goog/cdp/execute", json!({"cmd": command, "params": params})).await;
    }

    /// The size of the page in front, and whether it is dark.
    async fn look_like(&self, width: u32, dark: bool) {
        self.size(width, if width < 600 { 844 } else { 900 }).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    async fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Keeps a picture of the page in front, for people to look at: base64, where `GAMEDAY_SHOTS` says.
    async fn shoot(&self, name: &str) {
        let Some(folder) = std::env::var_os("GAMEDAY_SHOTS") else { return };
        for (width, height, dark, kind) in [
            (1440, 900, false, ""),
            (1440, 900, true, "-dark"),
            (390, 844, false, ""),
            (390, 4000, false, "-whole"),
            (1440, 2400, false, "-whole"),
        ] {
            self.look_like(width, dark).await;
            self.size(width, height).await;
            let picture = self.ask(Method::GET, "/screenshot", Value::Null).await.unwrap();
            let path = std::path::Path::new(&folder).join(format!("{name}-{width}{kind}.b64"));
            std::fs::write(path, picture.as_str().unwrap()).unwrap();
        }
        self.look_like(1440, false).await;
    }

    /// What the page complained of since the last time.
    async fn complaints(&self) -> Vec<String> {
        let log = self.tell("/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().into_iter().flatten().map(|line| line["message"].to_string());
        lines.collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_was_cut_off_says_so_and_catches_up() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let running = Running::over(journal()).await;
    browser.join(&running.tokens.link(running.address, Hat::Responder), "ana").await;
    let say = |words: &str| {
        running.desk.append(Event::Acted { by: "ben".parse().unwrap(), act: Act::Say(words.into()) });
    };
    say("before");
    browser.says("#lines", "before").await;
    // The page may have come with that line, before its stream has.
    browser.until("document.querySelector('.link.live')").await;

    let network =
        |offline: bool| json!({"network_conditions": {"offline": offline, "latency": 0, "throughput": -1}});
    // What is still on its way makes the page live again: what it has said counts.
    browser.js(LISTEN).await;
    browser.tell("/chromium/network_conditions", network(true)).await;
    browser.until("window.said.some((one) => one.includes('This device is offline'))").await;
    say("meanwhile one");
    say("meanwhile two");
    browser.tell("/chromium/network_conditions", network(false)).await;
    browser.says("#lines", "meanwhile two").await;
    browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
    // Every line is there, and once.
    let lines = browser.js("return [...document.querySelectorAll('#lines li')].map((one) => one.id)").await;
    let ids: Vec<&str> = lines.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len());
    browser.says("#lines", "meanwhile one").await;

    // A session that is closed elsewhere ends the page's stream, and the page says what to do.
    let left = "fetch('/api/leave', {method: 'POST', headers: {'x-gameday-hat': 'responder'}})";
    browser.js(left).await;
    browser.says("#note", "Open your link again").await;
}

/// What a page has said about its connection since it was asked to listen.
const LISTEN: &str = "window.said = []; const note = document.getElementById('note'); \
    new MutationObserver(() => window.said.push(note.textContent)).observe(note, {childList: true, characterData: true, subtree: true})";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_outlive_their_server_and_a_laptops_sleep() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.json");
    let entrance =
        |listen| console::Entrance { people: Some(people.clone()), ..console::Entrance::at(listen) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = Recorder::over(under_way());
    let hall = Hall::over(listener, entrance, desk.clone(), CancellationToken::new());
    let address = hall.address;
    let first = browser.join(&format!("http://{address}/#{}", hall.token(Hat::Responder)), "ana").await;
    let second = browser.open(&format!("http://{address}/responder")).await;
    browser.until("document.querySelector('.link.live')").await;
    let say =
        |words: &str| desk.append(Event::Acted { by: "ben".parse().unwrap(), act: Act::Say(words.into()) });

    hall.close().await;
    for tab in [&first, &second] {
        browser.turn_to(tab).await;
        browser.says("#note", "No connection to the drill").await;
    }
    say("while nobody listened");
    let listener = TcpListener::bind(address).await.unwrap();
    let hall = Hall::over(listener, entrance, desk.clone(), CancellationToken::new());
    for tab in [&first, &second] {
        browser.turn_to(tab).await;
        browser.says("#lines", "while nobody listened").await;
        browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
        let twice = "[...document.querySelectorAll('#lines li')].filter((li) => li.textContent.includes('while nobody')).length";
        assert_eq!(browser.js(&format!("return {twice}")).await, json!(1));
    }

    // A device that sleeps stops its timers; when it wakes, its clock has jumped.
    browser.js(LISTEN).await;
    browser.js("const was = Date.now; Date.now = () => was() + 60000").await;
    browser.until("window.said.some((text) => text.includes('Catching up'))").await;
    say("while it slept");
    browser.says("#lines", "while it slept").await;
    browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
    hall.close().await;
}
