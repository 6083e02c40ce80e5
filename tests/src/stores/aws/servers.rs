//! Where the cases of AWS are run: the kit's own server, ministack and moto, each over TLS.
//!
//! Each case has an account of its own. The key of a secret in `[store]` is its name, or `PLACE:NAME`: in another region
//! (`eu-west-1:a`), in the account of the role `{role}` (`other:a`), or in that account and readable from this one
//! (`shared:a`). `{arn:KEY}` is its ARN, and `{v2}` the id of its second version. `token` says who asks: `root` may do all,
//! `limited` may not read `denied/…`, `single` may not read in batches, `alone` may not assume roles either, `wrong` signs
//! with another secret, and every other key is unknown.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::api::{Api, REGION};
use super::emulators::{Emulator, everyone};
use super::fake::{FakeAws, Manner, Principal, Role};
use super::signature::Key;
use crate::store::{Holds, Prepared, Server};
use crate::transcript::{Case, Only};

/// The servers.
pub const SERVERS: &[Server] = &[
    Server { name: "fake", kind: Only::Fake, start: || Box::new(Fake::start(Manner::default())) },
    Server {
        name: "fake in pages",
        kind: Only::Fake,
        start: || Box::new(Fake::start(Manner { page: 2, ..Manner::default() })),
    },
    Server { name: "ministack", kind: Only::Real, start: || Box::new(Real::start(Emulator::ministack())) },
    Server { name: "moto", kind: Only::Real, start: || Box::new(Real::start(Emulator::moto())) },
];

/// An account for a case.
struct Room {
    account: String,
    /// Who stores the secrets.
    admin: Key,
    /// Who asks for them.
    asking: Key,
    /// Another account, and who stores secrets there.
    other: Option<(String, Key)>,
    /// The ARN of a role there.
    role: String,
}

/// The kit's own server.
struct Fake {
    server: FakeAws,
    api: Api,
    folder: tempfile::TempDir,
    accounts: u64,
}

impl Fake {
    fn start(manner: Manner) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = FakeAws::start(folder.path(), manner);
        let api = Api::new(&server.https, &server.ca);
        Self { server, api, folder, accounts: 0 }
    }

    fn room(&mut self, case: &Case) -> Room {
        self.accounts += 2;
        let number = 110_000_000_000 + self.accounts;
        let (account, other) = (number.to_string(), (number + 1).to_string());
        let user = Principal::user(&account);
        let asking = match case.token.as_str() {
            "limited" => user.clone().without(&["denied/"]),
            "single" => user.clone().without(&["BatchGetSecretValue"]),
            "alone" => user.clone().without(&["BatchGetSecretValue", "AssumeRole"]),
            _ => user.clone(),
        };
        let role = format!("arn:aws:iam::{other}:role/reader");
        self.server.role(&role, Role::default());
        Room {
            admin: self.server.new_key(user),
            asking: self.server.new_key(asking),
            other: Some((other.clone(), self.server.new_key(Principal::user(&other)))),
            account,
            role,
        }
    }
}

impl Holds for Fake {
    fn put(&mut self, case: &Case, name: &str) -> Prepared {
        let room = self.room(case);
        let arns = fill(&self.api, &room, case);
        for (key, arn) in &arns {
            if key.starts_with("shared:") {
                self.server.share(arn);
            }
        }
        prepared(case, &room, &arns, &self.server.https, &self.server.ca, &self.folder.path().join(name))
    }
}

/// An emulator.
struct Real {
    server: Emulator,
}

impl Real {
    fn start(server: Emulator) -> Self {
        Self { server }
    }

    fn room(&self, case: &Case) -> Room {
        let (account, admin) = self.server.account();
        let asking = match case.token.as_str() {
            "limited" => self.server.user(
                &account,
                "limited",
                &[("secretsmanager:GetSecretValue", "*:secret:denied/*")],
            ),
            "single" => self.server.user(&account, "single", &[("secretsmanager:BatchGetSecretValue", "*")]),
            "alone" => self.server.user(
                &account,
                "alone",
                &[("secretsmanager:BatchGetSecretValue", "*"), ("sts:AssumeRole", "*")],
            ),
            _ => admin.clone(),
        };
        let needs_other =
            case.profile.contains("{role}") || case.store.keys().any(|key| key.starts_with("other:"));
        let other = needs_other.then(|| self.server.account());
        let role = other.as_ref().map(|(account, _)| self.server.role(account, "reader", &everyone()));
        Room { account, admin, asking, other, role: role.unwrap_or_default() }
    }
}

impl Holds for Real {
    fn put(&mut self, case: &Case, name: &str) -> Prepared {
        let room = self.room(case);
        let arns = fill(&self.server.api, &room, case);
        let folder = self.server.folder().join(name);
        prepared(case, &room, &arns, &self.server.https, &self.server.ca, &folder)
    }
}

/// The id of a version, by its number from 1.
fn version(number: usize) -> String {
    format!("0000000{number}-1111-4000-8000-000000000000")
}

/// Stores what a case says, by the API; the ARN of each secret by its key.
fn fill(api: &Api, room: &Room, case: &Case) -> Vec<(String, String)> {
    let make = |key: &str, texts: &[String]| {
        let (place, name) = key.split_once(':').unwrap_or(("", key));
        let (admin, region) = match (place, &room.other) {
            ("other" | "shared", Some((_, admin))) => (admin, REGION),
            ("", _) => (&room.admin, REGION),
            (region, _) => (&room.admin, region),
        };
        let value = |number: usize, text: &String| {
            let member =
                if case.binary.iter().any(|binary| binary == key) { "SecretBinary" } else { "SecretString" };
            json!({"ClientRequestToken": version(number), member: text})
        };
        let with = |mut body: Value, member: &str| {
            body[member] = json!(name);
            body
        };
        let first = texts.first().map_or_else(|| json!({}), |text| value(1, text));
        let made = api.secrets(admin, region, "CreateSecret", &with(first, "Name"));
        for (at, text) in texts.iter().enumerate().skip(1) {
            api.secrets(admin, region, "PutSecretValue", &with(value(at + 1, text), "SecretId"));
        }
        if case.deleted.iter().any(|deleted| deleted == key) {
            api.secrets(admin, region, "DeleteSecret", &json!({"SecretId": name, "RecoveryWindowInDays": 7}));
        }
        (key.to_owned(), made["ARN"].as_str().expect("an ARN").to_owned())
    };
    let full = case.store.iter().map(|(key, versions)| make(key, versions.texts()));
    let empty = case.empty.iter().map(|key| make(key, &[]));
    full.chain(empty).collect()
}

fn prepared(
    case: &Case,
    room: &Room,
    arns: &[(String, String)],
    https: &str,
    ca: &Path,
    credentials: &Path,
) -> Prepared {
    let key = match case.token.as_str() {
        "root" | "limited" | "single" | "alone" => room.asking.clone(),
        "wrong" => {
            Key { secret: "another/secret/that/signs/nothing/right00".to_owned(), ..room.asking.clone() }
        }
        unknown => Key { id: unknown.to_owned(), ..room.asking.clone() },
    };
    let file = credentials_file(credentials, &key);
    let mut words: Vec<(String, String)> =
        arns.iter().map(|(key, arn)| (format!("arn:{key}"), arn.clone())).collect();
    // Without its suffix of a dash and six characters.
    words.extend(arns.iter().map(|(key, arn)| (format!("short:{key}"), arn[..arn.len() - 7].to_owned())));
    words.extend((1..=9).map(|number| (format!("v{number}"), version(number))));
    let other = room.other.as_ref().map(|(account, _)| account.clone()).unwrap_or_default();
    for (word, text) in [("account", room.account.clone()), ("other", other), ("role", room.role.clone())] {
        words.push((word.to_owned(), text));
    }
    words.push(("address".to_owned(), https.to_owned()));
    Prepared { profile: lines(https, ca, &file), words, credentials: vec![key.secret] }
}

/// A shared credentials file with this key.
pub fn credentials_file(folder: &Path, key: &Key) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let file = folder.join("credentials");
    let mut text =
        format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret);
    if let Some(token) = &key.token {
        let _ = writeln!(text, "aws_session_token = {token}");
    }
    std::fs::write(&file, text).expect("a file");
    file
}

/// The lines of a profile that read from a server of the kit.
pub fn lines(https: &str, ca: &Path, credentials: &Path) -> String {
    format!(
        "region = \"{REGION}\"\nendpoint_url = \"{https}\"\nsts_endpoint_url = \"{https}\"\nca_cert = \"{}\"\n\
         aws_credentials_file = \"{}\"\n",
        ca.display(),
        credentials.display()
    )
}
