//! Vault and OpenBao.

mod bench;
mod budget;
mod faults;
mod servers;

use crate::store::{Manual, Store};

/// What the kit knows of Vault.
pub const STORE: Store = Store {
    name: "vault",
    servers: servers::SERVERS,
    faults: Ok(faults::SUBJECT),
    budget: budget::BUDGET,
    bench: bench::bench,
    manual: Manual {
        // A read of Vault never finds two secrets.
        never: Some(&["AMBIGUOUS_DUPLICATE_KEY"]),
        slips: &[
            (&["chekc", "x"], "check"),
            (&["doctro"], "doctor"),
            (&["get", "x", "--adress", "y"], "--address"),
            (&["get", "x", "--max_output", "1MiB"], "--max-output"),
            (&["--auth", "aprole", "get", "x"], "did you mean `approle`?"),
            (&["--kv-version", "atuo", "get", "x"], "did you mean `auto`?"),
            (&["completions", "bsah"], "bash"),
            (&["man", "protocl"], "protocol"),
            (&["openai", "x"], "to read a secret: secretref-vault get ID"),
            (&["read", "x"], "'get'"),
            (&["rm", "x"], "'delete'"),
            (&["put", "x"], "'set'"),
            (&["ls"], "'list'"),
            (&["help", "rm"], "'delete'"),
            (&["settings", "adress"], "did you mean `address`?"),
            (&["settings", "env"], "`man profile`"),
        ],
        foreign: &["keychain", "dbus", "service/account"],
    },
};
