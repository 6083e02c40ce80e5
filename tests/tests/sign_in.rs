//! Every way to sign in, on the real server if it has the method: from a profile, with an empty environment.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use secretref_tests::agent::Agent;
use secretref_tests::aws::{self, Aws};
use secretref_tests::canned::Canned;
use secretref_tests::certificate::Certificates;
use secretref_tests::fake_vault::{FakeVault, Manner};
use secretref_tests::jwt::Issuer;
use secretref_tests::openbao::OpenBao;
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with one secret, `a#k`, and a folder for the files of one resolver.
struct Bench {
    server: OpenBao,
    folder: TempDir,
}

impl Bench {
    fn new(methods: &[&str]) -> Self {
        let server = OpenBao::start();
        server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
        let policy = json!({"policy": "path \"secret/data/*\" { capabilities = [\"read\"] }"});
        server.api("sys/policies/acl/reader", Some(&policy));
        for method in methods {
            server.enable(method);
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
        Self { server, folder }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// A profile for the server, with a session cache of its own.
    fn profile(&self, lines: &str) -> PathBuf {
        let (address, ca) = (&self.server.https, self.server.ca.display());
        let kept = self.folder.path().join("kept");
        let text = format!(
            "address = \"{address}\"\nca_cert = \"{ca}\"\nkeep_session = \"{}\"\n{lines}\n",
            kept.display()
        );
        self.file("profile.toml", &text)
    }

    /// Makes the cached session older by this many seconds.
    fn age(&self, seconds: u64) {
        let is_record = |path: &PathBuf| path.extension().is_none();
        let kept = fs::read_dir(self.folder.path().join("kept")).expect("what is kept").flatten();
        for path in kept.map(|entry| entry.path()).filter(is_record) {
            let text = fs::read_to_string(&path).expect("a record");
            let (head, session) = text.split_once('\n').expect("two lines");
            let mut head: Value = serde_json::from_str(head).expect("JSON");
            head["since"] = json!(head["since"].as_u64().expect("a time") - seconds * 1000);
            fs::write(&path, format!("{head}\n{session}")).expect("a record");
        }
    }

    fn approle(&self, role: &Value) -> String {
        let mut all = json!({"token_policies": "reader", "token_ttl": "1h"});
        all.as_object_mut().expect("an object").extend(role.as_object().expect("a role").clone());
        self.server.api("auth/approle/role/gateway", Some(&all));
        let found = self.server.api("auth/approle/role/gateway/role-id", None);
        found["data"]["role_id"].as_str().expect("a role id").to_owned()
    }

    fn secret_id(&self) -> String {
        let made = self.server.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
        made["data"]["secret_id"].as_str().expect("a secret id").to_owned()
    }
}

fn start(profile: &Path) -> Ended {
    let run = Run::new(resolver::path("secretref-vault")).args(["--profile".as_ref(), profile.as_os_str()]);
    run.request(&["a#k"]).end()
}

fn logout(profile: &Path) -> Ended {
    let arguments = ["logout".as_ref(), "--profile".as_ref(), profile.as_os_str()];
    Run::new(resolver::path("secretref-vault")).args(arguments).end()
}

fn value(ended: &Ended) -> Value {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    response["values"]["a#k"].clone()
}

/// The code and message of the one id, and the exit code.
fn failure(ended: &Ended) -> (String, String, Option<i32>) {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    let text = |key: &str| response["errors"]["a#k"][key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"), ended.code)
}

/// Two starts in a row and eight at once are one sign-in; after `logout` there is one more.
fn works_and_is_kept(bench: &Bench, profile: &Path, login: &str) {
    let before = bench.server.audited(login);
    for _ in 0..2 {
        let ended = start(profile);
        assert_eq!(value(&ended), "value-a", "{ended:?}");
    }
    assert_eq!(bench.server.audited(login) - before, 1, "{login}: the second start signs in again");

    let out = logout(profile);
    assert_eq!(
        (out.code, out.stderr.as_str()),
        (Some(0), "note: the cached session is revoked and removed\n")
    );
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| start(profile))).collect();
        for ended in starts {
            assert_eq!(value(&ended.join().expect("a start")), "value-a");
        }
    });
    assert_eq!(
        bench.server.audited(login) - before,
        2,
        "{login}: eight starts at once sign in more than once"
    );
    assert_eq!(logout(profile).code, Some(0));
    assert_eq!(logout(profile).stderr, "note: no cached session\n");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn approle_with_a_secret_id_and_without() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    works_and_is_kept(&bench, &bench.profile(&lines), "auth/approle/login");

    let alone = format!("auth = \"approle\"\nbind_secret_id = false\nrole_id = \"{role_id}\"");
    let alone = bench.profile(&alone);
    for begin in ["sign-in by approle", "not tried again, refused 0 s ago: sign-in by approle"] {
        let (code, message, exit) = failure(&start(&alone));
        assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
        assert!(message.starts_with(begin), "{message}");
        for words in ["the role needs a secret id", "`role_id`, which was sent alone", "run `logout`"] {
            assert!(message.contains(words), "{message}");
        }
    }

    let role_id = bench.approle(&json!({"bind_secret_id": false, "token_bound_cidrs": "127.0.0.1/32"}));
    let out = logout(&alone);
    assert!(out.stderr.contains("the cached refusal is cleared"), "{out:?}");
    let lines = format!("auth = \"approle\"\nbind_secret_id = false\nrole_id = \"{role_id}\"");
    works_and_is_kept(&bench, &bench.profile(&lines), "auth/approle/login");
}

/// If a variable with a credential is missing, nothing is sent, so no credential is blocked afterwards.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_variable_that_the_gateway_does_not_pass_is_named_and_nothing_is_sent() {
    let bench = Bench::new(&["approle", "userpass"]);
    let role_id = bench.approle(&json!({}));
    let secret_id = bench.secret_id();
    let systemd = "add CREDENTIALS_DIRECTORY to the gateway's passEnv";
    let role = format!("role_id = \"{role_id}\"");
    for (lines, words) in [
        (
            format!("auth = \"approle\"\n{role}"),
            &["there is no secret id", systemd, "`bind_secret_id` = false"][..],
        ),
        (
            format!("auth = \"approle\"\n{role}\nsecret_id_wrapped = true"),
            &["there is no secret id", systemd],
        ),
        (
            format!("auth = \"approle\"\n{role}\nenv = [\"VAULT_SECRET_ID\"]"),
            &[
                "VAULT_SECRET_ID is not set in this environment",
                "add VAULT_SECRET_ID to the gateway's passEnv",
            ],
        ),
        (
            "auth = \"approle\"\nenv = [\"VAULT_ROLE_ID\"]".into(),
            &["`role_id` is not set", "add VAULT_ROLE_ID to the gateway's passEnv"],
        ),
        ("auth = \"approle\"".into(), &["`role_id` is not set", "env = [\"VAULT_ROLE_ID\"] to the profile"]),
        (
            "auth = \"userpass\"\nusername = \"u\"\nenv = [\"VAULT_PASSWORD\"]".into(),
            &["there is no password", "add VAULT_PASSWORD to the gateway's passEnv", systemd],
        ),
        (
            "auth = \"jwt\"\nrole = \"r\"\nenv = [\"OPENCLAW_VAULT_JWT_FILE\"]".into(),
            &["there is no JWT", "OPENCLAW_VAULT_JWT_FILE is not set in this environment"],
        ),
        (
            "auth = \"kubernetes\"\nrole = \"r\"\nenv = [\"VAULT_JWT\"]".into(),
            &["there is no JWT", "add VAULT_JWT to the gateway's passEnv"],
        ),
        (
            "env = [\"VAULT_TOKEN\"]".into(),
            &["there is no token", "add VAULT_TOKEN to the gateway's passEnv"],
        ),
        ("auth = \"token\"".into(), &["there is no token", systemd]),
        (
            "auth = \"token_file\"\nenv = [\"VAULT_TOKEN_FILE\"]".into(),
            &["there is no token", "VAULT_TOKEN_FILE is not set in this environment"],
        ),
    ] {
        let (code, message, exit) = failure(&start(&bench.profile(&lines)));
        assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)), "{lines}: {message}");
        for words in words {
            assert!(message.contains(words), "{lines}: {words}: {message}");
        }
    }
    assert_eq!(bench.server.audited("auth/approle/login"), 0);

    // As the hint says: with the folder of systemd's credentials it works.
    let profile = bench.profile(&format!("auth = \"approle\"\n{role}"));
    let credentials = resolver::of_a_unit();
    fs::write(credentials.path().join("vault-secret-id"), secret_id).expect("a file");
    let run = Run::new(resolver::path("secretref-vault")).args(["--profile".as_ref(), profile.as_os_str()]);
    let run = run.env("CREDENTIALS_DIRECTORY", credentials.path());
    assert_eq!(value(&run.request(&["a#k"]).end()), "value-a");
}

/// A text that cannot be the credential is not sent to the server, which would count a failed attempt.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn an_invalid_credential_is_not_sent() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({}));
    let secret_id = bench.secret_id();
    let before = bench.server.audit().len();
    for (text, words) in [
        ("{\"auth\":{\"client_token\":\"CREDENTIAL\"}}", "is JSON"),
        ("\"CREDENTIAL\"", "has quotes around it"),
        ("'CREDENTIAL'\n", "has quotes around it"),
        ("\u{feff}CREDENTIAL", "begins with a byte order mark"),
        ("VAULT_TOKEN=CREDENTIAL", "begins with the name of a variable"),
        ("export VAULT_SECRET_ID=CREDENTIAL", "begins with the name of a variable"),
        ("Key  Value\ntoken  CREDENTIAL", "has several lines"),
        ("C\0R\0E\0D\0", "contains NUL bytes"),
    ] {
        bench.file("credential", &text.replace("CREDENTIAL", &secret_id));
        for lines in [
            "token_file = \"credential\"".to_owned(),
            format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"credential\""),
            "auth = \"jwt\"\nrole = \"r\"\njwt_file = \"credential\"".to_owned(),
        ] {
            let (code, message, exit) = failure(&start(&bench.profile(&lines)));
            assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)), "{lines}: {message}");
            assert!(message.contains(words) && message.contains("was not sent"), "{lines}: {message}");
            assert!(!message.contains(&secret_id), "{message}");
        }
    }
    bench.file("utf-16", "");
    fs::write(bench.folder.path().join("utf-16"), b"\xff\xfeh\0v\0s\0").expect("a file");
    let (_, message, _) = failure(&start(&bench.profile("token_file = \"utf-16\"")));
    assert!(message.contains("is UTF-16"), "{message}");
    assert_eq!(bench.server.audit().len(), before, "something was sent");
}

/// A secret id can be any text that an operator chose, such as one in base64.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_secret_id_of_the_operators_own_signs_in() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({}));
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    for secret_id in ["QUJDRA==", "correct horse battery", "abc'def'", "[abc"] {
        let own = json!({"secret_id": secret_id});
        bench.server.api("auth/approle/role/gateway/custom-secret-id", Some(&own));
        bench.file("secret-id", secret_id);
        assert_eq!(value(&start(&profile)), "value-a", "{secret_id}");
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_secret_id_bound_to_another_address_is_reported() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({"secret_id_bound_cidrs": "10.0.0.0/8"}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    let refused = |ended: &Ended| {
        let (code, message, exit) = failure(ended);
        assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)), "{message}");
        assert!(message.contains("cannot be used from this machine's address"), "{message}");
        assert!(!message.contains("new secret id"), "{message}");
    };
    refused(&start(&profile));
    // The same for a secret id with its own binding.
    bench.approle(&json!({"secret_id_bound_cidrs": ""}));
    let bound = json!({"cidr_list": "10.0.0.0/8"});
    let made = bench.server.api("auth/approle/role/gateway/secret-id", Some(&bound));
    bench.file("secret-id", made["data"]["secret_id"].as_str().expect("a secret id"));
    refused(&start(&profile));
    bench.approle(&json!({"secret_id_bound_cidrs": "127.0.0.0/8"}));
    bench.file("secret-id", &bench.secret_id());
    assert_eq!(value(&start(&profile)), "value-a");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_wrapped_secret_id_outlives_its_wrapping_token_and_the_session() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({"token_ttl": "1s"}));
    let wrapping = bench.server.wrapped("auth/approle/role/gateway/secret-id");
    bench.file("secret-id", &wrapping);
    let lines = format!(
        "auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"\nsecret_id_wrapped = true"
    );
    let profile = bench.profile(&lines);

    assert_eq!(value(&start(&profile)), "value-a");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(value(&start(&profile)), "value-a");
    assert_eq!(bench.server.audited("sys/wrapping/unwrap"), 1);
    assert_eq!(bench.server.audited("auth/approle/login"), 2);

    // A token that another program used first.
    fs::remove_dir_all(bench.folder.path().join("kept")).expect("what was kept");
    let (code, message, exit) = failure(&start(&profile));
    assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
    assert!(message.contains("it was unwrapped already") && !message.contains(&wrapping), "{message}");

    // Without a place to cache the result, it is not even tried.
    let text = fs::read_to_string(&profile).expect("the profile");
    let kept = format!("keep_session = \"{}\"", bench.folder.path().join("kept").display());
    let profile = bench.file("profile.toml", &text.replace(&kept, "keep_session = \"off\""));
    let (code, message, exit) = failure(&start(&profile));
    assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)));
    assert!(message.contains("`keep_session`"), "{message}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn userpass() {
    let bench = Bench::new(&["userpass"]);
    let user = json!({"password": "pass \"word\\", "token_policies": "reader", "token_ttl": "1h"});
    bench.server.api("auth/userpass/users/gate.way", Some(&user));
    bench.file("password", "pass \"word\\\n");
    let lines = "auth = \"userpass\"\nusername = \"gate.way\"\npassword_file = \"password\"";
    works_and_is_kept(&bench, &bench.profile(lines), "auth/userpass/login/gate.way");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn jwt() {
    let bench = Bench::new(&[]);
    bench.server.api("sys/auth/ci/jwt", Some(&json!({"type": "jwt"})));
    let issuer = Issuer::new();
    let config = json!({"jwt_validation_pubkeys": [issuer.public_key()]});
    bench.server.api("auth/ci/jwt/config", Some(&config));
    let role = json!({"role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub", "token_policies": "reader", "token_ttl": "1h"});
    bench.server.api("auth/ci/jwt/role/gateway", Some(&role));
    let claims = json!({"sub": "gateway", "aud": "vault"});
    bench.file("jwt", &issuer.sign(&claims, 300));
    let lines = |role: &str| {
        format!("auth = \"jwt\"\nauth_mount = \"ci/jwt\"\nrole = \"{role}\"\njwt_file = \"jwt\"")
    };
    works_and_is_kept(&bench, &bench.profile(&lines("gateway")), "auth/ci/jwt/login");

    let (code, message, exit) = failure(&start(&bench.profile(&lines("absent"))));
    assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
    assert!(message.contains("there is no such role"), "{message}");

    // The file is read again, and another token is another credential.
    bench.file("jwt", &issuer.sign(&claims, -300));
    let (code, message, _) = failure(&start(&bench.profile(&lines("gateway"))));
    assert_eq!(code, "UNAUTHENTICATED");
    assert!(message.contains("the credential has expired"), "{message}");
    bench.file("jwt", &issuer.sign(&claims, 300));
    assert_eq!(value(&start(&bench.profile(&lines("gateway")))), "value-a");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn kubernetes() {
    let bench = Bench::new(&["kubernetes"]);
    let review = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
        "status": {"authenticated": true, "user": {"username": "system:serviceaccount:agents:gateway", "uid": "u-1"}},
    });
    let cluster = Canned::http("201 Created", "content-type: application/json\r\n", &review.to_string());
    let config = json!({"kubernetes_host": cluster.http, "kubernetes_ca_cert": fs::read_to_string(&bench.server.ca).unwrap(), "disable_local_ca_jwt": true});
    bench.server.api("auth/kubernetes/config", Some(&config));
    let role = json!({"bound_service_account_names": "gateway", "bound_service_account_namespaces": "agents", "token_policies": "reader", "token_ttl": "1h"});
    bench.server.api("auth/kubernetes/role/gateway", Some(&role));
    let claims = json!({
        "iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:agents:gateway",
        "kubernetes.io/serviceaccount/namespace": "agents",
        "kubernetes.io/serviceaccount/service-account.name": "gateway",
        "kubernetes.io/serviceaccount/service-account.uid": "u-1",
    });
    bench.file("account", &Issuer::new().sign(&claims, 300));
    let lines = |role: &str| format!("auth = \"kubernetes\"\nrole = \"{role}\"\njwt_file = \"account\"");
    works_and_is_kept(&bench, &bench.profile(&lines("gateway")), "auth/kubernetes/login");

    let (code, message, _) = failure(&start(&bench.profile(&lines("absent"))));
    assert_eq!(code, "UNAUTHENTICATED");
    assert!(message.contains("there is no such role"), "{message}");

    // Outside a cluster there is no token of a pod.
    let (code, message, exit) = failure(&start(&bench.profile("auth = \"kubernetes\"\nrole = \"gateway\"")));
    assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)));
    assert!(message.contains("serviceaccount/token"), "{message}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn certificate() {
    let bench = Bench::new(&["cert"]);
    let certificates = &bench.server.certificates;
    let authority = fs::read_to_string(&certificates.ca).expect("the authority");
    let role = json!({"certificate": authority, "token_policies": "reader", "token_ttl": "1h"});
    bench.server.api("auth/cert/certs/gateway", Some(&role));
    let lines = |role: &str, certificate: &Path, key: &Path| {
        format!(
            "auth = \"cert\"\nrole = \"{role}\"\nclient_cert = \"{}\"\nclient_key = \"{}\"",
            certificate.display(),
            key.display()
        )
    };
    let right = lines("gateway", &certificates.client, &certificates.client_key);
    works_and_is_kept(&bench, &bench.profile(&right), "auth/cert/login");

    // A token of another authority, and a role that does not exist.
    let stranger = Certificates::make(bench.folder.path());
    let strange = lines("gateway", &stranger.client, &stranger.client_key);
    for wrong in [strange, lines("absent", &certificates.client, &certificates.client_key)] {
        let (code, message, exit) = failure(&start(&bench.profile(&wrong)));
        assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)), "{message}");
        assert!(message.contains("auth/cert/certs"), "{message}");
    }
    let (code, message, exit) = failure(&start(&bench.profile("auth = \"cert\"")));
    assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)));
    assert!(message.contains("`client_cert` is not set"), "{message}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_login_that_wants_a_second_factor_says_so() {
    let bench = Bench::new(&["userpass"]);
    bench.server.api(
        "auth/userpass/users/person",
        Some(&json!({"password": "password", "token_policies": "reader"})),
    );
    let method = bench.server.api("identity/mfa/method/totp", Some(&json!({"issuer": "kit"})));
    let mounts = bench.server.api("sys/auth", None);
    let enforcement = json!({
        "mfa_method_ids": [method["data"]["method_id"]],
        "auth_method_accessors": [mounts["data"]["userpass/"]["accessor"]],
    });
    bench.server.api("identity/mfa/login-enforcement/all", Some(&enforcement));
    bench.file("password", "password");
    let lines = "auth = \"userpass\"\nusername = \"person\"\npassword_file = \"password\"";
    let (code, message, exit) = failure(&start(&bench.profile(lines)));
    assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
    assert!(message.contains("second factor"), "{message}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_session_that_the_server_ended_is_replaced() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    assert_eq!(value(&start(&profile)), "value-a");

    bench.server.api("sys/leases/revoke-prefix/auth/approle/login", Some(&json!({"sync": true})));
    assert_eq!(value(&start(&profile)), "value-a");
    assert_eq!(bench.server.audited("auth/approle/login"), 2);
    assert_eq!(value(&start(&profile)), "value-a");
    assert_eq!(bench.server.audited("auth/approle/login"), 2);
}

/// If the session is old, a denial may be out of date. But the session is only replaced by a new one, and here a new one is
/// impossible, because the secret id had one use.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_denied_id_does_not_cost_the_session() {
    let bench = Bench::new(&["approle"]);
    bench.server.mount("private");
    let role_id = bench.approle(&json!({"secret_id_num_uses": 1}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    let ask = |ids: &[&str]| {
        let run =
            Run::new(resolver::path("secretref-vault")).args(["--profile".as_ref(), profile.as_os_str()]);
        let ended = run.request(ids).end();
        let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
        (response, ended.code)
    };
    let both = || {
        let (response, code) = ask(&["a#k", "private:denied#k"]);
        assert_eq!((response["values"]["a#k"].as_str(), code), (Some("value-a"), Some(0)), "{response}");
        assert_eq!(response["errors"]["private:denied#k"]["code"], "ACCESS_DENIED", "{response}");
    };
    both();
    bench.age(61);
    both();
    both();
    assert_eq!(bench.server.audited("auth/approle/login"), 2);
    assert_eq!(value(&start(&profile)), "value-a");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_new_session_gets_a_new_policy() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({"token_policies": "default"}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    assert_eq!(failure(&start(&profile)).0, "ACCESS_DENIED");
    bench.approle(&json!({}));
    assert_eq!(failure(&start(&profile)).0, "ACCESS_DENIED");
    bench.age(61);
    assert_eq!(value(&start(&profile)), "value-a");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_batch_token_is_cached_and_logged_out() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({"token_type": "batch"}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    assert_eq!(value(&start(&profile)), "value-a");
    let out = logout(&profile);
    assert_eq!(out.code, Some(0), "{out:?}");
    assert!(out.stderr.contains("a batch token cannot be revoked"), "{out:?}");
}

/// A credential that the sign-in method does not use is refused, because the read would use another one than intended.
#[test]
fn settings_of_another_way_to_sign_in_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = fake(&folder);
    for (lines, words) in [
        (
            "role_id = \"r\"\n",
            "`role_id` is set, and `auth` is not: set `auth` to a method that uses it: approle",
        ),
        (
            "auth = \"approle\"\nrole_id = \"r\"\ntoken_file = \"t\"\n",
            "`token_file` is set, which `auth` = approle does not use",
        ),
        ("auth = \"agent\"\nusername = \"u\"\n", "`username` is set, which `auth` = agent does not use"),
        ("auth = \"cert\"\n", "`auth` = cert needs TLS"),
        ("auth = \"jwt\"\n", "there is no JWT to sign in with: `jwt_file` is not set"),
    ] {
        let (code, message, exit) = failure(&start(&fake_profile(&folder, &fake, lines)));
        assert_eq!((code.as_str(), exit), ("MISCONFIGURED", Some(3)), "{message}");
        assert!(message.contains(words), "{words}: {message}");
    }
}

/// An error that is not about the credential does not block it.
#[test]
fn the_response_of_another_server_is_not_a_refusal() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = fake(&folder);
    let lines = "auth = \"userpass\"\nusername = \"u\"\npassword_file = \"password\"\n";
    fs::write(folder.path().join("password"), "password\n").expect("a file");
    fake.login("auth/userpass/login/u", "a-token", |_| true);
    for (status, body) in [
        ("200 x", r#"{"status":"please log in"}"#),
        ("200 x", r#"{"auth":[1]}"#),
        ("200 x", r#"{"auth":{"client_token":"a b","lease_duration":3600}}"#),
        ("403 x", r#"{"errors":[{"status":"403","title":"WAF"}]}"#),
        ("404 x", r#"{"errors":[]}"#),
        ("503 x", ""),
    ] {
        let other = Canned::http(status, "", body);
        let profile = fake_profile(&folder, &fake, lines);
        let text = fs::read_to_string(&profile).expect("the profile").replace(&fake.http, &other.http);
        fs::write(&profile, text).expect("the profile");
        let (code, ..) = failure(&start(&profile));
        let asked = other.connections();
        assert!(code == "UNAVAILABLE" || status == "404 x", "{body}: {code}");
        let _ = start(&profile);
        assert!(other.connections() > asked, "{status} {body}: it is not asked again");
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_token_with_limited_uses_is_not_cached() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({"token_num_uses": 1}));
    bench.file("secret-id", &bench.secret_id());
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    for _ in 0..2 {
        assert_eq!(value(&start(&profile)), "value-a");
    }
    assert_eq!(bench.server.audited("auth/approle/login"), 2);
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_wrong_secret_id_is_tried_once_and_the_right_one_at_once() {
    let bench = Bench::new(&["approle"]);
    let role_id = bench.approle(&json!({}));
    bench.file("secret-id", "wrong-secret-id");
    let lines = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
    let profile = bench.profile(&lines);
    for _ in 0..8 {
        let (code, message, exit) = failure(&start(&profile));
        assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)), "{message}");
        assert!(
            message.contains("put a new secret id into") && !message.contains("wrong-secret-id"),
            "{message}"
        );
    }
    assert_eq!(bench.server.audited("auth/approle/login"), 1);

    bench.file("secret-id", &bench.secret_id());
    assert_eq!(value(&start(&profile)), "value-a");
}

/// OpenBao 2.7.2 has no LDAP of its own: the request is judged by the kit's Vault.
#[test]
fn ldap() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = fake(&folder);
    fake.login("auth/corp/login/gate way", "ldap-token", |body| *body == json!({"password": "pass\"word"}));
    let lines =
        "auth = \"ldap\"\nauth_mount = \"corp\"\nusername = \"gate way\"\npassword_file = \"password\"\n";
    let profile = fake_profile(&folder, &fake, lines);
    fs::write(folder.path().join("password"), "pass\"word\n").expect("a file");
    assert_eq!(value(&start(&profile)), "value-a");
    fs::write(folder.path().join("password"), "another").expect("a file");
    let (code, message, exit) = failure(&start(&profile));
    assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
    assert!(message.contains("check `username` and the password"), "{message}");
}

/// OpenBao 2.7.2 has no AWS method. The kit's Vault does what Vault does: it asks AWS, here an emulator that checks
/// signatures, who signed the request.
#[test]
#[ignore = "needs ministack: tests/run installs it"]
fn aws() {
    let aws = Aws::start();
    let folder = tempfile::tempdir().expect("a folder");
    let fake = fake(&folder);
    let address = aws.http.clone();
    fake.login("auth/aws/login", "aws-token", move |body| {
        body["role"] == "gateway" && aws::vouches(&address, body)
    });
    let file = |key_id: &str, secret: &str| {
        let text = format!("[gateway]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n");
        fs::write(folder.path().join("credentials"), text).expect("a file");
    };
    let lines = "auth = \"aws\"\nrole = \"gateway\"\naws_credentials_file = \"credentials\"\naws_profile = \"gateway\"\naws_region = \"eu-central-1\"\naws_server_id = \"vault.example.com\"\n";
    let profile = fake_profile(&folder, &fake, lines);
    file(&aws.key_id, &aws.secret_key);
    assert_eq!(value(&start(&profile)), "value-a");

    let _ = logout(&profile);
    file(&aws.key_id, "wrong");
    let (code, message, exit) = failure(&start(&profile));
    assert_eq!((code.as_str(), exit), ("UNAUTHENTICATED", Some(4)));
    assert!(
        message.contains("`aws_server_id`") && message.contains("the AWS profile gateway of "),
        "{message}"
    );

    // From the environment, and from the instance's own service.
    let run = |run: Run| {
        run.env("VAULT_ADDR", &fake.http)
            .args(["get", "a#k", "--auth=aws", "--role=gateway", "--keep-session=off"])
            .end()
    };
    let binary = || Run::new(resolver::path("secretref-vault")).env("HOME", folder.path());
    let ended =
        run(binary().env("AWS_ACCESS_KEY_ID", &aws.key_id).env("AWS_SECRET_ACCESS_KEY", &aws.secret_key));
    assert_eq!(ended.stdout, "value-a", "{ended:?}");
    // The emulator's AWS does not know the key that its own instance service gives.
    fake.login("auth/aws/login", "aws-token", |body| {
        let headers = aws::signed_headers(body);
        headers["x-amz-security-token"].is_string() && headers["authorization"].is_string()
    });
    let ended = run(binary().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &aws.http));
    assert_eq!(ended.stdout, "value-a", "{ended:?}");
    let ended = run(binary().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &fake.http));
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("there are no AWS credentials"), "{ended:?}");
}

/// AWS's own files are read as AWS's tools read them, and STS is where its region's partition has it.
#[test]
fn aws_files_and_endpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = fake(&folder);
    let seen = Arc::new(Mutex::new(Value::Null));
    let last = Arc::clone(&seen);
    fake.login("auth/aws/login", "aws-token", move |body| {
        *last.lock().expect("the last") = body.clone();
        true
    });
    for (text, profile, region, host) in [
        ("[gateway]\nID = AKIA1\nSECRET = s\n", "gateway", "eu-central-1", "sts.eu-central-1.amazonaws.com"),
        (
            "[default] # comment\nID = AKIA1 # comment\nSECRET = s\n",
            "default",
            "cn-north-1",
            "sts.cn-north-1.amazonaws.com.cn",
        ),
        (
            "[default]\ns3 =\n  ID = AKIANESTED\nID = AKIA0\nID = AKIA1\nSECRET = s\n",
            "default",
            "eusc-de-east-1",
            "sts.eusc-de-east-1.amazonaws.eu",
        ),
        (
            "[other]\nID = AKIA0\nSECRET = s\n[ gateway ]\nID=AKIA1\nSECRET=s=\n",
            "gateway",
            "us-iso-east-1",
            "sts.us-iso-east-1.c2s.ic.gov",
        ),
    ] {
        let text = text.replace("ID", "aws_access_key_id").replace("SECRET", "aws_secret_access_key");
        fs::write(folder.path().join("credentials"), text.replace("AKIANESTED", "AKIA9")).expect("a file");
        let lines = format!(
            "auth = \"aws\"\nrole = \"gateway\"\naws_credentials_file = \"credentials\"\naws_profile = \"{profile}\"\naws_region = \"{region}\"\naws_server_id = \"a  b\"\n"
        );
        let profile = fake_profile(&folder, &fake, &lines);
        assert_eq!(value(&start(&profile)), "value-a", "{text}");
        let login = seen.lock().expect("the last").clone();
        assert_eq!(aws::url(&login), format!("https://{host}/"));
        let headers = aws::signed_headers(&login);
        let authorization = headers["authorization"].as_str().expect("a text");
        assert!(authorization.contains("Credential=AKIA1/"), "{text}: {authorization}");
        assert!(authorization.contains(&format!("/{region}/sts/aws4_request")), "{authorization}");
        assert_eq!(headers["x-vault-aws-iam-server-id"], "a  b");
        let _ = logout(&profile);
    }
    // What needs a service of AWS is not left out in silence.
    let config = "[profile team]\nrole_arn = arn:aws:iam::123456789012:role/team\nsource_profile = gateway\n";
    fs::write(folder.path().join("config"), config).expect("a file");
    let lines = "auth = \"aws\"\nrole = \"gateway\"\naws_config_file = \"config\"\naws_credentials_file = \"credentials\"\naws_profile = \"team\"\n";
    let (code, message, _) = failure(&start(&fake_profile(&folder, &fake, lines)));
    assert_eq!(code, "MISCONFIGURED");
    assert!(message.contains("which this sign-in does not support"), "{message}");
}

/// A Vault of the kit's own with one secret, `a#k`.
fn fake(folder: &TempDir) -> FakeVault {
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
    let fake = FakeVault::start(folder.path(), Manner::default());
    fake.mount("secret");
    fake.put("secret", "a", r#"{"k":"value-a"}"#);
    fake
}

fn fake_profile(folder: &TempDir, fake: &FakeVault, lines: &str) -> PathBuf {
    let path = folder.path().join("profile.toml");
    let text = format!(
        "address = \"{}\"\nkeep_session = \"{}\"\n{lines}",
        fake.http,
        folder.path().join("kept").display()
    );
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    path
}

/// An agent signs in by itself, and adds its token to requests.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn agent() {
    let bench = Bench::new(&["approle"]);
    bench.file("role-id", &bench.approle(&json!({})));
    bench.file("secret-id", &bench.secret_id());
    let agent = Agent::signing_in(&bench.server, bench.folder.path());
    let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", &agent.http).env("HOME", "/");
    let ended = run.args(["get", "a#k", "--auth=agent"]).end();
    assert_eq!(ended.stdout, "value-a", "{ended:?}");

    // A server is no agent.
    let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", &bench.server.http);
    let ended = run.args(["get", "a#k", "--auth=agent"]).end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("use_auto_auth_token = true"), "{ended:?}");
}
