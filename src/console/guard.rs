//! What a request has to pass before a handler sees it, and what every answer carries.

use super::{Console, api::Answer, now};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's headers together.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Paths that need no session.
const OPEN: [&str; 3] = ["/", "/healthz", "/api/join"];

/// The only guard; deny by default.
pub(super) async fn guard(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&console, &mut request) {
        Ok(()) => next.run(request).await,
        Err(answer) => answer.into_response(),
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn admit(console: &Console, request: &mut Request) -> Result<(), Answer> {
    let headers = request.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(Answer::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            "the request's headers are too large",
        ));
    }
    // A page of another site whose name was pointed here says that name: it is not served.
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    if !host.is_some_and(|host| is_ours(host, console.listen)) {
        return Err(Answer::new(
            StatusCode::MISDIRECTED_REQUEST,
            "other-host",
            "this console is reached by its own address alone",
        ));
    }
    let path = request.uri().path();
    if OPEN.contains(&path) {
        return if path != "/api/join" || console.sessions.may_ask("", now()) {
            Ok(())
        } else {
            Err(Answer::too_fast())
        };
    }
    let caller = bearer(headers).and_then(|token| console.sessions.caller(token));
    let caller = caller.ok_or_else(Answer::unknown_session)?;
    if !console.sessions.may_ask(caller.person.as_str(), now()) {
        return Err(Answer::too_fast());
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whether a `Host` header names this console: `localhost`, a loopback address, or the one that it listens on, with its
/// port.
fn is_ours(host: &str, listen: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if host.contains('@') || authority.port_u16().unwrap_or(80) != listen.port() {
        return false;
    }
    let name = authority.host();
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    // An address cannot be pointed elsewhere; only names can.
    bare.parse::<IpAddr>()
        .is_ok_and(|ip| ip.is_loopback() || ip == listen.ip() || listen.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_address_is_served() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 4100));
        for host in ["127.0.0.1:4100", "localhost:4100", "LOCALHOST:4100", "[::1]:4100", "127.8.8.8:4100"] {
            assert!(is_ours(host, loopback), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:4101",
            "evil.example:4100",
            "localhost.evil.example:4100",
            "127.0.0.1.evil.example:4100",
            "me@127.0.0.1:4100",
            "10.0.0.7:4100",
            "127.0.0.1:4100/x",
        ] {
            assert!(!is_ours(host, loopback), "{host}");
        }
        let named = SocketAddr::from(([10, 0, 0, 7], 80));
        assert!(is_ours("10.0.0.7", named) && !is_ours("10.0.0.8", named));
        let any = SocketAddr::from(([0, 0, 0, 0], 4100));
        assert!(is_ours("10.0.0.8:4100", any) && !is_ours("evil.example:4100", any));
    }
}
