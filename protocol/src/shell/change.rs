//! `set ID` and `delete ID`: one field written or taken out, the others kept.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::value::RawValue;

use super::act::{Done, Task, act};
use super::edit::edited;
use super::prompt;
use super::speak::{explain, note};
use crate::backend::{Backend, Manage};
use crate::deadline::Deadline;
use crate::document::Value;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::id::Id;
use crate::resolve::{locate, read_one};
use crate::secret::Secret;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::watch::Watch;
use crate::wire::accept;

/// Stores what stdin or a prompt gives as the value of `id`, and reads it back.
pub(super) fn set<B: Manage>(settings: &Settings, id: &str, watch: &Watch) -> Exit {
    // Before anybody types for nothing.
    if let Err(failure) = written_name(settings, id) {
        return end(Err(failure));
    }
    let value = match prompt::value(id, watch) {
        Ok(value) => value,
        Err(stop) => return stop,
    };
    // A person may have typed for a while.
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    end(accept(value).and_then(|value| act::<B>(settings, (deadline, watch), &Task::Set(id, &value))))
}

/// Takes `id` out of the store: its field, or the whole secret where nothing else is left in it.
pub(super) fn delete<B: Manage>(
    settings: &Settings,
    id: &str,
    yes: bool,
    watched: (Deadline, &Watch),
) -> Exit {
    if !yes {
        let what = format!("nothing is deleted without --yes, and {id} is still there");
        explain(None, &Failure::misconfigured(what, format!("if it can go: delete {id} --yes")));
        return Exit::Usage;
    }
    end(act::<B>(settings, watched, &Task::Delete(id)))
}

fn end(done: Result<Done, Failure>) -> Exit {
    match done {
        Ok(Done::Changed(text)) => {
            note(text);
            Exit::Done
        }
        Ok(Done::Listed(_)) => Exit::Internal,
        Err(failure) => {
            explain(None, &failure);
            Exit::of_failure(&failure)
        }
    }
}

/// What a command changes: where a secret is, and which field of it.
pub(super) struct Place<B: Backend> {
    pub(super) locator: B::Locator,
    field: Field,
}

impl<B: Backend> Place<B> {
    /// Where `id` leads. Fails where it names a version: those that are there cannot be changed.
    pub(super) fn of(backend: &B, settings: &Settings, id: &str) -> Result<Self, Failure> {
        written_name(settings, id)?;
        let (locator, field) = locate(backend, settings, &settings.allow(), id)?;
        Ok(Self { locator, field })
    }
}

/// Fails where `id` cannot be written, wherever it leads.
fn written_name(settings: &Settings, id: &str) -> Result<(), Failure> {
    let parsed = Id::parse(id)?;
    settings.allow().check(&parsed)?;
    let read = Name::of_id(&parsed);
    let name = settings.name(id).map_or_else(|| read.as_ref(), Ok).map_err(Clone::clone)?;
    match (&name.version, &name.field) {
        (Some(_), _) => {
            let remedy = "leave the version out: what is written becomes the newest";
            Err(Failure::invalid_id("a version that is there cannot be changed", remedy))
        }
        (_, Some(Field::Pointer(_))) => {
            let remedy = "name the field: name#field";
            Err(Failure::invalid_id("a place within a field cannot be written", remedy))
        }
        _ => Ok(()),
    }
}

/// Does a task that changes a secret, and says what came of it.
pub(super) async fn change<B: Manage>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    session: &B::Session,
    place: &Place<B>,
    task: &Task<'_>,
) -> Result<String, Failure> {
    let (word, id, value) = match task {
        Task::Set(id, value) => ("stored", *id, Some(*value)),
        Task::Delete(id) | Task::List(id) => ("deleted", *id, None),
        Task::Unlock(_) => return Err(Failure::internal("a change without a place")),
    };
    match put(backend, settings, deadline, session, place, value).await? {
        Some(rest) => Ok(format!("{word} {id}{rest}")),
        None => Ok(format!("{word} {id}; {}", backend.delete(session, &place.locator).await?)),
    }
}

/// Writes `value` into its place, or takes it out. Says what else is known of the secret now; `None` where nothing would
/// be left of it, and nothing was written.
async fn put<B: Manage>(
    backend: &B,
    settings: &Settings,
    deadline: Deadline,
    session: &B::Session,
    place: &Place<B>,
    value: Option<&Secret>,
) -> Result<Option<String>, Failure> {
    let Place { locator, field } = place;
    let read = async |field: &Field| read_one(backend, settings, deadline, session, (locator, field)).await;
    let before = match (read(&Field::Whole).await, value) {
        (Ok(before), _) => Some(before),
        (Err(failure), Some(_)) if failure.kind() == Kind::NotFound => None,
        (Err(failure), _) => return Err(failure),
    };
    let edited = edited(before.as_ref().map(Value::expose), field, value)?;
    let Some(content) = edited.content else { return Ok(None) };
    backend.put(session, locator, &content, before.as_ref().map(Value::about)).await?;
    let kept = match edited.kept.as_slice() {
        [] => String::new(),
        kept => format!("; kept beside it: {}", kept.join(", ")),
    };
    let Some(value) = value else { return Ok(Some(kept)) };
    let after =
        read(field).await.map_err(|failure| failure.about("it was written, and cannot be read back"))?;
    if !is_same(value.expose(), after.expose()) {
        return Err(Failure::new(
            Kind::InvalidValue,
            format!("what {locator} reads back is not what was written"),
            "see who else writes there, and write it again",
        ));
    }
    let version =
        after.about().version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    Ok(Some(format!(" ({} characters{version}){kept}", value.expose().chars().count())))
}

/// A store may keep an object in another order and its numbers in another form.
fn is_same(written: &str, read: &str) -> bool {
    let names = |text| -> Option<Vec<String>> {
        let object: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
        Some(object.into_keys().collect())
    };
    written == read || names(written).is_some_and(|written| names(read) == Some(written))
}
