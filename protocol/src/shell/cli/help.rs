//! The texts of `-h` and `--help`.

use std::os::unix::fs::MetadataExt as _;

use super::commands::{is_flag, parser};
use crate::backend::Manage;
use crate::exit::Exit;
use crate::store::{Setting, Store, table};

/// How the help of a command line is written.
pub(super) struct Help {
    /// How the command is started with its profile; `None` without a profile.
    pub(super) start: Option<String>,
    /// Whether `--help` is wanted, which has more than `-h`.
    pub(super) is_full: bool,
    /// Whether any help is wanted.
    is_wanted: bool,
}

impl Help {
    /// Reads from the words of a command line which help they ask for.
    pub(super) fn wanted(binary: &str, arguments: &[String]) -> Self {
        let has = |flag: &str| arguments.iter().any(|word| word == flag);
        let is_full = has("--help");
        Self { start: start_of(binary, arguments), is_full, is_wanted: is_full || has("-h") }
    }

    /// The same as for `--help`.
    pub(super) fn in_full(&self) -> Self {
        Self { start: self.start.clone(), is_full: true, is_wanted: true }
    }

    /// Returns a line of an example with the command as it was started, profile included.
    fn as_started(&self, store: &Store, line: &str) -> String {
        let (Some(start), Some((before, after))) = (&self.start, line.split_once(store.binary)) else {
            return line.to_owned();
        };
        // An example can name a profile of its own.
        let other = after.strip_prefix(" --profile ").and_then(|rest| rest.split_once(' '));
        let after = other.map_or(after.trim_start(), |(_, after)| after);
        format!("{before}{start} {after}")
    }

    /// Whether to leave `--profile` out: it cannot be used twice.
    pub(super) fn hides_profile(&self) -> bool {
        self.is_wanted && self.start.is_some()
    }
}

/// Returns how a command with a profile is started: by the path of an executable profile, or with `--profile`.
pub(super) fn start_of(binary: &str, arguments: &[String]) -> Option<String> {
    let at = arguments.iter().position(|word| word == "--profile" || word.starts_with("--profile="))?;
    let profile = match arguments[at].split_once('=') {
        Some((_, profile)) => profile,
        None => arguments.get(at + 1)?,
    };
    let is_executable =
        || std::fs::metadata(profile).is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0);
    let is_command = at == 0 && profile.contains('/') && is_executable();
    Some(if is_command { profile.to_owned() } else { format!("{binary} --profile {profile}") })
}

/// Returns the help of `-h`.
pub(in crate::shell) fn short_help<B: Manage>(arguments: &[String]) -> String {
    let start = start_of(B::STORE.binary, arguments);
    parser::<B>(Some(&Help { start, is_full: false, is_wanted: true })).render_help().to_string()
}

pub(super) const MORE: &str = "Use --help to see settings, examples and exit codes.";

/// Returns what `--help` prints before and after the lists of verbs and options.
pub(super) fn in_full(store: &Store, help: &Help) -> (String, String) {
    let about = format!(
        "{}.\n\nWithout a command, it answers one request of a gateway on stdin: see {}-protocol(7).",
        store.about, store.binary
    );
    let settings = if help.start.is_some() {
        format!(
            "{}.\n\nSettings: each is a key of the profile ({FLAG_EXAMPLE}); `settings` explains them:",
            only(store)
        )
    } else {
        let example = FLAG_EXAMPLE.replace('_', "-");
        format!(
            "Settings: each is a key of a profile ({FLAG_EXAMPLE}) and a flag (--{example}), and some are also\n\
             a variable; `settings` explains them:"
        )
    };
    let examples: Vec<_> = store.examples.lines().map(|line| help.as_started(store, line)).collect();
    let examples = examples.join("\n");
    let examples = if examples.is_empty() { examples } else { format!("Examples:\n{examples}\n\n") };
    let after = format!("{settings}\n{}\n\n{examples}{}", keys(store), exits());
    (about, after)
}

/// Returns the sentence that names the flags that can be used with a profile.
fn only(store: &Store) -> String {
    let free = free_flags(store);
    let (last, others) = free.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    format!("With a profile, the only flags are {} and {last}", others.join(", "))
}

/// Returns the flags that can be used with a profile.
pub(in crate::shell) fn free_flags(store: &Store) -> Vec<String> {
    table(store)
        .filter(|setting| is_flag(setting) && !setting.security_sensitive)
        .map(Setting::flag)
        .collect()
}

/// Returns what `--help` prints after the options of a verb.
pub(super) fn after_verb(store: &Store, verb: &str, help: &Help) -> String {
    let takes_settings = !["settings", "completions", "man", "help", "watch"].contains(&verb);
    let settings = match (takes_settings, help.start.is_some()) {
        (false, _) => String::new(),
        (true, false) => {
            "Every setting is also a flag, such as --timeout 10s; `settings` explains them.".to_owned()
        }
        (true, true) => format!("{}.", only(store)),
    };
    let examples: Vec<_> = examples(store, verb).iter().map(|line| help.as_started(store, line)).collect();
    let examples = examples.join("\n");
    let between = if takes_settings && !examples.is_empty() { "\n\n" } else { "" };
    let head = if examples.is_empty() { "" } else { "Examples:\n" };
    format!("{settings}{between}{head}{examples}")
}

/// Returns the examples of one verb: those of the store that use it, or those that are the same for every store.
pub(in crate::shell) fn examples(store: &Store, verb: &str) -> Vec<String> {
    let binary = store.binary;
    match verb {
        "completions" => vec![
            format!("  {binary} completions bash > ~/.local/share/bash-completion/completions/{binary}"),
            format!("  {binary} completions fish > ~/.config/fish/completions/{binary}.fish"),
            format!("  {binary} completions zsh > ~/.zfunc/_{binary}"),
        ],
        "man" => vec![format!("  {binary} man | man -l -"), format!("  {binary} man profile | man -l -")],
        "settings" => vec![format!("  {binary} settings"), format!("  {binary} settings timeout")],
        "exec" => {
            let get = store.examples.lines().find_map(|line| line.split_once(" get "));
            let id = get.and_then(|(_, ids)| ids.split(' ').next()).unwrap_or("ID");
            vec![format!("  {binary} exec --env API_KEY={id} -- ./app")]
        }
        "watch" => vec![format!("  {binary} watch --once --config ~/.openclaw/openclaw.json")],
        "help" => vec![format!("  {binary} help get")],
        "install" => vec![format!("  {binary} install {}", store.name())],
        "snippet" => {
            let name = store.name();
            vec![format!("  {binary} --profile ./{name}.toml snippet | openclaw config patch --stdin")]
        }
        "logout" | "unlock" => vec![format!("  {binary} {verb}")],
        _ => {
            let is_of = |line: &&str| line.split(' ').any(|word| word == verb);
            store.examples.lines().filter(is_of).map(str::to_owned).collect()
        }
    }
}

/// Returns the keys of all settings, in lines that fit a screen.
fn keys(store: &Store) -> String {
    let mut lines = vec![String::new()];
    for setting in table(store).filter(|setting| is_flag(setting)) {
        if lines.last().is_some_and(|line| line.len() + setting.key.len() > 96) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "  " } else { " " });
            line.push_str(setting.key);
        }
    }
    lines.join("\n")
}

fn exits() -> String {
    let half = Exit::TABLE.len().div_ceil(2);
    let line = |table: &[(Exit, &str, &str)]| {
        let codes: Vec<_> = table.iter().map(|(exit, word, _)| format!("{} {word}", exit.code())).collect();
        format!("  {}", codes.join(", "))
    };
    format!("Exit codes:\n{}\n{}", line(&Exit::TABLE[..half]), line(&Exit::TABLE[half..]))
}

/// A setting that every store has, to show how a setting is written.
const FLAG_EXAMPLE: &str = "max_output";
