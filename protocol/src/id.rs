//! The ids that a gateway may ask for.

use crate::failure::Failure;

/// The form of an id, in words for a person.
const GRAMMAR: &str = "an id is 1 to 256 characters of A-Z a-z 0-9 . _ : / # -, starts with a letter or digit, \
                       and has no segment that is . or ..; name anything else through [ids] in a profile";

/// An id that a gateway may ask for: `^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,255}$`, without a segment that is `.` or `..`.
///
/// The rule is the gateway's own, for ids of exec providers (`secrets.providers`). It is checked again here because a
/// person or another program may call a resolver too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id(String);

impl Id {
    /// Parses `text`.
    ///
    /// # Errors
    ///
    /// `INVALID_ID` if it does not have the form of an id.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|first| first.is_ascii_alphanumeric());
        let goes_on_well = bytes.all(|b| b.is_ascii_alphanumeric() || b"._:/#-".contains(&b));
        let stays_inside = text.split('/').all(|segment| segment != "." && segment != "..");
        if starts_well && goes_on_well && stays_inside && text.len() <= 256 {
            Ok(Self(text.to_owned()))
        } else {
            Err(Failure::invalid_id("not a valid id", GRAMMAR))
        }
    }

    /// Returns the id as the gateway sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_grammar_of_the_contract() {
        for good in [
            "a",
            "OPENAI_API_KEY",
            "a//b",
            "arn:aws:x",
            "https://v.vault.azure.net/secrets/n",
            "a#b#3",
            "a/..b",
        ] {
            assert!(Id::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(257);
        for bad in
            ["", ".a", "_a", "/a", "#a", "-a", "a b", "a@b", "a/../b", "a/.", "a\n", "é", long.as_str()]
        {
            assert!(Id::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_as_the_gateway_would_judge_it(text in "\\PC{0,300}|[a-z./#]{0,12}") {
            let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
            let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/#-".contains(c));
            let dots = format!("/{text}/").contains("/./") || format!("/{text}/").contains("/../");
            prop_assert_eq!(Id::parse(&text).is_ok(), first && rest && !dots && text.chars().count() <= 256);
        }
    }
}
