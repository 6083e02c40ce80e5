//! `secretref-vault`: secrets from HashiCorp Vault and OpenBao.

mod auth;
mod client;
mod locator;
mod mounts;
mod read;
mod server;
mod session;
mod settings;
mod vault;

fn main() {
    secretref_protocol::main::<vault::Vault>()
}
