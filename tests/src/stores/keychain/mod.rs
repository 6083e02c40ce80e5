//! The keychain of this machine.

mod bench;
mod budget;
mod servers;

use crate::store::{Manual, Store};

/// What the kit knows of the keychain.
pub const STORE: Store = Store {
    name: "keychain",
    servers: servers::SERVERS,
    faults: Err(
        "there is no server over HTTP: tests/tests/keychain.rs and tests/tests/filestore.rs have its faults",
    ),
    budget: budget::BUDGET,
    bench: bench::bench,
    manual: Manual {
        never: None,
        slips: &[
            (&["unlokc"], "unlock"),
            (&["get", "x", "--identity-fiel", "y"], "--identity-file"),
            (&["--store", "fiel", "get", "x"], "did you mean `file`?"),
            (&["--session", "encryptd", "get", "x"], "did you mean `encrypted`?"),
            (&["openai", "x"], "to read a secret: secretref-keychain get ID"),
            (&["show", "x"], "'get'"),
            (&["remove", "x"], "'delete'"),
        ],
        foreign: &["vault", "token", "mount", "namespace", "http", "proxy", "tls", "logout", "#version]"],
    },
};
