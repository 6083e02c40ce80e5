//! `completions SHELL`: prints a completion script, made from the command line and the table of settings.
//!
//! There is one script per shell, and all read the same table of words. Script generators repeat every flag for each verb,
//! which adds a tenth of a megabyte.

use std::fmt::Write as _;

use clap::Arg;
use clap::builder::StyledStr;

use super::cli::{command, is_flag};
use super::output::print;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::store::{Kind, table};

/// Prints the completion script for `shell`.
pub(super) fn completions<B: Manage>(shell: &str, deadline: Deadline) -> Exit {
    let script = match shell {
        "bash" => include_str!("scripts/completions.bash"),
        "fish" => include_str!("scripts/completions.fish"),
        _ => include_str!("scripts/completions.zsh"),
    };
    let words = format!("{}{}", verbs::<B>(), settings::<B>());
    // A quote within quotes, in a form that all three shells accept.
    let words = words.trim_end().replace('\'', "'\\''");
    let binary = B::STORE.binary;
    let function = format!("_{}", binary.replace('-', "_"));
    let script =
        script.replace("@BINARY@", binary).replace("@FUNCTION@", &function).replace("@TABLE@", &words);
    print(&script, deadline).unwrap_or(Exit::Done)
}

/// Adds a line of the table: the owner of a word (`.` the command, `*` a setting, `+` a setting that cannot be used with a
/// profile, otherwise a verb), the word (`.` for an argument), its values (`-` for none), and its help.
fn line(table: &mut String, [whose, word, takes, help]: [&str; 4]) {
    let _ = writeln!(table, "{whose}\t{word}\t{takes}\t{help}");
}

/// Returns the lines of the verbs, with settings (`*`) or without, and of their own arguments.
fn verbs<B: Manage>() -> String {
    let mut command = command::<B>();
    command.build();
    let text = |text: Option<&StyledStr>| text.map(ToString::to_string).unwrap_or_default();
    let (mut verbs, mut own) = (String::new(), String::new());
    let names: Vec<_> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let keys = || table(&B::STORE).map(|setting| setting.key.to_owned()).collect();
    for verb in command.get_subcommands() {
        let (name, is_setting) = (verb.get_name(), Arg::is_hide_set);
        let takes = if verb.get_arguments().any(is_setting) { "*" } else { "-" };
        line(&mut verbs, [".", name, takes, &text(verb.get_about())]);
        let is_own = |arg: &&Arg| !is_setting(arg) && !["profile", "help"].contains(&arg.get_id().as_str());
        for arg in verb.get_arguments().filter(is_own) {
            let words: Vec<_> = match arg.get_id().as_str() {
                "COMMAND" => names.clone(),
                "NAME" => keys(),
                _ => arg.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect(),
            };
            match arg.get_long() {
                Some(long) => line(&mut own, [name, &format!("--{long}"), "-", &text(arg.get_help())]),
                None if words.is_empty() => {}
                None => line(&mut own, [name, ".", &words.join(" "), &text(arg.get_help())]),
            }
        }
    }
    verbs + &own
}

fn settings<B: Manage>() -> String {
    let mut settings = String::new();
    line(&mut settings, ["*", "--profile", "<profile>", "read the settings from this profile"]);
    for setting in table(&B::STORE).filter(|setting| is_flag(setting)) {
        let words;
        let takes = match setting.kind {
            Kind::Switch => "-",
            Kind::Path => "<file>",
            Kind::Choice(choices) => {
                words = choices.join(" ");
                &words
            }
            _ => "<text>",
        };
        let whose = if setting.security_sensitive { "+" } else { "*" };
        line(&mut settings, [whose, &setting.flag(), takes, setting.help]);
    }
    settings
}
