//! What a request has to pass before a handler sees it, and what every answer carries.

use super::{
    alertmanager,
    api::{self, Answer},
    lobby::Lobby,
    now,
    operations::{Who, operations},
    sessions::{Caller, HATS, Place},
};
use crate::drill::event::Hat;
use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
};

/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's headers together.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Pages that need no session, and what they are made of.
const OPEN: [&str; 6] = [
    "/",
    "/assets/console.css",
    "/assets/console.js",
    "/assets/lobby.js",
    "/assets/editor.js",
    "/assets/icon.svg",
];
/// Who may use which operation.
static WHO: LazyLock<HashMap<&'static str, Vec<(Method, Who)>>> = LazyLock::new(|| {
    operations().into_iter().fold(HashMap::new(), |mut known, one| {
        known.entry(one.path).or_insert_with(Vec::new).push((one.method, one.who));
        known
    })
});
/// What an answer that is no page may do in a browser: nothing.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// What a page may do: look like ours, run our script, and talk to this console.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The side of those who are at the list of drills.
const LOBBY: &str = "lobby";
/// Says on which side a page acts. No other site can send it, so it also proves that the request is the page's own.
const HAT: HeaderName = HeaderName::from_static("x-gameday-hat");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The only guard; deny by default.
pub(super) async fn guard(State(lobby): State<Arc<Lobby>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&lobby, &mut request) {
        Ok(()) => next.run(request).await,
        // Whoever opens a page without a session is led to where one is given.
        Err(answer) if answer.is_unknown_session() && wants_page(&request) => {
            Redirect::to("/").into_response()
        }
        Err(answer)
            if request.uri().path().starts_with(alertmanager::ROOT) && !answer.is_unknown_session() =>
        {
            alertmanager::Said::from(answer).into_response()
        }
        Err(answer) => answer.into_response(),
    };
    lobby.counts.answered(response.status());
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

/// The side that a path belongs to: `responder` for `/responder/docs`, `lobby` for the list of drills.
fn side(path: &str) -> Option<&'static str> {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if matches!(first, "drills" | "library" | "programme" | "me") {
        return Some(LOBBY);
    }
    HATS.into_iter().map(Hat::as_str).find(|hat| *hat == first)
}

fn admit(lobby: &Lobby, request: &mut Request) -> Result<(), Answer> {
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
    if !host.is_some_and(|host| lobby.address.is_host(host)) {
        return Err(Answer::new(
            StatusCode::MISDIRECTED_REQUEST,
            "other-host",
            "this console is reached by its own address alone",
        ));
    }
    if is_from_elsewhere(lobby, request.method(), headers, host.unwrap_or_default()) {
        return Err(Answer::new(
            StatusCode::FORBIDDEN,
            "other-site",
            "a page of another site asked for this, and that is not allowed",
        ));
    }
    let path = request.uri().path();
    let matched = request.extensions().get::<MatchedPath>().and_then(|matched| WHO.get(matched.as_str()));
    let who =
        matched.into_iter().flatten().find(|(method, _)| method == request.method()).map(|(_, who)| *who);
    if OPEN.contains(&path) || matches!(who, Some(Who::Anyone)) {
        let may_come = path != "/api/join" || lobby.sessions.may_come(asker(lobby, request), now());
        return if may_come { Ok(()) } else { Err(Answer::too_fast()) };
    }
    let caller = match bearer(headers) {
        Some(token) => lobby.sessions.caller(token),
        None => of_cookie(lobby, path, headers),
    };
    let caller = caller.ok_or_else(Answer::unknown_session)?;
    if !lobby.sessions.may_ask(&caller.budget(), now()) {
        return Err(Answer::too_fast());
    }
    if let Some(who) = who {
        who.admit(&caller)?;
    }
    let console = match &caller.place {
        Place::Lobby => None,
        Place::Drill(drill) => lobby.console(drill),
    };
    api::found(request, caller, console);
    Ok(())
}

/// The address that a request comes from.
fn asker(lobby: &Lobby, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back();
    let peer = peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    lobby.address.asker(peer, forwarded.and_then(|value| value.to_str().ok()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Whose cookie came along. A page's path says the side; everything else needs the page's own header, which also keeps
/// forms of other sites out.
fn of_cookie(lobby: &Lobby, path: &str, headers: &HeaderMap) -> Option<Caller> {
    let wanted = match side(path) {
        Some(side) => side,
        None => headers.get(HAT)?.to_str().ok()?,
    };
    let name = lobby.address.cookie_name(wanted);
    let token = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(&name)?.strip_prefix('='))?;
    lobby.sessions.caller(token).filter(|caller| match caller.place {
        Place::Lobby => wanted == LOBBY,
        Place::Drill(_) => wanted == caller.hat.as_str(),
    })
}

/// Whether a browser says that another site asks. Following a link to a page is allowed: it shows nothing to that site.
fn is_from_elsewhere(lobby: &Lobby, method: &Method, headers: &HeaderMap, host: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text(header::ORIGIN).is_some_and(|origin| !lobby.address.is_origin(origin, host)) {
        return true;
    }
    match text(FETCH_SITE) {
        None | Some("same-origin" | "none") => false,
        Some(_) => method != Method::GET || text(FETCH_MODE) != Some("navigate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Entrance;

    #[test]
    fn other_sites_are_told_apart() {
        let lobby = Lobby::new(Entrance::at(([127, 0, 0, 1], 4100).into())).unwrap();
        let elsewhere = |method: Method, given: &[(&'static str, &str)]| {
            let pairs = given
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
            is_from_elsewhere(&lobby, &method, &pairs.collect(), "127.0.0.1:4100")
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
        assert_eq!(side("/drills/d-abc/debrief"), Some("lobby"));
        assert_eq!(side("/programme"), Some("lobby"));
        for path in ["/", "/api/act", "/responders", "/debug"] {
            assert_eq!(side(path), None, "{path}");
        }
    }
}
