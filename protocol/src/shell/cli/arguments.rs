//! The arguments of the verbs.

use std::time::Duration;

use clap::{Arg, ArgAction};

use crate::gateway::Form;
use crate::shell::exec::Variable;
use crate::store::Store;

/// The shells that `completions` has scripts for.
const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// The manual pages, apart from the page of the command.
const PAGES: [&str; 2] = ["profile", "protocol"];

pub(super) fn ids(store: &Store) -> Arg {
    one_id(store.form).num_args(1..)
}

/// An id without a version.
pub(super) fn id(store: &Store) -> Arg {
    one_id(&store.form.replace("[#version]", ""))
}

fn one_id(form: &str) -> Arg {
    Arg::new("ID").required(true).help(format!("the id of a secret: {form}"))
}

pub(super) fn prefix() -> Arg {
    Arg::new("PREFIX").help("the start of the ids to list")
}

pub(super) fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

pub(super) fn last() -> Arg {
    Arg::new("last")
        .long("last")
        .action(ArgAction::SetTrue)
        .conflicts_with("as-gateway")
        .help("show the last runs from the system's log; ID is then a provider")
}

pub(super) fn of_watch() -> [Arg; 4] {
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

pub(super) fn of_exec() -> [Arg; 2] {
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

pub(super) fn of_install() -> Vec<Arg> {
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

pub(super) fn of_gateway() -> [Arg; 2] {
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

pub(super) fn of_config() -> [Arg; 3] {
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

pub(super) fn yes() -> Arg {
    Arg::new("yes")
        .long("yes")
        .action(ArgAction::SetTrue)
        .help("confirm; without this flag nothing is deleted")
}

pub(super) fn force() -> Arg {
    Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("delete the whole secret for good, at once; it cannot be restored")
}

pub(super) fn names() -> Arg {
    Arg::new("names")
        .long("names")
        .action(ArgAction::SetTrue)
        .help("also show the names of hosts, secrets and files")
}

pub(super) fn form() -> Arg {
    Arg::new("form")
        .long("form")
        .value_name("FORM")
        .value_parser(Form::WORDS)
        .default_value(Form::WORDS[0])
        .hide_default_value(true)
        .hide_possible_values(true)
        .help("json5, set (`openclaw config set`) or plan (`openclaw secrets apply`)")
}

pub(super) fn alias() -> Arg {
    Arg::new("alias")
        .long("alias")
        .value_name("NAME")
        .help("the name of the provider; default: the name of the profile's file")
}

pub(super) fn shell() -> Arg {
    Arg::new("SHELL").required(true).value_parser(SHELLS).help("the shell that will run the script")
}

pub(super) fn keys_to_explain() -> Arg {
    Arg::new("NAME").num_args(0..).allow_hyphen_values(true).help("a setting: its key, flag or variable")
}

pub(super) fn command_to_explain() -> Arg {
    Arg::new("COMMAND").help("the command to explain")
}

pub(super) fn page() -> Arg {
    Arg::new("PAGE").value_parser(PAGES).help("the page to print; default: the page of this command")
}
