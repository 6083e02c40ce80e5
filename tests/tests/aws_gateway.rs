//! The resolver of AWS as the real gateway starts it, with secrets from ministack: an ordinary user, the binary of a package,
//! and an executable profile.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::fault::{Answer, Server, Setup};
use secretref_tests::gateway::{self, Gateway, exec, models};
use secretref_tests::jwt::Issuer;
use secretref_tests::resolver;
use secretref_tests::stores::aws::api::REGION;
use secretref_tests::stores::aws::emulators::{Emulator, everyone};
use secretref_tests::stores::aws::signature::Key;
use serde_json::json;
use tempfile::TempDir;

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n+/==\n-----END PRIVATE KEY-----\n";

/// A server with secrets, a gateway of an ordinary user, and the resolver as a package installs it.
struct Place {
    server: Emulator,
    account: String,
    key: Key,
    gateway: Gateway,
    package: TempDir,
}

impl Place {
    fn new() -> Self {
        assert!(gateway::is_root(), "needs root: it starts the gateway as another user over files of root");
        let server = Emulator::ministack();
        let (account, key) = server.account();
        let put = |name: &str, text: &str| {
            let body = json!({"Name": name, "SecretString": text});
            server.api.secrets(&key, REGION, "CreateSecret", &body);
        };
        put("openai", "sk-one");
        put("slack", "{\"token\":\"xoxb-two\"}");
        put("tls", PEM);
        let package = tempfile::tempdir().expect("a folder");
        let binary = package.path().join("secretref-aws");
        resolver::copy("secretref-aws", &binary);
        for path in [package.path(), &binary] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
        }
        Self { server, account, key, gateway: Gateway::ordinary(), package }
    }

    /// An executable profile of the gateway's user; what it names is next to it.
    fn profile(&self, name: &str, lines: &str) -> PathBuf {
        let (binary, https) = (self.package.path().join("secretref-aws"), &self.server.https);
        let ca = fs::read(&self.server.ca).expect("a certificate");
        self.gateway.file("ca.pem", 0o644, ca);
        let text = format!(
            "#!{} --profile\nregion = \"{REGION}\"\nendpoint_url = \"{https}\"\nsts_endpoint_url = \"{https}\"\nca_cert = \
             \"ca.pem\"\nkeep_session = \"{}\"\n{lines}",
            binary.display(),
            self.gateway.folder().join("home/kept").display()
        );
        self.gateway.file(name, 0o700, text)
    }

    /// The file of an access key, and the lines that name it.
    fn static_keys(&self) -> String {
        let text = format!(
            "[default]\naws_access_key_id={}\naws_secret_access_key={}\n",
            self.key.id, self.key.secret
        );
        self.gateway.file("credentials", 0o600, text);
        "auth = \"profile\"\naws_credentials_file = \"credentials\"\n".to_owned()
    }
}

#[test]
#[ignore = "needs the real gateway and ministack: tests/run installs them"]
fn an_ordinary_user_resolves_by_a_key_a_role_and_a_web_identity() {
    let place = Place::new();
    let role = place.server.role(&place.account, "reader", &everyone());
    let provider = format!("arn:aws:iam::{}:oidc-provider/oidc.example.com", place.account);
    let trust = json!({
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
    });
    let web_role = place.server.role(&place.account, "web", &trust);
    let claims = json!({"iss": "https://oidc.example.com", "aud": "sts.amazonaws.com", "sub": "gateway"});
    place.gateway.file("token", 0o600, Issuer::new().sign(&claims, 300));
    let keys = place.static_keys();
    let web =
        format!("auth = \"web_identity\"\nweb_identity_token_file = \"token\"\nrole_arn = \"{web_role}\"\n");
    let providers = json!({
        "keys": exec(&place.profile("keys.toml", &keys)),
        "role": exec(&place.profile("role.toml", &format!("{keys}role_arn = \"{role}\"\n"))),
        "web": exec(&place.profile("web.toml", &web)),
    });
    let ids = ["openai", "slack#token", "tls", "openai##AWSCURRENT"];
    let asks = [("keys", &ids[..]), ("role", &ids), ("web", &ids), ("role", &ids), ("web", &ids)];
    for ((provider, _), answer) in asks.iter().zip(place.gateway.resolve(&providers, &asks, &[])) {
        let values = answer.unwrap_or_else(|why| panic!("{provider}: {why}"));
        assert_eq!(ids.map(|id| values[id].as_str()), ["sk-one", "xoxb-two", PEM, "sk-one"], "{provider}");
    }
    assert_eq!(place.gateway.validate(&providers).len(), 0);
}

#[test]
#[ignore = "needs the real gateway and ministack: tests/run installs them"]
fn an_audit_names_the_id_that_does_not_resolve() {
    let place = Place::new();
    let provider = exec(&place.profile("aws.toml", &place.static_keys()));
    for (ids, expected) in [(&["openai", "tls"][..], 0), (&["openai", "no/such"], 2)] {
        place.gateway.configure(&models("aws", &provider, ids));
        let (code, report) =
            place.gateway.openclaw_json(&["secrets", "audit", "--allow-exec", "--check", "--json"]);
        assert_eq!(code, Some(expected), "{report:#}");
        let is_named = report.to_string().contains("failed for id \\\"no/such\\\" (NOT_FOUND)");
        assert_eq!(is_named, expected == 2, "{report:#}");
    }
}

/// What an agent writes into the `.env` of the gateway leads no request elsewhere, and brings no other credentials.
#[test]
#[ignore = "needs the real gateway and ministack: tests/run installs them"]
fn hostile_variables_see_no_connection() {
    let place = Place::new();
    let trap = Server::start(
        Setup::default(),
        std::sync::Arc::new(|_| Answer::new(200, "{}")),
        std::sync::Arc::new(|act, _| act),
    );
    let url = trap.url();
    let mark = place.gateway.folder().join("ran");
    let planted = place.gateway.file("planted", 0o700, format!("#!/bin/sh\ntouch '{}'\n", mark.display()));
    let config = format!(
        "[default]\nregion = eu-west-1\nendpoint_url = {url}\ncredential_process = {0}\n[profile hostile]\n\
         endpoint_url = {url}\ncredential_process = {0}\n",
        planted.display()
    );
    let config = place.gateway.file("hostile-config", 0o600, config).display().to_string();
    let hostile = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url),
        ("AWS_ENDPOINT_URL_STS", &url),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_PROFILE", "hostile"),
        ("AWS_DEFAULT_PROFILE", "hostile"),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_SHARED_CREDENTIALS_FILE", &config),
        ("AWS_ACCESS_KEY_ID", "AKIAHOSTILEHOSTILE00"),
        ("AWS_SECRET_ACCESS_KEY", "hostile"),
        ("AWS_SESSION_TOKEN", "hostile"),
        ("AWS_ROLE_ARN", "arn:aws:iam::666666666666:role/hostile"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &config),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_CA_BUNDLE", "/hostile/ca.pem"),
        ("SSL_CERT_FILE", "/hostile/ca.pem"),
        ("HTTPS_PROXY", &url),
        ("ALL_PROXY", &url),
        ("HOME", "/hostile"),
    ];
    let lines = hostile.map(|(name, value)| format!("{name}={value}\n"));
    place.gateway.file("state/.env", 0o600, lines.concat());
    let names: Vec<&str> = hostile.iter().map(|(name, _)| *name).collect();
    let keys = place.static_keys();
    let exposed = |profile: PathBuf| {
        let mut provider = exec(&profile);
        provider["passEnv"] = json!(names);
        provider
    };
    let role = place.server.role(&place.account, "reader", &everyone());
    let trusting = place.gateway.file(
        "trusting.toml",
        0o700,
        format!(
            "#!{} --profile\nenv = [\"AWS_ENDPOINT_URL\", \"AWS_ACCESS_KEY_ID\", \"AWS_SECRET_ACCESS_KEY\", \"AWS_REGION\"]\n\
             timeout = \"900ms\"\n",
            place.package.path().join("secretref-aws").display()
        ),
    );
    let providers = json!({
        "trusting": exposed(trusting),
        "keys": exposed(place.profile("keys.toml", &keys)),
        "chain": exposed(place.profile("chain.toml", "aws_credentials_file = \"credentials\"\n")),
        "role": exposed(place.profile("role.toml", &format!("{keys}role_arn = \"{role}\"\n"))),
    });
    // The variables do arrive: a profile that lists them follows them.
    let ids = ["openai"];
    let answers = place.gateway.resolve(&providers, &[("trusting", &ids)], &hostile);
    assert!(answers[0].is_err(), "{answers:?}");
    let visits = trap.connections();
    assert_ne!(visits, 0, "the trap does not work");
    let asks: [(&str, &[&str]); 3] = [("keys", &ids), ("chain", &ids), ("role", &ids)];
    for answer in place.gateway.resolve(&providers, &asks, &hostile) {
        assert_eq!(answer.expect("values")["openai"], "sk-one");
    }
    assert_eq!(trap.connections(), visits, "something was sent to the trap");
    assert!(!mark.exists(), "the program ran");
}
