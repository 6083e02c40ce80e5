//! The resolver as the real gateway starts it, with secrets from the real OpenBao.
//!
//! Every test has a gateway of its own, with a fresh home and state folder, and a server of its own.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use secretref_tests::gateway::{self, Gateway, exec, models};
use secretref_tests::model::Model;
use secretref_tests::openbao::OpenBao;
use secretref_tests::resolver::Run;
use secretref_tests::{port, resolver};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn values_arrive_exactly() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n+/==\n-----END PRIVATE KEY-----\n";
    let odd = " \t\"quoted\" \\ \u{e4}\u{1f511}\u{2028}\r\n ";
    let store = Store::with(&[
        ("providers/openai", json!({"apiKey": "sk-1", "odd": odd})),
        ("tls/site", json!({"key": pem})),
    ]);
    let gateway = Gateway::own();
    let profile = store.profile(&gateway, "vault.toml", "");
    // As Homebrew links a folder: the working folder is then the link, and the files next to the profile are still found.
    symlink(".", gateway.folder().join("opt")).expect("a link");
    let linked = gateway.folder().join("opt/vault.toml");
    let providers = json!({"vault": exec(&profile), "linked": exec(&linked)});
    let ids =
        ["providers/openai/apiKey", "providers/openai#odd", "tls/site#key", "providers/openai#apiKey#1"];

    for answer in gateway.resolve(&providers, &[("vault", &ids), ("linked", &ids)], &[]) {
        let values = answer.expect("values");
        assert_eq!(ids.map(|id| values[id].as_str()), ["sk-1", odd, pem, "sk-1"]);
    }
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn an_audit_is_clean_when_all_resolve_and_names_the_id_that_does_not() {
    let store = Store::with(&[("openai", json!({"key": "sk-1"})), ("mistral", json!({"key": "sk-2"}))]);
    let gateway = Gateway::own();
    let provider = exec(&store.profile(&gateway, "vault.toml", ""));

    gateway.configure(&models("vault", &provider, &["openai/key", "mistral/key"]));
    assert_eq!(audit(&gateway), (Some(0), Vec::new()));

    gateway.configure(&models("vault", &provider, &["openai/key", "no/such", "mistral/key"]));
    let (code, unresolved) = audit(&gateway);
    assert_eq!(code, Some(2));
    assert_eq!(unresolved.len(), 1, "{unresolved:?}");
    assert!(unresolved[0].contains("failed for id \"no/such\" (NOT_FOUND)"), "{unresolved:?}");
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn a_value_reaches_the_model_as_its_bearer_token() {
    let store = Store::with(&[("acme", json!({"key": "sk-the-one"}))]);
    let gateway = Gateway::own();
    let model = Model::start();
    let provider = exec(&store.profile(&gateway, "vault.toml", ""));
    let mut config = models("vault", &provider, &["acme/key"]);
    config["models"]["providers"]["acme0"]["baseUrl"] = json!(model.address);
    gateway.configure(&config);

    let (code, reply) =
        gateway.openclaw_json(&["infer", "model", "run", "--model", "acme0/m1", "--prompt", "hi", "--json"]);

    assert_eq!((code, &reply["outputs"][0]["text"]), (Some(0), &json!("hello")), "{reply:#}");
    let seen: Vec<_> = model.authorizations.try_iter().collect();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen == "Bearer sk-the-one"), "{seen:?}");
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn an_ordinary_user_names_a_profile_and_not_the_binary_of_the_package() {
    need_root();
    let package = Package::install();
    let gateway = Gateway::ordinary();
    let profile = gateway.file("vault.toml", 0o700, shebang(&package.binary));

    assert_eq!(gateway.validate(&json!({"vault": exec(&profile)})).len(), 0);
    let issues = gateway.validate(&json!({"vault": exec(&profile), "bare": exec(&package.binary)}));

    assert_eq!(issues.keys().collect::<Vec<_>>(), ["bare"]);
    assert!(issues["bare"].contains("must be owned by the current user"), "{issues:?}");
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn an_ordinary_user_resolves_with_the_binary_of_the_package() {
    need_root();
    let store = Store::with(&[("a", json!({"key": "sk-1"}))]);
    let package = Package::install();
    let gateway = Gateway::ordinary();
    let profile = store.profile_for(&package.binary, &gateway, "vault.toml", "");
    let closed = store.profile_for(&package.binary, &gateway, "closed.toml", "");
    fs::set_permissions(&closed, Permissions::from_mode(0o600)).expect("a mode");
    let providers = json!({"vault": exec(&profile), "closed": exec(&closed), "bare": exec(&package.binary)});
    let asks: [(&str, &[&str]); 3] = [("vault", &["a/key"]), ("closed", &["a/key"]), ("bare", &["a/key"])];

    let answers = gateway.resolve(&providers, &asks, &[]);

    assert_eq!(answers[0].as_ref().expect("values")["a/key"], "sk-1");
    assert_says(&answers[1], "EACCES");
    assert_says(&answers[2], "must be owned by the current user (uid=65534)");
    let of_root = Gateway::own().resolve(&providers, &asks[..1], &[]);
    assert_says(&of_root[0], "must be owned by the current user (uid=0)");
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn hostile_variables_do_not_move_a_profile_that_says_all() {
    let store = Store::with(&[("a", json!({"key": "sk-1"}))]);
    let gateway = Gateway::own();
    let trap = Trap::set();
    let hostile = hostile_variables(&trap.address);
    let lines = hostile.map(|(name, value)| format!("{name}={value}\n"));
    gateway.file("state/.env", 0o600, lines.concat());
    let names: Vec<_> = hostile.iter().map(|(name, _)| *name).chain(["VAULT_TOKEN"]).collect();
    let exposed = |profile: &Path| {
        let mut provider = exec(profile);
        provider["passEnv"] = json!(names);
        provider
    };
    let configure = |profile: &Path| {
        let mut config = models("vault", &exposed(profile), &["a/key"]);
        config["env"] = json!({"vars": {"VAULT_TOKEN": "hostile"}});
        gateway.configure(&config);
    };

    // The variables do arrive: a profile that lists them uses them.
    let trusting = gateway.file(
        "trusting.toml",
        0o700,
        format!(
            "{}env = [\"VAULT_ADDR\", \"VAULT_TOKEN\"]\ntimeout = \"500ms\"\n",
            shebang(&resolver::path("secretref-vault"))
        ),
    );
    configure(&trusting);
    let (code, unresolved) = audit(&gateway);
    assert_eq!((code, unresolved.len()), (Some(2), 1), "{unresolved:?}");
    assert_ne!(trap.visits(), 0, "the trap does not work");

    let steady = store.profile(&gateway, "vault.toml", "");
    configure(&steady);
    assert_eq!(audit(&gateway), (Some(0), Vec::new()));
    let mut written = exec(&steady);
    written["env"] = hostile.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let providers = json!({"passed": exposed(&steady), "written": written});
    let asks: [(&str, &[&str]); 2] = [("passed", &["a/key"]), ("written", &["a/key"])];
    for answer in gateway.resolve(&providers, &asks, &hostile) {
        assert_eq!(answer.expect("values")["a/key"], "sk-1");
    }
    assert_eq!(trap.visits(), 0);
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn hostile_arguments_do_not_move_a_profile() {
    let store = Store::with(&[("a", json!({"key": "sk-1"}))]);
    let gateway = Gateway::own();
    let trap = Trap::set();
    let profile = store.profile(&gateway, "vault.toml", "");
    let address = format!("address = \"{}\"\n", trap.address);
    let hostile = gateway.file("hostile.toml", 0o700, address);
    let hostile = hostile.to_str().expect("UTF-8");
    let glued = format!("--address={}", trap.address);
    let lines: &[&[&str]] = &[
        // The first is not sensitive, and is used.
        &["--timeout", "3s"],
        &["--address", &trap.address],
        &[&glued],
        &["resolve", "--address", &trap.address],
        &["--", "--address", &trap.address],
        &["--profile", hostile],
        &["resolve", "--profile", hostile],
        &["--ca-cert", hostile],
        &["--token-file", hostile],
        &["--auth", "token"],
        &["--mount", "hostile"],
        &["--namespace", "hostile"],
        &["--kv-version", "1"],
        &["--allow", "**"],
        &["--allow-http"],
    ];
    let alias = |at: usize| format!("line{at}");
    let provider = |args: &&[&str]| {
        let mut provider = exec(&profile);
        provider["args"] = json!(args);
        provider
    };
    let providers: serde_json::Map<_, _> =
        lines.iter().enumerate().map(|(at, args)| (alias(at), provider(args))).collect();
    let aliases: Vec<_> = (0..lines.len()).map(alias).collect();
    let asks: Vec<(&str, &[&str])> = aliases.iter().map(|alias| (alias.as_str(), &["a/key"][..])).collect();

    let answers = gateway.resolve(&providers.into(), &asks, &[]);

    assert_eq!(answers[0].as_ref().expect("values")["a/key"], "sk-1");
    for (args, answer) in lines.iter().zip(&answers).skip(1) {
        let is_refused = answer.as_ref().is_err_and(|why| why.contains("exited with code 2"));
        assert!(is_refused, "{args:?} was followed: {answer:?}");
    }
    assert_eq!(trap.visits(), 0);
}

/// Whatever is in `args`, with a profile as the command and with the binary itself.
#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn no_args_change_anything_in_vault() {
    let store = Store::with(&[("a", json!({"key": "sk-1", "other": "sk-2"}))]);
    let policy = r#"path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;
    store.0.api("sys/policies/acl/reader", Some(&json!({"policy": policy})));
    let gateway = Gateway::own();
    let profile = store.profile(&gateway, "vault.toml", "");
    let binary = gateway.folder().join("secretref-vault");
    resolver::copy("secretref-vault", &binary);
    fs::set_permissions(&binary, Permissions::from_mode(0o700)).expect("a mode");
    let file = |name: &str| gateway.folder().join(name).to_str().expect("UTF-8").to_owned();
    let (ca, token) = (file("ca.pem"), file("token"));
    let bare = ["--address", &store.0.https, "--ca-cert", &ca, "--token-file", &token];
    // A session that is kept, for `logout`.
    store.0.enable("approle");
    store.0.api("auth/approle/role/gateway", Some(&json!({"token_policies": "reader"})));
    let role_id = store.0.api("auth/approle/role/gateway/role-id", None);
    let secret_id = store.0.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
    gateway.file("secret-id", 0o600, secret_id["data"]["secret_id"].as_str().expect("a secret id"));
    let lines = format!(
        "auth = \"approle\"\nrole_id = {}\nsecret_id_file = \"secret-id\"\nkeep_session = \"{}\"\n",
        role_id["data"]["role_id"],
        gateway.folder().join("kept").display()
    );
    let kept = store.profile(&gateway, "kept.toml", &lines);
    let text = fs::read_to_string(&kept).expect("the profile").replace("token_file = \"token\"\n", "");
    let kept = gateway.file("kept.toml", 0o700, text);

    let before = gateway.resolve(&json!({"kept": exec(&kept)}), &[("kept", &["a/key"])], &[]);
    assert_eq!(before[0].as_ref().expect("values")["a/key"], "sk-1");
    let lines: [&[&str]; 5] = [
        &["set", "a/key"],
        &["set", "new/key"],
        &["delete", "a/key", "--yes"],
        &["--timeout", "9s", "delete", "--yes", "--", "a/other"],
        &["logout"],
    ];
    assert_only_read(&gateway, &[(&profile, &[]), (&binary, &bare), (&kept, &[])], &lines, "a/key");

    let metadata = store.0.api("secret/metadata/a", None);
    assert_eq!(metadata["data"]["current_version"], 1, "{metadata:#}");
    assert_eq!(store.0.get_status("secret/metadata/new"), 404);
    let logins = store.0.audited("auth/approle/login");
    let after = gateway.resolve(&json!({"kept": exec(&kept)}), &[("kept", &["a/key"])], &[]);
    assert_eq!(after[0].as_ref().expect("values")["a/key"], "sk-1");
    assert_eq!(store.0.audited("auth/approle/login"), logins, "the session was ended");
}

/// The same over an encrypted store of this machine.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn no_args_change_anything_in_a_keychain() {
    let gateway = Gateway::own();
    let binary = gateway.folder().join("secretref-keychain");
    resolver::copy("secretref-keychain", &binary);
    fs::set_permissions(&binary, Permissions::from_mode(0o700)).expect("a mode");
    let folder = gateway.folder().join("store");
    let bare = ["--store", "file", "--folder", folder.to_str().expect("UTF-8")];
    let set = Run::new(&binary).args(bare).args(["set", "a"]).stdin("sk-1").end();
    assert_eq!(set.code, Some(0), "{set:?}");
    let text = format!("#!{} --profile\nstore = \"file\"\nfolder = \"store\"\n", binary.display());
    let profile = gateway.file("keychain.toml", 0o700, text);
    let file = gateway.file("home/.env", 0o600, "A=stolen\n");
    let file = file.to_str().expect("UTF-8");
    let files = || -> Vec<_> {
        let entries = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect();
        files.sort();
        files
    };
    let before = files();

    let lines: [&[&str]; 8] = [
        &["set", "a"],
        &["set", "new"],
        &["import", file],
        &["import", "-"],
        &["import", "/dev/stdin"],
        &["unlock"],
        &["unlock", "a"],
        &["delete", "a", "--yes"],
    ];
    assert_only_read(&gateway, &[(&profile, &[]), (&binary, &bare)], &lines, "a");

    assert!(files() == before, "the store was changed");
}

/// Requests `id` with each of these lines as `args`, and checks that commands which change something are refused. Commands
/// that read are started, too; the caller checks that nothing was changed.
fn assert_only_read(gateway: &Gateway, commands: &[(&PathBuf, &[&str])], lines: &[&[&str]], id: &str) {
    let reading: [&[&str]; 9] = [
        &["get", id],
        &["get", "--json", id],
        &["check", id],
        &["list"],
        &["doctor", id],
        &["settings"],
        &["man"],
        &["completions", "bash"],
        &["delete"],
    ];
    let mut providers = serde_json::Map::new();
    let mut expected = Vec::new();
    for (command, first) in commands {
        for (at, line) in lines.iter().chain(&reading).enumerate() {
            let alias = format!("line{}", providers.len());
            let mut provider = exec(command);
            provider["args"] = json!([*first, *line].concat());
            providers.insert(alias.clone(), provider);
            expected.push((alias, at < lines.len(), line));
        }
    }
    let asked = [id];
    let asks: Vec<(&str, &[&str])> =
        expected.iter().map(|(alias, ..)| (alias.as_str(), &asked[..])).collect();

    let answers = gateway.resolve(&providers.into(), &asks, &[]);

    for ((_, changes, line), answer) in expected.iter().zip(&answers) {
        let is_refused = answer.as_ref().is_err_and(|why| why.contains("exited with code 10"));
        assert_eq!(is_refused, *changes, "{line:?}: {answer:?}");
    }
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn the_gateway_accepts_only_these_files_as_a_command() {
    let gateway = Gateway::ordinary();
    let text = shebang(&resolver::path("secretref-vault"));
    let file = |mode: u32| exec(&gateway.file(&format!("{mode:o}.toml"), mode, &text));
    let link = gateway.folder().join("link.toml");
    symlink("700.toml", &link).expect("a link");
    let folder = gateway.folder().join("folder");
    symlink(".", &folder).expect("a link");
    let mut trusted = exec(&link);
    trusted["trustedDirs"] = json!([gateway.folder()]);
    let rooted = fs::canonicalize("/bin/sh").expect("a shell");
    let rows = [
        ("private", file(0o700), None),
        ("public", file(0o755), None),
        // It cannot be started; that shows at launch only.
        ("closed", file(0o600), None),
        ("linkedfolder", exec(&folder.join("700.toml")), None),
        ("group", file(0o775), Some("permissions are too open")),
        ("world", file(0o702), Some("permissions are too open")),
        ("link", exec(&link), Some("must not be a symlink")),
        ("trustedlink", trusted, Some("must not be a symlink")),
        ("rooted", exec(&rooted), Some("must be owned by the current user")),
        ("folder", exec(&gateway.folder().join("home")), Some("must be a file")),
        ("missing", exec(&gateway.folder().join("missing")), Some("is not readable")),
    ];
    let providers: serde_json::Map<_, _> =
        rows.iter().map(|(alias, provider, _)| ((*alias).to_owned(), provider.clone())).collect();

    let issues = gateway.validate(&providers.into());

    for (alias, _, expected) in rows {
        match (expected, issues.get(alias)) {
            (None, None) => {}
            (Some(words), Some(issue)) if issue.contains(words) => {}
            (expected, issue) => panic!("{alias}: expected {expected:?}, got {issue:?}"),
        }
    }
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn a_key_that_waived_the_rules_once_makes_the_whole_config_invalid() {
    let gateway = Gateway::ordinary();
    let profile = gateway.file("vault.toml", 0o700, shebang(&resolver::path("secretref-vault")));
    let provider = |key: &str| {
        let mut provider = exec(&profile);
        provider[key] = json!(true);
        provider
    };
    let keys = ["allowSymlinkCommand", "allowInsecurePath"];

    let issues = gateway.validate(&json!({"a": provider(keys[0]), "b": provider(keys[1])}));

    for key in keys {
        assert!(issues.values().any(|issue| issue.contains(key)), "{key}: {issues:?}");
    }
}

/// A gateway whose own token comes from a store that refuses the sign-in does not start, and sends several requests before
/// it ends. Five refusals would lock the account.
#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn a_failing_start_with_a_wrong_secret_id_locks_no_account() {
    let store = Store::with(&[("gateway", json!({"token": "gateway-token"}))]);
    store.0.enable("approle");
    store.0.api("auth/approle/role/gateway", Some(&json!({"token_policies": "reader"})));
    let role_id = store.0.api("auth/approle/role/gateway/role-id", None);
    let gateway = Gateway::own();
    let lines = format!(
        "auth = \"approle\"\nrole_id = {}\nsecret_id_file = \"secret-id\"\nkeep_session = \"{}\"\n",
        role_id["data"]["role_id"],
        gateway.folder().join("kept").display()
    );
    let profile = store.profile(&gateway, "vault.toml", &lines);
    let text = fs::read_to_string(&profile).expect("the profile");
    let profile = gateway.file("vault.toml", 0o700, text.replace("token_file = \"token\"\n", ""));
    gateway.file("secret-id", 0o600, "wrong-secret-id");
    let reference = json!({"source": "exec", "provider": "vault", "id": "gateway/token"});
    gateway.configure(&json!({
        "gateway": {
            "mode": "local", "bind": "loopback", "port": port::free(),
            "auth": {"mode": "token", "token": reference},
        },
        "secrets": {"providers": {"vault": exec(&profile)}},
    }));

    let ended = gateway.openclaw(&["gateway", "run"]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    let logins = store.0.audited("auth/approle/login");
    assert!((1..=2).contains(&logins), "{logins} logins");
    let made = store.0.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
    gateway.file("secret-id", 0o600, made["data"]["secret_id"].as_str().expect("a secret id"));
    let answers = gateway.resolve(&json!({"vault": exec(&profile)}), &[("vault", &["gateway/token"])], &[]);
    assert_eq!(answers[0].as_ref().expect("values")["gateway/token"], "gateway-token");
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn the_most_ids_that_a_request_can_hold_are_resolved() {
    let fields = |document: usize| -> Value {
        (0..64).map(|field| (format!("field{field}"), json!(format!("value {document} {field}")))).collect()
    };
    let documents: Vec<_> = (0..8).map(|number| (format!("team/document{number}"), fields(number))).collect();
    let store = Store::with(
        &documents.iter().map(|(path, fields)| (path.as_str(), fields.clone())).collect::<Vec<_>>(),
    );
    let gateway = Gateway::own();
    let providers = json!({"vault": exec(&store.profile(&gateway, "vault.toml", ""))});
    let pairs = || (0..8).flat_map(|document| (0..64).map(move |field| (document, field)));
    let ids: Vec<_> =
        pairs().map(|(document, field)| format!("team/document{document}/field{field}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();

    let answers = gateway.resolve(&providers, &[("vault", &ids)], &[]);

    let values = answers[0].as_ref().expect("values");
    assert_eq!(values.len(), 512);
    for (id, (document, field)) in ids.iter().zip(pairs()) {
        assert_eq!(values[*id], format!("value {document} {field}"));
    }
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn a_profile_keeps_within_the_limits_of_the_gateway() {
    let long: Value = (0..6).map(|field| (format!("field{field}"), json!("x".repeat(1000)))).collect();
    let store = Store::with(&[("a", long)]);
    let gateway = Gateway::own();
    let trap = Trap::set();
    let limited = |name: &str, lines: &str| {
        let mut provider = exec(&store.profile(&gateway, name, lines));
        provider["maxOutputBytes"] = json!(4096);
        provider
    };
    let waiting = |name: &str, timeout: &str| {
        let lines = format!("timeout = \"{timeout}\"\n");
        let mut provider = exec(&store.profile_at(&trap.address, &gateway, name, &lines));
        provider["timeoutMs"] = json!(1500);
        provider
    };
    let providers = json!({
        "within": limited("within.toml", "max_output = \"3KiB\"\n"),
        "over": limited("over.toml", ""),
        "intime": waiting("intime.toml", "1s"),
        "late": waiting("late.toml", "3s"),
    });
    let ids = ["a/field0", "a/field1", "a/field2", "a/field3", "a/field4", "a/field5"];

    let answers = gateway.resolve(
        &providers,
        &[
            ("within", &ids),
            ("within", &ids[..2]),
            ("over", &ids),
            ("intime", &ids[..1]),
            ("late", &ids[..1]),
        ],
        &[],
    );

    // The gateway read the whole answer: the first ids have their values, and the first that did not fit is named.
    assert_says(&answers[0], "failed for id \"a/field2\"");
    assert_eq!(answers[1].as_ref().expect("values").len(), 2);
    assert_says(&answers[2], "exceeded maxOutputBytes (4096)");
    assert_says(&answers[3], "exited with code");
    assert_says(&answers[4], "timed out after 1500ms");
}

/// Every variable that could change where a resolver connects.
fn hostile_variables(trap: &str) -> [(&str, &str); 14] {
    [
        ("VAULT_ADDR", trap),
        ("HTTPS_PROXY", trap),
        ("HTTP_PROXY", trap),
        ("ALL_PROXY", trap),
        ("SSL_CERT_FILE", "/hostile/ca.pem"),
        ("SSL_CERT_DIR", "/hostile"),
        ("VAULT_CACERT", "/hostile/ca.pem"),
        ("VAULT_NAMESPACE", "hostile"),
        ("VAULT_TOKEN_FILE", "/hostile/token"),
        ("OPENCLAW_VAULT_AUTH_METHOD", "kubernetes"),
        ("OPENCLAW_VAULT_KV_MOUNT", "hostile"),
        ("OPENCLAW_VAULT_KV_VERSION", "1"),
        ("CREDENTIALS_DIRECTORY", "/hostile"),
        ("HOME", "/hostile"),
    ]
}

/// An OpenBao with some secrets, and a token that can only read them.
struct Store(OpenBao);

impl Store {
    /// Documents by path.
    fn with(documents: &[(&str, Value)]) -> Self {
        let server = OpenBao::start();
        for (path, fields) in documents {
            server.api(&format!("secret/data/{path}"), Some(&json!({"data": fields})));
        }
        server.token("reader", "reader", r#"path "secret/data/*" { capabilities = ["read"] }"#, true);
        Self(server)
    }

    /// A profile of the gateway's user that reads from here, with these lines more.
    fn profile(&self, gateway: &Gateway, name: &str, lines: &str) -> PathBuf {
        self.profile_for(&resolver::path("secretref-vault"), gateway, name, lines)
    }

    fn profile_for(&self, binary: &Path, gateway: &Gateway, name: &str, lines: &str) -> PathBuf {
        self.write(binary, &self.0.https, gateway, name, lines)
    }

    fn profile_at(&self, address: &str, gateway: &Gateway, name: &str, lines: &str) -> PathBuf {
        self.write(&resolver::path("secretref-vault"), address, gateway, name, lines)
    }

    /// Authority and token are files next to the profile.
    fn write(&self, binary: &Path, address: &str, gateway: &Gateway, name: &str, lines: &str) -> PathBuf {
        gateway.file("ca.pem", 0o644, fs::read(&self.0.ca).expect("a certificate"));
        gateway.file("token", 0o600, "reader\n");
        let first = shebang(binary);
        let text =
            format!("{first}address = \"{address}\"\nca_cert = \"ca.pem\"\ntoken_file = \"token\"\n{lines}");
        gateway.file(name, 0o700, text)
    }
}

/// The resolver as a package installs it: owned by root, in a folder of root that all users can enter.
struct Package {
    binary: PathBuf,
    _folder: TempDir,
}

impl Package {
    fn install() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let binary = folder.path().join("secretref-vault");
        resolver::copy("secretref-vault", &binary);
        for path in [folder.path(), &binary] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
        }
        Self { binary, _folder: folder }
    }
}

/// An address that no program may connect to. The system itself accepts connections, which wait until they are counted.
struct Trap {
    address: String,
    listener: TcpListener,
}

impl Trap {
    fn set() -> Self {
        let listener = port::listen();
        listener.set_nonblocking(true).expect("nonblocking");
        Self { address: format!("http://{}", listener.local_addr().expect("an address")), listener }
    }

    /// How many came since this was last asked.
    fn visits(&self) -> usize {
        std::iter::from_fn(|| self.listener.accept().ok()).count()
    }
}

/// The line that makes a profile a command.
fn shebang(binary: &Path) -> String {
    format!("#!{} --profile\n", binary.display())
}

/// The exit code of an audit, and its message about each reference that does not resolve.
fn audit(gateway: &Gateway) -> (Option<i32>, Vec<String>) {
    let (code, report) = gateway.openclaw_json(&["secrets", "audit", "--allow-exec", "--check", "--json"]);
    let findings = report["findings"].as_array().expect("findings");
    (
        code,
        findings.iter().map(|finding| finding["message"].as_str().unwrap_or_default().to_owned()).collect(),
    )
}

fn assert_says(answer: &gateway::Answer, words: &str) {
    assert!(answer.as_ref().is_err_and(|why| why.contains(words)), "expected {words:?}, got {answer:?}");
}

fn need_root() {
    assert!(gateway::is_root(), "needs root: it starts the gateway as another user over files of root");
}
