//! Every page, light and dark, wide and narrow, before the eyes of axe: nothing serious, nothing critical.

use super::Browser;
use crate::{
    compat::{client, has},
    console::{DOCUMENT, HATS, Recorder, Running, under_way},
    lobby::Hall,
    skip::skip,
};
use gameday::{
    base::Person,
    console::Entrance,
    drill::event::{Event, Hat},
    scenario::{
        act::{Act, Pager},
        action::ActionAct,
    },
};
use serde_json::{Value, json};
use std::process::Command;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const AXE: &str = "axe-core@4.14.1";

/// The checker's source, fetched once; nothing where that is not possible.
pub(super) fn axe() -> Option<String> {
    if !has("npm") {
        skip("npm is not installed");
        return None;
    }
    let place = client("axe", |place| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(place).arg(AXE);
        npm
    })?;
    Some(std::fs::read_to_string(place.join("node_modules/axe-core/axe.min.js")).unwrap())
}

/// Pages below each side.
const PAGES: [&str; 6] = ["", "/signals", "/docs", "/docs/read?name=depotctl(1)", "/status", "/debrief"];

/// A drill with something in every part of its pages.
async fn busy() -> Running {
    let running = Running::over(under_way()).await;
    let person = |name: &str| -> Person { name.parse().unwrap() };
    let acts = [
        Act::Action(ActionAct::Add { text: "ask the metadata people".into(), owner: Some("ana".into()) }),
        Act::Action(ActionAct::Add { text: "write to the users".into(), owner: None }),
        Act::Page { with: Pager::Batphone, text: "half of the uploads fail".into() },
        Act::Summary("a release made the pool too small".into()),
        Act::Declare { text: "uploads fail".into() },
    ];
    for act in acts {
        running.desk.append(Event::Acted { by: person("ana"), act });
    }
    for text in ["I know this pool", "may I help?"] {
        running.desk.append(Event::BystanderWrote { by: person("oli"), text: text.into() });
    }
    running.desk.append(Event::AlarmRaised {
        alarm: "UploadErrorsHigh".parse().unwrap(),
        summary: "31 % of put fail".into(),
    });
    assert!(DOCUMENT.contains("depotctl"));
    running
}

/// What the checker finds on the page in front, one line each.
async fn found(browser: &Browser, axe: &str) -> Vec<String> {
    // What is folded away is looked at, too.
    browser.js("for (const one of document.querySelectorAll('details')) { one.removeAttribute('name'); one.open = true }").await;
    browser.js(axe).await;
    let script = "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(({violations}) => done(violations\
        .filter((one) => ['serious', 'critical'].includes(one.impact))\
        .map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).slice(0, 4).join(' | '))),\
        (error) => done([String(error)]))";
    let said = browser.tell("/execute/async", json!({"script": script, "args": []})).await;
    said.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What is wrong with a page, light and dark, wide and narrow.
pub(super) async fn look_at(browser: &Browser, axe: &str, address: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (width, dark) in [(1440, false), (1440, true), (390, false)] {
        browser.look_like(width, dark).await;
        browser.tell("/url", json!({"url": address})).await;
        let scheme = if dark { "dark" } else { "light" };
        let flaws = found(browser, axe).await;
        all.extend(flaws.into_iter().map(|one| format!("{address} at {width}, {scheme}: {one}")));
        let wide = browser.js("return document.documentElement.scrollWidth > innerWidth").await;
        if wide == json!(true) && !address.ends_with("/debrief") {
            all.push(format!("{address} at {width} is wider than its window"));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_has_a_serious_flaw_for_those_who_cannot_see_or_use_a_mouse() {
    let Some(axe) = axe() else { return };
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let running = busy().await;
    let mut all = Vec::new();
    browser.open(&format!("http://{}/", running.address)).await;
    all.extend(found(&browser, &axe).await.into_iter().map(|one| format!("/: {one}")));
    for (hat, name) in HATS {
        browser.join(&running.tokens.link(running.address, hat), name).await;
        for page in PAGES {
            if page == "/debrief" && matches!(hat, Hat::Responder | Hat::Observer) {
                continue;
            }
            // What is the same for everybody is looked at once.
            let shared = ["/signals", "/docs", "/docs/read?name=depotctl(1)", "/status"].contains(&page);
            if shared && hat != Hat::Responder {
                continue;
            }
            all.extend(look_at(&browser, &axe, &format!("http://{}/{hat}{page}", running.address)).await);
        }
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{hat}");
    }
    // Those who run drills: the lists, and the editor with a problem and a plan.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hall = Hall::over(listener, Entrance::at, Recorder::over(under_way()), CancellationToken::new());
    browser.open(&hall.lobby.invite("ina".parse().unwrap(), Hat::Instigator).unwrap()).await;
    browser.until("location.hash === ''").await;
    browser.click("#join button").await;
    browser.until("location.pathname === '/drills'").await;
    for page in ["/drills", "/library", "/programme", "/library/edit?scenario=canary-scenario"] {
        all.extend(look_at(&browser, &axe, &format!("http://{}{page}", hall.address)).await);
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "those who run drills");
    assert!(all.is_empty(), "{}", all.join("\n"));
}
