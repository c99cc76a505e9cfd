//! Alarms of a scenario as rules of Prometheus, for a target that a Prometheus scrapes.

use crate::{
    base::Span,
    drill::plan::Plan,
    notify::alertmanager,
    scenario::{
        AlarmRule, AlarmTrigger,
        condition::{Condition, Op, Signal, Subject, Test},
        pack::Metrics,
    },
};
use serde_json::{Value, json};

/// The least that a rate is taken over: several of Prometheus' usual scrapes.
const RATE_MIN: Span = Span::from_mins(1);

/// A group of rules about the metrics that `job` scrapes, as YAML. What a server counts is not what users meet: a rule is
/// about the requests that have come to that job.
pub(super) fn rules(plan: &Plan, job: &str) -> String {
    let (mut text, mut rules) = (String::new(), Vec::new());
    text.push_str(&format!("# Alarms of the scenario {}, about what the job {job} counts.\n", plan.scenario));
    for alarm in &plan.alarms {
        match expression(plan, alarm, job) {
            Ok((expression, held)) => rules.push(rule(alarm, &expression, held)),
            Err(why) => text.push_str(&format!("# {} has no rule: {why}.\n", alarm.name)),
        }
    }
    if rules.is_empty() {
        return text + "groups: []\n";
    }
    // YAML holds JSON: strings with quotes read alike in both.
    text.push_str(&format!(
        "groups:\n  - name: {}\n    rules:\n",
        json!(format!("gameday {}", plan.scenario))
    ));
    for rule in rules {
        text.push_str(&format!("      - {rule}\n"));
    }
    text
}

fn rule(alarm: &AlarmRule, expression: &str, held: Span) -> Value {
    let mut annotations = alertmanager::annotations("", &filled(alarm), None);
    annotations.remove("description");
    if let Some(runbook) = &alarm.runbook {
        annotations.insert("runbook".to_owned(), runbook.clone());
    }
    json!({
        "alert": alarm.name,
        "expr": expression,
        "for": format!("{}ms", held.millis()),
        "labels": {"severity": alarm.severity.as_str(), "exercise": "true"},
        "annotations": annotations,
    })
}

/// The summary with templates of Prometheus in the places of our own measurement's figures.
fn filled(alarm: &AlarmRule) -> String {
    let AlarmTrigger::When(condition) = &alarm.trigger else { return alarm.summary.clone() };
    // The value of a rule is the figure of its first comparison.
    let value = |signal: Signal, template: &'static str, other: &'static str| {
        if condition.tests.first().is_some_and(|test| test.signal == signal) { template } else { other }
    };
    alarm
        .summary
        .replace("{failed}", value(Signal::Failed, "{{ $value | humanizePercentage }}", "part"))
        .replace("{p95}", value(Signal::P95, "{{ $value | printf \"%.0f ms\" }}", "long"))
        .replace("{class}", &condition.subject.to_string())
}

/// What has to hold, and for how long; or why a server cannot tell.
fn expression(plan: &Plan, alarm: &AlarmRule, job: &str) -> Result<(String, Span), &'static str> {
    let AlarmTrigger::When(condition) = &alarm.trigger else {
        return Err("it is raised at a time");
    };
    let method = match &condition.subject {
        Subject::Probe(_) => return Err("it is about a probe"),
        Subject::Workload => None,
        Subject::Class(name) => {
            let class = plan.workload.classes.iter().find(|class| class.name == *name);
            Some(class.ok_or("nobody sends such requests")?.method.clone())
        }
    };
    let names = plan.target.services.iter().find_map(|one| one.metrics.clone()).unwrap_or_default();
    // Prometheus reads `"` and `\` in a value as JSON does.
    let mut labels = format!("job={}", json!(job));
    // Of metrics with names of their own it is not known which labels they have.
    if let Some(method) = method.filter(|_| names == Metrics::default()) {
        labels.push_str(&format!(",method={}", json!(method)));
    }
    let tests = condition.tests.iter().map(|test| compared(test, condition, &names, &labels));
    Ok((tests.collect::<Vec<_>>().join(" and "), condition.held))
}

fn compared(test: &Test, condition: &Condition, names: &Metrics, labels: &str) -> String {
    let over = format!("{}ms", condition.over.max(RATE_MIN).millis());
    let rate = |name: &str, more: &str| format!("sum(rate({name}{{{labels}{more}}}[{over}]))");
    let all = rate(&names.traffic, "");
    let failed = match &names.errors {
        Some(errors) => rate(errors, ""),
        None => rate(&names.traffic, ",status=~\"5..\""),
    };
    // Where nothing failed there is no such series.
    let failed = format!("(({failed} or vector(0)) / {all})");
    let latency = |quantile: f64| {
        let buckets = format!("rate({}_bucket{{{labels}}}[{over}])", names.latency);
        format!("(1000 * histogram_quantile({quantile}, sum by (le) ({buckets})))")
    };
    let figure = match test.signal {
        Signal::Failed => failed,
        Signal::Success => format!("(1 - {failed})"),
        Signal::P50 => latency(0.5),
        Signal::P95 => latency(0.95),
        Signal::P99 => latency(0.99),
    };
    let sign = match test.threshold.op {
        Op::Below => "<",
        Op::AtMost => "<=",
        Op::Above => ">",
        Op::AtLeast => ">=",
    };
    format!("{figure} {sign} {}", test.threshold.value)
}
