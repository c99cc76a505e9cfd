//! The edge's encrypted door: its certificate, who has signed it, and until when it is good.
//!
//! A Depot has an authority of its own, made when it is laid out. The certificate is read again by itself when its file
//! changes; until when it is good is read from the certificate itself.

use super::{config::TlsFacts, machine::Machine, telemetry::Page, watched::Watched};
use crate::base::{At, Span};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{fmt, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The name that the edge's certificate is made out to.
pub(super) const SUBJECT: &str = "edge.depot.test";
/// How long a certificate is good that `depotctl` makes.
pub(super) const LIFE: Span = Span::from_mins(90 * 24 * 60);
/// How much of its life the certificate has left that a fresh Depot begins with.
pub(super) const LEFT: Span = Span::from_mins(21 * 24 * 60);
/// From this long before its end on, a certificate is said to end soon.
pub(super) const SOON: Span = Span::from_mins(14 * 24 * 60);
/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Connections that have shaken hands and were not taken yet.
const WAITING_MAX: usize = 64;

/// A certificate with its key, both in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Depot staging authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

/// A fresh authority.
pub(super) fn authority() -> Result<Pair, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = authority_params()?.self_signed(&key)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A certificate for the edge that is good from `from` to `until`, signed with the authority's key.
pub(super) fn issue(authority_key: &str, from: At, until: At) -> Result<Pair, rcgen::Error> {
    let moment =
        |at: At| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(at.millis().unsigned_abs());
    let issuer_key = KeyPair::from_pem(authority_key)?;
    let issuer = Issuer::new(authority_params()?, issuer_key);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![SUBJECT.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    (params.not_before, params.not_after) = (moment(from), moment(until));
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// Until when the certificate in `pem` is good.
pub(super) fn not_after(pem: &str) -> Result<At, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|err| err.to_string())?;
    end_of_validity(&der).ok_or_else(|| "it says nowhere until when it is good".to_owned())
}

/// One element of DER: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            let length = digits
                .iter()
                .try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// RFC 5280, 4.1: certificate, to be signed, then version, serial number, algorithm, issuer, validity.
fn end_of_validity(der: &[u8]) -> Option<At> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version is explicit and may be absent.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in ["serial number", "algorithm", "issuer"] {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    moment(tag, std::str::from_utf8(text).ok()?)
}

/// A `UTCTime` (`YYMMDDHHMMSSZ`) or a `GeneralizedTime` (`YYYYMMDDHHMMSSZ`).
fn moment(tag: u8, text: &str) -> Option<At> {
    const UTC_TIME: u8 = 0x17;
    let full = match tag {
        // RFC 5280, 4.1.2.5.1: 50 and above belong to the last century.
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? >= 50 => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        _ => text.to_owned(),
    };
    let part = |from: usize, to: usize| full.get(from..to);
    let spelt = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    At::try_from(spelt).ok()
}

/// How a certificate is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Good,
    EndsSoon,
    Expired,
}

/// How a certificate that is good until `until` is doing at `now`.
pub(super) fn state(until: At, now: At) -> State {
    if now >= until {
        State::Expired
    } else if until.since(now) < SOON {
        State::EndsSoon
    } else {
        State::Good
    }
}

/// The certificate as its files say it now.
pub(super) struct Shown {
    pair: Watched<Option<(Arc<CertifiedKey>, At)>>,
    machine: Arc<Machine>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    pub(super) fn of(facts: &TlsFacts, machine: &Arc<Machine>) -> Arc<Self> {
        let key = facts.key.clone();
        let read = move |text: &str| load(text, &key).map(Some);
        Arc::new(Self { pair: Watched::new(&facts.certificate, None, read), machine: Arc::clone(machine) })
    }

    /// Until when the certificate is good.
    pub(super) fn until(&self) -> Option<At> {
        self.pair.get().as_ref().as_ref().map(|(_, until)| *until)
    }

    /// Why the files as they are now are not in use.
    pub(super) fn problem(&self) -> Option<String> {
        self.pair.problem()
    }

    /// How the certificate is doing, if there is one.
    pub(super) fn state(&self) -> Option<State> {
        self.until().map(|until| state(until, self.machine.now()))
    }

    pub(super) fn write(&self, page: &mut Page) {
        let Some(until) = self.until() else { return };
        let end_s = until.millis() as f64 / 1000.0;
        page.single("certificate_not_after_seconds", "gauge", "Until when the certificate is good.", end_s);
        let left_s = (until.millis() - self.machine.now().millis()) as f64 / 1000.0;
        page.single("certificate_expires_in_seconds", "gauge", "Until it ends; below 0 since.", left_s);
    }
}

fn load(certificate: &str, key: &Path) -> Result<(Arc<CertifiedKey>, At), String> {
    let text = |err: rustls::pki_types::pem::Error| err.to_string();
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(|err| format!("the key: {err}"))?;
    let until = not_after(certificate)?;
    let pair = CertifiedKey::from_der(chain.map_err(text)?, key, &ring::default_provider());
    Ok((Arc::new(pair.map_err(|err| err.to_string())?), until))
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.get().as_ref().as_ref().map(|(pair, _)| Arc::clone(pair))
    }
}

/// Takes connections that have shaken hands. Who is slow at that holds up nobody else.
pub(super) struct TlsListener {
    address: io::Result<SocketAddr>,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    pub(super) fn new(listener: TcpListener, shown: Arc<Shown>) -> Self {
        let address = listener.local_addr();
        let (give, ready) = mpsc::channel(WAITING_MAX);
        tokio::spawn(shake_hands(listener, shown, give));
        Self { address, ready }
    }
}

async fn shake_hands(
    mut listener: TcpListener,
    shown: Arc<Shown>,
    give: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the protocol's versions")
        .with_no_client_auth()
        .with_cert_resolver(shown);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (stream, client) = tokio::select! {
            taken = Listener::accept(&mut listener) => taken,
            () = give.closed() => return,
        };
        let (acceptor, give) = (acceptor.clone(), give.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // Nobody takes it: the listener has gone.
                let _ = give.send((stream, client)).await;
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(taken) => taken,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(err) => Err(io::Error::new(err.kind(), err.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_when_a_certificate_is_good_is_read_from_itself() {
        let authority = authority().unwrap();
        // Years before 2050 are written with two digits, later ones with four.
        for end in ["2026-12-31T23:59:59.000Z", "2061-02-03T04:05:06.000Z"] {
            let until = At::try_from(end.to_owned()).unwrap();
            let pair = issue(&authority.key, At::from_millis(0), until).unwrap();
            assert_eq!(not_after(&pair.certificate).unwrap(), until);
        }
        assert!(not_after("no certificate").is_err());
        assert_eq!(end_of_validity(&[0x30, 0x82, 0xff]), None);
        assert_eq!(end_of_validity(&[0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255, 0]), None);
    }

    #[test]
    fn a_certificate_ends_soon_and_then_it_has_expired() {
        let (end, second) = (At::from_millis(10_000_000_000), Span::from_secs(1));
        assert_eq!(state(end, end - SOON - second), State::Good);
        assert_eq!(state(end, end - SOON + second), State::EndsSoon);
        assert_eq!(state(end, end), State::Expired);
    }
}
