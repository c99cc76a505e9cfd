//! Where the users knock: plainly, or over TLS with a certificate that they verify as anybody outside would.

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long one user stays on an encrypted connection. Who comes next shakes hands anew, so that a certificate that
/// turns bad is felt within so long, as it is by users who come and go.
const VISIT: Duration = Duration::from_secs(5);

/// The front door as the users are told of it.
#[derive(Debug, Clone)]
pub struct Door {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is known; nothing: requests go unencrypted.
    pub identity: Option<Identity>,
}

/// Whom users expect behind an encrypted door.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name that the certificate must be made out to.
    pub name: String,
    /// The only authority that users trust, in PEM.
    pub authority: String,
}

impl From<SocketAddr> for Door {
    fn from(address: SocketAddr) -> Self {
        Self { address, identity: None }
    }
}

impl Door {
    /// What requests say of the host that they mean.
    pub(super) fn host(&self) -> String {
        match &self.identity {
            Some(identity) => format!("{}:{}", identity.name, self.address.port()),
            None => self.address.to_string(),
        }
    }
}

/// Opens connections to one door.
pub(super) struct Opener {
    address: SocketAddr,
    encryption: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Opener {
    /// Opens connections to `door`; the error says what of its identity cannot be used.
    pub(super) fn to(door: &Door) -> Result<Self, String> {
        let encryption = door.identity.as_ref().map(encryption).transpose()?;
        Ok(Self { address: door.address, encryption })
    }

    /// For how long a connection is used again.
    pub(super) fn visit(&self) -> Option<Duration> {
        self.encryption.as_ref().map(|_| VISIT)
    }

    /// A connection that is ready for requests.
    pub(super) async fn open(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.encryption {
            Some((connector, name)) => {
                Stream::Encrypted(Box::new(connector.connect(name.clone(), stream).await?))
            }
            None => Stream::Plain(stream),
        })
    }
}

fn encryption(identity: &Identity) -> Result<(TlsConnector, ServerName<'static>), String> {
    let name = ServerName::try_from(identity.name.clone())
        .map_err(|_| format!("`{}` is not a name that a certificate can hold", identity.name))?;
    let authority = CertificateDer::from_pem_slice(identity.authority.as_bytes())
        .map_err(|why| format!("the authority's certificate cannot be read: {why}"))?;
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(|why| format!("the authority's certificate cannot be used: {why}"))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session that is taken up again shows no certificate.
    config.resumption = Resumption::disabled();
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// One connection.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// What carries the bytes.
macro_rules! carrier {
    ($stream:expr, $carrier:ident => $then:expr) => {
        match $stream.get_mut() {
            Stream::Plain(stream) => {
                let $carrier = Pin::new(stream);
                $then
            }
            Stream::Encrypted(stream) => {
                let $carrier = Pin::new(stream.as_mut());
                $then
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => stream.poll_read(cx, to))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        carrier!(self, stream => stream.poll_write(cx, from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        carrier!(self, stream => stream.poll_write_vectored(cx, from))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        carrier!(self, stream => stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{At, Span},
        clock::{Clock, SystemClock},
        drill::measure::Tally,
        scenario::pack::{Expect, RequestClass, WorkloadShape},
        seed::Seed,
        workload::Workload,
    };
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::{
        ServerConfig,
        pki_types::PrivateKeyDer,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    };
    use std::{collections::BTreeMap, sync::Mutex};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    const NAME: &str = "door.example.test";

    /// Signs certificates.
    struct Authority {
        key: KeyPair,
        params: CertificateParams,
        pem: String,
    }

    impl Authority {
        fn fresh() -> Self {
            let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let pem = params.self_signed(&key).unwrap().pem();
            Self { key, params, pem }
        }

        /// A certificate for `name` that ended, or ends, in this year.
        fn issue(&self, name: &str, until: i32) -> Arc<CertifiedKey> {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            let signed = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
            let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            let pair = CertifiedKey::from_der(vec![signed.der().clone()], der, &ring::default_provider());
            Arc::new(pair.unwrap())
        }
    }

    /// What the door shows at the moment.
    #[derive(Debug)]
    struct Showing(Mutex<Arc<CertifiedKey>>);

    impl ResolvesServerCert for Showing {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(self.0.lock().unwrap().clone())
        }
    }

    /// A front door over TLS that answers everything with 200.
    async fn serve(showing: Arc<Showing>) -> SocketAddr {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(showing);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut buffer = [0; 4096];
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn users(address: SocketAddr, authority: &str) -> (Workload, At) {
        let class = RequestClass {
            name: "get".parse().unwrap(),
            rate: 30.0,
            method: "GET".into(),
            path: "/o/{n}".into(),
            keys: 10,
            body_bytes: 0,
            headers: BTreeMap::new(),
            expect: Expect { status: vec![200], within: Span::from_secs(2) },
        };
        let shape = WorkloadShape { classes: vec![class], encrypted: true };
        let identity = Identity { name: NAME.to_owned(), authority: authority.to_owned() };
        let door = Door { address, identity: Some(identity) };
        let from = SystemClock.now() + Span::from_millis(200);
        (Workload::start(&shape, door, Seed(5), from, &SystemClock).unwrap(), from)
    }

    async fn second(workload: &Workload, at: At) -> Tally {
        workload.bucket(at).await.classes.values().copied().next().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_certificate_that_runs_out_fails_everybody_within_a_visit_and_a_new_one_lets_them_in() {
        let authority = Authority::fresh();
        let showing = Arc::new(Showing(Mutex::new(authority.issue(NAME, 2090))));
        let address = serve(showing.clone()).await;
        let (workload, from) = users(address, &authority.pem);
        let at = |seconds: u64| from + Span::from_secs(seconds);
        for n in 0..2 {
            let tally = second(&workload, at(n)).await;
            assert_eq!((tally.sent, tally.failed), (30, 0), "second {n}: {tally:?}");
        }
        *showing.0.lock().unwrap() = authority.issue(NAME, 2021);
        // Whoever is connected stays for a visit; nobody comes in anew.
        let all_fail = second(&workload, at(9)).await;
        assert_eq!((all_fail.sent, all_fail.failed), (30, 30), "{all_fail:?}");
        *showing.0.lock().unwrap() = authority.issue(NAME, 2090);
        let good = second(&workload, at(13)).await;
        assert_eq!((good.sent, good.failed), (30, 0), "{good:?}");
    }

    #[tokio::test]
    async fn another_authority_and_another_name_are_not_trusted() {
        let (authority, stranger) = (Authority::fresh(), Authority::fresh());
        for (shown, trusted) in [
            (stranger.issue(NAME, 2090), &authority),
            (authority.issue("other.example.test", 2090), &authority),
        ] {
            let address = serve(Arc::new(Showing(Mutex::new(shown)))).await;
            let (workload, from) = users(address, &trusted.pem);
            let tally = second(&workload, from).await;
            assert_eq!((tally.sent, tally.failed), (30, 30), "{tally:?}");
        }
    }

    #[test]
    fn an_identity_that_cannot_be_used_is_refused() {
        let address = "127.0.0.1:1".parse().unwrap();
        let refused = |name: &str, authority: &str| {
            let identity = Identity { name: name.to_owned(), authority: authority.to_owned() };
            Opener::to(&Door { address, identity: Some(identity) }).unwrap_err()
        };
        assert!(refused("not a name", &Authority::fresh().pem).contains("not a name"));
        assert!(refused(NAME, "no certificate").contains("authority"));
    }
}
