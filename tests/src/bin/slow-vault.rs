//! The benchmark's server, in a process of its own: the kit's Vault, thinking 20 ms about each request.
//!
//! `slow-vault FOLDER TOKEN [h1]` prints its plain and its TLS address and serves until its stdin is closed.

use std::time::Duration;

use secretref_tests::fake_vault::{FakeVault, Manner, Token};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let manner = Manner { delay: Duration::from_millis(20), no_h2: arguments.len() > 2, ..Manner::default() };
    let fake = FakeVault::start(arguments[0].as_ref(), manner);
    fake.token(&arguments[1], Token { denied: "\0", may_look: true });
    fake.mount("secret");
    for number in 0..512 {
        fake.put("secret", &format!("bench/n{number}"), &format!("{{\"key\":\"value-{number}\"}}"));
    }
    println!("{} {}", fake.http, fake.https);
    let _ = std::io::stdin().read_line(&mut String::new());
}
