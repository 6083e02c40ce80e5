//! The end of a run whose command line asks for help or cannot be read.

use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::commands::command;
use super::help::start_of;
use crate::backend::Manage;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway;
use crate::journal::Journal;
use crate::serve::serve;
use crate::shell::output::{explain, print};
use crate::shell::set::value_in_argument;
use crate::streams::{say, stdin_is_terminal};
use crate::text::{printable, printable_lines};
use crate::watchdog::Limits;

/// Ends a run whose command line asks for help or cannot be read. A gateway that started it still gets a response.
pub(in crate::shell) fn stop<B: Manage>(
    mut stop: clap::Error,
    arguments: &[String],
    journal: &Journal,
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    suggest(&mut stop, &command::<B>());
    let text = stop.render().to_string();
    if matches!(stop.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text, deadline).unwrap_or(Exit::Done);
    }
    if let Some(failure) = bad_first_line(B::STORE.binary, arguments) {
        return refuse::<B>(failure, journal, Limits { deadline, watchdog });
    }
    let rest = match arguments {
        [flag, _, rest @ ..] if flag == "--profile" => rest,
        _ => arguments,
    };
    if has_value_in_argument(&stop, rest) {
        explain(None, &value_in_argument());
        return Exit::Usage;
    }
    // The text repeats typed words, and control characters in them must not reach the terminal.
    say(printable_lines(text.trim_end()));
    let parser = command::<B>();
    let is_verb =
        |word: &String| parser.get_subcommands().any(|verb| verb.get_name() == word && word != "resolve");
    let is_word = |word: &String| word.starts_with(|first: char| first.is_ascii_alphanumeric());
    if stop.kind() == ErrorKind::InvalidSubcommand && rest.iter().any(is_word) {
        if stop.get(ContextKind::SuggestedSubcommand).is_none() {
            let start = start_of(B::STORE.binary, arguments);
            let start = start.as_deref().unwrap_or(B::STORE.binary);
            say(printable(format!("tip: to read a secret: {start} get ID")));
        }
        return Exit::Usage;
    }
    if rest.iter().any(is_verb) || stdin_is_terminal() {
        return Exit::Usage;
    }
    let failure = Failure::misconfigured(
        "the command line is wrong",
        "run the same command in a shell to see the error",
    );
    refuse::<B>(failure, journal, Limits { deadline, watchdog })
}

/// Each verb, and the words of other tools for it.
const OTHERS: [(&str, &str); 7] = [
    ("get", "read show print cat fetch view reveal copy"),
    ("exec", "run start"),
    ("list", "ls dir tree ids keys search find"),
    ("set", "put write add store save create insert update edit patch"),
    ("delete", "rm remove del unset erase destroy"),
    ("doctor", "status health ping login"),
    ("settings", "config env options"),
];

/// Suggests the verb for a word of another tool.
fn suggest(stop: &mut clap::Error, command: &Command) {
    let typed = match stop.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.to_lowercase(),
        _ => return,
    };
    let means = |(_, words): &&(&str, &str)| words.split(' ').any(|word| word == typed);
    if let Some((verb, _)) = OTHERS.iter().find(means)
        && command.find_subcommand(verb).is_some()
    {
        let verb = ContextValue::Strings(vec![(*verb).to_owned()]);
        stop.insert(ContextKind::SuggestedSubcommand, verb);
    }
}

/// Whether an extra word may be a secret. An unknown flag is not.
fn has_value_in_argument(stop: &clap::Error, rest: &[String]) -> bool {
    let takes_secret = rest.iter().any(|word| ["set", "unlock"].contains(&word.as_str()));
    let is_flag = matches!(
        stop.get(ContextKind::InvalidArg),
        Some(ContextValue::String(word)) if word.starts_with("--")
    );
    takes_secret && stop.kind() == ErrorKind::UnknownArgument && !is_flag
}

/// Explains the arguments that the kernel passes if the first line of an executable profile is wrong: a CR as part of the
/// flag, or the profile in place of the flag.
fn bad_first_line(binary: &str, arguments: &[String]) -> Option<Failure> {
    match arguments {
        [flag, profile, ..] if flag == "--profile\r" => Some(Failure::misconfigured(
            format!(
                "the first line of {profile} ends in CRLF, and the kernel reads the CR as part of the flag"
            ),
            gateway::correct(binary, Path::new(profile), ""),
        )),
        [flag, profile, ..] if flag.starts_with("--profile ") => Some(Failure::misconfigured(
            format!(
                "the first line of {profile} has words after --profile, and the kernel passes them as one argument"
            ),
            gateway::correct(binary, Path::new(profile), ""),
        )),
        [word, ..] if word.contains('/') && Path::new(word).is_file() => Some(Failure::misconfigured(
            format!("{word} is a file, not a command or flag"),
            format!("if it is a profile, its first line must be #!/path/to/{binary} --profile"),
        )),
        _ => None,
    }
}

fn refuse<B: Manage>(failure: Failure, journal: &Journal, limits: Limits<'_>) -> Exit {
    if stdin_is_terminal() {
        say(format!("{}: {failure}", B::STORE.binary));
        return Exit::Usage;
    }
    serve::<B>(Err((failure, Exit::Usage)), journal, limits)
}
