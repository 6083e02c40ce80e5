//! What a person types, on the real server: from a profile alone, under an empty environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secretref_tests::canned::Canned;
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::port;
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A policy that grants nothing, because the server refuses an empty one.
const NOTHING: &str = "path \"nothing\" { capabilities = [\"deny\"] }";

/// A server, and a folder with a profile that leads to it.
struct Shell {
    server: OpenBao,
    folder: TempDir,
}

impl Shell {
    /// With the administrator's token.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
        let shell = Self { server: OpenBao::start(), folder };
        shell.file("token", ROOT);
        shell.profile("token_file = \"token\"");
        shell
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// Writes the profile again, for the server.
    fn profile(&self, lines: &str) {
        let (address, ca) = (&self.server.https, self.server.ca.display());
        self.profile_to(&format!("address = \"{address}\"\nca_cert = \"{ca}\"\n{lines}"));
    }

    fn profile_to(&self, lines: &str) {
        self.file("vault.toml", &format!("{lines}\n"));
    }

    /// Signs in as a role with this policy, with a session cache.
    fn approle(&self, policy: &str) {
        self.server.enable("approle");
        self.server.api("sys/policies/acl/gateway-policy", Some(&json!({"policy": policy})));
        let role = json!({"token_policies": "gateway-policy", "token_ttl": "3h30m"});
        self.server.api("auth/approle/role/gateway", Some(&role));
        let role_id = self.server.api("auth/approle/role/gateway/role-id", None);
        let secret_id = self.server.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
        self.file("secret-id", secret_id["data"]["secret_id"].as_str().expect("a secret id"));
        self.profile(&format!(
            "auth = \"approle\"\nrole_id = {}\nsecret_id_file = \"secret-id\"\nkeep_session = \"{}\"",
            role_id["data"]["role_id"],
            self.folder.path().join("kept").display()
        ));
    }

    fn command(&self, line: &[&str]) -> Run {
        let profile = self.folder.path().join("vault.toml");
        let run = Run::new(resolver::path("secretref-vault"));
        run.args(["--profile".as_ref(), profile.as_os_str()]).args(line)
    }

    fn run(&self, line: &[&str]) -> Ended {
        self.command(line).end()
    }

    /// Runs a command that must succeed, and returns its output.
    fn ok(&self, line: &[&str]) -> String {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line:?}: {ended:#?}");
        ended.stdout
    }

    fn json(&self, line: &[&str]) -> Value {
        serde_json::from_str(&self.run(line).stdout).expect("JSON")
    }

    fn set(&self, id: &str, value: &str) -> Ended {
        self.command(&["set", id]).stdin(value).end()
    }

    /// The fields of a secret of version 2, as the server has them.
    fn stored(&self, path: &str) -> Value {
        self.server.api(&format!("secret/data/{path}"), None)["data"]["data"].clone()
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn fields_are_set_listed_read_and_deleted_one_by_one() {
    let shell = Shell::new();
    shell.server.api("sys/mounts/old", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    for (settings, place) in [
        ("", "secret/data/providers/openai"),
        ("mount = \"old\"", "old/providers/openai"),
        ("mount = \"old\"\nkv_version = 1", "old/providers/openai"),
    ] {
        shell.profile(&format!("token_file = \"token\"\n{settings}"));
        let first = shell.set("providers/openai#apiKey", "value-of-key");
        assert_eq!(first.code, Some(0), "{first:#?}");
        assert!(
            first.stderr.starts_with("note: stored providers/openai#apiKey (12 characters"),
            "{first:#?}"
        );
        let second = shell.set("providers/openai/org", "value-of-org");
        assert!(second.stderr.ends_with("; other fields kept: apiKey\n"), "{second:#?}");

        assert_eq!(shell.ok(&["get", "providers/openai#apiKey"]), "value-of-key");
        let checked = shell.ok(&["check", "providers/openai#apiKey"]);
        assert!(checked.starts_with("ok") && checked.contains("12 characters"), "{checked}");
        let all = ["providers/openai#apiKey", "providers/openai#org"];
        for (prefix, found) in
            [("", &all[..]), ("providers/op", &all), ("providers/openai#o", &all[1..]), ("other/", &[])]
        {
            assert_eq!(lines(&shell.ok(&["list", prefix])), found, "{settings} {prefix}");
        }

        let unsure = shell.run(&["delete", "providers/openai#apiKey"]);
        assert_eq!(unsure.code, Some(2), "{unsure:#?}");
        assert_eq!(shell.ok(&["get", "providers/openai#apiKey"]), "value-of-key");
        let deleted = shell.run(&["delete", "providers/openai#apiKey", "--yes"]);
        let undo = match place {
            "old/providers/openai" => "",
            _ => "; to bring it back: bao kv rollback -mount=secret -version=2 providers/openai",
        };
        assert_eq!(
            deleted.stderr,
            format!("note: deleted providers/openai#apiKey; other fields kept: org{undo}\n")
        );
        let absent = shell.run(&["delete", "providers/openai#apiKey", "--yes"]);
        assert_eq!(absent.code, Some(1), "{absent:#?}");
        assert_eq!(shell.ok(&["get", "providers/openai#org"]), "value-of-org");
        shell.ok(&["delete", "providers/openai#org", "--yes"]);
        assert_eq!(shell.ok(&["list"]), "", "{place}");
        assert_eq!(shell.run(&["get", "providers/openai#org"]).code, Some(1));
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_deleted_version_can_be_overwritten_and_restored() {
    let shell = Shell::new();
    shell.server.api("secret/config", Some(&json!({"cas_required": true})));
    shell.profile("token_file = \"token\"\n[ids]\nmine = { name = \"it's mine\", field = \"k\" }");
    assert_eq!(shell.set("mine", "value-1").code, Some(0));
    let deleted = shell.run(&["delete", "mine", "--yes"]);
    let undelete = "bao kv undelete -mount=secret -versions=1 'it'\\''s mine'\n";
    assert!(deleted.stderr.ends_with(undelete), "{deleted:#?}");
    let again = shell.set("mine", "value-2");
    assert!(again.stderr.contains("version 2"), "{again:#?}");
    assert_eq!(shell.ok(&["get", "mine"]), "value-2");
    shell.server.api("secret/destroy/it's mine", Some(&json!({"versions": [2]})));
    assert_eq!(shell.set("mine", "value-3").code, Some(0));
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn other_fields_stay_unchanged() {
    let shell = Shell::new();
    let others = json!({"n": 1.5, "big": 9_007_199_254_740_991_u64, "o": {"b": [1, true, null]}, "": "e", "q\"": "x\ny", "ü": "é"});
    shell.server.api("secret/data/a", Some(&json!({"data": others})));
    assert_eq!(shell.set("a#k", "value").code, Some(0));
    let mut all = others.clone();
    all["k"] = json!("value");
    assert_eq!(shell.stored("a"), all);
    shell.ok(&["delete", "a#k", "--yes"]);
    assert_eq!(shell.stored("a"), others);
}

/// Values are written and read back exactly, from and to files.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn values_survive_the_round_trip() {
    let shell = Shell::new();
    let certificate = fs::read_to_string(&shell.server.ca).expect("a certificate");
    for value in
        ["\"quoted\" \\ back", "tab\tand 'quote'", "ünïcödé 🔑", "{\"a\":\"b\"}", "$HOME `id`", &certificate]
    {
        let stored = shell.set("a#k", value);
        assert_eq!(stored.code, Some(0), "{stored:#?}");
        assert_eq!(shell.ok(&["get", "a#k"]), value);
        assert!(!stored.stderr.contains(value) && stored.stdout.is_empty(), "{stored:#?}");
    }
    // The whole of a secret: an object, and nothing else.
    assert_eq!(shell.set("a#", "{\"x\":\"y\",\"z\":{\"deep\":\"1\"}}").code, Some(0));
    assert_eq!(shell.stored("a"), json!({"x": "y", "z": {"deep": "1"}}));
    let text = shell.set("a#", "no object");
    assert_eq!(text.code, Some(1), "{text:#?}");
    assert!(text.stderr.contains("(INVALID_VALUE)"), "{text:#?}");
}

/// Whatever the names of secrets and fields are: each id that `list` prints reads its secret, and so does each alias, once it is
/// in the profile.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn everything_that_is_listed_can_be_asked_for() {
    let paths = [
        "a",
        "a/b",
        "deep/er/still/x",
        "with space",
        "with@space",
        "with-space",
        "co:lon",
        "kv:trap",
        "hash#tag",
        "ünï",
        "per%41cent",
        "..dots",
        "-dash",
        "it's \"quoted\"",
        "back\\slash",
        "@",
        "%",
    ];
    let fields = ["k", "", "/slash/~tilde", "hash#3", "with space", "-"];
    let shell = Shell::new();
    shell.server.mount("kv");
    shell.server.api("sys/mounts/old", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    for (settings, prefix, place) in [
        ("", "", "secret/data"),
        ("", "kv:", "kv/data"),
        ("kv_version = 2\nmount = \"kv\"", "kv:", "kv/data"),
        ("mount = \"old\"", "", "old"),
        ("mount = \"old\"\nkv_version = 1", "", "old"),
    ] {
        let mut values = BTreeSet::new();
        for path in paths {
            let value = |field: &&str| format!("value of {field} of {path} in {place}");
            let members: serde_json::Map<_, _> =
                fields.iter().map(|field| ((*field).to_owned(), json!(value(field)))).collect();
            let body = if place == "old" { json!(members) } else { json!({"data": members}) };
            shell.server.api(&format!("{place}/{path}"), Some(&body));
            values.extend(fields.iter().map(value));
        }
        shell.profile(&format!("token_file = \"token\"\n{settings}"));
        let listed = shell.json(&["list", "--json", prefix]);
        let aliases = listed["unnamed"].as_array().expect("an array").iter();
        let aliases: Vec<_> = aliases.map(|unnamed| unnamed["alias"].as_str().expect("a line")).collect();
        shell.profile(&format!("token_file = \"token\"\n{settings}\n[ids]\n{}", aliases.join("\n")));
        let again = shell.json(&["list", "--json", prefix]);
        assert_eq!((&again["unnamed"], &again["unread"]), (&json!([]), &json!([])), "{again}");
        let ids = again["ids"].as_array().expect("an array").iter().map(|id| id.as_str().expect("an id"));
        let got = shell.json(&["get", "--json"].into_iter().chain(ids).collect::<Vec<_>>());
        let got_values = got["values"].as_object().expect("an object").values();
        let got_values: BTreeSet<_> =
            got_values.map(|value| value.as_str().expect("a text").to_owned()).collect();
        assert_eq!(got_values, values, "{settings} {prefix}: {}", got["errors"]);
        for id in listed["ids"].as_array().expect("an array") {
            let id = id.as_str().expect("an id");
            assert!(got["values"][id].is_string(), "{id} was listed without aliases, and not with them");
        }
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_list_excludes_ids_by_allow_and_counts_them() {
    let shell = Shell::new();
    shell
        .server
        .api("secret/data/a", Some(&json!({"data": {"k": "value-k", "l": "value-l", "m n": "value-m"}})));
    shell.profile("token_file = \"token\"\nallow = [\"a#k\", \"alias\"]\n[ids]\nalias = { name = \"a\", field = \"l\" }");
    let listed = shell.run(&["list"]);
    assert_eq!(lines(&listed.stdout), ["a#k", "alias"], "{listed:#?}");
    // An entry of the profile that replaces an id, and an alias for another secret of the same name.
    shell.server.mount("kv");
    shell.profile("token_file = \"token\"\n[ids]\n\"a#k\" = { name = \"a\", field = \"l\" }\nother = { name = \"a\", field = \"m n\", mount = \"kv\" }");
    let listed = shell.json(&["list", "--json"]);
    assert_eq!(listed["ids"], json!(["a#k", "a#l", "other"]), "{listed}");
    let unnamed = listed["unnamed"].as_array().expect("an array");
    assert_eq!(unnamed.len(), 2, "{listed}");
}

/// Folders that the token may not read are named with the others. If the policy allows listing, no value leaves the server.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_list_shows_what_the_token_may_see() {
    let shell = Shell::new();
    for path in ["open/a", "open/in/b", "open/closed/c", "open/hidden", "open/gone"] {
        shell.server.api(&format!("secret/data/{path}"), Some(&json!({"data": {"k": "value-k"}})));
    }
    shell.server.api("secret/delete/open/gone", Some(&json!({"versions": [1]})));
    let rules = [
        ("metadata/open/*", "list"),
        ("metadata/open/closed/*", "deny"),
        ("subkeys/open/in/*", "read"),
        ("data/open/a", "read"),
        ("data/open/gone", "read"),
    ];
    let rules =
        rules.map(|(path, right)| format!("path \"secret/{path}\" {{ capabilities = [\"{right}\"] }}"));
    shell.server.token("seer-token", "seer", &rules.join("\n"), true);
    shell.file("token", "seer-token");
    let listed = shell.run(&["list", "open/"]);
    assert_eq!(
        (listed.code, lines(&listed.stdout)),
        (Some(1), vec!["open/a#k", "open/in/b#k"]),
        "{listed:#?}"
    );
    let notes = lines(&listed.stderr);
    assert_eq!(notes.len(), 2, "{listed:#?}");
    assert!(notes.iter().any(
        |note| note.contains("open/closed/: ") && note.contains("`list` on secret/metadata/open/closed/")
    ));
    assert!(
        notes
            .iter()
            .any(|note| note.contains("open/hidden: ") && note.contains("`read` on secret/data/open/hidden"))
    );
    assert_eq!(shell.server.audited("secret/data/open/in/b"), 1, "only the test itself wrote it");
}

/// An empty folder is empty; a missing mount, or one of the other version, is a failure.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_list_of_nothing_says_why() {
    let shell = Shell::new();
    shell.server.api("sys/mounts/old", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    for (settings, prefix, code, words) in [
        ("", "", 0, "found no ids"),
        ("", "no/such/folder/x", 0, "found no ids that begin with no/such/folder/x"),
        ("", "absent:", 1, "nothing is mounted at absent/"),
        ("kv_version = 2\nmount = \"old\"", "", 3, "`kv_version`"),
        ("kv_version = 1", "", 3, "`kv_version`"),
        ("kv_version = 1", "auth:token/", 1, "cannot name a mount"),
        ("", "../sys/", 1, "(INVALID_ID)"),
    ] {
        shell.profile(&format!("token_file = \"token\"\n{settings}"));
        let listed = shell.run(&["list", prefix]);
        assert_eq!((listed.code, listed.stdout.as_str()), (Some(code), ""), "{prefix}: {listed:#?}");
        assert!(listed.stderr.contains(words), "{prefix}: {listed:#?}");
    }
}

/// Nested folders: those that were not reached are named.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_list_has_an_end() {
    let shell = Shell::new();
    for depth in [50, 51] {
        shell
            .server
            .api(&format!("secret/data/{}x", "d/".repeat(depth)), Some(&json!({"data": {"k": "value-k"}})));
    }
    let listed = shell.run(&["list", "d"]);
    assert_eq!((listed.code, lines(&listed.stdout).len()), (Some(1), 1), "{listed:#?}");
    assert!(listed.stderr.contains("secret/: there are more than"), "{listed:#?}");
}

/// Common first mistakes get their own message.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn common_typing_mistakes_are_named() {
    let shell = Shell::new();
    shell.server.mount("kv");
    shell.server.api("secret/data/providers/openai", Some(&json!({"data": {"org": "value-org"}})));
    shell.server.token(
        "reader-token",
        "reader",
        "path \"secret/data/providers/*\" { capabilities = [\"read\"] }",
        true,
    );
    shell.file("reader", "reader-token");
    let [root, reader] = ["token", "reader"].map(|token| format!("token_file = \"{token}\""));
    for (settings, line, words, others) in [
        (&root, &["get", "secret/providers/openai/org"][..], "hint: leave secret/ out", "check"),
        (&root, &["get", "secret/data/providers/openai#org"], "hint: leave secret/data/ out", "check"),
        (&root, &["get", "data/providers/openai#org"], "hint: leave data/ out", "check"),
        (&reader, &["get", "secret/providers/openai#org"], "hint: leave secret/ out", "or check"),
        (&root, &["get", "kv/teams/slack#token"], "`mount` (kv:path#field names another)", "leave"),
        (
            &reader,
            &["get", "kv/teams/slack#token"],
            "`mount` (kv:path#field names another) and the id",
            "kv_version",
        ),
        (&reader, &["get", "kv:teams/slack#token"], "names another), `kv_version` and the id", "leave"),
        (
            &format!("{root}\nallow = [\"providers/**\"]"),
            &["get", "secret/data/providers/openai#org"],
            "hint: leave secret/data/ out: a path begins within its mount; else add one",
            "the closest is",
        ),
        (
            &format!("{root}\nallow = [\"providers/*\"]"),
            &["set", "providers/openai/org"],
            "its * stops at a /: write `providers/**`",
            "leave",
        ),
        // A missing mount looks like one in which the token has no rights.
        (
            &format!("{reader}\nmount = \"secrets\""),
            &["get", "a#k"],
            "hint: check `mount`, `kv_version` and",
            "leave",
        ),
        (&reader, &["get", "kv:teams/slack#token"], "(with KV version 1: on kv/teams/slack)", "leave"),
        (
            &reader,
            &["get", "kv:teams/slack#token"],
            "add an entry to [ids] with the path as its `name`",
            "leave",
        ),
        (&root, &["get", "team:a#k"], "add an entry to [ids] with the path as its `name`", "leave"),
        (&format!("{root}\nkv_version = 1"), &["get", "team:a#k"], "with the path as its `name`", "leave"),
        (&root, &["get", "absent#k"], "`kv_version`; without a #", "leave"),
        (&reader, &["list"], "list providers/", "kv_version"),
        (&reader, &["list", "providers/"], "or check `mount`\n", "list providers/"),
        (&format!("{root}\nmount = \"secret/data\""), &["get", "a#k"], "remove /data", "check"),
    ] {
        shell.profile(settings);
        let ended = shell.run(line);
        assert_eq!(ended.code, Some(if settings.contains("/data") { 3 } else { 1 }), "{line:?}: {ended:#?}");
        assert!(ended.stderr.contains(words) && !ended.stderr.contains(others), "{line:?}: {ended:#?}");
    }
}

/// A token without rights gets them one by one, as each refusal names them, until everything works.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn granting_what_a_refusal_names_is_enough() {
    let shell = Shell::new();
    shell.server.api("sys/mounts/old", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    shell.server.api("secret/data/there/a", Some(&json!({"data": {"k": "value-1", "l": "value-2"}})));
    shell.server.api("old/there/a", Some(&json!({"k": "value-1", "l": "value-2"})));
    for (settings, mount) in [("", "secret/data"), ("mount = \"old\"\nkv_version = 1", "old")] {
        let folder = mount.replace("data", "metadata");
        for (line, granted) in [
            (
                &["set", "there/a#k"][..],
                vec![format!("read on {mount}/there/a"), format!("update on {mount}/there/a")],
            ),
            (
                &["set", "new/a#k"],
                vec![format!("read on {mount}/new/a"), format!("create and update on {mount}/new/a")],
            ),
            (
                &["delete", "there/a#k", "--yes"],
                vec![format!("read on {mount}/there/a"), format!("update on {mount}/there/a")],
            ),
            (
                &["delete", "there/a#", "--yes"],
                vec![format!("read on {mount}/there/a"), format!("delete on {mount}/there/a")],
            ),
            (&["list", "new/"], vec![format!("list on {folder}/new/")]),
        ] {
            shell.profile(&format!("token_file = \"token\"\n{settings}"));
            assert_eq!(grants(&shell, line), granted, "{line:?}");
        }
    }
}

/// Runs it, and grants what each refusal asks for, until it succeeds. Returns the grants.
fn grants(shell: &Shell, line: &[&str]) -> Vec<String> {
    let token = format!("small-token-{}", shell.server.audit().len());
    shell.server.token(&token, "small", NOTHING, true);
    shell.file("token", &token);
    let mut granted = Vec::new();
    let mut policy = BTreeMap::<String, Vec<String>>::new();
    for _ in 0..4 {
        let ended = shell.command(line).stdin("value-new").end();
        // A folder that may be listed is listed, even if its secrets may not be read.
        if ended.code == Some(0) || ended.stderr.starts_with("note: new/") {
            return granted;
        }
        assert!(ended.stderr.contains("its policies are default, small"), "{ended:#?}");
        let hint = ended.stderr.split_once("hint: ").expect("a hint").1;
        let grant = hint.split_once("grant ").expect("what to grant").1;
        let (grant, _) = grant.split_once(" in one of its policies").expect("where");
        let (rights, path) = grant.split_once(" on ").expect("a path");
        policy
            .entry(path.to_owned())
            .or_default()
            .extend(rights.replace('`', "\"").split(" and ").map(str::to_owned));
        let rule = |(path, rights): (&String, &Vec<String>)| {
            format!("path \"{path}\" {{ capabilities = [{}] }}\n", rights.join(", "))
        };
        let text: String = policy.iter().map(rule).collect();
        shell.server.api("sys/policies/acl/small", Some(&json!({"policy": text})));
        granted.push(grant.replace('`', ""));
    }
    panic!("no end: {granted:?}");
}

/// Passes every request on, but calls `first` before the first one that begins like this.
fn between(target: &str, begins: &'static str, first: impl FnOnce() + Send + 'static) -> String {
    let listener: TcpListener = port::listen();
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let target = target.trim_start_matches("http://").to_owned();
    let first = Arc::new(Mutex::new(Some(first)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&target).expect("the server");
            let (mut answers, mut asked) =
                (server.try_clone().expect("a clone"), client.try_clone().expect("a clone"));
            std::thread::spawn(move || std::io::copy(&mut answers, &mut asked));
            let (first, mut client, mut server) = (Arc::clone(&first), client, server);
            std::thread::spawn(move || {
                let mut bytes = vec![0; 65536];
                while let Ok(length @ 1..) = client.read(&mut bytes) {
                    if bytes.starts_with(begins.as_bytes())
                        && let Some(first) = first.lock().expect("a lock").take()
                    {
                        first();
                    }
                    let _ = server.write_all(&bytes[..length]);
                }
            });
        }
    });
    address
}

/// Another writer between the read and the write loses nothing.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_concurrent_write_is_not_overwritten() {
    let shell = Shell::new();
    let shell = Arc::new(shell);
    shell.server.api("secret/data/there", Some(&json!({"data": {"k": "value-1"}})));
    for (path, line, begins) in [
        ("there", &["set", "there#l"][..], "POST /v1/secret/data/there"),
        ("there", &["delete", "there#k", "--yes"], "POST /v1/secret/data/there"),
        ("new", &["set", "new#l"], "POST /v1/secret/data/new"),
    ] {
        let theirs = json!({"k": "value-theirs", "m": "value-more"});
        let (other, body) = (Arc::clone(&shell), json!({"data": theirs}));
        let write = move || drop(other.server.api(&format!("secret/data/{path}"), Some(&body)));
        let address = between(&shell.server.http, begins, write);
        shell.profile_to(&format!("address = \"{address}\"\ntoken_file = \"token\""));
        let ended = shell.command(line).stdin("value-mine").end();
        assert_eq!(ended.code, Some(1), "{line:?}: {ended:#?}");
        assert!(ended.stderr.contains("another client wrote secret/"), "{ended:#?}");
        assert_eq!(shell.stored(path), theirs, "{line:?}");
        assert_eq!(shell.command(line).stdin("value-mine").end().code, Some(0), "{line:?}");
        assert_eq!(shell.stored(path)["m"], "value-more", "{line:?}");
    }
}

/// A secret of one field is deleted with it: what another program wrote right before that can be restored.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_deletion_names_the_deleted_version() {
    let shell = Arc::new(Shell::new());
    shell.server.api("secret/data/a", Some(&json!({"data": {"only": "value-1"}})));
    let (other, theirs) = (Arc::clone(&shell), json!({"data": {"only": "value-theirs"}}));
    let write = move || drop(other.server.api("secret/data/a", Some(&theirs)));
    let address = between(&shell.server.http, "DELETE /v1/secret/data/a", write);
    shell.profile_to(&format!("address = \"{address}\"\ntoken_file = \"token\""));
    let ended = shell.run(&["delete", "a#only", "--yes"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("bao kv undelete -mount=secret -versions=2 a"), "{ended:#?}");
    shell.server.api("secret/undelete/a", Some(&json!({"versions": [2]})));
    assert_eq!(shell.stored("a")["only"], "value-theirs");
}

/// One path means different secrets in the two versions of the engine, so nothing is written on a guess.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn nothing_is_written_to_a_mount_that_is_not_a_kv_engine() {
    let shell = Shell::new();
    shell.server.api("sys/mounts/kv1", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    shell.server.api("kv1/app/db", Some(&json!({"pw": "value-old"})));
    for (line, words) in [
        (&["set", "cubbyhole:x/y#pw"][..], "is not a KV engine"),
        (&["set", "--kv-version", "2", "kv1:app/db#pw"], "another version than `kv_version` says"),
        (&["set", "nowhere:x/y#pw"], "nothing was changed"),
    ] {
        let line: Vec<_> =
            ["--address", &shell.server.http].into_iter().chain(line.iter().copied()).collect();
        let run = Run::new(resolver::path("secretref-vault")).args(line.clone()).env("VAULT_TOKEN", ROOT);
        let ended = run.stdin("value-new").end();
        assert_eq!(ended.code, Some(3), "{line:?}: {ended:#?}");
        assert!(ended.stderr.contains(words), "{line:?}: {ended:#?}");
    }
    assert_eq!(shell.server.api("kv1/app/db", None)["data"], json!({"pw": "value-old"}));
    let data = shell.server.get_status("kv1/data/app/db");
    assert_eq!(data, 404, "a secret of version 1 was made by a path of version 2");
}

/// A secret at `data/` in a version 1 engine is not one of version 2: it is neither listed, nor returned, nor changed, and a
/// change keeps the other fields of the right secret.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_stray_in_version_1_is_left_alone() {
    let shell = Shell::new();
    let stray =
        json!({"data": {"v": "stray"}, "metadata": {"version": 1, "created_time": "2026-01-01T00:00:00Z"}});
    for (mount, kind) in [("kv1", "kv"), ("old", "generic")] {
        shell.server.api(&format!("sys/mounts/{mount}"), Some(&json!({"type": kind})));
        shell.server.api(&format!("{mount}/svc"), Some(&json!({"v": "right", "password": "p1"})));
        shell.server.api(&format!("{mount}/data/svc"), Some(&stray));
        shell.profile(&format!("token_file = \"token\"\nmount = \"{mount}\""));
        assert_eq!(shell.ok(&["get", "svc/v"]), "right");
        assert_eq!(shell.json(&["get", "--json", "svc#v"])["about"]["svc#v"]["version"], Value::Null);
        assert_eq!(lines(&shell.ok(&["list", "svc"])), ["svc#password", "svc#v"]);
        assert_eq!(shell.set("svc/w", "new").code, Some(0));
        let all = json!({"v": "right", "password": "p1", "w": "new"});
        assert_eq!(shell.server.api(&format!("{mount}/svc"), None)["data"], all);
        shell.ok(&["delete", "svc/w", "--yes"]);
        let rest = json!({"v": "right", "password": "p1"});
        assert_eq!(shell.server.api(&format!("{mount}/svc"), None)["data"], rest);
        shell.ok(&["delete", "svc#", "--yes"]);
        assert_eq!(shell.server.get_status(&format!("{mount}/svc")), 404);
        assert_eq!(shell.server.api(&format!("{mount}/data/svc"), None)["data"], stray);
    }
    // In a mount with a lease below one second, the response looks exactly like one of version 2.
    shell.server.api("kv1/svc", Some(&json!({"v": "right", "password": "p1"})));
    shell.server.api("sys/mounts/kv1/tune", Some(&json!({"default_lease_ttl": "1ms"})));
    shell.profile("token_file = \"token\"\nmount = \"kv1\"");
    for line in [&["set", "svc/w"][..], &["delete", "svc/v", "--yes"], &["delete", "svc#", "--yes"]] {
        let ended = shell.command(line).stdin("new").end();
        assert_eq!(ended.code, Some(3), "{line:?}: {ended:#?}");
        assert!(ended.stderr.contains("another KV version"), "{line:?}: {ended:#?}");
    }
    assert_eq!(shell.server.api("kv1/svc", None)["data"], json!({"v": "right", "password": "p1"}));
}

/// A version without fields can be listed, changed and deleted.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_secret_without_fields_is_not_a_server_failure() {
    let shell = Shell::new();
    shell.server.api("secret/data/full", Some(&json!({"data": {"k": "value-k"}})));
    for path in ["a", "b"] {
        shell.server.api(&format!("secret/data/{path}"), Some(&json!({"data": null})));
    }
    assert_eq!(lines(&shell.ok(&["list"])), ["full#k"]);
    let got = shell.run(&["get", "a#k"]);
    assert!(got.code == Some(1) && got.stderr.contains("no field k"), "{got:#?}");
    assert_eq!(shell.set("a#k", "value-new").code, Some(0));
    assert_eq!(shell.stored("a"), json!({"k": "value-new"}));
    let missing = shell.run(&["delete", "b#k", "--yes"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("no field k"), "{missing:#?}");
    shell.ok(&["delete", "b#", "--yes"]);
    assert_eq!(shell.server.get_status("secret/data/b"), 404);
}

/// The command that a deletion prints restores the secret.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn the_printed_command_restores_a_deleted_secret() {
    let shell = Shell::new();
    shell.server.api("secret/data/team/it's", Some(&json!({"data": {"k": "value-k", "l": "value-l"}})));
    shell.profile("token_file = \"token\"\n[ids]\nk = { name = \"team/it's\", field = \"k\" }\nall = { name = \"team/it's\" }");
    let bao = |told: &str| {
        let command = told.split_once("bring it back: bao ").expect("a command").1;
        let line = format!("{} {}", secretref_tests::openbao::binary().display(), command.trim());
        let done = std::process::Command::new("sh")
            .args(["-c", &line])
            .env("BAO_ADDR", &shell.server.http)
            .env("BAO_TOKEN", ROOT)
            .output()
            .expect("a shell");
        assert!(done.status.success(), "{line}: {done:?}");
    };
    for id in ["k", "all"] {
        let deleted = shell.run(&["delete", id, "--yes"]);
        assert_eq!(deleted.code, Some(0), "{deleted:#?}");
        bao(&deleted.stderr);
        assert_eq!(shell.stored("team/it's"), json!({"k": "value-k", "l": "value-l"}), "{id}");
    }
}

/// A role's new policy applies to its next session, and the refusal of a cached session says how to get one.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_denied_cached_session_says_how_to_get_a_new_one() {
    let shell = Shell::new();
    shell.server.api("secret/data/a", Some(&json!({"data": {"k": "value-k"}})));
    shell.approle("path \"secret/data/*\" { capabilities = [\"read\"] }");
    let role = |policies: &[&str]| {
        shell.server.api("auth/approle/role/gateway", Some(&json!({"token_policies": policies})));
    };
    role(&[]);
    let hint = "try again in a minute or run `logout`";
    let fresh = shell.run(&["get", "a#k"]);
    assert!(fresh.stderr.contains("(ACCESS_DENIED)") && !fresh.stderr.contains(hint), "{fresh:#?}");
    role(&["gateway-policy"]);
    let kept = shell.run(&["get", "a#k"]);
    assert!(kept.stderr.contains("(ACCESS_DENIED)") && kept.stderr.contains(hint), "{kept:#?}");
    shell.ok(&["logout"]);
    assert_eq!(shell.ok(&["get", "a#k"]), "value-k");
}

/// A user who can write a field of a secret cannot send control characters to a reader's terminal.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn names_in_the_store_cannot_control_the_terminal() {
    let shell = Shell::new();
    let strange = "\u{1b}]0;TITLE\u{7}\u{9b}2J\u{202e}\nnote: stored everything";
    shell.server.api("secret/data/esc", Some(&json!({"data": {strange: "value-a", "b": "value-b"}})));
    for line in [&["set", "esc#b"][..], &["list"], &["check", "esc#b"], &["delete", "esc#b", "--yes"]] {
        let ended = shell.command(line).stdin("value-c").end();
        assert_eq!(ended.code, Some(0), "{line:?}: {ended:#?}");
        let told = format!("{}{}", ended.stdout, ended.stderr);
        let is_strange = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!told.contains(is_strange) && !told.contains("\nnote: stored every"), "{line:?}: {told:?}");
    }
}

/// With a profile, the variables of other tools change nothing.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn contradicting_variables_change_nothing() {
    let shell = Shell::new();
    let nowhere = "http://127.0.0.1:1";
    let contrary = [
        ("VAULT_ADDR", nowhere),
        ("BAO_ADDR", nowhere),
        ("VAULT_AGENT_ADDR", nowhere),
        ("VAULT_TOKEN", "wrong-token"),
        ("BAO_TOKEN", "wrong-token"),
        ("VAULT_NAMESPACE", "elsewhere"),
        ("VAULT_CACERT", "/nowhere/ca.pem"),
        ("VAULT_SKIP_VERIFY", "true"),
        ("VAULT_PROXY_ADDR", nowhere),
        ("HTTPS_PROXY", nowhere),
        ("OPENCLAW_VAULT_KV_MOUNT", "elsewhere"),
        ("OPENCLAW_VAULT_KV_VERSION", "1"),
        ("OPENCLAW_VAULT_AUTH_METHOD", "approle"),
    ];
    for (line, stdin, words) in [
        (&["set", "a#k"][..], "value-a", ""),
        (&["get", "a#k"], "", "value-a"),
        (&["list"], "", "a#k\n"),
        (&["check", "a#k"], "", "ok"),
        (&["doctor", "a#k"], "", "ok"),
        (&["delete", "a#k", "--yes"], "", ""),
    ] {
        let run = contrary.iter().fold(shell.command(line), |run, (name, value)| run.env(name, value));
        let ended = run.stdin(stdin).end();
        assert_eq!(ended.code, Some(0), "{line:?}: {ended:#?}");
        assert!(ended.stdout.contains(words), "{line:?}: {ended:#?}");
        if line[0] == "check" {
            assert!(contrary.iter().all(|(name, _)| ended.stderr.contains(name)), "{ended:#?}");
        }
        assert!(!format!("{ended:?}").contains("wrong-token"), "{ended:#?}");
    }
}

/// A value is only on stdout, and only if it was requested.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn values_stay_where_they_belong() {
    let shell = Shell::new();
    let canary = "canary-value";
    let mut all = vec![shell.set("a#k", canary), shell.set("a#other", "canary-other")];
    for line in [
        &["check", "a#k", "a#none"][..],
        &["check", "--json", "a#k"],
        &["list"],
        &["list", "--json"],
        &["doctor", "--names", "a#k"],
        &["doctor", "--json", "a#k"],
        &["delete", "a#k", "--yes"],
    ] {
        all.push(shell.run(line));
    }
    for ended in &all {
        assert!(!format!("{ended:?}").contains("canary"), "{ended:#?}");
        assert!(!format!("{ended:?}").contains(ROOT), "{ended:#?}");
    }
}

/// If the server ends a session, the next command signs in again.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn an_expired_cached_session_is_replaced() {
    let shell = Shell::new();
    shell.approle(
        "path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }",
    );
    let revoke =
        || shell.server.api("sys/leases/revoke-prefix/auth/approle/login", Some(&json!({"sync": true})));
    for (line, logins) in [
        (&["set", "a#k"][..], 1),
        (&["set", "a#l"], 2),
        (&["list"], 3),
        (&["doctor"], 4),
        (&["doctor", "a#k"], 5),
        (&["delete", "a#l", "--yes"], 6),
        (&["delete", "a#k", "--yes"], 7),
    ] {
        let ended = shell.command(line).stdin("value").end();
        assert_eq!(ended.code, Some(0), "{line:?}: {ended:#?}");
        assert_eq!(shell.server.audited("auth/approle/login"), logins, "{line:?}");
        revoke();
    }
}

/// Every request of a run has the id of the run, and another run has another one.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn the_audit_log_tells_which_run_asked() {
    let shell = Shell::new();
    let path = "sys/config/auditing/request-headers/x-correlation-id";
    shell.server.api(path, Some(&json!({"hmac": false})));
    let mut runs = BTreeSet::new();
    for _ in 0..2 {
        let before = shell.server.audit().len();
        assert_eq!(shell.set("a#k", "value").code, Some(0));
        let audit = shell.server.audit();
        let heads: BTreeSet<_> =
            audit[before..].iter().map(|entry| entry["request"]["headers"].to_string()).collect();
        assert!(audit.len() > before + 2 && heads.len() == 1, "{heads:?}");
        let head: Value = serde_json::from_str(heads.first().expect("a head")).expect("JSON");
        let run = head["x-correlation-id"][0].as_str().expect("an id").to_owned();
        assert!(run.len() == 16 && run.bytes().all(|byte| byte.is_ascii_hexdigit()), "{run}");
        runs.insert(run);
    }
    assert_eq!(runs.len(), 2);
}

/// The steps of `doctor --json`, each with its status.
fn steps(told: &Value) -> Vec<(String, String)> {
    let text = |step: &Value, key: &str| step[key].as_str().expect("a text").to_owned();
    told["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| (text(step, "step"), text(step, "status")))
        .collect()
}

fn facts(told: &Value, name: &str) -> String {
    let step = told["steps"].as_array().expect("steps").iter().find(|step| step["step"] == name);
    step.expect("the step")["facts"].to_string()
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_names_the_step_that_fails() {
    let shell = Shell::new();
    shell.server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    shell
        .server
        .api("auth/token/create", Some(&json!({"id": "ended-token", "ttl": "1s", "policies": ["default"]})));
    shell.server.token("small-token", "small-policy", NOTHING, true);
    shell.file("ended", "ended-token");
    shell.file("small", "small-token");
    std::thread::sleep(Duration::from_millis(1500));
    let strange = tempfile::tempdir().expect("a folder");
    let strange = secretref_tests::certificate::Certificates::make(strange.path()).ca;
    let strange = shell.file("strange.pem", &fs::read_to_string(strange).expect("a certificate"));
    let (address, ca) = (shell.server.https.clone(), shell.server.ca.display().to_string());
    let lines = |address: &str, ca: &str, token: &str| {
        format!("address = \"{address}\"\nca_cert = \"{ca}\"\ntoken_file = \"{token}\"")
    };
    let dead = format!("https://127.0.0.1:{}", port::free());
    for (lines, id, failed, code) in [
        (lines(&address, &ca, "token"), None, None, 0),
        (lines(&address, &ca, "token"), Some("a#k"), None, 0),
        (lines(&address, &ca, "token"), Some("b#k"), Some("read"), 1),
        (lines(&address, &ca, "small"), Some("a#k"), Some("read"), 1),
        (lines(&address, &ca, "ended"), None, Some("sign-in"), 4),
        (lines(&address, &ca, "ended"), Some("a#k"), Some("sign-in"), 4),
        (lines(&address, &strange.display().to_string(), "token"), None, Some("TLS"), 5),
        (lines(&dead, &ca, "token"), Some("a#k"), Some("connection"), 5),
        (lines(&address, &ca, "absent"), None, Some("configuration"), 3),
    ] {
        shell.profile_to(&lines);
        let ended = shell.run(&["doctor", "--json"].into_iter().chain(id).collect::<Vec<_>>());
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(
            (ended.code, &told["ok"]),
            (Some(code), &json!(failed.is_none())),
            "{lines} {id:?}: {told:#}"
        );
        let steps = steps(&told);
        let first = steps.iter().find(|(_, status)| status == "failed").map(|(step, _)| step.as_str());
        assert_eq!(first, failed, "{lines} {id:?}: {told:#}");
        assert_eq!(failed.is_none(), steps.iter().all(|(_, status)| status == "ok"), "{told:#}");
    }
}

/// A server that is stopped takes connections, and does not answer: the token may be any.
#[test]
fn doctor_does_not_call_a_token_well_that_no_store_has_seen() {
    let silent: TcpListener = port::listen();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("token"), "hvs.any-token").expect("a token");
    fs::set_permissions(folder.path().join("token"), Permissions::from_mode(0o600)).expect("a mode");
    let address = silent.local_addr().expect("an address");
    let profile = folder.path().join("vault.toml");
    let lines = format!("address = \"http://{address}\"\ntoken_file = \"token\"\ntimeout = \"700ms\"\n");
    fs::write(&profile, lines).expect("a profile");
    let profile = profile.display().to_string();
    let doctor = |line: &[&str]| {
        Run::new(resolver::path("secretref-vault")).args(["--profile", &profile, "doctor"]).args(line).end()
    };
    let told = doctor(&["--json", "a#k"]);
    let report: Value = serde_json::from_str(&told.stdout).expect("JSON");
    let steps = steps(&report);
    let status = |name: &str| steps.iter().find(|(step, _)| step == name).map(|(_, status)| status.as_str());
    assert_eq!(told.code, Some(6), "{report:#}");
    assert_eq!(
        [status("connection"), status("sign-in"), status("read")],
        [Some("ok"), Some("skipped"), Some("failed")],
        "{report:#}"
    );
    let text = doctor(&["a#k"]).stdout;
    let line = text.lines().find(|line| line.starts_with("skipped  sign-in")).expect("a line");
    assert!(line.ends_with("not verified: the store did not answer") && !line.contains("ms"), "{text}");
}

/// The hint is a command, and it is there once.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn an_unknown_token_is_explained_once_with_a_command() {
    let shell = Shell::new();
    let file = shell.file("ended", "hvs.ended-token").display().to_string();
    shell.profile("token_file = \"ended\"");
    let told = shell.run(&["doctor", "--names", "a#k"]);
    assert_eq!(told.code, Some(4), "{told:#?}");
    let hint =
        format!("hint: write a new token there: bao token create -orphan -policy=NAME -field=token > {file}");
    for (words, count) in [("does not know the token of", 1), (&*hint, 1), ("num_uses", 0), ("hvs.", 0)] {
        assert_eq!(told.stdout.matches(words).count(), count, "{words}: {told:#?}");
    }
    let home = shell.folder.path().display().to_string();
    shell.file(".vault-token", "hvs.ended-token");
    for (name, value, words) in [
        ("HOME", home.as_str(), "run `bao login`, or `vault login`"),
        ("VAULT_TOKEN", "hvs.ended-token", "set VAULT_TOKEN to a new token: `bao token create -orphan"),
    ] {
        let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", &shell.server.http);
        let got = run.env(name, value).args(["get", "a#k"]).end();
        assert!(got.code == Some(4) && got.stderr.contains(words), "{got:#?}");
        assert!(!got.stderr.contains("num_uses") && !got.stderr.contains("hvs."), "{got:#?}");
    }
}

/// Several ids are reported one by one, also if names are hidden.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_takes_several_ids() {
    let shell = Shell::new();
    shell.server.api("secret/data/a", Some(&json!({"data": {"k": "value-a", "l": "value-long"}})));
    for (ids, code, status) in [
        (&["a#k", "a#l"][..], 0, &["ok", "ok"][..]),
        (&["a#k", "a#none", "b#k"], 1, &["ok", "failed", "failed"]),
    ] {
        let line: Vec<_> = ["doctor", "--json"].iter().chain(ids).copied().collect();
        let ended = shell.run(&line);
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        let told = serde_json::from_str(&ended.stdout).expect("JSON");
        let of_ids: Vec<_> = steps(&told).into_iter().filter(|(step, _)| step.starts_with("id ")).collect();
        assert!(of_ids.iter().map(|(_, status)| status).eq(status), "{told:#}");
        assert!(facts(&told, "id 1").contains("<id>\",\"7 characters"), "{told:#}");
    }
}

/// A response that is not from a Vault does not show that the token is valid.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_tells_a_vault_from_others() {
    let shell = Shell::new();
    let canned = |status, body| Canned::http(status, "", body).http;
    let portal = "<html>portal</html>";
    let clear = shell.server.https.replace("https://", "http://");
    let secure = &shell.server.https;
    for (address, settings, code, words) in [
        (&canned("200 OK", portal), "", 5, "is not from Vault or OpenBao"),
        (&canned("200 OK", "{}"), "", 5, "is not from Vault or OpenBao"),
        (&canned("200 OK", "{\"data\":{}}"), "", 5, "is not from Vault or OpenBao"),
        (&canned("403 Forbidden", portal), "", 5, "is not from Vault or OpenBao"),
        (&canned("404 Not Found", portal), "", 5, "is not from Vault or OpenBao"),
        (&clear, "", 5, "write https:// in `address`"),
        (secure, "namespace = \"absent\"", 3, "has no namespace absent (404)"),
    ] {
        let ca = shell.server.ca.display();
        shell.profile_to(&format!(
            "address = \"{address}\"\nca_cert = \"{ca}\"\ntoken_file = \"token\"\n{settings}"
        ));
        let ended = shell.run(&["doctor", "--json", "--names"]);
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(ended.code, Some(code), "{told:#}");
        let failed: Vec<_> = steps(&told).into_iter().filter(|(_, status)| status == "failed").collect();
        assert_eq!(failed, [("sign-in".to_owned(), "failed".to_owned())], "{told:#}");
        assert!(told.to_string().contains(words), "{words}: {told:#}");
    }
}

/// `doctor` shows the token, its age, its expiry and its rights.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_shows_the_rights_of_the_session() {
    let shell = Shell::new();
    let told = || shell.json(&["doctor", "--json", "--names"]);
    assert!(facts(&told(), "sign-in").contains("never expires\",\"policies: root"), "{}", told());

    shell.server.api("sys/policies/acl/few", Some(&json!({"policy": NOTHING})));
    let counted = json!({"id": "counted-token", "policies": ["few"], "ttl": "2h30m", "num_uses": 5});
    shell.server.api("auth/token/create", Some(&counted));
    shell.file("token", "counted-token");
    let counted = facts(&told(), "sign-in");
    for words in [
        "token\"",
        "expires in 2 h",
        "warning: the token ends after 4 more requests",
        "policies: default, few",
    ] {
        assert!(counted.contains(words), "{words}: {counted}");
    }

    shell.server.token("blind-token", "few", NOTHING, false);
    shell.file("token", "blind-token");
    assert!(facts(&told(), "sign-in").contains("may not look itself up"), "{}", told());

    shell.approle("path \"secret/data/*\" { capabilities = [\"read\"] }");
    let first = facts(&told(), "sign-in");
    for words in
        ["approle at auth/approle", "signed in by this run", "sessions are cached in /", "expires in 3 h"]
    {
        assert!(first.contains(words), "{words}: {first}");
    }
    let second = facts(&told(), "sign-in");
    assert!(second.contains("with a cached session, signed in 0 s ago"), "{second}");
    assert_eq!(shell.server.audited("auth/approle/login"), 1);
}

/// The output of `doctor` can be shared: it contains no private names.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_hides_names() {
    let shell = Shell::new();
    shell.server.mount("team-mount");
    shell.server.api("team-mount/data/team/key", Some(&json!({"data": {"fieldname": "value-a"}})));
    shell.approle("path \"team-mount/data/team/key\" { capabilities = [\"read\"] }");
    let profile = fs::read_to_string(shell.folder.path().join("vault.toml")).expect("the profile");
    let role_id =
        profile.split("role_id = \"").nth(1).expect("a role id").split('"').next().expect("a role id");
    let names = [
        "vault.corp.invalid",
        "team-mount",
        "team/key",
        "team/denied",
        "fieldname",
        "gateway-policy",
        "value-a",
        role_id,
        &shell.folder.path().display().to_string(),
        &shell.server.folder().display().to_string(),
    ];
    let entry = "[ids]\nalias-name = { name = \"team/key\", field = \"fieldname\", mount = \"team-mount\" }";
    let wrong_secret = profile.replace("\"secret-id\"", "\"ca.pem\"");
    shell.file("ca.pem", "wrong-secret-id");
    let dead = profile.replace(&shell.server.https, &format!("https://127.0.0.1:{}", port::free()));
    let unknown = profile.replace(&shell.server.https, "https://vault.corp.invalid:8200");
    for (profile, id, words) in [
        (profile.clone(), "team-mount:team/key#fieldname", "ok"),
        (format!("{profile}{entry}"), "alias-name", "ok"),
        (profile.clone(), "team-mount:team/denied#fieldname", "ACCESS_DENIED"),
        (profile.clone(), "team-mount:team/denied/fieldname", "ACCESS_DENIED"),
        (format!("mount = \"team-mount\"\n{profile}"), "team/denied#fieldname", "ACCESS_DENIED"),
        (profile.clone(), "team-mount:team/key#fieldname2", "NOT_FOUND"),
        (wrong_secret, "team-mount:team/key#fieldname", "UNAUTHENTICATED"),
        (dead, "team-mount:team/key#fieldname", "UNAVAILABLE"),
        (unknown, "team-mount:team/key#fieldname", "UNAVAILABLE"),
    ] {
        shell.profile_to(&profile);
        for line in [&["doctor", id][..], &["doctor", "--json", id], &["doctor"]] {
            let ended = shell.run(line);
            let text = format!("{}{}", ended.stdout, ended.stderr);
            assert!(line.len() == 1 || text.contains(words), "{line:?}: {text}");
            for name in names.iter().chain([&id, &"alias-name"]) {
                assert!(!text.contains(name), "{line:?} shows {name}: {text}");
            }
        }
    }
}

/// `doctor` and `check` warn of what will fail soon, and of files that other users can read.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn doctor_warns_of_coming_failures() {
    let shell = Shell::new();
    shell.server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    shell.server.api("secret/config", Some(&json!({"delete_version_after": "600s"})));
    shell.server.api("secret/data/ends", Some(&json!({"data": {"k": "value-ends"}})));
    let reads = json!({"policy": "path \"secret/data/*\" { capabilities = [\"read\"] }"});
    shell.server.api("sys/policies/acl/reads", Some(&reads));
    let status = |told: &Value, name: &str| {
        let steps = steps(told);
        steps.iter().find(|(step, _)| step == name).map(|(_, status)| status.clone()).unwrap_or_default()
    };
    for (id, ttl, warned) in [("soon-token", "59s", true), ("later-token", "768h", false)] {
        let token = json!({"id": id, "policies": ["default", "reads"], "ttl": ttl, "no_parent": true});
        shell.server.api("auth/token/create", Some(&token));
        shell.file("token", id);
        let told = shell.json(&["doctor", "--json"]);
        let wanted = if warned { "warning" } else { "ok" };
        assert_eq!((status(&told, "sign-in").as_str(), &told["ok"]), (wanted, &json!(true)), "{told:#}");
        let checked = shell.run(&["check", "a#k"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert_eq!(checked.stderr.contains("warning: the token ends in 5"), warned, "{checked:?}");
        let checked = shell.json(&["check", "--json", "a#k", "ends#k"]);
        let seconds = |value: &Value| value.as_i64().expect("a number");
        let left = seconds(&checked["expires_in"]["token"]);
        assert_eq!(left <= 59, warned, "{checked:#}");
        assert!(seconds(&checked["expires_in"]["certificate"]) > 0, "{checked:#}");
        assert!(checked["ids"][0]["expires_in"].is_null(), "{checked:#}");
        assert!((500..=600).contains(&seconds(&checked["ids"][1]["expires_in"])), "{checked:#}");
    }

    // Its parent is the token that created it.
    let child = json!({"id": "child-token", "policies": ["default", "reads"], "ttl": "768h"});
    shell.server.api("auth/token/create", Some(&child));
    shell.file("token", "child-token");
    let checked = shell.run(&["check", "a#k"]);
    assert!(checked.stderr.contains("create one with -orphan"), "{checked:?}");

    // A token with one use is spent by the read, as in a gateway's run.
    let once = json!({"id": "once-token", "policies": ["reads"], "ttl": "1h", "num_uses": 1});
    shell.server.api("auth/token/create", Some(&once));
    shell.file("token", "once-token");
    assert_eq!(shell.run(&["check", "a#k"]).code, Some(0));

    let path = shell.file("token", ROOT);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
    let told = shell.json(&["doctor", "--json"]);
    assert_eq!(status(&told, "configuration"), "warning", "{told:#}");
    assert!(facts(&told, "configuration").contains("lets others read it (0644)"), "{told:#}");
    assert!(!told.to_string().contains(path.to_str().expect("UTF-8")), "{told:#}");
    let checked = shell.run(&["check", "a#k"]);
    assert!(checked.stderr.contains("lets others read it (0644): run `chmod go-rwx "), "{checked:?}");
    // As the warning says.
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a mode");
    assert_eq!(status(&shell.json(&["doctor", "--json"]), "configuration"), "ok");

    shell.profile("token_file = \"token\"\nenv = [\"VAULT_NAMESPACE\"]");
    let words = "not set here: VAULT_NAMESPACE";
    assert!(facts(&shell.json(&["doctor", "--json"]), "configuration").contains(words));
    assert!(shell.run(&["check", "a#k"]).stderr.contains(words));
}

/// Failures have one shape in all JSON output.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_failure_has_one_shape_in_json() {
    let shell = Shell::new();
    let got = shell.json(&["get", "--json", "absent#k"]);
    let checked = shell.json(&["check", "--json", "absent#k"]);
    let told = shell.json(&["doctor", "--json", "--names", "absent#k"]);
    let last = told["steps"].as_array().expect("steps").last().expect("a step");
    let keys = ["code", "message", "remedy"];
    let of = |value: &Value| keys.map(|key| value[key].as_str().expect("a text").to_owned());
    let all = [&got["errors"]["absent#k"], &checked["ids"][0], &last["failure"]].map(of);
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    assert_eq!(all[0][0], "NOT_FOUND");
    assert!(!all[0][1].contains(&all[0][2]), "{all:?}");
}

/// The hint of a cached refusal, followed exactly.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn after_a_remembered_refusal_doctor_says_how_to_try_at_once() {
    let shell = Shell::new();
    shell.approle("path \"secret/data/*\" { capabilities = [\"read\"] }");
    let bound = |addresses: &str| {
        shell.server.api("auth/approle/role/gateway", Some(&json!({"secret_id_bound_cidrs": addresses})))
    };
    bound("10.0.0.0/8");
    let secret_id = shell.server.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
    shell.file("secret-id", secret_id["data"]["secret_id"].as_str().expect("a secret id"));
    for words in ["cannot be used from this machine's address", "not tried again, refused"] {
        let told = shell.run(&["doctor"]);
        assert_eq!(told.code, Some(4), "{told:?}");
        assert!(told.stdout.contains(words), "{told:?}");
        assert!(
            told.stdout.contains("run `logout` with the same profile, then the same command again"),
            "{told:?}"
        );
    }
    bound("");
    let secret_id = shell.server.api("auth/approle/role/gateway/secret-id", Some(&json!({})));
    shell.file("secret-id", secret_id["data"]["secret_id"].as_str().expect("a secret id"));
    shell.ok(&["logout"]);
    shell.ok(&["doctor"]);
}
