//! The benchmark's yardstick: the least that can read one secret from Key Vault, written by hand over blocking sockets.
//!
//! `sockets-azure HOST:PORT CA_FILE TENANT CLIENT SECRET` reads a request of one id, signs in at the host, reads the secret
//! there over a second connection, and writes a response. It has no settings, no deadline, no retry and no care for what
//! goes wrong: that is what the resolver's extra time pays for. With `-` as the tenant, the secret is a token.

#[path = "yardstick/client.rs"]
mod client;

use std::io::{Read, Write};

use client::{config, connect_tls, exchange};
use serde_json::{Value, json};

fn main() {
    let [address, ca, tenant, client, secret] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("five arguments");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let id = request["ids"][0].as_str().expect("an id");
    let config = config(&ca);
    let token = match tenant.as_str() {
        "-" => secret,
        _ => sign_in(&mut connect_tls(&address, &config), &address, (&tenant, &client, &secret)),
    };
    let path = format!("/secrets/{id}?api-version=2025-07-01");
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    let value = exchange(&mut connect_tls(&address, &config), &head)["value"].clone();
    let response = json!({"protocolVersion": 1, "values": {id: value}, "errors": {}}).to_string();
    std::io::stdout().write_all(response.as_bytes()).expect("stdout");
}

fn sign_in(
    stream: &mut (impl Read + Write),
    address: &str,
    (tenant, client, secret): (&str, &str, &str),
) -> String {
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
