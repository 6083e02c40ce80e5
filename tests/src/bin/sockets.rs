//! The benchmark's yardstick: the least that can answer a request from Vault, written by hand over blocking sockets.
//!
//! It reads a request, asks for each id in turn over up to 32 connections of HTTP/1.1, and writes a response. It has no
//! settings, no deadline, no retry and no handling of errors. The resolver's extra time is for these.
//!
//! `sockets HOST:PORT CA_FILE TOKEN` (no `CA_FILE`, `-`: plain HTTP); instead of the token, `ROLE_ID,SECRET_ID` signs in
//! by them first, for a request of one id.

#[path = "yardstick/client.rs"]
mod client;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{config, connect, connect_tls, exchange};
use rustls::ClientConfig;
use serde_json::{Map, Value, json};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn main() {
    let [address, ca, token] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("three arguments");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let ids: Vec<&str> = request["ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    let config = (ca != "-").then(|| config(&ca));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut stream = open(&address, config.as_ref());
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

fn open(address: &str, config: Option<&Arc<ClientConfig>>) -> Box<dyn Stream> {
    match config {
        None => Box::new(connect(address)),
        Some(config) => Box::new(connect_tls(address, config)),
    }
}

fn sign_in(stream: &mut Box<dyn Stream>, address: &str, role_id: &str, secret_id: &str) -> String {
    let body = format!("{{\"role_id\":\"{role_id}\",\"secret_id\":\"{secret_id}\"}}");
    let length = body.len();
    let head = format!(
        "POST /v1/auth/approle/login HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n"
    );
    let answer = exchange(stream.as_mut(), &(head + &body));
    answer["auth"]["client_token"].as_str().expect("a token").to_owned()
}

fn read(stream: &mut Box<dyn Stream>, address: &str, token: &str, id: &str) -> Value {
    let (path, field) = id.rsplit_once('/').expect("path/field");
    let request =
        format!("GET /v1/secret/data/{path} HTTP/1.1\r\nhost: {address}\r\nx-vault-token: {token}\r\n\r\n");
    exchange(stream.as_mut(), &request)["data"]["data"][field].clone()
}
