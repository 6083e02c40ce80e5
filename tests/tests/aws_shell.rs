//! What a person does with the secrets of AWS in a shell.

use std::fs;

use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::stores::aws::api::{Api, REGION};
use secretref_tests::stores::aws::emulators::Emulator;
use secretref_tests::stores::aws::fake::{FakeAws, Manner, Principal};
use secretref_tests::stores::aws::servers;
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";

/// A server, a user who may do everything, and a profile that leads there.
struct Shell {
    api: Api,
    key: Key,
    folder: TempDir,
}

impl Shell {
    fn new(api: Api, key: Key, https: &str, ca: &std::path::Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let credentials = servers::credentials_file(folder.path(), &key);
        fs::write(folder.path().join("aws.toml"), servers::lines(https, ca, &credentials))
            .expect("a profile");
        Self { api, key, folder }
    }

    /// On the kit's own server.
    fn fake(folder: &TempDir, manner: Manner, principal: Principal) -> (FakeAws, Self) {
        let fake = FakeAws::start(folder.path(), manner);
        let shell =
            Self::new(Api::new(&fake.https, &fake.ca), fake.new_key(principal), &fake.https, &fake.ca);
        (fake, shell)
    }

    fn command(&self, line: &[&str]) -> Run {
        let profile = self.folder.path().join("aws.toml");
        Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()]).args(line)
    }

    fn run(&self, line: &[&str]) -> Ended {
        self.command(line).end()
    }

    /// Runs what has to work, and gives what it printed.
    fn ok(&self, line: &[&str]) -> String {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line:?}: {ended:#?}");
        ended.stdout
    }

    fn set(&self, id: &str, value: &str) -> Ended {
        self.command(&["set", id]).stdin(value).end()
    }

    fn must_set(&self, id: &str, value: &str) -> String {
        let ended = self.set(id, value);
        assert_eq!(ended.code, Some(0), "{id}: {ended:#?}");
        ended.stderr
    }

    fn call(&self, action: &str, body: &Value) -> Value {
        self.api.secrets(&self.key, REGION, action, body)
    }
}

/// From the first value to the last, on any server.
fn a_life(shell: &Shell) {
    shell.must_set("prod/new", "value-one");
    assert_eq!(shell.ok(&["get", "prod/new"]), "value-one");
    shell.must_set("prod/new", "value-two");
    assert_eq!(shell.ok(&["get", "prod/new"]), "value-two");
    assert_eq!(shell.ok(&["get", "prod/new##AWSPREVIOUS"]), "value-one");

    let text = "{\"price\":1.10,\"big\":12345678901234567890123,\"token\":\"old-token\"}";
    shell.must_set("prod/json", text);
    shell.must_set("prod/json#token", "new-token");
    shell.must_set("prod/json#added", "added-value");
    let whole = shell.ok(&["get", "prod/json"]);
    for part in ["1.10", "12345678901234567890123", "\"new-token\"", "\"added-value\""] {
        assert!(whole.contains(part) && !whole.contains("old-token"), "{whole}");
    }
    shell.must_set("prod/first#token", "first-token");
    assert_eq!(shell.ok(&["get", "prod/first"]), "{\"token\":\"first-token\"}");
    shell.must_set("other", "value-other");

    let listed = |prefix: &str| shell.ok(&["list", prefix]).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(listed("prod/"), ["prod/first", "prod/json", "prod/new"]);
    assert_eq!(
        listed("prod/json#"),
        ["added", "big", "price", "token"].map(|field| format!("prod/json#{field}"))
    );
    assert_eq!(listed("nothing/"), [""; 0]);
    assert_eq!(listed("").len(), 4);

    shell.ok(&["delete", "prod/json#added", "--yes"]);
    assert!(!shell.ok(&["get", "prod/json"]).contains("added"));
    let unsure = shell.run(&["delete", "prod/new"]);
    assert_eq!(unsure.code, Some(2), "{unsure:#?}");
    let deleted = shell.run(&["delete", "prod/new", "--yes"]);
    assert_eq!(deleted.code, Some(0), "{deleted:#?}");
    assert!(deleted.stderr.contains("aws secretsmanager restore-secret"), "{deleted:#?}");
    assert!(!deleted.stderr.contains("value-two"), "{deleted:#?}");
    let gone = shell.run(&["get", "prod/new"]);
    assert!(gone.code == Some(1) && gone.stderr.contains("restore-secret"), "{gone:#?}");
    assert_eq!(listed("prod/"), ["prod/first", "prod/json"]);
    let marked = shell.set("prod/new", "value-three");
    assert!(
        marked.code != Some(0) && marked.stderr.contains("is marked for deletion, and until then"),
        "{marked:#?}"
    );
    assert!(
        marked.stderr.contains("aws secretsmanager restore-secret --region us-east-1 --secret-id prod/new"),
        "{marked:#?}"
    );
    shell.call("RestoreSecret", &json!({"SecretId": "prod/new"}));
    assert_eq!(shell.ok(&["get", "prod/new"]), "value-two");
    shell.must_set("prod/brief", "value-brief");
    let deleted = shell.run(&["delete", "prod/brief", "--yes", "--force"]);
    assert!(deleted.code == Some(0) && deleted.stderr.contains("for good"), "{deleted:#?}");
    let gone = shell.run(&["get", "prod/brief"]);
    assert!(gone.code == Some(1) && !gone.stderr.contains("restore-secret"), "{gone:#?}");
    let checked = shell.run(&["check", "prod/new", "absent"]);
    assert!(checked.stdout.contains("ok") && !format!("{checked:?}").contains("value-two"), "{checked:#?}");

    let report = shell.ok(&["doctor", "--names", "prod/new"]);
    for part in [REGION, "arn:aws:iam::", "endpoint"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let report = shell.ok(&["doctor", "prod/new"]);
    for secret in [shell.key.id.as_str(), &shell.key.secret, "value-two", "prod/new"] {
        assert!(!report.contains(secret), "{secret}: {report}");
    }
}

#[test]
fn a_secret_is_set_listed_deleted_and_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_fake, shell) = Shell::fake(&folder, Manner::default(), Principal::user(ACCOUNT));
    a_life(&shell);
}

#[test]
fn lists_come_in_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_fake, shell) =
        Shell::fake(&folder, Manner { page: 2, ..Manner::default() }, Principal::user(ACCOUNT));
    a_life(&shell);
}

#[test]
#[ignore = "needs ministack: tests/run installs it"]
fn a_secret_is_set_listed_deleted_and_restored_in_ministack() {
    let server = Emulator::ministack();
    let (_, key) = server.account();
    a_life(&Shell::new(server.api.clone(), key, &server.https, &server.ca));
}

#[test]
#[ignore = "needs moto: tests/run installs it"]
fn a_secret_is_set_listed_deleted_and_restored_in_moto() {
    let server = Emulator::moto();
    let (_, key) = server.account();
    a_life(&Shell::new(server.api.clone(), key, &server.https, &server.ca));
}

#[test]
fn a_change_by_another_client_in_between_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (fake, shell) = Shell::fake(&folder, Manner::default(), Principal::user(ACCOUNT));
    fake.put(ACCOUNT, REGION, "raced/a", "value-before");
    let ended = shell.set("raced/a", "value-after");
    assert!(ended.code != Some(0) && ended.stderr.contains("another client"), "{ended:#?}");
    // The command of the message brings the other client's version back.
    assert!(ended.stderr.contains("update-secret-version-stage"), "{ended:#?}");
}

#[test]
fn what_may_not_be_changed_is_said_with_the_right_that_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let denied = ["PutSecretValue", "CreateSecret", "DeleteSecret", "ListSecrets"];
    let (fake, shell) = Shell::fake(&folder, Manner::default(), Principal::user(ACCOUNT).without(&denied));
    fake.put(ACCOUNT, REGION, "a", "value-before");
    let runs = [
        ("PutSecretValue", shell.set("a", "value-after")),
        ("CreateSecret", shell.set("new", "value-new")),
        ("DeleteSecret", shell.run(&["delete", "a", "--yes"])),
        ("ListSecrets", shell.run(&["list"])),
    ];
    for (action, ended) in runs {
        let is_named = ended.stderr.contains(&format!("secretsmanager:{action}"));
        assert!(ended.code != Some(0) && is_named, "{action}: {ended:#?}");
        // Who writes a secret with a KMS key of its own encrypts it.
        let encrypts = ["PutSecretValue", "CreateSecret"].contains(&action);
        assert_eq!(ended.stderr.contains("kms:GenerateDataKey and kms:Decrypt"), encrypts, "{ended:#?}");
    }
    assert_eq!(fake.text(ACCOUNT, REGION, "a").as_deref(), Some("value-before"));
}

/// To list another region, a person writes the ARN up to the name. What the profile allows is an id, and what it does not is
/// no id without it.
#[test]
fn an_arn_is_listed_as_the_id_that_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (fake, shell) = Shell::fake(&folder, Manner::default(), Principal::user(ACCOUNT));
    let arn = fake.put(ACCOUNT, "eu-west-1", "prod/json", "{\"price\":1}");
    fake.put(ACCOUNT, REGION, "prod/json", "here");
    let start = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:prod/");
    let profile = shell.folder.path().join("aws.toml");
    let text = fs::read_to_string(&profile).expect("a profile");
    fs::write(&profile, format!("{text}allow = [\"{start}**\"]\n")).expect("a profile");
    assert_eq!(shell.ok(&["list", &start]), format!("{arn}\n"));
    assert_eq!(shell.ok(&["list", &format!("{arn}#")]), format!("{arn}#price\n"));
    assert_eq!(shell.ok(&["get", &format!("{arn}#price")]), "1");
    fs::write(&profile, &text).expect("a profile");
    let listed = shell.run(&["list", &start]);
    let said = format!("{}{}", listed.stdout, listed.stderr);
    assert!(said.contains(&format!("name = \"{arn}\"")), "{listed:#?}");
}
