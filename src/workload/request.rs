//! What the requests of a class look like.

use super::arrivals::SECOND_NS;
use crate::{
    scenario::pack::{PathPiece, RequestClass, path_pieces},
    seed::Seed,
};
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    body::Bytes,
    header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING},
};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha12Rng;
use std::fmt::Write;

/// Most arrivals per second of one class.
const RATE_MAX: f64 = 1_000_000.0;
/// Longest time-out of a request.
const WITHIN_MAX_NS: i64 = 600 * SECOND_NS;
/// Largest body of a request, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Makes the requests of one class, in order. The n-th request of a class is always the same for one seed.
#[derive(Debug)]
pub(super) struct RequestForm {
    method: Method,
    path: Path,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug)]
enum Path {
    Fixed(Uri),
    Filled { pieces: Vec<PathPiece>, keys: u64, numbers: Box<ChaCha12Rng> },
}

impl RequestForm {
    /// The form of `class` at `host`, or what is wrong with the class.
    pub(super) fn new(class: &RequestClass, host: &str, seed: Seed) -> Result<Self, String> {
        check_numbers(class)?;
        let method = Method::from_bytes(class.method.as_bytes())
            .map_err(|_| format!("`{}` is not an HTTP method", class.method))?;
        let pieces =
            path_pieces(&class.path).ok_or_else(|| format!("path `{}` has odd placeholders", class.path))?;
        let sample = filled(&pieces, 0, 0);
        let uri: Uri = sample.parse().map_err(|why| format!("path `{}`: {why}", class.path))?;
        if !class.path.starts_with('/') {
            return Err(format!("path `{}` does not begin with a slash", class.path));
        }
        let path = if let [PathPiece::Text(_)] = pieces[..] {
            Path::Fixed(uri)
        } else {
            let numbers = Box::new(seed.stream(&format!("workload keys {}", class.name)));
            Path::Filled { pieces, keys: class.keys.max(1), numbers }
        };
        let mut body = vec![0; class.body_bytes];
        seed.stream(&format!("workload body {}", class.name)).fill_bytes(&mut body);
        Ok(Self { method, path, headers: headers(class, host)?, body: body.into() })
    }

    /// The next request, due in this second after the users came.
    pub(super) fn next(&mut self, second: u64) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        *request.uri_mut() = match &mut self.path {
            Path::Fixed(uri) => uri.clone(),
            Path::Filled { pieces, keys, numbers } => filled(pieces, numbers.random_range(0..*keys), second)
                .try_into()
                .expect("digits in place of the 0 that was parsed"),
        };
        request
    }
}

fn filled(pieces: &[PathPiece], number: u64, second: u64) -> String {
    let mut path = String::with_capacity(64);
    for piece in pieces {
        // Writing to a text cannot fail.
        let _ = match piece {
            PathPiece::Text(text) => path.write_str(text),
            PathPiece::Number => write!(path, "{number}"),
            PathPiece::Second { back } => write!(path, "{}", second.saturating_sub(*back)),
        };
    }
    path
}

/// The deadline of a class's requests, in nanoseconds from the intended start.
pub(super) fn within_ns(class: &RequestClass) -> i64 {
    i64::try_from(class.expect.within.millis()).map_or(WITHIN_MAX_NS, |ms| ms.saturating_mul(1_000_000))
}

fn check_numbers(class: &RequestClass) -> Result<(), String> {
    if !(0.0..=RATE_MAX).contains(&class.rate) {
        return Err(format!("a rate of {} is not between 0 and {RATE_MAX} per second", class.rate));
    }
    if !(1..=WITHIN_MAX_NS).contains(&within_ns(class)) {
        return Err(format!("an answer within {} is not above 0s and at most 10m", class.expect.within));
    }
    if class.body_bytes > BODY_BYTES_MAX {
        return Err(format!("a body of {} bytes is above {BODY_BYTES_MAX}", class.body_bytes));
    }
    Ok(())
}

fn headers(class: &RequestClass, host: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let host = HeaderValue::try_from(host).map_err(|why| why.to_string())?;
    headers.insert(HOST, host);
    for (name, value) in &class.headers {
        let parsed: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header's name"))?;
        if parsed == CONTENT_LENGTH || parsed == TRANSFER_ENCODING {
            return Err(format!("header `{name}` follows from the body and cannot be set"));
        }
        let value = value.parse().map_err(|_| format!("the value of header `{name}` cannot be sent"))?;
        headers.insert(parsed, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Span, scenario::pack::Expect};
    use http_body_util::BodyExt;
    use std::collections::BTreeMap;

    fn class() -> RequestClass {
        RequestClass {
            name: "put".parse().unwrap(),
            rate: 10.0,
            method: "PUT".into(),
            path: "/o/{n}?again={n}".into(),
            keys: 50,
            body_bytes: 100,
            headers: BTreeMap::from([("X-Tenant".into(), "blue".into())]),
            expect: Expect { status: vec![200], within: Span::from_secs(1) },
        }
    }

    fn form(class: &RequestClass, seed: u64) -> Result<RequestForm, String> {
        RequestForm::new(class, "127.0.0.1:80", Seed(seed))
    }

    #[test]
    fn requests_are_the_same_for_one_seed_and_stay_below_keys() {
        let paths = |seed| {
            let mut form = form(&class(), seed).unwrap();
            (0..200).map(|_| form.next(0).uri().to_string()).collect::<Vec<_>>()
        };
        let first = paths(1);
        assert_eq!(first, paths(1));
        assert_ne!(first, paths(2));
        for path in first {
            let number = path.strip_prefix("/o/").and_then(|rest| rest.split_once("?again=")).unwrap();
            assert_eq!(number.0, number.1);
            assert!(number.0.parse::<u64>().unwrap() < 50, "{path}");
        }
    }

    #[test]
    fn a_path_may_name_the_second_and_one_before_it() {
        let class = RequestClass { path: "/o/day-{s-5}/{s}".into(), ..class() };
        let mut form = form(&class, 1).unwrap();
        let paths = [0, 4, 5, 1207].map(|second| form.next(second).uri().to_string());
        assert_eq!(paths, ["/o/day-0/0", "/o/day-0/4", "/o/day-0/5", "/o/day-1202/1207"]);
    }

    #[tokio::test]
    async fn method_headers_and_body_are_those_of_the_class() {
        let request = form(&class(), 1).unwrap().next(0);
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.headers()["x-tenant"], "blue");
        assert_eq!(request.headers()["host"], "127.0.0.1:80");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 100);
        let again = form(&class(), 1).unwrap().next(0).into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, again);
    }

    #[test]
    fn a_class_that_cannot_be_sent_is_refused_with_the_reason() {
        let refused = |change: fn(&mut RequestClass)| {
            let mut class = class();
            change(&mut class);
            form(&class, 1).unwrap_err()
        };
        assert!(refused(|c| c.rate = -1.0).contains("rate"));
        assert!(refused(|c| c.rate = f64::NAN).contains("rate"));
        assert!(refused(|c| c.rate = f64::INFINITY).contains("rate"));
        assert!(refused(|c| c.method = "P T".into()).contains("method"));
        assert!(refused(|c| c.path = "o".into()).contains("slash"));
        assert!(refused(|c| c.path = "/a b".into()).contains("path"));
        assert!(refused(|c| c.path = "/{m}".into()).contains("placeholders"));
        assert!(refused(|c| c.expect.within = Span::ZERO).contains("within"));
        assert!(refused(|c| c.expect.within = Span::from_mins(11)).contains("within"));
        assert!(refused(|c| c.body_bytes = usize::MAX).contains("body"));
        assert!(refused(|c| drop(c.headers.insert("a b".into(), String::new()))).contains("header"));
        assert!(refused(|c| drop(c.headers.insert("a".into(), "\n".into()))).contains("value"));
        assert!(refused(|c| drop(c.headers.insert("Content-Length".into(), "5".into()))).contains("body"));
    }
}
