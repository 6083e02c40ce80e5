//! What is known of the gateway: which files it accepts as a command, and what its config says of resolvers.
//!
//! A resolve needs none of this. It is for the commands that bring a resolver and a gateway together.

mod binary;
mod command;
mod config;
mod fields;
mod first_line;
pub(crate) mod json5;
mod provider;
mod start;
mod start_check;

pub(crate) use binary::{is_same, own_path};
pub(crate) use command::clauses;
pub(crate) use config::{Config, ExecProvider, Reference};
pub(crate) use fields::{CredentialFields, FieldKind};
pub(crate) use first_line::{FirstLine, correct, names};
pub(crate) use provider::{Form, Provider, ROOM, is_alias};
pub(crate) use start::{Ended, Start};
pub(crate) use start_check::{NoStart, check_start};
