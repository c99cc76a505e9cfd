//! The agent's API over TLS, for engines on other hosts. The engine knows the agent by the fingerprint of its certificate;
//! the agent knows the engine by the token.

use super::{AgentError, boot, durable};
use crate::seed;
use axum::serve::Listener;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a caller may take until the connection is encrypted.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Most callers at the same time that are on their way there.
const HANDSHAKES_MAX: usize = 64;
/// The certificate's file in the folder of an invitation.
const CERTIFICATE: &str = "agent-cert.pem";
/// Its key's.
const KEY: &str = "agent-key.pem";
/// The token's.
const TOKEN: &str = "agent-token";

/// How an agent is reached from another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The certificate's file, in PEM.
    pub certificate: PathBuf,
    /// Its key's.
    pub key: PathBuf,
}

impl Remote {
    /// SHA-256 of the certificate, by which engines know it.
    pub(super) fn fingerprint(&self) -> Result<String, AgentError> {
        let bad = |err| AgentError::io("read", &self.certificate)(io::Error::other(err));
        Ok(seed::digest(&CertificateDer::from_pem_file(&self.certificate).map_err(bad)?))
    }
}

/// What an engine on another host needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The files for the agent.
    pub remote: Remote,
    /// The token's file, for both.
    pub token_file: PathBuf,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
}

/// Makes a key, a certificate and a token in a folder; readable by their owner alone. What is there is never replaced.
pub fn invite(folder: &Path) -> Result<Invitation, AgentError> {
    fs::create_dir_all(folder).map_err(AgentError::io("make", folder))?;
    let [certificate, key, token_file] = [CERTIFICATE, KEY, TOKEN].map(|name| folder.join(name));
    for path in [&certificate, &key, &token_file] {
        if path.exists() {
            return Err(AgentError::io("write", path)(io::ErrorKind::AlreadyExists.into()));
        }
    }
    let odd = |err: rcgen::Error| AgentError::io("make a certificate for", folder)(io::Error::other(err));
    let pair = rcgen::KeyPair::generate().map_err(odd)?;
    let params = rcgen::CertificateParams::new(vec!["gameday-agent".to_owned()]).map_err(odd)?;
    let made = params.self_signed(&pair).map_err(odd)?;
    let files = [(&certificate, made.pem()), (&key, pair.serialize_pem()), (&token_file, seed::token())];
    for (path, text) in files {
        durable::replace(path, text.as_bytes(), 0o600).map_err(AgentError::io("write", path))?;
    }
    Ok(Invitation { fingerprint: seed::digest(made.der()), remote: Remote { certificate, key }, token_file })
}

/// What a token's file holds.
pub(super) fn token(path: &Path) -> Result<String, AgentError> {
    let text = fs::read_to_string(path).map_err(AgentError::io("read", path))?;
    let token = text.trim();
    if token.len() < 32 {
        let why = io::Error::other("a token has at least 32 characters");
        return Err(AgentError::io("use the token in", path)(why));
    }
    Ok(token.to_owned())
}

/// Encrypted connections of callers. A caller that is slow with its handshake keeps nobody else waiting.
pub(super) struct Encrypted {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Encrypted {
    pub(super) fn over(tcp: TcpListener, remote: &Remote) -> Result<Self, AgentError> {
        let acceptor = TlsAcceptor::from(Arc::new(config(remote)?));
        let place = Path::new("the listener");
        let address = tcp.local_addr().map_err(AgentError::io("look at", place))?;
        let (done, ready) = mpsc::channel(HANDSHAKES_MAX);
        tokio::spawn(accept(tcp, acceptor, done));
        Ok(Self { ready, address })
    }
}

fn config(remote: &Remote) -> Result<ServerConfig, AgentError> {
    let bad = |path: &Path| {
        let path = path.to_owned();
        move |err: rustls::pki_types::pem::Error| AgentError::io("read", &path)(io::Error::other(err))
    };
    let certificate = CertificateDer::from_pem_file(&remote.certificate).map_err(bad(&remote.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&remote.key).map_err(bad(&remote.key))?;
    let odd = |err: rustls::Error| AgentError::io("use", &remote.certificate)(io::Error::other(err));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(odd)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(odd)
}

async fn accept(
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    done: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, from) = tokio::select! {
            () = done.closed() => return,
            accepted = tcp.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(err) => {
                    tracing::warn!("could not accept a caller: {err}");
                    boot::pause(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (acceptor, done) = (acceptor.clone(), done.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    // The API has ended when nobody takes it.
                    let _ = done.send((stream, from)).await;
                }
                Ok(Err(err)) => tracing::debug!("{from} speaks no TLS with us: {err}"),
                Err(_) => tracing::debug!("{from} is too slow with its handshake"),
            }
        });
    }
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
