//! `exec --env NAME=ID… -- COMMAND…`: starts a command with values in its environment, in place of this process.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::code_variables::is_code;
use super::only_reads::check_again;
use super::output::{explain, explain_all, print_note};
use super::progress::Progress;
use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::system_error::words;
use crate::watchdog::Limits;

/// The arguments of `exec`.
#[derive(Debug)]
pub(super) struct ExecArgs {
    pub(super) variables: Vec<Variable>,
    /// How many words the command has, at the end of the command line.
    pub(super) words: usize,
}

/// A variable of the command, and the id whose value it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    name: String,
    id: String,
}

impl Variable {
    /// Reads `NAME=ID`.
    ///
    /// # Errors
    /// Why this cannot be a variable, for a message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, id) = text.split_once('=').ok_or("write NAME=ID")?;
        let is_start = |first: u8| first.is_ascii_alphabetic() || first == b'_';
        let is_name = name.bytes().next().is_some_and(is_start)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(
                "the name of a variable has letters, digits and _, and does not begin with a digit".into()
            );
        }
        if is_code(name) {
            return Err(format!(
                "{name} decides which code a program runs or whom it trusts, and a value of a store must not"
            ));
        }
        if id.is_empty() {
            return Err("the id is missing: write NAME=ID".into());
        }
        Ok(Self { name: name.to_owned(), id: id.to_owned() })
    }
}

/// Resolves the ids and becomes the command. If an id has no value, nothing is started.
pub(super) fn exec<B: Backend>(settings: &Settings, args: ExecArgs, limits: Limits<'_>) -> Exit {
    let ExecArgs { variables, words } = args;
    if let Some(name) = twice(&variables) {
        explain(None, &Failure::misconfigured(format!("{name} is set twice"), "leave one --env out"));
        return Exit::Usage;
    }
    let ids: Vec<_> = variables.iter().map(|variable| variable.id.clone()).collect();
    let progress = Progress::start(settings.run(), limits.watchdog);
    let watchdog = limits.watchdog.clone();
    answer::<B>(settings, &ids.into(), limits, move |ids, answer| {
        progress.end();
        let answer = without_nul(answer);
        if answer.outcomes.iter().any(Result::is_err) {
            explain_all(ids, &answer);
            print_note("the command was not started");
            return answer.shell_exit();
        }
        check_again("exec");
        watchdog.release();
        become_command(&typed(words), &variables, &answer)
    })
}

/// Returns the name of a variable that is there twice.
fn twice(variables: &[Variable]) -> Option<&str> {
    let is_before = |at: usize, name: &str| variables[..at].iter().any(|other| other.name == name);
    let mut names = variables.iter().map(|variable| variable.name.as_str()).enumerate();
    names.find(|(at, name)| is_before(*at, name)).map(|(_, name)| name)
}

/// Returns the words of the command, at the end of the command line, exactly as they were typed.
fn typed(words: usize) -> Vec<OsString> {
    let mut all: Vec<_> = std::env::args_os().collect();
    all.split_off(all.len().saturating_sub(words))
}

/// Makes a value with a NUL character a failure: a variable ends at the first one.
fn without_nul(mut answer: Answer) -> Answer {
    for outcome in &mut answer.outcomes {
        let has_nul = |outcome: &Outcome| outcome.as_ref().is_ok_and(|value| value.expose().contains('\0'));
        if has_nul(outcome) {
            let what = "the value contains a NUL character, which a variable cannot hold";
            *outcome = Err(Failure::invalid_value(what, "let the program read it from `get`"));
        }
    }
    answer
}

/// Replaces this process by the command. Returns only if that fails.
#[expect(clippy::disallowed_methods, reason = "a person asked for this command; it is no resolve")]
fn become_command(typed: &[OsString], variables: &[Variable], answer: &Answer) -> Exit {
    let Some((program, arguments)) = typed.split_first() else { return Exit::Usage };
    let mut command = Command::new(program);
    command.args(arguments);
    for (variable, value) in variables.iter().zip(answer.outcomes.iter().flatten()) {
        command.env(&variable.name, value.expose());
    }
    let error = command.exec();
    let (failure, exit) = not_started(&program.to_string_lossy(), &error);
    explain(None, &failure);
    exit
}

fn not_started(program: &str, error: &io::Error) -> (Failure, Exit) {
    let (remedy, exit) = match error.kind() {
        ErrorKind::NotFound => ("check its path, and the program in its first line", Exit::CommandNotFound),
        ErrorKind::ArgumentListTooLong => ("let the program read the value from `get`", Exit::NotExecutable),
        _ => ("check that it is a program, and that you may run it", Exit::NotExecutable),
    };
    (Failure::misconfigured(format!("the system cannot start {program} ({})", words(error)), remedy), exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_that_decides_no_code() {
        for (text, want) in [
            ("KEY=a/b#c", Some(("KEY", "a/b#c"))),
            ("_k9=x", Some(("_k9", "x"))),
            ("KEY=", None),
            ("KEY", None),
            ("=x", None),
            ("9K=x", None),
            ("K-1=x", None),
            ("K\u{e4}=x", None),
            ("LD_PRELOAD=x", None),
            ("PATH=x", None),
            ("BASH_FUNC_x=x", None),
            ("GIT_EXTERNAL_DIFF=x", None),
            ("npm_config_script_shell=x", None),
            ("https_proxy=x", None),
            ("GIT_TOKEN=x", Some(("GIT_TOKEN", "x"))),
            ("LDAP_PASSWORD=x", Some(("LDAP_PASSWORD", "x"))),
        ] {
            let variable = Variable::parse(text).ok();
            let found = variable.as_ref().map(|variable| (variable.name.as_str(), variable.id.as_str()));
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn a_variable_is_set_once() {
        let all = |texts: &[&str]| -> Vec<_> {
            texts.iter().map(|text| Variable::parse(text).expect("a variable")).collect()
        };
        assert_eq!(twice(&all(&["A=x", "B=x"])), None);
        assert_eq!(twice(&all(&["A=x", "B=y", "A=z"])), Some("A"));
    }
}
