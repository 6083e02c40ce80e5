//! KeePassXC, in what it does like no other: a search opens a window while no database is open, a locked database shows
//! nothing of what it has, an entry can be locked for some programs, and every change goes by a prompt.

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

/// What KeePassXC is called on a bus besides.
const WINDOW: &str = "org.keepassxc.KeePassXC.MainWindow";

const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// How long a person may take to answer: less than a command may.
const A_PERSON: Duration = Duration::from_secs(3);

/// What other programs may see of KeePassXC's databases.
#[derive(Debug, Default)]
pub(super) struct Databases {
    pub(super) open: Vec<OwnedObjectPath>,
    pub(super) locked: Vec<OwnedObjectPath>,
}

impl Service {
    /// Fails where nobody is there to be asked, or a search would open a window.
    pub(super) async fn may_search(&self) -> Result<(), Failure> {
        match self.databases().await? {
            Some(databases) if databases.open.is_empty() => Err(Failure::new(
                Kind::Unavailable,
                "KeePassXC has no database open that other programs may see",
                format!(
                    "unlock it there, and let it expose a group (Database Settings, Secret Service Integration); {FILE}"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The databases, if KeePassXC is what provides the keychain. Fails where nothing does.
    pub(super) async fn databases(&self) -> Result<Option<&Databases>, Failure> {
        self.keepassxc.get_or_try_init(|| self.meet()).await.map(Option::as_ref)
    }

    /// A failure to find or to have an entry, with what is behind it.
    pub(super) async fn explained(&self, failure: Failure) -> Failure {
        match (failure.kind(), self.databases().await) {
            (Kind::NotFound, Ok(Some(databases))) if !databases.locked.is_empty() => {
                database_locked(format!("{}, a part of which", failure.what()))
            }
            // All that it finds is in an open database.
            (Kind::Unavailable, Ok(Some(_))) => Failure::new(
                Kind::AccessDenied,
                "KeePassXC would ask a person in a window before it gives this entry",
                "let it not ask: Settings, Secret Service Integration, Confirm when passwords are retrieved by clients",
            ),
            (Kind::NotFound, Ok(None)) if self.has_no_default().await => {
                let why = self.no_default().await;
                failure.hint(format!("{}: {}", why.what(), why.remedy()))
            }
            (Kind::Ambiguous, Ok(Some(_))) => Failure::new(
                Kind::Ambiguous,
                failure.what(),
                "change or delete all but one of them in KeePassXC, or say more of the attributes in [ids]",
            ),
            _ => failure,
        }
    }

    /// Whether there is no default keychain, as it was when that was first asked.
    async fn has_no_default(&self) -> bool {
        let ask = async || matches!(timeout(PATIENCE, self.default_collection()).await, Ok(Ok(None)));
        *self.has_no_default.get_or_init(ask).await
    }

    /// Has a change made that KeePassXC has a prompt for. It opens a window only where it is set to ask.
    pub(super) async fn see_through(&self, prompt: &OwnedObjectPath) -> Result<(), Failure> {
        let mut heard = MessageStream::from(&self.bus);
        let rule = format!("type='signal',interface='{PROMPT}',path='{prompt}'");
        self.answer(call_bus("AddMatch", &rule)).await?;
        self.ask(prompt, PROMPT, "Prompt", &"").await?;
        match timeout(A_PERSON, completed(&mut heard, prompt)).await {
            Err(_) => Err(unanswered()),
            Ok(Ok(true)) => Err(refused()),
            Ok(Ok(false)) => Ok(()),
            Ok(Err(failure)) => Err(failure),
        }
    }

    /// Whether one program has the name of the keychain and that of KeePassXC's window.
    pub(super) async fn is_keepassxc(&self) -> bool {
        let owners = [NAME, WINDOW].map(|name| call_bus("GetNameOwner", name));
        let owners = self.ask_all(owners.into_iter(), take::<String>).await;
        matches!(owners.as_slice(), [Ok(provider), Ok(program)] if provider == program)
    }

    /// Which of all databases are open.
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

    /// The entries of all open databases.
    pub(super) async fn entries(&self, databases: &Databases) -> Result<Vec<OwnedObjectPath>, Failure> {
        let mut entries = Vec::new();
        for database in &databases.open {
            let more: Vec<OwnedObjectPath> = value_of(&self.property(database, COLLECTION, "Items").await?)?;
            entries.extend(more);
        }
        Ok(entries)
    }
}

/// How a prompt ends: whether it was refused.
async fn completed(heard: &mut MessageStream, prompt: &OwnedObjectPath) -> Result<bool, Failure> {
    while let Some(message) = heard.next().await {
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

/// A database is locked; `what` is that for a person.
pub(super) fn database_locked(what: impl Display) -> Failure {
    Failure::new(Kind::Unavailable, format!("{what} is locked"), "unlock all databases in KeePassXC")
}

fn unanswered() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "KeePassXC asks a person in a window, who has not answered within 3 s",
        "see with `list` what became of it, or let it not ask: Settings, Secret Service Integration",
    )
}

fn refused() -> Failure {
    Failure::new(
        Kind::AccessDenied,
        "KeePassXC has not done it, or somebody has refused it in its window",
        "see in KeePassXC whether the database is open and can be saved",
    )
}
