//! `list [PREFIX]`: the ids that a store has, ready to paste.

use serde::Serialize;

use super::act::{Done, Task, act};
use super::places::{Places, entry};
use super::speak::{explain, note, print};
use crate::backend::{Backend, Listed, Listing, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::Id;
use crate::selector::Name;
use crate::settings::Settings;
use crate::watch::Watch;
use crate::wire::quote;

/// What there is, sorted by what can be done with it.
#[derive(Serialize, Default)]
pub(super) struct Sorted {
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
    let sorted = match act::<B>(settings, (deadline, watch), &Task::List(prefix)) {
        Ok(Done::Listed(sorted)) => sorted,
        Ok(Done::Changed(_)) => return Exit::Internal,
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

/// Sorts what there is by what can be done with it.
pub(super) fn sorted<B: Backend>(backend: &B, settings: &Settings, listing: Listing) -> Sorted {
    let mut sorted = Sorted::default();
    let allow = settings.allow();
    let mut places = Places::of(backend, settings);
    let mut unnamed = Vec::new();
    let mut unread = listing.unread;
    for Listed { id, name } in listing.found {
        let name = Name { is_entry: true, ..name };
        let place = match backend.locate(&name) {
            Ok(place) => place,
            Err(failure) => {
                unread.push((id, failure));
                continue;
            }
        };
        let ids = [Some(id.as_str()), places.alias(&place)].into_iter().flatten();
        let ids = ids.filter_map(|id| Id::parse(id).ok());
        let ids: Vec<_> = ids.filter(|id| places.leads_to(id).as_ref() == Some(&place)).collect();
        match ids.iter().find(|id| allow.check(id).is_ok()) {
            Some(id) => sorted.ids.push(id.as_str().to_owned()),
            None if !ids.is_empty() => sorted.not_allowed += 1,
            None => unnamed.push((id, name)),
        }
        places.find(place);
    }
    for (id, name) in unnamed {
        let alias = format!("{} = {}", quote(&places.free_id(&name)), entry(&name, B::STORE.name_keys));
        sorted.unnamed.push(Unnamed { alias, name: printable(&id) });
    }
    sorted.unread = unread.into_iter().map(Unread::of).collect();
    sorted.ids.sort_unstable();
    sorted.ids.dedup();
    sorted
}

impl Unread {
    fn of((name, failure): (String, Failure)) -> Self {
        Self {
            name: printable(&name),
            code: failure.kind().code(),
            what: failure.what().to_owned(),
            remedy: failure.remedy().to_owned(),
        }
    }
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
