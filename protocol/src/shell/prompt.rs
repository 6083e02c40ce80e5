//! Reads a value from stdin, or at a prompt that does not show it.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process, kill_process_group};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex as Code, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

use super::only_reads;
use super::output::fail;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::streams::{Got, Input, read_on, read_stdin, stdin_is_terminal, whisper};
use crate::text::printable;
use crate::watchdog::{GRACE, Watchdog};
use crate::wire::is_request;

/// The maximum length of a value, in bytes.
const LIMIT: usize = 1 << 20;

/// How long a person, or the program that writes to the pipe, may take.
const PATIENCE: Duration = Duration::from_hours(24);

/// The maximum time between two lines of pasted text: shorter than a person needs to type.
const PASTE: Duration = Duration::from_millis(100);

const FROM_FILE: &str = "read it from a file: add <FILE to the end of the command";

/// A prompt: the noun for the answer, the text of the prompt, and the subject of failures.
struct Prompt<'w> {
    noun: &'static str,
    text: &'w str,
    about: &'w str,
}

/// Reads the value for `id`. `Err` is the exit code if there is no value; the reason has been printed.
///
/// On a terminal the value is one hidden line, typed or pasted. From a pipe or a file it is the whole input: a single line
/// loses its line break, which `echo` and editors add; several lines are kept exactly, because a PEM key needs its last line
/// break.
pub(super) fn value(id: &str, watchdog: &Watchdog) -> Result<Secret, Exit> {
    ask(&Prompt { noun: "value", text: &format!("value of {id}: "), about: id }, watchdog)
}

/// Reads a password in the same way as a value.
pub(super) fn password(prompt: &str, watchdog: &Watchdog) -> Result<Secret, Exit> {
    ask(&Prompt { noun: "password", text: prompt, about: "unlock" }, watchdog)
}

/// Reads a new password. A person types it twice, because the prompt does not show a mistake.
pub(super) fn new_password(watchdog: &Watchdog) -> Result<Secret, Exit> {
    let first = password("new password: ", watchdog)?;
    if stdin_is_terminal() && password("repeat the password: ", watchdog)?.expose() != first.expose() {
        let what = "the two passwords differ; nothing was changed";
        return Err(fail(None, &Failure::invalid_value(what, "run the command again")));
    }
    Ok(first)
}

/// Reads and discards stdin: closing a pipe early would kill its writer, and a script with it.
pub(super) fn drain(deadline: Deadline) {
    if !stdin_is_terminal() {
        let _ = read_stdin(LIMIT, deadline);
    }
}

fn ask(prompt: &Prompt<'_>, watchdog: &Watchdog) -> Result<Secret, Exit> {
    let deadline = Deadline::new(Instant::now(), PATIENCE);
    // The watchdog does not restore the terminal, so the prompt times out before it.
    watchdog.move_to(deadline.later(GRACE));
    let given = if stdin_is_terminal() { typed(prompt.text, deadline) } else { piped(deadline) };
    if given.as_ref().is_ok_and(|bytes| is_request(bytes)) {
        return Err(only_reads::stop(prompt.about));
    }
    let remedy = if stdin_is_terminal() { "type one, or pipe one in" } else { EMPTY };
    given
        .and_then(|bytes| whole(bytes, prompt.noun, remedy))
        .map_err(|failure| fail(Some(prompt.about), &failure))
}

/// The remedy for a pipe or file without anything in it.
const EMPTY: &str =
    "stdin was empty: check the file, or the command that fills the pipe; a variable in it may not be set";

fn whole(bytes: Vec<u8>, noun: &str, if_empty: &str) -> Result<Secret, Failure> {
    let refuse = |what: String, remedy: &str| Err(Failure::invalid_value(what, remedy));
    if bytes.len() > LIMIT {
        return refuse(format!("the {noun} is longer than 1 MiB; nothing was changed"), "use a shorter one");
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => refuse(format!("no {noun} was given"), if_empty),
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => Err(Failure::not_text(format!("the {noun}"), error.as_bytes())),
    }
}

fn piped(deadline: Deadline) -> Result<Vec<u8>, Failure> {
    match read_stdin(LIMIT, deadline) {
        Input::Whole(mut bytes) => {
            bytes.truncate(bytes.len() - line_end(&bytes));
            Ok(bytes)
        }
        Input::Unfinished(_) | Input::Broken(_) => Err(Failure::invalid_value(
            "stdin could not be read to its end; nothing was changed",
            "check the program that writes to it",
        )),
    }
}

/// Returns the length of the line break to remove, which is the one of a single line.
fn line_end(bytes: &[u8]) -> usize {
    match bytes.split_last() {
        Some((b'\n', line)) if line.contains(&b'\n') => 0,
        Some((b'\n', line)) => 1 + usize::from(line.ends_with(b"\r")),
        _ => 0,
    }
}

/// The reason why a prompt ended without a value.
enum Stop {
    Failed(Failure),
    /// A key for this signal was pressed.
    Signal(Signal),
}

/// Asks for one line.
fn typed(prompt: &str, deadline: Deadline) -> Result<Vec<u8>, Failure> {
    loop {
        let terminal = Hidden::start().map_err(|_| {
            let remedy = "pipe the value in";
            Failure::invalid_value("the terminal's echo cannot be turned off", remedy)
        })?;
        whisper(&printable(prompt.to_owned()));
        let line = terminal.line(deadline);
        drop(terminal);
        whisper("\n");
        match line {
            Ok(line) => return plain(line),
            Err(Stop::Failed(failure)) => return Err(failure),
            // If the process goes on after the signal, the prompt appears again.
            Err(Stop::Signal(signal)) => send(signal),
        }
    }
}

/// Sends a signal to the same processes as the terminal would, so that a script ends with its command.
fn send(signal: Signal) {
    let _ = match tcgetpgrp(io::stdin()) {
        Ok(group) => kill_process_group(group, signal),
        Err(_) => kill_process(getpid(), signal),
    };
}

/// Refuses control characters: an arrow key, for example, would be an invisible part of the value.
fn plain(line: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        let what = "the input contains a control character, such as an arrow key; nothing was changed";
        return Err(Failure::invalid_value(what, format!("type it again, or {FROM_FILE}")));
    }
    Ok(line)
}

/// The terminal at stdin in a mode that returns every key at once and shows none. On drop, the old mode is restored and
/// unread input is discarded, because a shell would run it.
///
/// Lines are edited here, because a terminal silently cuts its own lines at 4095 bytes. If a signal from another process
/// ends this one, the waiting shell restores the terminal: bash, zsh and fish do.
struct Hidden {
    before: Termios,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// The function of a key.
enum Key {
    Enter,
    /// End of the input (Ctrl-D).
    End,
    /// Delete the last character.
    Erase,
    /// Delete the line (Ctrl-U).
    Clear,
    Signal(Signal),
    Character,
}

impl Hidden {
    fn start() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        let canonical = LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        hidden.local_modes.remove(canonical | LocalModes::ECHO | LocalModes::ECHONL);
        hidden.special_codes[Code::VMIN] = 1;
        hidden.special_codes[Code::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self { before })
    }

    /// Reads a line of at most one byte more than the limit.
    fn line(&self, deadline: Deadline) -> Result<Vec<u8>, Stop> {
        let mut line = Vec::with_capacity(256);
        let mut keys = Vec::with_capacity(256);
        while line.len() <= LIMIT {
            keys.clear();
            if read_on(&mut keys, deadline) != Got::More {
                return Err(Stop::Failed(Failure::invalid_value(
                    "the terminal was closed",
                    "pipe the value in",
                )));
            }
            for (at, byte) in keys.iter().enumerate() {
                match self.key(*byte) {
                    Key::Enter if goes_on(&keys[at + 1..]) => {
                        let what = "the pasted text has several lines; nothing was changed";
                        return Err(Stop::Failed(Failure::invalid_value(what, FROM_FILE)));
                    }
                    Key::Enter | Key::End => return Ok(line),
                    Key::Erase => erase(&mut line),
                    Key::Clear => line.clear(),
                    Key::Signal(signal) => return Err(Stop::Signal(signal)),
                    Key::Character => line.push(*byte),
                }
            }
        }
        goes_on(&[]);
        Ok(line)
    }

    fn key(&self, byte: u8) -> Key {
        // 0 means that the code is disabled.
        let is = |code| byte != 0 && byte == self.before.special_codes[code];
        match byte {
            b'\r' | b'\n' => Key::Enter,
            _ if is(Code::VINTR) => Key::Signal(Signal::INT),
            _ if is(Code::VQUIT) => Key::Signal(Signal::QUIT),
            _ if is(Code::VSUSP) => Key::Signal(Signal::TSTP),
            _ if is(Code::VEOF) => Key::End,
            _ if is(Code::VKILL) => Key::Clear,
            8 | 127 => Key::Erase,
            _ if is(Code::VERASE) => Key::Erase,
            _ => Key::Character,
        }
    }
}

/// Whether text follows right after the first line, `rest` included. All of it is read, so that the shell does not read it
/// later.
fn goes_on(rest: &[u8]) -> bool {
    let mut rest = rest.to_vec();
    while rest.len() <= LIMIT && read_on(&mut rest, Deadline::new(Instant::now(), PASTE)) == Got::More {}
    rest.iter().any(|byte| !b"\r\n".contains(byte))
}

/// Removes the last character, with all its UTF-8 bytes.
fn erase(line: &mut Vec<u8>) {
    while let Some(byte) = line.pop() {
        if byte & 0b1100_0000 != 0b1000_0000 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_line_loses_its_line_end_and_several_lose_none() {
        for (bytes, value) in [
            ("", ""),
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\r", "a\r"),
            (" a \n", " a "),
            ("\n", ""),
            ("a\n\n", "a\n\n"),
            ("a\nb", "a\nb"),
            ("-----BEGIN\nx\n-----END\n", "-----BEGIN\nx\n-----END\n"),
        ] {
            assert_eq!(&bytes[..bytes.len() - line_end(bytes.as_bytes())], value, "{bytes:?}");
        }
    }

    #[test]
    fn a_character_is_erased_with_all_its_bytes() {
        let mut line = "aé€😀".as_bytes().to_vec();
        for left in ["aé€", "aé", "a", "", ""] {
            erase(&mut line);
            assert_eq!(line, left.as_bytes());
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let refused = |bytes: &[u8]| whole(bytes.to_vec(), "value", EMPTY).unwrap_err().what().to_owned();
        assert!(refused(b"").contains("no value"));
        assert!(refused(b"\xff").contains("UTF-8"));
        assert!(refused(&vec![b'x'; LIMIT + 1]).contains("longer"));
        assert!(whole(vec![b'x'; LIMIT], "value", EMPTY).is_ok());
        assert!(plain(b"a\x1b[D".to_vec()).is_err() && plain("a\té".into()).is_ok());
    }
}
