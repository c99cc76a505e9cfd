//! `gameday severity`: the severity checklist.

use super::{
    board::board,
    session::{Common, Session, send_act},
};
use crate::{
    cli::{
        block_on,
        exit::{Exit, Failure},
        show,
    },
    report::render::terminal,
    scenario::{
        act::Act,
        severity::{Answer, DONT_KNOW},
    },
};
use std::collections::BTreeMap;

const EXAMPLES: &str = "\
Examples:
  gameday severity                                     the questions, their options and the answers so far
  gameday severity live=yes users=everybody
  gameday severity sites=east,west data_loss=dont-know";

/// Answers the severity checklist, or shows it
///
/// The last answer to each question before the end counts. \"dont-know\" is an answer, and never worth less than a guess.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Severity {
    /// Answers: QUESTION=ANSWER, or QUESTION=ONE,ANOTHER; `yes` and `no` are `true` and `false`
    #[arg(value_name = "QUESTION=ANSWER", value_parser = answer)]
    answers: Vec<(String, Answer)>,
    #[command(flatten)]
    common: Common,
}

impl Severity {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        if self.answers.is_empty() {
            return checklist(&self.common);
        }
        let answers: BTreeMap<_, _> = self.answers.into_iter().collect();
        let said = "Answered; a later answer replaces it.";
        send_act(&self.common, "answer the checklist", &Act::Severity(answers), said)
    }
}

fn checklist(common: &Common) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let board = block_on(board(&session))?;
    if common.json {
        show::json(&board.severity)?;
    } else {
        show::print(&terminal::severity(&board))?;
    }
    Ok(Exit::Done)
}

fn answer(text: &str) -> Result<(String, Answer), String> {
    let example = || format!("write QUESTION=ANSWER, such as users=everybody or sites={DONT_KNOW}");
    let (question, words) = text.split_once('=').ok_or_else(example)?;
    let word = |word: &str| match word.trim() {
        "yes" => "true".to_owned(),
        "no" => "false".to_owned(),
        "?" => DONT_KNOW.to_owned(),
        other => other.to_owned(),
    };
    if question.trim().is_empty() || words.split(',').any(|word| word.trim().is_empty()) {
        return Err(example());
    }
    Ok((question.trim().to_owned(), Answer::of(words.split(',').map(word))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_read_as_people_type_them() {
        let says = |words: &[&str]| Answer::of(words.iter().map(|&word| word.to_owned()));
        for (typed, question, wanted) in [
            ("live=yes", "live", says(&["true"])),
            ("sites=west,east", "sites", says(&["east", "west"])),
            ("users=dont-know", "users", Answer::DontKnow),
            ("users=?", "users", Answer::DontKnow),
        ] {
            assert_eq!(answer(typed), Ok((question.to_owned(), wanted)), "{typed}");
        }
        for wrong in ["live", "live=", "=yes", "sites=east,,west"] {
            assert!(answer(wrong).is_err(), "{wrong}");
        }
    }
}
