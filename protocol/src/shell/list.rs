//! `list [PREFIX]`: the ids that a store has, ready to paste.

use serde::Serialize;

use super::act::act;
use super::speak::{explain, note, print};
use crate::backend::{Listed, Listing, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::id::Id;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::watch::Watch;
use crate::wire::quote;

/// What there is, sorted by what can be done with it.
#[derive(Serialize, Default)]
struct Sorted {
    /// What a gateway can ask for.
    ids: Vec<String>,
    /// What it cannot, since an id cannot be written so: the line that gives it one.
    unnamed: Vec<Unnamed>,
    /// How many ids the profile does not allow.
    not_allowed: usize,
    unread: Vec<Unread>,
}

#[derive(Serialize)]
struct Unnamed {
    name: String,
    alias: String,
}

#[derive(Serialize)]
struct Unread {
    name: String,
    code: &'static str,
    what: String,
    remedy: String,
}

/// Prints the ids that begin with `prefix`, one a line.
pub(super) fn list<B: Manage>(
    settings: &Settings,
    prefix: &str,
    json: bool,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let found = act(
        settings,
        (deadline, watch),
        |backend: &B| Ok((backend.home(), ())),
        async |backend, session, ()| backend.list(session, prefix).await,
    );
    let sorted = match found {
        Ok(listing) => sorted(listing, settings, B::STORE.name_keys),
        Err(failure) => {
            explain(None, &failure);
            return Exit::of_failure(&failure);
        }
    };
    if json {
        let text = serde_json::to_string(&sorted).unwrap_or_default();
        return print(&format!("{text}\n"), deadline).unwrap_or(Exit::Done);
    }
    let lines: String = sorted.ids.iter().flat_map(|id| [id, "\n"]).collect();
    let cut = print(&lines, deadline);
    say(&sorted, prefix);
    cut.unwrap_or(Exit::Done)
}

fn sorted(listing: Listing, settings: &Settings, keys: &[&'static str]) -> Sorted {
    let mut sorted = Sorted::default();
    let allow = settings.allow();
    for Listed { id, name } in listing.found {
        // An id of these characters may still say something else: a second # is a version.
        let reads_back =
            |id: &Id| Name::of_id(id).is_ok_and(|read| read.field == name.field && read.version.is_none());
        match Id::parse(&id).ok().filter(reads_back) {
            Some(parsed) if allow.check(&parsed).is_ok() => sorted.ids.push(id),
            Some(_) => sorted.not_allowed += 1,
            None => match settings.alias(&name) {
                Some(alias) => sorted.ids.push(alias.to_owned()),
                None => sorted.unnamed.push(Unnamed { alias: entry(&name, keys), name: printable(&id) }),
            },
        }
    }
    sorted.unread = listing
        .unread
        .into_iter()
        .map(|(name, failure)| Unread {
            name: printable(&name),
            code: failure.kind().code(),
            what: failure.what().to_owned(),
            remedy: failure.remedy().to_owned(),
        })
        .collect();
    sorted.ids.sort_unstable();
    sorted.ids.dedup();
    sorted
}

/// The line of `[ids]` that gives a name an id: the name in characters that an id may have.
fn entry(name: &Name, keys: &[&'static str]) -> String {
    let field = match &name.field {
        Some(Field::Key(key) | Field::Pointer(key)) => Some(key.as_str()),
        _ => None,
    };
    let text = name.name.chars().chain(field.iter().flat_map(|field| "/".chars().chain(field.chars())));
    let plain: String =
        text.map(|c| if c.is_ascii_alphanumeric() || "._/-".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let own = keys.iter().filter_map(|key| Some((*key, name.key(key)?)));
    let others = name.others.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let pairs = [("name", Some(name.name.as_str()).filter(|name| !name.is_empty())), ("field", field)];
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(own).chain(others);
    let is_bare = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let key = |key: &str| if is_bare(key) { key.to_owned() } else { quote(key) };
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{} = {}", key(name), quote(value))).collect();
    let id = if plain.is_empty() { "alias" } else { plain };
    format!("\"{id}\" = {{ {} }}", pairs.join(", "))
}

fn say(sorted: &Sorted, prefix: &str) {
    if sorted.ids.is_empty() && sorted.unnamed.is_empty() && sorted.unread.is_empty() {
        let begins = if prefix.is_empty() {
            String::new()
        } else {
            format!(" that begins with {}", printable(prefix))
        };
        note(format!("there is nothing{begins}"));
    }
    for unread in &sorted.unread {
        note(format!("{}: {} ({}): {}", unread.name, unread.what, unread.code, unread.remedy));
    }
    if sorted.not_allowed > 0 {
        note(format!("`allow` of the profile leaves out {}", sorted.not_allowed));
    }
    if !sorted.unnamed.is_empty() {
        let lines: Vec<_> = sorted.unnamed.iter().map(|unnamed| unnamed.alias.as_str()).collect();
        note(format!(
            "no id can be written like these; at the end of a profile, this gives them one:\n[ids]\n{}",
            lines.join("\n")
        ));
    }
}

fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
