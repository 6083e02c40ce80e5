//! The command line, made from the table of settings.

use std::path::Path;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::speak::print;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::serve::serve;
use crate::settings::Flags;
use crate::store::{Kind, Setting, Store, table};
use crate::streams::{say, stdin_is_terminal};
use crate::watch::Watch;

/// What a command line asks for.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) verb: Verb,
    pub(super) profile: Option<String>,
    pub(super) flags: Flags,
}

#[derive(Debug)]
pub(super) enum Verb {
    /// None was typed: protocol mode, unless somebody sits at stdin.
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
    },
    Doctor {
        id: Option<String>,
        json: bool,
        names: bool,
    },
    Import {
        file: String,
    },
    Unlock,
    Logout,
    Settings,
    Completions {
        shell: String,
    },
    Man {
        page: String,
    },
}

/// Reads a command line. Flags may stand before or after the verb.
pub(super) fn read<B: Backend>(arguments: &[String]) -> Result<Line, clap::Error> {
    // What a gateway starts, and the plain form of `get`, without building a parser for all the others.
    if let Some(line) = plain(arguments) {
        return Ok(line);
    }
    let store = &B::STORE;
    let matches = command::<B>()
        .try_get_matches_from(std::iter::once(store.binary).chain(arguments.iter().map(String::as_str)))?;
    let inner = matches.subcommand();
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
            is_known && level.value_source(setting.key) == Some(clap::parser::ValueSource::CommandLine)
        });
        given.then_some((setting.key, texts))
    });
    Ok(Line { verb, profile, flags: flags.collect() })
}

fn plain(arguments: &[String]) -> Option<Line> {
    let is_word = |word: &String| !word.starts_with('-');
    let (profile, rest) = match arguments {
        [flag, profile, rest @ ..] if flag == "--profile" && is_word(profile) => (Some(profile), rest),
        _ => (None, arguments),
    };
    let verb = match rest {
        [] => Verb::None,
        [verb, ids @ ..] if verb == "get" && !ids.is_empty() && ids.iter().all(is_word) => {
            Verb::Get { ids: ids.to_vec(), json: false }
        }
        _ => return None,
    };
    Some(Line { verb, profile: profile.cloned(), flags: Flags::new() })
}

fn verb(name: &str, inner: &ArgMatches) -> Verb {
    let one = |key: &str| inner.get_one::<String>(key).cloned();
    let ids = || inner.get_many("ID").into_iter().flatten().cloned().collect();
    let json = || inner.get_flag("json");
    match name {
        "get" => Verb::Get { ids: ids(), json: json() },
        "check" => Verb::Check { ids: ids(), json: json() },
        "list" => Verb::List { prefix: one("PREFIX").unwrap_or_default(), json: json() },
        "set" => Verb::Set { id: one("ID").unwrap_or_default() },
        "delete" => Verb::Delete { id: one("ID").unwrap_or_default(), yes: inner.get_flag("yes") },
        "doctor" => Verb::Doctor { id: one("ID"), json: json(), names: inner.get_flag("names") },
        "import" => Verb::Import { file: one("FILE").unwrap_or_default() },
        "unlock" => Verb::Unlock,
        "logout" => Verb::Logout,
        "settings" => Verb::Settings,
        "completions" => Verb::Completions { shell: one("SHELL").unwrap_or_default() },
        "man" => Verb::Man { page: one("PAGE").unwrap_or_default() },
        _ => Verb::Resolve,
    }
}

fn typed(setting: &Setting, level: &ArgMatches) -> Option<Vec<String>> {
    match setting.kind {
        Kind::Switch => None,
        _ => Some(level.try_get_many::<String>(setting.key).ok()??.cloned().collect()),
    }
}

/// Ends a run whose command line asks for help or cannot be read. A gateway that started it gets a response all the same.
pub(super) fn stop<B: Backend>(
    stop: &clap::Error,
    arguments: &[String],
    journal: &Journal,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let text = stop.render().to_string();
    if matches!(stop.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text, deadline).unwrap_or(Exit::Done);
    }
    if let Some(failure) = bad_first_line(B::STORE.binary, arguments) {
        return refuse::<B>(failure, journal, (deadline, watch));
    }
    // It repeats what was typed, which is not to move the cursor.
    say(text.trim_end().replace(|c: char| c.is_control() && c != '\n', "\u{fffd}"));
    let parser = command::<B>();
    let is_verb =
        |word: &String| parser.get_subcommands().any(|verb| verb.get_name() == word && word != "resolve");
    let is_word = |word: &String| word.starts_with(|first: char| first.is_ascii_alphanumeric());
    if stop.kind() == ErrorKind::InvalidSubcommand && arguments.iter().any(is_word) {
        say(format!("tip: to read a secret: {} get ID", B::STORE.binary));
        return Exit::Usage;
    }
    if arguments.iter().any(is_verb) {
        return Exit::Usage;
    }
    let failure =
        Failure::misconfigured("the command line is wrong", "run the same command in a shell to see how");
    refuse::<B>(failure, journal, (deadline, watch))
}

/// What the kernel makes of an executable profile whose first line cannot work: a line end that became part of the
/// flag, or the profile itself where the flag should be.
fn bad_first_line(binary: &str, arguments: &[String]) -> Option<Failure> {
    match arguments {
        [flag, profile, ..] if flag == "--profile\r" => Some(Failure::misconfigured(
            format!("the first line of {profile} ends in CRLF, which the kernel takes for a part of it"),
            "save the profile with LF line ends",
        )),
        [word, ..] if word.contains('/') && Path::new(word).is_file() => Some(Failure::misconfigured(
            format!("{word} is a file where a verb or flag should be"),
            format!("if it is a profile, its first line is #!/path/to/{binary} --profile"),
        )),
        _ => None,
    }
}

fn refuse<B: Backend>(failure: Failure, journal: &Journal, watched: (Deadline, &Watch)) -> Exit {
    if stdin_is_terminal() {
        say(format!("{}: {failure}", B::STORE.binary));
        return Exit::Usage;
    }
    serve::<B>(Err((failure, Exit::Usage)), journal, watched)
}

/// The help of `-h`.
pub(super) fn short_help<B: Backend>() -> String {
    command::<B>().render_help().to_string()
}

/// The whole command line: what it is parsed with, and what help, man page and completions are made of.
pub(super) fn command<B: Backend>() -> Command {
    let store = &B::STORE;
    let verb = |name: &'static str, about: &'static str, fill: fn(Command) -> Command| {
        Command::new(name).about(about).defer(fill)
    };
    Command::new(store.binary)
        .version(store.version)
        .about(store.about)
        .long_about(format!(
            "{}.\n\nWithout a command it reads one JSON request on stdin and writes one JSON response to stdout, as an \
             agent gateway asks for it (SecretRef source \"exec\", protocol version 1).",
            store.about
        ))
        .after_help("--help has the settings, examples and exit codes.")
        .after_long_help(format!(
            "Settings; each is a flag (--{}), a key of a profile ({}), and most are a variable; `settings` says more:\n{}\n\n\
             Examples:\n{}\n\n{}",
            FLAG_EXAMPLE.replace('_', "-"),
            FLAG_EXAMPLE,
            keys(store),
            store.examples,
            exits(),
        ))
        .args(flags(store))
        .subcommand(verb("get", "Print the value of each ID", |get| {
            get.arg(ids()).arg(json("print the response as a gateway gets it, with version and times")).args(flags(&B::STORE))
        }))
        .subcommand(verb("check", "Say whether each ID has a value, and not which", |check| {
            check.arg(ids()).arg(json("print it as JSON")).args(flags(&B::STORE))
        }))
        .subcommand(verb("list", "List the ids that the store has", |list| {
            list.arg(prefix()).arg(json("print it as JSON")).args(flags(&B::STORE))
        }))
        .subcommand(verb("set", "Store the value of ID, from stdin or a prompt", |set| {
            set.arg(id()).args(flags(&B::STORE))
        }))
        .subcommand(verb("delete", "Delete what ID names", |delete| {
            delete.arg(id()).arg(yes()).args(flags(&B::STORE))
        }))
        .subcommand(verb("doctor", "Find out what is wrong, step by step", |doctor| {
            doctor.arg(id().required(false)).arg(json("print it as JSON")).arg(names()).args(flags(&B::STORE))
        }))
        .subcommands(B::IS_LOCAL.then(|| {
            verb("import", "Store every secret of a .env or JSON file", |import| import.arg(file()).args(flags(&B::STORE)))
        }))
        .subcommands(B::IS_LOCAL.then(|| {
            verb("unlock", "Unlock the store with its password", |unlock| unlock.args(flags(&B::STORE)))
        }))
        .subcommands(keeps_sessions(store).then(|| {
            verb("logout", "Forget the session that is kept, and revoke it", |logout| logout.args(flags(&B::STORE)))
        }))
        .subcommand(Command::new("settings").about("Explain every setting"))
        .subcommand(Command::new("completions").about("Print what completes this command in a shell").arg(shell()))
        .subcommand(Command::new("man").about("Print a manual page").arg(page()))
        .subcommand(verb("resolve", "Answer one request on stdin, as without a command", |resolve| {
            resolve.args(flags(&B::STORE))
        }))
        .disable_help_subcommand(true)
}

/// A setting that every store has, to show how one is written.
const FLAG_EXAMPLE: &str = "max_output";

/// The shells that there are completions for.
pub(super) const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// The manual pages beside that of the command itself.
pub(super) const PAGES: [&str; 2] = ["profile", "protocol"];

fn ids() -> Arg {
    Arg::new("ID").required(true).help("what a gateway would ask for: name[#field[#version]]").num_args(1..)
}

fn id() -> Arg {
    Arg::new("ID").required(true).help("what a gateway would ask for: name[#field]")
}

fn file() -> Arg {
    Arg::new("FILE").required(true).help("lines NAME=value, or a JSON object of names and values")
}

fn prefix() -> Arg {
    Arg::new("PREFIX").help("how the ids begin")
}

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn yes() -> Arg {
    Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("do it; without this nothing is deleted")
}

fn names() -> Arg {
    Arg::new("names")
        .long("names")
        .action(ArgAction::SetTrue)
        .help("show names of hosts, secrets and files, which are left out otherwise")
}

fn shell() -> Arg {
    Arg::new("SHELL").required(true).value_parser(SHELLS)
}

fn page() -> Arg {
    Arg::new("PAGE").value_parser(PAGES).help("another page than that of the command")
}

/// The keys of all settings, in lines that fit.
fn keys(store: &Store) -> String {
    let mut lines = vec![String::new()];
    for setting in table(store).filter(|setting| is_flag(setting)) {
        if lines.last().is_some_and(|line| line.len() + setting.key.len() > 96) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "  " } else { " " });
            line.push_str(setting.key);
        }
    }
    lines.join("\n")
}

fn exits() -> String {
    let half = Exit::TABLE.len().div_ceil(2);
    let line = |table: &[(Exit, &str, &str)]| {
        let codes: Vec<_> = table.iter().map(|(exit, word, _)| format!("{} {word}", exit.code())).collect();
        format!("  {}", codes.join(", "))
    };
    format!("Exit codes:\n{}\n{}", line(&Exit::TABLE[..half]), line(&Exit::TABLE[half..]))
}

fn flags(store: &'static Store) -> Vec<Arg> {
    let profile = Arg::new("profile")
        .long("profile")
        .value_name("FILE|NAME")
        .help("read the settings from this file (with a /), or from ~/.config/secretref/NAME.toml");
    std::iter::once(profile).chain(table(store).filter(|setting| is_flag(setting)).map(flag)).collect()
}

fn keeps_sessions(store: &Store) -> bool {
    table(store).any(|setting| setting.key == "keep_session")
}

/// Whether a setting is a flag: a secret is none.
pub(super) fn is_flag(setting: &Setting) -> bool {
    !matches!(setting.kind, Kind::Secret(_))
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.key)
        .long(setting.key.replace('_', "-"))
        .help(help(setting))
        .hide_short_help(true)
        .hide_long_help(true);
    match setting.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::List => arg.action(ArgAction::Append).value_name("PATTERN"),
        Kind::Choice(words) => arg.value_name(words.join("|")),
        Kind::Path => arg.value_name("FILE"),
        Kind::Duration => arg.value_name("DURATION"),
        Kind::Size => arg.value_name("SIZE"),
        Kind::Text | Kind::Secret(_) => arg.value_name("TEXT"),
    }
}

fn help(setting: &Setting) -> String {
    let default = setting.default.filter(|_| setting.kind != Kind::Switch).map(|text| format!(" [{text}]"));
    let variables: Vec<_> = setting.env.iter().map(|name| format!(" [${name}]")).collect();
    format!("{}{}{}", setting.help, default.unwrap_or_default(), variables.concat())
}
