//! Runs a case, and says what is wrong with its result.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use secretref_tests::certificate::{Authority, Flaw};
use secretref_tests::fault::{self, Act, Answer, CANARY, Server, Setup, Subject, value};
use secretref_tests::resolver::{Ended, SLACK};
use serde_json::{Value, json};

use super::case::{Case, Hits, Wire};

/// The authority of all servers, and the file of its certificate.
pub static AUTHORITY: LazyLock<(Authority, PathBuf, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("canary authority");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, &authority.pem).expect("a file");
    (authority, path, folder)
});

/// The target of redirects. No connection to it may ever be made.
pub static TRAP: LazyLock<Server> = LazyLock::new(|| {
    Server::start(Setup::default(), Arc::new(|_| Answer::new(200, CANARY)), Arc::new(|act, _| act))
});

/// Runs the case over one transport: with all its ids, and with the one that is hit alone.
pub fn run(subject: &Subject, case: &Case, wire: Wire) -> Result<(), String> {
    let many: Vec<String> = match case.hits {
        Hits::One => ["good-1", "bad", "good-2", "good-3"].map(str::to_owned).to_vec(),
        Hits::All => ["bad-1", "bad-2"].map(str::to_owned).to_vec(),
        Hits::Some(count) => (1..=count).map(|number| format!("bad-{number}")).collect(),
    };
    if matches!(case.hits, Hits::Some(_)) {
        return judge(subject, case, wire, &many);
    }
    std::thread::scope(|scope| {
        let alone = scope.spawn(|| judge(subject, case, wire, &["bad".to_owned()]));
        judge(subject, case, wire, &many).and(alone.join().expect("a verdict"))
    })
}

fn judge(subject: &Subject, case: &Case, wire: Wire, names: &[String]) -> Result<(), String> {
    let server = server(subject, case, wire);
    // A lone request would not offer HTTP/2 of itself.
    let http = if wire == Wire::H2 && (names.len() == 1 || subject.batch.is_some()) { "h2" } else { "auto" };
    let timeout = format!("{}ms", case.timeout);
    let ids: Vec<String> = names.iter().map(|name| (subject.id)(name)).collect();
    let run = (subject.run)(&(case.url)(&server), &AUTHORITY.1).args(["--timeout", &timeout, "--http", http]);
    let ended = run.request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
    let verdict = outcomes(subject, case, names, &ended).and_then(|()| surroundings(case, &ended));
    verdict.and_then(|()| requests(case, names, &server)).map_err(|why| {
        let mut shown = ended.stdout.clone();
        shown.truncate(shown.char_indices().nth(2000).map_or(shown.len(), |(at, _)| at));
        let (code, took, stderr) = (ended.code, ended.took, &ended.stderr);
        format!(
            "{why}\nof {} ids; exit {code:?} after {took:?}\nstdout: {shown}\nstderr: {stderr}",
            names.len()
        )
    })
}

fn server(subject: &Subject, case: &Case, wire: Wire) -> Server {
    let alpn = if wire == Wire::H2 { &["h2", "http/1.1"][..] } else { &["http/1.1"] };
    let setup = match wire {
        Wire::Clear => Setup::default(),
        Wire::H1 | Wire::H2 => Setup { tls: Some(as_whom(Flaw::None, alpn)), ..Setup::default() },
    };
    let fault = case.fault;
    let script = move |act: Act, asked: &fault::Asked| {
        if asked.what().contains("bad") { fault(act, asked) } else { act }
    };
    Server::start((case.setup)(setup, wire), (subject.handler)(), Arc::new(script))
}

/// The server's side of TLS, with a certificate that has this flaw.
pub fn as_whom(flaw: Flaw, alpn: &[&str]) -> Arc<rustls::ServerConfig> {
    let (chain, key) = AUTHORITY.0.server(flaw).der();
    fault::tls(chain, key, alpn)
}

/// One response, with one outcome for each id, and the exit code that goes with it.
fn outcomes(subject: &Subject, case: &Case, names: &[String], ended: &Ended) -> Result<(), String> {
    let response: Value = serde_json::from_str(&ended.stdout).map_err(|_| "stdout is not one document")?;
    if response["protocolVersion"] != json!(1) || response.as_object().is_none_or(|all| all.len() != 3) {
        return Err("the response has other members than protocolVersion 1, values and errors".into());
    }
    let mut expected = Vec::new();
    for name in names {
        let id = (subject.id)(name);
        let is_hit = name.contains("bad");
        let found = match (&response["values"][&id], &response["errors"][&id]["code"]) {
            (Value::String(found), Value::Null) if *found == value(name) => "value",
            (Value::Null, Value::String(code)) => code,
            _ => "neither a value nor an error",
        };
        // A secret that is read together with others may share their fault.
        let shares = subject.batch.is_some() && found == case.outcome;
        let wanted = if is_hit || shares { case.outcome } else { "value" };
        let message = response["errors"][&id]["message"].as_str().unwrap_or_default();
        if found != wanted {
            return Err(format!("{id} is {found}, not {wanted}: {message}"));
        }
        if wanted != "value" && !message.contains(case.words) {
            return Err(format!("the message of {id} does not say {:?}: {message}", case.words));
        }
        if ended.stdout.matches(&format!("{}:", json!(id))).count() != 1 {
            return Err(format!("{id} occurs more than once in the response"));
        }
        expected.push(wanted);
    }
    let exit = exit(&expected);
    if ended.code == Some(exit) { Ok(()) } else { Err(format!("the exit code is not {exit}")) }
}

/// 0 if an id has a value or the store's own response, else the code of the cause.
fn exit(outcomes: &[&str]) -> i32 {
    let any = |codes: &[&str]| outcomes.iter().any(|outcome| codes.contains(outcome));
    match () {
        () if any(&["value", "NOT_FOUND", "ACCESS_DENIED", "INVALID_VALUE", "INVALID_ID"]) => 0,
        () if any(&["UNAVAILABLE", "RATE_LIMITED"]) => 5,
        () if any(&["TIMEOUT"]) => 6,
        () => 8,
    }
}

/// The response is in time, and has neither text of the server nor the credential outside `values`.
fn surroundings(case: &Case, ended: &Ended) -> Result<(), String> {
    if ended.took > Duration::from_millis(case.timeout) + SLACK {
        return Err("it ended too late".into());
    }
    let response: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let outside = format!("{} {}", response["errors"], ended.stderr).to_lowercase();
    if outside.contains(CANARY) {
        return Err("something that the server said appears outside of values".into());
    }
    if TRAP.connections() > 0 { Err("a redirect to another place was followed".into()) } else { Ok(()) }
}

fn requests(case: &Case, names: &[String], server: &Server) -> Result<(), String> {
    let asked = server.asked("bad");
    match case.tries.filter(|_| names.len() == 1) {
        Some(tries) if asked != tries => Err(format!("it was asked for {asked} times, not {tries}")),
        _ => Ok(()),
    }
}
