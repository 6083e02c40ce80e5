//! `settings`: what every setting is for, and where it can stand.

use std::fmt::Write as _;

use super::cli::is_flag;
use super::speak::print;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::store::{Kind, Setting, Store, table};

/// Prints every setting of the store.
pub(super) fn settings(store: &Store, deadline: Deadline) -> Exit {
    let text: String = table(store).map(entry).collect();
    print(&text, deadline).unwrap_or(Exit::Done)
}

fn entry(setting: &'static Setting) -> String {
    format!("{}: {}\n    {}\n", setting.key, setting.help, places(setting))
}

/// Where a setting can stand beside a profile, what it can be, and what it is where nothing sets it.
pub(super) fn places(setting: &'static Setting) -> String {
    let mut places = Vec::new();
    if is_flag(setting) {
        places.push(setting.flag());
    }
    places.extend(setting.env.iter().map(|name| format!("${name}")));
    if let Kind::Secret(file) = setting.kind {
        places.push(format!("the file {file} in $CREDENTIALS_DIRECTORY"));
    }
    let mut text = places.join(", ");
    if let Kind::Choice(words) = setting.kind {
        let _ = write!(text, "; one of {}", words.join(", "));
    }
    if let Some(default) = setting.default {
        let _ = write!(text, "; {default} if not set");
    }
    text
}
