//! What is found in a file of the gateway, and whether it can be imported. Pure.

use serde_json::Value;

use crate::secret::Secret;

/// A field or variable that can hold a credential.
pub(super) struct Found {
    /// How a person names it: `models.providers.openai.apiKey`, `OPENAI_API_KEY`.
    pub(super) name: String,
    /// The path from which its id is made.
    pub(super) path: Vec<String>,
    pub(super) content: Content,
    /// The variable that it refers to, if it does.
    pub(super) variable: Option<String>,
    /// Where the plan of the gateway writes the reference; `None` for a variable.
    pub(super) target: Option<PlanTarget>,
}

/// What a field holds.
pub(super) enum Content {
    /// A credential.
    Plain(Secret),
    /// What is probably not a credential, and why not. It is imported if a person names it.
    Doubtful(Secret, &'static str),
    /// A credential in plaintext that cannot be imported, and why not.
    Stays(&'static str),
    /// What is not a credential in plaintext.
    Left(String),
}

/// A target of a plan for `openclaw secrets apply`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlanTarget {
    pub(super) kind: String,
    pub(super) path: Vec<String>,
    /// The agent and the provider of an authentication profile.
    pub(super) profile: Option<(String, String)>,
}

/// Words that the gateway has in place of a model's key if it gets the key in another way.
const MARKERS: [&str; 9] = [
    "apple-fm-local",
    "codex-app-server",
    "custom-local",
    "gcp-vertex-credentials",
    "lmstudio-local",
    "minimax-oauth",
    "ollama-local",
    "openclaw:claude-cli-native-auth",
    "secretref-managed",
];

/// Reads the value of a field: what it holds, and the variable that it refers to. `None` if it is empty.
pub(super) fn content(value: Value) -> Option<(Content, Option<String>)> {
    let left = |why: &str| Some((Content::Left(why.to_owned()), None));
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(of_text(text)),
        Value::Object(members) if members.contains_key("source") && members.contains_key("id") => {
            let text = |key: &str| members.get(key).and_then(Value::as_str);
            let variable = text("id").filter(|_| text("source") == Some("env")).map(str::to_owned);
            Some((Content::Left("is a reference already".to_owned()), variable))
        }
        Value::Object(_) => {
            left("is an object: store it as JSON text with `set`, and add its reference by hand")
        }
        _ => left("is not text"),
    }
}

fn of_text(text: String) -> (Content, Option<String>) {
    let word = text.trim();
    if let Some(variable) = variable(word) {
        return (Content::Left(format!("refers to the variable {variable}")), Some(variable.to_owned()));
    }
    if word.starts_with("secretref-env:") || word.starts_with("oauth:") || MARKERS.contains(&word) {
        return (Content::Left("is a word of the gateway, not a credential".to_owned()), None);
    }
    if has_variable(word) {
        return (Content::Left("has the name of a variable within its text".to_owned()), None);
    }
    (Content::Plain(Secret::new(text)), None)
}

/// Returns the variable that a whole text refers to: `${NAME}` or `$NAME`.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    is_variable(name).then_some(name)
}

/// Whether the gateway puts a variable into a text: it has `${NAME}`, not `$${NAME}`.
fn has_variable(text: &str) -> bool {
    text.match_indices("${").any(|(at, _)| {
        let name = text[at + 2..].split_once('}').map(|(name, _)| name);
        !text[..at].ends_with('$') && name.is_some_and(is_variable)
    })
}

/// Whether a text can be the name of a variable in the gateway's config.
pub(super) fn is_variable(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && text.bytes().all(is_of_name)
}

/// Whether the name of a variable is that of a credential. The endings are those by which the gateway sorts variables.
pub(super) fn is_of_credential(variable: &str) -> bool {
    let endings =
        ["KEY", "TOKEN", "PASSWORD", "PASSPHRASE", "SECRET", "CREDENTIALS", "WEBHOOK_URL", "DATABASE_URL"];
    let name = variable.to_ascii_uppercase();
    !name.ends_with("PUBLIC_KEY") && endings.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_field_holds() {
        for (value, want) in [
            (json!("sk-1"), Some("plain")),
            (json!(" "), None),
            (json!(null), None),
            (json!("${OPENAI_API_KEY}"), Some("refers to the variable OPENAI_API_KEY > OPENAI_API_KEY")),
            (json!("$OPENAI_API_KEY"), Some("refers to the variable OPENAI_API_KEY > OPENAI_API_KEY")),
            (json!("Bearer ${TOKEN}"), Some("has the name of a variable within its text")),
            (json!("pa$${TOKEN}"), Some("plain")),
            (json!("$2b$10$abc"), Some("plain")),
            (json!("ollama-local"), Some("is a word of the gateway, not a credential")),
            (json!(12), Some("is not text")),
            (json!({"source": "exec", "provider": "p", "id": "a"}), Some("is a reference already")),
            (json!({"source": "env", "id": "A"}), Some("is a reference already > A")),
            (json!({"type": "service_account"}), Some("is an object")),
        ] {
            let found = content(value.clone()).map(|(content, variable)| {
                let variable = variable.map(|name| format!(" > {name}")).unwrap_or_default();
                match content {
                    Content::Plain(_) | Content::Doubtful(..) => "plain".to_owned(),
                    Content::Stays(why) => why.to_owned(),
                    Content::Left(why) => format!("{why}{variable}"),
                }
            });
            let is_it = match (&found, want) {
                (Some(found), Some(want)) => found.starts_with(want),
                (found, want) => found.as_deref() == want,
            };
            assert!(is_it, "{value}: {found:?}");
        }
    }

    #[test]
    fn the_name_of_a_variable_says_whether_it_is_a_credential() {
        for (name, want) in [
            ("OPENAI_API_KEY", true),
            ("SLACK_TOKEN", true),
            ("db_password", true),
            ("LOG_LEVEL", false),
            ("AWS_ACCESS_KEY_ID", false),
            ("SSH_PUBLIC_KEY", false),
        ] {
            assert_eq!(is_of_credential(name), want, "{name}");
        }
    }
}
