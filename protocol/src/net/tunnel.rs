//! A tunnel through a proxy: the CONNECT exchange (RFC 9110 §9.3.6), and the failures of a proxy.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::stream::Io;
use super::{Address, Proxy};
use crate::failure::{Failure, Retry};

/// The most bytes in the head of a proxy's response.
const HEAD_LIMIT: usize = 16 << 10;

/// Asks the proxy at the other end of `io` for a connection to `server`, and returns the stream to that server.
pub(super) async fn through(
    proxy: &Proxy,
    server: &Address,
    mut io: Box<dyn Io>,
) -> Result<Box<dyn Io>, Failure> {
    let broken = |error: io::Error| {
        let what = format!(
            "the proxy {} closed the connection without a response ({})",
            proxy.address,
            error.kind()
        );
        Failure::unavailable(what, format!("check its log, and check `{}`", proxy.address.key()))
    };
    io.write_all(&request(proxy, server)).await.map_err(broken)?;
    io.flush().await.map_err(broken)?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    // Only a refusal has a body: behind a tunnel, the server waits for the client's first bytes.
    while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < HEAD_LIMIT {
        match io.read(&mut chunk).await.map_err(broken)? {
            0 => break,
            count => head.extend_from_slice(&chunk[..count]),
        }
    }
    match status(&head) {
        Some(200..=299) if head.ends_with(b"\r\n\r\n") => Ok(io),
        Some(status @ 300..) => Err(refused(proxy, server, status)),
        _ if head.is_empty() => Err(broken(io::ErrorKind::UnexpectedEof.into())),
        _ => Err(Failure::unavailable(
            format!("the reply from the proxy {} is not from an HTTP proxy", proxy.address),
            format!("check the scheme and port of `{}`", proxy.address.key()),
        )
        .with_retry(Retry::No)),
    }
}

fn request(proxy: &Proxy, server: &Address) -> Vec<u8> {
    let place = server.host_and_port();
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Parses the status in `HTTP/1.1 200 Connection established`.
fn status(head: &[u8]) -> Option<u16> {
    let code = head.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

/// Returns the failure for a status that the proxy itself sent.
pub(super) fn refused(proxy: &Proxy, server: &Address, status: u16) -> Failure {
    let (address, key) = (&proxy.address, proxy.address.key());
    let place = server.host_and_port();
    match (status, &proxy.authorization) {
        (407, None) => Failure::unavailable(
            format!("the proxy {address} requires a user name and password (407)"),
            format!("write user:password to a file, and set `proxy_auth_file` to it, in addition to `{key}`"),
        )
        .with_retry(Retry::No),
        (407, Some(_)) => Failure::unavailable(
            format!("the proxy {address} rejected the user name and password (407)"),
            format!("correct them in the file of `proxy_auth_file`, or in `{key}`"),
        )
        .with_retry(Retry::No),
        (500.., _) => Failure::unavailable(
            format!("the proxy {address} cannot connect to {place} ({status})"),
            format!(
                "check that the server is running and that the proxy can reach it, or connect without the proxy (`{key}`, `no_proxy`)"
            ),
        ),
        _ => Failure::unavailable(
            format!("the proxy {address} refuses a connection to {place} ({status})"),
            format!("allow it in the proxy's rules, or connect without the proxy (`{key}`, `no_proxy`)"),
        )
        .with_retry(Retry::No),
    }
}
