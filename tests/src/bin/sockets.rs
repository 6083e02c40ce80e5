//! The benchmark's yardstick: the least that can answer a request from Vault, written by hand over blocking sockets.
//!
//! It reads a request, asks for each id in turn over up to 32 connections of HTTP/1.1, and writes a response. It has no
//! settings, no deadline, no retry and no handling of errors. The resolver's extra time is for these.
//!
//! `sockets HOST:PORT CA_FILE TOKEN` (no `CA_FILE`, `-`: plain HTTP); instead of the token, `ROLE_ID,SECRET_ID` signs in
//! by them first, for a request of one id.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Map, Value, json};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn main() {
    let [address, ca, token] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("three arguments");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let ids: Vec<&str> = request["ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    let config = (ca != "-").then(|| Arc::new(config(&ca)));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut stream = connect(&address, config.clone());
        let token = match token.split_once(',') {
            Some((role_id, secret_id)) => sign_in(&mut stream, &address, role_id, secret_id),
            None => token.clone(),
        };
        let mut found = Vec::new();
        while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.push(((*id).to_owned(), read(&mut stream, &address, &token, id)));
        }
        found
    };
    let lanes = ids.len().min(32);
    let values: Map<String, Value> = if lanes == 1 {
        work().into_iter().collect()
    } else {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a lane")).collect()
        })
    };
    let response = json!({"protocolVersion": 1, "values": values, "errors": {}}).to_string();
    std::io::stdout().write_all(response.as_bytes()).expect("stdout");
}

fn config(ca: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).expect("the CA file") {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn connect(address: &str, config: Option<Arc<ClientConfig>>) -> Box<dyn Stream> {
    let tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_nodelay(true).expect("nodelay");
    match config {
        None => Box::new(tcp),
        Some(config) => {
            let host = address.rsplit_once(':').expect("a port").0.to_owned();
            let connection =
                ClientConnection::new(config, ServerName::try_from(host).expect("a host")).expect("TLS");
            Box::new(StreamOwned::new(connection, tcp))
        }
    }
}

fn sign_in(stream: &mut Box<dyn Stream>, address: &str, role_id: &str, secret_id: &str) -> String {
    let body = format!("{{\"role_id\":\"{role_id}\",\"secret_id\":\"{secret_id}\"}}");
    let length = body.len();
    let head = format!(
        "POST /v1/auth/approle/login HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n"
    );
    let answer = exchange(stream, &(head + &body));
    answer["auth"]["client_token"].as_str().expect("a token").to_owned()
}

fn read(stream: &mut Box<dyn Stream>, address: &str, token: &str, id: &str) -> Value {
    let (path, field) = id.rsplit_once('/').expect("path/field");
    let request =
        format!("GET /v1/secret/data/{path} HTTP/1.1\r\nhost: {address}\r\nx-vault-token: {token}\r\n\r\n");
    exchange(stream, &request)["data"]["data"][field].clone()
}

fn exchange(stream: &mut Box<dyn Stream>, request: &str) -> Value {
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    let mut chunk = [0; 8192];
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
