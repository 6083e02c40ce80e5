//! Azure: ways to sign in, tokens that are kept, commands of a person, and Microsoft's own clients as the judge of the
//! stand-in.
//!
//! Blocks of `resolvers/azure/README.md`: "Set up" sh 1, "Set up" sh 2, "Ids" toml 1, "Sign in" toml 1, "Sign in" toml 2

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::store::Holds as _;
use secretref_tests::stores::azure::entra::{App, TENANT};
use secretref_tests::stores::azure::rs256;
use secretref_tests::stores::azure::servers::{CLIENT, Place, SECRET, host};
use secretref_tests::stores::azure::vaults::Version;
use secretref_tests::transcript::{self, Case};
use secretref_tests::{canned::Canned, stores};
use serde_json::{Value, json};

const VAULT: &str = "kit-vault";

/// The stand-in, and a folder with a profile.
struct Desk(Place);

impl Desk {
    fn new() -> Self {
        let desk = Self(Place::start());
        desk.0.server.put(&host(VAULT), "openai", Version::new("value-openai"));
        desk.write("secret", SECRET);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// Writes the profile: what leads to the stand-in, and these lines.
    fn profile(&self, lines: &str) {
        let server = &self.0.server;
        let text = format!(
            "vault = \"{VAULT}\"\nproxy = \"{}\"\nca_cert = \"{}\"\n{lines}\n",
            server.proxy,
            server.ca.display()
        );
        self.write("profile.toml", &text);
    }

    /// The same with the client secret.
    fn by_secret(&self, lines: &str) {
        self.profile(&format!(
            "tenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n{lines}"
        ));
    }

    fn command(&self, args: &[&str]) -> Run {
        let run = Run::new(resolver::path("secretref-azure"));
        run.args(["--profile".as_ref(), self.path("profile.toml").as_os_str()]).args(args)
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.command(args).end()
    }

    fn resolve(&self, id: &str) -> Ended {
        self.command(&[]).request(&[id]).end()
    }

    fn reads(&self) {
        let ended = self.resolve("openai");
        assert!(ended.code == Some(0) && ended.stdout.contains("value-openai"), "{ended:?}");
    }

    /// Fails with these words.
    fn fails(&self, words: &str) -> Ended {
        let ended = self.resolve("openai");
        assert!(ended.stdout.contains(words), "not {words:?} in {ended:?}");
        ended
    }
}

#[test]
fn a_certificate_signs_in() {
    let desk = Desk::new();
    let key = rcgen::KeyPair::from_pem(rs256::CLIENT).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&key).expect("one");
    desk.write("certificate.pem", &format!("{}{}", certificate.pem(), rs256::CLIENT));
    let lines = |client: &str| {
        format!(
            "tenant_id = \"{TENANT}\"\nclient_id = \"{client}\"\nclient_certificate = \"certificate.pem\"\nkeep_session = \"off\""
        )
    };
    desk.profile(&lines(CLIENT));
    desk.reads();
    let without = "55556666-ffff-7777-aaaa-8888bbbb9999";
    desk.0.server.app(without, App::default());
    desk.profile(&lines(without));
    desk.fails("AADSTS700027");
    desk.write("certificate.pem", rs256::CLIENT);
    desk.fails("has no certificate in PEM");
    desk.write("certificate.pem", &certificate.pem());
    desk.fails("has no key in PEM");
}

#[test]
fn a_service_account_signs_in_with_the_token_that_the_file_has_now() {
    let desk = Desk::new();
    desk.write("token", &desk.0.server.entra().cluster_token("another"));
    desk.profile(&format!(
        "tenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nfederated_token_file = \"token\"\nkeep_session = \"{}\"",
        desk.path("kept").display()
    ));
    desk.fails("AADSTS700213");
    // The token is replaced: it is another credential, which is tried at once.
    desk.write("token", &desk.0.server.entra().cluster_token("gateway"));
    desk.reads();
    desk.write("token", "two words");
    desk.fails("has no token in it, so it was not sent");
}

#[test]
fn a_virtual_machine_signs_in_and_is_told_which_identity_to_name() {
    let desk = Desk::new();
    let metadata = desk.0.server.metadata.clone();
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\""));
    desk.reads();
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nclient_id = \"{CLIENT}\""));
    desk.reads();
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nclient_id = \"{TENANT}\""));
    desk.fails("this machine has no managed identity with the `client_id`");
    desk.profile(&format!("metadata = \"{metadata}\"\nkeep_session = \"off\"\nobject_id = \"several\""));
    desk.fails("this machine has no managed identity with the `object_id`");
}

#[test]
fn app_service_and_arc_sign_in() {
    let desk = Desk::new();
    let metadata = desk.0.server.metadata.clone();
    desk.profile("auth = \"managed_identity\"\nkeep_session = \"off\"\nenv = [\"IDENTITY_ENDPOINT\", \"IDENTITY_HEADER\"]");
    let run = |header: &str| {
        let run = desk.command(&[]).env("IDENTITY_ENDPOINT", format!("{metadata}/msi/token"));
        run.env("IDENTITY_HEADER", header).request(&["openai"]).end()
    };
    let ended = run("header-of-the-kit");
    assert!(ended.stdout.contains("value-openai"), "{ended:?}");
    let ended = run("another-header");
    assert!(ended.stdout.contains("does not let this process ask for a token (401)"), "{ended:?}");
    assert!(!ended.stdout.contains("another-header"), "{ended:?}");
    // An agent of Arc that names another file than its own sees nothing of it.
    desk.profile(&format!(
        "identity_endpoint = \"{metadata}/arc/token\"\nauth = \"managed_identity\"\nkeep_session = \"off\""
    ));
    desk.fails("the reply at the address of the agent of Azure Arc is not from it");
}

#[test]
fn away_from_azure_the_probe_ends_soon_and_says_what_was_tried() {
    let desk = Desk::new();
    let silent = Canned::start("");
    // Nothing listens, and nothing answers: a connection that is accepted, and silent.
    desk.profile("metadata = \"http://127.0.0.1:1\"\nkeep_session = \"off\"\ntimeout = \"2s\"");
    let ended = desk.fails("no way to sign in: client_secret: `client_secret_file` is not set;");
    assert!(ended.took < Duration::from_millis(900), "{ended:?}");
    desk.profile(&format!("metadata = \"{}\"\nkeep_session = \"off\"\ntimeout = \"3s\"", silent.http));
    let ended = desk.fails("no way to sign in");
    assert!(ended.took < Duration::from_millis(2500), "{ended:?}");
}

#[test]
fn a_token_is_kept_and_eight_starts_fetch_one() {
    let desk = Desk::new();
    desk.by_secret(&format!("keep_session = \"{}\"", desk.path("kept").display()));
    let children: Vec<_> = (0..8).map(|_| desk.command(&[]).request(&["openai"])).collect();
    std::thread::scope(|scope| {
        let ends: Vec<_> = children.into_iter().map(|run| scope.spawn(move || run.end())).collect();
        for end in ends {
            let ended = end.join().expect("an end");
            assert!(ended.stdout.contains("value-openai"), "{ended:?}");
        }
    });
    assert_eq!(desk.0.server.counts().1, 1, "sign-ins");
    desk.reads();
    assert_eq!(desk.0.server.counts().1, 0, "sign-ins");
    let ended = desk.run(&["logout"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("the cached token is removed"), "{ended:?}");
    desk.reads();
    assert_eq!(desk.0.server.counts().1, 1, "sign-ins");
}

#[test]
fn a_refused_secret_is_left_alone_and_a_new_one_is_tried_at_once() {
    let desk = Desk::new();
    desk.by_secret(&format!("keep_session = \"{}\"", desk.path("kept").display()));
    desk.write("secret", "wN8Q~wrong");
    desk.fails("AADSTS7000215");
    desk.fails("not tried again");
    assert_eq!(desk.0.server.counts().1, 1, "sign-ins");
    desk.write("secret", SECRET);
    desk.reads();
}

#[test]
fn a_token_that_a_vault_no_longer_accepts_is_replaced() {
    let desk = Desk::new();
    desk.by_secret(&format!("keep_session = \"{}\"", desk.path("kept").display()));
    desk.reads();
    let file = fs::read_dir(desk.path("kept")).expect("a folder").flatten().map(|entry| entry.path());
    let file = file.max_by_key(|path| path.metadata().expect("a file").len()).expect("a record");
    let record = fs::read_to_string(&file).expect("a record");
    let (head, token) = record.split_once('\n').expect("a token");
    // Another tenant's: well formed and signed, and not for this vault; then an expired one, then one that is no header.
    let entra = desk.0.server.entra();
    let audience = "https://vault.azure.net";
    let spent = entra.issue(CLIENT, TENANT, audience, 0);
    for bad in [spent, format!("{}x", token.trim()), "a b".to_owned()] {
        fs::write(&file, format!("{head}\n{bad}")).expect("a record");
        let _ = desk.0.server.counts();
        desk.reads();
        assert_eq!(desk.0.server.counts().1, 1, "sign-ins");
    }
}

#[test]
fn a_hostile_environment_sees_no_connection() {
    let desk = Desk::new();
    let trap = Canned::http("200 OK", "", "{}");
    for lines in ["", "auth = \"client_secret\""] {
        desk.by_secret(&format!("keep_session = \"off\"\n{lines}"));
        let names = [
            "AZURE_AUTHORITY_HOST",
            "IDENTITY_ENDPOINT",
            "MSI_ENDPOINT",
            "IMDS_ENDPOINT",
            "AZURE_KEYVAULT_URL",
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
            "HTTPS_PROXY",
            "HTTP_PROXY",
        ];
        let mut run = desk.command(&[]).request(&["openai"]);
        for name in names {
            run = run.env(name, &trap.http);
        }
        let ended = run.env("AZURE_TENANT_ID", "evil").env("AZURE_CLIENT_ID", "evil").end();
        assert!(ended.stdout.contains("value-openai"), "{ended:?}");
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn a_person_lists_writes_and_deletes() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    let (server, vault) = (&desk.0.server, host(VAULT));
    // Three pages, each followed by an empty one.
    for number in 0..60 {
        server.put(&vault, &format!("many-{number:02}"), Version::new("x"));
    }
    server.put(&vault, "off", Version { enabled: false, ..Version::new("x") });
    let listed = desk.run(&["list"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 62), "{listed:?}");
    assert!(listed.stderr.contains("off: disabled"), "{listed:?}");
    assert_eq!(desk.run(&["list", "OPEN"]).stdout, "openai\n");
    let set = desk.command(&["set", "new-key"]).stdin("value-new").end();
    assert!(set.code == Some(0) && set.stderr.contains("stored new-key (9 characters"), "{set:?}");
    assert_eq!(desk.run(&["get", "NEW-key"]).stdout, "value-new");
    let set = desk.command(&["set", "new-json#token"]).stdin("value-token").end();
    assert!(set.code == Some(0), "{set:?}");
    assert_eq!(desk.run(&["get", "new-json#token"]).stdout, "value-token");
    let long = desk.command(&["set", "long"]).stdin("x".repeat(26_000)).end();
    assert!(long.stderr.contains("the value has 26000 bytes"), "{long:?}");
    let deleted = desk.run(&["delete", "new-key", "--yes"]);
    let words = format!("to bring them back: az keyvault secret recover --vault-name {VAULT} --name new-key");
    assert!(deleted.code == Some(0) && deleted.stderr.contains(&words), "{deleted:?}");
    let checked = desk.run(&["check", "new-key"]);
    assert!(checked.stderr.contains("was deleted at "), "{checked:?}");
    let again = desk.command(&["set", "new-key"]).stdin("value-again").end();
    assert!(again.stderr.contains("is deleted and can be recovered"), "{again:?}");
}

#[test]
fn doctor_says_who_signed_in_and_shows_no_names() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    for args in [&["doctor"][..], &["doctor", "openai"]] {
        let seen = desk.run(args);
        assert!(seen.code == Some(0) && seen.stdout.contains("sign-in"), "{seen:?}");
        for private in [CLIENT, TENANT, VAULT, "value-openai"] {
            assert!(!seen.stdout.contains(private), "{private}: {seen:?}");
        }
    }
    let seen = desk.run(&["doctor", "--names"]);
    assert!(
        seen.stdout.contains(CLIENT) && seen.stdout.contains("audience https://vault.azure.net"),
        "{seen:?}"
    );
    assert!(seen.stdout.contains("can be listed"), "{seen:?}");
}

#[test]
fn a_secret_that_ends_soon_is_warned_of() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    let soon = rs256::now() + 20 * 86_400 + 60;
    let version = Version { nbf: Some(1_577_836_800), exp: Some(soon), ..Version::new("value-soon") };
    desk.0.server.put(&host(VAULT), "soon", version);
    let checked = desk.run(&["check", "soon"]);
    assert!(checked.code == Some(0) && checked.stderr.contains("expires in 20 d"), "{checked:?}");
    let read: Value = serde_json::from_str(&desk.run(&["get", "--json", "soon"]).stdout).expect("JSON");
    assert_eq!(read["about"]["soon"]["not_before"], "2020-01-01T00:00:00Z");
    assert!(read["about"]["soon"]["expires"].is_string(), "{read:#}");
}

#[test]
fn a_vault_that_does_not_exist_says_so() {
    let desk = Desk::new();
    desk.write(
        "profile.toml",
        &format!(
            "vault = \"kit-no-such-vault\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n\
             authority_host = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"off\"",
            desk.0.server.url,
            desk.0.server.ca.display()
        ),
    );
    let started = Instant::now();
    desk.fails("the vault kit-no-such-vault may be deleted or misspelt, or it has only a private endpoint");
    assert!(started.elapsed() < Duration::from_secs(5));
}

const PAGE: &str = "resolvers/azure/README.md";

/// What the page tells a reader to type. `az` is a script that notes what it is told.
#[test]
fn the_recipe_of_the_page_leads_to_a_value() {
    let desk = Desk::new();
    let (server, home) = (&desk.0.server, desk.0.folder.path());
    server.put("my-vault.vault.azure.net", "openai-key", Version::new("value-of-the-page"));
    let tools = desk.path("tools");
    fs::create_dir(&tools).expect("a folder");
    fs::write(
        tools.join("az"),
        "#!/bin/sh\necho \"$@\" >> ~/az.log\necho /subscriptions/1/vaults/my-vault\n",
    )
    .expect("a script");
    fs::set_permissions(tools.join("az"), fs::Permissions::from_mode(0o700)).expect("a mode");
    let [grant, profile] = &Page::read(PAGE).blocks("Set up", "sh")[..] else { panic!("two blocks") };
    let env = [("TENANT", TENANT), ("APP_ID", CLIENT), ("PASSWORD", SECRET)];
    type_in(grant, home, &[&tools], &env);
    let told = fs::read_to_string(desk.path("az.log")).expect("what az was told");
    let words =
        format!("--role Key Vault Secrets User --assignee {CLIENT} --scope /subscriptions/1/vaults/my-vault");
    assert!(told.contains(&words), "{told}");
    let binary = resolver::path("secretref-azure").display().to_string();
    let way =
        format!("vault = \"my-vault\"\nproxy = \"{}\"\nca_cert = \"{}\"", server.proxy, server.ca.display());
    let profile =
        profile.replace("/usr/local/bin/secretref-azure", &binary).replace("vault = \"my-vault\"", &way);
    assert_eq!(type_in(&profile, home, &[&tools], &env), "value-of-the-page");
}

#[test]
fn the_profiles_of_the_page_are_profiles() {
    let desk = Desk::new();
    let server = &desk.0.server;
    for (vault, name) in [("my-vault", "slack-bot"), ("my-vault", "openai"), ("other-vault", "openai-key")] {
        let json = format!("{{\"token\": \"value-of-{name}\"}}");
        server.put(&host(vault), name, Version::new(&json));
    }
    let way = format!(
        "proxy = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"off\"\n",
        server.proxy,
        server.ca.display()
    );
    let page = Page::read(PAGE);
    let reads = |profile: &str, ids: &[&str], run: &dyn Fn(Run) -> Run| {
        desk.write("profile.toml", profile);
        let ended = run(desk.command(&[])).request(ids).end();
        assert_eq!(ended.stdout.matches("value-of-").count(), ids.len(), "{profile}\n{ended:?}");
    };
    let entries = page.block("Ids", "toml");
    let by_secret = format!(
        "vault = \"my-vault\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n{way}"
    );
    reads(&format!("{by_secret}{entries}"), &["slack", "openai/other"], &|run| run);
    let [federated, app_service] = &page.blocks("Sign in", "toml")[..] else { panic!("two blocks") };
    desk.write("token", &server.entra().cluster_token("gateway"));
    let federated = federated
        .replace("/var/run/secrets/azure/tokens/azure-identity-token", "token")
        .replace("72f988bf-86f1-41af-91ab-2d7cd011db47", TENANT)
        .replace("11112222-bbbb-3333-cccc-4444dddd5555", CLIENT);
    reads(&format!("{federated}\n{way}"), &["openai"], &|run| run);
    reads(&format!("{app_service}\n{way}"), &["openai"], &|run| {
        let run = run.env("IDENTITY_ENDPOINT", format!("{}/msi/token", server.metadata));
        run.env("IDENTITY_HEADER", "header-of-the-kit")
    });
}

/// Microsoft's own clients read the same secrets from the stand-in, with the same credential. Where they and the binary do
/// not agree on a case, the stand-in or the binary is wrong.
#[test]
#[ignore = "needs Microsoft's Python clients: tests/run installs them"]
fn microsofts_own_clients_agree_case_by_case() {
    let mut place = Place::start();
    let store = &stores::azure::STORE;
    let cases = transcript::read(&resolver::repository().join(store.transcripts()));
    let mut asked = Vec::new();
    for (at, case) in cases.iter().chain(&transcript::every()).enumerate() {
        let room = format!("judge{at}");
        let prepared = place.put(case, &room);
        let ids: Vec<_> = case.ids.iter().map(|id| prepared.fill(id)).filter_map(|id| plain(&id)).collect();
        if case.stdin.is_some() || ids.is_empty() || case.profile.contains("[ids]") {
            continue;
        }
        let word =
            |name: &str| prepared.words.iter().find(|(word, _)| *word == name).expect("a word").1.clone();
        asked.push((
            case.clone(),
            prepared.profile.clone() + &prepared.fill(&case.profile),
            json!({
                "vault": format!("https://{}", host(&room)), "tenant": word("tenant"), "client": word("client"),
                "secret": prepared.credentials[0], "proxy": place.server.proxy, "ca": place.server.ca, "ids": ids,
            }),
        ));
    }
    assert!(asked.len() > 15, "{} cases", asked.len());
    let requests: Vec<_> = asked.iter().map(|(_, _, request)| request).collect();
    let judged = microsoft(&json!(requests));
    let folder = tempfile::tempdir().expect("a folder");
    for ((case, profile, request), judged) in asked.iter().zip(judged.as_array().expect("verdicts")) {
        let path = folder.path().join("p.toml");
        fs::write(&path, profile).expect("a profile");
        let ids: Vec<_> = request["ids"]
            .as_array()
            .expect("ids")
            .iter()
            .map(|id| id["id"].as_str().expect("an id"))
            .collect();
        let run = store.run().args(["--profile".as_ref(), path.as_os_str()]).request(&ids);
        let ours: Value = serde_json::from_str(&run.end().stdout).expect("a response");
        for id in ids {
            agree(case, &ours, id, &judged[id]);
        }
    }
}

/// An id as Microsoft's clients take it: name and version, and the field that is taken out afterwards.
fn plain(id: &str) -> Option<Value> {
    let path = id.split_once(".vault.azure.net/secrets/").map_or(id, |(_, path)| path);
    let mut parts = path.split('#');
    let (path, field, version) = (parts.next()?, parts.next().unwrap_or_default(), parts.next());
    let (name, in_path) = path.split_once('/').map_or((path, None), |(name, version)| (name, Some(version)));
    let version = version.or(in_path);
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (1..128).contains(&name.len());
    let is_version = version.is_none_or(|version| version.len() == 32);
    let is_field = !field.contains('/') && !name.starts_with('-');
    let is_here = !id.contains("other-") && parts.next().is_none();
    (is_name && is_version && is_field && is_here)
        .then(|| json!({"id": id, "name": name, "version": version, "field": field}))
}

fn agree(case: &Case, ours: &Value, id: &str, judged: &Value) {
    let what = format!("{}: {id}: {judged} by Microsoft's client, ours {ours}", case.sentence);
    match (&judged["value"], judged["code"].as_str()) {
        // Their client gives what Key Vault gives; a gateway could not use it, or the profile does not want it.
        (Value::String(_), _) if ours["errors"][id]["code"] == "INVALID_VALUE" => {}
        (Value::String(value), _) => assert_eq!(ours["values"][id], json!(value), "{what}"),
        (_, Some(code)) => assert_eq!(ours["errors"][id]["code"], json!(code), "{what}"),
        _ => panic!("no verdict: {what}"),
    }
    if let Some(code) = judged["aadsts"].as_str() {
        let message = ours["errors"][id]["message"].as_str().unwrap_or_default();
        assert!(message.contains(code), "{what}");
    }
}

/// Reads with Microsoft's clients.
fn microsoft(requests: &Value) -> Value {
    let folder = resolver::repository().join("target/servers/azure-keyvault-secrets-4.12.0");
    assert!(folder.exists(), "missing: {} (tests/install.py azure installs it)", folder.display());
    let script = resolver::repository().join("tests/src/stores/azure/judge.py");
    let mut child = Command::new("python3")
        .arg(script)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("PYTHONPATH", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().expect("stdin").write_all(requests.to_string().as_bytes()).expect("requests");
    let ended = child.wait_with_output().expect("an end");
    assert!(ended.status.success(), "the judge failed");
    let verdicts: BTreeMap<String, Value> = serde_json::from_slice(&ended.stdout).expect("verdicts");
    verdicts["verdicts"].clone()
}
