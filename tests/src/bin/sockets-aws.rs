//! The benchmark's yardstick: the least that can answer a request from Secrets Manager, written by hand over blocking sockets.
//!
//! It reads a request, signs by hand, asks for one id by `GetSecretValue` and for more in batches of 20, each batch over a
//! connection of its own, and writes a response. It has no settings, no chain of credentials, no deadline, no retry and no
//! care for what goes wrong: that is what the resolver's extra time pays for.
//!
//! `sockets-aws HOST:PORT CA_FILE CREDENTIALS_FILE`

#[path = "yardstick/client.rs"]
mod client;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use client::{config, connect_tls, exchange};
use rustls::ClientConfig;
use secretref_tests::stores::aws::api::REGION;
use secretref_tests::stores::aws::signature::{self, Key};
use serde_json::{Map, Value, json};

fn main() {
    let [host, ca, credentials] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("three arguments");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let ids: Vec<&str> = request["ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    let (key, config) = (key(&credentials), config(&ca));
    let ask = |action: &str, body: &Value| ask(&host, &config, &key, action, body);
    let values: Map<String, Value> = if let [id] = ids[..] {
        let answer = ask("GetSecretValue", &json!({"SecretId": id}));
        Map::from_iter([(id.to_owned(), answer["SecretString"].clone())])
    } else {
        let batch = |ids: &[&str]| {
            let answer = ask("BatchGetSecretValue", &json!({"SecretIdList": ids}));
            let found = answer["SecretValues"].as_array().expect("values").iter();
            let pair = |value: &Value| {
                (value["Name"].as_str().expect("a name").to_owned(), value["SecretString"].clone())
            };
            found.map(pair).collect::<Vec<_>>()
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = ids.chunks(20).map(|ids| scope.spawn(|| batch(ids))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a batch")).collect()
        })
    };
    let response = json!({"protocolVersion": 1, "values": values, "errors": {}}).to_string();
    std::io::stdout().write_all(response.as_bytes()).expect("stdout");
}

/// The key in a shared credentials file that the kit has written.
fn key(file: &str) -> Key {
    let text = std::fs::read_to_string(file).expect("the credentials file");
    let value = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
    };
    Key {
        id: value("aws_access_key_id").expect("a key"),
        secret: value("aws_secret_access_key").expect("a secret"),
        token: None,
    }
}

fn ask(address: &str, config: &Arc<ClientConfig>, key: &Key, action: &str, body: &Value) -> Value {
    let (body, target) = (body.to_string(), format!("secretsmanager.{action}"));
    let more = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let headers = signature::sign(key, REGION, "secretsmanager", address, &more, body.as_bytes(), now);
    let mut request = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    exchange(&mut connect_tls(address, config), &format!("{request}\r\n{body}"))
}
