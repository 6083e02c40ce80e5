//! `man [PAGE]`: the manual pages, whose tables are made from the command line, the settings and the codes.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::cli::{command, examples, is_flag, keeps_sessions};
use super::settings::places;
use super::speak::print;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Kind;
use crate::store::{FAMILY, Setting, Store, table};
use crate::wire::{IDS_LIMIT, REQUEST_LIMIT};

/// Prints a page as roff, in the macros of man(7).
pub(super) fn man<B: Backend>(page: &str, deadline: Deadline) -> Exit {
    let store = &B::STORE;
    let (page, own) = match page {
        "profile" => (include_str!("pages/profile.5"), profile(store)),
        "protocol" => (include_str!("pages/protocol.7"), protocol()),
        _ => (include_str!("pages/command.1"), of_command(store, command::<B>())),
    };
    let every = [("BINARY", escaped(store.binary)), ("VERSION", escaped(store.version)), ("EXITS", exits())];
    let every = every.into_iter().chain([("NAME_KEYS", bold(store.name_keys.iter().copied()))]);
    let text = own
        .into_iter()
        .chain(every)
        .fold(page.to_owned(), |text, (place, words)| text.replace(&format!("@{place}@"), words.trim_end()));
    print(&text, deadline).unwrap_or(Exit::Done)
}

/// What stands in the places of a page, by their names.
type Places = Vec<(&'static str, String)>;

fn of_command(store: &'static Store, mut command: Command) -> Places {
    command.build();
    let binary = store.binary;
    let commands: String = command.get_subcommands_mut().map(|verb| entry_of_verb(binary, verb)).collect();
    let more = examples(store, "completions").join("\n");
    vec![
        ("UPPER", escaped(&binary.to_uppercase())),
        ("ABOUT", escaped(&store.about.replacen("Reads", "reads", 1))),
        ("COMMANDS", commands),
        ("SETTINGS", table(store).map(entry_of_setting).collect()),
        ("SESSIONS", if keeps_sessions(store) { SESSIONS.to_owned() } else { String::new() }),
        ("EXAMPLES", escaped(&format!("{}\n{more}", store.examples))),
    ]
}

const SESSIONS: &str = ".TP
.IR /run/user/UID/secretref \", \" /dev/shm/secretref\\-UID
The sessions that are kept between starts, see
.BR keep_session .";

fn profile(store: &'static Store) -> Places {
    let free = table(store).filter(|setting| is_flag(setting) && !setting.steers);
    let free: Vec<_> = free.map(|setting| format!("--{}", setting.key.replace('_', "-"))).collect();
    #[cfg(feature = "net")]
    let more = crate::net::SETTINGS;
    #[cfg(not(feature = "net"))]
    let more = &[];
    vec![
        ("FREE", bold(free.iter().map(String::as_str))),
        ("SETTINGS", FAMILY.iter().chain(more).map(entry_of_setting).collect()),
    ]
}

fn protocol() -> Places {
    let codes = Kind::TABLE.iter().map(|(kind, meaning)| entry(kind.code(), meaning));
    vec![
        ("CODES", codes.collect()),
        ("IDS_LIMIT", IDS_LIMIT.to_string()),
        ("REQUEST_LIMIT", REQUEST_LIMIT.to_string()),
    ]
}

fn exits() -> String {
    Exit::TABLE.iter().map(|(exit, _, meaning)| entry(&exit.code().to_string(), meaning)).collect()
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
    let _ = writeln!(text, ".br\n{}", escaped(&places(setting)));
    text
}

fn entry(term: &str, text: &str) -> String {
    format!(".TP\n.B \"{}\"\n{}\n", escaped(term), escaped(text))
}

fn bold<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("\\fB{}\\fR", escaped(word))).collect();
    words.join(", ")
}

/// Text as roff that shows it to the letter: what it makes typographic otherwise can be copied from the page.
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
