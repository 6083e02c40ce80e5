//! An AWS that checks signatures: the emulator ministack, on this machine alone.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::{port, resolver};

/// The folder that `tests/install.py aws` makes.
const FOLDER: &str = "target/servers/ministack-1.5.33";

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct Aws {
    process: Child,
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// A key that IAM created, so its signatures are checked.
    pub key_id: String,
    /// The secret of the key.
    pub secret_key: String,
}

fn installed() -> PathBuf {
    let folder = resolver::repository().join(FOLDER);
    assert!(folder.exists(), "missing: {} (tests/install.py aws installs it)", folder.display());
    folder
}

impl Aws {
    /// Starts the emulator and makes a key.
    #[must_use]
    pub fn start() -> Self {
        let port = port::free();
        let process = Command::new("python3")
            .args(["-m", "ministack"])
            .env("PYTHONPATH", installed())
            .envs([("BIND_HOST", "127.0.0.1"), ("SERVICES", "sts,iam,imds"), ("AUTH", "true")])
            .envs([("GATEWAY_PORT", port.to_string().as_str()), ("IOT_MTLS_PORT", "0")])
            .env("MINISTACK_IMDS_V2_REQUIRED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ministack starts");
        let http = format!("http://127.0.0.1:{port}");
        let mut aws = Self { process, http, key_id: String::new(), secret_key: String::new() };
        aws.wait();
        let _ = aws.iam("CreateUser");
        let made = aws.iam("CreateAccessKey").expect("a key");
        element(&made, "AccessKeyId").clone_into(&mut aws.key_id);
        element(&made, "SecretAccessKey").clone_into(&mut aws.secret_key);
        aws
    }

    fn wait(&self) {
        for _ in 0..600 {
            if self.iam("ListUsers").is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("ministack did not start within 30 s");
    }

    /// A call by the root key, whose signature the emulator never checks.
    fn iam(&self, action: &str) -> Option<String> {
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x";
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let request = agent.post(&self.http).header("authorization", authorization);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let sent = request.send(format!("Action={action}&UserName=gateway&Version=2010-05-08"));
        sent.ok()?.body_mut().read_to_string().ok()
    }
}

/// The text of an XML element.
fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let rest = xml.split_once(&format!("<{name}>")).expect("the element").1;
    rest.split_once('<').expect("its end").0
}

/// Whether AWS, here at `http`, accepts the signed request in a sign-in, and returns an account for it. Vault does the
/// same.
#[must_use]
pub fn vouches(http: &str, login: &Value) -> bool {
    let headers = signed_headers(login);
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let request =
        headers.as_object().expect("headers").iter().fold(agent.post(http), |request, (name, value)| {
            request.header(name, value.as_str().expect("a header"))
        });
    login["iam_http_request_method"] == "POST" && request.send(decoded(login, "iam_request_body")).is_ok()
}

/// The headers of the signed request in a sign-in with AWS.
#[must_use]
pub fn signed_headers(login: &Value) -> Value {
    serde_json::from_str(&decoded(login, "iam_request_headers")).expect("headers")
}

/// The URL of the signed request in a sign-in with AWS.
#[must_use]
pub fn url(login: &Value) -> String {
    decoded(login, "iam_request_url")
}

fn decoded(login: &Value, key: &str) -> String {
    let bytes = BASE64_STANDARD.decode(login[key].as_str().expect("a text")).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
