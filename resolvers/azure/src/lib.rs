//! The resolver for Azure Key Vault. `main.rs` is the command.

mod auth;
mod azure;
mod change;
mod client;
mod cloud;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod list;
mod locator;
mod read;
mod refusal;
mod session;
mod settings;
mod time;
mod token_status;
mod vault;

secretref_protocol::main!(azure::Azure);
