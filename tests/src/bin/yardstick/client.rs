//! The least of a client of HTTP/1.1, for the yardsticks of the benchmarks: blocking, without a deadline, a retry or any
//! handling of errors. It is a part of each of them, and not of the kit: what a yardstick links is a part of its time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// A TLS client that trusts the authorities of this file alone.
#[must_use]
pub fn config(ca: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).expect("the CA file") {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A connection to `HOST:PORT`.
#[must_use]
pub fn connect(address: &str) -> TcpStream {
    let tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_nodelay(true).expect("nodelay");
    tcp
}

/// The same over TLS.
#[must_use]
pub fn connect_tls(address: &str, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let tcp = connect(address);
    let host = address.rsplit_once(':').expect("a port").0.to_owned();
    let name = ServerName::try_from(host).expect("a host");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("TLS"), tcp)
}

/// Sends a whole request, and returns the JSON of its answer.
pub fn exchange(stream: &mut (impl Read + Write + ?Sized), request: &str) -> Value {
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        let count = stream.read(&mut chunk).expect("an answer");
        answer.extend_from_slice(&chunk[..count]);
        if let Some(body) = body(&answer) {
            return serde_json::from_slice(body).expect("JSON");
        }
    }
}

/// The body, once all of it is there.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).expect("a head").to_ascii_lowercase();
    let length =
        head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a length");
    answer.get(end..end + length.parse::<usize>().expect("a length"))
}
