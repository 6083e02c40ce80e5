//! The listing of a store, grouped by what can be requested.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::failure_report::FailureReport;
use super::id_lookup::{Targets, entry};
use crate::allow::Allow;
use crate::backend::{Backend, Listed, Listing};
use crate::failure::Failure;
use crate::id::Id;
use crate::selector::Name;
use crate::settings::Settings;
use crate::text::printable;
use crate::text::quote;

/// The groups of a listing.
#[derive(Serialize, Default)]
pub(super) struct SortedListing {
    /// The ids that can be requested.
    pub(super) ids: Vec<String>,
    /// Why some of them may have no value, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) states: BTreeMap<String, String>,
    /// The names that cannot be ids, each with an `[ids]` entry for it.
    pub(super) unnamed: Vec<Unnamed>,
    /// The number of ids that `allow` excludes.
    pub(super) not_allowed: usize,
    /// The folders that could not be read.
    pub(super) unread: Vec<Unread>,
}

#[derive(Serialize)]
pub(super) struct Unnamed {
    pub(super) name: String,
    pub(super) alias: String,
}

#[derive(Serialize)]
pub(super) struct Unread {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) failure: FailureReport,
}

/// Groups a listing by what can be requested.
pub(super) fn classify<B: Backend>(
    backend: &B,
    settings: &Settings,
    prefix: &str,
    listing: Listing,
) -> SortedListing {
    let mut sorted = SortedListing::default();
    let allow = settings.allow();
    let mut targets = Targets::new(backend, settings);
    let mut unnamed = Vec::new();
    let mut unread = listing.unread;
    // The ids in the profile are the ones in the gateway's config.
    let entries = settings.entries().into_keys().filter(|id| id.starts_with(prefix));
    let entries = entries.filter(|id| Id::parse(id).is_ok_and(|id| allow.check(&id).is_ok()));
    sorted.ids.extend(entries.map(str::to_owned));
    let mut seen = HashSet::new();
    for Listed { id, name, state } in listing.found {
        if !seen.insert((id.clone(), name.clone())) {
            continue;
        }
        let name = Name { is_entry: true, ..name };
        let target = match backend.locate(&name) {
            Ok(target) => target,
            Err(failure) => {
                unread.push((id, failure));
                continue;
            }
        };
        let ids = [Some(id.as_str()), targets.alias(&target)].into_iter().flatten();
        let ids = ids.filter_map(|id| Id::parse(id).ok());
        let ids: Vec<_> = ids.filter(|id| targets.leads_to(id).as_ref() == Some(&target)).collect();
        match ids.iter().find(|id| allow.check(id).is_ok()) {
            Some(id) => {
                sorted.ids.push(id.as_str().to_owned());
                sorted.states.extend(state.map(|state| (id.as_str().to_owned(), state)));
            }
            None if !ids.is_empty() => sorted.not_allowed += 1,
            None => unnamed.push((id, name)),
        }
        targets.find(target);
    }
    for (id, name) in unnamed {
        let alias = targets.free_id(&name);
        if may_be_allowed(&allow, &alias) {
            let alias = format!("{} = {}", quote(&alias), entry(&name, B::STORE.name_keys.known()));
            sorted.unnamed.push(Unnamed { alias, name: printable(id) });
        } else {
            sorted.not_allowed += 1;
        }
    }
    let unread = unread.into_iter().filter(|(name, _)| may_be_allowed(&allow, name));
    sorted.unread = unread.map(Unread::new).collect();
    sorted.ids.sort_unstable();
    sorted.ids.dedup();
    sorted
}

/// Whether `allow` permits a name. It cannot judge one that is not an id.
fn may_be_allowed(allow: &Allow, name: &str) -> bool {
    Id::parse(name).map_or(true, |id| allow.check(&id).is_ok())
}

impl Unread {
    fn new((name, failure): (String, Failure)) -> Self {
        Self { name: printable(name), failure: FailureReport::new(&failure) }
    }
}
