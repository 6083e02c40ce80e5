//! The verbs with their arguments, and the flags.

use std::time::Duration;

use clap::{Arg, ArgAction, Command};

use super::help::{Help, MORE, after_verb, in_full};
use super::import_args;
use crate::backend::Manage;
use crate::gateway::Form;
use crate::shell::exec::Variable;
use crate::store::{Kind, Setting, Store, table};

/// The whole command line: help, manual page and completions are made from it.
pub(in crate::shell) fn command<B: Manage>() -> Command {
    parser::<B>(None)
}

/// A verb: its name, its summary, and its arguments, which are built only when the verb is used.
type Row = (&'static str, &'static str, fn(Command) -> Command);

/// The same, with the texts of `help`.
///
/// clap sees only short help: its long help puts each option on lines of its own, which fits no screen.
pub(super) fn parser<B: Manage>(help: Option<&Help>) -> Command {
    let store = &B::STORE;
    let full = help.filter(|help| help.is_full);
    let short = || (store.about.to_owned(), MORE.to_owned());
    let (about, after) = full.map_or_else(short, |help| in_full(store, help));
    let mut command = Command::new(store.binary)
        .version(format!("{} ({})", store.version, env!("SECRETREF_BUILD")))
        .about(about)
        .after_help(after)
        .args(flags(store))
        .disable_help_subcommand(true);
    if let Some(start) = help.and_then(|help| help.start.as_ref()) {
        command = command.bin_name(start);
    }
    let hides_profile = help.is_some_and(Help::hides_profile);
    if hides_profile {
        command = without_profile(command);
    }
    for (name, about, fill) in verbs::<B>().into_iter().filter(|(name, ..)| has::<B>(name)) {
        let verb = Command::new(name).about(about);
        let verb = if hides_profile { without_profile(fill(verb)) } else { verb.defer(fill) };
        command = command.subcommand(match full {
            Some(help) => verb.after_help(after_verb(store, name, help)),
            None => verb,
        });
    }
    command
}

/// The verbs, in the order of the help.
fn verbs<B: Manage>() -> [Row; 18] {
    [
        ("get", "Print the value of each ID", |get| {
            get.arg(ids(&B::STORE))
                .arg(json("print the response that a gateway gets, with versions and times"))
                .args(flags(&B::STORE))
        }),
        ("check", "Check that each ID has a value, without printing it", |check| {
            let ids = ids(&B::STORE).required(false).required_unless_present("config");
            check.arg(ids).arg(json("print JSON")).args(of_config()).args(flags(&B::STORE))
        }),
        ("exec", "Start a command with values in its environment", |exec| {
            exec.args(of_exec()).args(flags(&B::STORE))
        }),
        ("list", "List the ids in the store", |list| {
            list.arg(prefix()).arg(json("print JSON")).args(flags(&B::STORE))
        }),
        ("set", "Store a value from stdin or a prompt", |set| set.arg(id(&B::STORE)).args(flags(&B::STORE))),
        ("delete", "Delete the value of ID", |delete| {
            delete.arg(id(&B::STORE)).arg(yes()).args(B::HAS_FORCE.then(force)).args(flags(&B::STORE))
        }),
        ("doctor", "Find problems, step by step", |doctor| {
            doctor
                .arg(ids(&B::STORE).required(false))
                .arg(json("print JSON"))
                .arg(names())
                .arg(last())
                .args(of_gateway())
                .args(flags(&B::STORE))
        }),
        ("install", "Write a profile that a gateway can start, and test it", |install| {
            install.args(of_install()).arg(form()).args(flags(&B::STORE).into_iter().skip(1))
        }),
        ("snippet", "Print the provider block for the gateway's config", |snippet| {
            snippet.arg(form()).arg(alias()).args(flags(&B::STORE))
        }),
        ("watch", "Ask the gateway to reload if a secret was rotated", |watch| watch.args(of_watch())),
        ("import", "Store the secrets of files, or find values left in files", |import| {
            import.args(import_args::args()).args(flags(&B::STORE))
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
    ]
}

/// Whether a store has a verb.
fn has<B: Manage>(verb: &str) -> bool {
    match verb {
        "logout" => keeps_sessions(&B::STORE),
        "unlock" => B::UNLOCK.is_some(),
        _ => true,
    }
}

/// Leaves `--profile` out of the help of a command that has its profile.
fn without_profile(command: Command) -> Command {
    let has_it = command.get_arguments().any(|arg| arg.get_id() == "profile");
    if has_it { command.mut_arg("profile", |arg| arg.hide(true)) } else { command }
}

/// The shells that `completions` has scripts for.
const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// The manual pages, apart from the page of the command.
const PAGES: [&str; 2] = ["profile", "protocol"];

fn ids(store: &Store) -> Arg {
    one_id(store.form).num_args(1..)
}

/// An id without a version.
fn id(store: &Store) -> Arg {
    one_id(&store.form.replace("[#version]", ""))
}

fn one_id(form: &str) -> Arg {
    Arg::new("ID").required(true).help(format!("the id of a secret: {form}"))
}

fn prefix() -> Arg {
    Arg::new("PREFIX").help("the start of the ids to list")
}

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn last() -> Arg {
    Arg::new("last")
        .long("last")
        .action(ArgAction::SetTrue)
        .conflicts_with("as-gateway")
        .help("show the last runs from the system's log; ID is then a provider")
}

fn of_watch() -> [Arg; 4] {
    let named = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    [
        Arg::new("once")
            .long("once")
            .required(true)
            .action(ArgAction::SetTrue)
            .help("look once, for a timer"),
        named("config", "OPENCLAW.JSON", "default: $OPENCLAW_CONFIG_PATH, $OPENCLAW_STATE_DIR, ~/.openclaw"),
        named("state", "FOLDER", "where to keep what was seen; default: ~/.local/state/secretref"),
        named("openclaw", "COMMAND", "the gateway's command").default_value("openclaw"),
    ]
}

fn of_exec() -> [Arg; 2] {
    [
        Arg::new("env")
            .long("env")
            .value_name("NAME=ID")
            .required(true)
            .action(ArgAction::Append)
            .value_parser(Variable::parse)
            .help("a variable of the command, and the id of its value; once for each"),
        Arg::new("PROGRAM")
            .value_name("COMMAND")
            .required(true)
            .num_args(1..)
            .last(true)
            .help("the command and its arguments; it replaces this process"),
    ]
}

fn of_install() -> Vec<Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    vec![
        Arg::new("NAME").help("the name of the profile and of the provider; default: that of the store"),
        Arg::new("to")
            .long("to")
            .value_name("PATH")
            .help("write this file instead of ~/.config/secretref/NAME.toml"),
        Arg::new("config")
            .long("config")
            .value_name("OPENCLAW.JSON")
            .help("write `allow` from the references of the gateway's config"),
        Arg::new("user")
            .long("user")
            .value_name("USER")
            .help("for root: install it for this user of a gateway"),
        Arg::new("extends")
            .long("extends")
            .value_name("BASE")
            .help("extend this profile of root, whose settings the new one cannot change"),
        switch("system", "with --user: write it to /etc/secretref/USER/NAME.toml").requires("user"),
        switch("unit", "also print what a unit of systemd needs; --user implies it").hide(true),
        switch("yes", "ask nothing: take settings from flags and variables"),
        switch("force", "replace a file that `install` did not write"),
        switch("copy", "copy the program next to the profile, to be the command"),
        switch("remove", "remove the profile, and its copy of the program"),
        switch("no-test", "write it without a test of the settings and the sign-in"),
    ]
}

fn of_gateway() -> [Arg; 2] {
    [
        Arg::new("as-gateway")
            .long("as-gateway")
            .action(ArgAction::SetTrue)
            .help("start the command as a gateway does, and apply its rule on commands"),
        Arg::new("user")
            .long("user")
            .value_name("NAME")
            .requires("as-gateway")
            .help("the user that the gateway runs as; for root only"),
    ]
}

fn of_config() -> [Arg; 3] {
    [
        Arg::new("config")
            .long("config")
            .value_name("OPENCLAW.JSON")
            .conflicts_with("ID")
            .help("check all that a gateway's config asks this resolver for"),
        Arg::new("expires-within")
            .long("expires-within")
            .value_name("DAYS")
            .requires("config")
            .conflicts_with("ID")
            .value_parser(days)
            .help("with --config: fail if something expires in this time, such as 30d"),
        Arg::new("equals")
            .long("equals")
            .action(ArgAction::SetTrue)
            .conflicts_with_all(["json", "config"])
            .help("compare the value with the one on stdin, and print neither"),
    ]
}

/// Reads a number of days, `30d`.
fn days(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let days = days.filter(|days| *days > 0).ok_or("write a number of days, such as 30d")?;
    Ok(Duration::from_hours(u64::from(days) * 24))
}

fn yes() -> Arg {
    Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("confirm; without this flag nothing is deleted")
}

fn force() -> Arg {
    Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("delete the whole secret for good, at once; it cannot be restored")
}

fn names() -> Arg {
    Arg::new("names")
        .long("names")
        .action(ArgAction::SetTrue)
        .help("also show the names of hosts, secrets and files")
}

fn form() -> Arg {
    Arg::new("form")
        .long("form")
        .value_name("FORM")
        .value_parser(Form::WORDS)
        .default_value(Form::WORDS[0])
        .hide_default_value(true)
        .hide_possible_values(true)
        .help("json5, set (`openclaw config set`) or plan (`openclaw secrets apply`)")
}

fn alias() -> Arg {
    Arg::new("alias")
        .long("alias")
        .value_name("NAME")
        .help("the name of the provider; default: the name of the profile's file")
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

fn flags(store: &'static Store) -> Vec<Arg> {
    let profile = Arg::new("profile")
        .long("profile")
        .value_name("FILE|NAME")
        .help("read the settings from ./FILE or ~/.config/secretref/NAME.toml");
    std::iter::once(profile).chain(table(store).filter(|setting| is_flag(setting)).map(flag)).collect()
}

/// Whether the store caches sessions between starts.
pub(in crate::shell) fn keeps_sessions(store: &Store) -> bool {
    table(store).any(|setting| setting.key == "keep_session")
}

/// Whether a setting has a flag. A secret does not.
pub(in crate::shell) fn is_flag(setting: &Setting) -> bool {
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
