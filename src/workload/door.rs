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
