//! The benchmark of Azure: ways to get secrets out of Key Vault, played by the kit's stand-in, with and without a sign-in.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::entra::TENANT;
use super::servers::{CLIENT, SECRET};
use crate::bench::{Contestant, Race, Report};
use crate::resolver;

const FAST: &str = "stand-in, 0 ms";
const SLOW: &str = "stand-in, 20 ms";

const OURS: &str = "secretref-azure, sign-in";
const OURS_KEPT: &str = "secretref-azure, kept token";
const SOCKETS: &str = "hand-written sockets, sign-in";
const SOCKETS_TOKEN: &str = "hand-written sockets, token";
const CURL: &str = "curl, sign-in";
const PYTHON: &str = "Microsoft's Python client";
const CLI: &str = "az keyvault secret show, kept token";

/// Signs in and reads with Microsoft's client.
const BY_PYTHON: &str = "import os
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient
url, ca = os.environ['KIT_URL'], os.environ['KIT_CA']
credential = ClientSecretCredential(os.environ['KIT_TENANT'], os.environ['KIT_CLIENT'], os.environ['KIT_SECRET'],
    authority=url, disable_instance_discovery=True, connection_verify=ca)
print(SecretClient(url, credential, verify_challenge_resource=False, connection_verify=ca).get_secret('bench-n0').value)";

/// Measures them.
pub fn bench(rounds: usize) -> Report {
    let mut report = Report::new(rounds);
    let fast = Place::start(0);
    report.race(&race(FAST, fast.for_one()));
    for ids in [10, 100, 512] {
        report.race(&race(FAST, fast.ours(ids)));
    }
    drop(fast);
    let slow = Place::start(20);
    for ids in [1, 100, 512] {
        report.race(&race(SLOW, slow.ours(ids)));
    }
    goals(&mut report);
    report
}

fn race(server: &'static str, contestants: Vec<Contestant>) -> Race<'static> {
    Race { server, contestants, id: |number| format!("bench-n{number}"), connections: None }
}

/// A stand-in in a process of its own.
struct Place {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Place {
    fn start(milliseconds: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(resolver::path("slow-azure"));
        command.arg(folder.path()).arg(milliseconds.to_string());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout")).read_line(&mut line).expect("its URL");
        let place = Self { process, url: line.trim().to_owned(), folder };
        place.profile("each", "off");
        place.profile("kept", &place.path("sessions").display().to_string());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn profile(&self, name: &str, keep: &str) {
        let (url, ca) = (&self.url, self.path("ca.pem").display().to_string());
        let text = format!(
            "vault = \"{url}\"\nauthority_host = \"{url}\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
             client_secret_file = \"secret\"\nca_cert = \"{ca}\"\nkeep_session = \"{keep}\"\n"
        );
        std::fs::write(self.path(&format!("{name}.toml")), text).expect("a profile");
    }

    fn ours(&self, ids: usize) -> Vec<Contestant> {
        let ours = |name, profile| {
            let contestant = Contestant::new(name, resolver::path("secretref-azure"), ids);
            contestant.args(["--profile".to_owned(), self.path(profile).display().to_string()])
        };
        vec![ours(OURS, "each.toml"), ours(OURS_KEPT, "kept.toml")]
    }

    /// Those that read one secret.
    fn for_one(&self) -> Vec<Contestant> {
        let (host, ca) = (self.url.trim_start_matches("https://"), self.path("ca.pem").display().to_string());
        let sockets = |name, tenant: &str, secret: &str| {
            Contestant::new(name, resolver::path("sockets-azure"), 1)
                .args([host, &ca, tenant, CLIENT, secret])
        };
        let python = Contestant::new(PYTHON, "/usr/bin/env", 1)
            .args(["python3", "-c", BY_PYTHON])
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("PYTHONPATH", packages("azure-keyvault-secrets-4.12.0"))
            .env("KIT_URL", &self.url)
            .env("KIT_CA", &ca)
            .env("KIT_TENANT", TENANT)
            .env("KIT_CLIENT", CLIENT)
            .env("KIT_SECRET", SECRET);
        let mut all = self.ours(1);
        all.extend([
            sockets(SOCKETS, TENANT, SECRET),
            sockets(SOCKETS_TOKEN, "-", &self.token()),
            self.curl(&ca),
            python.seldom(),
            self.cli(&ca).seldom(),
        ]);
        all
    }

    /// The Azure CLI, as `az login --service-principal` leaves it. Its first run keeps the token for the others.
    fn cli(&self, ca: &str) -> Contestant {
        let folder = self.path("az");
        let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
        std::fs::create_dir(&folder).expect("a folder");
        let config =
            "[core]\ninstance_discovery = false\ncollect_telemetry = false\nencrypt_token_cache = false\n";
        write("config", format!("{config}[cloud]\nname = kit\n"));
        let url = &self.url;
        write(
            "clouds.config",
            format!(
                "[kit]\nendpoint_active_directory = {url}\nendpoint_resource_manager = {url}\nendpoint_management = {url}\n\
                 endpoint_active_directory_resource_id = https://management.azure.com/\n\
                 suffix_keyvault_dns = .vault.azure.net\n"
            ),
        );
        let subscription = json!({
            "id": TENANT, "tenantId": TENANT, "name": "kit", "state": "Enabled", "isDefault": true,
            "environmentName": "kit", "user": {"name": CLIENT, "type": "servicePrincipal"},
        });
        write(
            "azureProfile.json",
            json!({"installationId": "kit", "subscriptions": [subscription]}).to_string(),
        );
        let entry = json!([{"client_id": CLIENT, "tenant": TENANT, "client_secret": SECRET}]);
        write("service_principal_entries.json", entry.to_string());
        Contestant::new(CLI, "/usr/bin/env", 1)
            .args([
                "python3",
                "-m",
                "azure.cli",
                "keyvault",
                "secret",
                "show",
                "--query",
                "value",
                "--output",
                "tsv",
            ])
            .args(["--id".to_owned(), format!("{url}/secrets/bench-n0")])
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("PYTHONPATH", packages("azure-cli-2.91.0"))
            .env("AZURE_CONFIG_DIR", folder.display().to_string())
            .env("REQUESTS_CA_BUNDLE", ca)
            .env("HOME", folder.display().to_string())
    }

    /// A token for the contestant that does not sign in.
    fn token(&self) -> String {
        let ended = Command::new("/usr/bin/curl")
            .args(self.sign_in(&self.path("ca.pem").display().to_string()))
            .output();
        let answer: serde_json::Value = serde_json::from_slice(&ended.expect("curl").stdout).expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    fn sign_in(&self, ca: &str) -> Vec<String> {
        let scope = "scope=https://vault.azure.net/.default";
        let form = [
            "grant_type=client_credentials".to_owned(),
            format!("client_id={CLIENT}"),
            format!("client_secret={SECRET}"),
        ];
        let mut args = vec!["-s".to_owned(), "--cacert".to_owned(), ca.to_owned()];
        for member in form.iter().map(String::as_str).chain([scope]) {
            args.extend(["--data-urlencode".to_owned(), member.to_owned()]);
        }
        args.push(format!("{}/{TENANT}/oauth2/v2.0/token", self.url));
        args
    }

    /// Two runs of curl, with what a shell does between them.
    fn curl(&self, ca: &str) -> Contestant {
        let quoted: Vec<_> = self.sign_in(ca).iter().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "t=$(curl {}); t=${{t##*access_token\\\":\\\"}}; t=${{t%%\\\"*}}; \
             curl -s --cacert '{ca}' -H \"Authorization: Bearer $t\" '{}/secrets/bench-n0?api-version=2025-07-01'",
            quoted.join(" "),
            self.url
        );
        Contestant::new(CURL, "/bin/sh", 1).args(["-c", &script]).env("PATH", "/usr/bin:/bin")
    }
}

/// Microsoft's Python packages in a folder of `tests/install.py`.
fn packages(name: &str) -> String {
    let folder = resolver::repository().join("target/servers").join(name);
    assert!(folder.exists(), "missing: {} (tests/install.py --benchmarks installs it)", folder.display());
    folder.display().to_string()
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn goals(report: &mut Report) {
    let wall = |server, ids, contestant| report.row(server, ids, contestant).wall_ms;
    let goals = [
        (
            "sign-in and 1 id: times the hand-written sockets",
            wall(FAST, 1, OURS) / wall(FAST, 1, SOCKETS),
            1.20,
        ),
        ("sign-in and 1 id: times curl", wall(FAST, 1, OURS) / wall(FAST, 1, CURL), 0.30),
        (
            "a kept token and 1 id: times sockets with a token",
            wall(FAST, 1, OURS_KEPT) / wall(FAST, 1, SOCKETS_TOKEN),
            1.10,
        ),
        ("sign-in and 100 ids at 20 ms: ms", wall(SLOW, 100, OURS), 55.0),
        ("peak memory for 1 id: MiB", report.row(FAST, 1, OURS).peak_mib, 6.0),
    ];
    report.goals(goals);
}
