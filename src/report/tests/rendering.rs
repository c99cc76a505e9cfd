use super::{
    builder::{Play, do_nothing, no_fault, perfect, plan, scholar},
    plays::{lone_hero, silent_team, two_shifts},
};
use crate::{
    drill::event::{Outcome, Recorded},
    report::{
        Debrief, Journal, debrief,
        render::{
            self,
            document::{Block, Document},
            picture::Picture,
        },
    },
    scenario::act::Act,
};

const NASTY: &str = "\u{4e2d}\u{1f600} <script>alert(1)</script> [x](javascript:alert(1)) \u{1b}[31m|`*_# http://evil.example\n# Heading ]]> \"' &lt;";

fn of(events: &[Recorded]) -> Debrief {
    debrief(&Journal::new(events).unwrap())
}

/// HTML as XML: the doctype goes, void elements are closed, style is opaque.
fn as_xml(html: &str) -> String {
    let mut xml = html.trim_start_matches("<!DOCTYPE html>").to_owned();
    let style_from = xml.find("<style>").unwrap() + 7;
    let style_to = xml.find("</style>").unwrap();
    xml.replace_range(style_from..style_to, "");
    let mut closed = String::new();
    for part in xml.split_inclusive('>') {
        if part.contains("<meta ") {
            closed.push_str(&part.replace('>', "/>"));
        } else {
            closed.push_str(part);
        }
    }
    closed
}

#[test]
fn the_page_is_well_formed_for_every_play() {
    for play in [
        perfect(),
        do_nothing(),
        scholar(),
        no_fault(None),
        Play::of(plan()),
        Play::of(plan()).ended(5, Outcome::Void),
    ] {
        let page = render::html(&of(&play.journal()));
        let xml = as_xml(&page);
        let tree = roxmltree::Document::parse(&xml).unwrap_or_else(|bad| panic!("{bad}"));
        let count = |tag: &str| tree.descendants().filter(|one| one.has_tag_name(tag)).count();
        assert_eq!((count("h1"), count("script"), count("style")), (1, 0, 1));
        assert!(tree.descendants().all(|one| one.attribute("style").is_none()));
        for table in tree.descendants().filter(|one| one.has_tag_name("table")) {
            assert!(table.children().any(|one| one.has_tag_name("caption")));
            assert!(table.descendants().any(|one| one.attribute("scope").is_some()));
        }
        for picture in tree.descendants().filter(|one| one.attribute("role") == Some("img")) {
            for twin in ["title", "desc"] {
                let named = picture.children().find(|one| one.tag_name().name() == twin).unwrap();
                assert!(!named.text().unwrap_or("").is_empty());
            }
        }
        // Links stay on the page, and each has its target.
        for link in tree.descendants().filter_map(|one| one.attribute("href")) {
            let id = link.strip_prefix('#').unwrap();
            assert!(tree.descendants().any(|one| one.attribute("id") == Some(id)), "{link}");
        }
        assert!(page.contains("PRACTICE / EXERCISE"));
        assert!(page.contains("Not for performance review"));
    }
}

/// Every picture of a document.
fn pictures(document: &Document) -> Vec<&Picture> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let figures = blocks.filter_map(|block| match block {
        Block::Figure(figure) => Some(&figure.picture),
        _ => None,
    });
    figures.collect()
}

#[test]
fn every_picture_is_there_with_its_text_twin() {
    let data = of(&perfect().journal());
    let document = Document::of(&data);
    let pictures = pictures(&document);
    let titles: Vec<_> = pictures.iter().map(|picture| picture.title()).collect();
    assert_eq!(
        titles,
        [
            "Claimed against measured",
            "Incident strip",
            "Roles, gaps and conflicts",
            "Announced, done, told",
            "How old the last word was",
            "How it spread, and where it was looked for",
            "The decision ladder over time",
            "Failed requests, added up",
            "Capabilities as dots",
        ]
    );
    let markdown = document.markdown();
    for picture in pictures {
        let svg = picture.svg();
        roxmltree::Document::parse(&svg).unwrap_or_else(|bad| panic!("{bad}: {svg}"));
        assert!(picture.desc().len() > 40, "{}: {}", picture.title(), picture.desc());
        // Who sees no picture reads the same: here in Markdown, in HTML and PDF as its description.
        assert!(markdown.contains(&format!("**{}.**", picture.title())), "{}", picture.title());
    }
}

#[test]
fn every_class_of_a_picture_has_a_look_on_screens() {
    let css = include_str!("../render/plot.css");
    for play in [perfect(), do_nothing(), scholar(), two_shifts("")] {
        let data = of(&play.journal());
        for class in pictures(&Document::of(&data)).iter().flat_map(|picture| picture.classes()) {
            let known = css.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == class);
            assert!(known, "{class}");
        }
    }
}

#[test]
fn pictures_tell_of_the_play() {
    let says = |play: Play, title: &str| {
        let data = of(&play.journal());
        let document = Document::of(&data);
        let all = pictures(&document);
        all.iter().find(|picture| picture.title() == title).map(|picture| picture.desc().to_owned())
    };
    let spoken = says(perfect(), "Announced, done, told").unwrap();
    assert!(spoken.starts_with("depotctl rollback web: announced T+"), "{spoken}");
    let roles = says(lone_hero(), "Roles, gaps and conflicts").unwrap();
    assert!(roles.contains("Role conflict: T+2m50s to") && roles.contains("Nobody coordinated"), "{roles}");
    let silent = says(silent_team(), "How old the last word was").unwrap();
    assert!(silent.starts_with("No update went out while users were harmed"), "{silent}");
    assert_eq!(says(no_fault(None), "How it spread, and where it was looked for"), None);
    assert_eq!(says(no_fault(None), "Failed requests, added up"), None);
}

#[test]
fn the_same_journal_gives_the_same_bytes() {
    let (data, again) = (of(&perfect().journal()), of(&perfect().journal()));
    let (one, two) = (Document::of(&data), Document::of(&again));
    assert_eq!(one.html(), two.html());
    assert_eq!(one.markdown(), two.markdown());
    assert_eq!(one.pdf(), two.pdf());
    assert_eq!(render::json(&data), render::json(&again));
    let back: Debrief = serde_json::from_str(&render::json(&data)).unwrap();
    assert_eq!(Document::of(&back).html(), one.html());
}

#[test]
fn a_pdf_carries_its_faces_and_a_tree_for_screen_readers() {
    let has = |pdf: &[u8], word: &str| pdf.windows(word.len()).any(|window| window == word.as_bytes());
    for play in [perfect(), do_nothing(), no_fault(None), Play::of(plan()).ended(5, Outcome::Void)] {
        let pdf = Document::of(&of(&play.journal())).pdf();
        assert!(pdf.starts_with(b"%PDF-1.7"));
        for word in ["/StructTreeRoot", "/Lang", "/FontFile", "pdfuaid", "/Outlines"] {
            assert!(has(&pdf, word), "{word}");
        }
        assert!(!has(&pdf, "/Subtype/Image"), "pictures are lines, not pixels");
    }
}

#[test]
fn what_people_typed_stays_text() {
    let mut nasty = plan();
    nasty.title = NASTY.to_owned();
    nasty.summary = NASTY.to_owned();
    nasty.objectives = vec![NASTY.to_owned()];
    let mut play = Play::of(nasty).broken().outage(300, 400);
    play = play
        .act(170, "ana", Act::Say(NASTY.to_owned()))
        .act(180, "ana", Act::Declare { text: NASTY.to_owned() })
        .ran(200, NASTY)
        .ended(400, Outcome::Completed);
    let data = of(&play.journal());
    let page = render::html(&data);
    assert!(!page.contains("<script"));
    assert!(!page.contains('\u{1b}'));
    assert!(roxmltree::Document::parse(&as_xml(&page)).is_ok());
    let text = render::markdown(&data);
    assert!(!text.contains('\u{1b}'));
    for line in text.lines() {
        assert!(!line.contains("<script>") || line.contains("\\<script\\>"), "{line}");
        assert!(!line.contains("[x]("), "{line}");
        assert!(!line.contains("http://"), "{line}");
        assert!(!line.starts_with("# Heading"), "{line}");
    }
    assert!(Document::of(&data).pdf().starts_with(b"%PDF"));
    // One title, however it is written.
    assert_eq!(text.lines().filter(|line| line.starts_with("# ")).count(), 1);
}

#[test]
fn the_truth_comes_after_the_reveal_and_scores_come_last() {
    let data = of(&perfect().journal());
    for (text, reveal, scores) in [
        (render::markdown(&data), "## The reveal", "## Capabilities"),
        (render::html(&data), "id=\"reveal\"", "<h2>Capabilities</h2>"),
    ] {
        let reveal = text.find(reveal).unwrap();
        let scores = text.find(scores).unwrap();
        assert!(reveal < scores);
        for sealed in ["shrinks the web tier", "config-rollout", "no alarm on pool saturation"] {
            assert!(text.find(sealed).unwrap() > reveal, "{sealed}");
        }
        assert!(text.find("0.05").unwrap() > scores);
        for open in ["Went well", "Got lucky", "The practice", "Corrective actions"] {
            assert!(text.contains(open), "{open}");
        }
    }
}

#[test]
fn the_team_and_its_roles_are_the_subject() {
    let data = of(&perfect().journal());
    let text: Vec<&str> = data.timeline.rows.iter().map(|row| row.text.as_str()).collect();
    assert!(text.contains(&"ic acknowledged UploadErrorsHigh"), "{text:#?}");
    assert!(text.contains(&"operations ran `depotctl rollback web`"));
    let people = ["ana", "ben", "ivy"];
    for check in data.score.dimensions.iter().flat_map(|one| &one.checks) {
        let words: Vec<_> = check.sentence.split_whitespace().collect();
        assert!(!people.iter().any(|person| words.contains(person)), "{}", check.sentence);
    }
}

#[test]
fn a_long_journal_keeps_to_a_readable_page() {
    let mut play = do_nothing();
    for second in 200..1700 {
        play = play.act(second, "ana", Act::Say(format!("still looking {second}")));
    }
    let data = of(&play.journal());
    assert!(data.timeline.rows.len() <= 400);
    assert!(data.timeline.left_out >= 1100);
    assert!(data.strip.classes.iter().all(|class| class.points.len() <= 360));
}

#[test]
fn the_markdown_of_a_void_drill_says_why_nothing_is_scored() {
    let text = render::markdown(&of(&Play::of(plan()).ended(300, Outcome::Void).journal()));
    assert!(text.contains("Nothing is scored: the fault never bit"), "{text}");
}

#[test]
fn the_markdown_reads_as_it_is_written() {
    let text = render::markdown(&of(&perfect().journal()));
    for line in [
        "# Uploads fail after the evening release",
        "**Users were harmed for 4 min 45 s; put was hit hardest, with 50 % of its requests failing.**",
        "| Harm began | 13:02:05 UTC (T+2m5s) | 13:02:05 UTC (T+2m5s) |",
        "2. 13:02:40 UTC (T+2m40s): the first alarm, UploadErrorsHigh, was raised, 35 s into the outage.",
        "| 13:06:40 | T+6m40s | action | operations ran `depotctl rollback web` | \\#426 |",
        "| Kind of fault | config.capacity | config.capacity.too-small |",
        "| assess | 1.00 | Judging the impact: a strength to keep. | 1.00 (weighs 0.15) | 1.00 (weighs 0.05) |",
        "| assess.severity | 1.00 | The team answered 3 of 3 questions of the severity checklist; 3 as declared. | \\#579 |",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n---\n{text}");
    }
}
