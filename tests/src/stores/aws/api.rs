//! The kit's own client of AWS's APIs: signed requests, over TLS with the kit's authority.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::signature::{self, Key};

/// The region of requests that name none.
pub const REGION: &str = "us-east-1";

/// A server that speaks AWS's protocols.
#[derive(Debug, Clone)]
pub struct Api {
    /// `127.0.0.1:PORT`.
    host: String,
    tls: Arc<ClientConfig>,
}

/// Status and body of a reply.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Reply {
    /// The text of the first XML element with this name.
    #[must_use]
    pub fn element(&self, name: &str) -> &str {
        let rest = self.text.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
        let text = rest.and_then(|rest| rest.split_once('<')).map(|(text, _)| text);
        text.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

impl Api {
    /// The server at `https://127.0.0.1:PORT`, whose certificate is from this authority.
    #[must_use]
    pub fn new(https: &str, ca: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).expect("the CA file") {
            roots.add(certificate.expect("a certificate")).expect("a certificate");
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { host: https.trim_start_matches("https://").to_owned(), tls: Arc::new(tls) }
    }

    /// An action of Secrets Manager. Panics if it is refused.
    pub fn secrets(&self, key: &Key, region: &str, action: &str, body: &Value) -> Value {
        let target = format!("secretsmanager.{action}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let headers = self.sign(key, region, "secretsmanager", &headers, body.to_string().as_bytes());
        let reply = self.send("/", &headers, body.to_string().as_bytes()).expect("a reply");
        assert_eq!(reply.status, 200, "{action} {body}: {}", reply.text);
        serde_json::from_str(&reply.text).expect("JSON")
    }

    /// An action of IAM or STS.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn query(
        &self,
        key: &Key,
        service: &str,
        action: &str,
        fields: &[(&str, &str)],
        more: &[(&str, &str)],
    ) -> std::io::Result<Reply> {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in fields {
            let _ = write!(body, "&{name}={}", encode(value));
        }
        let kind = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let mut headers = self.sign(key, REGION, service, &kind, body.as_bytes());
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.send("/", &headers, body.as_bytes())
    }

    /// The same, which must succeed.
    pub fn must_query(&self, key: &Key, service: &str, action: &str, fields: &[(&str, &str)]) -> Reply {
        let reply = self.query(key, service, action, fields, &[]).expect("a reply");
        assert_eq!(reply.status, 200, "{action}: {}", reply.text);
        reply
    }

    fn sign(
        &self,
        key: &Key,
        region: &str,
        service: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<(String, String)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        signature::sign(key, region, service, &self.host, headers, body, now)
    }

    /// A `POST` as it is; the connection is closed after it.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn send(&self, path: &str, headers: &[(String, String)], body: &[u8]) -> std::io::Result<Reply> {
        let tcp = TcpStream::connect(&self.host)?;
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        let host = self.host.rsplit_once(':').expect("a port").0.to_owned();
        let name = ServerName::try_from(host).expect("a host");
        let tls = ClientConnection::new(Arc::clone(&self.tls), name).map_err(std::io::Error::other)?;
        let mut stream = StreamOwned::new(tls, tcp);
        let mut head =
            format!("POST {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let (mut reply, mut chunk) = (Vec::new(), [0; 16_384]);
        while !is_whole(&reply) {
            // Not every server says goodbye as TLS has it.
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                count => reply.extend_from_slice(&chunk[..count?]),
            }
        }
        Ok(parse(&String::from_utf8_lossy(&reply)))
    }
}

/// Whether a reply has as many bytes as it says. One that does not say it ends with its connection.
fn is_whole(reply: &[u8]) -> bool {
    let text = String::from_utf8_lossy(reply);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    let length =
        head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn parse(reply: &str) -> Reply {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {reply:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Reply { status, text: if is_chunked { unchunked(body) } else { body.to_owned() } }
}

fn unchunked(body: &str) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some((size, chunk)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        if size == 0 {
            break;
        }
        text.push_str(&chunk[..size]);
        rest = &chunk[size + 2..];
    }
    text
}

/// Percent-encodes all but the unreserved characters.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A policy that allows everything that a resolver or its user does, without what is denied.
#[must_use]
pub fn policy(denied: &[(&str, &str)]) -> String {
    let allow = json!({"Effect": "Allow", "Action": ["secretsmanager:*", "sts:*"], "Resource": "*"});
    let deny = denied
        .iter()
        .map(|(action, resource)| json!({"Effect": "Deny", "Action": action, "Resource": resource}));
    let statements: Vec<Value> = std::iter::once(allow).chain(deny).collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}
