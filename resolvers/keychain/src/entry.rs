//! An entry, as a person is told of it.

use secretref_protocol::{Failure, Listed, Name};

use crate::locator::Locator;

/// What there is of an entry once it is deleted, as a person is told.
pub(crate) const NOTHING_KEPT: &str = "nothing of it is kept";

/// An entry as a line of `list`: the id that leads to it, or, where none can be written so, a text that is none.
pub(crate) fn listed(default: &str, service: &str, account: &str) -> Listed {
    let id = if account.contains('/') {
        format!("{service} {account}")
    } else if service == default {
        account.to_owned()
    } else {
        format!("{service}/{account}")
    };
    let others = (service != default).then(|| ("service".into(), service.into()));
    Listed {
        id,
        name: Name {
            name: account.into(),
            others: others.into_iter().collect(),
            is_entry: true,
            ..Name::default()
        },
    }
}

/// Somebody else was there between the read and the write.
pub(crate) fn changed(locator: &Locator) -> Failure {
    Failure::invalid_value(
        format!("{locator} was changed by somebody else meanwhile, and nothing was written"),
        "see who else writes there, and do it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_entry_leads_back_to_it() {
        for (service, account, want) in [
            ("openclaw", "openai", "openai"),
            ("github.com", "me", "github.com/me"),
            ("https://x.example/v1", "me", "https://x.example/v1/me"),
        ] {
            let listed = listed("openclaw", service, account);
            assert_eq!(listed.id, want);
            let of = |name: &Name| Locator::from_name(name, "openclaw").unwrap().0;
            assert_eq!(of(&listed.name), of(&Name { name: want.into(), ..Name::default() }));
        }
        assert_eq!(listed("openclaw", "s", "a/b").id, "s a/b");
    }
}
