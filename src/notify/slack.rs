//! Notices as messages of a chat, through an incoming webhook as Slack has them, and Mattermost too.

use super::{
    Notifier,
    http::{BadDestination, Receiver},
    marked, plain_lines,
};
use crate::{
    clock::BoxFuture,
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
    scenario::act::Pager,
};
use serde_json::json;

/// Posts notices into one channel. Which one is said by the address, which is a secret.
#[derive(Debug)]
pub struct Slack {
    receiver: Receiver,
}

impl Slack {
    /// Posts through the incoming webhook at `address`.
    pub fn new(address: &str) -> Result<Self, BadDestination> {
        Ok(Self { receiver: Receiver::new(address)? })
    }
}

impl Notifier for Slack {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        let text = text(notice);
        self.receiver.post(|request| request.json(&json!({ "text": text })))
    }
}

/// The message: a bold line, and the rest quoted.
fn text(notice: &Notice) -> String {
    let sign = match notice.about {
        NoticeKind::AlarmRaised(_) => ":rotating_light: ",
        NoticeKind::AlarmResolved(_) => ":white_check_mark: ",
        NoticeKind::Page(_) => ":pager: ",
        _ => "",
    };
    let call = match notice.about {
        NoticeKind::Page(Pager::Batphone) => "<!channel> ",
        _ => "",
    };
    let subject = escaped(&marked(&notice.subject)).replace('*', "\u{2217}");
    let mut lines = vec![format!("{call}{sign}*{}*", subject.replace('\n', " "))];
    lines.extend(plain_lines(&notice.text).iter().map(|line| format!("> {}", escaped(line))));
    lines.join("\n")
}

/// `text` without what the chat would take for a link, a mention or a call of everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
