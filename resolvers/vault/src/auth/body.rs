//! The body of a sign-in: texts in JSON, some of them secret.

use secretref_protocol::Secret;

/// A JSON object of texts.
pub(super) fn json(members: &[(&str, &str)]) -> Secret {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let members: Vec<_> =
        members.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    Secret::new(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        let body = json(&[("role_id", "r\"1"), ("secret_id", "a\\b\n")]);
        let parsed: serde_json::Value = serde_json::from_str(body.expose()).unwrap();
        assert_eq!(parsed, serde_json::json!({"role_id": "r\"1", "secret_id": "a\\b\n"}));
    }
}
