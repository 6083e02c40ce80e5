//! Hints that name the flags of `install`.

use super::super::cli::is_flag;
use crate::backend::Manage;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::store::{Kind, Setting, Store, table};

/// The key of the setting that chooses the way to sign in, if a store has one.
const AUTH: &str = "auth";

/// Puts the flags of the settings that a failure names and that are not set before its remedy, and those that the way to
/// sign in uses.
pub(super) fn with_flags(failure: &Failure, store: &Store, settings: &Settings) -> Failure {
    let set = settings.written();
    let words: Vec<_> = failure.what().split('`').skip(1).step_by(2).collect();
    let is_missing = |setting: &&Setting| words.contains(&setting.key) && !set.contains(&setting.key);
    let is_named = |setting: &&Setting| is_flag(setting) && is_missing(setting);
    let named: Vec<_> = table(store).filter(is_named).map(|setting| flag(settings, setting)).collect();
    let add = (!named.is_empty()).then(|| format!("add {}", named.join(" and ")));
    let method = settings.auth().filter(|_| add.is_some());
    let uses = method.map(|method| (method, flags_of(store, method))).filter(|(_, flags)| !flags.is_empty());
    let uses = uses.map(|(method, flags)| format!("--auth {method} uses {}", flags.join(", ")));
    // The failure's own remedy is about a profile, and there is none yet.
    let own = add.is_none().then(|| failure.remedy().to_owned());
    let remedy: Vec<_> = add.into_iter().chain(uses).chain(own).collect();
    Failure::new(failure.kind(), failure.what(), remedy.join("; "))
}

/// Returns a failure if a profile for a store on the network has none of the settings that `install` asks for: it would say
/// nothing about the store.
pub(super) fn missing<B: Manage>(profile: &Profile) -> Option<Failure> {
    let first = B::ASKED.first().filter(|_| B::LOOKS_UP_HOSTS)?;
    let is_set = B::ASKED.iter().any(|key| profile.values.contains_key(*key));
    let remedy = "without --yes, `install` asks for what is missing";
    (!is_set).then(|| Failure::misconfigured(format!("`{first}` is not set"), remedy))
}

/// Returns the flag of a setting, with the way to sign in that uses it if another one is chosen.
fn flag(settings: &Settings, setting: &Setting) -> String {
    match setting.used_by.first().filter(|_| settings.auth().is_some() && !settings.is_of_method(setting)) {
        Some(method) => format!("{}, with --auth {method}", setting.flag()),
        None => setting.flag(),
    }
}

/// Returns the flags that a way to sign in uses.
pub(super) fn flags_of(store: &Store, method: &str) -> Vec<String> {
    let is_used = |setting: &&Setting| is_flag(setting) && setting.used_by.contains(&method);
    table(store).filter(is_used).map(Setting::flag).collect()
}

/// Returns a line for each way to sign in, for the question.
pub(super) fn methods(store: &Store, setting: &Setting) -> String {
    let Kind::Choice(words) = setting.kind else { return String::new() };
    if setting.key != AUTH {
        return String::new();
    }
    let widest = words.iter().map(|word| word.len()).max().unwrap_or(0);
    let line = |word: &&str| {
        let flags = flags_of(store, word);
        let keys: Vec<_> = flags.iter().map(|flag| flag[2..].replace('-', "_")).collect();
        let uses = if keys.is_empty() { secret(store, word) } else { format!("  uses {}", keys.join(", ")) };
        format!("{}\n", format!("  {word:widest$}{uses}").trim_end())
    };
    words.iter().map(line).collect()
}

/// Returns where the secret of a way to sign in with the same name can be, since `install` cannot ask for a secret.
fn secret(store: &Store, method: &str) -> String {
    let Some(setting) = table(store).find(|setting| setting.key == method) else { return String::new() };
    let (Kind::Secret(credential), Some(variable)) = (setting.kind, setting.env.last()) else {
        return String::new();
    };
    let file = setting.file.map(|file| format!("; for a file, choose {file}")).unwrap_or_default();
    format!("  reads {variable}, or the unit's credential {credential}{file}")
}
