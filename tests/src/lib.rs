//! The test kit. It runs resolvers as programs, and uses none of their code.
//!
//! - [`store`]: what every suite must know of a store, [`stores`]: the stores, a folder each;
//! - [`resolver`]: finds a built resolver, and runs it as a gateway does;
//! - [`openbao`]: the real server, [`agent`]: its own proxy in front of it; [`fake_vault`]: the kit's own server, which can also
//!   be slow, and passes the same cases;
//! - [`keyring`]: the keychain of a desktop, in a session of its own; [`keepassxc`]: another one; [`provider`]: the kit's own,
//!   which can leave a search unanswered, or answer it wrongly;
//! - [`mod@unit`]: systemd itself; [`room`]: journald alone; [`container`]: a container; [`own_machine`]: a machine with other addresses;
//! - [`aws`]: an AWS that checks signatures; [`jwt`]: an issuer of tokens;
//! - [`gateway`]: the real gateway; [`model`]: a model that it asks;
//! - [`transcript`]: cases as data, and the check of a response; [`page`]: the commands on a page;
//! - [`fault`]: a server with every fault; [`canned`]: a server that sends the same bytes to every client;
//! - [`form`]: what a client has encoded; [`forward`]: a proxy of HTTP;
//! - [`terminal`]: a terminal, with a person who types and reads;
//! - [`way`]: connections to a server, as cases; [`mod@bench`]: benchmarks; [`certificate`], [`port`]: what servers need.
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
pub mod form;
pub mod forward;
pub mod gateway;
pub mod jwt;
pub mod keepassxc;
pub mod keyring;
pub mod model;
pub mod openbao;
pub mod own_machine;
pub mod page;
pub mod port;
pub mod provider;
pub mod resolver;
pub mod room;
pub mod store;
pub mod stores;
pub mod terminal;
pub mod transcript;
pub mod unit;
pub mod way;
