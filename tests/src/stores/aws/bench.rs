//! The benchmark of AWS: ways to get secrets out of Secrets Manager, played by the kit's own server, which checks signatures
//! as AWS does and answers faster than the emulators.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bench::{Contestant, Race, Report};
use crate::resolver;

use super::clients::{self, Access};
use super::servers;

const FAST: &str = "kit, 0 ms";
const SLOW: &str = "kit, 20 ms";

const OURS: &str = "secretref-aws";
const OURS_KEPT: &str = "secretref-aws, cached role";
const OURS_ROLE: &str = "secretref-aws, role";
const OURS_GET: &str = "secretref-aws get";
const SOCKETS: &str = "hand-written sockets";
const AWS_CLI: &str = "aws secretsmanager";
const BOTO3: &str = "boto3";

/// Prints the value of a secret by boto3.
const BY_BOTO3: &str = "import boto3\nprint(boto3.client('secretsmanager').get_secret_value(SecretId='bench/n0')['SecretString'])";

pub fn bench(rounds: usize) -> Report {
    let mut report = Report::new(rounds);
    let fast = Place::start(0);
    report.race(&race(FAST, fast.for_one()));
    for ids in [10, 100, 512] {
        report.race(&race(FAST, fast.for_many(ids)));
    }
    drop(fast);
    let slow = Place::start(20);
    let connections = || slow.connections();
    for ids in [1, 10, 100, 512] {
        report.race(&Race { connections: Some(&connections), ..race(SLOW, slow.for_many(ids)) });
    }
    goals(&mut report);
    report
}

fn race(server: &'static str, contestants: Vec<Contestant>) -> Race<'static> {
    Race { server, contestants, id: |number| format!("bench/n{number}"), connections: None }
}

/// A server in a process of its own, and how each contestant is told of it.
struct Place {
    process: Child,
    http: String,
    access: Access,
    folder: tempfile::TempDir,
}

impl Place {
    fn start(milliseconds: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(resolver::path("slow-aws"));
        command.arg(folder.path()).arg(milliseconds.to_string());
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("stdout")).read_line(&mut line).expect("its addresses");
        let (http, https) = line.trim().split_once(' ').expect("two addresses");
        let access = Access {
            https: https.to_owned(),
            ca: folder.path().join("ca.pem"),
            credentials: folder.path().join("credentials"),
        };
        Self { process, http: http.to_owned(), access, folder }
    }

    fn connections(&self) -> u64 {
        let reply = ureq::get(format!("{}/kit/counts", self.http)).call();
        let text = reply.expect("a reply").body_mut().read_to_string().expect("counts");
        text.split_once(' ').and_then(|(connections, _)| connections.parse().ok()).expect("connections")
    }

    /// A profile with these lines more.
    fn profile(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.toml"));
        let Access { https, ca, credentials } = &self.access;
        let text = format!("{}{lines}", servers::lines(https, ca, credentials));
        std::fs::write(&path, text).expect("a profile");
        path
    }

    /// The ways to get one secret.
    fn for_one(&self) -> Vec<Contestant> {
        let role = "role_arn = \"arn:aws:iam::111122223333:role/bench\"\n";
        let kept = format!("{role}keep_session = \"{}\"\n", self.folder.path().join("kept").display());
        let kept = self.profile("kept", &kept);
        let role = self.profile("role", &format!("{role}keep_session = \"off\"\n"));
        let get = ours(OURS_GET, &self.profile("get", ""), 1).args(["get", "bench/n0"]);
        let packages = |is_boto3: bool| clients::packages(is_boto3).display().to_string();
        let aws = Contestant::new(AWS_CLI, "/usr/bin/env", 1).args(["python3".to_owned()]);
        let aws = aws.args([clients::aws_cli().display().to_string()]);
        let aws =
            aws.args("secretsmanager get-secret-value --secret-id bench/n0 --query SecretString".split(' '));
        let boto3 = Contestant::new(BOTO3, "/usr/bin/env", 1).args(["python3", "-c", BY_BOTO3]);
        let all = [aws.env("PYTHONPATH", packages(false)), boto3.env("PYTHONPATH", packages(true))];
        let clients = all.into_iter().map(|client| {
            self.access
                .variables()
                .into_iter()
                .fold(client, |client, (name, value)| client.env(name, value))
                .seldom()
        });
        let mut all = self.for_many(1);
        all.extend([ours(OURS_ROLE, &role, 1), ours(OURS_KEPT, &kept, 1), get]);
        all.extend(clients);
        all
    }

    fn for_many(&self, ids: usize) -> Vec<Contestant> {
        let Access { https, ca, credentials } = &self.access;
        let sockets = Contestant::new(SOCKETS, resolver::path("sockets-aws"), ids);
        let host = https.trim_start_matches("https://").to_owned();
        let sockets = sockets.args([host, ca.display().to_string(), credentials.display().to_string()]);
        vec![ours(OURS, &self.profile("plain", ""), ids), sockets]
    }
}

fn ours(name: &'static str, profile: &Path, ids: usize) -> Contestant {
    let contestant = Contestant::new(name, resolver::path("secretref-aws"), ids);
    contestant.args(["--profile".to_owned(), profile.display().to_string()])
}

fn goals(report: &mut Report) {
    let one = |contestant| report.row(FAST, 1, contestant).wall_ms;
    let slow = |ids| report.row(SLOW, ids, OURS).wall_ms;
    let goals = [
        ("1 id over https: times the hand-written sockets", one(OURS) / one(SOCKETS), 1.45),
        ("1 id over https: times the AWS CLI", one(OURS) / one(AWS_CLI), 1.0 / 90.0),
        ("a cached role and 1 id: times static keys", one(OURS_KEPT) / one(OURS), 1.10),
        ("100 ids at 20 ms: ms", slow(100), 30.0),
        ("512 ids at 20 ms: ms", slow(512), 45.0),
        ("peak memory for 1 id: MiB", report.row(FAST, 1, OURS).peak_mib, 8.0),
    ];
    report.goals(goals);
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
