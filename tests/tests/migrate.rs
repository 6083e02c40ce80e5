//! `import --from` and `import --residue`: out of the gateway's files, and the proof that nothing is left.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use secretref_tests::gateway::{self, Gateway, NOBODY};
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::{port, stores};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The list of this repository.
const LIST: &str = "protocol/src/gateway/credential_fields.json";

/// A folder with files of a gateway, and an encrypted store.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("keychain.toml", "store = \"file\"\nfolder = \"store\"\n");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let profile = self.path("keychain.toml");
        let run = Run::new(resolver::path("secretref-keychain")).args(["--profile".into(), profile]);
        run.env("HOME", self.path("home")).env("OPENCLAW_STATE_DIR", self.path("state")).args(arguments)
    }

    /// Runs a command, which prints no value.
    fn import(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(&[&["import"], arguments].concat()).end();
        assert!(!format!("{ended:?}").contains("seeded"), "{ended:?}");
        ended
    }

    fn value(&self, id: &str) -> String {
        self.run(&["get", id]).end().stdout
    }

    fn plan(&self) -> Value {
        let text = fs::read_to_string(self.path("plan.json")).expect("a plan");
        assert!(!text.contains("seeded"), "{text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for words in words {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
}

/// A new version of the gateway with other fields fails here, and says which.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn the_list_of_fields_is_that_of_the_installed_gateway() {
    let read = |path: PathBuf| -> Value {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).expect("JSON")
    };
    let own = read(resolver::repository().join(LIST));
    let package = gateway::installed().join("node_modules/openclaw");
    let version = read(package.join("package.json"))["version"].take();
    let matrix = read(package.join(own["source"].as_str().expect("a path")));
    let names = |list: &Value, key: &str| -> BTreeSet<String> {
        let name = |entry: &Value| entry.as_str().or(entry[key].as_str()).expect("a name").to_owned();
        list.as_array().expect("a list").iter().map(name).collect()
    };
    let (mut config, mut profiles) = (BTreeSet::new(), BTreeSet::new());
    for entry in matrix["entries"].as_array().expect("entries") {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        if entry["configFile"] == "openclaw.json" {
            assert_eq!((text("id"), text("secretShape").as_str()), (text("path"), "secret_input"));
            config.insert(text("path"));
        } else {
            let kind = entry["when"]["type"].as_str().unwrap_or_default();
            profiles.insert(format!("{} {} {kind}", text("id"), text("path")));
        }
    }
    let told = |word: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>| {
        let new: Vec<_> = theirs.difference(ours).collect();
        let gone: Vec<_> = ours.difference(theirs).collect();
        let is_same = new.is_empty() && gone.is_empty();
        assert!(
            is_same,
            "openclaw {version}: {word}: new in the gateway: {new:?}, gone: {gone:?}: mend {LIST}"
        );
    };
    told("fields of openclaw.json", &config, &names(&own["config"], ""));
    let own_profiles = own["authProfiles"].as_array().expect("a list").iter().map(|field| {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        format!("{} {} {}", text("id"), text("path"), text("type"))
    });
    told("fields of profiles", &profiles, &own_profiles.collect());
    told(
        "fields without references",
        &names(&matrix["excludedMutableOrRuntimeManaged"], ""),
        &names(&own["excluded"], ""),
    );
    assert_eq!(own["version"], version, "the same fields: write the version into {LIST}");
}

const CONFIG: &str = r#"{ // as a person writes it
  models: { providers: {
    openai: { baseUrl: "https://x", apiKey: "seeded-openai", headers: { "X-Token": "seeded-header", Accept: "*" } },
    mistral: { apiKey: { source: "exec", provider: "vault", id: "a/b" } },
    acme: { apiKey: "${ACME_KEY}" },
    local: { apiKey: "ollama-local" },
  } },
  gateway: { auth: { token: "seeded-gateway" } },
  hooks: { token: "seeded-hook" },
  talk: { providers: { elevenlabs: { apiKey: { source: "env", provider: "default", id: "TALK" } } } },
}"#;

const PROFILES: &str = r#"{"version": 1, "profiles": {
  "openai:default": {"type": "api_key", "provider": "openai", "key": "seeded-profile"},
  "x": {"type": "oauth", "provider": "x", "access": "seeded-access"}}}"#;

#[test]
fn a_run_without_a_plan_only_shows_names() {
    let desk = Desk::new();
    let config = desk.write("openclaw.json", CONFIG);
    let shown = desk.import(&["--from", &config]);
    said(
        &shown,
        0,
        &[
            "left: hooks.token takes no reference: the gateway manages it itself: its plaintext stays",
            "left: models.providers.acme.apiKey refers to the variable ACME_KEY",
            "left: models.providers.local.apiKey is a word of the gateway",
            "left: models.providers.mistral.apiKey is a reference already",
            "left: models.providers.openai.headers.Accept is not a credential by its name; --only",
            "3 credentials in the fields that OpenClaw 2026.",
            "nothing was stored: add --plan plan.json",
        ],
    );
    let want = "gateway.auth.token                       gateway.auth.token\n\
        models.providers.openai.apiKey           providers.openai.apiKey\n\
        models.providers.openai.headers.X-Token  providers.openai.headers.X-Token\n";
    assert_eq!(shown.stdout, want);
    assert!(!desk.path("store").exists() && !desk.path("secretref-plan.json").exists());

    let only = ["--from", &config, "--only", "models.providers.openai", "--prefix", "oc/"];
    let some = desk.import(&[&only[..], &["--except", "models.providers.openai.headers.X-Token"]].concat());
    let lines: Vec<_> = some.stdout.lines().map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(lines, ["oc.providers.openai.apiKey", "oc.providers.openai.headers.Accept"], "{some:?}");
    // The id of a field is the same, whatever else is chosen.
    let alike =
        r#"{"models": {"providers": {"my one": {"apiKey": "seeded-1"}, "my@one": {"apiKey": "seeded-2"}}}}"#;
    let alike = desk.write("alike.json", alike);
    let second = desk.import(&["--from", &alike, "--except", "models.providers.my one"]);
    assert_eq!(second.stdout, "models.providers.my@one.apiKey  providers.my-one.apiKey-2\n", "{second:?}");
    said(&desk.import(&["--from", &config, "--only", "models.openai"]), 3, &["no file has", "models.openai"]);
    let broken = desk.write("broken.json", "{\n  a: seeded-1\n}");
    said(&desk.import(&["--from", &broken]), 3, &["broken.json: line 2 is not JSON5"]);
    let deep = desk.write("deep.json", "[".repeat(200_000));
    said(
        &desk.import(&["--from", &deep]),
        3,
        &["deep.json: it has more than 128 objects and lists in each other"],
    );
}

#[test]
fn credentials_are_stored_once_and_the_plan_has_no_secret() {
    let desk = Desk::new();
    let config = desk.write("openclaw.json", CONFIG);
    let env = desk
        .write(".env", "ACME_KEY=seeded-acme\nTALK=seeded-talk\nOTHER_TOKEN=seeded-other\nLOG=seeded-log\n");
    let profiles = desk.write("agents/ops/agent/auth-profiles.json", PROFILES);
    let plan = desk.path("plan.json").display().to_string();
    let files = ["--from", &config, "--from", &env, "--from", &profiles, "--plan", &plan];
    let before = [&config, &env, &profiles].map(|file| fs::read(file).unwrap());

    let done = desk.import(&files);
    said(
        &done,
        0,
        &[
            "stored providers.openai.apiKey (13 characters",
            "no field refers to OTHER_TOKEN: give one the id env.OTHER_TOKEN before you remove",
            "left: LOG is not a credential by its name",
            "left: profiles.x takes no reference",
            "stored 7, and had 0 already, of 7",
            "which gives 6 fields a reference\nnext: openclaw secrets apply --from ",
        ],
    );
    assert_eq!(desk.value("agents.ops.openai-default.key"), "seeded-profile");
    assert_eq!(desk.value("env.TALK"), "seeded-talk");
    assert_eq!([&config, &env, &profiles].map(|file| fs::read(file).unwrap()), before);
    let written = desk.plan();
    let target = |path: &str| {
        let targets = written["targets"].as_array().unwrap();
        targets.iter().find(|target| target["path"] == path).unwrap_or_else(|| panic!("{path}: {written:#}"))
    };
    assert_eq!(
        target("talk.providers.elevenlabs.apiKey")["ref"],
        json!({"source": "exec", "provider": "keychain", "id": "env.TALK"})
    );
    let profile = target("profiles.openai:default.key");
    assert_eq!(
        [&profile["type"], &profile["agentId"], &profile["authProfileProvider"]],
        ["auth-profiles.api_key.key", "ops", "openai"]
    );
    let mode = fs::metadata(&plan).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // The same again, as after an interruption.
    let again = desk.import(&files);
    said(&again, 0, &["env.TALK has this value already", "stored 0, and had 7 already, of 7"]);
    assert_eq!(desk.plan(), written);

    // In a container, the number of a killed process repeats; its draft is in the way of none.
    let script = "printf x >.plan.json.$$; exec \"$@\"";
    let run = desk.run(&[&["import"], &files[..]].concat()).command();
    let mut run_again = Command::new("/bin/sh");
    run_again
        .args(["-c", script, "sh"])
        .arg(run.get_program())
        .args(run.get_args())
        .current_dir(desk.path(""));
    let again = run_again.env_clear().env("HOME", desk.path("home")).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let names = fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with(".plan.json")));

    let other = desk.write("other.json", CONFIG.replace("seeded-openai", "seeded-rotated"));
    let other = ["--from", &other, "--plan", &plan, "--only", "models.providers.openai.apiKey"];
    let refused = desk.import(&other);
    said(&refused, 1, &["providers.openai.apiKey: the store has another value under this id", "--force"]);
    assert_eq!(desk.value("providers.openai.apiKey"), "seeded-openai");
    said(&desk.import(&[&other[..], &["--force"]].concat()), 0, &["stored 1, and had 0 already, of 1"]);
    assert_eq!(desk.value("providers.openai.apiKey"), "seeded-rotated");
    // It adds to the plan that is there, unless a field is left out.
    let sorted = |plan: &Value, key: &str| {
        let items: BTreeSet<_> = plan[key].as_array().unwrap().iter().map(Value::to_string).collect();
        items
    };
    for key in ["targets", "importedIds"] {
        assert_eq!(sorted(&desk.plan(), key), sorted(&written, key));
    }
    let partly = desk.import(&[&files[..], &["--except", "talk"]].concat());
    said(&partly, 1, &["stored 0, and had 6 already, of 7", "next: mend what failed, and run this again"]);
    assert!(!partly.stderr.contains("openclaw secrets apply"), "{partly:?}");
    let targets = sorted(&desk.plan(), "targets");
    assert!(targets.len() == 5 && !targets.iter().any(|target| target.contains("talk")), "{targets:?}");
}

/// What stands in the way is said before anything is stored.
#[test]
fn a_plan_replaces_no_other_file_and_no_other_provider() {
    let desk = Desk::new();
    let config = desk.write("openclaw.json", CONFIG);
    let foreign = desk.write("foreign.json", "{\"targets\": []}");
    let run = |more: &[&str]| desk.import(&[&["--from", &config], more].concat());
    said(&run(&["--plan", &foreign]), 3, &["foreign.json exists, and is not a plan of `import`"]);
    symlink(&foreign, desk.path("link.json")).unwrap();
    said(&run(&["--plan", desk.path("link.json").to_str().unwrap()]), 3, &["link.json"]);
    said(
        &run(&["--plan", desk.path("none/plan.json").to_str().unwrap()]),
        3,
        &["none of the plan cannot be opened"],
    );
    assert!(!desk.path("store").exists());
    let taken = r#"{"secrets": {"providers": {"keychain": {"source": "exec", "command": "/x"}}},
        "models": {"providers": {"a": {"apiKey": "seeded-1"}}}}"#;
    let taken = desk.write("taken.json", taken);
    said(&desk.import(&["--from", &taken]), 3, &["another provider with the name keychain", "--alias"]);
    said(&desk.import(&["--from", &taken, "--alias", "other"]), 0, &["1 credential in the fields"]);
    let plan = desk.path("plan.json").display().to_string();
    said(&desk.import(&["--from", &taken, "--plan", &plan, "--alias", "keychain"]), 0, &["stored 1,"]);
    let written = desk.plan();
    assert_eq!(written["providerUpserts"], json!({}), "a provider that a person has named is used as it is");
    assert_eq!(written["targets"][0]["ref"]["provider"], "keychain");
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "{\"targets\": []}");
}

/// A value that cannot be compared is a value.
#[test]
fn what_the_store_has_is_replaced_only_with_force() {
    let desk = Desk::new();
    let key = |number: usize| (format!("p{number}"), json!({"apiKey": "seeded-".repeat(100)}));
    let providers: serde_json::Map<_, _> = (0..3).map(key).collect();
    let config = desk.write("openclaw.json", json!({"models": {"providers": providers}}).to_string());
    let plan = desk.path("plan.json").display().to_string();
    assert_eq!(desk.run(&["set", "providers.p1.apiKey"]).stdin("seeded-".repeat(200)).end().code, Some(0));
    desk.write("keychain.toml", "store = \"file\"\nfolder = \"store\"\nmax_output = \"1KiB\"\n");
    let line = ["--from", &config, "--plan", &plan];
    let refused = ["providers.p1.apiKey: the store has something else under this id", "--force", "stored 2,"];
    said(&desk.import(&line), 1, &refused);
    said(&desk.import(&line), 1, &["stored 0, and had 2 already, of 3"]);
    said(&desk.import(&[&line[..], &["--force"]].concat()), 0, &["stored 1, and had 2 already, of 3"]);
}

/// A killed run has stored whole values, and the next run stores the rest.
#[test]
fn an_interrupted_run_is_run_again() {
    let desk = Desk::new();
    let key = |number: usize| (format!("p{number}"), json!({"apiKey": format!("seeded-key-{number}")}));
    let providers: serde_json::Map<_, _> = (0..12).map(key).collect();
    let config = desk.write("openclaw.json", json!({"models": {"providers": providers}}).to_string());
    let plan = desk.path("plan.json").display().to_string();
    let line = ["--from", &config, "--plan", &plan];
    let mut child = desk.run(&[&["import"], &line[..]].concat()).command().spawn().unwrap();
    drop(child.stdin.take());
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_stored = |line: &str| line.contains("stored providers.p");
    assert!(lines.any(|line| is_stored(&line.unwrap())));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!desk.path("plan.json").exists());

    let again = desk.import(&line);
    assert_eq!(again.code, Some(0), "{again:?}");
    let (new, had) = (
        again.stderr.matches("note: stored providers.").count(),
        again.stderr.matches(" has this value already").count(),
    );
    assert!(had > 0 && new + had == 12, "{again:?}");
    assert_eq!(desk.value("providers.p9.apiKey"), "seeded-key-9");
    assert_eq!(desk.plan()["targets"].as_array().unwrap().len(), 12);
}

/// The ids of each store.
fn moved(store: &str, profile: &str, folder: &Path, ids: [&str; 2]) {
    let run = |arguments: &[&str]| {
        let run = Run::new(resolver::path(store)).args(["--profile".into(), folder.join("profile.toml")]);
        run.env("HOME", folder).env("OPENCLAW_STATE_DIR", folder).args(arguments).end()
    };
    fs::write(folder.join("profile.toml"), profile).expect("a profile");
    fs::write(
        folder.join("config.json"),
        r#"{"models": {"providers": {"my.one": {"apiKey": "seeded-1"}}}, "gateway": {"auth": {"token": "seeded-2"}}}"#,
    )
    .expect("a config");
    let (config, plan) = (folder.join("config.json"), folder.join("plan.json"));
    let (config, plan) = (config.display().to_string(), plan.display().to_string());
    let done = run(&["import", "--from", &config, "--plan", &plan, "--prefix", "openclaw/"]);
    said(&done, 0, &["stored 2, and had 0 already, of 2"]);
    let read = run(&["get", "--json", ids[0], ids[1]]);
    let values = serde_json::from_str::<Value>(&read.stdout).expect("JSON")["values"].take();
    assert_eq!(values, json!({ids[0]: "seeded-1", ids[1]: "seeded-2"}), "{store}: {read:?}");
    let left = run(&["import", "--residue", "--plan", &plan]);
    said(&left, 1, &["2 places still have a value"]);
    assert!(left.stdout.contains("config.json: models.providers.my.one.apiKey: "), "{left:?}");
    assert!(!format!("{done:?}{left:?}").contains("seeded"), "{done:?} {left:?}");
}

#[test]
fn every_store_has_ids_of_its_own_form() {
    for (name, way, ids) in [
        ("aws", "https", ["openclaw/providers/my.one#apiKey", "openclaw/gateway/auth#token"]),
        ("azure", "each", ["openclaw-providers-my-one-apiKey", "openclaw-gateway-auth-token"]),
    ] {
        let (server, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = stores::ALL.iter().find(|store| store.name == name).expect("a store");
        let counted = (store.budget.start)(server.path());
        let profile =
            counted.profile(way).replace("\"secret\"", &format!("\"{}/secret\"", server.path().display()));
        moved(&store.binary(), &profile, folder.path(), ids);
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn openbao_has_a_field_for_each_credential() {
    let (server, folder, token) =
        (OpenBao::start(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(token.path().join("token"), ROOT).expect("a token");
    let token = token.path().join("token");
    let profile =
        format!("address = \"{}\"\ntoken_file = \"{}\"\nallow_http = true\n", server.http, token.display());
    moved(
        "secretref-vault",
        &profile,
        folder.path(),
        ["openclaw/providers/my.one/apiKey", "openclaw/gateway/auth/token"],
    );
    server.api("secret/data/openclaw/gateway/auth", Some(&json!({"data": {"token": ["seeded-list"]}})));
    let (config, plan) = (folder.path().join("config.json"), folder.path().join("plan.json"));
    let run = Run::new(resolver::path("secretref-vault"))
        .args(["--profile".into(), folder.path().join("profile.toml")]);
    let words = [
        "import".into(),
        "--prefix".into(),
        "openclaw/".into(),
        "--from".into(),
        config,
        "--plan".into(),
        plan,
    ];
    let refused: [PathBuf; 7] = words;
    let refused = run.args(refused).end();
    said(
        &refused,
        1,
        &["openclaw/gateway/auth/token: the store has something else under this id", "--force"],
    );
    assert!(server.api("secret/data/openclaw/gateway/auth", None).to_string().contains("seeded-list"));
}

/// Every place is named by its file and field or line, and no other file is touched.
#[test]
fn what_is_left_is_named_by_its_place() {
    let desk = Desk::new();
    for (id, value) in [("openai", "seeded-\"1\"/key"), ("short", "seed-1"), ("other", "seeded-other-key")] {
        assert_eq!(desk.run(&["set", id]).stdin(value).end().code, Some(0));
    }
    let raw = "seeded-\"1\"/key";
    let text = json!({"a": {"b.c": [raw]}}).to_string();
    desk.write("state/openclaw.json.bak", &text);
    desk.write("state/.env", format!("# x\nexport OPENAI='{raw}'\nSHORT=seed-1\n"));
    desk.write("state/log.jsonl", format!("{{}}\n{text}\n"));
    desk.write("state/basic", "Authorization: Basic dXNlcjpzZWVkZWQtIjEiL2tleQ==");
    desk.write("state/url", "https://u:seeded-%221%22%2Fkey@host");
    desk.write("state/a.sqlite", [b"x\0y".as_slice(), raw.as_bytes()].concat());
    desk.write(
        "home/.config/systemd/user/openclaw-gateway.service",
        format!("[Service]\nEnvironment=\"K={raw}\"\n"),
    );
    desk.write("home/.config/systemd/user/other.service", raw);
    desk.write("state/wide", raw.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    desk.write("state/commented.json", format!("{{ // {raw}\n  a: '{raw}', b: {{}}, 'c{raw}': 1 }}"));
    desk.write("state/a\nb", raw);
    desk.write("state/backup.gz", "x");
    for number in 0..4 {
        desk.write(&format!("state/assets/{number}.js.gz"), "x");
    }
    desk.write("state/many", format!("{raw}\n").repeat(102));
    desk.write("elsewhere/x", raw);
    desk.write("far/x", raw);
    symlink(desk.path("far"), desk.path("state/link")).unwrap();
    symlink(desk.path("far/x"), desk.path("state/link-to-file")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(desk.path("state/pipe")).status().unwrap();
    assert!(fifo.success());
    let elsewhere = desk.path("elsewhere").display().to_string();

    let ids = ["--only", "openai,short,other,absent"];
    let left = desk.import(&[&["--residue", &elsewhere][..], &ids].concat());

    said(
        &left,
        1,
        &[
            "short was not looked for: its value has fewer than 8 characters",
            "absent: ",
            "2 symbolic links not followed: ",
            "state/link-to-file",
            "5 compressed files not opened: 4 in ",
            "state/assets, 1 in ",
            "115 places still have a value",
        ],
    );
    let root = fs::canonicalize(desk.0.path()).unwrap().display().to_string();
    let want = [
        "elsewhere/x: line 1: openai",
        "home/.config/systemd/user/openclaw-gateway.service: line 2, K: openai",
        "state/.env: line 2, OPENAI: openai",
        "state/a\u{fffd}b: line 1: openai",
        "state/a.sqlite: byte 3: openai",
        "state/basic: line 1: openai in base64",
        "state/commented.json: (a name): openai",
        "state/commented.json: a: openai",
        "state/commented.json: line 1: openai",
        "state/log.jsonl: line 2: openai in JSON",
        "state/openclaw.json.bak: a.b.c.0: openai",
        "state/url: line 1: openai in a URL",
        "state/wide: byte 0: openai in UTF-16",
    ];
    let lines = left.stdout.lines().map(|line| line.replace(&format!("{root}/"), ""));
    let (many, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("state/many: "));
    assert_eq!(lines, want);
    assert_eq!((many.len(), many[100].as_str()), (101, "state/many: and 2 more places: openai"), "{many:?}");

    // A credential that no id has is left, too.
    let config = r#"{"gateway": {"auth": {"token": "seeded-2"}}, "hooks": {"token": "seeded-3"}}"#;
    desk.write("other/openclaw.json", config);
    let plan = desk.write("plan.json", r#"{"generatedBy": "secretref-keychain", "importedIds": ["other"]}"#);
    let run =
        desk.run(&["import", "--residue", "--plan", &plan]).env("OPENCLAW_STATE_DIR", desk.path("other"));
    let bare = run.end();
    said(&bare, 1, &["2 places still have a value"]);
    let want = ["gateway.auth.token", "hooks.token"].map(|name| {
        format!("{root}/other/openclaw.json: {name}: a credential in plaintext, which has no id here")
    });
    assert_eq!(bare.stdout.lines().collect::<Vec<_>>(), want, "{bare:?}");

    let clean = desk.import(&["--residue", "--only", "other"]);
    said(&clean, 0, &["no value was found"]);
    let nothing = desk.import(&["--residue"]);
    said(&nothing, 3, &["openclaw.json"]);
}

/// A file that cannot be read may have a value in it.
#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn an_unreadable_file_is_named() {
    let folder = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    assert!(gateway::is_root(), "needs root: it runs the resolver as another user");
    let own = |name: &str, text: &str, uid: u32, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&path, Some(uid), Some(uid)).unwrap();
        path
    };
    let binary = folder.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &binary);
    fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("store")).unwrap();
    std::os::unix::fs::chown(folder.path().join("store"), Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(folder.path().join("store"), Permissions::from_mode(0o700)).unwrap();
    let profile = own("keychain.toml", "store = \"file\"\nfolder = \"store\"\n", NOBODY, 0o600);
    fs::create_dir(folder.path().join("state")).unwrap();
    own("state/closed", "seeded-other-key", 0, 0o600);
    let run = |arguments: &[&str]| {
        let run = Run::new(&binary).args(["--profile".into(), profile.clone()]).args(arguments);
        run.env("HOME", folder.path()).env("OPENCLAW_STATE_DIR", folder.path().join("state")).uid(NOBODY)
    };
    assert_eq!(run(&["set", "other"]).stdin("seeded-other-key").end().code, Some(0));
    let left = run(&["import", "--residue", "--only", "other"]).end();
    said(&left, 1, &["closed was not searched: ", "no value was found"]);
}

/// A config with 30 keys, as a person has written them.
fn thirty_keys() -> Value {
    let model = |number: usize| {
        let model = json!({
            "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-completions", "apiKey": format!("seeded-model-{number:02}"),
            "models": [{"id": "m1", "name": "m1"}],
        });
        (format!("acme{number}"), model)
    };
    let mut models: serde_json::Map<_, _> = (0..16).map(model).collect();
    models["acme0"]["headers"] = json!({"X-Api-Key": "seeded-header-0", "X-Title": "mine"});
    models["acme1"]["headers"] = json!({"Authorization": "Bearer seeded-header-1"});
    models["acme2"]["request"] =
        json!({"auth": {"mode": "authorization-bearer", "token": "seeded-bearer-2"}});
    json!({
        "gateway": {
            "mode": "local", "bind": "loopback", "port": port::free(),
            "auth": {"mode": "token", "token": "seeded-gateway-token"},
            "remote": {"token": "seeded-remote-token", "password": "seeded-remote-password"},
        },
        "models": {"providers": models},
        "cron": {"webhookToken": "seeded-cron-token"},
        "skills": {"entries": {"alpha": {"apiKey": "seeded-skill-alpha"}, "beta": {"apiKey": "seeded-skill-beta"}}},
        "tts": {"providers": {"openai": {"apiKey": "seeded-tts-openai"}, "elevenlabs": {"apiKey": "seeded-tts-eleven"}}},
        "talk": {"providers": {"elevenlabs": {"apiKey": "seeded-talk-eleven"}}},
        "memory": {"search": {"remote": {"apiKey": "seeded-memory-key"}}},
        "channels": {"telegram": {"botToken": "123456:seeded-telegram"}},
    })
}

/// The exit code and the report of an audit.
fn audit(gateway: &Gateway) -> (Option<i32>, Value) {
    gateway.openclaw_json(&["secrets", "audit", "--allow-exec", "--check", "--json"])
}

/// An ordinary user with a binary of root moves all keys: import, apply, residue, and a clean audit.
#[test]
#[ignore = "needs the real gateway, and root: tests/run"]
fn thirty_keys_leave_the_config_of_a_gateway() {
    assert!(gateway::is_root(), "needs root: it starts the gateway as another user over files of root");
    let package = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap();
    let binary = package.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &binary);
    fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
    let gateway = Gateway::ordinary();
    gateway.configure(&thirty_keys());
    let first = format!("#!{} --profile\n", binary.display());
    let profile =
        gateway.file("keychain.toml", 0o700, format!("{first}store = \"file\"\nfolder = \"store\"\n"));
    let state = gateway.folder().join("state");
    let (config, plan) = (state.join("openclaw.json"), gateway.folder().join("plan.json"));
    let (config, plan) = (config.display().to_string(), plan.display().to_string());
    let import = |arguments: &[&str]| {
        let run =
            Run::new(&profile).env("HOME", gateway.folder().join("home")).env("OPENCLAW_STATE_DIR", &state);
        let ended = run.uid(NOBODY).args(["import"]).args(arguments).end();
        assert!(!format!("{ended:?}").contains("seeded"), "{ended:?}");
        ended
    };
    let before = audit(&gateway);
    assert_eq!((before.0, &before.1["summary"]["plaintextCount"]), (Some(1), &json!(30)), "{:#}", before.1);

    let shown = import(&["--from", &config]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 30), "{shown:?}");
    let stored = import(&["--from", &config, "--plan", &plan]);
    said(&stored, 0, &["stored 30, and had 0 already, of 30", "which gives 30 fields a reference"]);
    let left = import(&["--residue", "--plan", &plan]);
    said(&left, 1, &["30 places still have a value"]);

    let applied = gateway.openclaw(&["secrets", "apply", "--from", &plan, "--allow-exec"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let after = audit(&gateway);
    assert_eq!((after.0, &after.1["status"]), (Some(0), &json!("clean")), "{:#}", after.1);
    assert_eq!(after.1["resolution"]["refsChecked"], 30, "{:#}", after.1);

    // The gateway says that it is clean, and has left a copy of all keys.
    let left = import(&["--residue"]);
    said(&left, 1, &["30 places still have a value"]);
    assert!(left.stdout.lines().all(|line| line.contains("/state/openclaw.json.bak: ")), "{left:?}");
    fs::remove_file(state.join("openclaw.json.bak")).unwrap();
    said(&import(&["--residue"]), 0, &["no value was found"]);
}
