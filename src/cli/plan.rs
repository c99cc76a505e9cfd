//! `gameday plan`: what will happen when.

mod rules;

use super::{
    exit::{Exit, Failure},
    shelf::Shelf,
    show,
};
use crate::{
    base::{At, Span},
    drill::plan::{Plan as DrillPlan, PlanOptions, PlannedInjection, Step, StepKind},
    library::variants::Pick,
    report::wording::{cut, tame},
    scenario::AlarmSeverity,
    seed::Seed,
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gameday plan pool-shrink
  gameday plan my-drill.yaml --seed 7
  gameday plan pool-shrink --prometheus-rules edge > rules.yml
  gameday plan my-drill.yaml --json | jq '.steps[] | select(.kind == \"fault\")'

The plan tells the cause: keep it from people who are going to play.";

/// Longest name of a job, in bytes.
const JOB_BYTES_MAX: usize = 200;

/// Prints what a drill of a scenario pushes at target and players, in order (the MSEL)
///
/// Everything random is resolved by the seed: the same scenario and seed give the same plan. Steps without a time
/// wait for a measurement. Nothing is started.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Plan {
    /// A scenario file, or the name of a built-in scenario
    scenario: String,
    /// Where randomness begins; a fresh one by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The plan of this variant; else of the one that the seed draws
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Prints the measured alarms instead, as rules of a Prometheus whose job `JOB` scrapes what users reach first
    #[arg(long, value_name = "JOB", value_parser = job, conflicts_with = "json")]
    prometheus_rules: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

/// The name of a job: one line.
fn job(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= JOB_BYTES_MAX && !text.contains(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("a job's name is one line of 1 to {JOB_BYTES_MAX} bytes"))
    }
}

#[derive(Serialize)]
struct Msel {
    scenario: String,
    title: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    seed: u64,
    par: Span,
    limit: Span,
    steps: Vec<Row>,
}

/// One step. `at` counts from StartEx.
#[derive(Serialize)]
struct Row {
    at: Option<Span>,
    kind: &'static str,
    name: String,
    on: String,
    text: String,
}

impl Plan {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let seed = self.seed.map_or_else(Seed::fresh, Seed);
        let pick = self.variant.as_deref().map_or(Pick::Drawn(seed), Pick::Named);
        let scenario = self.shelf.load_one(&self.scenario, pick)?;
        // Ids of drill and injections depend on the start, which is not known yet: they are not shown.
        let options = PlanOptions { seed, start: At::from_millis(0), autopilot: false, routes: Vec::new() };
        let plan = DrillPlan::resolve(&scenario, options);
        if let Some(job) = &self.prometheus_rules {
            show::print(&rules::rules(&plan, job))?;
            return Ok(Exit::Done);
        }
        let msel = Msel {
            scenario: plan.scenario.clone(),
            title: plan.title.clone(),
            digest: plan.digest.clone(),
            variant: plan.variant.clone(),
            seed: seed.0,
            par: plan.duration.par,
            limit: plan.duration.limit,
            steps: plan
                .msel()
                .into_iter()
                .map(|step| row(&plan, step))
                .chain(plan.second_act.iter().map(second_act))
                .collect(),
        };
        if self.json {
            show::json(&msel)?;
        } else {
            show::print(&readable(&msel, plan.difficulty))?;
        }
        Ok(Exit::Done)
    }
}

fn row(plan: &DrillPlan, step: Step) -> Row {
    let row = |kind, name: String, on: String, text: String| Row { at: step.at, kind, name, on, text };
    match step.what {
        StepKind::Fault(one) => {
            let noise = if one.related { "" } else { " (noise)" };
            let text = format!("{}{noise}", one.fault.kind());
            row("fault", one.injector, one.fault.place().to_string(), text)
        }
        StepKind::FaultEnds(id) => {
            let ended = plan.injections.iter().find(|one| one.id == id);
            let (name, on) =
                ended.map(|one| (one.injector.clone(), one.fault.place().to_string())).unwrap_or_default();
            row("fault-ends", name, on, "taken back by the plan".to_owned())
        }
        StepKind::Alarm { name, severity } => {
            let rule = plan.alarms.iter().find(|rule| rule.name.as_str() == name);
            let summary = rule.map(|rule| rule.summary.clone()).unwrap_or_default();
            let loud = match severity {
                AlarmSeverity::Page => "page",
                AlarmSeverity::Warning => "warning",
                AlarmSeverity::Info => "info",
            };
            row("alarm", name, loud.to_owned(), summary)
        }
        StepKind::Message(inject) => {
            let kind = if inject.held { "held" } else { "message" };
            row(kind, inject.from, inject.to.to_string(), inject.text)
        }
    }
}

/// What waits for an instigator; its time counts from the moment at which one begins it.
fn second_act(one: &PlannedInjection) -> Row {
    let (name, on, text) = (one.injector.clone(), one.fault.place().to_string(), one.fault.kind().to_owned());
    Row { at: Some(one.at), kind: "second-act", name, on, text }
}

fn readable(msel: &Msel, difficulty: u8) -> String {
    let mut rows = vec![["WHEN", "WHAT", "WHO OR HOW", "TO", "TEXT"].map(str::to_owned).to_vec()];
    rows.extend(msel.steps.iter().map(|step| {
        vec![
            step.at.map_or_else(|| "measured".to_owned(), |at| format!("T+{at}")),
            step.kind.to_owned(),
            step.name.clone(),
            step.on.clone(),
            cut(&tame(&step.text), 70),
        ]
    }));
    let variant = msel.variant.as_ref().map(|name| format!("variant {name}, ")).unwrap_or_default();
    format!(
        "{}: {}\n{variant}seed {}, difficulty {difficulty}, par {}, limit {}\n\n{}",
        msel.scenario,
        tame(&msel.title),
        msel.seed,
        msel.par,
        msel.limit,
        show::table(&rows)
    )
}
