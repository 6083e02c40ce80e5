//! The resolver for HashiCorp Vault and OpenBao, of which `main.rs` is the command.

mod auth;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod locator;
mod read;
mod session;
mod settings;
mod vault;

/// The `main` of the command.
pub fn main() -> ! {
    secretref_protocol::main::<vault::Vault>()
}
