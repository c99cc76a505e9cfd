//! The usual means: how alarms and announcements reach people outside the console.
//!
//! Whatever a [`Notice`] says, nothing leaves this room without the word EXERCISE on it: each notifier puts it there
//! by itself. The engine keeps an outbox and tries again; a receiver tells repeated deliveries apart by the notice's id.
//!
//! Open first: [`Notifier`], the seam that the engine knows; then [`means`], the file that says which routes there are.
//! [`terminal`], [`webhook`], [`slack`], [`alertmanager`] and [`letters`] deliver; [`Routes`] finds the one that a notice names. Letters about what
//! is planned go by [`mail`], behind a seam of their own, [`Carrier`].

pub mod alertmanager;
pub mod http;
pub mod letters;
pub mod mail;
pub mod means;
pub mod ntfy;
pub mod slack;
pub mod terminal;
pub mod webhook;

pub use alertmanager::Alertmanager;
pub use http::BadDestination;
pub use mail::{Carrier, MailServer};
pub use means::{Addressees, Means};
pub use ntfy::Ntfy;
pub use slack::Slack;
pub use terminal::Terminal;
pub use webhook::Webhook;

use crate::{
    base::Span,
    clock::BoxFuture,
    drill::{command::DeliveryError, event::Notice},
};
use std::{collections::BTreeMap, sync::Arc};

/// The word that marks everything sent.
pub const MARK: &str = "EXERCISE";

/// Delivers notices.
pub trait Notifier: Send + Sync {
    /// Delivers one notice. It may be delivered again, with the same id, when an engine lost the answer.
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>>;

    /// An engine before this one has delivered these, and they still hold: a receiver that has to hear of them again and
    /// again does so.
    fn goes_on(&self, _told: &[Notice]) {}
}

/// Notifiers by the name of their route.
#[derive(Clone, Default)]
pub struct Routes {
    by_name: BTreeMap<String, Arc<dyn Notifier>>,
}

impl Routes {
    /// These routes.
    pub fn new(by_name: BTreeMap<String, Arc<dyn Notifier>>) -> Self {
        Self { by_name }
    }
}

impl Notifier for Routes {
    fn goes_on(&self, told: &[Notice]) {
        for (name, notifier) in &self.by_name {
            let own: Vec<_> = told.iter().filter(|notice| notice.route == *name).cloned().collect();
            notifier.goes_on(&own);
        }
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        match self.by_name.get(&notice.route) {
            Some(notifier) => notifier.deliver(notice),
            None => Box::pin(async move {
                Err(DeliveryError {
                    error: format!("there is no route `{}`", plain_line(&notice.route)),
                    retry: false,
                    wait: Span::ZERO,
                })
            }),
        }
    }
}

/// `text` with the mark in front, unless it is there already.
pub(crate) fn marked(text: &str) -> String {
    let rest = unmarked(text);
    if rest.is_empty() { MARK.to_owned() } else { format!("{MARK}: {rest}") }
}

/// `text` without a mark in front.
fn unmarked(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix(MARK) {
        Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric()) => {
            let rest = rest.trim_start();
            rest.strip_prefix([':', '-', ',']).unwrap_or(rest).trim_start()
        }
        _ => text,
    }
}

/// Whether a terminal or a reader may be misled by `c`: controls, and marks that are not seen or turn text around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// `text` as one line without hidden characters.
fn plain_line(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    spaced.trim().to_owned()
}

/// The lines of `text`, each without hidden characters.
fn plain_lines(text: &str) -> Vec<String> {
    text.lines().map(plain_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_is_marked_once(text in "(EXERCISE)?[:, -]{0,3}.{0,30}") {
            let once = marked(&text);
            prop_assert!(once.starts_with(MARK));
            prop_assert_eq!(marked(&once), once);
        }

        #[test]
        fn no_hidden_character_is_left(text in any::<String>()) {
            prop_assert!(!plain_line(&text).chars().any(is_hidden));
        }
    }

    #[test]
    fn the_mark_is_a_word_of_its_own() {
        assert_eq!(marked("EXERCISE: uploads fail"), "EXERCISE: uploads fail");
        assert_eq!(marked("EXERCISE uploads fail"), "EXERCISE: uploads fail");
        assert_eq!(marked("EXERCISES are fun"), "EXERCISE: EXERCISES are fun");
        assert_eq!(marked("uploads fail"), "EXERCISE: uploads fail");
        assert_eq!(marked(""), "EXERCISE");
    }
}
