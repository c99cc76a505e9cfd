//! Sealing: a text becomes an age file, which only its recipients can read, with a commitment, which everybody can.
//!
//! ```text
//! text + a last line that nobody can guess -> SHA-256 -> the commitment, a stanza of the age file's header
//!                                          -> age     -> NAME.yaml.age, in armor
//! ```
//!
//! Without that line whoever guesses a text could see that they are right. `age --decrypt FILE | sha256sum` shows the
//! commitment; other tools pass over the stanza. The header is authenticated: who has a key sees that it was changed.

use super::keys::Recipient;
use crate::{
    base::limits::{FILE_BYTES_MAX, SEALED_BYTES_MAX},
    seed,
};
use age::{
    DecryptError, Decryptor, EncryptError, Encryptor,
    armor::{ArmoredReader, ArmoredWriter, Format},
    x25519,
};
use age_core::format::{FileKey, Stanza};
use std::{
    cell::RefCell,
    collections::HashSet,
    io::{self, Read as _, Write as _},
    iter,
};

/// What the header's stanza is called.
const STANZA: &str = "gameday-seal";
/// How the last line of a sealed text begins: a comment in YAML.
const LAST_LINE: &str = "# sealed: ";
/// Hexadecimal digits after it.
const SALT_LEN: usize = 32;

/// A sealed text.
pub struct Sealed {
    /// The file's content.
    pub file: String,
    /// SHA-256 of what is in it.
    pub commitment: String,
}

/// An opened one.
pub struct Opened {
    /// SHA-256 of all that was in it.
    pub commitment: String,
    whole: Vec<u8>,
    text: usize,
}

impl Opened {
    /// The text, as it was before it was sealed.
    pub fn text(&self) -> &[u8] {
        &self.whole[..self.text]
    }

    /// The text with the last line, of which the commitment is made.
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }
}

/// Why something cannot be opened, or sealed. Nothing of a text is ever in it.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is something else.
    #[error("this is not an age file")]
    NotAge,
    /// Somebody else's age file.
    #[error("this age file holds no sealed scenario: it commits to nothing")]
    NoCommitment,
    /// It is for others.
    #[error("this scenario is sealed, and none of the identities at hand opens it")]
    ForOthers,
    /// It was cut or changed.
    #[error("the sealed file is damaged, or its header was changed")]
    Damaged,
    /// What is inside is not what the header commits to.
    #[error("what is sealed is not what the file commits to ({0})")]
    Broken(String),
    /// A text that is too large for a scenario.
    #[error("a scenario has at most {} KiB", FILE_BYTES_MAX / 1024)]
    TooLarge,
    /// There are too many keys for one file.
    #[error("a sealed file has at most {} KiB: name fewer recipients", SEALED_BYTES_MAX / 1024)]
    TooManyKeys,
    /// Nobody was named.
    #[error("nobody could open it: no recipient is named")]
    NoRecipients,
}

impl SealError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotAge | Self::NoCommitment => "`gameday seal SCENARIO --to RECIPIENT` makes a sealed one",
            Self::ForOthers => "name another with `--identity FILE`; whoever sealed it knows for whom",
            Self::Damaged | Self::Broken(_) => {
                "take it from where it came from again, or have it sealed again"
            }
            Self::TooLarge | Self::TooManyKeys => "make it smaller",
            Self::NoRecipients => "name somebody with `--to` or `--recipients-file`",
        }
    }
}

/// Seals a text to some recipients.
pub fn seal(text: &[u8], to: &[Recipient]) -> Result<Sealed, SealError> {
    if to.is_empty() {
        return Err(SealError::NoRecipients);
    }
    if text.len() > FILE_BYTES_MAX {
        return Err(SealError::TooLarge);
    }
    let whole = with_last_line(text);
    let commitment = seed::digest(&whole);
    let committed = Committed(commitment.clone());
    let each = to.iter().map(|one| one as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(each.chain(iter::once(&committed as &dyn age::Recipient)))
        .expect("recipients of one kind go together");
    let file = armored(encryptor, &whole).expect("memory can be written to");
    if file.len() > SEALED_BYTES_MAX {
        return Err(SealError::TooManyKeys);
    }
    Ok(Sealed { file: String::from_utf8(file).expect("armor is plain letters"), commitment })
}

fn armored(encryptor: Encryptor, whole: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?)?;
    out.write_all(whole)?;
    out.finish()?.finish()
}

/// What a sealed file commits to, as its header says. Without a key nobody knows whether that is true.
pub fn commitment(file: &[u8]) -> Result<String, SealError> {
    match opening(file, &[]) {
        (Some(commitment), _) => Ok(commitment),
        (None, Err(error @ SealError::NotAge)) => Err(error),
        (None, _) => Err(SealError::NoCommitment),
    }
}

/// Opens a sealed file with one of these identities.
pub fn open(file: &[u8], identities: &[x25519::Identity]) -> Result<Opened, SealError> {
    let (told, opened) = opening(file, identities);
    let Some(commitment) = told else {
        return Err(opened
            .err()
            .filter(|error| matches!(error, SealError::NotAge))
            .unwrap_or(SealError::NoCommitment));
    };
    let whole = opened?;
    if seed::digest(&whole) != commitment {
        return Err(SealError::Broken(commitment));
    }
    let text = text_len(&whole).ok_or(SealError::NoCommitment)?;
    Ok(Opened { commitment, whole, text })
}

/// What the header commits to, and what is inside.
fn opening(file: &[u8], identities: &[x25519::Identity]) -> (Option<String>, Result<Vec<u8>, SealError>) {
    let listener = Listener::default();
    let inside = Decryptor::new_buffered(ArmoredReader::new(file)).map_err(|_| SealError::NotAge).and_then(
        |decryptor| {
            let all = identities.iter().map(|one| one as &dyn age::Identity);
            let all = iter::once(&listener as &dyn age::Identity).chain(all);
            let reader = decryptor.decrypt(all).map_err(|error| match error {
                DecryptError::NoMatchingKeys => SealError::ForOthers,
                _ => SealError::Damaged,
            })?;
            let mut whole = Vec::new();
            let most = FILE_BYTES_MAX + LAST_LINE.len() + SALT_LEN + 1;
            let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            reader.take(bound).read_to_end(&mut whole).map_err(|_| SealError::Damaged)?;
            if whole.len() > most { Err(SealError::TooLarge) } else { Ok(whole) }
        },
    );
    (listener.heard(), inside)
}

/// The text with a last line that nobody can guess. It ends as the text does, so that it can be taken away again.
fn with_last_line(text: &[u8]) -> Vec<u8> {
    let salt = [LAST_LINE, &seed::token()].concat();
    let (before, after) = if text.ends_with(b"\n") { ("", "\n") } else { ("\n", "") };
    [text, before.as_bytes(), salt.as_bytes(), after.as_bytes()].concat()
}

/// How much of it is the text.
fn text_len(whole: &[u8]) -> Option<usize> {
    let ends = whole.ends_with(b"\n");
    let line = LAST_LINE.len() + SALT_LEN;
    let text = whole.len().checked_sub(line + 1)?;
    let last = if ends { &whole[text..whole.len() - 1] } else { &whole[text + 1..] };
    let joint = if ends { text == 0 || whole[text - 1] == b'\n' } else { whole[text] == b'\n' };
    let hex = last.strip_prefix(LAST_LINE.as_bytes())?.iter().all(u8::is_ascii_hexdigit);
    (joint && hex).then_some(text)
}

/// Puts a commitment into the header. It opens nothing.
struct Committed(String);

impl age::Recipient for Committed {
    fn wrap_file_key(&self, _: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let stanza = Stanza { tag: STANZA.to_owned(), args: vec![self.0.clone()], body: Vec::new() };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// Hears what a header commits to. It opens nothing.
#[derive(Default)]
struct Listener(RefCell<Vec<Vec<String>>>);

impl Listener {
    fn heard(self) -> Option<String> {
        let mut all = self.0.into_inner();
        let mut one = if all.len() == 1 { all.pop()? } else { return None };
        let commitment = if one.len() == 1 { one.pop()? } else { return None };
        let is_digest = commitment.len() == 64
            && commitment.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_digest.then_some(commitment)
    }
}

impl age::Identity for Listener {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag == STANZA {
            self.0.borrow_mut().push(stanza.args.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CANARY: &str = "CanarySealed7";

    fn identity() -> x25519::Identity {
        x25519::Identity::generate()
    }

    /// An age file that says `commitment` of `whole`, and is otherwise good.
    fn forged(whole: &[u8], commitments: &[&str], to: &x25519::Identity) -> Vec<u8> {
        let to = to.to_public();
        let committed: Vec<_> = commitments.iter().map(|one| Committed((*one).to_owned())).collect();
        let all = committed.iter().map(|one| one as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(iter::once(&to as _).chain(all)).unwrap();
        armored(encryptor, whole).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_text_comes_back_as_it_was(text in proptest::collection::vec(any::<u8>(), 0..300), ends in 0_usize..3) {
            let mut text = text;
            text.extend_from_slice([&b""[..], b"\n", b"\r\n"][ends]);
            let ana = identity();
            let sealed = seal(&text, &[identity().to_public(), ana.to_public()]).unwrap();
            let opened = open(sealed.file.as_bytes(), &[identity(), ana]).unwrap();
            prop_assert_eq!(opened.text(), &text[..]);
            prop_assert_eq!(&opened.commitment, &sealed.commitment);
            prop_assert_eq!(seed::digest(opened.whole()), sealed.commitment.clone());
            prop_assert_eq!(commitment(sealed.file.as_bytes()).unwrap(), sealed.commitment);
        }
    }

    #[test]
    fn nobody_else_opens_it_and_nobody_can_confirm_a_guess() {
        let (ana, ben) = (identity(), identity());
        let text = format!("title: {CANARY}\n");
        let sealed = seal(text.as_bytes(), &[ana.to_public()]).unwrap();
        assert!(matches!(open(sealed.file.as_bytes(), &[ben]), Err(SealError::ForOthers)));
        assert!(!sealed.file.contains(CANARY));
        // Two seals of one text commit to different things, and neither is the digest of the text.
        let again = seal(text.as_bytes(), &[ana.to_public()]).unwrap();
        assert_ne!(sealed.commitment, again.commitment);
        assert_ne!(sealed.commitment, seed::digest(text.as_bytes()));
    }

    #[test]
    fn every_change_of_a_sealed_file_is_seen() {
        let ana = identity();
        let sealed = seal(b"title: x\n", &[ana.to_public()]).unwrap().file;
        let whole = sealed.len();
        for at in 0..whole {
            let mut changed = sealed.clone().into_bytes();
            // Letters of armor; what stands around it is told below.
            if !changed[at].is_ascii_alphanumeric() {
                continue;
            }
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(open(&changed, std::slice::from_ref(&ana)).is_err(), "byte {at}");
        }
        for cut in [0, 1, 40, whole / 2, whole - 40] {
            assert!(open(&sealed.as_bytes()[..cut], std::slice::from_ref(&ana)).is_err(), "cut at {cut}");
        }
        assert!(matches!(open(b"title: x\n", &[ana]), Err(SealError::NotAge)));
        assert!(matches!(commitment(b""), Err(SealError::NotAge)));
    }

    #[test]
    fn what_is_inside_must_be_what_the_header_commits_to() {
        let ana = identity();
        let whole = with_last_line(b"title: x\n");
        let (right, other) = (seed::digest(&whole), seed::digest(b"other"));
        let ask = |whole: &[u8], says: &[&str]| {
            open(&forged(whole, says, &ana), std::slice::from_ref(&ana)).map(|_| ())
        };
        assert!(ask(&whole, &[&right]).is_ok());
        assert!(matches!(ask(&whole, &[&other]), Err(SealError::Broken(told)) if told == other));
        for says in [
            &[][..],
            &[right.as_str(), &right],
            &["x"],
            &[right[1..].as_ref()],
            &[right.to_uppercase().as_str()],
        ] {
            let file = forged(&whole, says, &ana);
            assert!(matches!(commitment(&file), Err(SealError::NoCommitment)), "{says:?}");
            assert!(matches!(ask(&whole, says), Err(SealError::NoCommitment)), "{says:?}");
        }
        // Somebody else's age file, also one that commits to itself.
        let plain = b"title: x\n";
        assert!(matches!(ask(plain, &[&seed::digest(plain)]), Err(SealError::NoCommitment)));
        let large = vec![b'#'; FILE_BYTES_MAX + 100];
        assert!(matches!(ask(&large, &[&seed::digest(&large)]), Err(SealError::TooLarge)));
        assert!(matches!(seal(&large, &[ana.to_public()]), Err(SealError::TooLarge)));
        assert!(matches!(seal(plain, &[]), Err(SealError::NoRecipients)));
    }
}
