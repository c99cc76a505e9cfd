//! A trainer after EndEx: grades blind, hands the grades in, leads the talk step by step and writes down what comes of it.

use super::{
    Browser,
    axe::{axe, look_at},
};
use crate::{console::Running, grading::played, skip::skip};
use gameday::{drill::event::Hat, report::wording::page::WALK};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trainer_grades_and_leads_the_talk() {
    let Some(axe) = axe() else { return };
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let running = Running::over(played()).await;
    let at = |page: &str| format!("http://{}/trainer{page}", running.address);
    let board = browser.join(&running.tokens.link(running.address, Hat::Trainer), "tom").await;
    let mut flaws = Vec::new();

    browser.open(&at("/grade")).await;
    browser.says("#d-detect", "Grade").await;
    browser.shoot("grade-blind").await;
    flaws.extend(look_at(&browser, &axe, &at("/grade")).await);
    browser.look_like(1440, false).await;
    browser.click("#d-detect input[value='M']").await;
    browser.write("#d-detect textarea", "the alarm rang for two minutes before anybody spoke").await;
    browser.click("#d-detect .send button").await;
    browser.says("#d-detect", "the alarm rang for two minutes").await;
    let blind = "!document.body.textContent.includes('measured.')";
    browser.until(blind).await;
    browser.write("[name='hand-in.overall']", "calm, and late with the users").await;
    browser.click("form:has([name='hand-in.overall']) input[type=checkbox]").await;
    browser.click("form:has([name='hand-in.overall']) .send button").await;
    browser.says("#d-detect", "they disagree by 0.67").await;
    browser.shoot("grade-handed-in").await;
    flaws.extend(look_at(&browser, &axe, &at("/grade")).await);

    browser.look_like(1440, false).await;
    browser.tell("/url", serde_json::json!({"url": at("/talk")})).await;
    for step in 0..WALK.len() {
        browser.says("main", &format!("Step {} of {}", step + 1, WALK.len())).await;
        browser.shoot(&format!("talk-{step}")).await;
        let page = at(&format!("/talk?step={step}"));
        flaws.extend(look_at(&browser, &axe, &page).await);
        browser.look_like(1440, false).await;
        browser.tell("/url", serde_json::json!({"url": page})).await;
        if step + 1 < WALK.len() {
            browser.click("a[rel=next]").await;
        }
    }
    browser.write("[name='follow-up.action']", "size the pool from the number of workers").await;
    browser.write("[name='follow-up.owner']", "the web team").await;
    browser.click("form:has([name='follow-up.action']) .send button").await;
    browser
        .says("section:has([name='follow-up.action']) ul", "size the pool from the number of workers")
        .await;
    browser.shoot("talk-plan").await;

    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.turn_to(&board).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}
