//! Notices by e-mail: one letter to each mailbox, all of one drill in one thread.

use super::{MailServer, Notifier, mail::Carrier as _, marked, plain_lines};
use crate::{
    base::{DrillId, NoticeId, Span},
    clock::BoxFuture,
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
    people::Email,
    post::Mail,
    scenario::act::Pager,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Writes the notices of one drill to people.
pub struct Letters {
    server: Arc<MailServer>,
    drill: DrillId,
    /// Who is written to.
    usual: BTreeSet<Email>,
    /// Who is written to when everybody is called.
    everybody: BTreeSet<Email>,
    /// Who has got which notice: another try leaves them out.
    sent: Mutex<BTreeMap<NoticeId, BTreeSet<Email>>>,
}

impl Letters {
    /// Writes to `usual`, and to `everybody` when all are called in.
    pub fn new(
        server: Arc<MailServer>,
        drill: DrillId,
        usual: BTreeSet<Email>,
        everybody: BTreeSet<Email>,
    ) -> Self {
        Self { server, drill, usual, everybody, sent: Mutex::default() }
    }

    async fn send(&self, notice: &Notice) -> Result<(), DeliveryError> {
        // Nobody is written to before the start: whoever was to be surprised would know.
        if notice.about == NoticeKind::ComCheck {
            return self.server.check().await;
        }
        let to: BTreeSet<&Email> = match notice.about {
            NoticeKind::Page(Pager::Batphone) => self.usual.union(&self.everybody).collect(),
            _ => self.usual.iter().collect(),
        };
        if to.is_empty() {
            let error = "nobody who could be written to has an address".to_owned();
            return Err(DeliveryError { error, retry: false, wait: Span::ZERO });
        }
        let mut refused = Vec::new();
        for mailbox in to {
            if self.has(&notice.id, mailbox) {
                continue;
            }
            match self.server.carry(&self.letter(notice, mailbox), notice.at).await {
                Ok(()) => self.note(&notice.id, mailbox),
                // The server will not take the others either; those who have it are left out of the next try.
                Err(error) if error.retry => return Err(error),
                Err(error) => refused.push(format!("{mailbox}: {}", error.error)),
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(DeliveryError { error: refused.join("; "), retry: false, wait: Span::ZERO })
    }

    fn letter(&self, notice: &Notice, to: &Email) -> Mail {
        let mut lines = vec![marked(&notice.subject), String::new()];
        lines.extend(plain_lines(&notice.text));
        lines.push(format!(
            "This is an exercise, drill {}. Nothing outside its staging target is meant.",
            self.drill
        ));
        let mailbox = to.as_str().replace('@', ".at.");
        Mail {
            id: format!("{}.{mailbox}@gameday", notice.id),
            thread: Some(format!("{}@gameday", self.drill)),
            to: to.clone(),
            subject: marked(&notice.subject),
            text: lines.join("\n") + "\n",
            calendar: None,
        }
    }

    fn has(&self, notice: &NoticeId, mailbox: &Email) -> bool {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(notice).is_some_and(|got| got.contains(mailbox))
    }

    fn note(&self, notice: &NoticeId, mailbox: &Email) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.entry(notice.clone()).or_default().insert(mailbox.clone());
    }
}

impl Notifier for Letters {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.send(notice))
    }
}
