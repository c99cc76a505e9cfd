//! What a request has to pass before a handler sees it, and what every answer carries.

use super::{
    Console,
    api::Answer,
    now,
    sessions::{Caller, HATS},
};
use crate::drill::event::Hat;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
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
const OPEN: [&str; 6] =
    ["/", "/healthz", "/api/join", "/assets/console.css", "/assets/console.js", "/assets/icon.svg"];
/// What an answer that is no page may do in a browser: nothing.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// What a page may do: look like ours, run our script, and talk to this console.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Says on which side a page acts. No other site can send it, so it also proves that the request is the page's own.
const HAT: HeaderName = HeaderName::from_static("x-gameday-hat");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The only guard; deny by default.
pub(super) async fn guard(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&console, &mut request) {
        Ok(()) => next.run(request).await,
        // Whoever opens a page without a session is led to where one is given.
        Err(answer) if answer.is_unknown_session() && wants_page(&request) => {
            Redirect::to("/").into_response()
        }
        Err(answer) => answer.into_response(),
    };
    let headers = response.headers_mut();
    let is_page =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    // The debrief brings a policy of its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(if is_page {
        PAGE
    } else {
        NO_PAGE
    }));
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the answer would be shown as a page of somebody's side.
fn wants_page(request: &Request) -> bool {
    request.method() == Method::GET
        && side(request.uri().path()).is_some()
        && !request.uri().path().ends_with("/live")
}

/// The side that a path belongs to: `responder` for `/responder/docs`.
fn side(path: &str) -> Option<&'static str> {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    HATS.into_iter().map(Hat::as_str).find(|hat| *hat == first)
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
    if is_from_elsewhere(request.method(), headers, host.unwrap_or_default()) {
        return Err(Answer::new(
            StatusCode::FORBIDDEN,
            "other-site",
            "a page of another site asked for this, and that is not allowed",
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
    let caller = match bearer(headers) {
        Some(token) => console.sessions.caller(token),
        None => of_cookie(console, path, headers),
    };
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

/// The cookie that holds the session of one side. Cookies know no ports, so the name says it: two consoles of one machine
/// do not take each other's.
pub(super) fn cookie_name(port: u16, hat: &str) -> String {
    format!("gameday-{port}-{hat}")
}

/// Whose cookie came along. A page's path says the side; everything else needs the page's own header, which also keeps
/// forms of other sites out.
fn of_cookie(console: &Console, path: &str, headers: &HeaderMap) -> Option<Caller> {
    let hat = match side(path) {
        Some(hat) => hat,
        None => headers.get(HAT)?.to_str().ok()?,
    };
    let name = cookie_name(console.listen.port(), hat);
    let token = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(&name)?.strip_prefix('='))?;
    console.sessions.caller(token).filter(|caller| caller.hat.as_str() == hat)
}

/// Whether a browser says that another site asks. Following a link to a page is allowed: it shows nothing to that site.
fn is_from_elsewhere(method: &Method, headers: &HeaderMap, host: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(origin) = text(header::ORIGIN) {
        let ours = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host);
        if !ours {
            return true;
        }
    }
    match text(FETCH_SITE) {
        None | Some("same-origin" | "none") => false,
        Some(_) => method != Method::GET || text(FETCH_MODE) != Some("navigate"),
    }
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
    fn other_sites_are_told_apart() {
        let elsewhere = |method: Method, given: &[(&'static str, &str)]| {
            let pairs = given
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
            is_from_elsewhere(&method, &pairs.collect(), "127.0.0.1:4100")
        };
        for (method, headers) in [
            (Method::POST, &[][..]),
            (Method::POST, &[("origin", "http://127.0.0.1:4100"), ("sec-fetch-site", "same-origin")]),
            (Method::GET, &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]),
            (Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]),
        ] {
            assert!(!elsewhere(method, headers), "{headers:?}");
        }
        for (method, headers) in [
            (Method::POST, &[("origin", "http://evil.example")][..]),
            (Method::POST, &[("origin", "null")]),
            (Method::POST, &[("origin", "http://127.0.0.1:4101")]),
            (Method::POST, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]),
            (Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")]),
            (Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]),
        ] {
            assert!(elsewhere(method, headers), "{headers:?}");
        }
    }

    #[test]
    fn a_path_belongs_to_a_side_or_to_none() {
        assert_eq!(side("/responder"), Some("responder"));
        assert_eq!(side("/trainer/docs/read"), Some("trainer"));
        for path in ["/", "/api/act", "/responders", "/debug"] {
            assert_eq!(side(path), None, "{path}");
        }
    }

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
