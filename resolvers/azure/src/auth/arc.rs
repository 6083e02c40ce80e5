//! The agent of Azure Arc. It gives a token to a program that can show it a file of the agent's own.
//! <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>

use std::path::Path;

use http::{HeaderValue, header};
use secretref_protocol::net::Response;
use secretref_protocol::{Failure, Secret, file};

use crate::settings::IDENTITY_ENDPOINT;

/// The folder in which the agent writes the files.
const KEYS: &str = "/var/opt/azcmagent/tokens/";

/// The most bytes of such a file.
const LIMIT: usize = 4096;

/// What to do about a file that this user cannot read.
pub(super) const GROUP: &str = "add this user to the group himds: usermod -aG himds USER";

/// The `Authorization` for the challenge in an answer; `None` if it is no challenge of the agent.
pub(super) fn authorization(response: &Response) -> Result<Option<HeaderValue>, Failure> {
    let challenge = response.headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    let Some(path) = challenge.and_then(key) else { return Ok(None) };
    let content = file::read_secret(Path::new(path), IDENTITY_ENDPOINT.key);
    let content = content.map_err(|failure| failure.hint(GROUP))?;
    let wrong = |why: &str| Failure::misconfigured(format!("{path} {why}"), "restart the agent: azcmagent");
    if content.expose().len() > LIMIT {
        return Err(wrong(&format!("has more than {LIMIT} bytes, so it is no key of the agent")));
    }
    let text = Secret::new(["Basic ", content.expose()].concat());
    let value = HeaderValue::try_from(text.expose());
    let mut value = value.map_err(|_| wrong("has several lines, so it is no key of the agent"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The path in a challenge, if it is that of a key, and not of another file that a false agent wants to see.
fn key(challenge: &str) -> Option<&str> {
    let path = challenge.strip_prefix("Basic realm=")?.trim_matches('"');
    let name = path.strip_prefix(KEYS)?.strip_suffix(".key")?;
    (!name.is_empty() && !name.contains('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_the_agent_are_shown_to_it() {
        let path = "/var/opt/azcmagent/tokens/8e0f.key";
        assert_eq!(key(&format!("Basic realm={path}")), Some(path));
        assert_eq!(key(&format!("Basic realm=\"{path}\"")), Some(path));
        for path in [
            "/var/opt/azcmagent/tokens/.key",
            "/var/opt/azcmagent/tokens/../x.key",
            "/var/opt/azcmagent/tokens/a/b.key",
            "/etc/shadow",
            "/etc/x.key",
        ] {
            assert_eq!(key(&format!("Basic realm={path}")), None, "{path}");
        }
        assert_eq!(key(&format!("Bearer realm={path}")), None);
    }
}
