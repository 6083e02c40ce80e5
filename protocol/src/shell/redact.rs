//! What is left out of a text that others are to read.

/// The names that are left out, each with what stands in its place.
pub(super) struct Redactor {
    /// The longest first: a name may be part of another.
    names: Vec<(String, &'static str)>,
}

impl Redactor {
    /// Leaves out these names, `(what, name)`: each becomes `<what>`.
    pub(super) fn of(names: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut names: Vec<_> =
            names.into_iter().filter(|(_, name)| !name.is_empty()).map(|(what, name)| (name, what)).collect();
        names.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
        names.dedup_by(|(a, _), (b, _)| a == b);
        Self { names }
    }

    /// The text without the names, where they stand as words of their own.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        'text: while !rest.is_empty() {
            let is_start = !redacted.ends_with(|c: char| c.is_ascii_alphanumeric());
            for (name, what) in self.names.iter().filter(|_| is_start) {
                if let Some(after) = rest.strip_prefix(name.as_str())
                    && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
                {
                    redacted.push('<');
                    redacted.push_str(what);
                    redacted.push('>');
                    rest = after;
                    continue 'text;
                }
            }
            let mut characters = rest.chars();
            redacted.extend(characters.next());
            rest = characters.as_str();
        }
        redacted
    }
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
