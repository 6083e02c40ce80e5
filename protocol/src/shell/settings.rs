//! `settings [NAME…]`: explains the settings.

use std::fmt::Write as _;

use super::cli::is_flag;
use super::output::{explain, print};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::store::{Kind, Setting, Store, nearest, table};

/// Prints the named settings, or all settings if there are no names.
pub(super) fn settings(store: &Store, names: &[String], deadline: Deadline) -> Exit {
    let found: Result<Vec<_>, Failure> = names.iter().map(|name| named(store, name)).collect();
    match found {
        Err(failure) => {
            explain(None, &failure);
            Exit::Usage
        }
        Ok(found) => {
            let all = table(store).filter(|_| found.is_empty());
            let text: String = found.iter().copied().chain(all).map(entry).collect();
            print(&text, deadline).unwrap_or(Exit::Done)
        }
    }
}

/// Returns the setting with this key, flag or variable.
fn named(store: &Store, name: &str) -> Result<&'static Setting, Failure> {
    let key = name.trim_start_matches("--").replace('-', "_");
    let is_it = |setting: &&Setting| setting.key == key || setting.env.contains(&name);
    table(store).find(is_it).ok_or_else(|| {
        let meant = nearest(&key, table(store).map(|setting| setting.key));
        let remedy = meant.map_or_else(
            || "run `settings` to list all; `man profile` explains the other keys of a profile".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        Failure::misconfigured(format!("there is no setting {name}"), remedy)
    })
}

fn entry(setting: &'static Setting) -> String {
    format!("{}: {}\n    {}\n", setting.key, setting.help, targets(setting))
}

/// Returns the flag, variables, file, choices and default of a setting.
pub(super) fn targets(setting: &'static Setting) -> String {
    let mut targets = Vec::new();
    if is_flag(setting) {
        targets.push(setting.flag());
    }
    targets.extend(setting.env.iter().map(|name| format!("${name}")));
    if let Kind::Secret(file) = setting.kind {
        targets.push(format!("the file {file} in $CREDENTIALS_DIRECTORY"));
    }
    let mut text = targets.join(", ");
    if let Kind::Choice(words) = setting.kind {
        let _ = write!(text, "; one of {}", words.join(", "));
    }
    if let Some(default) = setting.default {
        let _ = write!(text, "; {default} if not set");
    }
    text
}
