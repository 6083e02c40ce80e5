//! The backend: reads from the keychain that the settings choose.

use std::path::{Path, PathBuf};

use secretref_protocol::{
    Backend, Document, Failure, FetchSink, Field, Metadata, Name, Run, Secret, Settings, Stage, Store, file,
};
#[cfg(target_os = "linux")]
use secretref_protocol::{Home, Source};

use crate::file::{Contents, Files};
use crate::locator::Locator;
#[cfg(any(target_os = "macos", target_os = "windows"))]
use crate::native::Native;
#[cfg(target_os = "linux")]
use crate::secret_service::{self, Bus, Service, Wire};
#[cfg(target_os = "linux")]
use crate::settings::{BUS, SESSION};
use crate::settings::{CREDENTIALS, FOLDER, IDENTITY_FILE, KEYCHAIN_TYPE, SERVICE, STORE};
use crate::systemd;

/// A keychain, and the service of ids that leave it out.
pub(crate) struct Keychain {
    kind: KeychainType,
    pub(crate) service: String,
    pub(crate) run: Run,
}

/// The keychain that holds the secrets.
enum KeychainType {
    #[cfg(target_os = "linux")]
    SecretService(Bus, Wire, Home),
    #[cfg(any(target_os = "macos", target_os = "windows"))]
    Native,
    File {
        folder: PathBuf,
        identity: Option<PathBuf>,
    },
    Systemd(PathBuf),
}

/// A keychain that is ready to be read.
pub(crate) enum Open {
    #[cfg(target_os = "linux")]
    SecretService(Box<Service>),
    #[cfg(any(target_os = "macos", target_os = "windows"))]
    Native(Native),
    File(Files),
    Systemd(PathBuf),
}

impl Backend for Keychain {
    const STORE: Store = STORE;
    const LOOKS_UP_HOSTS: bool = false;
    const CONNECTS: bool = false;
    type Locator = Locator;
    /// There is one keychain.
    type Scope = ();
    type Session = Open;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let service = settings.required(&SERVICE)?.to_owned();
        Ok(Self { kind: KeychainType::from_settings(settings)?, service, run: settings.run().clone() })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        match self.kind {
            #[cfg(target_os = "linux")]
            KeychainType::SecretService(..) => Locator::from_name(name, &self.service),
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            KeychainType::Native => self.pair(name, Native::NAME),
            KeychainType::File { .. } => self.pair(name, "file"),
            KeychainType::Systemd(_) => Locator::from_file(name),
        }
    }

    fn passed(settings: &Settings) -> &'static [&'static str] {
        let is_systemd = settings.text(&KEYCHAIN_TYPE) == Some("systemd");
        let is_set = settings.source(&CREDENTIALS).is_some();
        if is_systemd && !is_set { &["CREDENTIALS_DIRECTORY"] } else { &[] }
    }

    fn default_scope(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn scope(&self, _: &Locator) {}

    /// Puts all locators into one read: every store here can give them all at once.
    fn batches(&self, locators: Vec<Locator>) -> Vec<Vec<Locator>> {
        vec![locators]
    }

    async fn session(&self, (): &(), _: &[Vec<Locator>], _refused: Option<&Open>) -> Result<Open, Failure> {
        match &self.kind {
            #[cfg(target_os = "linux")]
            KeychainType::SecretService(bus, wire, home) => {
                let service = Service::connect(bus, *wire, home.clone());
                let step = self.run.begin(Stage::Connection);
                self.run.end(step, service.await).map(|service| Open::SecretService(Box::new(service)))
            }
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            KeychainType::Native => Native::open().map(Open::Native),
            KeychainType::File { folder, identity } => {
                Ok(Open::File(Files::new(folder.clone(), identity.clone())))
            }
            KeychainType::Systemd(folder) => Ok(Open::Systemd(folder.clone())),
        }
    }

    async fn inspect(&self, open: &Open) -> Result<(), Failure> {
        match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => service.inspect(&self.run).await?,
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            Open::Native(_) => self.run.fact(Stage::SignIn, "the keychain of the system"),
            Open::File(files) => {
                for fact in files.permissions() {
                    self.run.fact(Stage::SignIn, fact);
                }
                let entries = files.read()?.names().count();
                let what = if entries == 1 { "entry" } else { "entries" };
                self.run.fact(Stage::SignIn, format!("it opens, and has {entries} {what}"));
            }
            Open::Systemd(folder) => {
                self.run.fact(Stage::SignIn, format!("the credentials in {}", folder.display()));
            }
        }
        Ok(())
    }

    async fn fetch(&self, open: &Open, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
        match open {
            #[cfg(target_os = "linux")]
            Open::SecretService(service) => secret_service::fetch(service, batch, sink).await,
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            Open::Native(native) => each(batch, sink, |locator| native.read(locator)),
            Open::File(files) => match files.read() {
                Ok(contents) => each(batch, sink, |locator| entry(&contents, locator)),
                Err(failure) => each(batch, sink, |_| Err(failure.clone())),
            },
            Open::Systemd(folder) => each(batch, sink, |locator| systemd::read(folder, locator)),
        }
    }
}

impl Keychain {
    /// Finds where a name leads in a store that knows an entry only by its service and account.
    fn pair(&self, name: &Name, store: &str) -> Result<(Locator, Field), Failure> {
        let (locator, field) = Locator::from_name(name, &self.service)?;
        locator.pair(store)?;
        Ok((locator, field))
    }
}

/// Settles the locators one after the other.
fn each(
    batch: &[Locator],
    sink: &FetchSink<'_, Locator>,
    read: impl Fn(&Locator) -> Result<Document, Failure>,
) {
    for locator in batch {
        sink.settle(locator, read(locator));
    }
}

fn entry(contents: &Contents, locator: &Locator) -> Result<Document, Failure> {
    let (service, account) = locator.pair("file")?;
    let value = contents.get(service, account).ok_or_else(|| {
        Failure::not_found(
            format!("there is no entry {locator} in the file"),
            "store it with `set`, or run `list` to see the entries",
        )
    })?;
    let version = contents.version(service, account).map(|version| version.to_string());
    let text = Secret::new(value.expose().to_owned());
    Ok(Document::text(text).with_metadata(Metadata { version, ..Metadata::default() }))
}

impl KeychainType {
    fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        match settings.text(&KEYCHAIN_TYPE) {
            #[cfg(target_os = "linux")]
            None | Some("secret-service") => {
                refuse_of_file(settings)?;
                let is_variable = settings.source(&BUS) == Some(Source::Environment);
                let bus = Bus::new(settings.text(&BUS), is_variable, settings.uid())?;
                let wire = Wire::from_word(settings.text(&SESSION));
                Ok(Self::SecretService(bus, wire, settings.home().clone()))
            }
            #[cfg(any(target_os = "macos", target_os = "windows"))]
            None | Some(Native::NAME) => refuse_of_file(settings).map(|()| Self::Native),
            Some("file") => Ok(Self::File { folder: folder(settings)?, identity: identity(settings)? }),
            Some("systemd") => needed_credentials(settings).map(Self::Systemd),
            other => Err(Failure::misconfigured(
                format!("{} is not available on this system", other.unwrap_or("the keychain")),
                "choose another `store`, such as file",
            )),
        }
    }
}

/// Fails if a setting of the file store is set: then that store is meant.
fn refuse_of_file(settings: &Settings) -> Result<(), Failure> {
    match settings.written().into_iter().find(|key| [FOLDER.key, IDENTITY_FILE.key].contains(key)) {
        Some(key) => Err(Failure::misconfigured(
            format!("`{key}` is set, but only the store `file` uses it"),
            format!("set store = \"file\" too, or remove `{key}`"),
        )),
        None => Ok(()),
    }
}

/// Returns the folder of the file store.
fn folder(settings: &Settings) -> Result<PathBuf, Failure> {
    let folder = settings.path(&FOLDER).map_err(|failure| {
        Failure::misconfigured(
            format!("the default folder of the store needs a home directory: {}", failure.what()),
            "set `folder` to an absolute path",
        )
    });
    folder?.ok_or_else(|| Failure::internal("a setting without its default"))
}

/// Returns the path of the file store's identity, if it is not in the store's folder.
fn identity(settings: &Settings) -> Result<Option<PathBuf>, Failure> {
    let credential = credentials(settings)?.map(|folder| folder.join(systemd::IDENTITY));
    Ok(settings.path(&IDENTITY_FILE)?.or_else(|| credential.filter(|path| file::is_there(path))))
}

/// Returns the folder in which systemd has put the credentials of the unit, if there is one.
fn credentials(settings: &Settings) -> Result<Option<PathBuf>, Failure> {
    Ok(settings.path(&CREDENTIALS)?.or_else(|| settings.credentials().map(Path::to_owned)))
}

/// Returns the same folder, or fails if there is none.
fn needed_credentials(settings: &Settings) -> Result<PathBuf, Failure> {
    credentials(settings)?.ok_or_else(|| {
        Failure::misconfigured(
            "no folder of credentials: $CREDENTIALS_DIRECTORY does not name one that systemd made, such as /run/credentials/UNIT",
            "add LoadCredential= to the gateway's unit and CREDENTIALS_DIRECTORY to its passEnv, or set `credentials` to the folder",
        )
    })
}
