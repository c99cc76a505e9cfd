//! Notices on telephones, through ntfy: a topic that people subscribe to.

use super::{
    MARK, Notifier,
    http::{BadDestination, Pass, Receiver},
    marked, plain_lines,
};
use crate::{
    base::DrillId,
    clock::BoxFuture,
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
    scenario::AlarmSeverity,
};
use serde::Serialize;

/// Longest name of a topic, in bytes, as ntfy has it.
const TOPIC_BYTES_MAX: usize = 64;

/// Publishes the notices of one drill to one topic.
#[derive(Debug)]
pub struct Ntfy {
    receiver: Receiver,
    topic: String,
    drill: DrillId,
    pass: Option<Pass>,
}

/// What is published, in ntfy's words.
#[derive(Serialize)]
struct Published<'a> {
    topic: &'a str,
    title: String,
    message: String,
    priority: u8,
    tags: [&'static str; 1],
}

impl Ntfy {
    /// Publishes to the topic at `address`: `https://ntfy.example.org/our-drills`.
    pub fn new(address: &str, drill: &DrillId) -> Result<Self, BadDestination> {
        let (server, topic) = address.trim().rsplit_once('/').ok_or(BadDestination::Topic)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let receiver = Receiver::new(server)?;
        if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || !topic.chars().all(fits) {
            return Err(BadDestination::Topic);
        }
        Ok(Self { receiver, topic: topic.to_owned(), drill: drill.clone(), pass: None })
    }

    /// Says who we are.
    pub fn with_pass(self, pass: Option<Pass>) -> Self {
        Self { pass, ..self }
    }

    fn message(&self, notice: &Notice) -> Published<'_> {
        let mut lines = plain_lines(&notice.text);
        lines.push(format!("This is an exercise, drill {}.", self.drill));
        let (priority, tag) = loudness(notice);
        Published {
            topic: &self.topic,
            title: marked(&notice.subject),
            message: lines.join("\n"),
            priority,
            tags: [tag],
        }
    }
}

/// How loud a telephone is, from 1 to 5, and the sign that it shows.
fn loudness(notice: &Notice) -> (u8, &'static str) {
    match (&notice.about, notice.severity) {
        (NoticeKind::AlarmResolved(_), _) => (2, "white_check_mark"),
        (NoticeKind::Page(_), _) | (NoticeKind::AlarmRaised(_), Some(AlarmSeverity::Page)) => {
            (5, "rotating_light")
        }
        (NoticeKind::AlarmRaised(_), _) => (3, "warning"),
        (NoticeKind::ComCheck, _) => (1, "ear"),
        _ => (3, "information_source"),
    }
}

impl Notifier for Ntfy {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        let message = self.message(notice);
        self.receiver.post(|request| {
            let request = request.header("X-Gameday", MARK).json(&message);
            Pass::on(self.pass.as_ref(), request)
        })
    }
}
