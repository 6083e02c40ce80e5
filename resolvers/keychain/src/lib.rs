//! The resolver for the keychain of the user's own machine, of which `main.rs` is the command.
mod file;
