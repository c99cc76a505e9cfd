//! What HTTP rules do on a link that carries HTTP/1: requests are told apart on connections that are kept alive, and
//! each is passed on, held back, answered in the server's place, or the end of its connection. No I/O.
//!
//! Both directions are followed all the time, so that a rule that comes in the middle of a connection acts from the
//! next request on. A stream that is not HTTP, or no longer (an upgrade), is passed on as it is.

use super::{
    decide::Lane,
    framing::{Followed, Head, Messages, Side},
    toxic::{Effect, Rules, Toxicity},
};
use crate::{base::InjectionId, fault::HttpAct};
use axum::http::StatusCode;
use rand_chacha::ChaCha12Rng;
use std::{collections::VecDeque, time::Duration};

/// The most requests whose answers are awaited; beyond that a connection is no longer followed.
const OPEN_MAX: usize = 1024;

/// Both directions of one connection.
#[derive(Debug)]
pub(super) struct Exchange {
    rules: Vec<Rule>,
    requests: Messages,
    responses: Messages,
    /// What the requests that were read still wait for, in their order.
    open: VecDeque<Answer>,
    /// The rest of the request that is read belongs to one that we answer.
    ours: bool,
}

#[derive(Debug)]
struct Rule {
    id: InjectionId,
    path: String,
    act: HttpAct,
    requests: Toxicity,
    rng: ChaCha12Rng,
}

/// Who answers a request.
#[derive(Debug)]
enum Answer {
    /// The server; the answer to HEAD has no body.
    Server { head: bool },
    /// These bytes; then the connection may have to end.
    Ours { bytes: Vec<u8>, close: bool },
}

/// What becomes of bytes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// They are passed on, held back for so long.
    Pass(Vec<u8>, Duration),
    /// The connection is reset.
    Abort,
}

/// An answer in the server's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ours {
    /// The whole response.
    pub(super) bytes: Vec<u8>,
    /// Nothing follows it.
    pub(super) close: bool,
}

impl Exchange {
    /// A connection on which nothing was said yet.
    pub(super) fn new() -> Self {
        Self {
            rules: Vec::new(),
            requests: Messages::new(Side::Client),
            responses: Messages::new(Side::Server),
            open: VecDeque::new(),
            ours: false,
        }
    }

    /// Takes the rules over. A rule that stays keeps its stream of numbers where it is.
    pub(super) fn obey(&mut self, rules: &Rules, lane: Lane<'_>) {
        let mut before = std::mem::take(&mut self.rules);
        for (id, placed) in rules.on(lane) {
            if let Effect::Http { path, act, requests } = &placed.toxic.effect {
                let known = before.iter().position(|rule| rule.id == *id);
                let rng = known.map_or_else(|| lane.stream(id, "http"), |at| before.swap_remove(at).rng);
                let (path, act, requests) = (path.clone(), *act, *requests);
                self.rules.push(Rule { id: id.clone(), path, act, requests, rng });
            }
        }
    }

    /// Whether requests have to be asked about before they are passed on.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty() || self.ours || !self.requests.kept().is_empty()
    }

    /// Follows what a client sent and what is passed on as it is.
    pub(super) fn watch_requests(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (n, seen) = self.requests.follow(rest, None);
            rest = &rest[n..];
            if let Followed::Head(head) = seen {
                self.expect(Answer::Server { head: head.bodiless });
            }
        }
        self.requests.pass_on();
    }

    /// Asks the rules about what a client sent. The head of a request is kept until it is whole.
    pub(super) fn requests(&mut self, bytes: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (n, seen) = self.requests.follow(rest, None);
            let body = &rest[..n];
            rest = &rest[n..];
            let is_last = self.requests.has_ended_one();
            match seen {
                Followed::Head(head) => {
                    let (passed, bytes) = self.requests.take_head();
                    // What has been passed on in part cannot be taken back.
                    let act = if passed { None } else { self.decide(&head) };
                    self.ours = false;
                    match act {
                        None => {
                            self.expect(Answer::Server { head: head.bodiless });
                            parts.push(Part::Pass(bytes, Duration::ZERO));
                        }
                        Some(HttpAct::DelayMs(ms)) => {
                            self.expect(Answer::Server { head: head.bodiless });
                            parts.push(Part::Pass(bytes, Duration::from_millis(ms)));
                        }
                        Some(HttpAct::Status(status)) => {
                            self.ours = !is_last;
                            let bytes = response(status, &head);
                            self.expect(Answer::Ours { bytes, close: head.closes });
                        }
                        Some(HttpAct::Abort) => {
                            parts.push(Part::Abort);
                            return parts;
                        }
                    }
                }
                Followed::InHead => {}
                Followed::Body if self.ours => self.ours = !is_last,
                Followed::Body => parts.push(Part::Pass(body.to_vec(), Duration::ZERO)),
                Followed::Unknown => {
                    self.ours = false;
                    let (_, mut kept) = self.requests.take_head();
                    kept.extend_from_slice(body);
                    parts.push(Part::Pass(kept, Duration::ZERO));
                }
            }
        }
        if self.rules.is_empty() {
            // Nothing is kept for rules that are gone.
            parts.extend(self.let_go().map(|bytes| Part::Pass(bytes, Duration::ZERO)));
        }
        parts
    }

    /// What is kept of a head, when no rule is left that would ask for it.
    pub(super) fn let_go(&mut self) -> Option<Vec<u8>> {
        if !self.rules.is_empty() || self.requests.kept().is_empty() {
            return None;
        }
        let kept = self.requests.kept().to_vec();
        self.requests.pass_on();
        Some(kept)
    }

    /// Follows what the server sent: how many of these bytes are passed on before an answer of ours has its turn.
    pub(super) fn responses(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.is_our_turn() {
                return at;
            }
            let to_head = matches!(self.open.front(), Some(Answer::Server { head: true }));
            let (n, seen) = self.responses.follow(&bytes[at..], Some(to_head));
            self.responses.pass_on();
            at += n;
            if let Followed::Head(head) = &seen
                && head.switches
            {
                self.requests.give_up();
                self.responses.give_up();
            }
            if self.responses.has_ended_one() {
                self.open.pop_front();
            }
        }
        at
    }

    /// The answer that is given in the server's place now.
    pub(super) fn ours(&mut self) -> Option<Ours> {
        if !self.is_our_turn() {
            return None;
        }
        match self.open.pop_front() {
            Some(Answer::Ours { bytes, close }) => Some(Ours { bytes, close }),
            _ => None,
        }
    }

    fn is_our_turn(&self) -> bool {
        matches!(self.open.front(), Some(Answer::Ours { .. })) && self.responses.is_between()
    }

    fn expect(&mut self, answer: Answer) {
        if self.open.len() >= OPEN_MAX {
            self.requests.give_up();
            self.responses.give_up();
            self.open.clear();
            return;
        }
        self.open.push_back(answer);
    }

    /// The first rule that fits and is drawn.
    fn decide(&mut self, head: &Head) -> Option<HttpAct> {
        let rules = self.rules.iter_mut().filter(|rule| head.path.starts_with(&rule.path));
        let mut drawn = rules.filter_map(|rule| {
            let rng = &mut rule.rng;
            rule.requests.draw(|| Toxicity::number(rng)).then_some(rule.act)
        });
        drawn.next()
    }
}

fn response(status: u16, head: &Head) -> Vec<u8> {
    let reason = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    let reason = reason.unwrap_or("Fault");
    let body = format!("{status} {reason}\n");
    let connection = if head.closes { "close" } else { "keep-alive" };
    let mut text = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: {connection}\r\n\r\n",
        body.len()
    );
    if !head.bodiless {
        text.push_str(&body);
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::proxy::decide::Way, seed::Seed};
    use proptest::prelude::*;
    use tokio::time::Instant;

    const LANE: Lane<'static> = Lane { seed: Seed(7), link: "a-b", connection: 1, way: Way::Up };
    const GET: &[u8] = b"GET /a/1 HTTP/1.1\r\nhost: x\r\n\r\n";
    const POST: &[u8] = b"POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"PUT /a/2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n";

    fn exchange(path: &str, act: HttpAct) -> Exchange {
        let mut rules = Rules::default();
        let effect = Effect::Http { path: path.to_owned(), act, requests: Toxicity::ALL };
        rules.set(&"gd-1".parse().unwrap(), effect.into(), Instant::now());
        let mut exchange = Exchange::new();
        exchange.obey(&rules, LANE);
        exchange
    }

    /// What is passed on to the server when the stream comes in pieces of `size`.
    fn passed(exchange: &mut Exchange, stream: &[u8], size: usize) -> Vec<u8> {
        let parts = stream.chunks(size).flat_map(|piece| exchange.requests(piece)).collect::<Vec<_>>();
        parts
            .into_iter()
            .flat_map(|part| match part {
                Part::Pass(bytes, _) => bytes,
                Part::Abort => panic!("aborted"),
            })
            .collect()
    }

    #[test]
    fn requests_under_the_path_are_answered_and_the_others_pass_whatever_the_pieces() {
        let stream = [GET, POST, CHUNKED, POST, GET].concat();
        for size in [1, 2, 7, 64, 4096] {
            let mut exchange = exchange("/a", HttpAct::Status(503));
            assert_eq!(passed(&mut exchange, &stream, size), [POST, POST].concat(), "pieces of {size}");
            let first = exchange.ours().expect("the first is ours");
            assert!(first.bytes.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
            assert_eq!(exchange.ours(), None, "the second is the server's");
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 204 No Content\r\n\r\n";
            let first = exchange.responses(answer);
            assert_eq!(&answer[first..], b"HTTP/1.1 204 No Content\r\n\r\n", "ours comes between");
            assert!(exchange.ours().is_some());
            assert_eq!(exchange.responses(&answer[first..]), answer.len() - first);
            assert!(exchange.ours().is_some());
            assert_eq!(exchange.ours(), None);
        }
    }

    #[test]
    fn a_request_is_held_back_or_broken_off() {
        let mut held = exchange("/", HttpAct::DelayMs(70));
        assert_eq!(held.requests(GET), [Part::Pass(GET.to_vec(), Duration::from_millis(70))]);
        let mut broken = exchange("/b", HttpAct::Abort);
        let parts = broken.requests(&[GET, POST].concat());
        assert_eq!(parts, [Part::Pass(GET.to_vec(), Duration::ZERO), Part::Abort]);
    }

    #[test]
    fn a_rule_that_comes_amid_a_request_acts_from_the_next_one_on() {
        let mut exchange = exchange("/", HttpAct::Status(500));
        let rules = std::mem::take(&mut exchange.rules);
        assert!(!exchange.has_rules());
        exchange.watch_requests(&GET[..12]);
        exchange.rules = rules;
        assert_eq!(passed(&mut exchange, &[&GET[12..], POST].concat(), 9), &GET[12..]);
        assert_eq!(exchange.ours(), None, "the server answers the first");
        assert_eq!(exchange.responses(b"HTTP/1.1 304 Not Modified\r\n\r\n"), 29);
        assert!(exchange.ours().is_some());
    }

    #[test]
    fn what_is_kept_of_a_head_goes_when_the_rules_go() {
        let mut exchange = exchange("/", HttpAct::Status(500));
        assert_eq!(exchange.requests(&GET[..20]), []);
        exchange.obey(&Rules::default(), LANE);
        assert_eq!(exchange.let_go(), Some(GET[..20].to_vec()));
        assert_eq!(exchange.let_go(), None);
        exchange.watch_requests(&GET[20..]);
        assert_eq!(exchange.open.len(), 1);
    }

    #[test]
    fn answers_to_head_and_interim_answers_are_told_apart() {
        let mut exchange = exchange("/x", HttpAct::Abort);
        exchange.requests(b"HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
        exchange.responses(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
        assert_eq!(exchange.open.len(), 1);
        exchange.responses(b"HTTP/1.1 103 Early Hints\r\n\r\n");
        assert_eq!(exchange.open.len(), 1);
        exchange.responses(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
        assert_eq!(exchange.open.len(), 0);
    }

    #[test]
    fn what_is_not_http_passes_as_it_is() {
        for stream in [&b"\x16\x03\x01 hello"[..], b"QUIT\r\nQUIT\r\n", b"GET / HTTP/9.9\r\n\r\nx"] {
            let mut exchange = exchange("/", HttpAct::Status(500));
            assert_eq!(passed(&mut exchange, stream, 3), stream);
            assert_eq!(exchange.ours(), None);
        }
        let mut upgraded = exchange("/", HttpAct::Status(500));
        upgraded.rules.clear();
        upgraded.watch_requests(b"GET / HTTP/1.1\r\nupgrade: y\r\nconnection: upgrade\r\n\r\n");
        upgraded.responses(b"HTTP/1.1 101 Switching Protocols\r\n\r\nGET / HTTP/1.1\r\n");
        assert_eq!(passed(&mut upgraded, GET, 5), GET);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_passed_on_whole_when_no_rule_fits(
            stream in proptest::collection::vec(
                prop_oneof![
                    Just(GET.to_vec()), Just(POST.to_vec()), Just(CHUNKED.to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..40),
                ],
                0..6,
            ),
            size in 1_usize..50,
        ) {
            let stream = stream.concat();
            let mut exchange = exchange("/nowhere", HttpAct::Status(500));
            let mut out = passed(&mut exchange, &stream, size);
            exchange.obey(&Rules::default(), LANE);
            out.extend(exchange.let_go().unwrap_or_default());
            prop_assert_eq!(out, stream.clone());
            let mut at = 0;
            while at < stream.len() {
                let n = exchange.responses(&stream[at..]);
                prop_assert!(n > 0, "nothing is ours");
                at += n;
            }
        }
    }
}
