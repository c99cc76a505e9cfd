//! Who is on: a Code Blue calls everybody when it begins, and in a long drill others come on while it runs.

use crate::stage::{Stage, run, scenario};
use gameday::{
    base::{Person, Span},
    drill::{
        command::{Command, Refusal},
        event::{Event, Hat, Notice, NoticeKind, Outcome, Recorded},
        plan::NamedRoster,
    },
    report::board::ResponderBoard,
    scenario::act::Pager,
};

fn people(names: &[&str]) -> Vec<Person> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn notices(journal: &[Recorded]) -> impl Iterator<Item = (&Recorded, &Notice)> {
    journal.iter().filter_map(|one| match &one.event {
        Event::NoticeQueued(notice) => Some((one, notice)),
        _ => None,
    })
}

#[test]
fn a_code_blue_calls_everybody_by_every_route_once_it_has_begun_and_lets_anybody_in() {
    run(async {
        let mut stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        stage.plan.routes = vec!["terminal".to_owned(), "post".to_owned()];
        stage.plan.admission.code_blue = true;
        // Instigators are named, and not one responder: that bars no Code Blue.
        let roster = NamedRoster { instigators: people(&["ina"]), ..NamedRoster::default() };
        stage.plan.admission.roster = Some(roster);
        let mut conductor = stage.begin().await.unwrap();
        let desk = conductor.desk();
        let coming = async {
            let mut changed = desk.changed();
            while !desk.journal(0).iter().any(|one| matches!(one.event, Event::Started)) {
                changed.changed().await.unwrap();
            }
            let join = |name: &str, hat| Command::Join { person: name.parse().unwrap(), hat };
            desk.send(join("zoe", Hat::Responder)).await.unwrap();
            let refused = desk.send(join("zed", Hat::Instigator)).await;
            assert!(matches!(refused, Err(Refusal::NotOnRoster { .. })), "{refused:?}");
        };
        let (conducted, ()) = tokio::join!(conductor.conduct(), coming);
        conducted.unwrap();
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed));
        let journal = stage.journal().await;
        let started = journal.iter().find(|one| matches!(one.event, Event::Started)).unwrap();
        let called: Vec<_> = notices(&journal)
            .filter(|(_, notice)| notice.about == NoticeKind::Page(Pager::Batphone))
            .collect();
        let routes: Vec<_> = called.iter().map(|(_, notice)| notice.route.as_str()).collect();
        assert_eq!(routes, ["terminal", "post"]);
        for (one, notice) in called {
            assert!(one.seq > started.seq && one.at == started.at, "nobody is called before it has begun");
            assert!(notice.subject.starts_with("EXERCISE CODE BLUE"), "{}", notice.subject);
        }
        // An ordinary drill calls nobody.
        let other = Stage::in_memory(&scenario("pool-shrink"), 7);
        other.begin().await.unwrap().conduct().await.unwrap();
        let calls = |notice: &Notice| matches!(notice.about, NoticeKind::Page(_));
        assert!(!notices(&other.journal().await).any(|(_, notice)| calls(notice)));
    });
}

#[test]
fn a_shift_comes_on_once_at_its_time_and_everybody_is_told_also_behind_a_crash() {
    run(async {
        let mut stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        let shifts = ["0s ana,ben,cho", "20s dia,eva,fin"].map(|shift| shift.parse().unwrap());
        let responders = people(&["ana", "ben", "cho", "dia", "eva", "fin"]);
        let roster = NamedRoster {
            instigators: people(&["ina"]),
            responders,
            anyway: Some("two shifts".to_owned()),
            shifts: shifts.into(),
            ..NamedRoster::default()
        };
        stage.plan.admission.roster = Some(roster);
        let mut first = stage.begin().await.unwrap();
        let desk = first.desk();
        let came_on = |journal: &[Recorded]| {
            journal.iter().filter(|one| matches!(one.event, Event::ShiftBegan { .. })).count()
        };
        let changed = async {
            let mut changed = desk.changed();
            while came_on(&desk.journal(0)) == 0 {
                changed.changed().await.unwrap();
            }
            let board = ResponderBoard::of(&desk.journal(0)).unwrap();
            assert_eq!(board.on_shift, people(&["dia", "eva", "fin"]));
            let before: Vec<_> = desk
                .journal(0)
                .into_iter()
                .filter(|one| !matches!(one.event, Event::ShiftBegan { .. }))
                .collect();
            let board = ResponderBoard::of(&before).unwrap();
            assert_eq!(board.on_shift, people(&["ana", "ben", "cho"]));
        };
        // The engine dies as soon as the shift has come on.
        tokio::select! {
            biased;
            () = changed => {}
            conducted = first.conduct() => conducted.unwrap(),
        }
        drop(first);
        let mut second = stage.take_over(true).await.unwrap();
        second.conduct().await.unwrap();
        assert_eq!(second.drill().outcome(), Some(Outcome::Completed));
        let journal = stage.journal().await;
        assert_eq!(came_on(&journal), 1);
        let began = journal.iter().find(|one| matches!(one.event, Event::ShiftBegan { .. })).unwrap();
        let started = journal.iter().find(|one| matches!(one.event, Event::Started)).unwrap();
        assert_eq!(began.at, started.at + Span::from_secs(20));
        let told: Vec<_> =
            notices(&journal).filter(|(_, notice)| notice.about == NoticeKind::Shift).collect();
        assert_eq!(told.len(), 1, "one for each route");
        let subject = "EXERCISE shift change: dia, eva, fin come on; ana, ben, cho hand over";
        assert_eq!(told[0].1.subject, subject);
    });
}
