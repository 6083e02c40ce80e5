//! The resolver for the keychain of this machine. `main.rs` is its program.

mod entry;
mod file;
mod keychain;
mod locator;
mod manage;
#[cfg(any(target_os = "macos", target_os = "windows", test))]
mod native;
#[cfg(target_os = "linux")]
mod secret_service;
mod settings;
mod systemd;

secretref_protocol::main!(keychain::Keychain);
