//! The first line of an executable profile: `#!/usr/bin/secretref-NAME --profile`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::binary::own_path;
use crate::profile::Profile;
use crate::store::Store;
use crate::text::shell_word;

/// The most bytes that the kernel of Linux reads of a first line, with `#!`.
const LINE_LIMIT: usize = 255;

/// What the first line of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstLine {
    /// It starts this program with the file as its profile.
    Profile(PathBuf),
    /// It starts this program in another way.
    Other(PathBuf),
    /// The kernel cannot read it: why, and what to do.
    Wrong(&'static str, &'static str),
    /// There is none; a shell would run the file.
    None,
}

impl FirstLine {
    /// Returns the line of a profile for this program, if the kernel can read it.
    pub(crate) fn write(program: &Path) -> Result<String, String> {
        let program = program.display().to_string();
        let line = format!("#!{program} --profile");
        if program.contains(char::is_whitespace) {
            return Err(format!("the path {program} has a space, which a first line cannot have"));
        }
        if line.len() > LINE_LIMIT {
            let length = line.len();
            return Err(format!(
                "the first line would be {length} bytes long; the kernel reads {LINE_LIMIT}"
            ));
        }
        Ok(line)
    }

    /// Reads the first line of a file; `None` if it cannot be read.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        Some(Self::parse(&start_of(path)?))
    }

    /// Returns why the kernel does not start a resolver with `file` as its profile, and what to do; `None` if it does.
    pub(crate) fn fault(&self, store: &Store, file: &Path) -> Option<(String, String)> {
        let why = match self {
            Self::Profile(program) if program.exists() => return None,
            Self::Profile(program) => format!("names {}, which does not exist", program.display()),
            Self::Other(program) => {
                format!("starts {}, and not a resolver with --profile", program.display())
            }
            Self::Wrong(why, _) => (*why).to_owned(),
            Self::None => "is missing, so a shell runs the file".to_owned(),
        };
        Some((why, self.remedy(store, file)))
    }

    /// Returns the command that corrects the line of a profile. `install` does not touch the line of another program.
    fn remedy(&self, store: &Store, file: &Path) -> String {
        let text = fs::read_to_string(file).unwrap_or_default();
        let is_profile = Profile::is_of(store, &text);
        match self {
            Self::None if is_profile => correct(store.binary, file, " --force"),
            _ if is_profile && names(store.binary, &text) => correct(store.binary, file, ""),
            Self::Wrong(_, remedy) => (*remedy).to_owned(),
            _ => own_path().ok().and_then(|program| Self::write(&program).ok()).map_or_else(
                || {
                    "write it with `install --copy`, because the path of this program fits no first line"
                        .to_owned()
                },
                |line| format!("make {line} the first line, with nothing before it"),
            ),
        }
    }

    fn parse(start: &[u8]) -> Self {
        if start.starts_with(b"\xef\xbb\xbf#!") {
            return Self::Wrong("has a byte order mark before #!", "save it as UTF-8 without one");
        }
        let Some(rest) = start.strip_prefix(b"#!") else { return Self::None };
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if "#!".len() + line.len() > LINE_LIMIT {
            return Self::Wrong("is longer than the kernel reads", "move the program to a shorter path");
        }
        let Ok(line) = std::str::from_utf8(line) else {
            return Self::Wrong("is not UTF-8", "save the file as UTF-8");
        };
        if line.ends_with('\r') {
            return Self::Wrong("ends in CRLF", "save the file with LF line endings");
        }
        let line = line.trim_matches([' ', '\t']);
        let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        match argument.trim() {
            "--profile" => Self::Profile(program.into()),
            argument if argument.starts_with("--profile ") => Self::Wrong(
                "has words after --profile, which the kernel passes as one argument",
                "end it after --profile",
            ),
            _ => Self::Other(program.into()),
        }
    }
}

/// Returns as much of a file as a first line can be long; `None` if it cannot be read. It does not wait for a pipe.
fn start_of(path: &Path) -> Option<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut start = Vec::with_capacity(LINE_LIMIT + 1);
    file.take(LINE_LIMIT as u64 + 1).read_to_end(&mut start).ok()?;
    Some(start)
}

/// Returns the program that the kernel starts for a file, if the file has a first line, also one that starts no resolver.
pub(super) fn interpreter(path: &Path) -> Option<PathBuf> {
    let start = start_of(path)?;
    let line = start.strip_prefix(b"#!")?.trim_ascii_start();
    let end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\0');
    let program = line.split(end).next().filter(|program| !program.is_empty())?;
    Some(OsStr::from_bytes(program).into())
}

/// Returns the command that corrects the first line of a profile, with this flag.
pub(crate) fn correct(binary: &str, file: &Path, flag: &str) -> String {
    let own = own_path().unwrap_or_else(|_| binary.into());
    let copy = if FirstLine::write(&own).is_ok() { "" } else { " --copy" };
    let is_in_path =
        ["/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(binary) == own);
    let own = if is_in_path { binary.to_owned() } else { shell_word(&own.display().to_string()) };
    format!("run {own} install --yes{copy}{flag} --to {}", shell_word(&file.display().to_string()))
}

/// Whether the first line of a text names this resolver.
pub(crate) fn names(binary: &str, text: &str) -> bool {
    let first = text.lines().next().and_then(|line| line.strip_prefix("#!")).unwrap_or_default();
    let is_it = |word: &str| word.rsplit('/').next() == Some(binary);
    first.split_whitespace().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NameKeys;

    const STORE: Store = Store {
        binary: "secretref-x",
        version: "1.2.3",
        about: "",
        settings: &[],
        name_keys: NameKeys::Only(&[]),
        form: "name[#field]",
        examples: "",
        profile: "",
    };

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_not_waited_for() {
        let pipe = std::env::temp_dir().join(format!("secretref-pipe-{}", std::process::id()));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let read = (FirstLine::read(&pipe), interpreter(&pipe));
        fs::remove_file(&pipe).unwrap();
        assert_eq!(read, (None, None));
    }

    #[test]
    fn a_first_line_is_read_as_the_kernel_reads_it() {
        let long = format!("#!/{} --profile\n", "x".repeat(260));
        let profile = |path: &str| FirstLine::Profile(path.into());
        for (start, line) in [
            ("#!/usr/bin/secretref-x --profile\n", profile("/usr/bin/secretref-x")),
            ("#! /usr/bin/secretref-x  --profile \na = 1", profile("/usr/bin/secretref-x")),
            ("#!/usr/bin/secretref-x --profile", profile("/usr/bin/secretref-x")),
            ("#!/bin/sh\n", FirstLine::Other("/bin/sh".into())),
            ("#!/usr/bin/env -S secretref-x --profile\n", FirstLine::Other("/usr/bin/env".into())),
            ("address = \"x\"\n", FirstLine::None),
            ("", FirstLine::None),
        ] {
            assert_eq!(FirstLine::parse(start.as_bytes()), line, "{start}");
        }
        for start in
            ["\u{feff}#!/x --profile\n", "#!/x --profile\r\n", "#!/x --profile --timeout 1s\n", &long]
        {
            let line = FirstLine::parse(start.as_bytes());
            assert!(matches!(line, FirstLine::Wrong(..)), "{start}: {line:?}");
        }
    }

    #[test]
    fn only_a_line_that_starts_a_resolver_has_no_fault() {
        let own = own_path().unwrap();
        let fault =
            |start: &str| FirstLine::parse(start.as_bytes()).fault(&STORE, Path::new("/no/such/profile"));
        assert_eq!(fault(&format!("#!{} --profile\n", own.display())), None);
        for (start, words) in [
            ("#!/no/such/x --profile\n", "names /no/such/x, which does not exist"),
            ("#!/bin/sh\n", "starts /bin/sh, and not"),
            ("#!/usr/bin/env -S secretref-x --profile\n", "starts /usr/bin/env, and not"),
            ("a = 1\n", "is missing"),
        ] {
            let (why, remedy) = fault(start).unwrap();
            assert!(why.contains(words) && remedy.contains(&own.display().to_string()), "{why}: {remedy}");
        }
    }

    #[test]
    fn a_line_that_the_kernel_cannot_read_is_not_written() {
        let at = |length: usize| format!("/{}", "x".repeat(length - 1));
        let longest = LINE_LIMIT - "#! --profile".len();
        assert!(FirstLine::write(Path::new(&at(longest))).is_ok());
        assert!(FirstLine::write(Path::new(&at(longest + 1))).is_err());
        assert!(FirstLine::write(Path::new("/my programs/x")).is_err());
    }
}
