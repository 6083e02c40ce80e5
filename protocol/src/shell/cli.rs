//! The command line, made from the table of settings.

use std::path::Path;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::serve::serve;
use crate::settings::Flags;
use crate::store::{Kind, Setting, Store, table};
use crate::streams::{Written, say, stdin_is_terminal, write_stdout};
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
    Logout,
}

/// Reads a command line. Flags may stand before or after the verb.
pub(super) fn read<B: Backend>(arguments: &[String]) -> Result<Line, clap::Error> {
    let store = &B::STORE;
    // The two lines that a gateway starts, without building a parser for all the others.
    match arguments {
        [] => return Ok(Line { verb: Verb::None, profile: None, flags: Flags::new() }),
        [flag, profile] if flag == "--profile" && !profile.starts_with('-') => {
            return Ok(Line { verb: Verb::None, profile: Some(profile.clone()), flags: Flags::new() });
        }
        _ => {}
    }
    let matches = command::<B>()
        .try_get_matches_from(std::iter::once(store.binary).chain(arguments.iter().map(String::as_str)))?;
    let (verb, inner) = match matches.subcommand() {
        None => (Verb::None, None),
        Some(("get", inner)) => {
            let ids = inner.get_many("ID").into_iter().flatten().cloned().collect();
            (Verb::Get { ids, json: inner.get_flag("json") }, Some(inner))
        }
        Some(("logout", inner)) => (Verb::Logout, Some(inner)),
        Some((_, inner)) => (Verb::Resolve, Some(inner)),
    };
    let levels = || std::iter::once(&matches).chain(inner);
    let mut profiles = levels().filter_map(|level| level.get_one::<String>("profile"));
    let profile = profiles.next().cloned();
    if profiles.next().is_some() {
        return Err(command::<B>().error(ErrorKind::ArgumentConflict, "--profile cannot be used twice"));
    }
    let flags = table(store).filter(|setting| is_flag(setting)).filter_map(|setting| {
        let texts: Vec<_> = levels().filter_map(|level| typed(setting, level)).flatten().collect();
        let given = levels()
            .any(|level| level.value_source(setting.key) == Some(clap::parser::ValueSource::CommandLine));
        given.then_some((setting.key, texts))
    });
    Ok(Line { verb, profile, flags: flags.collect() })
}

fn typed(setting: &Setting, level: &ArgMatches) -> Option<Vec<String>> {
    match setting.kind {
        Kind::Switch => None,
        _ => Some(level.get_many::<String>(setting.key)?.cloned().collect()),
    }
}

/// Ends a run whose command line asks for help or cannot be read. A gateway that started it gets a response all the same.
pub(super) fn stop<B: Backend>(
    stop: &clap::Error,
    arguments: &[String],
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let text = stop.render().to_string();
    if matches!(stop.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match write_stdout(text.as_bytes(), deadline) {
            Written::Done => Exit::Done,
            Written::Cut => Exit::Output,
        };
    }
    if let Some(failure) = bad_first_line(B::STORE.binary, arguments) {
        return refuse::<B>(failure, (deadline, watch));
    }
    say(text.trim_end());
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
    refuse::<B>(failure, (deadline, watch))
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

fn refuse<B: Backend>(failure: Failure, watched: (Deadline, &Watch)) -> Exit {
    if stdin_is_terminal() {
        say(format!("{}: {failure}", B::STORE.binary));
        return Exit::Usage;
    }
    serve::<B>(Err((failure, Exit::Usage)), watched)
}

/// The help of `-h`.
pub(super) fn short_help<B: Backend>() -> String {
    command::<B>().render_help().to_string()
}

fn command<B: Backend>() -> Command {
    let store = &B::STORE;
    let exits = Exit::TABLE.map(|(exit, meaning)| format!("  {}  {meaning}", exit.code())).join("\n");
    Command::new(store.binary)
        .version(store.version)
        .about(store.about)
        .long_about(format!(
            "{}\n\nWithout a command it reads one JSON request on stdin and writes one JSON response to stdout, as an agent gateway \
             asks for it (SecretRef source \"exec\", protocol version 1).",
            store.about
        ))
        .after_help("--help says more: every setting as a flag, examples and exit codes.")
        .after_long_help(format!("{}\n\nExamples:\n{}\n\nExit codes:\n{exits}", unflagged(store), store.examples))
        .args(flags::<B>())
        .subcommand(
            Command::new("get")
                .about("Print the value of each ID")
                .defer(|command| command.arg(Arg::new("ID").required(true).help("what a gateway would ask for: name[#field[#version]]").num_args(1..)).arg(json()).args(flags::<B>())),
        )
        .subcommands(keeps_sessions(store).then(|| {
            Command::new("logout")
                .about("Forget the session that is kept, and revoke it")
                .defer(|command| command.args(flags::<B>()))
        }))
        .subcommand(
            Command::new("resolve")
                .about("Answer one request on stdin, as without a command")
                .defer(|command| command.args(flags::<B>())),
        )
        .disable_help_subcommand(true)
}

/// What has no flag, because it is a secret or stands in a profile alone.
fn unflagged(store: &Store) -> String {
    let secret = |setting: &'static Setting| match setting.kind {
        Kind::Secret(file) => Some(format!(
            "  {}: {}; from ${}, or from the file {file} in $CREDENTIALS_DIRECTORY",
            setting.key,
            setting.help,
            setting.env.join(", $")
        )),
        _ => None,
    };
    let secrets: Vec<_> = table(store).filter_map(secret).collect();
    format!(
        "Without a flag:\n{}\n  env: in a profile, a list of the variables above that may fill what it leaves unset\n  \
         ids: in a profile, a table for each id that stands for a name, field, version, {}",
        secrets.join("\n"),
        store.name_keys.join(", ")
    )
}

fn flags<B: Backend>() -> Vec<Arg> {
    let profile = Arg::new("profile")
        .long("profile")
        .value_name("FILE|NAME")
        .help("read the settings from this file (with a /), or from ~/.config/secretref/NAME.toml");
    std::iter::once(profile).chain(table(&B::STORE).filter(|setting| is_flag(setting)).map(flag)).collect()
}

fn json() -> Arg {
    Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("print the response as a gateway gets it, with version and times")
}

fn keeps_sessions(store: &Store) -> bool {
    table(store).any(|setting| setting.key == "keep_session")
}

fn is_flag(setting: &Setting) -> bool {
    !matches!(setting.kind, Kind::Secret(_))
}

fn flag(setting: &'static Setting) -> Arg {
    let arg =
        Arg::new(setting.key).long(setting.key.replace('_', "-")).help(help(setting)).hide_short_help(true);
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
