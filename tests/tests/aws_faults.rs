//! Answers of AWS's services that are late, damaged, endless or of another server: each id gets its own right outcome.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secretref_tests::fault::{Act, Answer, Asked, Server, Setup, Then, Until, slow};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::stores::aws::servers;
use secretref_tests::stores::aws::signature::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
/// An ARN in the account of the credentials.
const OWN: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:own";

/// A server of all services of AWS, and a folder with a profile that leads to it.
struct Place {
    server: Server,
    folder: TempDir,
}

impl Place {
    /// `answer` is tried first; `None` for the right answer.
    fn new(answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::slow(answer, |_| false)
    }

    /// The same, but a request that `hangs` is never answered.
    fn slow(
        answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
        hangs: impl Fn(&Asked) -> bool + Send + Sync + 'static,
    ) -> Self {
        let handler = move |asked: &Asked| answer(asked).unwrap_or_else(|| right(asked));
        Self::of(Server::start(Setup::default(), Arc::new(handler), slow(Duration::ZERO, hangs)))
    }

    fn of(server: Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
        let key = Key { id: "AKIAKIT0000000000000".into(), secret: "s".repeat(40), token: None };
        servers::credentials_file(folder.path(), &key);
        let place = Self { server, folder };
        place.file(
            "credentials",
            0o600,
            &fs::read_to_string(place.path().join("credentials")).expect("a file"),
        );
        place.profile("");
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        path
    }

    /// Writes the profile with the access key, and these lines.
    fn profile(&self, lines: &str) {
        self.bare_profile(&format!("region = \"{REGION}\"\naws_credentials_file = \"credentials\"\n{lines}"));
    }

    /// Writes the profile without region and access key.
    fn bare_profile(&self, lines: &str) {
        let (url, kept) = (self.server.url(), self.path().join("kept"));
        let text = format!(
            "endpoint_url = \"{url}\"\nsts_endpoint_url = \"{url}\"\nkeep_session = \"{}\"\n{lines}",
            kept.display()
        );
        self.file("profile.toml", 0o600, &text);
    }

    fn run(&self) -> Run {
        let profile = self.path().join("profile.toml");
        Run::new(resolver::path("secretref-aws")).args(["--profile".as_ref(), profile.as_os_str()])
    }

    fn ask(&self, ids: &[&str]) -> (Ended, Value) {
        answered(self.run().request(ids).end())
    }

    /// The code and the message of an id that has no value.
    fn failure(&self, id: &str) -> String {
        failure(&self.ask(&[id]), id)
    }
}

fn answered(ended: Ended) -> (Ended, Value) {
    let response = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended, response)
}

fn failure((ended, response): &(Ended, Value), id: &str) -> String {
    let text =
        |key: &str| response["errors"][id][key].as_str().unwrap_or_else(|| panic!("{ended:?}")).to_owned();
    format!("{} {}", text("code"), text("message"))
}

fn target(asked: &Asked) -> &str {
    let target =
        asked.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

fn is_of_sts(asked: &Asked) -> bool {
    asked.what().contains("Action=")
}

/// The right answer: every name has a value.
fn right(asked: &Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    match target(asked) {
        "GetSecretValue" => reply(200, &secret(&body["SecretId"])),
        "BatchGetSecretValue" => {
            let values: Vec<Value> =
                body["SecretIdList"].as_array().into_iter().flatten().map(secret).collect();
            reply(200, &json!({"SecretValues": values, "Errors": []}))
        }
        _ if asked.what().contains("GetCallerIdentity") => xml(
            200,
            &format!(
                "<GetCallerIdentityResponse {STS}><GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/kit</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
        ),
        _ => reply(400, &json!({"__type": "UnknownOperationException"})),
    }
}

fn secret(id: &Value) -> Value {
    let id = id.as_str().unwrap_or_default();
    let name = id.rsplit(':').next().unwrap_or_default();
    json!({
        "ARN": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"), "Name": name,
        "VersionId": "00000000-0000-4000-8000-000000000000", "VersionStages": ["AWSCURRENT"],
        "SecretString": format!("value-{name}"), "CreatedDate": 1_767_225_600.5,
    })
}

const STS: &str = "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"";

fn reply(status: u16, body: &Value) -> Answer {
    Answer::new(status, body.to_string()).header("content-type", "application/x-amz-json-1.1")
}

fn xml(status: u16, body: &str) -> Answer {
    Answer::new(status, body).header("content-type", "text/xml")
}

fn sts_refusal(status: u16, code: &str) -> Answer {
    xml(
        status,
        &format!(
            "<ErrorResponse {STS}><Error><Type>Sender</Type><Code>{code}</Code><Message>canary</Message></Error><RequestId>kit</RequestId></ErrorResponse>"
        ),
    )
}

/// STS is asked because of one id, and the others do not wait for it.
#[test]
fn a_silent_sts_costs_only_the_ids_that_need_it() {
    let place = Place::slow(|_| None, is_of_sts);
    place.profile("timeout = \"700ms\"\n");
    let (ended, response) = place.ask(&["a", "b", OWN, "c##AWSCURRENT"]);
    assert_eq!(
        response["values"],
        json!({"a": "value-a", "b": "value-b", "c##AWSCURRENT": "value-c"}),
        "{ended:?}"
    );
    assert_eq!(response["errors"][OWN]["code"], "TIMEOUT", "{ended:?}");
}

#[test]
fn sts_is_asked_once_for_all_ids_also_if_it_refuses() {
    let place = Place::new(|asked| is_of_sts(asked).then(|| sts_refusal(403, "AccessDenied")));
    let ids: Vec<String> = (0..70).map(|number| format!("{OWN}{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).chain(["a"]).collect();
    let (ended, response) = place.ask(&ids);
    assert_eq!(response["values"], json!({"a": "value-a"}), "{ended:?}");
    assert_eq!(response["errors"].as_object().map(serde_json::Map::len), Some(70));
    assert_eq!(response["errors"][ids[0]]["code"], "ACCESS_DENIED");
    assert_eq!(place.server.asked("GetCallerIdentity"), 1);
    // A refusal that passes is asked about again.
    let place = Place::new(|asked| {
        (is_of_sts(asked) && asked.time == 1).then(|| sts_refusal(503, "ServiceUnavailable"))
    });
    assert_eq!(place.ask(&[OWN, "a"]).1["values"], json!({OWN: "value-own", "a": "value-a"}));
}

/// The settings name no region: an id of a stranger does not choose the host of the sign-in, and no request is sent.
#[test]
fn an_arn_does_not_choose_the_region_of_the_sign_in() {
    let place = Place::new(|_| None);
    let lines = format!("aws_credentials_file = \"credentials\"\nrole_arn = \"{ROLE}\"\n");
    place.bare_profile(&lines);
    let said = place.failure(OWN);
    assert!(said.starts_with("NOT_ALLOWED") && said.contains("set `region` to us-east-1"), "{said}");
    assert_eq!(place.server.connections(), 0);
    let said = place.failure("a");
    assert!(said.starts_with("MISCONFIGURED") && said.contains("list that in `allow`"), "{said}");
    place.bare_profile(&format!("aws_credentials_file = \"credentials\"\nallow = [\"{OWN}\"]\n"));
    assert_eq!(place.ask(&[OWN]).1["values"], json!({OWN: "value-own"}));
}

/// One secret of a batch that cannot be read costs no other one.
#[test]
fn a_batch_with_a_damaged_entry_is_read_one_by_one() {
    for damage in [
        json!({"SecretBinary": "%"}),
        json!({"SecretString": 7}),
        json!({"CreatedDate": "yesterday"}),
        json!({"VersionStages": "AWSCURRENT"}),
    ] {
        let told = damage.clone();
        let place = Place::new(move |asked| {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            let damaged = |id: &Value| {
                let mut entry = secret(id);
                if id == "b" {
                    entry
                        .as_object_mut()
                        .expect("an object")
                        .extend(told.as_object().expect("an object").clone());
                }
                entry
            };
            match target(asked) {
                "BatchGetSecretValue" => {
                    let values: Vec<_> =
                        body["SecretIdList"].as_array().into_iter().flatten().map(damaged).collect();
                    Some(reply(200, &json!({"SecretValues": values, "Errors": []})))
                }
                "GetSecretValue" if body["SecretId"] == "b" => Some(reply(200, &damaged(&body["SecretId"]))),
                _ => None,
            }
        });
        let (ended, response) = place.ask(&["a", "b", "c"]);
        assert_eq!(response["values"], json!({"a": "value-a", "c": "value-c"}), "{damage}: {ended:?}");
        assert_eq!(response["errors"]["b"]["code"], "UNAVAILABLE", "{damage}: {ended:?}");
    }
}

/// Another server than AWS is not asked about every id again.
#[test]
fn a_batch_that_another_server_answers_is_not_read_one_by_one() {
    let place = Place::new(|_| Some(Answer::new(200, "<html>canary</html>")));
    let (ended, response) = place.ask(&["a", "b", "c"]);
    assert_eq!(response["errors"].as_object().map(serde_json::Map::len), Some(3), "{ended:?}");
    assert_eq!(place.server.asked("SecretId"), 1);
}

#[test]
fn pages_without_an_end_are_not_read_to_the_deadline() {
    let token = |asked: &Asked| format!("next-{}", asked.what().len());
    // A batch: what the pages do not say is read alone.
    let place = Place::new(move |asked| match target(asked) {
        "BatchGetSecretValue" => {
            Some(reply(200, &json!({"SecretValues": [], "Errors": [], "NextToken": token(asked)})))
        }
        _ => None,
    });
    assert_eq!(place.ask(&["a", "b"]).1["values"], json!({"a": "value-a", "b": "value-b"}));
    assert_eq!(place.server.asked("SecretIdList"), 1);
    // A list.
    for (secrets, token) in [
        (json!([]), (|asked: &Asked| format!("next-{}", asked.what().len())) as fn(&Asked) -> String),
        (json!([secret(&json!("a"))]), |_| "the-same".to_owned()),
    ] {
        let place = Place::new(move |asked| {
            Some(reply(200, &json!({"SecretList": secrets, "NextToken": token(asked)})))
        });
        let ended = place.run().args(["list"]).end();
        assert!(ended.code != Some(0) && ended.stderr.contains("nothing new is on them"), "{ended:?}");
        assert!(ended.took < Duration::from_millis(2500), "{ended:?}");
    }
}

/// Credentials with characters that no header has are not used and not kept, wherever they are from.
#[test]
fn damaged_credentials_are_not_used_and_not_kept() {
    let issued = |key: &'static str, secret: &'static str, token: &'static str| json!({"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": "2099-01-01T00:00:00Z"});
    let lines = |place: &Place| {
        format!(
            "region = \"{REGION}\"\nauth = \"container\"\ncontainer_credentials_uri = \"{}/creds\"\n",
            place.server.url()
        )
    };
    for (key, secret, token) in [
        ("ASIA\n", "s", "t"),
        ("ASIA", "s\u{0}", "t"),
        ("ASIA", "s", "t\r\nx: y"),
        ("", "s", "t"),
        ("ASIA", "s", "\u{e9}"),
    ] {
        let place = Place::new(move |asked| {
            let credentials =
                if asked.time == 1 { issued(key, secret, token) } else { issued("ASIA", "s", "t") };
            (asked.path == "/creds").then(|| Answer::new(200, credentials.to_string()))
        });
        place.bare_profile(&lines(&place));
        let said = place.failure("a");
        assert!(
            said.starts_with("UNAVAILABLE") && said.contains("no key of AWS has"),
            "{key:?} {secret:?} {token:?}: {said}"
        );
        assert_eq!(place.ask(&["a"]).1["values"], json!({"a": "value-a"}), "{key:?} {secret:?} {token:?}");
    }
    // By STS.
    let place = Place::new(|asked| {
        asked.what().contains("Action=AssumeRole").then(|| {
            xml(200, &format!("<AssumeRoleResponse {STS}><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t&#10;t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"))
        })
    });
    place.profile(&format!("role_arn = \"{ROLE}\"\n"));
    let said = place.failure("a");
    assert!(said.starts_with("UNAVAILABLE") && said.contains("STS gives a session token"), "{said}");
    // By a program.
    let program = place.file(
        "program",
        0o700,
        "#!/bin/sh\nprintf %s '{\"Version\":1,\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"a\\nb\"}'\n",
    );
    place.bare_profile(&format!(
        "region = \"{REGION}\"\nauth = \"process\"\ncredential_process = \"{}\"\n",
        program.display()
    ));
    let said = place.failure("a");
    assert!(said.starts_with("UNAVAILABLE") && said.contains("a session token"), "{said}");
    // Written by a person.
    place.file(
        "credentials",
        0o600,
        "[default]\naws_access_key_id = AKIA\naws_secret_access_key = a\u{1}b\n",
    );
    place.profile("");
    let said = place.failure("a");
    assert!(
        said.starts_with("MISCONFIGURED") && said.contains("a secret access key in [default] of /"),
        "{said}"
    );
    place.bare_profile(&format!("region = \"{REGION}\"\nauth = \"environment\"\nenv = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\", \"AWS_SESSION_TOKEN\"]\n"));
    let run = place
        .run()
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_SECRET_ACCESS_KEY", "s")
        .env("AWS_SESSION_TOKEN", "a\nb");
    let said = failure(&answered(run.request(&["a"]).end()), "a");
    assert!(
        said.starts_with("MISCONFIGURED") && said.contains("a session token in AWS_SESSION_TOKEN"),
        "{said}"
    );
}

/// A file of the session cache that another version or a full disk has damaged is written again.
#[test]
fn damaged_credentials_of_the_cache_are_replaced() {
    for damage in [
        ("\"expires\":4070908800", "\"expires\":18446744073709551615"),
        ("\"secret\":\"s\"", "\"secret\":\"s\\n\""),
        ("\"token\":\"t\"", "\"token\":\"t\\u0000\""),
        ("{\"id\"", "{\"di\""),
    ] {
        let place = Place::new(|asked| {
            let credentials = json!({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"});
            (asked.path == "/creds").then(|| Answer::new(200, credentials.to_string()))
        });
        place.bare_profile(&format!(
            "region = \"{REGION}\"\nauth = \"container\"\ncontainer_credentials_uri = \"{}/creds\"\n",
            place.server.url()
        ));
        let values = json!({"a": "value-a"});
        assert_eq!(place.ask(&["a"]).1["values"], values);
        let mut damaged = 0;
        for entry in fs::read_dir(place.path().join("kept")).expect("a folder").flatten() {
            let text = fs::read_to_string(entry.path()).expect("a file");
            damaged += usize::from(text.contains(damage.0));
            fs::write(entry.path(), text.replace(damage.0, damage.1)).expect("a file");
        }
        assert_eq!(damaged, 1, "{damage:?}");
        for _ in 0..2 {
            let (ended, response) = place.ask(&["a"]);
            assert_eq!(response["values"], values, "{damage:?}: {ended:?}");
        }
        assert_eq!(place.server.asked("/creds"), 2, "{damage:?}");
    }
}

/// Credentials that were issued while nothing was verified are not used by a run that verifies.
#[test]
fn cached_credentials_belong_to_the_certificates_that_were_trusted() {
    let place = Place::new(|asked| {
        let credentials = json!({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"});
        (asked.path == "/creds").then(|| Answer::new(200, credentials.to_string()))
    });
    let ca = place.file("ca.pem", 0o600, "");
    for (lines, asked) in [
        (String::new(), 1),
        (String::new(), 1),
        ("tls_skip_verify = true\n".to_owned(), 2),
        (format!("ca_cert = \"{}\"\n", ca.display()), 3),
        ("ca_cert_bytes = \"x\"\n".to_owned(), 4),
        ("ca_cert_bytes = \"y\"\n".to_owned(), 5),
        (String::new(), 5),
    ] {
        place.bare_profile(&format!(
            "region = \"{REGION}\"\nauth = \"container\"\ncontainer_credentials_uri = \"{}/creds\"\n{lines}",
            place.server.url()
        ));
        let (ended, response) = place.ask(&["a"]);
        assert_eq!(response["values"], json!({"a": "value-a"}), "{lines}: {ended:?}");
        assert_eq!(place.server.asked("/creds"), asked, "{lines}");
    }
}

/// A metadata service that is there and cannot answer now is asked again, as what it says may pass.
#[test]
fn a_metadata_service_that_is_busy_is_asked_again() {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    const ROLE: &str = "/latest/meta-data/iam/security-credentials/gateway";
    let busy = |path: &'static str, status: u16, times: usize| {
        let answer = move |asked: &Asked| {
            let key = json!({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"});
            match asked.path.as_str() {
                busy if busy == path && asked.time <= times && status > 0 => {
                    Some(Answer::new(status, "canary"))
                }
                "/latest/api/token" => Some(Answer::new(200, "imds-token")),
                ROLES => Some(Answer::new(200, "gateway")),
                ROLE => Some(Answer::new(200, key.to_string())),
                _ => None,
            }
        };
        let cut = move |act: Act, asked: &Asked| {
            if status == 0 && asked.path == path && asked.time <= times {
                act.until(Until::Nothing).then(Then::ResetConnection)
            } else {
                act
            }
        };
        let handler = move |asked: &Asked| answer(asked).unwrap_or_else(|| right(asked));
        let place = Place::of(Server::start(Setup::default(), Arc::new(handler), Arc::new(cut)));
        let url = place.server.url();
        place
            .bare_profile(&format!("region = \"{REGION}\"\nauth = \"instance\"\naws_metadata = \"{url}\"\n"));
        place
    };
    for path in ["/latest/api/token", ROLES, ROLE] {
        for status in [429, 500, 503, 0] {
            if (path, status) == ("/latest/api/token", 0) {
                continue;
            }
            let (ended, response) = busy(path, status, 1).ask(&["a"]);
            assert_eq!(response["values"], json!({"a": "value-a"}), "{path} {status}: {ended:?}");
            let said = busy(path, status, 99).failure("a");
            let code = if status == 429 { "RATE_LIMITED" } else { "UNAVAILABLE" };
            assert!(
                said.starts_with(code) && said.contains("the instance metadata service at"),
                "{path} {status}: {said}"
            );
        }
    }
    assert!(busy(ROLES, 404, 99).failure("a").starts_with("MISCONFIGURED"));
}

#[test]
fn an_issuer_that_sts_does_not_reach_is_asked_again() {
    let place = Place::new(|asked| {
        asked.what().contains("WithWebIdentity").then(|| match asked.time {
            1 => sts_refusal(400, "IDPCommunicationError"),
            _ => xml(200, &format!("<AssumeRoleWithWebIdentityResponse {STS}><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")),
        })
    });
    place.file("token", 0o600, "web-token");
    // The name of the session is the id of the run by default.
    place.bare_profile(&format!("region = \"{REGION}\"\nrole_session_name = \"kit\"\nweb_identity_token_file = \"token\"\nrole_arn = \"{ROLE}\"\n"));
    let (ended, response) = place.ask(&["a"]);
    assert_eq!(response["values"], json!({"a": "value-a"}), "{ended:?}");
}

/// Variables that the SDK reads by itself do not reach a request.
#[test]
fn variables_of_the_sdk_do_no_harm() {
    let place = Place::new(|asked| {
        let agent =
            asked.headers.get("x-amz-user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        agent.contains("canary").then(|| reply(400, &json!({"__type": "canary"})))
    });
    for name in ["AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID", "AWS_SDK_UA_APP_ID"] {
        for text in ["canary\ncanary", "canary", "\u{e9}"] {
            let run = place.run().env(name, text).env("AWS_LAMBDA_FUNCTION_NAME", text);
            let (ended, response) = answered(run.request(&["a", OWN]).end());
            assert_eq!(
                response["values"],
                json!({"a": "value-a", OWN: "value-own"}),
                "{name} {text:?}: {ended:?}"
            );
        }
    }
}

/// A time of the server that no signature can have: the SDK learns the difference of the clocks from it.
#[test]
fn a_time_of_the_server_that_is_absurd_does_no_harm() {
    for date in
        ["Sat, 01 Jan 1949 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"]
    {
        let place = Place::new(move |_| {
            Some(reply(400, &json!({"__type": "InvalidSignatureException"})).header("date", date))
        });
        let said = place.failure("a");
        assert!(said.starts_with("UNAUTHENTICATED"), "{date}: {said}");
    }
}

/// Other tools make ids of versions that are no UUIDs.
#[test]
fn a_version_has_the_id_that_its_tool_gave_it() {
    let id = "terraform-20250627043834191900000095";
    let place = Place::new(move |asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let mut found = secret(&body["SecretId"]);
        if body["VersionId"] == id {
            found["VersionId"] = json!(id);
            return Some(reply(200, &found));
        }
        Some(reply(400, &json!({"__type": "ResourceNotFoundException"})))
    });
    let asked = format!("a##{id}");
    assert_eq!(place.ask(&[&asked]).1["values"], json!({asked: "value-a"}));
    let other = "a##another-20250627043834191900000095";
    let said = place.failure(other);
    assert!(
        said.starts_with("NOT_FOUND")
            && said.contains("list-secret-version-ids --region us-east-1 --secret-id a"),
        "{said}"
    );
}

/// `doctor` and `check` warn of a file of keys that others can read, as of every other file with a secret.
#[test]
fn a_file_of_keys_that_others_can_read_is_warned_about() {
    let place = Place::new(|_| None);
    let file =
        place.file("credentials", 0o644, "[default]\naws_access_key_id = AKIA\naws_secret_access_key = s\n");
    for line in [["doctor", "a"], ["check", "a"]] {
        let ended = place.run().args(line).end();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("lets others read it (0644)"), "{line:?}: {ended:?}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a mode");
    // A config file only if it has keys.
    for (key, warnings) in [("output", 0), ("aws_secret_access_key", 1)] {
        place.file("config", 0o644, &format!("[default]\n{key} = json\n"));
        place.profile("aws_config_file = \"config\"\n");
        let ended = place.run().args(["doctor", "a"]).end();
        assert_eq!(ended.stdout.matches("lets others read it").count(), warnings, "{ended:?}");
    }
}

#[test]
fn a_wrong_secret_key_is_corrected_where_it_is_written() {
    let place = Place::new(|_| Some(reply(400, &json!({"__type": "InvalidSignatureException"}))));
    let said = place.failure("a");
    assert!(said.contains("correct aws_secret_access_key in [default] of /"), "{said}");
    place.bare_profile(&format!(
        "region = \"{REGION}\"\nenv = [\"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\"]\n"
    ));
    let run = place.run().env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "s");
    let said = failure(&answered(run.request(&["a"]).end()), "a");
    assert!(said.contains("correct AWS_SECRET_ACCESS_KEY"), "{said}");
}

/// Nothing is cached for a region, so none is needed.
#[test]
fn a_logout_needs_no_region() {
    let place = Place::new(|asked| {
        let credentials = json!({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"});
        (asked.path == "/creds").then(|| Answer::new(200, credentials.to_string()))
    });
    place.bare_profile(&format!(
        "auth = \"container\"\ncontainer_credentials_uri = \"{}/creds\"\nallow = [\"{OWN}\"]\n",
        place.server.url()
    ));
    assert_eq!(place.ask(&[OWN]).1["values"], json!({OWN: "value-own"}));
    for said in ["the cached credentials are removed", "no cached session"] {
        let ended = place.run().args(["logout"]).end();
        assert!(ended.code == Some(0) && ended.stderr.contains(said), "{ended:?}");
    }
}
