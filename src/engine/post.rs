//! The loop of the post: what is to be told of planned drills is told, beside the calendar and never in its way.
//!
//! ```text
//! calendar · people · what was sent
//!        |
//!   a letter that is due -> a mail server takes it -> that is written down (durable)
//! ```
//!
//! One letter at a time. A server that dies between the two sends that letter again; one whose book cannot be written sends
//! nothing more until it can.

use super::{
    book::{AskError, OpenBook},
    calendar::Schedule,
};
use crate::{
    base::{At, Span},
    clock::{Clock, Hold},
    notify::Carrier,
    people::{Email, People},
    post::{Desk, Event, Letter, Told},
    store::StoreError,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio_util::sync::CancellationToken;

/// How long nobody looks whether something is to be sent, at most.
const LOOK: Span = Span::from_secs(1);
/// How long a letter waits after its first failure, and after many.
const WAIT: (Span, Span) = (Span::from_secs(5), Span::from_mins(5));

/// What the post needs to know.
pub struct Books {
    /// What is planned.
    pub schedule: Arc<Schedule>,
    /// Who has an address.
    pub people: Arc<OpenBook<People>>,
    /// What was sent.
    pub post: Arc<OpenBook<Told>>,
}

/// How letters go out.
pub struct Manner {
    /// By whom.
    pub carrier: Arc<dyn Carrier>,
    /// Who asks.
    pub from: Email,
    /// How long before a start people are reminded.
    pub remind: Vec<Span>,
}

/// Sends letters, for as long as it is let. May be dropped at any point.
pub struct Postman {
    books: Books,
    manner: Manner,
    clock: Arc<dyn Clock>,
    /// Letters that could not be sent: how often, and until when they wait.
    waiting: BTreeMap<Letter, (u32, At)>,
    /// What is sent and not written down yet.
    unwritten: Option<Event>,
    /// Virtual time stands still while the postman works.
    _hold: Hold,
}

impl Postman {
    /// A postman with these books.
    pub fn new(books: Books, manner: Manner, clock: Arc<dyn Clock>) -> Self {
        let hold = clock.hold();
        Self { books, manner, clock, waiting: BTreeMap::new(), unwritten: None, _hold: hold }
    }

    /// Looks every second, until `end`; a letter that is under way is written down before.
    pub async fn work(mut self, end: CancellationToken) {
        let clock = Arc::clone(&self.clock);
        let mut said = None;
        loop {
            let error = self.turn(&end).await.err().map(|error| error.to_string());
            if error != said {
                if let Some(error) = &error {
                    tracing::warn!(error, "letters about planned drills are not sent");
                }
                said = error;
            }
            tokio::select! {
                () = end.cancelled() => return,
                () = clock.sleep_until(clock.now() + LOOK) => {}
            }
        }
    }

    /// Sends what is due. After a failure the rest waits for the next look.
    async fn turn(&mut self, end: &CancellationToken) -> Result<(), StoreError> {
        self.write_down().await?;
        while !end.is_cancelled() {
            let (calendar, people, told) = (
                self.books.schedule.look().await?,
                self.books.people.look().await?,
                self.books.post.look().await?,
            );
            let now = self.clock.now();
            let desk = Desk {
                calendar: &calendar,
                zones: self.books.schedule.zones(),
                people: &people,
                told: &told,
                remind: &self.manner.remind,
                from: &self.manner.from,
            };
            let due = desk.due(now);
            self.waiting.retain(|letter, _| due.contains(letter));
            let ready = |letter: &&Letter| self.waiting.get(*letter).is_none_or(|(_, until)| *until <= now);
            let Some(letter) = due.iter().find(ready) else { return Ok(()) };
            let Some(mail) = desk.write(letter) else { return Ok(()) };
            match self.manner.carrier.carry(&mail, now).await {
                Ok(()) => self.unwritten = Some(Event::Sent(letter.clone())),
                Err(refused) if !refused.retry => {
                    tracing::warn!(to = %letter.to, error = refused.error, "a letter was refused, and is not sent again");
                    let why = refused.error.chars().take(500).collect();
                    self.unwritten = Some(Event::Refused { letter: letter.clone(), why });
                }
                Err(failed) => {
                    self.wait(letter, &failed.error);
                    return Ok(());
                }
            }
            self.write_down().await?;
        }
        Ok(())
    }

    fn wait(&mut self, letter: &Letter, error: &str) {
        let (tries, until) = self.waiting.entry(letter.clone()).or_insert((0, At::from_millis(0)));
        if *tries == 0 {
            tracing::warn!(to = %letter.to, error, "a letter could not be sent; it is tried again");
        }
        let (first, last) = WAIT;
        let wait = Span::from_millis(first.millis() << (*tries).min(10)).min(last);
        (*tries, *until) = (*tries + 1, self.clock.now() + wait);
    }

    async fn write_down(&mut self) -> Result<(), StoreError> {
        let Some(event) = self.unwritten.clone() else { return Ok(()) };
        let written =
            self.books.post.ask(|_, _| Ok::<_, std::convert::Infallible>(vec![event.clone()])).await;
        match written {
            Ok(_) => self.unwritten = None,
            Err(AskError::Store(error)) => return Err(error),
            Err(AskError::Refused(never)) => match never {},
        }
        Ok(())
    }
}
