//! The page around everything: head, bar, notes about the connection, and the page that joins people.

use super::{Look, desk, live, parts};
use crate::drill::event::Hat;
use maud::{DOCTYPE, Markup, html};

/// The script of a drill's pages.
const SCRIPT: &str = "/assets/console.js";
/// Pages that every side has, with their paths below it.
const PAGES: [(&str, &str); 4] =
    [("", "Board"), ("/signals", "Signals"), ("/docs", "Documents"), ("/status", "Status")];
/// Pages of a trainer after EndEx, on a phone.
const AFTER: [(&str, &str); 4] =
    [("", "Board"), ("/debrief", "Debrief"), ("/grade", "Grade"), ("/talk", "Talk")];

pub(super) fn head(title: &str, script: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
            meta name="robots" content="noindex";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href="/assets/console.css";
            script src=(script) defer {}
        }
    }
}

/// A page of somebody's side; `here` is its path below the side.
pub(super) fn page(look: &Look<'_>, here: &str, main: &Markup) -> Markup {
    let side = look.caller.hat;
    let title = &look.board.title;
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("EXERCISE: {title}"), SCRIPT))
            body class={ "side-" (side) @if here.is_empty() { " at-board" } } data-side=(side) data-seq=(look.seq())
                data-start=(look.board.start.millis()) {
                a class="skip" href="#main" { "To the page" }
                header class="bar" {
                    div class="name" {
                        span class="exercise" { "EXERCISE" }
                        h1 { (title) }
                    }
                    div id="phase" class="phase" data-part="phase" { (parts::phase(look)) }
                    nav aria-label="Pages" {
                        @for (path, name) in PAGES {
                            a href={ "/" (side) (path) } aria-current=[(path == here).then_some("page")] { (name) }
                        }
                        @if look.staff.is_some() { a href={ "/" (side) "/debrief" } { "Debrief" } }
                        @if side == Hat::Trainer {
                            @for (path, name) in AFTER[2..].iter() {
                                a href={ "/trainer" (path) } aria-current=[(*path == here).then_some("page")] { (name) }
                            }
                        }
                    }
                    (own_menu(look))
                }
                p id="note" class="note" role="status" aria-live="polite" hidden {}
                main id="main" { (main) }
                (sections(look, here))
                @for (name, markup) in live::all_parts(look) { @if name == "people" { div id=(name) data-part=(name) { (markup) } } }
                noscript { p class="note bad" { "This page stays as it is: without its script it neither moves nor sends." } }
            }
        }
    }
}

/// Who one is, whether the page is live, and the two things that end something.
fn own_menu(look: &Look<'_>) -> Markup {
    html! {
        details class="menu" {
            summary {
                span id="link" class="link wait" title="Connection to the drill" { "connecting" }
                b { (look.caller.person) } span class="soft" { (look.caller.hat) }
            }
            div class="sheet" {
                p class="pages" {
                    a href={ "/" (look.caller.hat) "/signals" } { "Signals of the target" }
                    a href={ "/" (look.caller.hat) "/status" } { "Status page, as users see it" }
                    @if look.staff.is_some() { a href={ "/" (look.caller.hat) "/debrief" } { "Debrief as it would be now" } }
                    @if look.caller.hat == Hat::Trainer { a href="/trainer/grade" { "Grade" } a href="/trainer/talk" { "Talk" } }
                }
                (stop())
                @if look.caller.hat == Hat::Instigator { (desk::lever()) }
                form data-post="/api/leave" data-then="/" { button class="wide quiet" { "Leave on this device" } }
                label class="check" { input type="checkbox" id="keys" checked; span { "Keyboard shortcuts" } }
                dl class="keys" {
                    dt { kbd { "/" } } dd { "search documents" }
                    @if look.plays() {
                        dt { kbd { "c" } } dd { "write in the channel" }
                        dt { kbd { "a" } } dd { "next alarm to acknowledge" }
                        dt { kbd { "s" } } dd { "status update" }
                        dt { kbd { "t" } } dd { "something to be done" }
                        dt { kbd { "p" } } dd { "page people" }
                    }
                    @if look.caller.hat == Hat::Instigator {
                        dt { kbd { "h" } } dd { "pick a hint, then Enter" }
                    }
                }
            }
        }
    }
}

/// The stop: anybody's, and in two steps.
fn stop() -> Markup {
    html! {
        details class="danger" {
            summary { "Stop the drill \u{2026}" }
            form data-post="/api/stop" {
                p class="soft" { "Every fault is taken back. Nobody will ask whether it was necessary." }
                label { span { "Why" } input name="reason" required maxlength="400" autocomplete="off"; }
                label class="check" { input type="checkbox" name="real_incident:flag"; span { "A real incident: not scored" } }
                label class="check" { input type="checkbox" required; span { "Yes, stop it for everybody" } }
                (super::forms::send("Stop the drill", "danger"))
            }
        }
    }
}

/// On a phone: one touch to each part of the board.
fn sections(look: &Look<'_>, here: &str) -> Markup {
    let to = match look.caller.hat {
        Hat::Responder => {
            [("alarms", "Alarms"), ("channel", "Channel"), ("roles", "Roles"), ("do", "Act")].as_slice()
        }
        Hat::Observer => &[("alarms", "Alarms"), ("channel", "Channel"), ("roles", "Roles"), ("do", "Tell")],
        Hat::Instigator => {
            &[("truth", "Truth"), ("channel", "Channel"), ("do", "Help"), ("alarms", "Alarms")]
        }
        Hat::Trainer => {
            &[("strip", "So far"), ("timeline", "Timeline"), ("do", "Observe"), ("truth", "Truth")]
        }
    };
    html! {
        nav class="sections" aria-label="Parts of the board" {
            @if here.is_empty() {
                @for (id, name) in to { a href={ "#" (id) } { (name) } }
                a href={ "/" (look.caller.hat) "/docs" } { "Docs" }
            } @else {
                @let after = AFTER[2..].iter().any(|(path, _)| *path == here);
                @let pages = if after { AFTER } else { PAGES };
                @for (path, name) in pages {
                    a href={ "/" (look.caller.hat) (path) } aria-current=[(path == here).then_some("page")] { (name) }
                }
            }
        }
    }
}

/// The page that a link opens. The token stays behind the `#`, where no server and no log sees it.
pub(super) fn join() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head("Join a drill", SCRIPT))
            body class="joining" {
                main id="main" class="join card" {
                    span class="exercise" { "EXERCISE" }
                    h1 { "Join the drill" }
                    p class="soft" { "Something will break, on purpose, on a system that is there to be broken. Nobody is graded." }
                    form id="join" {
                        label id="token" {
                            span { "Your link" }
                            input name="token" required autocomplete="off" spellcheck="false" placeholder="http://127.0.0.1:4100/#0123\u{2026}";
                        }
                        label {
                            span { "Your name in the drill" }
                            input name="name" maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" autocomplete="username" autocapitalize="none" spellcheck="false" placeholder="ana";
                            small { "Letters, digits, dots and dashes. Others will see it. A personal link knows it already." }
                        }
                        (super::forms::send("Join", "primary wide"))
                    }
                    p class="soft small" { "In a terminal: " code { "gameday join LINK --as NAME" } }
                    noscript { p class="note bad" { "Joining from the browser needs its script." } }
                }
            }
        }
    }
}
