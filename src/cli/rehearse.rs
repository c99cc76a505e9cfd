//! `gameday rehearse`: proves that a scenario does what it says, and that its repair repairs it.

use super::{
    exit::{Exit, Failure},
    home::Home,
    preflight::{CERTIFICATE, certificate as certificate_at},
    run::Staging,
    show,
};
use crate::{
    drill::event::{Event, Recorded},
    drill::plan::Plan,
    report::{Journal, proof::Proof, score},
    scenario::{Band, Scenario},
};
use serde::Serialize;
use std::fs;

const EXAMPLES: &str = "\
Examples:
  gameday rehearse pool-shrink
  gameday rehearse my-drill.yaml --json
  gameday rehearse my-drill.yaml --variant east     one of its variants
  gameday rehearse my-drill.yaml --every-variant    all of them, one after the other

Exit codes: 0 every link of the proof chain holds, 1 one does not, 4 no steady state, 6 something may still be broken.";

/// Plays a scenario against its reference solution and proves the chain
///
/// Steady before, fault landed, oracle failed, alarm received, repaired, restored, reverted, steady after; and that
/// the sample claims score as their author says, and nothing that `check --lint` asks for is missing. Leaves a certificate
/// for this digest of the scenario.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rehearse {
    /// A scenario file, or the name of a built-in scenario
    scenario: String,
    /// Plays each of the scenario's variants; each has a certificate of its own. `--json` then prints an array
    #[arg(long, conflicts_with = "variant")]
    every_variant: bool,
    #[command(flatten)]
    stage: Staging,
}

/// What a rehearsal leaves behind.
#[derive(Serialize)]
struct Certificate {
    format: &'static str,
    scenario: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    rehearsed_at: String,
    holds: bool,
    proof: Proof,
    claims: Vec<ClaimResult>,
    /// What the lint finds missing.
    lint: Vec<String>,
    refused: Vec<String>,
}

#[derive(Serialize)]
struct ClaimResult {
    text: String,
    band: Band,
    score: f64,
    held: bool,
}

impl Rehearse {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let variants = self.stage.shelf.load(&self.scenario)?.variants;
        if self.every_variant && !variants.is_empty() {
            return self.each(variants);
        }
        if self.stage.variant.is_none() && !variants.is_empty() {
            let names = variants.join(", ");
            return Err(Failure::usage(format!("could not rehearse {}: it has variants", self.scenario))
                .with_help(format!(
                    "Name one with `--variant` ({names}), or rehearse each with `--every-variant`."
                )));
        }
        let (exit, certificate) = self.rehearse(&self.stage)?;
        if self.stage.json {
            show::json(&certificate)?;
        }
        Ok(exit)
    }

    /// One variant after the other. The worst of them decides.
    fn each(&self, variants: Vec<String>) -> Result<Exit, Failure> {
        let (mut worst, mut certificates) = (Exit::Done, Vec::new());
        for variant in variants {
            let mut stage = self.stage.clone();
            stage.out = stage.out.map(|folder| folder.join(&variant));
            stage.variant = Some(variant);
            let (exit, certificate) = self.rehearse(&stage)?;
            if exit.code() > worst.code() {
                worst = exit;
            }
            certificates.push(certificate);
        }
        if self.stage.json {
            show::json(&certificates)?;
        }
        Ok(worst)
    }

    /// One rehearsal, and the certificate that it has left.
    fn rehearse(&self, stage: &Staging) -> Result<(Exit, Certificate), Failure> {
        let lint = stage.lint(&self.scenario)?;
        let mut play = stage.play(&self.scenario, true, None)?;
        play.show = None;
        play.admission.rehearsal = true;
        let scenario = play.scenario.clone();
        if !stage.json {
            let variant =
                scenario.variant.as_ref().map(|name| format!(", variant {name}")).unwrap_or_default();
            show::line(&format!(
                "Rehearsing {} ({}){variant}; this takes about two minutes.",
                scenario.name, scenario.title
            ))?;
        }
        let played = stage.see_through(play)?;
        let certificate = certify(&scenario, lint, &played.journal)?;
        let home = Home::open()?;
        let folder = home.certificates();
        fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        let path = certificate_at(&home, (&scenario.digest, scenario.variant.as_deref()));
        let text = serde_json::to_vec_pretty(&certificate).expect("a certificate is plain data");
        fs::write(&path, text).map_err(Failure::io(format!("write {}", path.display())))?;
        if !stage.json {
            show::print(&readable(&certificate))?;
            show::line(&format!(
                "\ncertificate  {}\njournal      {}",
                path.display(),
                played.folder.display()
            ))?;
        }
        let exit = match played.exit() {
            Exit::Done if certificate.holds => Exit::Done,
            Exit::Done => Exit::Refused,
            other => other,
        };
        Ok((exit, certificate))
    }
}

fn certify(scenario: &Scenario, lint: Vec<String>, events: &[Recorded]) -> Result<Certificate, Failure> {
    let journal = Journal::new(events).map_err(Failure::io("read the journal back"))?;
    let proof = Proof::of(&journal);
    let claims = claims(scenario, journal.plan());
    let refused: Vec<_> = events
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Played { play, refused: Some(why) } => Some(format!("play {}: {why}", play + 1)),
            _ => None,
        })
        .collect();
    let said_right = claims.iter().all(|claim| claim.held) && lint.is_empty();
    let holds = proof.holds() && said_right && refused.is_empty();
    Ok(Certificate {
        format: CERTIFICATE,
        scenario: scenario.name.clone(),
        digest: scenario.digest.clone(),
        variant: scenario.variant.clone(),
        rehearsed_at: journal.start().to_string(),
        holds,
        proof,
        claims,
        lint,
        refused,
    })
}

/// Every sample claim against its band.
fn claims(scenario: &Scenario, plan: &Plan) -> Vec<ClaimResult> {
    scenario
        .sample_claims
        .iter()
        .map(|sample| {
            let score = score::claim_score(plan, &sample.claim());
            let held = Band::of(score) == sample.band;
            ClaimResult { text: sample.text.clone(), band: sample.band, score, held }
        })
        .collect()
}

fn readable(certificate: &Certificate) -> String {
    let mark = |held| if held { "ok  " } else { "FAIL" };
    let mut text = String::new();
    for link in &certificate.proof.links {
        text.push_str(&format!("  {} {:<16} {}\n", mark(link.held), link.name, link.detail));
    }
    for claim in &certificate.claims {
        let band = format!("{:?}", claim.band).to_lowercase();
        text.push_str(&format!(
            "  {} claim {band:<10} scores {:.2}: {}\n",
            mark(claim.held),
            claim.score,
            claim.text
        ));
    }
    for missing in &certificate.lint {
        text.push_str(&format!("  {} {missing}\n", mark(false)));
    }
    for refused in &certificate.refused {
        text.push_str(&format!("  {} the autopilot was refused: {refused}\n", mark(false)));
    }
    text.push_str(if certificate.holds {
        "The rehearsal holds.\n"
    } else {
        "The rehearsal does not hold.\n"
    });
    text
}
