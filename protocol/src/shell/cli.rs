//! The command line, made from the table of settings.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::output::{explain, print};
use super::set::value_in_argument;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::serve::serve;
use crate::settings::Flags;
use crate::store::{Kind, Setting, Store, table};
use crate::streams::{say, stdin_is_terminal};
use crate::text::{printable, printable_lines};
use crate::watchdog::Watchdog;

/// What a command line asks for.
#[derive(Debug)]
pub(super) struct CommandLine {
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
        ids: Vec<String>,
        json: bool,
        names: bool,
    },
    Import {
        file: String,
    },
    Unlock {
        id: Option<String>,
    },
    Logout,
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

/// Reads a command line. Flags may stand before or after the verb.
pub(super) fn read<B: Manage>(arguments: &[String]) -> Result<CommandLine, clap::Error> {
    // What a gateway starts, and the plain form of `get`, without building a parser for all the others.
    if let Some(line) = plain(arguments) {
        return Ok(line);
    }
    let store = &B::STORE;
    let has_profile = arguments.iter().any(|word| word == "--profile" || word.starts_with("--profile="));
    let wants_all = arguments.iter().any(|word| word == "--help");
    let parser = parser::<B>(wants_all.then_some(InFull { has_profile }));
    let matches = parser
        .try_get_matches_from(std::iter::once(store.binary).chain(arguments.iter().map(String::as_str)))?;
    let inner = matches.subcommand();
    if let Some(("help", help)) = inner {
        let verb = help.get_one::<String>("COMMAND").map(String::as_str);
        return Err(help_of::<B>(verb, InFull { has_profile }));
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
            is_known && level.value_source(setting.key) == Some(clap::parser::ValueSource::CommandLine)
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
        "check" => Verb::Check { ids: ids(), json: json() },
        "list" => Verb::List { prefix: one("PREFIX").unwrap_or_default(), json: json() },
        "set" => Verb::Set { id: one("ID").unwrap_or_default() },
        "delete" => Verb::Delete { id: one("ID").unwrap_or_default(), yes: inner.get_flag("yes") },
        "doctor" => Verb::Doctor { ids: ids(), json: json(), names: inner.get_flag("names") },
        "import" => Verb::Import { file: one("FILE").unwrap_or_default() },
        "unlock" => Verb::Unlock { id: one("ID") },
        "logout" => Verb::Logout,
        "settings" => {
            Verb::Settings { names: inner.get_many("NAME").into_iter().flatten().cloned().collect() }
        }
        "completions" => Verb::Completions { shell: one("SHELL").unwrap_or_default() },
        "man" => Verb::Man { page: one("PAGE").unwrap_or_default() },
        _ => Verb::Resolve,
    }
}

/// `help get` says what `get --help` does; of a verb that there is not, what a wrong one always gets.
fn help_of<B: Manage>(verb: Option<&str>, how: InFull) -> clap::Error {
    let words = std::iter::once(B::STORE.binary).chain(verb).chain(["--help"]);
    let asked = parser::<B>(Some(how)).try_get_matches_from(words);
    asked.err().unwrap_or_else(|| command::<B>().error(ErrorKind::DisplayHelp, ""))
}

fn typed(setting: &Setting, level: &ArgMatches) -> Option<Vec<String>> {
    match setting.kind {
        Kind::Switch => None,
        _ => Some(level.try_get_many::<String>(setting.key).ok()??.cloned().collect()),
    }
}

/// Ends a run whose command line asks for help or cannot be read. A gateway that started it gets a response all the same.
pub(super) fn stop<B: Manage>(
    mut stop: clap::Error,
    arguments: &[String],
    journal: &Journal,
    (deadline, watchdog): (Deadline, &Watchdog),
) -> Exit {
    suggest(&mut stop, &command::<B>());
    let text = stop.render().to_string();
    if matches!(stop.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text, deadline).unwrap_or(Exit::Done);
    }
    if let Some(failure) = bad_first_line(B::STORE.binary, arguments) {
        return refuse::<B>(failure, journal, (deadline, watchdog));
    }
    let (start, rest) = started_as(B::STORE.binary, arguments);
    if has_value_in_argument(&stop, rest) {
        explain(None, &value_in_argument());
        return Exit::Usage;
    }
    // It repeats what was typed, which is not to move the cursor.
    say(printable_lines(text.trim_end()));
    let parser = command::<B>();
    let is_verb =
        |word: &String| parser.get_subcommands().any(|verb| verb.get_name() == word && word != "resolve");
    let is_word = |word: &String| word.starts_with(|first: char| first.is_ascii_alphanumeric());
    if stop.kind() == ErrorKind::InvalidSubcommand && rest.iter().any(is_word) {
        if stop.get(ContextKind::SuggestedSubcommand).is_none() {
            say(printable(format!("tip: to read a secret: {start} get ID")));
        }
        return Exit::Usage;
    }
    if rest.iter().any(is_verb) || stdin_is_terminal() {
        return Exit::Usage;
    }
    let failure = Failure::misconfigured(
        "the command line is wrong",
        "run the same command in a shell to see the error",
    );
    refuse::<B>(failure, journal, (deadline, watchdog))
}

/// Words of other tools, and the verb that does the same.
const OTHERS: [(&str, &str); 6] = [
    ("get", "read show print cat fetch view reveal copy"),
    ("list", "ls dir tree ids keys search find"),
    ("set", "put write add store save create insert update edit patch"),
    ("delete", "rm remove del unset erase destroy"),
    ("doctor", "status health ping login"),
    ("settings", "config env options"),
];

/// Names the verb that does what was typed in the words of another tool.
fn suggest(stop: &mut clap::Error, command: &Command) {
    let typed = match stop.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.to_lowercase(),
        _ => return,
    };
    let means = |(_, words): &&(&str, &str)| words.split(' ').any(|word| word == typed);
    if let Some((verb, _)) = OTHERS.iter().find(means)
        && command.find_subcommand(verb).is_some()
    {
        let verb = ContextValue::Strings(vec![(*verb).to_owned()]);
        stop.insert(ContextKind::SuggestedSubcommand, verb);
    }
}

/// Whether there is a word too many where a secret may have been typed. An unknown flag is none.
fn has_value_in_argument(stop: &clap::Error, rest: &[String]) -> bool {
    let takes_secret = rest.iter().any(|word| ["set", "unlock"].contains(&word.as_str()));
    let is_flag = matches!(
        stop.get(ContextKind::InvalidArg),
        Some(ContextValue::String(word)) if word.starts_with("--")
    );
    takes_secret && stop.kind() == ErrorKind::UnknownArgument && !is_flag
}

/// How the command was started, as a person would type it again, and what came after that.
fn started_as<'a>(binary: &str, arguments: &'a [String]) -> (String, &'a [String]) {
    match arguments {
        [flag, profile, rest @ ..] if flag == "--profile" && profile.contains('/') => (profile.clone(), rest),
        [flag, profile, rest @ ..] if flag == "--profile" => (format!("{binary} --profile {profile}"), rest),
        _ => (binary.to_owned(), arguments),
    }
}

/// What the kernel makes of an executable profile whose first line cannot work: a line end that became part of the
/// flag, or the profile itself where the flag should be.
fn bad_first_line(binary: &str, arguments: &[String]) -> Option<Failure> {
    match arguments {
        [flag, profile, ..] if flag == "--profile\r" => Some(Failure::misconfigured(
            format!(
                "the first line of {profile} ends in CRLF, and the kernel reads the CR as part of the flag"
            ),
            "save the profile with LF line endings",
        )),
        [flag, profile, ..] if flag.starts_with("--profile ") => Some(Failure::misconfigured(
            format!(
                "the first line of {profile} has words after --profile, and the kernel passes them as one argument"
            ),
            format!("end it after --profile: #!/path/to/{binary} --profile"),
        )),
        [word, ..] if word.contains('/') && Path::new(word).is_file() => Some(Failure::misconfigured(
            format!("{word} is a file, not a command or flag"),
            format!("if it is a profile, its first line must be #!/path/to/{binary} --profile"),
        )),
        _ => None,
    }
}

fn refuse<B: Manage>(failure: Failure, journal: &Journal, limits: (Deadline, &Watchdog)) -> Exit {
    if stdin_is_terminal() {
        say(format!("{}: {failure}", B::STORE.binary));
        return Exit::Usage;
    }
    serve::<B>(Err((failure, Exit::Usage)), journal, limits)
}

/// The help of `-h`.
pub(super) fn short_help<B: Manage>() -> String {
    command::<B>().render_help().to_string()
}

/// The whole command line: what it is parsed with, and what help, man page and completions are made of.
pub(super) fn command<B: Manage>() -> Command {
    parser::<B>(None)
}

/// A verb: its name, what it does, and its arguments, which are put together when it is typed.
type Row = (&'static str, &'static str, fn(Command) -> Command);

/// What `--help` says and `-h` does not.
#[derive(Clone, Copy)]
struct InFull {
    /// Whether there is a profile, with which few settings are flags.
    has_profile: bool,
}

/// The same, with what `--help` says and `-h` does not if that is wanted.
///
/// To clap both are short help: its long one puts each option on lines of its own, which no screen holds.
fn parser<B: Manage>(wanted: Option<InFull>) -> Command {
    let store = &B::STORE;
    let verbs: [Row; 14] = [
        ("get", "Print the value of each ID", |get| {
            get.arg(ids(&B::STORE))
                .arg(json("print the response that a gateway gets, with versions and times"))
                .args(flags(&B::STORE))
        }),
        ("check", "Check that each ID has a value, without printing it", |check| {
            check.arg(ids(&B::STORE)).arg(json("print JSON")).args(flags(&B::STORE))
        }),
        ("list", "List the ids in the store", |list| {
            list.arg(prefix()).arg(json("print JSON")).args(flags(&B::STORE))
        }),
        ("set", "Store a value from stdin or a prompt", |set| set.arg(id(&B::STORE)).args(flags(&B::STORE))),
        ("delete", "Delete the value of ID", |delete| {
            delete.arg(id(&B::STORE)).arg(yes()).args(flags(&B::STORE))
        }),
        ("doctor", "Find problems, step by step", |doctor| {
            doctor
                .arg(ids(&B::STORE).required(false))
                .arg(json("print JSON"))
                .arg(names())
                .args(flags(&B::STORE))
        }),
        ("import", "Store the secrets from a .env or JSON file", |import| {
            import.arg(file()).args(flags(&B::STORE))
        }),
        ("unlock", "Unlock the store with its password, or create it", |unlock| {
            unlock.arg(id(&B::STORE).required(false)).args(flags(&B::STORE))
        }),
        ("logout", "Revoke and delete the cached session", |logout| logout.args(flags(&B::STORE))),
        ("settings", "Explain all settings, or the named ones", |settings| settings.arg(keys_to_explain())),
        ("completions", "Print the completion script for a shell", |completions| completions.arg(shell())),
        ("man", "Print a manual page", |man| man.arg(page())),
        ("help", "Print this help, or the help of a command", |help| help.arg(command_to_explain())),
        ("resolve", "Answer one request on stdin, as for a gateway", |resolve| {
            resolve.args(flags(&B::STORE))
        }),
    ];
    let short = || (store.about.to_owned(), MORE.to_owned());
    let (about, after) = wanted.map_or_else(short, |how| in_full(store, how));
    let mut command = Command::new(store.binary)
        .version(store.version)
        .about(about)
        .after_help(after)
        .args(flags(store))
        .disable_help_subcommand(true);
    for (name, about, fill) in verbs {
        let is_there = match name {
            "logout" => keeps_sessions(store),
            "import" => B::HAS_IMPORT,
            "unlock" => B::UNLOCK.is_some(),
            _ => true,
        };
        if !is_there {
            continue;
        }
        let verb = Command::new(name).about(about).defer(fill);
        command = command.subcommand(match wanted {
            Some(how) => verb.after_help(after_verb(store, name, how)),
            None => verb,
        });
    }
    command
}

const MORE: &str = "Use --help to see settings, examples and exit codes.";

/// What `--help` says before and after all that can be typed.
fn in_full(store: &Store, how: InFull) -> (String, String) {
    let about = format!(
        "{}.\n\nWithout a command, it answers one request on stdin, as a gateway sends it: see `man protocol`.",
        store.about
    );
    let settings = if how.has_profile {
        format!(
            "{}.\n\nSettings: each is a key of the profile ({FLAG_EXAMPLE}); `settings` explains them:",
            only(store)
        )
    } else {
        let example = FLAG_EXAMPLE.replace('_', "-");
        format!(
            "Settings: each is a key of a profile ({FLAG_EXAMPLE}) and a flag (--{example}), and some are also\n\
             a variable; `settings` explains them:"
        )
    };
    let after = format!("{settings}\n{}\n\nExamples:\n{}\n\n{}", keys(store), store.examples, exits());
    (about, after)
}

/// Which flags there are where there is a profile.
fn only(store: &Store) -> String {
    let free = free_flags(store);
    let (last, others) = free.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    format!("With a profile, the only flags are {} and {last}", others.join(", "))
}

/// The flags that are taken beside a profile.
pub(super) fn free_flags(store: &Store) -> Vec<String> {
    table(store)
        .filter(|setting| is_flag(setting) && !setting.security_sensitive)
        .map(Setting::flag)
        .collect()
}

fn after_verb(store: &Store, verb: &str, how: InFull) -> String {
    let takes_settings = !["settings", "completions", "man", "help"].contains(&verb);
    let settings = match (takes_settings, how.has_profile) {
        (false, _) => String::new(),
        (true, false) => {
            "Every setting is also a flag, such as --timeout 10s; `settings` explains them.".to_owned()
        }
        (true, true) => format!("{}.", only(store)),
    };
    let examples = examples(store, verb).join("\n");
    let between = if takes_settings && !examples.is_empty() { "\n\n" } else { "" };
    let head = if examples.is_empty() { "" } else { "Examples:\n" };
    format!("{settings}{between}{head}{examples}")
}

/// The examples of one verb: those of the store that use it, or those that are the same for every store.
pub(super) fn examples(store: &Store, verb: &str) -> Vec<String> {
    let binary = store.binary;
    match verb {
        "completions" => vec![
            format!("  {binary} completions bash > ~/.local/share/bash-completion/completions/{binary}"),
            format!("  {binary} completions fish > ~/.config/fish/completions/{binary}.fish"),
            format!("  {binary} completions zsh > ~/.zfunc/_{binary}"),
        ],
        "man" => vec![format!("  {binary} man | man -l -"), format!("  {binary} man profile | man -l -")],
        "settings" => vec![format!("  {binary} settings"), format!("  {binary} settings timeout")],
        "help" => vec![format!("  {binary} help get")],
        "logout" | "unlock" => vec![format!("  {binary} {verb}")],
        _ => {
            let is_of = |line: &&str| line.split(' ').any(|word| word == verb);
            store.examples.lines().filter(is_of).map(str::to_owned).collect()
        }
    }
}

/// A setting that every store has, to show how one is written.
const FLAG_EXAMPLE: &str = "max_output";

/// The shells that there are completions for.
pub(super) const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// The manual pages beside that of the command itself.
pub(super) const PAGES: [&str; 2] = ["profile", "protocol"];

fn ids(store: &Store) -> Arg {
    one_id(store.form).num_args(1..)
}

/// An id whose newest version is meant.
fn id(store: &Store) -> Arg {
    one_id(&store.form.replace("[#version]", ""))
}

fn one_id(form: &str) -> Arg {
    Arg::new("ID").required(true).help(format!("the id of a secret: {form}"))
}

fn file() -> Arg {
    Arg::new("FILE")
        .required(true)
        .help("a file of NAME=value lines, or a JSON object of names and values; - for stdin")
}

fn prefix() -> Arg {
    Arg::new("PREFIX").help("the start of the ids to list")
}

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn yes() -> Arg {
    Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("confirm; without this flag nothing is deleted")
}

fn names() -> Arg {
    Arg::new("names")
        .long("names")
        .action(ArgAction::SetTrue)
        .help("also show the names of hosts, secrets and files")
}

fn shell() -> Arg {
    Arg::new("SHELL").required(true).value_parser(SHELLS).help("the shell that will run the script")
}

fn keys_to_explain() -> Arg {
    Arg::new("NAME").num_args(0..).allow_hyphen_values(true).help("a setting: its key, flag or variable")
}

fn command_to_explain() -> Arg {
    Arg::new("COMMAND").help("the command to explain")
}

fn page() -> Arg {
    Arg::new("PAGE").value_parser(PAGES).help("the page to print; default: the page of this command")
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
        .help("read the settings from ./FILE or ~/.config/secretref/NAME.toml");
    std::iter::once(profile).chain(table(store).filter(|setting| is_flag(setting)).map(flag)).collect()
}

/// Whether sessions with the store are kept between starts.
pub(super) fn keeps_sessions(store: &Store) -> bool {
    table(store).any(|setting| setting.key == "keep_session")
}

/// Whether a setting is a flag: a secret is none.
pub(super) fn is_flag(setting: &Setting) -> bool {
    !matches!(setting.kind, Kind::Secret(_))
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.key).long(setting.key.replace('_', "-")).hide(true);
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
