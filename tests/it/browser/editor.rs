//! The editor in a browser, over the real server: a line is broken, its problem is shown there, it is repaired and saved,
//! and the library knows it.

use super::{Browser, TAB};
use crate::{cli::folder, serve::Server, skip::skip};
use gameday::library::template::template;
use std::fs;

const F8: &str = "\u{e038}";
const BACKSPACE: &str = "\u{e003}";

/// Selects words in the text, as a mouse does.
async fn select(browser: &Browser, words: &str) {
    let script = format!(
        "const text = document.getElementById('text'); const at = text.value.indexOf({words:?}); \
         text.focus(); text.setSelectionRange(at, at + {})",
        words.len()
    );
    browser.js(&script).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_is_broken_repaired_and_saved_and_the_library_knows_it() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let home = folder();
    let drills = home.path().join("drills");
    fs::create_dir(&drills).unwrap();
    let file = drills.join("quick.yaml");
    fs::write(&file, template("quick", "Something is wrong")).unwrap();
    let server = Server::over(home.path(), "drills", "127.0.0.1:0");
    browser.open(&server.link).await;
    browser.until("location.hash === ''").await;
    browser.click("#join button").await;
    browser.until("location.pathname === '/drills'").await;
    browser.click(".bar nav a[href='/library']").await;
    browser.until("location.pathname === '/library'").await;
    browser.shoot("library").await;
    browser.click("a[href='/library/edit?scenario=quick']").await;
    browser.says("#state", "No problems.").await;
    browser.says("#plan", "process-stop").await;
    browser.shoot("editor").await;

    // A word is broken: its line says so, in the gutter, in the text and in the list; the plan is the last good one.
    select(&browser, "difficulty").await;
    browser.keys("dificulty").await;
    browser.says("#problems", "unknown field `dificulty`").await;
    browser.says("#state", "One problem in line").await;
    browser.until("document.querySelector('#marks mark').textContent === 'dificulty'").await;
    let line = "text.value.slice(0, text.value.indexOf('dificulty')).split('\\n').length";
    browser.until(&format!("Number(document.querySelector('#numbers .bad').textContent) === {line}")).await;
    browser.until("document.querySelectorAll('#numbers .bad').length === 1").await;
    browser.until("!document.querySelector('#dirty').hidden").await;
    browser
        .until("document.querySelector('#plan').matches('.was') && !document.querySelector('#old').hidden")
        .await;
    // Numbers and marks stand beside their text, wherever it is scrolled to.
    browser.js("text.scrollTop = 300; text.scrollLeft = 40").await;
    browser.until("numbers.scrollTop === text.scrollTop && marks.scrollTop === text.scrollTop && marks.scrollLeft === text.scrollLeft").await;
    browser.shoot("editor-problem").await;

    // By keyboard alone: on from the text, to the problem in the list, and to its place.
    browser.keys(TAB).await;
    browser.until("document.activeElement.id !== 'text'").await;
    browser.tab_to("#problems button").await;
    browser.keys(super::RETURN).await;
    let chosen = "text.value.slice(text.selectionStart, text.selectionEnd) === 'dificulty'";
    browser.until(&format!("document.activeElement.id === 'text' && {chosen}")).await;
    browser.js("text.setSelectionRange(0, 0)").await;
    browser.keys(F8).await;
    browser.until(chosen).await;
    browser.says("#at[role=status]", "unknown field `dificulty`").await;
    browser.keys(BACKSPACE).await;
    browser.keys("difficulty").await;
    browser.says("#state", "No problems.").await;
    browser.until("!document.querySelector('#numbers .bad, #marks mark, #problems li, #plan.was')").await;

    // It is saved, and the library shows it with a title of its own and without a rehearsal.
    select(&browser, "Something is wrong").await;
    browser.keys("Nobody comes in").await;
    browser.click("#edit .primary").await;
    browser.says("#kept", "gameday rehearse drills/quick.yaml").await;
    browser.until("document.querySelector('#dirty').hidden").await;
    assert!(fs::read_to_string(&file).unwrap().contains("title: \"Nobody comes in\""));
    browser.click(".bar nav a[href='/library']").await;
    browser.until("[...document.querySelectorAll('.found .card')].some((one) => one.textContent.includes('Nobody comes in') && one.textContent.includes('not rehearsed'))").await;

    // A new one begins with a good text; a built-in one stays as it is.
    browser.write("input[name=new]", "logins").await;
    browser.click("form[action='/library/edit'] button").await;
    browser.says("#state", "No problems.").await;
    browser.until("document.querySelector('#text').value.startsWith('# logins.yaml')").await;
    browser.click("#edit .primary").await;
    browser.says("#kept", "Saved").await;
    browser.until("location.search === '?scenario=logins'").await;
    assert!(drills.join("logins.yaml").exists());
    browser.open(&format!("http://{}/library/edit?scenario=depot/pool-shrink", server.listen)).await;
    browser.says("#plan", "T+").await;
    browser
        .until("document.querySelector('#text').readOnly && !document.querySelector('#edit .primary')")
        .await;
    browser.shoot("editor-built-in").await;
    browser.click("a[href='/library/edit?copy=depot/pool-shrink']").await;
    browser.until("document.querySelector('#name').value === 'pool-shrink-copy'").await;
    browser.says("#state", "No problems.").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    assert_eq!(server.end(), Some(0));
}
