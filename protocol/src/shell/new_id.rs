//! Ids for secrets that `import` stores. Pure.

use super::change::Target;
use crate::backend::Manage;
use crate::failure::{Failure, Kind};
use crate::id::Id;
use crate::settings::Settings;

/// Returns the id for a name of a file: the name itself after the prefix, or an id made from it if the store cannot have such
/// a name.
///
/// # Errors
///
/// Fails if the store cannot write it under any id.
pub(super) fn of_name<B: Manage>(
    backend: &B,
    settings: &Settings,
    prefix: &str,
    name: &str,
) -> Result<String, Failure> {
    let id = format!("{prefix}{name}");
    let Err(failure) = Target::to_write(backend, settings, &id) else { return Ok(id) };
    if failure.kind() != Kind::InvalidId || Id::parse(&id).is_err() {
        return Err(failure);
    }
    let made = B::new_id(&segments(id.split(['/', '#'])));
    match Target::to_write(backend, settings, &made) {
        Ok(_) => Ok(made),
        Err(_) if prefix.is_empty() => {
            Err(failure.hint("or put a folder before each name: --prefix openclaw/"))
        }
        Err(_) => Err(failure),
    }
}

/// Returns the id for a new secret with this path, below the prefix.
pub(super) fn of_path<B: Manage>(prefix: &str, path: &[String]) -> String {
    let all = prefix.split('/').chain(path.iter().map(String::as_str));
    B::new_id(&segments(all))
}

/// Returns the parts with only the characters that a segment of an id may have, without those that have none.
fn segments<'t>(parts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let plain = |part: &str| {
        let part = part.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "-");
        part.trim_matches(['.', '_', '-']).to_owned()
    };
    parts.map(plain).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_only_what_an_id_may_have() {
        let parts = ["openclaw", "", "my provider", "openai:default", "..", "X-Api-Key", "é"];
        let want = ["openclaw", "my-provider", "openai-default", "X-Api-Key"];
        assert_eq!(segments(parts.into_iter()), want);
    }
}
