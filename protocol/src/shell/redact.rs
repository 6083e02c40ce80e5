//! Removes private names from a text, so that it can be shared.

use std::path::Path;

/// Words of ordinary reports. As names they reveal nothing, and a report without them would be unreadable.
const ORDINARY: &str = "a address agent an and answer as at be by certificate check default error field file folder for from \
                        gateway has host http https id in ip is it key kv list look name no not of on or password path policy profile \
                        proxy read role root secret server set sign sign-in step store that the there this to token user username \
                        v1 value vault version which with";

/// The private names, each with its replacement.
pub(super) struct Redactor {
    names: Vec<(&'static str, String)>,
    /// Words of this program, which are kept.
    words: Vec<String>,
    /// Whether a file exists. Its name may contain spaces, like the words after it.
    exists: fn(&Path) -> bool,
}

impl Redactor {
    /// Takes the names as `(what, name)`; each is replaced by `<what>`. An ordinary word, one of the program's own `words`,
    /// and this machine's name for itself are kept.
    pub(super) fn new(
        names: impl IntoIterator<Item = (&'static str, String)>,
        words: Vec<String>,
        exists: fn(&Path) -> bool,
    ) -> Self {
        let tells = |name: &str| {
            let is_here =
                name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            !name.is_empty()
                && !is_here
                && words.iter().all(|word| word != name)
                && ORDINARY.split(' ').all(|word| word != name)
        };
        let names = names.into_iter().filter(|(_, name)| tells(name)).collect();
        Self { names, words, exists }
    }

    /// Returns the text without the names, if they are whole words, and without paths of files.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let is_start = !redacted.ends_with(|c: char| c.is_ascii_alphanumeric());
            // A name may be a prefix of another.
            let longest = self.names.iter().filter(|(_, name)| is_start && is_word(rest, name));
            let longest = longest.max_by_key(|(_, name)| name.len());
            let own = self.words.iter().filter(|word| is_start && is_own(rest, word)).map(String::len).max();
            if let Some(after) = rest.strip_prefix(AS_USER).filter(|_| is_start) {
                redacted.push_str(AS_USER);
                let length = end_of_word(after, 0);
                redacted.push_str(if length > 0 { "<user>" } else { "" });
                rest = &after[length..];
            } else if let Some(length) =
                own.filter(|length| longest.is_none_or(|(_, name)| name.len() <= *length))
            {
                redacted.push_str(&rest[..length]);
                rest = &rest[length..];
            } else if let Some(length) = self.path(rest).filter(|_| is_start) {
                redacted.push_str("<path>");
                rest = &rest[length..];
            } else if let Some((what, name)) = longest {
                redacted.extend(["<", what, ">"]);
                let is_folder = name.contains('/') && rest[name.len()..].starts_with('/');
                rest = &rest[if is_folder { self.end(rest, name.len()) } else { name.len() }..];
            } else {
                let mut characters = rest.chars();
                redacted.extend(characters.next());
                rest = characters.as_str();
            }
        }
        redacted
    }

    /// Returns the length of the file path at the start of a text. A file path has at least one folder.
    fn path(&self, text: &str) -> Option<usize> {
        let rest =
            text.strip_prefix('/').filter(|rest| !rest.starts_with("v1/") && !rest.starts_with('/'))?;
        let is_path = rest[..end_of_word(rest, 0)].trim_end_matches('/').contains('/');
        (is_path && !is_own(rest, "dev/null")).then(|| self.end(text, 0))
    }

    /// Returns the end of a path that has at least `from` bytes. The next words belong to it if that file, or its folder,
    /// exists.
    fn end(&self, text: &str, from: usize) -> usize {
        let first = end_of_word(text, from);
        let (mut end, mut at) = (first, first);
        for _ in 0..WORDS {
            if !text[at..].starts_with(' ') {
                break;
            }
            let word = at;
            at = end_of_word(text, at + 1);
            let path = Path::new(&text[..at]);
            let folder = path.parent().filter(|_| text[word..at].contains('/'));
            if (self.exists)(path) || folder.is_some_and(self.exists) {
                end = at;
            }
        }
        end
    }
}

/// The start of a command in a remedy; the name of a file's owner follows.
const AS_USER: &str = "sudo -u ";

/// The maximum number of words to try for a path.
const WORDS: usize = 8;

fn end_of_word(text: &str, from: usize) -> usize {
    let is_end = |c: char| c.is_whitespace() || ",;:()<>`'\"".contains(c);
    text[from..].find(is_end).map_or(text.len(), |length| from + length)
}

/// Whether `text` begins with this whole word.
fn is_word(text: &str, word: &str) -> bool {
    let after = text.strip_prefix(word);
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Whether `text` begins with this whole word of the program, which may contain `_` and `-`.
fn is_own(text: &str, word: &str) -> bool {
    let after = text.strip_prefix(word);
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || "_-".contains(c)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn new(names: &[(&'static str, &str)]) -> Redactor {
        let names = names.iter().map(|(what, name)| (*what, (*name).to_owned()));
        let words = ["token", "--profile", "password_file"].map(str::to_owned).to_vec();
        Redactor::new(names, words, |path| {
            ["/srv/my certs", "/srv/my certs/a b.pem", "./my certs/a b.pem"]
                .iter()
                .any(|there| path == Path::new(there))
        })
    }

    #[test]
    fn names_are_left_out_the_longest_first_and_as_whole_words() {
        let redactor = new(&[("host", "safe"), ("address", "https://safe:8200"), ("ip", "10.0.0.1")]);
        assert_eq!(redactor.redact("no way to https://safe:8200 (10.0.0.1)"), "no way to <address> (<ip>)");
        let redactor = new(&[("host", "safe")]);
        assert_eq!(redactor.redact("a safe place, not safes"), "a <host> place, not safes");
    }

    #[test]
    fn paths_of_files_are_left_out_of_every_text() {
        let redactor = new(&[]);
        let text =
            "/home/jo/token, which `token_file` names, is in /home/jo/x: chmod it (/v1/sys/health, 3/4)";
        let left = "<path>, which `token_file` names, is in <path>: chmod it (/v1/sys/health, 3/4)";
        assert_eq!(redactor.redact(text), left);
        assert_eq!(redactor.redact("unix:///run/corp/agent.sock"), "unix://<path>");
    }

    #[test]
    fn the_owner_of_a_file_is_left_out() {
        for (text, left) in [
            ("run this as its owner: sudo -u svc-corp, then", "run this as its owner: sudo -u <user>, then"),
            ("sudo -u svc-corp", "sudo -u <user>"),
            ("sudo -u '#1234', then", "sudo -u '#1234', then"),
        ] {
            assert_eq!(new(&[]).redact(text), left);
        }
    }

    #[test]
    fn a_path_ends_where_its_file_does() {
        let redactor = new(&[("ca_path", "./my certs")]);
        for (text, left) in [
            ("/srv/my certs/a b.pem, which", "<path>, which"),
            ("/srv/my certs has no certificate", "<path> has no certificate"),
            ("/srv/my certs/none of a/b", "<path> of a/b"),
            ("/srv/my other thing", "<path> other thing"),
            ("./my certs/a b.pem cannot be read", "<ca_path> cannot be read"),
            ("bao -x < /dev/null", "bao -x < /dev/null"),
            ("/dev/nullx/a", "<path>"),
        ] {
            assert_eq!(redactor.redact(text), left);
        }
    }

    #[test]
    fn words_of_the_program_stay_whatever_is_called_so() {
        let redactor =
            new(&[("name", "profile"), ("name", "--profile"), ("field", "password"), ("name", "file")]);
        let text = "write it to password_file, or name it after --profile";
        assert_eq!(redactor.redact(text), text);
        assert_eq!(new(&[("name", "--profile x")]).redact("after --profile x"), "after <name>");
    }

    #[test]
    fn what_tells_nothing_stays() {
        let redactor = new(&[
            ("role", "token"),
            ("policy", "gateway"),
            ("host", "localhost"),
            ("ip", "127.0.0.1"),
            ("ip", ""),
        ]);
        let text = "a gateway's token from http://localhost:8200, 127.0.0.1, leave /v1 out";
        assert_eq!(redactor.redact(text), text);
    }

    proptest! {
        #[test]
        fn nothing_of_a_name_that_stands_alone_is_left(before in "[ ,.:é]{0,5}", after in "[ ,.:é]{0,5}") {
            let text = format!("{before}db-7.corp.example{after}");
            prop_assert_eq!(new(&[("host", "db-7.corp.example")]).redact(&text), format!("{before}<host>{after}"));
        }
    }
}
