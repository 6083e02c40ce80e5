//! `secretref-vault`: secrets from HashiCorp Vault and OpenBao.

mod auth;
mod locator;
mod read;
mod route;
mod session;
mod settings;
mod vault;

fn main() {
    secretref_protocol::main::<vault::Vault>()
}
