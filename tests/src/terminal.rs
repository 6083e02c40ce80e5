//! A terminal, with a person who types and reads.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use crate::resolver::Run;

/// A program that writes `ran` into the file `seen` of its folder, after a line for the terminal of another session that it
/// has, and one for the descriptor 9 of another process.
pub const TYPES: &str = "#!/bin/sh\n\
    exec 2>/dev/null\n\
    seen=$(dirname \"$0\")/seen\n\
    if ( : </dev/tty ); then echo terminal >>\"$seen\"; fi\n\
    if ( : <&9 ); then echo descriptor >>\"$seen\"; fi\n\
    echo ran >>\"$seen\"\n";

/// The time limit for an expected output.
const PATIENCE: Duration = Duration::from_secs(20);

/// A command that runs at a terminal.
#[derive(Debug)]
pub struct Session {
    child: Child,
    /// The side of the person.
    person: File,
    /// The side of the command.
    command: File,
    /// The modes of the terminal before the command.
    before: String,
    shown: Arc<Shown>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shown {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

/// Which streams are the terminal; the others are pipes.
#[derive(Debug, Clone, Copy)]
pub struct On {
    /// Whether stdin is.
    pub stdin: bool,
    /// Whether stdout is.
    pub stdout: bool,
    /// Whether stderr is.
    pub stderr: bool,
}

impl On {
    /// Like a command that a person types.
    pub const ALL: Self = Self { stdin: true, stdout: true, stderr: true };
}

/// The result of a command.
#[derive(Debug)]
pub struct Left {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The whole output to the terminal.
    pub shown: String,
    /// All of stdout, if that is a pipe.
    pub stdout: String,
    /// All of stderr, if that is a pipe.
    pub stderr: String,
    /// Whether the terminal has the modes that it had before.
    pub is_as_before: bool,
}

impl Session {
    /// Starts `run` at a new terminal of 80 by 24 characters. `leader` is the path of the kit's `in-session`.
    #[must_use]
    pub fn start(leader: &str, run: Run, on: On) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&person).expect("a terminal");
        unlockpt(&person).expect("a terminal");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&person, size).expect("a size");
        let name = ptsname(&person, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let command = File::options().read(true).write(true).open(&name).expect("its other side");
        let before = settings(&command);
        let stream = |is_on| {
            let end = || command.try_clone().expect("its other side");
            if is_on { Stdio::from(end()) } else { Stdio::piped() }
        };
        let mut child = wrapped(leader, &name, &run.command());
        child.stdin(stream(on.stdin)).stdout(stream(on.stdout)).stderr(stream(on.stderr));
        let child = child.spawn().expect("it starts");
        let (person, shown) = (File::from(person), Arc::new(Shown::default()));
        let reader = read(person.try_clone().expect("a file"), Arc::clone(&shown));
        Self { child, person, command, before, shown, reader }
    }

    /// Waits until the terminal shows this for the `nth` time.
    pub fn until(&self, words: &str, nth: usize) {
        let is_missing = |bytes: &mut Vec<u8>| String::from_utf8_lossy(bytes).matches(words).count() < nth;
        let bytes = self.shown.bytes.lock().expect("what is shown");
        let (bytes, waited) =
            self.shown.more.wait_timeout_while(bytes, PATIENCE, is_missing).expect("what is shown");
        assert!(!waited.timed_out(), "no {words:?} in {:?}", String::from_utf8_lossy(&bytes));
    }

    /// Types.
    pub fn keys(&self, keys: &str) {
        (&self.person).write_all(keys.as_bytes()).expect("it takes keys");
    }

    /// Waits for the end of the command.
    #[must_use]
    pub fn end(self) -> Left {
        let ended = self.child.wait_with_output().expect("an end");
        let is_as_before = settings(&self.command) == self.before;
        // Without its other side the terminal ends, once all was read.
        drop(self.command);
        self.reader.join().expect("a reader");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Left {
            code: ended.status.code(),
            signal: ended.status.signal(),
            shown: text(&self.shown.bytes.lock().expect("what is shown")),
            stdout: text(&ended.stdout),
            stderr: text(&ended.stderr),
            is_as_before,
        }
    }
}

impl Left {
    /// The text on the screen at the end, without colours.
    #[must_use]
    pub fn screen(&self) -> String {
        let mut lines = vec![Vec::new()];
        let mut column = 0;
        let mut rest = self.shown.chars();
        while let Some(c) = rest.next() {
            let line: &mut Vec<char> = lines.last_mut().expect("a line");
            match c {
                '\r' => column = 0,
                '\n' => lines.push(Vec::new()),
                '\u{1b}' => match rest.by_ref().find(char::is_ascii_alphabetic) {
                    Some('K') => line.truncate(column),
                    Some('m') => {}
                    other => panic!("the kit's screen knows no {other:?}: {:?}", self.shown),
                },
                c => {
                    line.splice(column..line.len().min(column + 1), [c]);
                    column += 1;
                }
            }
        }
        lines.into_iter().map(String::from_iter).collect::<Vec<_>>().join("\n")
    }
}

fn wrapped(leader: &str, terminal: &str, command: &Command) -> Command {
    assert!(Path::new(leader).exists(), "missing: {leader}");
    let mut wrapped = Command::new(leader);
    wrapped.arg(terminal).arg(command.get_program()).args(command.get_args()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}

fn settings(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).expect("its settings"))
}

fn read(mut person: File, shown: Arc<Shown>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = person.read(&mut chunk) {
            shown.bytes.lock().expect("what is shown").extend_from_slice(&chunk[..count]);
            shown.more.notify_all();
        }
    })
}
