//! The resolver of Azure as the real gateway starts it, with secrets from the stand-in: an ordinary user, the binary of a
//! package, and an executable profile.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::canned::Canned;
use secretref_tests::gateway::{self, Gateway, exec, models};
use secretref_tests::model::Model;
use secretref_tests::resolver;
use secretref_tests::stores::azure::desk::{Desk, VAULT};
use secretref_tests::stores::azure::entra::TENANT;
use secretref_tests::stores::azure::rs256;
use secretref_tests::stores::azure::servers::{CLIENT, SECRET};
use serde_json::json;
use tempfile::TempDir;

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n+/==\n-----END PRIVATE KEY-----\n";

/// A vault with secrets, a gateway of an ordinary user, and the resolver as a package installs it.
struct Place {
    desk: Desk,
    gateway: Gateway,
    package: TempDir,
}

impl Place {
    fn new() -> Self {
        assert!(gateway::is_root(), "needs root: it starts the gateway as another user over files of root");
        let desk = Desk::new();
        desk.put("slack", "{\"token\":\"xoxb-two\"}");
        desk.put("tls", PEM);
        let package = tempfile::tempdir().expect("a folder");
        let binary = package.path().join("secretref-azure");
        resolver::copy("secretref-azure", &binary);
        for path in [package.path(), &binary] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
        }
        let place = Self { desk, gateway: Gateway::ordinary(), package };
        place.gateway.file("ca.pem", 0o644, fs::read(&place.desk.server().ca).expect("a certificate"));
        place.gateway.file("secret", 0o600, SECRET);
        place
    }

    /// The line that makes a profile a command.
    fn first_line(&self) -> String {
        format!("#!{} --profile\n", self.package.path().join("secretref-azure").display())
    }

    /// An executable profile of the gateway's user; what it names is next to it.
    fn profile(&self, name: &str, lines: &str) -> PathBuf {
        let text = format!(
            "{}vault = \"{VAULT}\"\nproxy = \"{}\"\nca_cert = \"ca.pem\"\nkeep_session = \"{}\"\n{lines}\n",
            self.first_line(),
            self.desk.server().proxy,
            self.gateway.folder().join("home/kept").display()
        );
        self.gateway.file(name, 0o700, text)
    }

    /// The same with an application.
    fn by_client(&self, name: &str, lines: &str) -> PathBuf {
        self.profile(name, &format!("tenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n{lines}"))
    }

    /// The same with its secret.
    fn by_secret(&self) -> PathBuf {
        self.by_client("azure.toml", "client_secret_file = \"secret\"")
    }
}

#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn an_ordinary_user_resolves_by_a_secret_a_certificate_a_workload_and_a_machine() {
    let place = Place::new();
    let key = rcgen::KeyPair::from_pem(rs256::CLIENT).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&key).expect("one");
    place.gateway.file("client.pem", 0o600, format!("{}{}", certificate.pem(), rs256::CLIENT));
    place.gateway.file("token", 0o600, place.desk.server().entra().cluster_token("gateway"));
    let machine = format!("metadata = \"{}\"", place.desk.server().metadata);
    let providers = json!({
        "secret": exec(&place.by_secret()),
        "certificate": exec(&place.by_client("certificate.toml", "client_certificate = \"client.pem\"")),
        "workload": exec(&place.by_client("workload.toml", "federated_token_file = \"token\"")),
        "machine": exec(&place.profile("machine.toml", &machine)),
    });
    let ids = ["openai", "slack#token", "tls", &format!("openai##{:032x}", 1)];
    let asks = ["secret", "certificate", "workload", "machine", "secret"].map(|name| (name, &ids[..]));
    for ((provider, _), answer) in asks.iter().zip(place.gateway.resolve(&providers, &asks, &[])) {
        let values = answer.unwrap_or_else(|why| panic!("{provider}: {why}"));
        let wanted = ["value-openai", "xoxb-two", PEM, "value-openai"];
        assert_eq!(ids.map(|id| values[id].as_str()), wanted, "{provider}");
    }
    assert_eq!(place.gateway.validate(&providers).len(), 0);
}

#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn an_audit_names_the_id_that_does_not_resolve() {
    let place = Place::new();
    let provider = exec(&place.by_secret());
    for (ids, expected) in [(&["openai", "tls"][..], 0), (&["openai", "no-such"], 2)] {
        place.gateway.configure(&models("azure", &provider, ids));
        let (code, report) =
            place.gateway.openclaw_json(&["secrets", "audit", "--allow-exec", "--check", "--json"]);
        assert_eq!(code, Some(expected), "{report:#}");
        let is_named = report.to_string().contains("failed for id \\\"no-such\\\" (NOT_FOUND)");
        assert_eq!(is_named, expected == 2, "{report:#}");
    }
}

#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn a_value_reaches_the_model_as_its_bearer_token() {
    let place = Place::new();
    let model = Model::start();
    let mut config = models("azure", &exec(&place.by_secret()), &["openai"]);
    config["models"]["providers"]["acme0"]["baseUrl"] = json!(model.address);
    place.gateway.configure(&config);
    let ask = ["infer", "model", "run", "--model", "acme0/m1", "--prompt", "hi", "--json"];
    let (code, reply) = place.gateway.openclaw_json(&ask);
    assert_eq!((code, &reply["outputs"][0]["text"]), (Some(0), &json!("hello")), "{reply:#}");
    let seen: Vec<_> = model.authorizations.try_iter().collect();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen == "Bearer value-openai"), "{seen:?}");
}

/// What an agent writes into the `.env` of the gateway leads no request elsewhere, and brings no other credentials.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn hostile_variables_see_no_connection() {
    let place = Place::new();
    let trap = Canned::http("200 OK", "", "{}");
    let url = trap.http.as_str();
    let hostile = [
        ("AZURE_AUTHORITY_HOST", url),
        ("IDENTITY_ENDPOINT", url),
        ("IDENTITY_HEADER", "hostile"),
        ("IMDS_ENDPOINT", url),
        ("MSI_ENDPOINT", url),
        ("MSI_SECRET", "hostile"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", url),
        ("AZURE_TENANT_ID", "evil.example"),
        ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000666"),
        ("AZURE_CLIENT_SECRET", "hostile"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "/hostile/client.pem"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/hostile/token"),
        ("AZURE_KEYVAULT_URL", url),
        ("KEY_VAULT_NAME", "hostile"),
        ("AZURE_CONFIG_DIR", "/hostile"),
        ("SSL_CERT_FILE", "/hostile/ca.pem"),
        ("HTTPS_PROXY", url),
        ("ALL_PROXY", url),
        ("HOME", "/hostile"),
    ];
    let lines = hostile.map(|(name, value)| format!("{name}={value}\n"));
    place.gateway.file("state/.env", 0o600, lines.concat());
    let names: Vec<&str> = hostile.iter().map(|(name, _)| *name).collect();
    let exposed = |profile: PathBuf| {
        let mut provider = exec(&profile);
        provider["passEnv"] = json!(names);
        provider
    };
    place.gateway.file("token", 0o600, place.desk.server().entra().cluster_token("gateway"));
    let trusting = format!(
        "{}vault = \"{VAULT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\nallow_http = true\n\
         env = [\"AZURE_AUTHORITY_HOST\", \"AZURE_TENANT_ID\"]\ntimeout = \"900ms\"\n",
        place.first_line()
    );
    let machine = format!("auth = \"managed_identity\"\nmetadata = \"{}\"", place.desk.server().metadata);
    let providers = json!({
        "trusting": exposed(place.gateway.file("trusting.toml", 0o700, trusting)),
        "secret": exposed(place.by_secret()),
        "workload": exposed(place.by_client("workload.toml", "federated_token_file = \"token\"")),
        "machine": exposed(place.profile("machine.toml", &machine)),
    });
    // The variables do arrive: a profile that lists them follows them.
    let ids = ["openai"];
    let answers = place.gateway.resolve(&providers, &[("trusting", &ids)], &hostile);
    assert!(answers[0].is_err(), "{answers:?}");
    let visits = trap.connections();
    assert_ne!(visits, 0, "the trap does not work");
    let asks: [(&str, &[&str]); 3] = [("secret", &ids), ("workload", &ids), ("machine", &ids)];
    for answer in place.gateway.resolve(&providers, &asks, &hostile) {
        assert_eq!(answer.expect("values")["openai"], "value-openai");
    }
    assert_eq!(trap.connections(), visits, "something was sent to the trap");
}
