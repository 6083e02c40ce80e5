//! How a connection begins: TCP, the greeting, TLS, and the protocol.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{State, Then, h1, h2};

/// The protocol of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

/// How a server treats its connections.
#[derive(Clone)]
pub struct Setup {
    /// The server's side of TLS, if it uses TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// The protocol that it speaks in spite of the handshake; `None` for the negotiated one.
    pub speaks: Option<Line>,
    /// The greetings of the first connection, the second, and so on.
    pub greeting: Arc<dyn Fn(usize) -> Greeting + Send + Sync>,
    /// The limits of HTTP/2 streams.
    pub streams: Streams,
}

/// What happens to a new connection.
#[derive(Debug, Clone)]
pub enum Greeting {
    /// It is served.
    Serve,
    /// It is accepted, and nothing is sent.
    Silence,
    /// It is reset at once.
    Reset,
    /// It is closed at once.
    Close,
    /// It gets these bytes after the client has sent something, and is closed.
    Bytes(Vec<u8>),
    /// It is passed on to another server.
    PassOn(SocketAddr),
}

/// The limits of the streams of an HTTP/2 connection.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    /// How many there may be at once.
    pub most: u32,
    /// How many there may be at first, for this long.
    pub first: Option<(u32, Duration)>,
    /// The window for the body of a request, in bytes; it never grows.
    pub window: Option<u32>,
}

impl Default for Setup {
    /// Clear text, every connection is served, and as many streams as common servers allow.
    fn default() -> Self {
        let streams = Streams { most: 200, first: None, window: None };
        Self { tls: None, speaks: None, greeting: Arc::new(|_| Greeting::Serve), streams }
    }
}

/// A server's side of TLS with these ALPN protocols (RFC 7301); with none it ignores the extension.
#[must_use]
pub fn tls(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    alpn: &[&str],
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Serves one connection to its end.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
    number: usize,
    state: Arc<State>,
) {
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return };
    match (state.setup.greeting)(number) {
        Greeting::Serve => {
            if let Ok(Then::Reset(_) | Then::ResetConnection) = converse(stream, number, &state).await {
                reset(socket);
            }
        }
        Greeting::Silence => hang(&mut stream).await,
        Greeting::Close => {}
        Greeting::Reset => {
            drop(stream);
            reset(socket);
        }
        Greeting::Bytes(bytes) => {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&bytes).await;
        }
        Greeting::PassOn(target) => {
            if let Ok(mut other) = TcpStream::connect(target).await {
                let _ = other.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
            }
        }
    }
}

/// Speaks HTTP until one side ends the connection. Returns how to end it, if it is this side.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    number: usize,
    state: &Arc<State>,
) -> io::Result<Then> {
    let Some(tls) = &state.setup.tls else {
        return speak(stream, state.setup.speaks.unwrap_or(Line::H1), number, state).await;
    };
    let stream = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await?;
    let agreed = if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Line::H2 } else { Line::H1 };
    speak(stream, state.setup.speaks.unwrap_or(agreed), number, state).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    line: Line,
    number: usize,
    state: &Arc<State>,
) -> io::Result<Then> {
    match line {
        Line::H1 => h1::speak(stream, number, state).await,
        Line::H2 => h2::speak(stream, number, state).await,
    }
}

/// Waits until the client closes the connection.
pub(super) async fn hang(stream: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 4096];
    while stream.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}

/// Closes the last handle of a connection so that the other side sees RST, not FIN.
fn reset(socket: OwnedFd) {
    let _ = set_socket_linger(&socket, Some(Duration::ZERO));
    drop(socket);
}
