//! Where the cases of Azure are run: the kit's own stand-in. No emulator of Key Vault can be installed, so Microsoft's own
//! clients judge the stand-in: see `tests/tests/azure.rs`.

use std::path::Path;

use super::entra::{App, TENANT};
use super::stand_in::{Manner, StandIn};
use super::vaults::Version;
use crate::store::{Holds, Prepared, Server};
use crate::transcript::{Case, Only};

/// Where the cases are run.
pub const SERVERS: &[Server] =
    &[Server { name: "stand-in", kind: Only::Fake, start: || Box::new(Place::start()) }];

/// The application of the cases.
pub const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
/// Its secret.
pub const SECRET: &str = "wN8Q~client.secret-of_the-kit";

/// One whose secret has expired, and one that is disabled.
const EXPIRED: &str = "22223333-cccc-4444-dddd-5555eeee6666";
const DISABLED: &str = "33334444-dddd-5555-eeee-6666ffff7777";

/// The stand-in, and a folder for credentials.
#[derive(Debug)]
pub struct Place {
    /// The stand-in.
    pub server: StandIn,
    /// The folder.
    pub folder: tempfile::TempDir,
}

impl Place {
    /// Starts the stand-in.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = StandIn::start(folder.path(), Manner::default());
        register(&server);
        Self { server, folder }
    }
}

/// The applications of the cases.
pub fn register(server: &StandIn) {
    let secret = |is_over| Some((SECRET.to_owned(), is_over));
    server.app(
        CLIENT,
        App {
            secret: secret(false),
            has_certificate: true,
            subject: Some("gateway".to_owned()),
            is_disabled: false,
        },
    );
    server.app(EXPIRED, App { secret: secret(true), ..App::default() });
    server.app(DISABLED, App { secret: secret(false), is_disabled: true, ..App::default() });
}

impl Holds for Place {
    /// The name of a secret says what is the matter with it: `disabled-a`, `expired-a`, `early-a`, `certificate-a`; see also
    /// `refused` in `vaults.rs`. A name with a vault before it, `other/a`, is in the vault `other` of this room.
    fn put(&mut self, case: &Case, room: &str) -> Prepared {
        for (path, versions) in &case.store {
            let (vault, name) = match path.split_once('/') {
                Some((vault, name)) => (format!("{vault}-{room}"), name),
                None => (room.to_owned(), path.as_str()),
            };
            for text in versions.texts() {
                self.server.put(&host(&vault), name, version(name, text));
            }
        }
        for name in &case.deleted {
            self.server.delete(&host(room), name);
        }
        prepared(case, room, &self.server, self.folder.path())
    }
}

/// The host of a vault.
pub fn host(vault: &str) -> String {
    format!("{vault}.vault.azure.net")
}

fn version(name: &str, text: &str) -> Version {
    let version = Version::new(text);
    match name.split('-').next().unwrap_or_default() {
        "disabled" => Version { enabled: false, ..version },
        "expired" => Version { exp: Some(1_577_836_800), ..version },
        "early" => Version { nbf: Some(4_102_444_800), ..version },
        "certificate" => Version { content_type: Some("application/x-pem-file"), managed: true, ..version },
        // What a JSON text stands for.
        "plain" => Version { value: serde_json::from_str(text).expect("a JSON string"), ..version },
        _ => version,
    }
}

fn prepared(case: &Case, room: &str, server: &StandIn, folder: &Path) -> Prepared {
    let (tenant, client, secret) = match case.token.as_str() {
        "root" => (TENANT, CLIENT, SECRET),
        "wrong-secret" => (TENANT, CLIENT, "wN8Q~another.secret-than_the-right"),
        "expired-secret" => (TENANT, EXPIRED, SECRET),
        "disabled-client" => (TENANT, DISABLED, SECRET),
        "unknown-client" => (TENANT, "44445555-eeee-6666-ffff-7777aaaa8888", SECRET),
        "other-tenant" => (super::entra::OTHER_TENANT, CLIENT, SECRET),
        "unknown-tenant" => ("ccccdddd-2222-eeee-3333-ffff4444aaaa", CLIENT, SECRET),
        unknown => panic!("no credential {unknown}"),
    };
    let file = folder.join(format!("{room}.secret"));
    std::fs::write(&file, format!("{secret}\n")).expect("a file");
    Prepared {
        profile: format!(
            "vault = \"{room}\"\ntenant_id = \"{tenant}\"\nclient_id = \"{client}\"\nclient_secret_file = \"{}\"\n\
             proxy = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"off\"\n",
            file.display(),
            server.proxy,
            server.ca.display()
        ),
        words: vec![
            ("vault".to_owned(), room.to_owned()),
            ("other".to_owned(), format!("other-{room}")),
            ("secret_file".to_owned(), file.display().to_string()),
            ("client".to_owned(), client.to_owned()),
            ("tenant".to_owned(), tenant.to_owned()),
        ],
        credentials: vec![secret.to_owned()],
    }
}
