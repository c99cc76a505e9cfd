//! Notices as JSON, posted to an address that an administrator has set.
//!
//! ```json
//! {"id": "d-k2m4.n7", "exercise": true, "drill": "d-k2m4", "about": "alarm-raised", "alarm": "UploadErrorsHigh",
//!  "subject": "EXERCISE: 12 % of uploads fail", "text": ""}
//! ```
//!
//! The id is sent as `Idempotency-Key` too, and every try has the same body. Where a key is set, a receiver can tell what is
//! ours from what is not: it is signed as the Standard Webhooks specification says, for which libraries exist.

use super::{
    MARK, Notifier,
    http::{BadDestination, Receiver},
    marked,
};
use crate::{
    base::{AlarmName, DrillId, NoticeId, Span},
    clock::{BoxFuture, Clock as _, SystemClock},
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use std::fmt;

/// What a key for signatures begins with, as the specification writes it.
const KEY_PREFIX: &str = "whsec_";

/// Posts the notices of one drill to one address.
pub struct Webhook {
    receiver: Receiver,
    drill: Option<DrillId>,
    key: Option<Key>,
}

/// What signatures are made with. It is never shown.
#[derive(Clone)]
pub struct Key(Vec<u8>);

/// A key that signatures cannot be made with. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key for signatures is written as `whsec_` and 24 to 64 bytes in base64")]
pub struct BadKey;

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads a key as the Standard Webhooks specification writes it.
    pub fn read(text: &str) -> Result<Self, BadKey> {
        let coded = text.trim().strip_prefix(KEY_PREFIX).ok_or(BadKey)?;
        let bytes = BASE64_STANDARD.decode(coded).map_err(|_| BadKey)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(BadKey) }
    }

    /// The signature of one try: of its id, its moment in seconds, and its body.
    fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The body.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a NoticeId,
    exercise: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<&'a DrillId>,
    about: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<&'a AlarmName>,
    subject: String,
    text: &'a str,
}

impl Webhook {
    /// Posts to `address`, which must begin with `http:` or `https:`.
    pub fn new(address: &str) -> Result<Self, BadDestination> {
        Ok(Self { receiver: Receiver::new(address)?, drill: None, key: None })
    }

    /// The same with another limit for the whole exchange.
    pub fn with_timeout(address: &str, timeout: Span) -> Result<Self, BadDestination> {
        Ok(Self { receiver: Receiver::with_timeout(address, timeout)?, drill: None, key: None })
    }

    /// Names the drill in each body.
    pub fn for_drill(mut self, drill: DrillId) -> Self {
        self.drill = Some(drill);
        self
    }

    /// Signs each body.
    pub fn signed(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    fn body(&self, notice: &Notice) -> Vec<u8> {
        let (about, alarm) = match &notice.about {
            NoticeKind::ComCheck => ("com-check", None),
            NoticeKind::StartEx => ("start-ex", None),
            NoticeKind::EndEx => ("end-ex", None),
            NoticeKind::AlarmRaised(alarm) => ("alarm-raised", Some(alarm)),
            NoticeKind::AlarmResolved(alarm) => ("alarm-resolved", Some(alarm)),
            NoticeKind::Inject => ("inject", None),
            NoticeKind::Shift => ("shift", None),
            NoticeKind::Page(_) => ("page", None),
        };
        let body = Body {
            id: &notice.id,
            exercise: true,
            drill: self.drill.as_ref(),
            about,
            alarm,
            subject: marked(&notice.subject),
            text: &notice.text,
        };
        serde_json::to_vec(&body).expect("a notice is plain data")
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

impl Notifier for Webhook {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        let body = self.body(notice);
        self.receiver.post(|request| {
            let id = notice.id.as_str();
            let mut request = request
                .header("Idempotency-Key", id)
                .header("X-Gameday", MARK)
                .header("Content-Type", "application/json");
            if let Some(key) = &self.key {
                let seconds = (SystemClock.now().millis() / 1000).to_string();
                let signature = key.sign(id, &seconds, &body);
                request = request.header("webhook-id", id).header("webhook-timestamp", seconds);
                request = request.header("webhook-signature", signature);
            }
            request.body(body)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_the_specification_writes_it_and_signs_as_its_example_does() {
        let key = Key::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_aGVsbG8=", "whsec_%%%"] {
            assert!(Key::read(bad).is_err(), "{bad}");
        }
    }
}
