//! Two emulators of AWS that check signatures: ministack and moto, over TLS, on this machine alone.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, policy};
use super::signature::Key;
use crate::certificate::Certificates;
use crate::{port, resolver};

/// How many accounts moto has: it makes none once it checks who asks.
const MOTO_ACCOUNTS: u64 = 120;

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct Emulator {
    process: Child,
    folder: tempfile::TempDir,
    /// `https://127.0.0.1:PORT`.
    pub https: String,
    /// The certificate of its authority.
    pub ca: PathBuf,
    /// Its API.
    pub api: Api,
    accounts: AtomicU64,
    /// The keys that were made before moto began to check them, by account.
    keys: Vec<Key>,
}

/// The folder of a Python package that `tests/install.py` has installed.
#[must_use]
pub fn installed(name: &str) -> PathBuf {
    let folder = resolver::repository().join("target/servers").join(name);
    let which = name.split('-').next().unwrap_or_default().replace("ministack", "aws");
    assert!(folder.exists(), "missing: {} (tests/install.py {which} installs it)", folder.display());
    folder
}

/// The folder of moto.
pub const MOTO: &str = "moto-5.2.5";

const MINISTACK: &str = "ministack-1.5.33";

/// A trust policy for every caller that AWS knows.
#[must_use]
pub fn everyone() -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
}

/// The same, for those who know an external id.
#[must_use]
pub fn with_external_id(id: &str) -> Value {
    let mut statement = everyone();
    statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    statement
}

/// Starts ministack on its own port alone. As root it also takes port 443, which only one of two started at once can
/// have, and the other one ends.
const WITHOUT_PORT_443: &str =
    "import ministack.app as app; app._port_is_bindable = lambda *_: False; app.main()";

/// The key of the first user of an account, whom ministack believes without a check.
#[must_use]
pub fn root(account: &str) -> Key {
    Key { id: account.to_owned(), secret: "test".to_owned(), token: None }
}

impl Emulator {
    /// Starts ministack.
    #[must_use]
    pub fn ministack() -> Self {
        let (port, folder) = (port::free(), tempfile::tempdir().expect("a folder"));
        let certificates = Certificates::make(folder.path());
        let mut command = Command::new("python3");
        command
            .args(["-c", WITHOUT_PORT_443])
            .env("PYTHONPATH", installed(MINISTACK))
            .envs([("BIND_HOST", "127.0.0.1"), ("SERVICES", "secretsmanager,sts,iam,imds"), ("AUTH", "true")])
            .envs([("GATEWAY_PORT", port.to_string().as_str()), ("IOT_MTLS_PORT", "0"), ("USE_SSL", "1")])
            .env("MINISTACK_SSL_CERT", &certificates.certificate)
            .env("MINISTACK_SSL_KEY", &certificates.key)
            .env("MINISTACK_IMDS_V2_REQUIRED", "1");
        let mut emulator = Self::launch(command, folder, port, &certificates);
        emulator.wait(|api| api.query(&root("000000000000"), "iam", "ListUsers", &[], &[]));
        emulator
    }

    /// Starts moto, and has it check who asks.
    #[must_use]
    pub fn moto() -> Self {
        let (port, folder) = (port::free(), tempfile::tempdir().expect("a folder"));
        let certificates = Certificates::make(folder.path());
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        command.arg("-c").arg(&certificates.certificate).arg("-k").arg(&certificates.key);
        command.env("PYTHONPATH", installed(MOTO));
        let mut emulator = Self::launch(command, folder, port, &certificates);
        emulator.wait(|api| api.query(&root("x"), "iam", "ListUsers", &[], &[]));
        emulator.keys = (0..MOTO_ACCOUNTS).map(|number| emulator.early_key(&account(number))).collect();
        let kind = [("content-type".to_owned(), "text/plain".to_owned())];
        let host = ("host".to_owned(), "127.0.0.1".to_owned());
        let reply = emulator.api.send("/moto-api/reset-auth", &[&kind[..], &[host]].concat(), b"0");
        assert_eq!(reply.expect("a reply").status, 200);
        emulator
    }

    fn launch(
        mut command: Command,
        folder: tempfile::TempDir,
        port: u16,
        certificates: &Certificates,
    ) -> Self {
        let log = std::fs::File::create(folder.path().join("server.log")).expect("a file");
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the emulator starts");
        let https = format!("https://127.0.0.1:{port}");
        let api = Api::new(&https, &certificates.ca);
        let (ca, accounts) = (certificates.ca.clone(), AtomicU64::new(0));
        Self { process, folder, https, ca, api, accounts, keys: vec![] }
    }

    fn wait(&mut self, ask: impl Fn(&Api) -> std::io::Result<super::api::Reply>) {
        for _ in 0..600 {
            if ask(&self.api).is_ok_and(|reply| reply.status == 200) {
                return;
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                panic!("the emulator ended with {status}: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the emulator did not start within 30 s: {}", self.log());
    }

    /// What the emulator wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    /// A folder of this emulator's own.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An account that no other caller of this gets, and a key of a user there who may do everything.
    #[must_use]
    pub fn account(&self) -> (String, Key) {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        let account = account(number);
        let key = match self.keys.get(usize::try_from(number).expect("a number")) {
            Some(key) => key.clone(),
            None if self.keys.is_empty() => self.user(&account, "gateway", &[]),
            None => panic!("moto has no more than {MOTO_ACCOUNTS} accounts"),
        };
        (account, key)
    }

    /// Makes a user in an account of ministack, who may do everything but these actions on these resources; their key.
    #[must_use]
    pub fn user(&self, account: &str, name: &str, denied: &[(&str, &str)]) -> Key {
        let (root, user) = (root(account), ("UserName", name));
        self.api.must_query(&root, "iam", "CreateUser", &[user]);
        let policy = policy(denied);
        let fields = [user, ("PolicyName", "kit"), ("PolicyDocument", policy.as_str())];
        self.api.must_query(&root, "iam", "PutUserPolicy", &fields);
        key(&self.api.must_query(&root, "iam", "CreateAccessKey", &[user]))
    }

    /// Makes a role in an account of ministack that may do everything, with this statement as its trust policy; its ARN.
    #[must_use]
    pub fn role(&self, account: &str, name: &str, trust: &Value) -> String {
        let root = root(account);
        let trust = json!({"Version": "2012-10-17", "Statement": [trust]}).to_string();
        let fields = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        let made = self.api.must_query(&root, "iam", "CreateRole", &fields);
        let policy = policy(&[]);
        let fields = [("RoleName", name), ("PolicyName", "kit"), ("PolicyDocument", policy.as_str())];
        self.api.must_query(&root, "iam", "PutRolePolicy", &fields);
        made.element("Arn").to_owned()
    }

    /// A key in an account of moto, made before it checks who asks.
    fn early_key(&self, account: &str) -> Key {
        let ask = |action: &str, fields: &[(&str, &str)]| {
            let of = [("x-moto-account-id", account)];
            let reply = self.api.query(&root("AKIAEXAMPLE"), "iam", action, fields, &of).expect("a reply");
            assert_eq!(reply.status, 200, "{action}: {}", reply.text);
            reply
        };
        let (user, policy) = (("UserName", "gateway"), policy(&[]));
        ask("CreateUser", &[user]);
        ask("PutUserPolicy", &[user, ("PolicyName", "kit"), ("PolicyDocument", policy.as_str())]);
        key(&ask("CreateAccessKey", &[user]))
    }
}

fn account(number: u64) -> String {
    format!("{}", 210_000_000_000 + number)
}

fn key(made: &super::api::Reply) -> Key {
    Key {
        id: made.element("AccessKeyId").to_owned(),
        secret: made.element("SecretAccessKey").to_owned(),
        token: None,
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
