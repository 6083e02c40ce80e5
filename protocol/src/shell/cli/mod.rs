//! The command line, made from the table of settings.

mod arguments;
mod commands;
mod help;
mod import_args;
mod parse;
mod stop;

pub(super) use commands::{command, is_flag, keeps_sessions};
pub(super) use help::{examples, free_flags, short_help};
pub(super) use parse::read;
pub(super) use stop::stop;

use super::as_gateway::AsGatewayArgs;
use super::config_check::ConfigCheckArgs;
use super::exec::ExecArgs;
use super::import::ImportArgs;
use super::install::InstallArgs;
use super::last::LastArgs;
use super::snippet::SnippetArgs;
use super::watch::WatchArgs;
use crate::settings::Flags;

/// A command line that was read.
#[derive(Debug)]
pub(super) struct CommandLine {
    pub(super) verb: Verb,
    pub(super) profile: Option<String>,
    pub(super) flags: Flags,
}

#[derive(Debug)]
pub(super) enum Verb {
    /// No verb: protocol mode, or short help if stdin is a terminal.
    None,
    Resolve,
    Get {
        ids: Vec<String>,
        json: bool,
    },
    Check {
        ids: Vec<String>,
        json: bool,
    },
    Equals {
        ids: Vec<String>,
    },
    List {
        prefix: String,
        json: bool,
    },
    Set {
        id: String,
    },
    Delete {
        id: String,
        yes: bool,
        force: bool,
    },
    Doctor {
        ids: Vec<String>,
        json: bool,
        names: bool,
    },
    Import(ImportArgs),
    Unlock {
        id: Option<String>,
    },
    Logout,
    Exec(ExecArgs),
    AsGateway(AsGatewayArgs),
    CheckConfig(ConfigCheckArgs),
    Watch(WatchArgs),
    Last(LastArgs),
    Snippet(SnippetArgs),
    Install(InstallArgs),
    Settings {
        names: Vec<String>,
    },
    Completions {
        shell: String,
    },
    Man {
        page: String,
    },
}
