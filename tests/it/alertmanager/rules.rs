//! Alarms of scenarios as rules of Prometheus: its own tool accepts them, and they fire when they should.

use crate::{
    cli::{folder, gameday, out},
    skip::skip,
};
use gameday::library::Library;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn promtool(folder: &Path, args: &[&str]) -> Option<Output> {
    Command::new("promtool").current_dir(folder).args(args).output().ok()
}

fn rules(home: &Path, scenario: &str) -> String {
    let args = ["plan", scenario, "--seed", "7", "--prometheus-rules", "edge"];
    out(gameday(home).args(args))
}

/// Each rule is a line of JSON, which YAML reads, too.
fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("- {"));
    lines.map(|line| serde_json::from_str(&format!("{{{line}")).unwrap()).collect()
}

#[test]
fn prometheus_accepts_the_rules_of_every_scenario() {
    let home = folder();
    if promtool(home.path(), &["--version"]).is_none() {
        return skip("promtool is not installed");
    }
    let mut found = 0;
    for scenario in Library::built_in() {
        let text = rules(home.path(), &scenario);
        found += lines(&text).len();
        fs::write(home.path().join("rules.yml"), &text).unwrap();
        let checked = promtool(home.path(), &["check", "rules", "rules.yml"]).unwrap();
        assert!(checked.status.success(), "{scenario}: {}\n{text}", String::from_utf8_lossy(&checked.stderr));
    }
    assert!(found >= 10, "{found} rules of all scenarios");
    let refused = gameday(home.path()).args(["plan", "pool-shrink", "--prometheus-rules", "a\nb"]).assert();
    refused.code(2);
}

#[test]
fn a_rule_fires_when_as_many_requests_fail_as_the_alarm_says_and_not_before() {
    let home = folder();
    if promtool(home.path(), &["--version"]).is_none() {
        return skip("promtool is not installed");
    }
    let text = rules(home.path(), "pool-shrink");
    assert!(text.contains("# DiskPredictedFull has no rule: it is raised at a time."), "{text}");
    let rule = lines(&text).remove(0);
    assert_eq!((&rule["alert"], &rule["for"]), (&json!("UploadErrorsHigh"), &json!("8000ms")));
    fs::write(home.path().join("rules.yml"), &text).unwrap();
    let firing = |share: &str| {
        json!([{"exp_labels": {"severity": "page", "exercise": "true"},
            "exp_annotations": {"summary": format!("EXERCISE: {share} of uploads fail"), "runbook": "runbooks/uploads.md"}}])
    };
    // Of every hundred uploads so many fail; downloads do not count.
    for (failed, expected) in [(0, json!([])), (4, json!([])), (20, firing("20%"))] {
        let series = |method: &str, status: u16, step: u32| {
            let labels = format!("job=\"edge\",method=\"{method}\",status=\"{status}\"");
            json!({"series": format!("http_requests_total{{{labels}}}"), "values": format!("0+{step}x40")})
        };
        let mut input = vec![series("PUT", 201, 100 - failed), series("GET", 503, 900)];
        if failed > 0 {
            input.push(series("PUT", 503, failed));
        }
        let case = json!({"rule_files": ["rules.yml"], "evaluation_interval": "5s", "tests": [{
            "interval": "5s", "input_series": input,
            "alert_rule_test": [{"eval_time": "3m", "alertname": "UploadErrorsHigh", "exp_alerts": expected}]}]});
        fs::write(home.path().join("test.yml"), case.to_string()).unwrap();
        let judged = promtool(home.path(), &["test", "rules", "test.yml"]).unwrap();
        let said = String::from_utf8_lossy(&[judged.stdout, judged.stderr].concat()).into_owned();
        assert!(judged.status.success(), "{failed} of 100 fail: {said}\n{text}");
    }
}
