//! What users of other tools have reported about AWS Secrets Manager: the same on ours, on each server of the kit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use secretref_tests::fault::{Act, Answer, Asked, Server, Setup};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::stores::aws::api::{Api, REGION};
use secretref_tests::stores::aws::emulators::Emulator;
use secretref_tests::stores::aws::fake::{FakeAws, Manner, Principal};
use secretref_tests::stores::aws::servers;
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server, and who may do everything there.
struct Place {
    api: Api,
    key: Key,
    folder: TempDir,
}

impl Place {
    fn new(api: Api, key: Key, https: &str, ca: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = servers::credentials_file(folder.path(), &key);
        fs::write(folder.path().join("aws.toml"), servers::lines(https, ca, &file)).expect("a profile");
        Self { api, key, folder }
    }

    fn call(&self, action: &str, body: &Value) -> Value {
        self.api.secrets(&self.key, REGION, action, body)
    }

    fn ask(&self, ids: &[&str]) -> Value {
        let profile = self.folder.path().join("aws.toml");
        let run = Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()]);
        response(&run.request(ids).end())
    }
}

fn response(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

fn reports(place: &Place) {
    // external-secrets/external-secrets#4973: Terraform gives versions ids that are no UUIDs.
    let (one, two) = ("terraform-20250627043834191900000095", "terraform-20250627043834191900000096");
    place.call("CreateSecret", &json!({"Name": "of-terraform", "SecretString": "value-zero"}));
    for (id, text) in [(one, "value-one"), (two, "value-two")] {
        place.call(
            "PutSecretValue",
            &json!({"SecretId": "of-terraform", "SecretString": text, "ClientRequestToken": id}),
        );
    }
    let by_id = [one, two].map(|id| format!("of-terraform##{id}"));
    let found = place.ask(&[&by_id[0], &by_id[1], "of-terraform"]);
    assert_eq!(
        found["values"],
        json!({&by_id[0]: "value-one", &by_id[1]: "value-two", "of-terraform": "value-two"}),
        "{found}"
    );
    // argoproj-labs/argocd-vault-plugin#199: a stage is not an id.
    assert_eq!(place.ask(&["of-terraform##AWSPREVIOUS"])["values"]["of-terraform##AWSPREVIOUS"], "value-one");

    // aws/aws-cdk#27530, aws/copilot-cli#5732: a name that ends in a dash and six characters, as an ARN does.
    let made = place.call("CreateSecret", &json!({"Name": "xyz-secret", "SecretString": "value-xyz"}));
    let arn = made["ARN"].as_str().expect("an ARN");
    assert_eq!(
        place.ask(&["xyz-secret", arn, "xyz"])["values"],
        json!({"xyz-secret": "value-xyz", arn: "value-xyz"})
    );

    // jdx/fnox#296: two ids of one secret in one batch.
    place.call(
        "CreateSecret",
        &json!({"Name": "plain", "SecretString": "{\"a\":\"value-a\",\"n\":12345678901234567890123}"}),
    );
    let twice = place.ask(&["plain#a", "plain#n", "xyz-secret", arn]);
    assert_eq!(twice["values"].as_object().map(serde_json::Map::len), Some(4), "{twice}");
    assert_eq!(twice["values"]["plain#n"], "12345678901234567890123");

    // aws/secrets-store-csi-driver-provider-aws#552: a field that is not there is not a secret that is not there.
    let message = place.ask(&["plain#absent"])["errors"]["plain#absent"]["message"].to_string();
    assert!(message.contains("no field") || message.contains("absent"), "{message}");

    // ansible-collections/amazon.aws#472: more secrets than one page has.
    for number in 0..120 {
        place.call("CreateSecret", &json!({"Name": format!("many/{number}"), "SecretString": "x"}));
    }
    let profile = place.folder.path().join("aws.toml");
    let run = Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()]);
    let listed = run.args(["list", "many/"]).end();
    assert_eq!(listed.stdout.lines().count(), 120, "{listed:?}");
}

#[test]
fn reports_on_the_kits_own_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = FakeAws::start(folder.path(), Manner::default());
    let key = fake.new_key(Principal::user("111122223333"));
    reports(&Place::new(Api::new(&fake.https, &fake.ca), key, &fake.https, &fake.ca));
}

#[test]
#[ignore = "needs ministack: tests/run installs it"]
fn reports_on_ministack() {
    let server = Emulator::ministack();
    let (_, key) = server.account();
    reports(&Place::new(server.api.clone(), key, &server.https, &server.ca));
}

#[test]
#[ignore = "needs moto: tests/run installs it"]
fn reports_on_moto() {
    let server = Emulator::moto();
    let (_, key) = server.account();
    reports(&Place::new(server.api.clone(), key, &server.https, &server.ca));
}

/// A server that answers by itself, and a credentials file.
fn canned(
    answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    credentials: &[u8],
) -> (Server, Run, TempDir) {
    let server = Server::start(Setup::default(), Arc::new(answer), Arc::new(|act: Act, _| act));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credentials");
    fs::write(&file, credentials).expect("a file");
    let run = Run::new(resolver::path("secretref-aws"))
        .env("AWS_ENDPOINT_URL", server.url())
        .env("AWS_REGION", REGION)
        .env("AWS_SHARED_CREDENTIALS_FILE", &file);
    (server, run, folder)
}

fn error(code: &str) -> Answer {
    Answer::new(400, json!({"__type": code, "Message": "canary"}).to_string())
}

fn is_batch(asked: &Asked) -> bool {
    asked.what().contains("SecretIdList")
}

fn secret(asked: &Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let name = body["SecretId"].as_str().unwrap_or_default();
    let found = json!({
        "ARN": format!("arn:aws:secretsmanager:{REGION}:111122223333:secret:{name}-AbCdEf"), "Name": name,
        "VersionId": "00000000-0000-4000-8000-000000000000", "VersionStages": ["AWSCURRENT"],
        "SecretString": format!("value-{name}"),
    });
    Answer::new(200, found.to_string())
}

const CREDENTIALS: &[u8] = b"[default]\naws_access_key_id = AKIA\naws_secret_access_key = s\n";

/// external-secrets/external-secrets#4274, aws/aws-cdk#31566: the policy allows batches of some secrets alone, which AWS does
/// not know. floci-io/floci#1513: a server that refuses a batch because of one secret.
#[test]
fn a_batch_that_is_refused_as_a_whole_is_read_one_by_one() {
    for code in
        ["AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"]
    {
        let answer = move |asked: &Asked| if is_batch(asked) { error(code) } else { secret(asked) };
        let (_server, run, _folder) = canned(answer, CREDENTIALS);
        let found = response(&run.request(&["a", "b"]).end());
        assert_eq!(found["values"], json!({"a": "value-a", "b": "value-b"}), "{code}: {found}");
    }
}

/// aws/aws-cdk#21052: credentials that have expired are not tried for minutes.
#[test]
fn credentials_that_have_expired_are_tried_once() {
    let (server, run, _folder) = canned(|_| error("ExpiredTokenException"), CREDENTIALS);
    let found = response(&run.request(&["a"]).end());
    assert_eq!(found["errors"]["a"]["code"], "UNAUTHENTICATED", "{found}");
    assert_eq!(server.asked("SecretId"), 1);
}

/// aws/aws-toolkit-jetbrains#1443, aws/aws-sdk-js#489, cognitect-labs/aws-api#46: files as editors and other tools write them.
#[test]
fn a_credentials_file_of_another_editor_is_read() {
    for text in [
        &b"\xef\xbb\xbf[default]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"[..],
        b"[default]\r\naws_access_key_id = AKIA\r\naws_secret_access_key = s\r\n",
        b"\xef\xbb\xbf[default]\r\naws_access_key_id=AKIA \t\r\naws_secret_access_key=s  \r\naws_session_token=abc==\r\n",
        b"# a comment\n\n[default]\naws_access_key_id = AKIA\naws_secret_access_key = s",
        b"[default]\naws_access_key_id = AKIA\naws_secret_access_key = s\naws_session_token =\n[other]\n",
    ] {
        let answer = |asked: &Asked| {
            let of = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let is_whole = ["", "abc=="].contains(&of("x-amz-security-token"));
            if of("authorization").contains("Credential=AKIA/") && is_whole { secret(asked) } else { error("canary") }
        };
        let (_server, run, _folder) = canned(answer, text);
        let found = response(&run.request(&["a"]).end());
        assert_eq!(found["values"], json!({"a": "value-a"}), "{}: {found}", String::from_utf8_lossy(text));
    }
}

/// smithy-lang/smithy-rs#1488, aws/aws-sdk-go#2263: a line that AWS's format does not have is named, whatever profile it is in.
#[test]
fn a_line_that_cannot_be_parsed_is_named() {
    for text in [
        &b"[default]\n aws_access_key_id = hunter2\n"[..],
        b"[default] x\n",
        b"[other]\nhunter2\n[default]\naws_access_key_id = AKIA\n",
    ] {
        let (server, run, _folder) = canned(secret, text);
        let found = response(&run.request(&["a"]).end());
        let error = &found["errors"]["a"];
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            error["code"] == "MISCONFIGURED" && message.contains("line ") && !message.contains("hunter2"),
            "{found}"
        );
        assert_eq!(server.connections(), 0);
    }
}
