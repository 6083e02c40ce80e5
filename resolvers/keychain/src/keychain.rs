//! The backend: how the shared engine reads from the keychain that was chosen.

use std::path::{Path, PathBuf};

use secretref_protocol::{
    Backend, Document, Failure, Field, Manage, Name, Run, Settings, Sink, Stage, Store,
};

use crate::locator::Locator;
use crate::secret_service::{self, Bus, Service};
use crate::settings::STORE;
use crate::systemd;

/// A keychain, and what ids leave out.
pub(crate) struct Keychain {
    kind: Kind,
    service: String,
    run: Run,
}

/// Where the secrets are.
enum Kind {
    SecretService(Bus),
    Systemd(PathBuf),
}

/// A keychain that is open.
pub(crate) enum Open {
    SecretService(Service),
    Systemd(PathBuf),
}

impl Backend for Keychain {
    const STORE: Store = STORE;
    type Locator = Locator;
    /// There is one keychain.
    type Scope = ();
    type Session = Open;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let service = settings.required("service")?.to_owned();
        let kind = match settings.text("store") {
            None | Some("secret-service") => {
                Kind::SecretService(Bus::of(settings.text("bus"), settings.uid())?)
            }
            Some("systemd") => Kind::Systemd(credentials(settings)?),
            Some(other) => {
                return Err(Failure::misconfigured(
                    format!("the store {other} is not one of this system"),
                    "choose another, or leave `store` unset for the system's own",
                ));
            }
        };
        Ok(Self { kind, service, run: settings.run().clone() })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        match self.kind {
            Kind::Systemd(_) => Locator::of_file(name),
            Kind::SecretService(_) => Locator::of(name, &self.service),
        }
    }

    fn home(&self) {}

    fn scope(&self, _: &Locator) {}

    /// One read for all: every store here gives all of them at once.
    fn batches(&self, locators: Vec<Locator>) -> Vec<Vec<Locator>> {
        vec![locators]
    }

    async fn session(&self, (): &(), _reads: usize, _refused: Option<&Open>) -> Result<Open, Failure> {
        match &self.kind {
            Kind::SecretService(bus) => {
                self.run.step(Stage::Connection, Service::connect(bus)).await.map(Open::SecretService)
            }
            Kind::Systemd(folder) => Ok(Open::Systemd(folder.clone())),
        }
    }

    async fn fetch(&self, open: &Open, batch: &[Locator], sink: &Sink<'_, Locator>) {
        match open {
            Open::SecretService(service) => secret_service::fetch(service, batch, sink).await,
            Open::Systemd(folder) => each(batch, sink, |locator| systemd::read(folder, locator)),
        }
    }
}

/// Settles each locator of a store that is asked for one after the other.
fn each(batch: &[Locator], sink: &Sink<'_, Locator>, read: impl Fn(&Locator) -> Result<Document, Failure>) {
    for locator in batch {
        sink.settle(locator, read(locator));
    }
}

/// Where systemd has put the credentials of the unit.
fn credentials(settings: &Settings) -> Result<PathBuf, Failure> {
    let given = settings.path("credentials")?.or_else(|| settings.credentials().map(Path::to_owned));
    given.ok_or_else(|| {
        Failure::misconfigured(
            "there is no folder of credentials: $CREDENTIALS_DIRECTORY is not set",
            "let the gateway pass it on (passEnv), in a unit with LoadCredential=, or name the folder in `credentials`",
        )
    })
}

impl Manage for Keychain {}
