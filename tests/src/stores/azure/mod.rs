//! Azure Key Vault.

mod bench;
mod budget;
pub mod desk;
pub mod entra;
mod faults;
pub mod judge;
pub mod rs256;
pub mod servers;
pub mod stand_in;
pub mod vaults;

use crate::store::{Manual, Store};

/// What the kit knows of Azure.
pub const STORE: Store = Store {
    name: "azure",
    servers: servers::SERVERS,
    faults: Ok(faults::SUBJECT),
    budget: budget::BUDGET,
    bench: bench::bench,
    manual: Manual {
        // Key Vault gives no secret two answers.
        never: Some(&["AMBIGUOUS_DUPLICATE_KEY"]),
        slips: &[
            (&["chekc", "x"], "check"),
            (&["doctro"], "doctor"),
            (&["get", "x", "--vualt", "y"], "--vault"),
            (&["get", "x", "--tenant_id", "y"], "--tenant-id"),
            (&["--auth", "client_secert", "get", "x"], "did you mean `client_secret`?"),
            (&["--cloud", "chnia", "get", "x"], "did you mean `china`?"),
            (&["openai", "x"], "to read a secret: secretref-azure get ID"),
            (&["read", "x"], "'get'"),
            (&["show", "x"], "'get'"),
            (&["rm", "x"], "'delete'"),
            (&["ls"], "'list'"),
            (&["settings", "vualt"], "did you mean `vault`?"),
        ],
        foreign: &["keychain", "dbus", "service/account", "openbao"],
    },
};
