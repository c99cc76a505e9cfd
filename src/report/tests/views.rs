//! The debrief as others write it: views of houses, a template of one's own, runs side by side, a drill once more.

use super::{
    builder::{Play, do_nothing, perfect, plan, scholar},
    plays::silent_team,
};
use crate::{
    drill::event::{Event, Outcome, Recorded},
    report::{
        Debrief, Journal,
        board::Audience,
        compare::{Comparison, Incomparable, compare},
        debrief,
        render::{
            self, View,
            replay::{asciicast, frames},
            template::{BadTemplate, Form, fill, placeholders},
        },
    },
};

fn of(events: &[Recorded]) -> Debrief {
    debrief(&Journal::new(events).unwrap())
}

/// The play as a drill of that id.
fn drill(play: &Play, id: &str) -> Vec<Recorded> {
    let mut journal = play.clone().journal();
    let Event::Planned(planned) = &mut journal[0].event else { panic!("event 0 is the plan") };
    planned.drill = id.parse().unwrap();
    journal
}

fn side_by_side(plays: &[Vec<Recorded>]) -> Result<Comparison, Incomparable> {
    let journals: Vec<_> = plays.iter().map(|events| Journal::new(events).unwrap()).collect();
    compare(&journals)
}

#[test]
fn every_house_finds_its_headings() {
    let wanted: [(View, &[&str]); 6] = [
        (View::Brief, &["Impact", "Cause and repair", "Corrective actions"]),
        (
            View::Egee,
            &[
                "One-line description",
                "Description",
                "Time line",
                "Analysis",
                "Follow-up: done",
                "Follow-up: preventive",
                "Acknowledgements",
            ],
        ),
        (
            View::Wikimedia,
            &["Metadata", "Summary", "Timeline", "Detection", "Conclusions", "Actionables", "Scorecard"],
        ),
        (
            View::Google,
            &[
                "Summary",
                "Impact",
                "Root causes",
                "Trigger",
                "Resolution",
                "Detection",
                "Action items",
                "Lessons learned",
                "Timeline",
                "Supporting information",
            ],
        ),
        (
            View::PagerDuty,
            &[
                "Overview",
                "What happened",
                "Contributing factors",
                "Resolution",
                "Impact",
                "Responders",
                "Timeline",
                "Action items",
                "Messaging",
            ],
        ),
        (
            View::Hseep,
            &[
                "Exercise overview",
                "Objectives",
                "Strengths that the journal shows",
                "Appendix: improvement plan",
            ],
        ),
    ];
    let data = of(&perfect().journal());
    for (view, headings) in wanted {
        let document = view.of(&data);
        let found: Vec<_> = document.sections.iter().map(|section| section.title.as_str()).collect();
        let mut rest = found.iter();
        for heading in headings {
            assert!(rest.any(|title| title == heading), "{view:?} lacks `{heading}` in its place: {found:?}");
        }
        assert!(document.markdown().contains("tells the truth"), "{view:?} warns of the truth");
    }
}

#[test]
fn every_view_of_every_play_is_written_in_every_format() {
    let plays = [perfect(), do_nothing(), silent_team(), Play::of(plan()).ended(5, Outcome::Void)];
    for play in plays {
        let data = of(&play.journal());
        for view in View::ALL {
            let document = view.of(&data);
            assert!(document.html().ends_with("</html>"), "{view:?}");
            assert!(document.markdown().contains("PRACTICE / EXERCISE"), "{view:?}");
            assert!(document.pdf().len() > 5_000, "{view:?}");
        }
    }
}

#[test]
fn a_wiki_timeline_says_where_the_outage_begins_and_ends() {
    let text = View::Wikimedia.of(&of(&perfect().journal())).markdown();
    let begins = text.find("| 13:02:05 | T+2m5s | service | OUTAGE BEGINS |").unwrap();
    let alarm = text.find("alarm UploadErrorsHigh").unwrap();
    let ends = text.find("OUTAGE ENDS").unwrap();
    assert!(begins < alarm && alarm < ends);
}

#[test]
fn a_brief_fits_on_a_sheet() {
    for play in [perfect(), do_nothing()] {
        let data = of(&play.journal());
        let (brief, whole) = (View::Brief.of(&data).pdf(), View::Whole.of(&data).pdf());
        assert_eq!(pages(&brief), 1);
        assert!(pages(&whole) > 4, "{} pages", pages(&whole));
    }
}

/// Pages that a PDF says it has.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page\n").count() + text.matches("/Type/Page/").count()
}

#[test]
fn a_template_of_ones_own_is_filled() {
    let data = of(&perfect().journal());
    let text = "# {{title}} ({{ date }})\n\nBegan {{outage_began}}.\n\n{{section.resolution}}\n";
    let filled = fill(text, &data, Form::Markdown).unwrap();
    assert!(filled.starts_with("# Uploads fail after the evening release (2026-12-01)\n"), "{filled}");
    assert!(filled.contains("Began 13:02:05 UTC (T+2m5s)."), "{filled}");
    assert!(filled.contains("## Resolution\n\nService was measured"), "{filled}");
    for name in placeholders() {
        for form in [Form::Markdown, Form::Html] {
            let filled = fill(&format!("{{{{{name}}}}}"), &data, form).unwrap();
            assert!(!filled.contains("{{"), "{name}");
        }
    }
}

#[test]
fn a_placeholder_that_is_none_is_told_with_its_place() {
    let data = of(&perfect().journal());
    let told = |text: &str| fill(text, &data, Form::Markdown).unwrap_err();
    let unknown = told("a line\näö {{title}} {{ tilte }}\n");
    assert_eq!(unknown, BadTemplate::Unknown { line: 2, column: 14, name: "tilte".to_owned() });
    assert_eq!(unknown.to_string(), "2:14: there is no placeholder `tilte`");
    assert_eq!(told("{{title"), BadTemplate::NotClosed { line: 1, column: 1 });
    assert_eq!(told(&"x".repeat(300_000)), BadTemplate::TooLarge);
    assert!(matches!(told("{{section.nothing}}"), BadTemplate::Unknown { .. }));
}

#[test]
fn what_people_typed_does_nothing_in_a_template() {
    let mut nasty = plan();
    nasty.title = "<script>alert(1)</script>".to_owned();
    let data = of(&Play::of(nasty).ended(300, Outcome::Completed).journal());
    let filled = fill("<h1>{{title}}</h1>{{section.timeline}}", &data, Form::Html).unwrap();
    assert!(filled.starts_with("<h1>&lt;script&gt;"), "{filled}");
    assert!(!filled.contains("<script"));
}

#[test]
fn runs_stand_side_by_side_and_nothing_is_summed_up() {
    let runs = [drill(&perfect(), "d-1"), drill(&scholar(), "d-2"), drill(&silent_team(), "d-3")];
    let comparison = side_by_side(&runs).unwrap();
    let letters: String = comparison.runs.iter().map(|run| run.letter).collect();
    assert_eq!(letters, "ABC");
    assert!(comparison.measures.iter().all(|measure| measure.seconds.len() == 3));
    let told = comparison.measures.iter().find(|one| one.name.starts_with("first word")).unwrap();
    assert!(told.seconds[0].is_some() && told.seconds[2].is_none());
    let document = render::side_by_side(&comparison);
    let text = document.markdown();
    for word in ["| A |", "| B |", "| C |", "Times, run by run", "Capabilities, run by run"] {
        assert!(text.contains(word), "{word}");
    }
    for word in ["average", "mean", "total", "best", "rank "] {
        assert!(!text.to_lowercase().contains(word), "{word}");
    }
    assert!(document.html().contains("role=\"img\"") && document.pdf().starts_with(b"%PDF"));
    let other_order = side_by_side(&[runs[2].clone(), runs[0].clone()]).unwrap();
    assert_eq!(other_order.runs[1].drill, "d-1");
}

#[test]
fn runs_that_are_no_match_are_refused() {
    let one = drill(&perfect(), "d-1");
    assert_eq!(side_by_side(std::slice::from_ref(&one)), Err(Incomparable::Count(1)));
    assert_eq!(side_by_side(&[one.clone(), one.clone()]), Err(Incomparable::Twice('A', 'B')));
    let mut other = plan();
    other.scenario = "another".to_owned();
    let other = drill(&Play::of(other).ended(300, Outcome::Completed), "d-2");
    assert!(matches!(side_by_side(&[one.clone(), other]), Err(Incomparable::Scenario { letter: 'B', .. })));
    let mut changed = plan();
    changed.digest = "changed".to_owned();
    let changed = drill(&Play::of(changed).ended(300, Outcome::Completed), "d-3");
    let differences = side_by_side(&[one, changed]).unwrap().differences;
    assert!(differences[0].starts_with("B played another text of the scenario"), "{differences:?}");
}

#[test]
fn responders_see_a_drill_again_without_its_truth() {
    let journal = perfect().journal();
    let journal = Journal::new(&journal).unwrap();
    let text =
        |audience| -> String { frames(&journal, audience, 80).into_iter().map(|frame| frame.text).collect() };
    let (responder, instigator) = (text(Audience::Responder), text(Audience::Instigator));
    assert!(instigator.contains("injection") && !responder.contains("injection"), "{responder}");
    assert!(!responder.contains("shrinks the web tier"));
    for row in responder.lines() {
        let plain: String = anstream::adapter::strip_str(row).to_string();
        assert!(plain.chars().count() <= 80, "{plain}");
    }
}

#[test]
fn a_recording_lasts_as_long_as_its_speed_says() {
    let journal = perfect().journal();
    let journal = Journal::new(&journal).unwrap();
    let frames = frames(&journal, Audience::Responder, 100);
    let last = |speed| {
        let cast = asciicast(&frames, "t", 100, speed);
        let line: serde_json::Value = serde_json::from_str(cast.lines().last().unwrap()).unwrap();
        line[0].as_f64().unwrap()
    };
    let (slow, fast) = (last(1.0), last(60.0));
    assert!(slow > 300.0 && (slow / fast - 60.0).abs() < 0.1, "{slow} {fast}");
}
