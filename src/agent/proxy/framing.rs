//! Where the messages of an HTTP/1 stream begin and end. The parsing of lines is `httparse`'s.

use httparse::{EMPTY_HEADER, Status};

/// Longest head, chunk line or trailer that is followed, in bytes.
const LINES_MAX: usize = 64 * 1024;
/// What is looked at for lines at a time, in bytes.
const STEP: usize = 1024;
/// Most headers of a head that is followed.
const HEADERS_MAX: usize = 128;

/// Who sends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Requests.
    Client,
    /// Responses.
    Server,
}

/// One direction's messages.
#[derive(Debug)]
pub(super) struct Messages {
    side: Side,
    at: At,
    /// The head that is read, or was read last and not taken.
    head: Vec<u8>,
    /// How much of `head` was passed on before it was whole.
    passed: usize,
    is_whole: bool,
    /// The lines of a chunk or a trailer that are read.
    lines: Vec<u8>,
    ended_one: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Head,
    /// So many bytes of a body are left.
    Body(u64),
    ChunkSize,
    /// So many bytes of a chunk are left, with the end of its line.
    Chunk(u64),
    Trailer,
    /// A body without a length: to the end of the stream.
    ToTheEnd,
    /// Not HTTP, or no longer.
    Unknown,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Followed {
    /// The bytes belong to a head that is not whole yet.
    InHead,
    /// They end a head.
    Head(Head),
    /// They belong to a body.
    Body,
    /// The stream cannot be followed.
    Unknown,
}

/// The head of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The request's path; empty for a response.
    pub(super) path: String,
    /// It is a HEAD request, whose answer has no body.
    pub(super) bodiless: bool,
    /// No other request follows on this connection.
    pub(super) closes: bool,
    /// The response leaves HTTP.
    pub(super) switches: bool,
}

impl Messages {
    /// A stream of which nothing was read yet.
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            at: At::Head,
            head: Vec::new(),
            passed: 0,
            is_whole: false,
            lines: Vec::new(),
            ended_one: false,
        }
    }

    /// Reads on: how many of the bytes were taken, and what they are. For responses `to_head` says whether the
    /// request was HEAD.
    pub(super) fn follow(&mut self, bytes: &[u8], to_head: Option<bool>) -> (usize, Followed) {
        self.ended_one = false;
        match self.at {
            At::Head => self.head(bytes, to_head.unwrap_or(false)),
            At::Body(left) => {
                let n = most(left, bytes.len());
                self.at = At::Body(left - n as u64);
                if self.at == At::Body(0) {
                    self.end();
                }
                (n, Followed::Body)
            }
            At::Chunk(left) => {
                let n = most(left, bytes.len());
                let left = left - n as u64;
                self.at = if left == 0 { At::ChunkSize } else { At::Chunk(left) };
                (n, Followed::Body)
            }
            At::ChunkSize | At::Trailer => self.chunk_lines(bytes),
            At::ToTheEnd => (bytes.len(), Followed::Body),
            At::Unknown => (bytes.len(), Followed::Unknown),
        }
    }

    fn head(&mut self, bytes: &[u8], to_head: bool) -> (usize, Followed) {
        if self.is_whole {
            self.drop_head();
        }
        let before = self.head.len();
        let bytes = &bytes[..bytes.len().min(STEP)];
        self.head.extend_from_slice(bytes);
        let read = match self.side {
            Side::Client => request(&self.head),
            Side::Server => response(&self.head, to_head),
        };
        match read {
            Ok(Some((len, head, next))) => {
                self.head.truncate(len);
                self.is_whole = true;
                self.at = next;
                if next == At::Body(0) {
                    self.end();
                }
                (len - before, Followed::Head(head))
            }
            Ok(None) if self.head.len() < LINES_MAX => (bytes.len(), Followed::InHead),
            _ => {
                self.head.truncate(before);
                self.at = At::Unknown;
                (bytes.len(), Followed::Unknown)
            }
        }
    }

    fn chunk_lines(&mut self, bytes: &[u8]) -> (usize, Followed) {
        let before = self.lines.len();
        let bytes = &bytes[..bytes.len().min(STEP)];
        self.lines.extend_from_slice(bytes);
        let whole = match self.at {
            At::ChunkSize => httparse::parse_chunk_size(&self.lines).map_err(drop),
            _ => match httparse::parse_headers(&self.lines, &mut [EMPTY_HEADER; HEADERS_MAX]) {
                Ok(Status::Complete((len, _))) => Ok(Status::Complete((len, 0_u64))),
                Ok(Status::Partial) => Ok(Status::Partial),
                Err(_) => Err(()),
            },
        };
        match whole {
            Ok(Status::Complete((len, size))) => {
                self.lines.clear();
                match (self.at, size) {
                    (At::ChunkSize, 0) => self.at = At::Trailer,
                    (At::ChunkSize, size) => self.at = At::Chunk(size.saturating_add(2)),
                    _ => self.end(),
                }
                (len - before, Followed::Body)
            }
            Ok(Status::Partial) if self.lines.len() < LINES_MAX => (bytes.len(), Followed::Body),
            _ => {
                self.lines.clear();
                self.at = At::Unknown;
                (bytes.len(), Followed::Unknown)
            }
        }
    }

    fn end(&mut self) {
        self.at = At::Head;
        self.ended_one = true;
    }

    /// Whether what was followed last ended a message.
    pub(super) fn has_ended_one(&self) -> bool {
        self.ended_one
    }

    /// Whether the stream is between two messages.
    pub(super) fn is_between(&self) -> bool {
        self.at == At::Head && (self.is_whole || self.head.is_empty())
    }

    /// Notes that everything read so far was passed on.
    pub(super) fn pass_on(&mut self) {
        if self.is_whole {
            self.drop_head();
        } else {
            self.passed = self.head.len();
        }
    }

    fn drop_head(&mut self) {
        self.head = Vec::new();
        self.passed = 0;
        self.is_whole = false;
    }

    /// Takes the head that was just read, or what there is of it: whether a part was passed on before, and the rest.
    pub(super) fn take_head(&mut self) -> (bool, Vec<u8>) {
        let (mut head, passed) = (std::mem::take(&mut self.head), self.passed);
        self.drop_head();
        (passed > 0, head.split_off(passed))
    }

    /// What was read of a head and not passed on.
    pub(super) fn kept(&self) -> &[u8] {
        if self.is_whole { &[] } else { &self.head[self.passed..] }
    }

    /// No longer follows the stream.
    pub(super) fn give_up(&mut self) {
        self.at = At::Unknown;
    }
}

fn most(left: u64, len: usize) -> usize {
    usize::try_from(left).map_or(len, |left| left.min(len))
}

/// A head, its length, and what follows it; nothing if it is not whole.
type Read = Result<Option<(usize, Head, At)>, ()>;

fn request(bytes: &[u8]) -> Read {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let Status::Complete(len) = request.parse(bytes).map_err(drop)? else { return Ok(None) };
    let target = request.path.unwrap_or_default();
    // A proxy's form names the server first.
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let method = request.method.unwrap_or_default();
    let fields = Fields::of(request.headers)?;
    let head = Head {
        path: path.to_owned(),
        bodiless: method == "HEAD",
        closes: fields.closes || (request.version == Some(0) && !fields.keeps_alive),
        switches: false,
    };
    let next = match (fields.chunked, fields.length) {
        _ if method == "CONNECT" => return Err(()),
        (true, _) => At::ChunkSize,
        (false, length) => At::Body(length.unwrap_or(0)),
    };
    Ok(Some((len, head, next)))
}

fn response(bytes: &[u8], to_head: bool) -> Read {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let Status::Complete(len) = response.parse(bytes).map_err(drop)? else { return Ok(None) };
    let fields = Fields::of(response.headers)?;
    let code = response.code.unwrap_or_default();
    let head = Head { switches: code == 101, ..Head::default() };
    let next = match code {
        101 => At::Unknown,
        100..=199 => At::Head,
        204 | 304 => At::Body(0),
        _ if to_head => At::Body(0),
        _ => match (fields.chunked, fields.length) {
            (true, _) => At::ChunkSize,
            (false, Some(length)) => At::Body(length),
            (false, None) => At::ToTheEnd,
        },
    };
    Ok(Some((len, head, next)))
}

/// The headers that say how long a message is and whether another one follows.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    keeps_alive: bool,
}

impl Fields {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, ()> {
        let mut fields = Self::default();
        for header in headers {
            let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
            let has = |word: &str| value.split(',').any(|one| one.trim().eq_ignore_ascii_case(word));
            if header.name.eq_ignore_ascii_case("content-length") {
                fields.length = Some(value.parse().map_err(drop)?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                fields.chunked |= has("chunked");
            } else if header.name.eq_ignore_ascii_case("connection") {
                fields.closes |= has("close");
                fields.keeps_alive |= has("keep-alive");
            }
        }
        Ok(fields)
    }
}
