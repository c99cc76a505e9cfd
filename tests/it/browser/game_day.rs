//! A whole game day by the console alone: planned, signed up for, begun, played and read, with the real server and the real
//! target. Two browsers, since each keeps one session at the list of drills.

use super::{
    Browser,
    axe::{axe, look_at},
};
use crate::{engine_killed::House, serve::Server, skip::skip};

/// Comes in with a personal link, in the window that is there.
async fn come_in(browser: &Browser, link: &str) {
    browser.tell("/url", serde_json::json!({"url": link})).await;
    browser.until("location.hash === ''").await;
    browser.click("#join button").await;
}

/// Opens what a summary hides.
async fn unfold(browser: &Browser, inside: &str) {
    browser.click(&format!("details:has(> {inside}) > summary")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_day_is_planned_played_and_read_in_the_browser() {
    let Some(axe) = axe() else { return };
    let (Some(ina), Some(rosa)) = (Browser::start().await, Browser::start().await) else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let house = tokio::task::block_in_place(House::new);
    let server = tokio::task::block_in_place(|| Server::over(house.path(), ".", "127.0.0.1:0"));
    let at = |page: &str| format!("http://{}{page}", server.listen);

    // Weeks before: it is planned, and somebody is let in who does not know what it is.
    come_in(&ina, &server.link).await;
    ina.until("location.pathname === '/drills'").await;
    ina.tell("/url", serde_json::json!({"url": at("/library")})).await;
    let begin = "[data-post='/api/drills']:has(input[value='quick'])";
    unfold(&ina, "form[data-post='/api/drills'] > input[value='quick']").await;
    ina.write(&format!("form{begin} [name=at]"), "2099-06-03 14:00 Europe/Berlin").await;
    ina.write(&format!("form{begin} [name=unrehearsed]"), "made for a test").await;
    ina.click(&format!("form{begin} [name='autopilot:flag']")).await;
    ina.click(&format!("form{begin} .send button")).await;
    ina.says(&format!("form{begin} output"), "Begun").await;
    ina.tell("/url", serde_json::json!({"url": at("/drills")})).await;
    ina.says("#list", "2099-06-03 14:00 Europe/Berlin").await;
    let invite = "section.card form[data-post='/api/invitations']";
    ina.click("section.card details > summary").await;
    ina.write(&format!("{invite} [name=person]"), "rosa").await;
    ina.click(&format!("{invite} .send button")).await;
    ina.until("document.querySelector('.links code')").await;
    let link = ina.js("return document.querySelector('.links code').textContent").await;

    // Rosa answers, signs up, and learns when and where, and nothing else.
    come_in(&rosa, link.as_str().unwrap()).await;
    rosa.until("location.pathname === '/me'").await;
    rosa.click("form[data-post='/api/answer'] button").await;
    rosa.says("#list .pill.good", "answered").await;
    rosa.click("form[data-post='/api/sign-up'] button").await;
    rosa.says("#list li", "you are responder").await;
    rosa.until("!document.body.textContent.includes('Something is wrong')").await;
    rosa.shoot("own-page").await;
    let flaws = look_at(&rosa, &axe, &at("/me")).await;
    rosa.look_like(1440, false).await;
    rosa.tell("/url", serde_json::json!({"url": at("/me")})).await;

    // Whoever has planned it runs it.
    ina.tell("/url", serde_json::json!({"url": at("/me")})).await;
    ina.says("#list li", "you are instigator").await;

    // The day has come: it is begun now, and both take their seats.
    ina.tell("/url", serde_json::json!({"url": at("/drills")})).await;
    unfold(&ina, "form[data-post='/api/postpone']").await;
    ina.click("form[data-post='/api/postpone'] .send button").await;
    rosa.click("form[data-post='/api/enter'] button").await;
    rosa.until("location.pathname === '/responder' && document.querySelector('.link.live')").await;
    ina.tell("/url", serde_json::json!({"url": at("/drills")})).await;
    ina.click("form[data-post='/api/enter'] button").await;
    ina.until("location.pathname === '/instigator' && document.querySelector('.link.live')").await;
    ina.tell("/url", serde_json::json!({"url": at("/drills")})).await;
    ina.until("document.querySelectorAll('#list > li').length === 1").await;
    ina.tell("/url", serde_json::json!({"url": at("/instigator")})).await;
    rosa.write("#message", "I am here and watch the logins\n").await;
    ina.says("#lines", "I am here and watch the logins").await;
    rosa.until("document.querySelector('[id^=alarm-]')").await;

    // It is over, and its debrief is read where it was planned.
    rosa.says("#phase", "closed").await;
    ina.tell("/url", serde_json::json!({"url": at("/drills")})).await;
    ina.click("#list a[href$='form=html']").await;
    ina.says("body", "What happened").await;
    ina.says("body", "rosa").await;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    for browser in [&ina, &rosa] {
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    }
}
