//! What is left out of a text that others are to read.

/// The names that are left out, each with what stands in its place.
pub(super) struct Redactor {
    names: Vec<(&'static str, String)>,
}

impl Redactor {
    /// Leaves out these names, `(what, name)`: each becomes `<what>`.
    pub(super) fn of(names: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let names = names.into_iter().filter(|(_, name)| !name.is_empty()).collect();
        Self { names }
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
        Redactor::of(names.iter().map(|(what, name)| (*what, (*name).to_owned())))
    }

    #[test]
    fn names_are_left_out_the_longest_first_and_as_whole_words() {
        let redactor =
            of(&[("host", "vault"), ("address", "https://vault:8200"), ("ip", "10.0.0.1"), ("ip", "")]);
        assert_eq!(redactor.redact("no way to https://vault:8200 (10.0.0.1)"), "no way to <address> (<ip>)");
        assert_eq!(
            redactor.redact("secretref-vault asks vault, not vaults"),
            "secretref-<host> asks <host>, not vaults"
        );
    }

    proptest! {
        #[test]
        fn nothing_of_a_name_that_stands_alone_is_left(before in "[ ,.:/é]{0,5}", after in "[ ,.:/é]{0,5}") {
            let text = format!("{before}db-7.corp.example{after}");
            prop_assert_eq!(of(&[("host", "db-7.corp.example")]).redact(&text), format!("{before}<host>{after}"));
        }
    }
}
