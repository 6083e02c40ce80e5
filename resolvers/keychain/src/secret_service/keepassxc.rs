//! What only KeePassXC does: a search opens a window while no database is open, a locked database shows none of its
//! entries, an entry can be locked for some programs, and every change needs a prompt.

use std::fmt::Display;
use std::time::Duration;

use futures_util::StreamExt as _;
use secretref_protocol::{Failure, Kind};
use tokio::time::timeout;
use zbus::message::Type;
use zbus::{MessageStream, OwnedObjectPath, OwnedVariant};

use super::calls::{NAME, call, call_bus};
use super::classify::{FILE, PATIENCE, classify, gone};
use super::{COLLECTION, PATH, PROPERTIES, SERVICE, Service, take, value_of};

/// The second name of KeePassXC on a bus.
const WINDOW: &str = "org.keepassxc.KeePassXC.MainWindow";

const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// How long a person may take to answer: less than the deadline of a command.
const A_PERSON: Duration = Duration::from_secs(3);

/// The databases of KeePassXC that other programs may see.
#[derive(Debug, Default)]
pub(super) struct Databases {
    pub(super) open: Vec<OwnedObjectPath>,
    pub(super) locked: Vec<OwnedObjectPath>,
}

impl Service {
    /// Fails if there is no provider, or if a search would open a window.
    pub(super) async fn may_search(&self) -> Result<(), Failure> {
        match self.databases().await? {
            Some(databases) if databases.open.is_empty() => Err(Failure::new(
                Kind::Unavailable,
                "KeePassXC has no open database that other programs may see",
                format!(
                    "open one in KeePassXC, and expose a group (Database Settings, Secret Service Integration); {FILE}"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Returns the databases, if KeePassXC is the keychain provider. Fails if there is no provider.
    pub(super) async fn databases(&self) -> Result<Option<&Databases>, Failure> {
        self.keepassxc.get_or_try_init(|| self.meet()).await.map(Option::as_ref)
    }

    /// Adds the cause to a failure to find or read an entry.
    pub(super) async fn explained(&self, failure: Failure) -> Failure {
        match (failure.kind(), self.databases().await) {
            (Kind::NotFound, Ok(Some(databases))) if !databases.locked.is_empty() => {
                database_locked(format!("{}, a part of which", failure.what()))
            }
            // Everything that it finds is in an open database.
            (Kind::Unavailable, Ok(Some(_))) => Failure::new(
                Kind::AccessDenied,
                "KeePassXC would ask a person in a window before it returns this entry",
                "switch off in KeePassXC: Settings, Secret Service Integration, Confirm when passwords are retrieved by clients",
            ),
            (Kind::NotFound, Ok(None)) if self.has_no_default().await => {
                let why = self.no_default().await;
                Failure::not_found(format!("{}: {}", failure.what(), why.what()), why.remedy())
            }
            (Kind::Ambiguous, Ok(Some(_))) => Failure::new(
                Kind::Ambiguous,
                failure.what(),
                "change or delete all but one of them in KeePassXC, or give the id an entry in [ids] with an attribute that only one of them has",
            ),
            _ => failure,
        }
    }

    /// Returns whether there is no default keychain. It is asked once.
    async fn has_no_default(&self) -> bool {
        let ask = async || matches!(timeout(PATIENCE, self.default_collection()).await, Ok(Ok(None)));
        *self.has_no_default.get_or_init(ask).await
    }

    /// Completes a change by KeePassXC's prompt, which opens a window only if KeePassXC is set to ask.
    pub(super) async fn see_through(&self, prompt: &OwnedObjectPath) -> Result<(), Failure> {
        let mut messages = MessageStream::from(&self.bus);
        let rule = format!("type='signal',interface='{PROMPT}',path='{prompt}'");
        self.answer(call_bus("AddMatch", &rule)).await?;
        self.ask(prompt, PROMPT, "Prompt", &"").await?;
        match timeout(A_PERSON, completed(&mut messages, prompt)).await {
            Err(_) => Err(unanswered()),
            Ok(Ok(true)) => Err(refused()),
            Ok(Ok(false)) => Ok(()),
            Ok(Err(failure)) => Err(failure),
        }
    }

    /// Returns whether one program has both the name of the keychain and that of KeePassXC's window.
    pub(super) async fn is_keepassxc(&self) -> bool {
        let owners = [NAME, WINDOW].map(|name| call_bus("GetNameOwner", name));
        let owners = self.ask_all(owners.into_iter(), take::<String>).await;
        matches!(owners.as_slice(), [Ok(provider), Ok(program)] if provider == program)
    }

    /// Finds which databases are open.
    pub(super) async fn look(&self) -> Result<Databases, Failure> {
        let mut databases = Databases::default();
        let all: Vec<OwnedObjectPath> = value_of(&self.property(&PATH, SERVICE, "Collections").await?)?;
        let asked = all.iter().map(|database| call(database, PROPERTIES, "Get", &(COLLECTION, "Locked")));
        let are_locked = self.ask_all(asked, value_of::<bool>).await;
        for (database, is_locked) in all.into_iter().zip(are_locked) {
            let list = if is_locked? { &mut databases.locked } else { &mut databases.open };
            list.push(database);
        }
        Ok(databases)
    }

    /// Returns the entries of all open databases.
    pub(super) async fn entries(&self, databases: &Databases) -> Result<Vec<OwnedObjectPath>, Failure> {
        let mut entries = Vec::new();
        for database in &databases.open {
            let more: Vec<OwnedObjectPath> = value_of(&self.property(database, COLLECTION, "Items").await?)?;
            entries.extend(more);
        }
        Ok(entries)
    }
}

/// Waits for the end of a prompt, and returns whether it was refused.
async fn completed(messages: &mut MessageStream, prompt: &OwnedObjectPath) -> Result<bool, Failure> {
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| classify(&error))?;
        let header = message.header();
        if header.message_type() == Type::Signal
            && header.path() == Some(prompt)
            && header.member().is_some_and(|member| member.as_str() == "Completed")
        {
            return take::<(bool, OwnedVariant)>(&message).map(|(is_refused, _)| is_refused);
        }
    }
    Err(gone())
}

/// The failure that `what`, a database or an entry of it, is locked.
pub(super) fn database_locked(what: impl Display) -> Failure {
    Failure::new(Kind::Unavailable, format!("{what} is locked"), "unlock all databases in KeePassXC")
}

fn unanswered() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "KeePassXC asked a person in a window, and got no answer within 3 s",
        "run `list` to see if it was done, or set KeePassXC not to ask: Settings, Secret Service Integration",
    )
}

fn refused() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "KeePassXC did not do it, or a person refused it in its window",
        "check in KeePassXC that the database is open and can be saved",
    )
}
