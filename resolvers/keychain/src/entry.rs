//! How an entry is shown to a person.

use secretref_protocol::{Failure, Listed, Name};

use crate::locator::Locator;

/// What `delete` says when nothing is left of an entry.
pub(crate) const NOTHING_KEPT: &str = "nothing of it is kept";

/// Returns an entry as a line of `list`: its id, or, if it cannot have one, a text that is not an id.
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
        state: None,
    }
}

/// The failure if another program changed the entry between the read and the write.
pub(crate) fn changed(locator: &Locator) -> Failure {
    Failure::invalid_value(
        format!("{locator} was changed by another program in the meantime; nothing was written"),
        "check for other programs that write there, then try again",
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
