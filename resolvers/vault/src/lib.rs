//! The resolver for HashiCorp Vault and OpenBao. `main.rs` is the command.

mod auth;
mod change;
mod client;
mod folder;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod kv_response;
mod list;
mod locator;
mod mounts;
mod permission_error;
mod read;
mod route;
mod server;
mod session;
mod settings;
mod token_status;
mod undo;
mod vault;

secretref_protocol::main!(vault::Vault);
