//! session: issues tokens and says whether one is good. Tokens live in memory.

use super::{
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service},
    telemetry::{Page, Stopwatch},
};
use crate::clock::BoxFuture;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub(super) struct Session {
    file: PathBuf,
    config: Live<config::Session>,
    tokens: Mutex<Tokens>,
}

/// Issued tokens, and the order in which they were issued.
#[derive(Debug, Default)]
struct Tokens {
    issued: HashMap<String, Stopwatch>,
    order: VecDeque<String>,
}

impl Tokens {
    fn issue(&mut self, token: String, max: usize) {
        self.issued.insert(token.clone(), Stopwatch::start());
        self.order.push_back(token);
        while self.order.len() > max {
            if let Some(oldest) = self.order.pop_front() {
                self.issued.remove(&oldest);
            }
        }
    }

    fn is_good(&self, token: &str, ttl: Duration) -> bool {
        self.issued.get(token).is_some_and(|issued| issued.elapsed() < ttl)
    }
}

impl Session {
    pub(super) fn open(root: &Path) -> Result<Self, DepotError> {
        let file = current_file(root, "session");
        let config = Live::new(config::Session::read(&file)?);
        Ok(Self { file, config, tokens: Mutex::default() })
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn issue(State(session): State<Arc<Session>>) -> Response {
    let config = session.config.get();
    let token = crate::seed::token();
    session.tokens().issue(token.clone(), usize::try_from(config.tokens.max).unwrap_or(1));
    let body = Json(json!({ "token": token, "expires_s": config.tokens.ttl_s }));
    (StatusCode::CREATED, body).into_response()
}

async fn check(State(session): State<Arc<Session>>, ctx: Ctx) -> Result<Response, Failure> {
    let config = session.config.get();
    let given = ctx.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    let ttl = Duration::from_secs(config.tokens.ttl_s);
    let good =
        given.is_some_and(|token| token == config.tokens.staging || session.tokens().is_good(token, ttl));
    if good {
        Ok(Json(json!({ "good": true })).into_response())
    } else {
        Err(Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "the token is unknown or has expired"))
    }
}

impl Service for Session {
    fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/tokens", post(issue)).route("/tokens/check", get(check)).with_state(self)
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Session::read(&self.file)?;
        let log = config.log();
        self.config.set(config);
        Ok(log)
    }

    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn metrics(&self, page: &mut Page) {
        let count = self.tokens().issued.len();
        page.single("session_tokens", "gauge", "Tokens that are kept.", count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tokens_go_first_and_old_ones_are_no_longer_good() {
        let mut tokens = Tokens::default();
        for token in ["a", "b", "c"] {
            tokens.issue(token.to_owned(), 2);
        }
        let hour = Duration::from_secs(3600);
        assert!(!tokens.is_good("a", hour));
        assert!(tokens.is_good("b", hour) && tokens.is_good("c", hour));
        assert!(!tokens.is_good("c", Duration::ZERO));
        assert_eq!(tokens.issued.len(), 2);
    }
}
