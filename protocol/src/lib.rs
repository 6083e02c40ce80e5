//! What every secretref resolver shares.
//!
//! A gateway starts a resolver, writes one JSON [`Request`](wire::Request) to its stdin and reads one response from its
//! stdout. The way of the data, each step in a file of its name:
//!
//! ```text
//! stdin bytes → wire::Request → resolve (ids → names → locators → batches; a session per scope; fetch)
//!             → board (an outcome for each id, by construction) → wire::respond → one write → exit
//! ```
//!
//! A resolver is a [`Backend`] and a `main` of one call. This is a whole one, for a store that knows one secret:
//!
//! ```no_run
//! use secretref_protocol::{Backend, Document, Failure, Field, Manage, Name, NameKeys, Secret, Settings, Sink, Store};
//!
//! struct Motto;
//!
//! impl Backend for Motto {
//!     const STORE: Store = Store {
//!         binary: "secretref-motto",
//!         version: "0.1.0",
//!         about: "Reads the one secret there is",
//!         settings: &[],
//!         name_keys: NameKeys::Only(&[]),
//!         form: "name[#field]",
//!         examples: "",
//!         profile: "",
//!     };
//!     type Locator = String;
//!     type Scope = ();
//!     type Session = ();
//!
//!     fn configure(_: &Settings) -> Result<Self, Failure> {
//!         Ok(Self)
//!     }
//!
//!     fn locate(&self, name: &Name) -> Result<(String, Field), Failure> {
//!         Ok((name.name.clone(), name.field.clone().unwrap_or(Field::Whole)))
//!     }
//!
//!     fn default_scope(&self) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!
//!     fn scope(&self, _: &String) {}
//!
//!     async fn session(&self, _: &(), _: &[Vec<String>], _: Option<&()>) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!
//!     async fn fetch(&self, _: &(), batch: &[String], sink: &Sink<'_, String>) {
//!         for locator in batch {
//!             sink.settle(locator, match locator.as_str() {
//!                 "motto" => Ok(Document::text(Secret::new("small and plain".into()))),
//!                 other => Err(Failure::not_found(format!("no secret {other}"), "ask for motto")),
//!             });
//!         }
//!     }
//! }
//!
//! /// It cannot be changed from a shell.
//! impl Manage for Motto {}
//!
//! secretref_protocol::main::<Motto>();
//! ```
//!
//! Dependencies point one way: resolvers use this crate, it names no store, and resolvers never see each other.

mod allow;
mod answer;
mod backend;
mod deadline;
mod document;
mod environment;
mod exit;
mod extract;
mod failure;
mod fetch_sink;
pub mod file;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod guard;
#[cfg(feature = "net")]
mod hex;
mod id;
mod journal;
#[cfg(feature = "net")]
pub mod net;
pub mod outcome;
mod outcomes;
mod process;
mod profile;
mod resolve;
mod run;
mod runtime;
mod secret;
mod selector;
mod serve;
#[cfg(feature = "net")]
pub mod session_cache;
mod settings;
mod shell;
mod store;
mod streams;
mod system_error;
mod text;
mod trust;
mod watchdog;
pub mod wire;

pub use backend::{Backend, Listed, Listing, Lock, Manage, Unlock};
pub use document::{Document, Metadata, Value};
pub use failure::{Failure, Kind, Retry, request_id};
pub use fetch_sink::FetchSink;
#[cfg(feature = "net")]
pub use hex::hex;
pub use run::{Run, Stage};
pub use secret::Secret;
pub use selector::{Field, Name};
pub use settings::{Home, Settings, Source};
pub use shell::main;
pub use store::{Kind as SettingType, NameKeys, Setting, Store, security_sensitive};
