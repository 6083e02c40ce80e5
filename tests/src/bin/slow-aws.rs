//! The benchmark's server, in a process of its own: the kit's AWS, which thinks so long about each request.
//!
//! `slow-aws FOLDER MILLISECONDS` writes `ca.pem` and the shared credentials file `credentials` into the folder, prints its
//! plain and its TLS address, and serves until its stdin is closed.

use std::path::Path;
use std::time::Duration;

use secretref_tests::stores::aws::api::REGION;
use secretref_tests::stores::aws::fake::{FakeAws, Manner, Principal, Role};
use secretref_tests::stores::aws::servers;

const ACCOUNT: &str = "111122223333";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, milliseconds] = &arguments[..] else { panic!("usage: slow-aws FOLDER MILLISECONDS") };
    let delay = Duration::from_millis(milliseconds.parse().expect("milliseconds"));
    let fake = FakeAws::start(Path::new(folder), Manner { delay, ..Manner::default() });
    for number in 0..512 {
        fake.put(ACCOUNT, REGION, &format!("bench/n{number}"), &format!("value-{number}"));
    }
    fake.role(&format!("arn:aws:iam::{ACCOUNT}:role/bench"), Role::default());
    servers::credentials_file(Path::new(folder), &fake.new_key(Principal::user(ACCOUNT)));
    println!("{} {}", fake.http, fake.https);
    let _ = std::io::stdin().read_line(&mut String::new());
}
