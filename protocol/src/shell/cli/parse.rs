//! From words to a command line.

use clap::ArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::commands::{command, is_flag, parser};
use super::help::Help;
use super::import_args;
use super::{CommandLine, Verb};
use crate::backend::Manage;
use crate::gateway::Form;
use crate::settings::Flags;
use crate::shell::as_gateway::AsGatewayArgs;
use crate::shell::config_check::ConfigCheckArgs;
use crate::shell::doctor::DoctorArgs;
use crate::shell::exec::ExecArgs;
use crate::shell::install::{ForUser, InstallArgs, Task, Test};
use crate::shell::last::LastArgs;
use crate::shell::snippet::SnippetArgs;
use crate::shell::watch::WatchArgs;
use crate::store::{Kind, Setting, table};

/// Reads a command line. Flags may come before or after the verb.
pub(in crate::shell) fn read<B: Manage>(arguments: &[String]) -> Result<CommandLine, clap::Error> {
    // A gateway's start, and the plain form of `get`, do not pay for a parser of all the others.
    if let Some(line) = plain(arguments) {
        return Ok(line);
    }
    let store = &B::STORE;
    let help = Help::wanted(store.binary, arguments);
    let parser = parser::<B>(Some(&help));
    let matches = parser
        .try_get_matches_from(std::iter::once(store.binary).chain(arguments.iter().map(String::as_str)))?;
    let inner = matches.subcommand();
    if let Some(("help", inner)) = inner {
        let verb = inner.get_one::<String>("COMMAND").map(String::as_str);
        return Err(help_of::<B>(verb, &help));
    }
    let verb = inner.map_or(Verb::None, |(name, inner)| verb(name, inner));
    let levels = || std::iter::once(&matches).chain(inner.map(|(_, inner)| inner));
    let mut profiles =
        levels().filter_map(|level| level.try_get_one::<String>("profile").unwrap_or_default());
    let profile = profiles.next().cloned();
    if profiles.next().is_some() {
        return Err(command::<B>().error(ErrorKind::ArgumentConflict, "--profile cannot be used twice"));
    }
    let flags = table(store).filter(|setting| is_flag(setting)).filter_map(|setting| {
        let texts: Vec<_> = levels().filter_map(|level| typed(setting, level)).flatten().collect();
        let given = levels().any(|level| {
            let is_known = level.try_contains_id(setting.key).is_ok();
            is_known && level.value_source(setting.key) == Some(ValueSource::CommandLine)
        });
        given.then_some((setting.key, texts))
    });
    Ok(CommandLine { verb, profile, flags: flags.collect() })
}

fn plain(arguments: &[String]) -> Option<CommandLine> {
    let is_word = |word: &String| !word.starts_with('-');
    let (profile, rest) = match arguments {
        [flag, profile, rest @ ..] if flag == "--profile" && is_word(profile) => (Some(profile), rest),
        _ => (None, arguments),
    };
    let verb = match rest {
        [] => Verb::None,
        [verb, rest @ ..] if verb == "get" => {
            let (ids, flags): (Vec<_>, Vec<_>) = rest.iter().cloned().partition(is_word);
            match flags.as_slice() {
                _ if ids.is_empty() => return None,
                [] => Verb::Get { ids, json: false },
                [flag] if flag == "--json" => Verb::Get { ids, json: true },
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(CommandLine { verb, profile: profile.cloned(), flags: Flags::new() })
}

fn verb(name: &str, inner: &ArgMatches) -> Verb {
    let one = |key: &str| inner.get_one::<String>(key).cloned();
    let ids = || inner.get_many("ID").into_iter().flatten().cloned().collect();
    let json = || inner.get_flag("json");
    match name {
        "get" => Verb::Get { ids: ids(), json: json() },
        "check" if one("config").is_some() => Verb::CheckConfig(ConfigCheckArgs {
            path: one("config").unwrap_or_default().into(),
            json: json(),
            within: inner.get_one("expires-within").copied(),
        }),
        "check" if inner.get_flag("equals") => Verb::Equals { ids: ids() },
        "check" => Verb::Check { ids: ids(), json: json() },
        "exec" => Verb::Exec(ExecArgs {
            variables: inner.get_many("env").into_iter().flatten().cloned().collect(),
            words: inner.get_many::<String>("PROGRAM").map_or(0, |words| words.len()),
        }),
        "watch" => Verb::Watch(WatchArgs {
            config: one("config").map(Into::into),
            state: one("state").map(Into::into),
            openclaw: one("openclaw").unwrap_or_default().into(),
        }),
        "list" => Verb::List { prefix: one("PREFIX").unwrap_or_default(), json: json() },
        "set" => Verb::Set { id: one("ID").unwrap_or_default() },
        "delete" => Verb::Delete {
            id: one("ID").unwrap_or_default(),
            yes: inner.get_flag("yes"),
            force: inner.try_get_one("force").ok().flatten() == Some(&true),
        },
        "doctor" if inner.get_flag("last") => {
            let provider = inner.get_one::<String>("ID").cloned();
            Verb::Last(LastArgs { provider, json: json(), names: inner.get_flag("names") })
        }
        "doctor" => {
            let (ids, json, names) = (ids(), json(), inner.get_flag("names"));
            if inner.get_flag("as-gateway") {
                let doctor = DoctorArgs { ids, json, names };
                Verb::AsGateway(AsGatewayArgs { doctor, user: one("user") })
            } else {
                Verb::Doctor { ids, json, names }
            }
        }
        "import" => Verb::Import(import_args::read(inner)),
        "unlock" => Verb::Unlock { id: one("ID") },
        "logout" => Verb::Logout,
        "install" => Verb::Install(InstallArgs {
            name: one("NAME"),
            to: one("to").map(Into::into),
            config: one("config").map(Into::into),
            user: one("user").map(|name| ForUser { name, is_system: inner.get_flag("system") }),
            yes: inner.get_flag("yes"),
            force: inner.get_flag("force"),
            test: if inner.get_flag("no-test") { Test::LeaveOut } else { Test::SignIn },
            extends: one("extends"),
            unit: inner.get_flag("unit"),
            task: match (inner.get_flag("remove"), inner.get_flag("copy")) {
                (true, _) => Task::Remove,
                (false, true) => Task::WriteAndCopy,
                (false, false) => Task::Write,
            },
            form: Form::of(&one("form").unwrap_or_default()),
        }),
        "snippet" => Verb::Snippet(SnippetArgs {
            form: Form::of(&one("form").unwrap_or_default()),
            alias: one("alias"),
            has_credentials: false,
        }),
        "settings" => {
            Verb::Settings { names: inner.get_many("NAME").into_iter().flatten().cloned().collect() }
        }
        "completions" => Verb::Completions { shell: one("SHELL").unwrap_or_default() },
        "man" => Verb::Man { page: one("PAGE").unwrap_or_default() },
        _ => Verb::Resolve,
    }
}

/// Returns for `help get` the help of `get --help`, and for an unknown verb the error of an unknown verb.
fn help_of<B: Manage>(verb: Option<&str>, help: &Help) -> clap::Error {
    let words = std::iter::once(B::STORE.binary).chain(verb).chain(["--help"]);
    let asked = parser::<B>(Some(&help.in_full())).try_get_matches_from(words);
    asked.err().unwrap_or_else(|| command::<B>().error(ErrorKind::DisplayHelp, ""))
}

fn typed(setting: &Setting, level: &ArgMatches) -> Option<Vec<String>> {
    match setting.kind {
        Kind::Switch => None,
        _ => Some(level.try_get_many::<String>(setting.key).ok()??.cloned().collect()),
    }
}
