//! `list [PREFIX]`: the ids that a store has, ready to paste.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::act::{Done, Task, act};
use super::speak::{explain, note, print};
use crate::backend::{Backend, Listed, Listing, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::id::Id;
use crate::selector::{Field, Name};
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
        let place = match backend.locate(&name) {
            Ok(place) => place,
            Err(failure) => {
                unread.push((id, failure));
                continue;
            }
        };
        let alias = places.aliases.get(&place).map(|alias| (*alias).to_owned());
        let ids = [Some(&id), alias.as_ref()].into_iter().flatten().filter_map(|id| Id::parse(id).ok());
        let ids: Vec<_> = ids.filter(|id| places.leads_to(id).as_ref() == Some(&place)).collect();
        match ids.iter().find(|id| allow.check(id).is_ok()) {
            Some(id) => sorted.ids.push(id.as_str().to_owned()),
            None if !ids.is_empty() => sorted.not_allowed += 1,
            None => unnamed.push((id, name)),
        }
        places.found.insert(place);
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

/// Where ids lead.
struct Places<'s, B: Backend> {
    backend: &'s B,
    settings: &'s Settings,
    /// The entries of `[ids]`.
    aliases: HashMap<Place<B>, &'s str>,
    /// What was found.
    found: HashSet<Place<B>>,
    /// The ids that were given out.
    given: HashSet<String>,
}

type Place<B> = (<B as Backend>::Locator, Field);

impl<'s, B: Backend> Places<'s, B> {
    fn of(backend: &'s B, settings: &'s Settings) -> Self {
        let mut aliases = HashMap::new();
        for (id, name) in settings.entries() {
            if let Ok(place) = backend.locate(name) {
                aliases.entry(place).or_insert(id);
            }
        }
        Self { backend, settings, aliases, found: HashSet::new(), given: HashSet::new() }
    }

    /// Where an id leads. One of allowed characters may say something else than it was meant to: a second # is a version, a
    /// colon may be the store's own, and an entry of `[ids]` comes first.
    fn leads_to(&self, id: &Id) -> Option<Place<B>> {
        match self.settings.name(id.as_str()) {
            Some(name) => self.backend.locate(name).ok(),
            None => self.backend.locate(&Name::of_id(id).ok()?).ok(),
        }
    }

    /// An id for a name that none can be written like: in the characters that an id may have, and nobody else's.
    fn free_id(&mut self, name: &Name) -> String {
        let plain = plain(name);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut ids = std::iter::once(plain.clone()).chain(numbered);
        let is_free = |id: &String| {
            let leads_to = Id::parse(id).ok().and_then(|id| self.leads_to(&id));
            self.settings.name(id).is_none()
                && !self.given.contains(id)
                && leads_to.is_none_or(|place| !self.found.contains(&place))
        };
        let id = ids.find(is_free).unwrap_or_default();
        self.given.insert(id.clone());
        id
    }
}

/// A name and its field in characters that an id may have.
fn plain(name: &Name) -> String {
    let field = field_of(name).map(|field| format!("/{}", field.trim_start_matches('/'))).unwrap_or_default();
    let text = format!("{}{field}", name.name);
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "._/-".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    // Room for a number behind it.
    if Id::parse(plain).is_ok() && plain.len() < 240 { plain.to_owned() } else { "alias".to_owned() }
}

fn field_of(name: &Name) -> Option<&str> {
    match &name.field {
        Some(Field::Key(key) | Field::Pointer(key)) => Some(key),
        _ => None,
    }
}

/// What an entry of `[ids]` says of a name.
fn entry(name: &Name, keys: &[&'static str]) -> String {
    let own = keys.iter().filter_map(|key| Some((*key, name.key(key)?)));
    let others = name.others.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let own_name = Some(name.name.as_str()).filter(|name| !name.is_empty());
    let pairs = [("name", own_name), ("field", field_of(name))];
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(own).chain(others);
    let is_bare = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let key_of = |key: &str| if is_bare(key) { key.to_owned() } else { quote(key) };
    // TOML's texts are JSON's, but for this one character.
    let pairs =
        pairs.map(|(key, value)| format!("{} = {}", key_of(key), quote(value).replace('\u{7f}', "\\u007f")));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
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
