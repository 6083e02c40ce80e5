//! The test kit. It knows resolvers by their bytes and processes alone, never by their code.
//!
//! - [`store`]: what every suite must know of a store, [`stores`]: the stores, a folder each;
//! - [`resolver`]: finds a built resolver, and runs it as a gateway does;
//! - [`openbao`]: the real server, [`agent`]: its own proxy before it; [`fake_vault`]: one of our own that can also be slow, and passes the same cases;
//! - [`keyring`]: the keychain of a desktop, in a session of its own; [`keepassxc`]: another one; [`provider`]: one of our
//!   own, that does not answer or answers something else;
//! - [`mod@unit`]: systemd itself; [`container`]: a container;
//! - [`aws`]: an AWS that checks signatures; [`jwt`]: an issuer of tokens;
//! - [`gateway`]: the real gateway;
//! - [`transcript`]: cases as data, and the judge of an answer; [`page`]: what a page tells its reader to type;
//! - [`fault`]: a server that can do everything wrong; [`canned`]: a server that gives the same bytes to everybody;
//! - [`forward`]: a proxy of HTTP;
//! - [`terminal`]: a terminal, with a person who types and reads;
//! - [`way`]: ways to a server, as cases; [`certificate`], [`port`]: what servers need.
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::must_use_candidate, reason = "what a test does to a server it does for the effect")]

pub mod agent;
pub mod aws;
pub mod bench;
pub mod canned;
pub mod certificate;
pub mod container;
pub mod fake_vault;
pub mod fault;
pub mod forward;
pub mod gateway;
pub mod jwt;
pub mod keepassxc;
pub mod keyring;
pub mod openbao;
pub mod page;
pub mod port;
pub mod provider;
pub mod resolver;
pub mod store;
pub mod stores;
pub mod terminal;
pub mod transcript;
pub mod unit;
pub mod way;
