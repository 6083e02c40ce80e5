//! The resolver of Azure: tokens that are kept, many starts, hostile surroundings, and Microsoft's own clients as the judge of
//! the stand-in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use secretref_tests::canned::Canned;
use secretref_tests::resolver;
use secretref_tests::store::Holds as _;
use secretref_tests::stores;
use secretref_tests::stores::azure::desk::Desk;
use secretref_tests::stores::azure::entra::TENANT;
use secretref_tests::stores::azure::judge;
use secretref_tests::stores::azure::servers::{CLIENT, Place, SECRET, host};
use secretref_tests::transcript::{self, Case};
use serde_json::{Value, json};

#[test]
fn a_token_is_kept_and_eight_starts_fetch_one() {
    let desk = Desk::new();
    desk.by_secret(&desk.kept());
    let children: Vec<_> = (0..8).map(|_| desk.command(&[]).request(&["openai"])).collect();
    std::thread::scope(|scope| {
        let ends: Vec<_> = children.into_iter().map(|run| scope.spawn(move || run.end())).collect();
        for end in ends {
            let ended = end.join().expect("an end");
            assert!(ended.stdout.contains("value-openai"), "{ended:?}");
        }
    });
    assert_eq!(desk.server().counts().1, 1, "sign-ins");
    desk.reads();
    assert_eq!(desk.server().counts().1, 0, "sign-ins");
    let ended = desk.run(&["logout"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("the cached token is removed"), "{ended:?}");
    desk.reads();
    assert_eq!(desk.server().counts().1, 1, "sign-ins");
}

#[test]
fn a_refused_secret_is_left_alone_and_a_new_one_is_tried_at_once() {
    let desk = Desk::new();
    desk.by_secret(&desk.kept());
    desk.write("secret", "wN8Q~wrong");
    desk.fails("AADSTS7000215");
    desk.fails("not tried again");
    assert_eq!(desk.server().counts().1, 1, "sign-ins");
    desk.write("secret", SECRET);
    desk.reads();
}

#[test]
fn a_token_that_a_vault_no_longer_accepts_is_replaced() {
    let desk = Desk::new();
    desk.by_secret(&desk.kept());
    desk.reads();
    let file = fs::read_dir(desk.path("kept")).expect("a folder").flatten().map(|entry| entry.path());
    let file = file.max_by_key(|path| path.metadata().expect("a file").len()).expect("a record");
    let record = fs::read_to_string(&file).expect("a record");
    let (head, token) = record.split_once('\n').expect("a token");
    // Another tenant's: well formed and signed, and not for this vault; then an expired one, then one that is no header.
    let entra = desk.server().entra();
    let audience = "https://vault.azure.net";
    let spent = entra.issue(CLIENT, TENANT, audience, 0);
    for bad in [spent, format!("{}x", token.trim()), "a b".to_owned()] {
        fs::write(&file, format!("{head}\n{bad}")).expect("a record");
        let _ = desk.server().counts();
        desk.reads();
        assert_eq!(desk.server().counts().1, 1, "sign-ins");
    }
}

#[test]
fn sixty_four_starts_at_once_all_answer() {
    let desk = of_thirty();
    desk.by_secret(&desk.kept());
    let before = entries(&desk);
    std::thread::scope(|scope| {
        let start = |number: usize| {
            let desk = &desk;
            scope.spawn(move || {
                let (own, absent) = (format!("n{}", number % 30), format!("absent{number}"));
                let ended = desk.command(&[]).request(&["n0", &own, "n29", &absent]).end();
                let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
                assert_eq!(response["values"][&own], format!("value-{}", number % 30), "{ended:?}");
                assert_eq!(response["errors"][&absent]["code"], "NOT_FOUND", "{ended:?}");
            })
        };
        (0..64).map(start).collect::<Vec<_>>().into_iter().for_each(|start| start.join().expect("a start"));
    });
    assert_eq!(desk.server().counts().1, 1, "sign-ins");
    // The token, and nothing that a start has left.
    assert!(entries(&desk).len() <= before.len() + 3, "{:?}", entries(&desk));
}

/// As many as `STARTS` says; nothing else changes between them.
#[test]
#[ignore = "takes long: tests/run"]
fn a_thousand_starts_in_a_row_are_all_right_and_leave_nothing() {
    let starts = std::env::var("STARTS").map_or(1000, |text| text.parse().expect("a number of starts"));
    let desk = of_thirty();
    desk.by_secret(&desk.kept());
    desk.reads();
    let before = entries(&desk);
    for start in 0..starts {
        let (one, other) = (start % 30, (start + 7) % 30);
        let ids = [format!("n{one}"), format!("n{other}#")];
        let ended = desk.command(&[]).request(&[&ids[0], &ids[1]]).end();
        let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
        assert_eq!(response["values"][&ids[0]], format!("value-{one}"), "{ended:?}");
        assert_eq!(response["values"][&ids[1]], format!("value-{other}"), "{ended:?}");
    }
    assert_eq!(entries(&desk), before, "something was left behind");
    let (_, tokens, _) = desk.server().counts();
    assert!(tokens <= 2, "{tokens} sign-ins");
}

/// A desk with thirty secrets more.
fn of_thirty() -> Desk {
    let desk = Desk::new();
    (0..30).for_each(|number| desk.put(&format!("n{number}"), &format!("value-{number}")));
    desk
}

/// The files of a desk, and of its folder for tokens.
fn entries(desk: &Desk) -> Vec<PathBuf> {
    let list =
        |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = list(desk.path("")).chain(list(desk.path("kept"))).collect();
    found.sort();
    found
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
fn a_vault_that_does_not_exist_says_so() {
    let desk = Desk::new();
    desk.write(
        "profile.toml",
        format!(
            "vault = \"kit-no-such-vault\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n\
             authority_host = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"off\"",
            desk.server().url,
            desk.server().ca.display()
        ),
    );
    let started = Instant::now();
    desk.fails("the vault kit-no-such-vault may be deleted or misspelt, or it has only a private endpoint");
    assert!(started.elapsed() < Duration::from_secs(5));
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
    let mut child =
        judge::run("judge.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    child.stdin.take().expect("stdin").write_all(requests.to_string().as_bytes()).expect("requests");
    let ended = child.wait_with_output().expect("an end");
    assert!(ended.status.success(), "the judge failed");
    let verdicts: BTreeMap<String, Value> = serde_json::from_slice(&ended.stdout).expect("verdicts");
    verdicts["verdicts"].clone()
}
