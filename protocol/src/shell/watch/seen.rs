//! What the last run saw behind each reference, and what has changed since. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A reference as it was seen, by provider and id.
pub(super) type Seen = BTreeMap<String, Entry>;

/// What is remembered of a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The mark of its last value.
    mark: Option<String>,
    /// Whether it failed when it was last read.
    failed: bool,
}

/// What has changed since the last run, by provider and id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) rotated: Vec<String>,
    pub(super) recovered: Vec<String>,
    /// Those that fail now, and why.
    pub(super) failed: Vec<(String, Failure)>,
    /// Those that were not seen before.
    pub(super) new: usize,
}

impl Changes {
    /// Whether the gateway has to read its secrets again.
    pub(super) fn need_reload(&self) -> bool {
        !self.rotated.is_empty() || !self.recovered.is_empty()
    }
}

/// Compares what was found with what was seen, and returns what is seen now.
///
/// The mark of a reference that fails is kept: the gateway keeps the last value, too.
pub(super) fn compare(before: &Seen, found: Vec<(String, Result<String, Failure>)>) -> (Seen, Changes) {
    let (mut now, mut changes) = (Seen::new(), Changes::default());
    for (name, mark) in found {
        let old = before.get(&name);
        changes.new += usize::from(old.is_none());
        let entry = match mark {
            Ok(mark) => {
                let (was, had_failed) = old.map_or((None, false), |old| (old.mark.as_ref(), old.failed));
                if was.is_some_and(|was| *was != mark) {
                    changes.rotated.push(name.clone());
                } else if had_failed {
                    changes.recovered.push(name.clone());
                }
                Entry { mark: Some(mark), failed: false }
            }
            Err(failure) => {
                changes.failed.push((name.clone(), failure));
                Entry { mark: old.and_then(|old| old.mark.clone()), failed: true }
            }
        };
        now.insert(name, entry);
    }
    (now, changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_value_and_a_recovery_need_a_reload() {
        let gone = || Err(Failure::not_found("gone", "store it"));
        let found = |mark: &str| Ok(mark.to_owned());
        // Each step: what is found for one reference, and whether it was rotated, recovered, failed or new.
        let steps = [
            (found("1"), "new"),
            (found("1"), ""),
            (found("2"), "rotated"),
            (gone(), "failed"),
            (gone(), "failed"),
            (found("2"), "recovered"),
            (gone(), "failed"),
            (found("3"), "rotated"),
            (found("3"), ""),
        ];
        let mut seen = Seen::new();
        for (at, (mark, want)) in steps.into_iter().enumerate() {
            let (now, changes) = compare(&seen, vec![("vault a/b".into(), mark)]);
            seen = now;
            let words = [
                (changes.new > 0, "new"),
                (!changes.rotated.is_empty(), "rotated"),
                (!changes.recovered.is_empty(), "recovered"),
                (!changes.failed.is_empty(), "failed"),
            ];
            let words: Vec<_> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
            assert_eq!(words.join(" "), want, "step {at}");
            assert_eq!(changes.need_reload(), ["rotated", "recovered"].contains(&want), "step {at}");
        }
        let (now, changes) = compare(&seen, vec![("vault c".into(), gone())]);
        assert_eq!((now.len(), changes.new, changes.failed.len()), (1, 1, 1));
        let (_, changes) = compare(&now, vec![("vault c".into(), found("1"))]);
        assert!(changes.need_reload(), "it failed when it was first seen");
    }
}
