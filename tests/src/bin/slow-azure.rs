//! The benchmark's server, in a process of its own: the kit's Entra and Key Vault, which think so long about each request.
//!
//! `slow-azure FOLDER MILLISECONDS` writes `ca.pem` and the client secret `secret` into the folder, prints its URL, and
//! serves until its stdin is closed.

use std::path::Path;
use std::time::Duration;

use secretref_tests::stores::azure::servers::{SECRET, register};
use secretref_tests::stores::azure::stand_in::{Manner, StandIn};
use secretref_tests::stores::azure::vaults::Version;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, milliseconds] = &arguments[..] else { panic!("usage: slow-azure FOLDER MILLISECONDS") };
    let delay = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let server = StandIn::start(Path::new(folder), Manner { delay, ..Manner::default() });
    register(&server);
    let host = server.url.trim_start_matches("https://").to_owned();
    for number in 0..512 {
        server.put(&host, &format!("bench-n{number}"), Version::new(&format!("value-{number}")));
    }
    std::fs::write(Path::new(folder).join("secret"), SECRET).expect("a secret");
    println!("{}", server.url);
    let _ = std::io::stdin().read_line(&mut String::new());
}
