//! `install --config`: the ids that the gateway's config asks the provider for, as `allow` of the profile.

use std::path::Path;

use super::super::output::{print_note, warn};
use super::InstallArgs;
use super::file::Place;
use super::text::{self, Start};
use crate::failure::Failure;
use crate::gateway::Config;
use crate::settings::Flags;
use crate::settings::family::ALLOW;
use crate::store::Store;
use crate::text::quote;

/// Returns the text of the profile that is there, with a first line that works, and with `allow` of the gateway's config.
pub(super) fn keep(
    there: &str,
    start: Start<'_>,
    args: &InstallArgs,
    (store, place, alias, uid): (&Store, &Place, &str, u32),
) -> Result<String, Failure> {
    place.check_owner()?;
    let allow = args.config.as_ref().map(|config| patterns(config, alias, uid)).transpose()?;
    let allow = allow.filter(|ids| !ids.is_empty());
    let is_own = text::is_own(store.binary, there);
    if let Some(ids) = allow.as_ref().filter(|_| !is_own && !args.force) {
        let what = format!("{} was not written by `install`, or was changed since", place.path().display());
        let remedy = format!(
            "add --force, which keeps the rest; or write this yourself, in place of its `allow` if it has one: {}",
            text::allow(ids)
        );
        return Err(Failure::misconfigured(what, remedy));
    }
    print_note(format!(
        "no setting was given, so {} keeps its own; give all as flags to replace them",
        place.path().display()
    ));
    Ok(text::kept(store.binary, start, there, allow.as_deref()))
}

/// Adds the ids that the gateway's config asks this provider for as `allow`, unless a flag sets it.
pub(super) fn allowed(mut flags: Flags, args: &InstallArgs, alias: &str, uid: u32) -> Result<Flags, Failure> {
    let is_set = flags.iter().any(|(key, _)| *key == ALLOW.key);
    let Some(path) = args.config.as_ref().filter(|_| !is_set) else { return Ok(flags) };
    let ids = patterns(path, alias, uid)?;
    if ids.is_empty() {
        warn(format!("the config has no reference to the provider {alias}, so the profile has no `allow`"));
    } else {
        flags.push((ALLOW.key, ids));
    }
    Ok(flags)
}

/// Returns the ids that the gateway's config asks this provider for, and warns of those that are none.
///
/// # Errors
/// The config has no other: without `allow`, the profile would allow every id.
fn patterns(config: &Path, alias: &str, uid: u32) -> Result<Vec<String>, Failure> {
    let (ids, left_out) = Config::read_own(config, uid)?.patterns(alias);
    if left_out.is_empty() {
        return Ok(ids);
    }
    let left_out: Vec<_> = left_out.iter().map(|id| quote(id)).collect();
    let what = format!(
        "`allow` leaves out what the config has as an id of the provider {alias} and cannot be one: {}",
        left_out.join(", ")
    );
    if ids.is_empty() {
        let what = format!("nothing was written: {what}, and the config has no other id of it");
        return Err(Failure::misconfigured(what, "correct the config, or name the ids with --allow"));
    }
    warn(what);
    Ok(ids)
}
