//! `man [PAGE]`: prints a manual page; its tables are made from the command line, the settings and the codes.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::cli::{command, examples, free_flags, is_flag, keeps_sessions};
use super::output::print;
use super::settings::targets;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Kind;
use crate::settings::family::FAMILY;
use crate::store::{NameKeys, Setting, Store, table};
use crate::wire::{IDS_LIMIT, REQUEST_LIMIT};

/// Prints a page as roff with the macros of man(7).
pub(super) fn man<B: Manage>(page: &str, deadline: Deadline) -> Exit {
    let store = &B::STORE;
    let mut text = match page {
        "profile" => profile(store),
        "protocol" => protocol(),
        _ => command_page(store, command::<B>()),
    };
    put(&mut text, "@BINARY@", &escaped(store.binary));
    put(&mut text, "@UPPER@", &escaped(&store.binary.to_ascii_uppercase()));
    put(&mut text, "@NAME@", &escaped(store.name()));
    put(&mut text, "@VERSION@", &escaped(store.version));
    put(&mut text, "@EXITS@", &exits());
    put(&mut text, "@NAME_KEYS@", &name_keys(store));
    print(&text, deadline).unwrap_or(Exit::Done)
}

/// Replaces a placeholder of a page.
#[inline(never)]
fn put(page: &mut String, target: &str, words: &str) {
    *page = page.replace(target, words.trim_end());
}

fn command_page(store: &'static Store, mut command: Command) -> String {
    command.build();
    let mut page = include_str!("pages/command.1").to_owned();
    let binary = store.binary;
    let commands: String = command.get_subcommands_mut().map(|verb| entry_of_verb(binary, verb)).collect();
    let more = examples(store, "completions").join("\n");
    put(&mut page, "@ABOUT@", &escaped(&store.about.replacen("Reads", "reads", 1)));
    put(&mut page, "@COMMANDS@", &commands);
    put(&mut page, "@SETTINGS@", &table(store).map(entry_of_setting).collect::<String>());
    put(&mut page, "@SESSIONS@", if keeps_sessions(store) { SESSIONS } else { "" });
    put(&mut page, "@EXAMPLES@", &escaped(&format!("{}\n{more}", store.examples)));
    page
}

const SESSIONS: &str = "
.TP
.IR /run/user/UID/secretref \", \" /dev/shm/secretref\\-UID
The cached sessions; see
.BR keep_session .";

fn profile(store: &'static Store) -> String {
    let mut page = include_str!("pages/profile.5").to_owned();
    #[cfg(feature = "net")]
    let more = crate::net::SETTINGS;
    #[cfg(not(feature = "net"))]
    let more = &[];
    // In a build for several stores, another store may have enabled the feature.
    let is_of = |setting: &&Setting| table(store).any(|own| own.key == setting.key);
    put(&mut page, "@EXAMPLE@", &escaped(store.profile));
    put(&mut page, "@VARIABLE@", variable(store));
    put(&mut page, "@FREE@", &bold(&free_flags(store)));
    put(
        &mut page,
        "@SETTINGS@",
        &FAMILY.iter().chain(more).filter(is_of).map(entry_of_setting).collect::<String>(),
    );
    page
}

/// Returns one of the store's variables as an example: of a secret if possible, because a profile contains no secrets.
fn variable(store: &'static Store) -> &'static str {
    let variables = table(store).filter(|setting| !setting.env.is_empty());
    let setting = variables.min_by_key(|setting| is_flag(setting));
    setting.and_then(|setting| setting.env.last()).unwrap_or(&"NAME")
}

fn protocol() -> String {
    let mut page = include_str!("pages/protocol.7").to_owned();
    let codes = Kind::TABLE.iter().map(|(kind, meaning)| entry(kind.code(), meaning));
    put(&mut page, "@CODES@", &codes.collect::<String>());
    put(&mut page, "@IDS_LIMIT@", &IDS_LIMIT.to_string());
    put(&mut page, "@REQUEST_LIMIT@", &REQUEST_LIMIT.to_string());
    page
}

fn exits() -> String {
    Exit::TABLE.iter().map(|(exit, _, meaning)| entry(&exit.code().to_string(), meaning)).collect()
}

/// Returns the additional keys of an `[ids]` entry.
fn name_keys(store: &Store) -> String {
    match store.name_keys {
        NameKeys::Any => "any attribute".to_owned(),
        NameKeys::Only(keys) => bold(keys),
    }
}

fn entry_of_verb(binary: &str, verb: &mut Command) -> String {
    let usage = verb.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim_start_matches(binary).trim();
    let own = verb.get_arguments().filter(|arg| !arg.is_hide_set());
    let own = own.filter(|arg| arg.get_long().is_some_and(|long| !["profile", "help"].contains(&long)));
    let help = |arg: &Arg| arg.get_help().map(ToString::to_string).unwrap_or_default();
    let own: String =
        own.map(|arg| entry(&format!("--{}", arg.get_long().unwrap_or_default()), &help(arg))).collect();
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    let own = if own.is_empty() { own } else { format!(".RS\n{own}.RE\n") };
    format!("{}{own}", entry(usage, &about))
}

fn entry_of_setting(setting: &'static Setting) -> String {
    let mut text = entry(setting.key, setting.help);
    let _ = writeln!(text, ".br\n{}", escaped(&targets(setting)));
    text
}

fn entry(term: &str, text: &str) -> String {
    format!(".TP\n.B \"{}\"\n{}\n", escaped(term), escaped(text))
}

fn bold(words: &[impl AsRef<str>]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("\\fB{}\\fR", escaped(word.as_ref()))).collect();
    words.join(", ")
}

/// Escapes text for roff, so that characters copied from the page are exact: roff would make them typographic.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '.' if at == 0 || text[..at].ends_with('\n') => escaped.push_str("\\&."),
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push_str("\\(ga"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            c => escaped.push(c),
        }
    }
    escaped
}
