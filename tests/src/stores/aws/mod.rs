//! AWS Secrets Manager.

pub mod api;
mod bench;
mod budget;
pub mod clients;
pub mod desk;
pub mod emulators;
pub mod fake;
mod faults;
pub mod servers;
pub mod signature;

use crate::store::{Manual, Store};

/// What the kit knows of AWS.
pub const STORE: Store = Store {
    name: "aws",
    servers: servers::SERVERS,
    faults: Ok(faults::SUBJECT),
    budget: budget::BUDGET,
    bench: bench::bench,
    manual: Manual {
        never: None,
        slips: &[
            (&["chekc", "x"], "check"),
            (&["get", "x", "--endpoint-ulr", "y"], "--endpoint-url"),
            (&["get", "x", "--regoin", "y"], "--region"),
            (&["--auth", "instnace", "get", "x"], "did you mean `instance`?"),
            (&["--binary", "base46", "get", "x"], "did you mean `base64`?"),
            (&["openai", "x"], "to read a secret: secretref-aws get ID"),
            (&["read", "x"], "'get'"),
            (&["rm", "x"], "'delete'"),
            (&["put", "x"], "'set'"),
            (&["ls"], "'list'"),
            (&["settings", "regoin"], "did you mean `region`?"),
        ],
        foreign: &["vault", "keychain", "mount", "namespace", "dbus", "service/account", "unlock"],
    },
};
