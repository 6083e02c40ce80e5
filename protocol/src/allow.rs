//! `allow = ["providers/**"]`: which ids a profile allows.

use std::path::Path;

use crate::failure::{Failure, Kind};
use crate::id::Id;

/// Lists of patterns. In each list, one must match an id. Without a list every id is allowed, with an empty list none is.
///
/// `*` matches any characters but `/` and `:`, and `**` matches any characters but `:`, so a pattern has to contain the
/// mount that it allows. Every other character matches itself.
#[derive(Debug, Clone, Default)]
pub struct Allow(Vec<List>);

/// One list, with the words for it in a message.
#[derive(Debug, Clone)]
struct List {
    patterns: Vec<String>,
    called: String,
    /// What else a person can do about an id that it does not allow.
    hint: &'static str,
}

impl Allow {
    /// Takes the patterns that the profile lists.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(vec![List { patterns, called: "`allow`".to_owned(), hint: FROM_CONFIG }])
    }

    /// Adds the patterns of the profile's base.
    #[must_use]
    pub(crate) fn and_of_base(mut self, patterns: Vec<String>, base: &Path) -> Self {
        self.0.push(List { patterns, called: format!("`allow` in the base {}", base.display()), hint: "" });
        self
    }

    /// Whether each list has a pattern that matches this id and begins with `beginning`, to the letter: then the profile names
    /// it, and does not only match it. Another pattern that begins so says nothing about this id.
    #[must_use]
    pub fn names(&self, beginning: &str, id: &str) -> bool {
        self.all(|pattern| pattern.starts_with(beginning) && matches(pattern, id))
    }

    /// Whether each list has a pattern that begins with `beginning`, to the letter: then some ids with this beginning may be
    /// resolved.
    #[must_use]
    pub fn begins(&self, beginning: &str) -> bool {
        self.all(|pattern| pattern.starts_with(beginning))
    }

    /// Whether there is a list, and each has such a pattern.
    fn all(&self, is_such: impl Fn(&str) -> bool) -> bool {
        let has = |list: &List| list.patterns.iter().any(|pattern| is_such(pattern));
        !self.0.is_empty() && self.0.iter().all(has)
    }

    /// Checks the id as it was requested.
    ///
    /// # Errors
    /// `NOT_ALLOWED` if no pattern matches. The remedy has a pattern that would, if one is close.
    pub fn check(&self, id: &Id) -> Result<(), Failure> {
        self.0.iter().try_for_each(|list| list.check(id))
    }
}

impl List {
    fn check(&self, id: &Id) -> Result<(), Failure> {
        let Self { patterns, called, hint } = self;
        if patterns.iter().any(|pattern| matches(pattern, id.as_str())) {
            return Ok(());
        }
        let no_match = || format!("no pattern of {called} matches the id");
        let (what, remedy) = match nearest(patterns, id.as_str()) {
            _ if patterns.is_empty() => {
                (format!("{called} is an empty list, which allows no id"), format!("{ADD}{hint}"))
            }
            Some((pattern, why)) => (
                no_match(),
                format!("the closest is `{pattern}`, but {why}, if this gateway may have the secret{hint}"),
            ),
            None => (no_match(), format!("{ADD}{hint}")),
        };
        Err(Failure::new(Kind::NotAllowed, what, remedy))
    }
}

const ADD: &str = "add one, if this gateway may have the secret";

/// `install` takes the ids from the gateway's config.
const FROM_CONFIG: &str = ", or run `install --yes --to PROFILE --config openclaw.json` again";

fn matches(pattern: &str, text: &str) -> bool {
    let mut whole = false;
    walk(pattern.as_bytes(), text.as_bytes(), |reachable| whole = reachable[text.len()]);
    whole
}

/// Finds the pattern that matches the longest beginning of a text that no pattern matches. Returns it, why it stops there,
/// and what to write.
fn nearest<'p>(patterns: &'p [String], text: &str) -> Option<(&'p str, String)> {
    let reach = |pattern: &String| {
        let mut reach = 0;
        walk(pattern.as_bytes(), text.as_bytes(), |reachable| {
            reach = reach.max(reachable.iter().rposition(|is_reachable| *is_reachable).unwrap_or(0));
        });
        reach
    };
    // The first, if several reach equally far.
    let pattern = patterns.iter().rev().max_by_key(|pattern| reach(pattern))?;
    let (done, rest) = text.split_at_checked(reach(pattern))?;
    let is_done = matches(pattern, done);
    if let Some(wider) = wider(pattern).find(|wider| matches(wider, text)) {
        return Some((pattern, format!("its * stops at a /: write `{wider}`")));
    }
    let why = match rest.chars().next()? {
        ':' if pattern.contains('*') => {
            "stars stop at a `:`: write the id up to its `:` into a pattern".to_owned()
        }
        '#' if is_done => format!("it allows no field: write `{pattern}#**`"),
        '/' if is_done => format!("it ends before a /: write `{pattern}/**`"),
        _ => return None,
    };
    Some((pattern, why))
}

/// Returns the pattern with one `*` replaced by `**`, for each `*`, and then with all of them replaced.
fn wider(pattern: &str) -> impl Iterator<Item = String> {
    let is_single = |at: usize| !pattern[..at].ends_with('*') && !pattern[at + 1..].starts_with('*');
    let single: Vec<_> = pattern.match_indices('*').map(|(at, _)| at).filter(|at| is_single(*at)).collect();
    let widened = move |stars: &[usize]| {
        let double =
            |(at, c): (usize, char)| if stars.contains(&at) { "**".to_owned() } else { c.to_string() };
        pattern.char_indices().map(double).collect::<String>()
    };
    let one: Vec<_> = single.iter().map(|at| widened(&[*at])).collect();
    one.into_iter().chain([widened(&single)])
}

/// Walks through the pattern and keeps, for each prefix of the text, whether the pattern so far can match it. The time is
/// linear in the length of the pattern, however many stars it has. Calls `see` with this after each part of the pattern.
fn walk(pattern: &[u8], text: &[u8], mut see: impl FnMut(&[bool])) {
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    see(&reachable);
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
        see(&reachable);
        at += if double { 2 } else { 1 };
    }
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
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_refusal_names_the_nearest_pattern_and_why_it_stops() {
        let both = ["slack/**", "providers/*"];
        for (patterns, id, words) in [
            (
                &both[..],
                "providers/openai/apiKey",
                "the closest is `providers/*`, but its * stops at a /: write `providers/**`,",
            ),
            (&["a/*/b/*"], "a/x/b/c/d", "write `a/*/b/**`,"),
            (&["a/*/b/*"], "a/x/y/b/c", "write `a/**/b/*`,"),
            (&["a/*/b/*"], "a/x/y/b/c/d", "write `a/**/b/**`,"),
            (&["providers/**"], "providers/kv:a/b", "stars stop at a `:`"),
            (&["**"], "kv:a/b", "stars stop at a `:`"),
            (&["exact"], "exact#field", "it allows no field: write `exact#**`,"),
            (&["exact"], "exact/field", "it ends before a /: write `exact/**`,"),
            (&both, "exact", ": add one, if"),
            (&both, "provider", ": add one, if"),
            (&["a/*/key"], "a/b/c", ": add one, if"),
            (&["é*"], "e/a", ": add one, if"),
            (&[], "a", "`allow` is an empty list, which allows no id: add one, if"),
        ] {
            let allow = |patterns: Vec<String>| Allow::new(patterns).check(&Id::parse(id).unwrap());
            let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            let told = allow(patterns.clone()).unwrap_err().to_string();
            assert!(told.contains(words), "{patterns:?} {id}: {told}");
            // The hint works as it is written.
            if let Some((_, written)) = told.split_once("write `") {
                allow(vec![written.split('`').next().unwrap().to_owned()]).expect("what the hint says");
            }
        }
    }

    #[test]
    fn no_list_allows_all_and_an_empty_one_none() {
        assert!(Allow::new(Vec::new()).check(&Id::parse("a").unwrap()).is_err());
        assert!(Allow::default().check(&Id::parse("a").unwrap()).is_ok());
        let denied = Allow::new(vec!["b".into()]).check(&Id::parse("a").unwrap());
        assert_eq!(denied.unwrap_err().kind(), Kind::NotAllowed);
    }

    #[test]
    fn a_pattern_names_only_what_it_matches() {
        let allow = Allow::new(["**", "other/one"].map(str::to_owned).into());
        assert!(allow.names("other/", "other/one") && allow.begins("other/"));
        assert!(!allow.names("other/", "other/two"), "matched by a pattern that does not name it");
        assert!(!Allow::default().names("other/", "other/one") && !Allow::default().begins("other/"));
    }

    #[test]
    fn the_list_of_a_base_must_allow_too() {
        let check = |own: &str, base: &str| {
            let allow = Allow::new(vec![own.into()]).and_of_base(vec![base.into()], Path::new("/etc/b.toml"));
            allow.check(&Id::parse("a/b").unwrap()).map_err(|failure| failure.to_string())
        };
        assert_eq!(check("a/*", "**"), Ok(()));
        let own = check("c", "**").unwrap_err();
        assert!(own.starts_with("no pattern of `allow` matches") && own.contains("--config"), "{own}");
        assert!(!check("**", "c").unwrap_err().contains("--config"), "a profile cannot change its base");
        assert!(
            check("**", "c")
                .unwrap_err()
                .starts_with("no pattern of `allow` in the base /etc/b.toml matches")
        );
    }

    proptest! {
        #[test]
        fn two_stars_around_find_a_substring(text in "[a-c/]{0,12}", part in "[a-c/]{0,3}") {
            prop_assert_eq!(matches(&format!("**{part}**"), &text), text.contains(&part));
            prop_assert_eq!(matches("*", &text), !text.contains('/'));
        }
    }
}
