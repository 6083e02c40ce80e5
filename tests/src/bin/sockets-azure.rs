//! The benchmark's yardstick: the least that can read one secret from Key Vault, written by hand over blocking sockets.
//!
//! `sockets-azure HOST:PORT CA_FILE TENANT CLIENT SECRET` reads a request of one id, signs in at the host, reads the secret
//! there over a second connection, and writes a response. It has no settings, no deadline, no retry and no care for what
//! goes wrong: that is what the resolver's extra time pays for. With `-` as the tenant, the secret is a token.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn main() {
    let [address, ca, tenant, client, secret] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("five arguments");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let id = request["ids"][0].as_str().expect("an id");
    let config = Arc::new(config(&ca));
    let token = match tenant.as_str() {
        "-" => secret,
        _ => sign_in(&mut connect(&address, &config), &address, (&tenant, &client, &secret)),
    };
    let path = format!("/secrets/{id}?api-version=2025-07-01");
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    let value = exchange(&mut connect(&address, &config), &head)["value"].clone();
    let response = json!({"protocolVersion": 1, "values": {id: value}, "errors": {}}).to_string();
    std::io::stdout().write_all(response.as_bytes()).expect("stdout");
}

fn sign_in(stream: &mut Stream, address: &str, (tenant, client, secret): (&str, &str, &str)) -> String {
    let body = format!(
        "grant_type=client_credentials&client_id={client}&client_secret={secret}&scope=https%3A%2F%2Fvault.azure.net%2F.default"
    );
    let head = format!(
        "POST /{tenant}/oauth2/v2.0/token HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    exchange(stream, &(head + &body))["access_token"].as_str().expect("a token").to_owned()
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

fn connect(address: &str, config: &Arc<ClientConfig>) -> Stream {
    let tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_nodelay(true).expect("nodelay");
    let host = address.rsplit_once(':').expect("a port").0.to_owned();
    let name = ServerName::try_from(host).expect("a host");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("TLS"), tcp)
}

fn exchange(stream: &mut Stream, request: &str) -> Value {
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
