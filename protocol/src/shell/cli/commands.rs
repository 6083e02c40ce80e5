//! The verbs with their arguments, and the flags.

use clap::{Arg, ArgAction, Command};

use super::arguments::{
    alias, command_to_explain, force, form, id, ids, json, keys_to_explain, last, names, of_config, of_exec,
    of_gateway, of_install, of_watch, page, prefix, shell, yes,
};
use super::help::{Help, MORE, after_verb, in_full};
use super::import_args;
use crate::backend::Manage;
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
