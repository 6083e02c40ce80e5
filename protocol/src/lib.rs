//! The exec protocol between an agent gateway and a store of secrets, and what every secretref resolver shares.
//!
//! A gateway starts a resolver, writes one JSON [`Request`](wire::Request) to its stdin and reads one response from its
//! stdout. Without features, this crate is that protocol: requests and responses ([`wire`]), ids and names ([`Id`],
//! [`Name`]), documents and their fields ([`Document`], [`Field`]), the one type that holds a [`Secret`], and the
//! [`Failure`] of an id that has no value.
//!
//! The feature `cli`, which is a default, adds a resolver's whole program, and the feature `net` the transport to a store
//! over HTTP. A resolver is a type that implements `Backend` and `Manage`, and one call of the macro `main!`. Its data goes
//! this way, each step in a file of its name:
//!
//! ```text
//! stdin → wire::Request → resolve (ids → names → locators → batches; a session for each scope; fetch)
//!       → outcomes (one for each id, by construction) → wire::respond → one write → exit
//! ```
//!
//! This is a whole resolver, `examples/folder.rs`:
#![cfg_attr(feature = "cli", doc = "```no_run")]
#![cfg_attr(not(feature = "cli"), doc = "```ignore")]
#![doc = include_str!("../examples/folder.rs")]
//! ```
//!
//! Dependencies point one way: resolvers use this crate, it names no store, and no resolver uses another.

mod document;
mod extract;
mod failure;
mod id;
pub mod outcome;
mod secret;
mod selector;
mod text;
pub mod wire;

#[cfg(feature = "cli")]
mod allow;
#[cfg(feature = "cli")]
mod answer;
#[cfg(feature = "cli")]
mod backend;
#[cfg(feature = "cli")]
mod base_profile;
#[cfg(feature = "cli")]
mod child_group;
#[cfg(feature = "cli")]
mod deadline;
#[cfg(feature = "cli")]
mod detached;
#[cfg(feature = "cli")]
mod environment;
#[cfg(feature = "cli")]
mod exit;
#[cfg(feature = "cli")]
mod fetch_sink;
#[cfg(feature = "cli")]
pub mod file;
#[cfg(feature = "fuzz")]
pub mod fuzz;
#[cfg(feature = "cli")]
mod gateway;
#[cfg(feature = "cli")]
mod hex;
#[cfg(feature = "cli")]
mod journal;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "cli")]
mod outcomes;
#[cfg(feature = "cli")]
pub mod private_files;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod profile;
#[cfg(feature = "cli")]
mod profile_ids;
#[cfg(feature = "cli")]
mod profile_permissions;
#[cfg(feature = "net")]
pub mod program;
#[cfg(feature = "cli")]
mod resolve;
#[cfg(feature = "cli")]
mod retry;
#[cfg(feature = "cli")]
mod run;
#[cfg(feature = "cli")]
mod runtime;
#[cfg(feature = "cli")]
mod serve;
#[cfg(feature = "net")]
pub mod session_cache;
#[cfg(feature = "cli")]
mod sessions;
#[cfg(feature = "cli")]
mod settings;
#[cfg(feature = "cli")]
mod shell;
#[cfg(feature = "cli")]
mod store;
#[cfg(feature = "cli")]
mod streams;
#[cfg(feature = "cli")]
mod system_error;
#[cfg(feature = "cli")]
mod watchdog;

pub use document::{Document, Metadata, Value};
pub use failure::{Failure, Kind, Retry, request_id};
pub use id::Id;
pub use secret::Secret;
pub use selector::{Field, Name};

#[cfg(feature = "cli")]
pub use allow::Allow;
#[cfg(feature = "cli")]
pub use backend::{Backend, Listed, Listing, Lock, Manage, Unlock};
#[cfg(feature = "cli")]
pub use fetch_sink::FetchSink;
#[cfg(feature = "cli")]
pub use hex::hex;
#[cfg(feature = "cli")]
pub use run::{Run, Stage, Step};
#[cfg(feature = "cli")]
pub use settings::{Home, Settings, Source};
#[cfg(feature = "cli")]
pub use store::{Kind as SettingType, NameKeys, Setting, Store};
#[cfg(feature = "cli")]
pub use system_error::words;
pub use text::shell_word;
#[cfg(feature = "cli")]
pub use text::span;

/// What [`main!`] needs by path.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod binary {
    pub use crate::process::WIPING;
    pub use crate::shell::main;
    pub use zeroizing_alloc::ZeroAlloc;
}

/// Defines the `main` of a resolver for a [`Backend`] that implements [`Manage`] too.
///
/// It also sets the program's global allocator to one that wipes every block that is freed: secrets pass through buffers
/// of TLS, HTTP and JSON that do not wipe their own. So a program has it once.
#[cfg(feature = "cli")]
#[macro_export]
macro_rules! main {
    ($backend:ty) => {
        #[global_allocator]
        static WIPING: $crate::binary::ZeroAlloc<::std::alloc::System> = $crate::binary::WIPING;

        /// Does what the command line says, and ends the process.
        pub fn main() -> ! {
            $crate::binary::main::<$backend>()
        }
    };
}
