//! The resolver for Azure Key Vault. `main.rs` is the command.

mod auth;
mod azure;
mod change;
mod client;
mod cloud;
mod list;
mod locator;
mod read;
mod refusal;
mod session;
mod settings;
mod token_status;
mod vault;

secretref_protocol::main!(azure::Azure);
