//! What is left out of a text that others are to read.

/// Words that stand in anybody's report: as a name they tell nothing, and left out they would make the report unreadable.
const ORDINARY: &str = "a address agent an and answer as at be by certificate check default error field file folder for from \
                        gateway has host http https id in ip is it list look name no not of on or path policy profile \
                        proxy read role root secret server set sign sign-in step store that the there this to token user \
                        v1 value vault version which with";

/// The names that are left out, each with what stands in its place.
pub(super) struct Redactor {
    names: Vec<(&'static str, String)>,
}

impl Redactor {
    /// Leaves out these names, `(what, name)`: each becomes `<what>`. A name that is an ordinary word of this program, one of
    /// its own `words`, or this machine's for itself tells nothing and stays.
    pub(super) fn of(names: impl IntoIterator<Item = (&'static str, String)>, words: &[&str]) -> Self {
        let tells = |name: &str| {
            let is_here =
                name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            !name.is_empty()
                && !is_here
                && !words.contains(&name)
                && ORDINARY.split(' ').all(|word| word != name)
        };
        Self { names: names.into_iter().filter(|(_, name)| tells(name)).collect() }
    }

    /// The text without the names, where they stand as words of their own, and without the paths of files.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let is_start = !redacted.ends_with(|c: char| c.is_ascii_alphanumeric());
            // A name may be the beginning of another.
            let longest = self.names.iter().filter(|(_, name)| is_start && is_word(rest, name));
            if let Some(path) = path(rest).filter(|_| is_start) {
                redacted.push_str("<path>");
                rest = &rest[path.len()..];
            } else if let Some((what, name)) = longest.max_by_key(|(_, name)| name.len()) {
                redacted.extend(["<", what, ">"]);
                rest = &rest[name.len()..];
            } else {
                let mut characters = rest.chars();
                redacted.extend(characters.next());
                rest = characters.as_str();
            }
        }
        redacted
    }
}

/// The path that a text begins with, if it is one of a file: a folder, and something in it.
fn path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('/').filter(|rest| !rest.starts_with("v1/"))?;
    let end = rest.find(|c: char| c.is_whitespace() || ",;:()<>`'\"".contains(c)).unwrap_or(rest.len());
    let is_path = rest[..end].trim_end_matches('/').contains('/') && !rest.starts_with('/');
    is_path.then(|| &text[..=end])
}

/// Whether `text` begins with this very word.
fn is_word(text: &str, word: &str) -> bool {
    let after = text.strip_prefix(word);
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(names: &[(&'static str, &str)]) -> Redactor {
        Redactor::of(names.iter().map(|(what, name)| (*what, (*name).to_owned())), &["token"])
    }

    #[test]
    fn names_are_left_out_the_longest_first_and_as_whole_words() {
        let redactor = of(&[("host", "safe"), ("address", "https://safe:8200"), ("ip", "10.0.0.1")]);
        assert_eq!(redactor.redact("no way to https://safe:8200 (10.0.0.1)"), "no way to <address> (<ip>)");
        let redactor = of(&[("host", "safe")]);
        assert_eq!(redactor.redact("a safe place, not safes"), "a <host> place, not safes");
    }

    #[test]
    fn paths_of_files_are_left_out_whoever_names_them() {
        let redactor = of(&[]);
        let text =
            "/home/jo/token, which `token_file` names, is in /home/jo/x: chmod it (/v1/sys/health, 3/4)";
        let left = "<path>, which `token_file` names, is in <path>: chmod it (/v1/sys/health, 3/4)";
        assert_eq!(redactor.redact(text), left);
        assert_eq!(redactor.redact("unix:///run/corp/agent.sock"), "unix://<path>");
    }

    #[test]
    fn what_tells_nothing_stays() {
        let redactor = of(&[
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
            prop_assert_eq!(of(&[("host", "db-7.corp.example")]).redact(&text), format!("{before}<host>{after}"));
        }
    }
}
