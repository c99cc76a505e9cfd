//! Letters about what is planned, for as long as a server runs.

use crate::{
    cli::wire::Books,
    clock::SystemClock,
    engine::post::{self, Manner, Postman},
    notify::means::Post,
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a server that ends waits for a letter that is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Letters that go out until a server ends.
pub(super) struct Posting {
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Posting {
    /// Letters go out from now on.
    pub(super) fn begin(books: Books, post: Post) -> Self {
        let end = CancellationToken::new();
        let books = post::Books { schedule: books.schedule, people: books.people, post: books.post };
        let manner = Manner { carrier: post.server, from: post.from, remind: post.remind };
        let postman = Postman::new(books, manner, Arc::new(SystemClock));
        Self { task: tokio::spawn(postman.work(end.clone())), end }
    }

    /// No letter goes out any more.
    pub(super) async fn close(self) {
        self.end.cancel();
        let stop = self.task.abort_handle();
        if tokio::time::timeout(PATIENCE, self.task).await.is_err() {
            stop.abort();
        }
    }
}
