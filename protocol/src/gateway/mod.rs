//! What is known of the gateway: which files it accepts as a command, and how its config names a resolver.
//!
//! A resolve needs none of this. It is for the commands that bring a resolver and a gateway together.

mod binary;
mod command;
mod first_line;
mod provider;

pub(crate) use binary::own_path;
pub(crate) use command::clauses;
pub(crate) use first_line::FirstLine;
pub(crate) use provider::{Form, Provider, is_alias};
