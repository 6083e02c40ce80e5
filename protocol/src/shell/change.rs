//! The change that `set` and `delete` make: one field is written or removed, and the others are kept.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::edit::edited;
use super::oddity::oddity;
use super::only_reads::check_again;
use crate::backend::{Backend, Manage};
use crate::deadline::Deadline;
use crate::document::{Metadata, Value};
use crate::failure::{Failure, Kind, Retry};
use crate::id::Id;
use crate::resolve::{locate, read_one};
use crate::run::Stage;
use crate::secret::Secret;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::text::{plural, printable};

/// The location and the field that a command changes.
pub(super) struct Target<B: Backend> {
    pub(super) locator: B::Locator,
    field: Field,
}

impl<B: Backend> Target<B> {
    /// Locates `id` for a change.
    ///
    /// # Errors
    ///
    /// Fails if `id` names a version, a line or a part of a field: these cannot be written.
    pub(super) fn to_write(backend: &B, settings: &Settings, id: &str) -> Result<Self, Failure> {
        let target = Self::read(backend, settings, id)?;
        written_name(settings, id)?;
        Ok(target)
    }

    /// Locates `id`, which need not be writable.
    pub(super) fn read(backend: &B, settings: &Settings, id: &str) -> Result<Self, Failure> {
        let (locator, field) = locate(backend, settings, &settings.allow(), id)?;
        Ok(Self { locator, field })
    }
}

/// Fails if `id` cannot be written in any store.
pub(super) fn written_name(settings: &Settings, id: &str) -> Result<(), Failure> {
    let parsed = Id::parse(id)?;
    settings.allow().check(&parsed)?;
    let read = Name::from_id(&parsed);
    let name = settings.name(id).map_or_else(|| read.as_ref(), Ok).map_err(Clone::clone)?;
    match (&name.version, &name.field) {
        (Some(_), _) => {
            let remedy = "leave out the version: a new value becomes the newest version";
            Err(Failure::invalid_id("an existing version cannot be changed", remedy))
        }
        (_, Some(Field::Line(_))) => {
            let remedy = "write the whole secret with another id, or use the store's own tools";
            Err(Failure::invalid_id("a line of a secret cannot be written alone", remedy))
        }
        (_, Some(Field::Pointer(_))) => {
            let remedy = "name the field: name#field";
            Err(Failure::invalid_id("a part of a field cannot be written", remedy))
        }
        _ => Ok(()),
    }
}

/// A change of an id.
#[derive(Clone, Copy)]
pub(super) enum Change<'v> {
    /// Store this value.
    Set(&'v Secret),
    /// Delete the field; for good, if the whole secret is deleted.
    Delete { for_good: bool },
}

/// Stores a value under `id`, or deletes the field of `id`. Returns a sentence about the result.
pub(super) async fn change<B: Manage>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    session: &B::Session,
    target: &Target<B>,
    (id, change): (&str, Change<'_>),
) -> Result<String, Failure> {
    let (word, value, for_good) = match change {
        Change::Set(value) => ("stored", Some(value), false),
        Change::Delete { for_good } => ("deleted", None, for_good),
    };
    match put(backend, settings, deadline, session, target, value).await? {
        Left::Some(rest) => Ok(format!("{word} {id}{rest}")),
        Left::Nothing(over) => {
            check_again("delete");
            let run = settings.run();
            let deleted = if for_good {
                backend.delete_for_good(session, &target.locator, &over).await
            } else {
                backend.delete(session, &target.locator, &over).await
            };
            Ok(format!("{word} {id}; {}", run.end(run.begin(Stage::Write), deleted)?))
        }
    }
}

/// The rest of a secret after a change.
enum Left {
    /// Fields are left; a text about them.
    Some(String),
    /// Nothing is left, and nothing was written yet; the metadata from the read.
    Nothing(Metadata),
}

/// Writes `value` into its field, or removes the field.
async fn put<B: Manage>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    session: &B::Session,
    target: &Target<B>,
    value: Option<&Secret>,
) -> Result<Left, Failure> {
    let Target { locator, field } = target;
    let read = async |field: &Field| read_one(backend, settings, deadline, session, (locator, field)).await;
    let before = match (read(&Field::Whole).await, value) {
        (Ok(before), _) => Some(before),
        (Err(failure), Some(_)) if failure.kind() == Kind::NotFound => None,
        (Err(failure), _) => return Err(failure),
    };
    let edited = edited(before.as_ref().map(Value::expose), field, value)?;
    let Some(content) = edited.content else {
        return Ok(Left::Nothing(before.map(|before| before.metadata().clone()).unwrap_or_default()));
    };
    let over = before.as_ref().map(Value::metadata);
    check_again(if value.is_some() { "set" } else { "delete" });
    let run = settings.run();
    let undo = run.end(run.begin(Stage::Write), backend.put(session, locator, &content, over).await)?;
    let kept = match edited.kept.as_slice() {
        [] => String::new(),
        kept => printable(format!("; other fields kept: {}", kept.join(", "))),
    };
    let Some(value) = value else {
        let undo = undo.map(|undo| printable(format!("; to bring it back: {undo}"))).unwrap_or_default();
        return Ok(Left::Some(format!("{kept}{undo}")));
    };
    let after = read(field).await.map_err(|failure| {
        failure.context("the value was written but cannot be read back").with_retry(Retry::No)
    })?;
    if !is_same(field, value.expose(), after.expose()) {
        return Err(Failure::new(
            Kind::InvalidValue,
            format!("{locator} reads back a different value"),
            "check for other writers, then try again",
        ));
    }
    let caution = backend.caution(session, locator).await;
    let cautions = [caution, oddity(value.expose()).map(|odd| format!("the value {odd}"))];
    let cautions = cautions.into_iter().flatten().map(|caution| format!("; {caution}"));
    let cautions = cautions.collect::<Vec<_>>().concat();
    let length = value.expose().chars().count();
    let version =
        after.metadata().version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    Ok(Left::Some(format!(" ({length} character{}{version}){kept}{cautions}", plural(length))))
}

/// Whether the store returned the written value. A whole secret may have another order of fields and other number formats.
fn is_same(field: &Field, written: &str, read: &str) -> bool {
    fn members(text: &str) -> Option<BTreeMap<String, &RawValue>> {
        serde_json::from_str(text).ok()
    }
    let is_number = |value: &RawValue| value.get().starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let is_like = |(written, read): (&RawValue, &RawValue)| {
        written.get() == read.get() || (is_number(written) && is_number(read))
    };
    let is_whole_same = || {
        let (written, read) = (members(written)?, members(read)?);
        let same_names = written.keys().eq(read.keys());
        Some(same_names && written.into_values().zip(read.into_values()).all(is_like))
    };
    written == read || (*field == Field::Whole && is_whole_same().unwrap_or(false))
}
