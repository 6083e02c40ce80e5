//! What is left out of a text that others are to read.

/// The names that are left out, each with what stands in its place.
pub(super) struct Redactor {
    names: Vec<(&'static str, String)>,
}

impl Redactor {
    /// Leaves out these names, `(what, name)`: each becomes `<what>`. A name that is one of the `words` of this program, or
    /// this machine's own for itself, tells nothing and stays.
    pub(super) fn of(names: impl IntoIterator<Item = (&'static str, String)>, words: &[&str]) -> Self {
        let tells = |name: &str| {
            let is_here =
                name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            !name.is_empty() && !is_here && !words.contains(&name)
        };
        Self { names: names.into_iter().filter(|(_, name)| tells(name)).collect() }
    }

    /// The text without the names, where they stand as words of their own.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let is_start = !redacted.ends_with(|c: char| c.is_ascii_alphanumeric());
            // A name may be the beginning of another.
            let longest = self.names.iter().filter(|(_, name)| is_start && is_word(rest, name));
            if let Some((what, name)) = longest.max_by_key(|(_, name)| name.len()) {
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
        let redactor = of(&[("host", "vault"), ("address", "https://vault:8200"), ("ip", "10.0.0.1")]);
        assert_eq!(redactor.redact("no way to https://vault:8200 (10.0.0.1)"), "no way to <address> (<ip>)");
        assert_eq!(
            redactor.redact("secretref-vault asks vault, not vaults"),
            "secretref-<host> asks <host>, not vaults"
        );
    }

    #[test]
    fn what_tells_nothing_stays() {
        let redactor = of(&[("role", "token"), ("host", "localhost"), ("ip", "127.0.0.1"), ("ip", "")]);
        let text = "a token from http://localhost:8200, 127.0.0.1";
        assert_eq!(redactor.redact(text), text);
    }

    proptest! {
        #[test]
        fn nothing_of_a_name_that_stands_alone_is_left(before in "[ ,.:/é]{0,5}", after in "[ ,.:/é]{0,5}") {
            let text = format!("{before}db-7.corp.example{after}");
            prop_assert_eq!(of(&[("host", "db-7.corp.example")]).redact(&text), format!("{before}<host>{after}"));
        }
    }
}
