//! `allow = ["providers/**"]`: which ids a profile lets through.

use crate::failure::{Failure, Kind};
use crate::id::Id;

/// Patterns of which an id must match one; without a list every id is allowed, with an empty one none is.
///
/// `*` stands for any characters but `/` and `:`, `**` for any characters but `:`: what a store takes for another mount
/// has to be written. Everything else stands for itself.
#[derive(Debug, Clone, Default)]
pub struct Allow(Option<Vec<String>>);

impl Allow {
    /// The patterns as the profile lists them.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(Some(patterns))
    }

    /// Fails with `NOT_ALLOWED` unless a pattern matches the id as it was asked for.
    pub fn check(&self, id: &Id) -> Result<(), Failure> {
        let allows = |pattern: &String| matches(pattern.as_bytes(), id.as_str().as_bytes());
        if self.0.as_ref().is_none_or(|patterns| patterns.iter().any(allows)) {
            return Ok(());
        }
        Err(Failure::new(
            Kind::NotAllowed,
            "no pattern of `allow` matches the id",
            "add one, if this gateway may have the secret",
        ))
    }
}

/// Keeps, for each prefix of the text, whether the pattern so far can match it: linear in the pattern, whatever its stars.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let star = pattern[at] == b'*';
        let double = star && pattern.get(at + 1) == Some(&b'*');
        let mut next = vec![false; text.len() + 1];
        for position in 0..=text.len() {
            next[position] = if star {
                reachable[position]
                    || (position > 0
                        && next[position - 1]
                        && text[position - 1] != b':'
                        && (double || text[position - 1] != b'/'))
            } else {
                position > 0 && reachable[position - 1] && text[position - 1] == pattern[at]
            };
        }
        reachable = next;
        at += if double { 2 } else { 1 };
    }
    reachable[text.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_star_stops_at_a_slash_and_two_do_not() {
        for (pattern, text, want) in [
            ("providers/**", "providers/openai/apiKey", true),
            ("providers/**", "providers/", true),
            ("providers/**", "other:providers/openai", false),
            ("providers/*", "providers/openai", true),
            ("providers/*", "providers/openai/apiKey", false),
            ("*/apiKey", "openai/apiKey", true),
            ("**/apiKey", "a/b/apiKey", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("providers/**", "providers/kv:admin/password", false),
            ("kv:**", "kv:admin/password", true),
            ("exact", "exact", true),
            ("exact", "exact#field", false),
            ("exact#*", "exact#field", true),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
    }

    #[test]
    fn no_list_allows_all_and_an_empty_one_none() {
        assert!(Allow::new(Vec::new()).check(&Id::parse("a").unwrap()).is_err());
        assert!(Allow::default().check(&Id::parse("a").unwrap()).is_ok());
        let denied = Allow::new(vec!["b".into()]).check(&Id::parse("a").unwrap());
        assert_eq!(denied.unwrap_err().kind(), Kind::NotAllowed);
    }

    proptest! {
        #[test]
        fn two_stars_around_find_a_substring(text in "[a-c/]{0,12}", part in "[a-c/]{0,3}") {
            prop_assert_eq!(matches(format!("**{part}**").as_bytes(), text.as_bytes()), text.contains(&part));
            prop_assert_eq!(matches(b"*", text.as_bytes()), !text.contains('/'));
        }
    }
}
