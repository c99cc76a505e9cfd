//! The team's answers: what the cause is, and who was harmed.

use super::session::{Common, send_act};
use crate::{
    base::ClassName,
    cli::exit::{Exit, Failure},
    scenario::act::{Act, CauseClaim, ClaimedShare, ClaimedWindow, ImpactClaim, When},
};

/// Statements about the cause, as options of two verbs.
#[derive(Debug, clap::Args)]
struct CauseOptions {
    /// The component at fault
    #[arg(long, value_name = "COMPONENT")]
    component: Option<String>,
    /// The kind of fault, from the tree: `config.certificate`, `resource.disk-space`, ...
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// An offered fact that holds (`f3`); `gameday board --facts` lists them
    #[arg(long = "fact", value_name = "ID")]
    facts: Vec<String>,
    /// The cause in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,
    /// When it began: `T+90s` or an instant
    #[arg(long, value_name = "MOMENT")]
    onset: Option<When>,
    /// How sure, in per cent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    confidence: Option<u8>,
    /// The number of an event of the channel that shows it
    #[arg(long, value_name = "SEQ")]
    evidence: Vec<u64>,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    number.parse().ok().filter(|percent| *percent <= 100).ok_or_else(|| "use 0 to 100".to_owned())
}

impl CauseOptions {
    fn claim(self) -> Result<CauseClaim, Failure> {
        let claim = CauseClaim {
            component: self.component,
            kind: self.kind,
            facts: self.facts,
            text: self.text,
            onset: self.onset,
            confidence: self.confidence,
            evidence: self.evidence,
        };
        let says = claim.component.is_some()
            || claim.kind.is_some()
            || !claim.facts.is_empty()
            || !claim.text.trim().is_empty();
        if says {
            Ok(claim)
        } else {
            Err(Failure::usage("could not send the claim: it says nothing")
                .with_help("Give at least one of --component, --kind, --fact and --text."))
        }
    }
}

/// Notes a guess at the cause while you work
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday hypothesis --component storage --text \"a volume is full\" --confidence 40")]
pub(in crate::cli) struct Hypothesis {
    #[command(flatten)]
    cause: CauseOptions,
    #[command(flatten)]
    common: Common,
}

impl Hypothesis {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let act = Act::Hypothesis(self.cause.claim()?);
        send_act(&self.common, "note the hypothesis", &act, "The hypothesis is noted.")
    }
}

/// Hands in the team's answer: what the cause was
///
/// The last one before the end counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday cause --component edge --kind config.certificate --fact f3 --fact f5 --confidence 90 \\
      --onset T+15s --text \"the certificate has run out\" --evidence 41")]
pub(in crate::cli) struct Cause {
    #[command(flatten)]
    cause: CauseOptions,
    #[command(flatten)]
    common: Common,
}

impl Cause {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let act = Act::Cause(self.cause.claim()?);
        send_act(&self.common, "hand in the cause", &act, "The cause is handed in; a later one replaces it.")
    }
}

/// Hands in the team's answer: who was harmed, when and how much
///
/// The last one before the end counts. An interval with a confidence is an honest answer, too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday assess --window T+15s..T+1m20s --failed put=40%
  gameday assess --window T+15s..T+1m20s --failed put=30..50%@80 --failed get=2 --text \"uploads only\"")]
pub(in crate::cli) struct Assess {
    /// A time of harm: FROM..TO, each `T+90s` or an instant
    #[arg(long = "window", value_name = "FROM..TO", value_parser = window)]
    windows: Vec<ClaimedWindow>,
    /// Failed share of a class in that time: CLASS=PERCENT, or CLASS=LOW..HIGH@CONFIDENCE
    #[arg(long, value_name = "CLASS=SHARE", value_parser = failed)]
    failed: Vec<(ClassName, ClaimedShare)>,
    /// The impact in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Assess {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        if self.windows.is_empty() && self.failed.is_empty() && self.text.trim().is_empty() {
            return Err(Failure::usage("could not hand in the assessment: it says nothing")
                .with_help("Give at least one of --window, --failed and --text."));
        }
        let failed = self.failed.into_iter().collect();
        let act = Act::Assess(ImpactClaim { windows: self.windows, failed, text: self.text });
        let said = "The assessment is handed in; a later one replaces it.";
        send_act(&self.common, "hand in the assessment", &act, said)
    }
}

fn window(text: &str) -> Result<ClaimedWindow, String> {
    let (from, to) = text.split_once("..").ok_or("write FROM..TO, such as T+15s..T+1m20s")?;
    Ok(ClaimedWindow { from: from.parse()?, to: to.parse()? })
}

fn failed(text: &str) -> Result<(ClassName, ClaimedShare), String> {
    let (class, share) = text.split_once('=').ok_or("write CLASS=PERCENT, such as put=40%")?;
    let class = class.trim().parse().map_err(|bad| format!("{bad}"))?;
    let (share, confidence) = match share.split_once('@') {
        Some((share, confidence)) => (share, Some(percent(confidence.trim())?)),
        None => (share, None),
    };
    let figure = |text: &str| {
        let number = text.trim();
        let number = number.strip_suffix('%').unwrap_or(number).trim();
        let share = number.parse::<f64>().ok().filter(|share| (0.0..=100.0).contains(share));
        share.ok_or_else(|| format!("`{text}` is not a share: use 0 to 100, in per cent"))
    };
    let claimed = match share.split_once("..") {
        None => ClaimedShare { percent: figure(share)?, up_to: None, confidence },
        Some((low, high)) => ClaimedShare { percent: figure(low)?, up_to: Some(figure(high)?), confidence },
    };
    if claimed.up_to.is_some_and(|high| high < claimed.percent) {
        return Err("the interval's end lies before its beginning".to_owned());
    }
    Ok((class, claimed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn windows_and_shares_read_as_people_write_them() {
        let read = window("T+15s..T+1m20s").unwrap();
        assert_eq!(read.from, When::Offset(Span::from_secs(15)));
        assert_eq!(read.to, When::Offset(Span::from_secs(80)));
        let share = |percent, up_to, confidence| ClaimedShare { percent, up_to, confidence };
        for (text, wanted) in [
            ("put=40%", share(40.0, None, None)),
            ("put=0.5", share(0.5, None, None)),
            ("put=30..50%@80", share(30.0, Some(50.0), Some(80))),
            ("put=30 % .. 50 %", share(30.0, Some(50.0), None)),
        ] {
            assert_eq!(failed(text), Ok(("put".parse().unwrap(), wanted)), "{text}");
        }
        for wrong in ["put", "put=", "put=101", "put=-1", "put=50..30", "put=4@101", "a b=4", "put=nan"] {
            assert!(failed(wrong).is_err(), "{wrong}");
        }
        assert!(window("T+15s").is_err() && window("15s..20s").is_err());
    }
}
