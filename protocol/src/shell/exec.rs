//! `exec --env NAME=ID… -- COMMAND…`: starts a command with values in its environment, in place of this process.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

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

/// Beginnings of names that loaders and shells read.
const CODE_PREFIXES: [&str; 5] = ["LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG", "NPM_CONFIG_"];

/// The usual names, in capitals, that decide which code a program loads or runs, or whom it trusts. Who can write a secret
/// could otherwise run code as the person who reads it.
const CODE: [&str; 67] = [
    // Where programs and their files are found.
    "PATH",
    "HOME",
    "SHELL",
    "CDPATH",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_DATA_DIRS",
    // What a shell runs or how it splits words.
    "IFS",
    "ENV",
    "BASH_ENV",
    "BASHOPTS",
    "SHELLOPTS",
    "PS1",
    "PS4",
    "PROMPT_COMMAND",
    "ZDOTDIR",
    // What the C library loads.
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    // What interpreters load.
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "RUBYLIB",
    "RUBYOPT",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "MAVEN_OPTS",
    "DOTNET_STARTUP_HOOKS",
    "LUA_INIT",
    "PHPRC",
    "VIMINIT",
    "RUSTC_WRAPPER",
    // What programs start.
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "LESSOPEN",
    "BROWSER",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    // Where programs send what they have, and whom they trust.
    "KUBECONFIG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
];

fn is_code(name: &str) -> bool {
    // npm reads its names in small letters, and curl those of proxies.
    let name = name.to_ascii_uppercase();
    CODE.contains(&name.as_str()) || CODE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
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
