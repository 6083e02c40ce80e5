//! The resolver of AWS: how many requests it sends, many starts, hostile surroundings, and the same values as AWS's own
//! clients read.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secretref_tests::fault::{Act, Answer, Asked, Server, Setup};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::stores::aws::api::{Api, REGION};
use secretref_tests::stores::aws::clients::Access;
use secretref_tests::stores::aws::emulators::Emulator;
use secretref_tests::stores::aws::fake::{FakeAws, Manner, Principal, Role};
use secretref_tests::stores::aws::servers;
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

/// The kit's own server, and a folder with a profile that leads to it.
struct Place {
    fake: FakeAws,
    folder: TempDir,
}

impl Place {
    fn new(manner: Manner) -> Self {
        Self::of(manner, Principal::user(ACCOUNT))
    }

    fn of(manner: Manner, principal: Principal) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
        let fake = FakeAws::start(folder.path(), manner);
        servers::credentials_file(folder.path(), &fake.new_key(principal));
        let place = Self { fake, folder };
        place.profile("");
        place
    }

    /// Writes the profile again, with these lines more.
    fn profile(&self, lines: &str) {
        let credentials = self.folder.path().join("credentials");
        let text = servers::lines(&self.fake.https, &self.fake.ca, &credentials);
        self.file("profile.toml", 0o600, &format!("{text}{lines}\n"));
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    fn kept(&self) -> String {
        format!("keep_session = \"{}\"\n", self.folder.path().join("kept").display())
    }

    fn put(&self, name: &str, text: &str) {
        self.fake.put(ACCOUNT, REGION, name, text);
    }

    fn run(&self) -> Run {
        let profile = self.folder.path().join("profile.toml");
        Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()])
    }

    fn ask(&self, ids: &[&str]) -> (Ended, Value) {
        let ended = self.run().request(ids).end();
        let response = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        (ended, response)
    }

    /// The values of ids that must all have one.
    fn values(&self, ids: &[&str]) -> Value {
        let (ended, response) = self.ask(ids);
        assert!(ended.code == Some(0) && response["errors"] == json!({}), "{ended:?}");
        response["values"].clone()
    }

    /// How often each action was asked for since this was last asked, without regions and keys.
    fn actions(&self) -> Vec<String> {
        let mut actions: Vec<String> =
            self.fake.calls().iter().filter_map(|call| Some(call.split_once(' ')?.0.to_owned())).collect();
        actions.sort();
        actions
    }
}

#[test]
fn one_id_is_one_request_and_more_are_batches_of_twenty() {
    let place = Place::new(Manner::default());
    let names: Vec<String> = (0..45).map(|number| format!("n{number}")).collect();
    for name in &names {
        place.put(name, &format!("value-{name}"));
    }
    place.values(&["n0"]);
    assert_eq!(place.actions(), ["GetSecretValue"]);
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(place.values(&ids).as_object().map(serde_json::Map::len), Some(45));
    assert_eq!(place.actions(), ["BatchGetSecretValue"; 3]);
}

#[test]
fn fields_of_one_secret_are_one_read_and_versions_are_read_alone() {
    let place = Place::new(Manner::default());
    for text in ["{\"a\":\"old-a\",\"b\":\"old-b\"}", "{\"a\":\"value-a\",\"b\":\"value-b\"}"] {
        place.put("s", text);
    }
    place.values(&["s#a", "s#b", "s"]);
    assert_eq!(place.actions(), ["GetSecretValue"]);
    let values = place.values(&["s#a", "s#b#AWSPREVIOUS", "s#a#AWSPREVIOUS"]);
    assert_eq!(values["s#b#AWSPREVIOUS"], "old-b");
    assert_eq!(place.actions(), ["GetSecretValue"; 2]);
}

#[test]
fn a_missing_right_to_batch_costs_one_request_and_is_remembered_where_sessions_are() {
    let place = Place::of(Manner::default(), Principal::user(ACCOUNT).without(&["BatchGetSecretValue"]));
    for name in ["a", "b", "c"] {
        place.put(name, &format!("value-of-{name}"));
    }
    place.profile("keep_session = \"off\"\n");
    for _ in 0..2 {
        place.values(&["a", "b", "c"]);
        assert_eq!(
            place.actions(),
            ["BatchGetSecretValue", "GetSecretValue", "GetSecretValue", "GetSecretValue"]
        );
    }
    place.profile(&place.kept());
    place.values(&["a", "b", "c"]);
    assert_eq!(place.actions().len(), 4);
    place.values(&["a", "b", "c"]);
    assert_eq!(place.actions(), ["GetSecretValue"; 3]);
}

#[test]
fn eight_starts_at_once_assume_a_role_once() {
    let place = Place::new(Manner { delay: std::time::Duration::from_millis(30), ..Manner::default() });
    place.put("a", "value-of-a");
    place.fake.role(ROLE, Role::default());
    place.profile(&format!("role_arn = \"{ROLE}\"\n{}", place.kept()));
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| place.values(&["a"]))).collect();
        for start in starts {
            assert_eq!(start.join().expect("a start"), json!({"a": "value-of-a"}));
        }
    });
    place.values(&["a"]);
    let actions = place.actions();
    let count = |action: &str| actions.iter().filter(|asked| *asked == action).count();
    assert_eq!((count("AssumeRole"), count("GetSecretValue")), (1, 9), "{actions:?}");
}

#[test]
fn a_role_that_is_refused_is_left_alone() {
    let place = Place::new(Manner::default());
    place.profile(&format!("role_arn = \"{ROLE}\"\n{}", place.kept()));
    for _ in 0..5 {
        let (ended, response) = place.ask(&["a"]);
        assert_eq!(response["errors"]["a"]["code"], "UNAUTHENTICATED", "{ended:?}");
    }
    let refused = place.actions().len();
    assert!((1..=2).contains(&refused), "{refused} requests");
}

/// The credentials of the role end while they are kept: the next start gets new ones, and no id fails.
#[test]
fn credentials_of_a_role_that_have_ended_are_replaced() {
    let place = Place::new(Manner::default());
    place.put("a", "value-of-a");
    place.fake.role(ROLE, Role { seconds: Some(2), ..Role::default() });
    place.profile(&format!("role_arn = \"{ROLE}\"\n{}", place.kept()));
    for _ in 0..3 {
        place.values(&["a"]);
        std::thread::sleep(std::time::Duration::from_millis(1200));
    }
}

#[test]
fn sixty_four_starts_at_once_all_answer() {
    let place = Place::new(Manner::default());
    (0..30).for_each(|number| place.put(&format!("n{number}"), &format!("value-{number}")));
    let before = entries(&place);
    std::thread::scope(|scope| {
        let start = |number: usize| {
            let place = &place;
            scope.spawn(move || {
                let (own, absent) = (format!("n{}", number % 30), format!("absent{number}"));
                let (ended, response) = place.ask(&["n0", &own, "n29", &absent]);
                assert_eq!(response["values"][&own], format!("value-{}", number % 30), "{ended:?}");
                assert_eq!(response["errors"][&absent]["code"], "NOT_FOUND", "{ended:?}");
            })
        };
        (0..64).map(start).collect::<Vec<_>>().into_iter().for_each(|start| start.join().expect("a start"));
    });
    assert_eq!(entries(&place), before, "something was left behind");
}

/// As many as `STARTS` says; nothing else changes between them.
#[test]
#[ignore = "takes long: tests/run"]
fn a_thousand_starts_in_a_row_are_all_right_and_leave_nothing() {
    let starts = std::env::var("STARTS").map_or(1000, |text| text.parse().expect("a number of starts"));
    let place = Place::new(Manner::default());
    (0..30).for_each(|number| place.put(&format!("n{number}"), &format!("value-{number}")));
    place.fake.role(ROLE, Role::default());
    place.profile(&format!("role_arn = \"{ROLE}\"\n{}", place.kept()));
    place.values(&["n0"]);
    let before = entries(&place);
    for start in 0..starts {
        let (one, other) = (start % 30, (start + 7) % 30);
        let ids = [format!("n{one}"), format!("n{other}")];
        let values = place.values(&[&ids[0], &ids[1]]);
        assert_eq!(values[&ids[0]], format!("value-{one}"));
        assert_eq!(values[&ids[1]], format!("value-{other}"));
    }
    assert_eq!(entries(&place), before, "something was left behind");
    let assumed = place.actions().iter().filter(|action| *action == "AssumeRole").count();
    assert!(assumed <= 2, "{assumed} roles assumed");
}

/// The files of a place, and of the folder for sessions.
fn entries(place: &Place) -> Vec<PathBuf> {
    let list =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> =
        list(place.folder.path().to_owned()).chain(list(place.folder.path().join("kept"))).collect();
    found.sort();
    found
}

/// Whatever names it, a program is not run unless `auth` says so.
#[test]
fn a_planted_credential_process_does_not_run() {
    let place = Place::new(Manner::default());
    place.put("a", "value-of-a");
    let mark = place.folder.path().join("ran");
    let program = place.file("process", 0o700, &format!("#!/bin/sh\ntouch '{}'\n", mark.display()));
    let line = format!("credential_process = {}\n", program.display());
    place.file("config", 0o600, &format!("[default]\n{line}[profile planted]\n{line}"));
    let files = "aws_config_file = \"config\"\n";
    // The file of credentials serves, as it does for the AWS CLI.
    place.profile(files);
    assert_eq!(place.values(&["a"]), json!({"a": "value-of-a"}));
    for lines in ["aws_profile = \"planted\"\n", "auth = \"profile\"\naws_profile = \"planted\"\n"] {
        place.profile(&format!("{files}{lines}"));
        let (ended, response) = place.ask(&["a"]);
        assert!(response["values"] == json!({}) && ended.code != Some(0), "{ended:?}");
    }
    assert!(!mark.exists(), "the program ran");
}

#[test]
fn a_clock_that_is_off_is_named_or_corrected() {
    for ahead in [3600, -3600] {
        let place = Place::new(Manner { ahead, ..Manner::default() });
        place.put("a", "value-of-a");
        let (ended, response) = place.ask(&["a"]);
        let message = response["errors"]["a"]["message"].as_str().unwrap_or_default();
        let is_named = message.contains("60 min") || message.contains("59 min");
        assert!(response["values"]["a"] == "value-of-a" || is_named, "{ahead}: {ended:?}");
    }
}

/// A server that answers with another secret than the one that was asked for: nothing of it is a value.
#[test]
fn an_answer_about_another_secret_is_no_value() {
    let secret = |name: &str, arn_of: &str, region: &str, stage: &str| {
        json!({
            "ARN": format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:{arn_of}-AbCdEf"), "Name": name,
            "VersionId": "00000000-0000-4000-8000-000000000000", "VersionStages": [stage],
            "SecretString": "value-of-another", "CreatedDate": 1_767_225_600.5,
        })
    };
    let lies = [
        secret("other", "other", REGION, "AWSCURRENT"),
        secret("a", "other", REGION, "AWSCURRENT"),
        secret("other", "a", REGION, "AWSCURRENT"),
        secret("a", "a", "eu-west-1", "AWSCURRENT"),
        secret("a", "a", REGION, "AWSPREVIOUS"),
        json!({"SecretString": "value-of-another"}),
    ];
    for lie in lies {
        let folder = tempfile::tempdir().expect("a folder");
        let told = lie.clone();
        let handler = move |asked: &Asked| {
            let is_batch = asked.headers.get("x-amz-target").is_some_and(|target| {
                target.to_str().is_ok_and(|target| target.ends_with("BatchGetSecretValue"))
            });
            let body =
                if is_batch { json!({"SecretValues": [told.clone()], "Errors": []}) } else { told.clone() };
            Answer::new(200, body.to_string()).header("content-type", "application/x-amz-json-1.1")
        };
        let server = Server::start(Setup::default(), Arc::new(handler), Arc::new(|act: Act, _| act));
        let key = Key { id: "AKIAKIT0000000000000".into(), secret: "s".repeat(40), token: None };
        servers::credentials_file(folder.path(), &key);
        for ids in [&["a"][..], &["a", "b"]] {
            let run = Run::new(resolver::path("secretref-aws"))
                .env("AWS_ENDPOINT_URL", server.url())
                .env("AWS_REGION", REGION)
                .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("credentials"));
            let ended = run.request(ids).end();
            let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
            assert_eq!(response["values"], json!({}), "{lie}: {ended:?}");
            assert!(!format!("{ended:?}").contains("value-of-another"), "{lie}: {ended:?}");
        }
    }
}

/// Thirty secrets, and what of each is asked for.
fn thirty() -> Vec<(String, Value)> {
    let texts = [
        "sk-plain-value",
        "{\"apiKey\":\"sk-json\",\"price\":1.10,\"big\":12345678901234567890123,\"deep\":{\"a/b\":[\"one\",{\"c\":\"two\"}]}}",
        "üñïcode 🔑 \u{2028} \u{feff}",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n+/==\n-----END PRIVATE KEY-----\n",
        " leading and trailing \t\r\n ",
        "\"quoted\" \\backslash\\ /slash/ </script>",
        "{ \"spaced\" :\t\"json\" }",
        "{\"a\":\"1\",\"a\":\"2\"}",
        "[\"an\",\"array\"]",
        "12345678901234567890123",
    ];
    let secret = |number: usize| {
        let name = format!("compare/{}n{number}", ["", "team_a/", "with+plus=and@at.dot-"][number / 10]);
        let text =
            if number < 10 { texts[number].to_owned() } else { format!("{}{number}", texts[number % 10]) };
        let binary = BASE64_STANDARD.encode([&b"\xff\x00\xfe"[..], text.as_bytes()].concat());
        let value =
            if number % 7 == 6 { json!({"SecretBinary": binary}) } else { json!({"SecretString": text}) };
        (name, value)
    };
    (0..30).map(secret).collect()
}

/// Stores the thirty, and compares what the AWS CLI, boto3 and the resolver read.
fn compare(api: &Api, admin: &Key, https: &str, ca: &std::path::Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = servers::credentials_file(folder.path(), admin);
    let secrets = thirty();
    for (name, value) in &secrets {
        let mut body = value.clone();
        body["Name"] = json!(name);
        api.secrets(admin, REGION, "CreateSecret", &body);
    }
    let lines = servers::lines(https, ca, &credentials);
    let mut profile = format!("{lines}binary = \"base64\"\n[ids]\n");
    for (at, (name, _)) in secrets.iter().enumerate() {
        let _ = writeln!(profile, "id{at} = {{ name = \"{name}\" }}");
    }
    let file = folder.path().join("profile.toml");
    fs::write(&file, profile).expect("a profile");
    let ids: Vec<String> = (0..secrets.len()).map(|at| format!("id{at}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let run = Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), file.as_os_str()]);
    let ended = run.request(&ids).end();
    let ours: Value = serde_json::from_str(&ended.stdout).expect("a response");

    let access = Access { https: https.to_owned(), ca: ca.to_owned(), credentials };
    let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
    let program = "import base64, boto3, json, sys\nclient = boto3.client('secretsmanager')\ndef read(name):\n    \
                   answer = client.get_secret_value(SecretId=name)\n    text = answer.get('SecretString')\n    return text \
                   if text is not None else base64.b64encode(answer['SecretBinary']).decode()\n\
                   print(json.dumps([read(name) for name in sys.argv[1:]]))";
    let ended = access.boto3(program, &names).end();
    let boto3: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    for (at, (name, stored)) in secrets.iter().enumerate() {
        let stored = stored.get("SecretString").unwrap_or(&stored["SecretBinary"]);
        let command = ["secretsmanager", "get-secret-value", "--output", "json", "--secret-id", name];
        let ended = access.aws(&command).end();
        let cli: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        let cli = cli.get("SecretString").unwrap_or(&cli["SecretBinary"]);
        let ours = &ours["values"][ids[at]];
        assert!(
            ours == stored && ours == cli && *ours == boto3[at],
            "{name}: {stored}, {ours}, {cli}, {}",
            boto3[at]
        );
    }
}

#[test]
#[ignore = "needs the AWS CLI and boto3: tests/run installs them"]
fn the_aws_cli_and_boto3_read_the_same_thirty_secrets_from_the_kits_own_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = FakeAws::start(folder.path(), Manner::default());
    let key = fake.new_key(Principal::user(ACCOUNT));
    compare(&Api::new(&fake.https, &fake.ca), &key, &fake.https, &fake.ca);
}

#[test]
#[ignore = "needs ministack, the AWS CLI and boto3: tests/run installs them"]
fn the_aws_cli_and_boto3_read_the_same_thirty_secrets_from_ministack() {
    let server = Emulator::ministack();
    let (_, key) = server.account();
    compare(&server.api, &key, &server.https, &server.ca);
}

#[test]
#[ignore = "needs moto, the AWS CLI and boto3: tests/run installs them"]
fn the_aws_cli_and_boto3_read_the_same_thirty_secrets_from_moto() {
    let server = Emulator::moto();
    let (_, key) = server.account();
    compare(&server.api, &key, &server.https, &server.ca);
}
