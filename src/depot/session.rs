//! session: issues tokens and says whose one is and whether it is good. Tokens live in memory.
//!
//! A token is good until a moment on this machine's clock. Whoever remembers it compares that moment with a clock of
//! their own.

use super::{
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service, Site},
    machine::Machine,
    telemetry::Page,
};
use crate::{
    base::{At, Span, names::is_name},
    clock::BoxFuture,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Who uses staging without having logged in as somebody.
const GUEST: &str = "guest";
/// Who has the staging token, and the objects that staging begins with.
pub(super) const STAGING: &str = "staging";

/// What a login may say.
#[derive(Debug, Deserialize)]
struct Login {
    user: String,
}

/// What is known of a good token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) user: String,
    /// Until when it is good; the staging token always is.
    pub(super) until: Option<At>,
}

pub(super) struct Session {
    file: PathBuf,
    config: Live<config::Session>,
    machine: Arc<Machine>,
    tokens: Mutex<Tokens>,
}

/// Issued tokens, and the order in which they were issued.
#[derive(Debug, Default)]
struct Tokens {
    issued: HashMap<String, Grant>,
    order: VecDeque<String>,
}

impl Tokens {
    fn issue(&mut self, token: String, grant: Grant, max: usize) {
        self.issued.insert(token.clone(), grant);
        self.order.push_back(token);
        while self.order.len() > max {
            if let Some(oldest) = self.order.pop_front() {
                self.issued.remove(&oldest);
            }
        }
    }

    fn good(&self, token: &str, now: At) -> Option<Grant> {
        self.issued.get(token).filter(|grant| grant.until.is_none_or(|until| now < until)).cloned()
    }
}

impl Session {
    pub(super) fn open(site: &Site) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "session");
        let config = Live::new(config::Session::read(&file)?);
        Ok(Self { file, config, machine: Arc::clone(&site.machine), tokens: Mutex::default() })
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn issue(State(session): State<Arc<Session>>, body: Bytes) -> Response {
    let config = session.config.get();
    let login: Option<Login> = serde_json::from_slice(&body).ok();
    let user = login.map(|login| login.user).filter(|user| is_name(user)).unwrap_or_else(|| GUEST.to_owned());
    let until = session.machine.now() + Span::from_secs(config.tokens.ttl_s);
    let token = crate::seed::token();
    let grant = Grant { user: user.clone(), until: Some(until) };
    session.tokens().issue(token.clone(), grant, usize::try_from(config.tokens.max).unwrap_or(1));
    let body = json!({ "token": token, "user": user, "expires_s": config.tokens.ttl_s, "until": until });
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn check(State(session): State<Arc<Session>>, ctx: Ctx) -> Result<Response, Failure> {
    let config = session.config.get();
    let given = ctx.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    let grant = given.and_then(|token| {
        if token == config.tokens.staging {
            return Some(Grant { user: STAGING.to_owned(), until: None });
        }
        session.tokens().good(token, session.machine.now())
    });
    let refused =
        || Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "the token is unknown or has expired");
    Ok(Json(grant.ok_or_else(refused)?).into_response())
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

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let count = self.tokens().issued.len();
            page.single("session_tokens", "gauge", "Tokens that are kept.", count as f64);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tokens_go_first_and_old_ones_are_no_longer_good() {
        let mut tokens = Tokens::default();
        let end = At::from_millis(1000);
        for token in ["a", "b", "c"] {
            tokens.issue(token.to_owned(), Grant { user: "ana".to_owned(), until: Some(end) }, 2);
        }
        let before = At::from_millis(999);
        assert_eq!(tokens.good("a", before), None);
        assert!(tokens.good("b", before).is_some());
        assert_eq!(tokens.good("c", before).unwrap().user, "ana");
        assert_eq!(tokens.good("c", end), None);
        assert_eq!(tokens.issued.len(), 2);
    }
}
