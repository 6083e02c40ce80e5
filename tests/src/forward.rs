//! An HTTP proxy, as companies have one: CONNECT for https, whole URLs for http. It connects to the kit's own server,
//! whatever host a request names, so that host need not exist.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificate::Certificates;
use crate::{fault, port};

/// A running proxy. Its thread ends with the process.
#[derive(Debug, Clone)]
pub struct Forward {
    /// `127.0.0.1:PORT`.
    pub address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Forward {
    /// Starts a proxy to `target` (`127.0.0.1:PORT`). With a `login` it requires this value of `Proxy-Authorization`; with
    /// certificates it uses TLS.
    #[must_use]
    pub fn start(target: &str, login: Option<&str>, tls: Option<&Certificates>) -> Self {
        let listener = port::listen();
        let address = listener.local_addr().expect("an address").to_string();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let target: SocketAddr = target.parse().expect("an address");
        let (login, tls) =
            (login.map(|login| format!("\r\nproxy-authorization: {login}\r\n")), tls.map(acceptor));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                listener.set_nonblocking(true).expect("nonblocking");
                let listener = TcpListener::from_std(listener).expect("a listener");
                loop {
                    let Ok((stream, _)) = listener.accept().await else { continue };
                    let (login, tls, seen) = (login.clone(), tls.clone(), Arc::clone(&seen));
                    tokio::spawn(async move {
                        let _ = match tls {
                            None => pass(stream, target, login, &seen).await,
                            Some(tls) => pass(tls.accept(stream).await?, target, login, &seen).await,
                        };
                        Ok::<_, io::Error>(())
                    });
                }
            });
        });
        Self { address, heads }
    }

    /// The heads of the first requests of all connections since this was last asked.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().expect("heads"))
    }
}

async fn pass(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    target: SocketAddr,
    login: Option<String>,
    seen: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    seen.lock().expect("heads").push(text.clone());
    if login.is_some_and(|login| !text.contains(&login)) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"kit\"\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    let mut server = TcpStream::connect(target).await?;
    if text.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\nvia: kit\r\n\r\n").await?;
        client.flush().await?;
    } else {
        server.write_all(&head).await?;
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

fn acceptor(certificates: &Certificates) -> TlsAcceptor {
    let (chain, key) = certificates.der();
    TlsAcceptor::from(fault::tls(chain, key, &[]))
}
