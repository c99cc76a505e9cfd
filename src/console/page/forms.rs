//! What responders do. A form is a command in JSON: the name of a field is its path (`status.text`), a suffix says what
//! it is (`:number`, `:moment`, `:list`, `:flag`, `:yes`). The script builds and sends it, and shows what the drill answers.

use super::{Look, actions, parts, ticket};
use crate::{
    drill::event::Hat,
    fault::kind,
    report::{board::BoardRole, wording::tame},
};
use maud::{Markup, html};

/// The button of a form, and the place of the answer.
pub(super) fn send(text: &str, class: &str) -> Markup {
    html! { div class="send" { button class=(class) { (text) } output role="status" {} } }
}

/// The board of those who play.
pub(super) fn responder(look: &Look<'_>) -> Markup {
    let all = parts::all(look);
    let part = |name: &'static str, class: &str| {
        let found = all.iter().find(|(one, _)| *one == name);
        found.map_or_else(|| html! {}, |(_, markup)| parts::place(name, class, markup))
    };
    html! {
        div class="board" {
            div class="side" { (part("alarms", "card")) (part("incident", "card")) (part("actions", "card")) (part("roles", "card")) }
            (parts::channel(look, &composer(look)))
            div class="side" {
                section id="do" class="card doing" aria-labelledby="h-do" {
                    h2 id="h-do" { "Act" }
                    (doing("s", "Tell people", "status update", &status(look)))
                    (doing("p", "Page people", "the on-call, or everybody", &actions::page()))
                    (doing("d", "Declare an incident", "begins when somebody says so", &declare()))
                    (doing("t", "Open a ticket", "tracks the incident", &ticket::open(look)))
                    (doing("v", "Severity checklist", "\u{201c}don\u{2019}t know\u{201d} is an answer", &ticket::severity(look)))
                    (doing("e", "Decide", "the slightest step first, and why", &ticket::decide(look)))
                    (doing("g", "Guess at the cause", "a wrong one costs nothing", &cause(look, "hypothesis")))
                    (doing("n", "Name the cause", "the team\u{2019}s answer", &cause(look, "cause")))
                    (doing("i", "Assess the impact", "the team\u{2019}s answer", &assess(look)))
                    (doing("w", "Sum up", "what happened, in your own words", &summary()))
                    (doing("u", "We are stumped", "asks for a question or a hint", &stumped()))
                    (doing("r", "Give the all-clear", "restoration itself is measured", &resolve()))
                }
                (part("tickets", "card"))
                (part("answers", "card"))
                (part("help", "card"))
            }
        }
    }
}

fn doing(id: &str, title: &str, note: &str, form: &Markup) -> Markup {
    html! {
        details class="act" name="act" id={ "act-" (id) } {
            summary { span { (title) } small { (note) } }
            (form)
        }
    }
}

pub(super) fn components(look: &Look<'_>, empty: &str) -> Markup {
    html! {
        option value="" { (empty) }
        @for component in &look.board.components { option value=(component) { (component) } }
    }
}

/// Says something, or writes the action that is about to be taken into the log.
fn composer(look: &Look<'_>) -> Markup {
    html! {
        form id="composer" class="composer" {
            label class="grow" {
                span class="hush" { "Message" }
                textarea id="message" name="text" rows="2" required maxlength="2000" placeholder="Say something, or write what you are about to do: !log restarting storage-west" {}
            }
            div class="row" {
                label class="on" { span class="hush" { "Log it on" } select name="on" { (components(look, "on \u{2026}")) } }
                output role="status" {}
                button class="quiet" name="as" value="log" title="Write it into the log before you do it" { "!log" }
                button class="primary" name="as" value="say" { "Send" }
            }
        }
    }
}

/// The button of an alarm.
pub(super) fn acknowledge(alarm: &str) -> Markup {
    html! {
        form data-post="/api/act" class="inline" {
            input type="hidden" name="ack" value=(alarm);
            button class="primary ack" { "Acknowledge" } output role="status" {}
        }
    }
}

/// What one can do about a role.
pub(super) fn role(look: &Look<'_>, one: &BoardRole) -> Markup {
    let me = &look.caller.person;
    let others = look.board.people.iter().filter(|(person, hat)| *hat == Hat::Responder && person != me);
    let simple = |name: &str, word: &str, class: &str| {
        html! {
            form data-post="/api/act" class="inline" {
                input type="hidden" name=(name) value=(one.role);
                button class=(class) { (word) } output role="status" {}
            }
        }
    };
    html! {
        @match &one.holder {
            None => (simple("take-role", "Take it", "quiet")),
            Some(holder) if holder == me => {
                details class="more" {
                    summary { "Hand over or give back" }
                    form data-post="/api/act" {
                        input type="hidden" name="hand-over.role" value=(one.role);
                        label { span { "To" } select name="hand-over.to" required {
                            @for (person, _) in others { option value=(person) { (person) } }
                        } }
                        label { span { "What they must know" } textarea name="hand-over.note" rows="2" maxlength="2000" {} }
                        (send("Hand over", "primary"))
                    }
                    (simple("release-role", "Give it back", "quiet"))
                }
            }
            // There is one coordinator, who hands over; other roles may be taken over without asking.
            Some(_) if one.role.as_str() == "ic" => {}
            Some(_) => (simple("take-role", "Take it over", "quiet")),
        }
    }
}

/// Words to begin with, for each audience.
const TEMPLATES: [(&str, &str); 6] = [
    (
        "Users: something is wrong",
        "Some of your [uploads] are failing since [12:00 UTC]. We are looking; what is stored is safe. Next word in [ten] minutes.",
    ),
    (
        "Users: we know why",
        "We have found the reason and are putting it right. [Uploads] may still fail until then. Next word in [ten] minutes.",
    ),
    (
        "Users: a fix is in place",
        "A fix is in place and [uploads] recover. We keep watching. Next word in [ten] minutes.",
    ),
    (
        "Users: it is over",
        "[Uploads] work again since [12:30 UTC]. Nothing that was stored is lost. We will publish what we learned.",
    ),
    (
        "Stakeholders",
        "What: [..]. Who is hit: [..], about [..] %. Since: [..] UTC. We are doing: [..]. Decision needed: [none]. Next word: [..] UTC.",
    ),
    (
        "Support",
        "Symptom that users report: [..]. What to tell them: [..]. Workaround: [none yet]. Do not promise a time.",
    ),
];

fn status(look: &Look<'_>) -> Markup {
    html! {
        form data-post="/api/act" {
            label { span { "Begin with" } select data-template="status.text" {
                option value="" { "an empty text" }
                @for (name, text) in TEMPLATES { option value=(text) { (name) } }
            } }
            label { span { "Text" } textarea name="status.text" rows="4" required maxlength="2000" {} small { "What is wrong, for whom, what you do, when the next word comes. Fill in what stands in brackets." } }
            fieldset class="chips" {
                legend { "To" }
                @for (to, on) in [("users", true), ("stakeholders", false), ("support", false)] {
                    label class="check" { input type="checkbox" name="status.to[]" value=(to) checked[on]; span { (to) } }
                }
            }
            div class="two" {
                label { span { "It is" } select name="status.state" {
                    @for state in ["investigating", "identified", "monitoring", "resolved"] { option value=(state) { (state) } }
                } }
                label { span { "Next word in" } select name="status.next_in" {
                    option value="" { "no promise" }
                    @for (span, chosen) in [("10m", true), ("15m", false), ("30m", false), ("1h", false)] { option value=(span) selected[chosen] { (span) } }
                } }
            }
            div id="mirror" data-part="mirror" { (ticket::mirror(look)) }
            (send("Send to them", "primary"))
        }
    }
}

fn one_text(name: &str, label: &str, placeholder: &str, button: &str) -> Markup {
    html! {
        form data-post="/api/act" {
            label { span { (label) } textarea name=(name) rows="2" required maxlength="2000" placeholder=(placeholder) {} }
            (send(button, "primary"))
        }
    }
}

fn declare() -> Markup {
    one_text(
        "declare.text",
        "What is broken, for whom",
        "Uploads fail for about a third of users since 12:04",
        "Declare the incident",
    )
}

fn stumped() -> Markup {
    one_text(
        "stumped",
        "What you do not get any further with",
        "We do not know what the failing requests share",
        "Say it",
    )
}

fn summary() -> Markup {
    one_text(
        "summary",
        "What happened",
        "A release made the pool too small; uploads waited and were turned away; going back repaired it",
        "Keep it",
    )
}

fn resolve() -> Markup {
    one_text("resolve", "Why it is over", "Uploads are good again since 12:31", "Give the all-clear")
}

fn moment(name: &str, label: &str) -> Markup {
    html! {
        label { span { (label) } input name={ (name) ":moment" } placeholder="T+90s or 12:04:05" autocomplete="off"
            pattern="T\\+([0-9]+(h|m|s|ms))+|[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9])?(Z| UTC)?|[0-9T:.\\-]+Z"; }
    }
}

fn cause(look: &Look<'_>, act: &str) -> Markup {
    let field = |name: &str| format!("{act}.{name}");
    html! {
        form data-post="/api/act" {
            div class="two" {
                label { span { "Component" } select name=(field("component")) { (components(look, "not known")) } }
                label { span { "Kind of fault" } select name=(field("kind")) {
                    option value="" { "not known" }
                    @for (family, kinds) in kind::TREE {
                        optgroup label=(family) { @for kind in *kinds { option value={ (family) "." (kind) } { (family) "." (kind) } } }
                    }
                } }
            }
            fieldset class="facts" {
                legend { "What is true of it" }
                p class="soft small" { "Some are wrong. Ticking all of them is worth nothing." }
                @for offer in &look.board.fact_offers {
                    label class="check" { input type="checkbox" name=(field("facts[]")) value=(offer.name); span { (tame(&offer.says)) } }
                }
            }
            label { span { "In words" } textarea name=(field("text")) rows="2" maxlength="2000" {} }
            div class="three" {
                (moment(&field("onset"), "Since"))
                label { span { "How sure, %" } input type="number" min="0" max="100" inputmode="numeric" name=(field("confidence:number")); }
                label { span { "Evidence" } input name=(field("evidence:list")) inputmode="numeric" placeholder="41, 52" autocomplete="off"; }
            }
            (send(if act == "cause" { "This was the cause" } else { "Note the guess" }, "primary"))
        }
    }
}

fn assess(look: &Look<'_>) -> Markup {
    let window = |n: usize| {
        html! {
            div class="two" {
                (moment(&format!("assess.windows[{n}].from"), "Harm from"))
                (moment(&format!("assess.windows[{n}].to"), "until"))
            }
        }
    };
    html! {
        form data-post="/api/act" {
            (window(0))
            details class="more" { summary { "More windows" } (window(1)) (window(2)) }
            fieldset class="shares" {
                legend { "Share of requests that failed in these times" }
                @for class in &look.board.classes {
                    @let name = format!("assess.failed.{class}");
                    div class="share" {
                        b { (class) }
                        label { span { "from %" } input type="number" min="0" max="100" step="any" inputmode="decimal" name={ (name) ".percent:number" }; }
                        label { span { "to %" } input type="number" min="0" max="100" step="any" inputmode="decimal" name={ (name) ".up_to:number" }; }
                        label { span { "sure, %" } input type="number" min="0" max="100" inputmode="numeric" name={ (name) ".confidence:number" }; }
                    }
                }
                p class="soft small" { "An honest interval is better than a wrong number." }
            }
            label { span { "In words" } textarea name="assess.text" rows="2" maxlength="2000" {} }
            (send("This was the impact", "primary"))
        }
    }
}
