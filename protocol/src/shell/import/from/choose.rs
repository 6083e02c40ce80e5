//! Which credentials are imported, and the id of each. Pure.

use std::collections::HashSet;

use super::found::{Content, Found};
use super::{Chosen, FromArgs};
use crate::backend::Manage;
use crate::shell::new_id::of_path;

/// Returns the credentials to import, each with an id of its own.
pub(super) fn choose<'f, B: Manage>(found: &'f [Found], args: &FromArgs) -> Vec<Chosen<'f>> {
    let refers = |name: &String| found.iter().any(|other| other.variable.as_ref() == Some(name));
    let mut chosen = Vec::new();
    for (found, id) in found.iter().zip(numbered_ids::<B>(found, &args.prefix)) {
        let value = match &found.content {
            _ if !args.takes(found) => continue,
            Content::Plain(value) => value,
            Content::Doubtful(value, _) if args.names(found) => value,
            // A variable to which a credential field refers is a credential, whatever its name.
            Content::Doubtful(value, _) if found.target.is_none() && refers(&found.name) => value,
            _ => continue,
        };
        chosen.push(Chosen { found, value, id });
    }
    chosen
}

/// Returns an id for each field, whether it is imported or not: so the id of a field does not depend on the fields that a
/// person has chosen.
fn numbered_ids<B: Manage>(found: &[Found], prefix: &str) -> Vec<String> {
    let mut given = HashSet::new();
    let id = |found: &Found| {
        let numbered = (2..).map(|number| format!("-{number}"));
        let ids = std::iter::once(String::new()).chain(numbered).map(|end| {
            let mut path = found.path.clone();
            path.last_mut().into_iter().for_each(|last| last.push_str(&end));
            of_path::<B>(prefix, &path)
        });
        // One without a path takes no reference, and no id.
        let mut ids = ids.take_while(|_| !found.path.is_empty());
        ids.find(|id| given.insert(id.to_lowercase())).unwrap_or_default()
    };
    found.iter().map(id).collect()
}
