//! What the benchmarks of all stores share: timed runs, medians, the table, and the goals.
//!
//! Rounds are interleaved: each runs every contestant once, so that other load on the machine slows all of them.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::resolver;

/// How many runs the memory and the CPU time of a contestant are measured in.
pub const PEAK_RUNS: usize = 5;

/// One way to get secrets: a command that reads a request from stdin, or does without.
#[derive(Debug)]
pub struct Contestant {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    ids: usize,
    every: usize,
}

impl Contestant {
    /// A program that gets this many secrets. Its output contains `value-NUMBER` once for each.
    pub fn new(name: &'static str, program: impl Into<PathBuf>, ids: usize) -> Self {
        Self { name, program: program.into(), args: vec![], env: vec![], ids, every: 1 }
    }

    /// With these arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// With this variable in its environment, which is empty otherwise.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Only in every fourth round, because a run takes long.
    #[must_use]
    pub fn seldom(mut self) -> Self {
        self.every = 4;
        self
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Milliseconds from start to end.
    fn run(&self, request: &str) -> f64 {
        let mut command = self.command(&self.program);
        command.args(&self.args);
        let started = Instant::now();
        let ended = finish(&mut command, request);
        let took = started.elapsed().as_secs_f64() * 1000.0;
        let values = String::from_utf8_lossy(&ended.stdout).matches("value-").count();
        assert!(ended.status.success() && values == self.ids, "{}: {ended:?}", self.name);
        took
    }

    /// Peak memory in MiB and CPU time in milliseconds.
    fn peak(&self, request: &str) -> (f64, f64) {
        let ended =
            finish(self.command(&resolver::path("peak")).arg(&self.program).args(&self.args), request);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        let numbers = stderr.lines().last().and_then(|line| line.split_once(' '));
        let (kib, micros) = numbers.expect("two numbers");
        (kib.parse::<f64>().expect("KiB") / 1024.0, micros.parse::<f64>().expect("µs") / 1000.0)
    }
}

fn finish(command: &mut Command, request: &str) -> Output {
    let mut child = command.spawn().expect("it starts");
    // Some contestants do not read it.
    child.stdin.take().expect("stdin").write_all(request.as_bytes()).ok();
    child.wait_with_output().expect("an end")
}

/// Contestants that get the same secrets from one server.
pub struct Race<'a> {
    /// What the server is called in the table.
    pub server: &'static str,
    /// The contestants.
    pub contestants: Vec<Contestant>,
    /// The id of the secret with this number, whose value is `value-NUMBER`.
    pub id: fn(number: usize) -> String,
    /// How many connections the server has accepted since it was last asked, if it counts them.
    pub connections: Option<&'a dyn Fn() -> u64>,
}

impl Race<'_> {
    /// Runs every contestant in each round, and returns a row for each.
    pub fn run(&self, rounds: usize) -> Vec<Row> {
        let requests: Vec<String> = self.contestants.iter().map(|each| self.request(each.ids)).collect();
        let mut walls = vec![Vec::new(); self.contestants.len()];
        for round in 0..rounds {
            for at in shuffled(self.contestants.len(), round) {
                if round % self.contestants[at].every == 0 {
                    walls[at].push(self.contestants[at].run(&requests[at]));
                }
            }
        }
        let measured = self.contestants.iter().zip(&requests).zip(walls);
        measured.map(|((contestant, request), walls)| self.row(contestant, request, walls)).collect()
    }

    fn request(&self, ids: usize) -> String {
        let ids: Vec<String> = (0..ids).map(self.id).collect();
        json!({"protocolVersion": 1, "provider": "bench", "ids": ids}).to_string()
    }

    fn row(&self, contestant: &Contestant, request: &str, walls: Vec<f64>) -> Row {
        let connections = || self.connections.map(|count| count());
        let _ = connections();
        let (peaks, cpus) = (0..PEAK_RUNS).map(|_| contestant.peak(request)).unzip();
        Row {
            server: self.server,
            ids: contestant.ids,
            contestant: contestant.name,
            wall_ms: median(walls),
            cpu_ms: median(cpus),
            peak_mib: median(peaks),
            connections: connections().map(per_run),
            size_mb: std::fs::metadata(&contestant.program).map_or(0.0, |file| megabytes(file.len())),
        }
    }
}

/// What was measured of one contestant.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names of the fields are those of the JSON file")]
pub struct Row {
    pub server: &'static str,
    pub ids: usize,
    pub contestant: &'static str,
    pub wall_ms: f64,
    pub cpu_ms: f64,
    pub peak_mib: f64,
    pub connections: Option<f64>,
    pub size_mb: f64,
}

/// The result of a benchmark.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    rounds: usize,
    rows: Vec<Row>,
    goals: Vec<Goal>,
}

/// A ratio or a number that must be reached.
#[derive(Debug, Serialize)]
struct Goal {
    what: &'static str,
    at_most: f64,
    reached: f64,
    holds: bool,
}

impl Report {
    /// One of this many rounds, without a row.
    pub fn new(rounds: usize) -> Self {
        Self { rounds, ..Self::default() }
    }

    /// Runs a race and adds its rows.
    pub fn race(&mut self, race: &Race<'_>) {
        self.rows.extend(race.run(self.rounds));
    }

    /// The row of a contestant.
    pub fn row(&self, server: &str, ids: usize, contestant: &str) -> &Row {
        let is = |row: &&Row| (row.server, row.ids, row.contestant) == (server, ids, contestant);
        self.rows.iter().find(is).unwrap_or_else(|| panic!("no row {server}, {ids}, {contestant}"))
    }

    /// Adds goals: what must be reached, what was, and the most that it may be.
    pub fn goals(&mut self, goals: impl IntoIterator<Item = (&'static str, f64, f64)>) {
        let goal = |(what, reached, at_most)| Goal { what, at_most, reached, holds: reached <= at_most };
        self.goals.extend(goals.into_iter().map(goal));
    }

    /// Prints the table and the goals.
    pub fn print(&self) {
        println!(
            "{:<21} {:>4}  {:<32} {:>9} {:>8} {:>9} {:>6} {:>8}",
            "server", "ids", "", "wall ms", "CPU ms", "peak MiB", "conn.", "size MB"
        );
        for row in &self.rows {
            let Row { server, ids, contestant, wall_ms, cpu_ms, peak_mib, size_mb, .. } = row;
            let connections = row.connections.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
            println!(
                "{server:<21} {ids:>4}  {contestant:<32} {wall_ms:>9.2} {cpu_ms:>8.2} {peak_mib:>9.2} \
                 {connections:>6} {size_mb:>8.2}"
            );
        }
        println!("\n{:<52} {:>8} {:>8}", "must reach", "at most", "reached");
        for Goal { what, at_most, reached, holds } in &self.goals {
            let verdict = if *holds { "" } else { "  NOT REACHED" };
            println!("{what:<52} {at_most:>8.2} {reached:>8.2}{verdict}");
        }
    }
}

/// Another order in each round: a contestant that runs after a slow one finds the caches cold and the server asleep, so
/// none may always run after the same one.
fn shuffled(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|at| BuildHasherDefault::<DefaultHasher>::default().hash_one((round, at)));
    order
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn per_run(connections: u64) -> f64 {
    connections as f64 / PEAK_RUNS as f64
}

#[expect(clippy::cast_precision_loss, reason = "a size, for reading")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
