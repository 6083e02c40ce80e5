//! The recipes of the page for a unit of systemd, with systemd itself: it decrypts the credentials, and starts what reads
//! them as an ordinary user.
//!
//! Blocks of `resolvers/keychain/README.md`: "systemd unit" sh 1, "systemd unit" ini 1, "systemd unit" toml 1
//! Blocks of `resolvers/keychain/README.md`: "systemd unit" sh 2, "systemd unit" ini 2

use std::path::{Path, PathBuf};

use secretref_tests::gateway::{Gateway, answers};
use secretref_tests::page::Page;
use secretref_tests::resolver::Ended;
use secretref_tests::unit::{Unit, typed};
use serde_json::{Value, json};

/// The heading of the recipe.
const RECIPE: &str = "systemd unit";

/// The variables that a gateway passes, and the lines of a profile that replace them.
const VARIABLE: &str = "${CREDENTIALS_DIRECTORY+CREDENTIALS_DIRECTORY=\"$CREDENTIALS_DIRECTORY\"}";
const FOLDER: &str = "credentials = \"/run/credentials/gateway.service\"";

fn page() -> Page {
    Page::read("resolvers/keychain/README.md")
}

/// A unit as on the page, with the credentials of a folder and of a plain file in addition.
fn unit() -> Unit {
    let page = page();
    let service = page.blocks(RECIPE, "ini")[0].replace("[Service]\n", "")
        + "\nLoadCredential=openclaw:/etc/openclaw\nLoadCredential=json:/etc/json\nSetCredential=pem:a\\nb\\n";
    let prepare = format!(
        "OPENAI_API_KEY=value-openai\n{}\nmkdir /etc/openclaw\nprintf value-mistral > /etc/openclaw/mistral\n\
         printf '{{\"apiKey\":\"value-json\"}}' > /etc/json\n",
        page.blocks(RECIPE, "sh")[0]
    );
    Unit::new(&service).prepared(&prepare)
}

/// A profile that is a command, with these lines.
fn profile(unit: &Unit, lines: &str) -> PathBuf {
    let binary = unit.resolver("secretref-keychain");
    unit.file("keychain.toml", 0o500, format!("#!{} --profile\n{lines}\n", binary.display()))
}

/// Starts a profile like a gateway with this `passEnv`.
fn ask(profile: &Path, passed: &str, ids: &[&str]) -> String {
    let request = json!({"protocolVersion": 1, "provider": "unit", "ids": ids});
    format!("echo '{request}' | env -i OPENCLAW_CLI=1 {passed} {}\n", profile.display())
}

fn response(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("no response: {ended:?}"))
}

#[test]
#[ignore = "needs systemd and root: tests/run has both"]
fn the_credentials_of_a_unit_are_read() {
    let settings = page().block(RECIPE, "toml");
    for (settings, passed) in [(settings.clone(), VARIABLE), (format!("{settings}\n{FOLDER}"), "")] {
        let unit = unit();
        let profile = profile(&unit, &settings);
        let ended =
            unit.run(&ask(&profile, passed, &["openai", "openclaw/mistral", "json#apiKey", "pem", "absent"]));
        let response = response(&ended);
        let values = json!({
            "openai": "value-openai", "openclaw/mistral": "value-mistral", "json#apiKey": "value-json", "pem": "a\nb",
        });
        assert_eq!((ended.code, &response["values"]), (Some(0), &values), "{ended:?}");
        assert_eq!(response["errors"]["absent"]["code"], "NOT_FOUND", "{ended:?}");
    }
}

#[test]
#[ignore = "needs systemd and root: tests/run has both"]
fn a_unit_without_credentials_gets_a_hint() {
    let unit = Unit::new("");
    let profile = profile(&unit, &page().block(RECIPE, "toml"));
    let ended = unit.run(&ask(&profile, VARIABLE, &["openai"]));
    let message = response(&ended)["errors"]["openai"]["message"].to_string();
    assert!(ended.code == Some(3) && message.contains("LoadCredential="), "{ended:?}");
}

/// A unit that can only read the store, and whose key is a credential, as on the page; and its profile, with these extra lines.
fn unit_of_store(lines: &str) -> (Unit, PathBuf) {
    let identity = page().blocks(RECIPE, "ini")[1].replace("[Service]\n", "");
    let unit = Unit::new(&format!("ProtectSystem=strict\n{identity}"));
    let store = unit.folder().join("store");
    let profile = profile(&unit, &format!("store = \"file\"\nfolder = \"{}\"\n{lines}", store.display()));
    let prepare = format!(
        "install -d -o nobody -m 700 {store}\ncd {store}\nmkdir -m 700 /etc/credstore.encrypted\n\
         printf value-openai | setpriv --reuid=nobody --regid=nogroup --clear-groups {profile} set openai\n{page}\n",
        store = store.display(),
        profile = profile.display(),
        page = page().blocks(RECIPE, "sh")[1],
    );
    (unit.prepared(&prepare), profile)
}

#[test]
#[ignore = "needs systemd and root: tests/run has both"]
fn a_credential_of_the_unit_is_the_key_of_a_store_that_it_cannot_write() {
    for (lines, passed) in [("", VARIABLE), (FOLDER, "")] {
        let (unit, profile) = unit_of_store(lines);
        let command = format!("env -i {passed} {}", profile.display());
        let asked = ask(&profile, passed, &["openai"]);
        let changes = format!("echo x | {command} set openai || {command} delete openai --yes || exit 0");
        let ended = unit.run(&format!("{asked}{command} doctor --names >&2\n{changes}\nexit 90"));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(response(&ended)["values"], json!({"openai": "value-openai"}), "{ended:?}");
        assert!(ended.stderr.contains("gateway.service/keychain-identity: mode 0400"), "{ended:?}");
        assert_eq!(
            ended.stderr.matches("change the store on a machine where it can be written").count(),
            2,
            "{ended:?}"
        );
    }
}

#[test]
#[ignore = "needs systemd and root: tests/run has both"]
fn a_gateway_that_passes_no_variables_gets_a_hint() {
    let (unit, profile) = unit_of_store("");
    let ended = unit.run(&ask(&profile, "", &["openai"]));
    let message = response(&ended)["errors"]["openai"]["message"].to_string();
    assert!(
        ended.code == Some(3) && message.contains("pass CREDENTIALS_DIRECTORY on (passEnv)"),
        "{ended:?}"
    );
}

#[test]
#[ignore = "needs systemd, root and the real gateway: tests/run has them"]
fn the_real_gateway_in_a_unit_passes_the_folder_of_credentials_on() {
    let (unit, gateway) = (unit(), Gateway::ordinary());
    let command = profile(&unit, &page().block(RECIPE, "toml"));
    let provider = json!({"source": "exec", "command": command, "passEnv": ["CREDENTIALS_DIRECTORY"]});
    let run = gateway.asking(&json!({"unit": provider}), &[("unit", &["openai", "openclaw/mistral"])]);
    let ended = unit.run(&format!("cd {}\n{}", gateway.modules().display(), typed(&run.command())));
    let values = answers(&ended).remove(0).unwrap();
    assert_eq!([&values["openai"], &values["openclaw/mistral"]], ["value-openai", "value-mistral"]);
}
