//! The credentials that a machine has by itself: in the environment of the process, and where a container and an instance get
//! theirs. Nothing is asked for yet.

use std::path::{Path, PathBuf};

use secretref_protocol::net::{ALLOW_HTTP, Address};
use secretref_protocol::{Failure, Secret, Settings, file};

use crate::keys::{Keys, Part};
use crate::settings::{
    AWS_ACCESS_KEY_ID, AWS_METADATA, AWS_METADATA_DISABLED, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
    CONTAINER_AUTHORIZATION_TOKEN, CONTAINER_CREDENTIALS_URI,
};
use crate::source::{Container, Instance, Source};

/// What a profile can refer to on this machine.
pub(crate) trait Machine {
    /// The access key of the environment.
    fn environment(&self) -> Result<Option<Source>, Failure>;
    /// The container's credentials.
    fn container(&self) -> Result<Option<Source>, Failure>;
    /// The instance's role; `None` if a setting leaves it out.
    fn instance(&self) -> Result<Option<Source>, Failure>;
    /// The home of the user.
    fn home(&self) -> Result<PathBuf, Failure>;
    /// The secret in a file that `key` of a profile names; `None` if there is no such file.
    fn read(&self, path: &Path, key: &str) -> Result<Option<Secret>, Failure>;
}

impl Machine for Settings {
    fn environment(&self) -> Result<Option<Source>, Failure> {
        environment(self)
    }

    fn container(&self) -> Result<Option<Source>, Failure> {
        container(self)
    }

    fn instance(&self) -> Result<Option<Source>, Failure> {
        if self.is_on(&AWS_METADATA_DISABLED) {
            return Ok(None);
        }
        instance(self, Vec::new()).map(Some)
    }

    fn home(&self) -> Result<PathBuf, Failure> {
        Settings::home(self).find()
    }

    fn read(&self, path: &Path, key: &str) -> Result<Option<Secret>, Failure> {
        file::is_there(path).then(|| self.read_secret(path, key)).transpose()
    }
}

/// The access key of the environment or of systemd's credentials.
pub(crate) fn environment(settings: &Settings) -> Result<Option<Source>, Failure> {
    let Some((id, origin)) = settings.secret(&AWS_ACCESS_KEY_ID)? else { return Ok(None) };
    let (secret, secret_place) = settings.secret(&AWS_SECRET_ACCESS_KEY)?.ok_or_else(|| {
        Failure::misconfigured(
            format!("{origin} is set, but its secret key is not"),
            "set AWS_SECRET_ACCESS_KEY in the same place",
        )
    })?;
    let (token, token_place) = settings.secret(&AWS_SESSION_TOKEN)?.unzip();
    let keys = Keys::new(id.expose().to_owned(), secret, token, None).map_err(|part| {
        part.written(match part {
            Part::Id => &origin,
            Part::Secret => &secret_place,
            Part::Token => token_place.as_deref().unwrap_or(AWS_SESSION_TOKEN.key),
        })
    })?;
    Ok(Some(Source::Keys { keys, origin, secret_place }))
}

/// The address of the agent of ECS, below which relative URIs are.
const ECS: &str = "http://169.254.170.2";

/// The hosts that a container may send its token to without TLS, besides itself: the agents of ECS and EKS.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

pub(crate) fn container(settings: &Settings) -> Result<Option<Source>, Failure> {
    let Some(uri) = settings.text(&CONTAINER_CREDENTIALS_URI) else { return Ok(None) };
    let called = settings.called(&CONTAINER_CREDENTIALS_URI);
    let (origin, path) = split(uri).ok_or_else(|| {
        Failure::misconfigured(
            format!("`{called}` is neither a URL nor a path"),
            "write it as ECS or EKS sets it",
        )
    })?;
    let address = Address::parse_metadata(called, origin, settings.is_on(&ALLOW_HTTP))?;
    if !address.is_secure() && !address.is_loopback() && !AGENTS.contains(&address.host()) {
        return Err(Failure::misconfigured(
            format!("`{called}` names a host that may not give credentials without TLS"),
            "use https, or the address of the agent of ECS or EKS",
        ));
    }
    let authorization = settings.credential(&CONTAINER_AUTHORIZATION_TOKEN)?.map(|(token, _)| token);
    Ok(Some(Source::Container(Container { address, path, authorization })))
}

/// Splits a URI into its origin, and its path and query.
fn split(uri: &str) -> Option<(&str, String)> {
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if uri.starts_with('/') {
        return Some((ECS, uri.to_owned()));
    }
    let host = uri.find("://")? + 3;
    let end = uri[host..].find(['/', '?']).map_or(uri.len(), |at| host + at);
    let path = &uri[end..];
    Some((&uri[..end], if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

pub(crate) fn instance(settings: &Settings, tried: Vec<String>) -> Result<Source, Failure> {
    let address = settings.text(&AWS_METADATA).unwrap_or("http://169.254.169.254");
    let called = settings.called(&AWS_METADATA);
    let address = Address::parse_metadata(called, address, settings.is_on(&ALLOW_HTTP))?;
    Ok(Source::Instance(Instance { address, tried }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_of_a_container_is_a_path_or_a_url() {
        for (uri, origin, path) in [
            ("/v2/credentials/1", ECS, "/v2/credentials/1"),
            ("http://169.254.170.23/v1/credentials", "http://169.254.170.23", "/v1/credentials"),
            ("http://[fd00:ec2::23]/v1?a=b", "http://[fd00:ec2::23]", "/v1?a=b"),
            ("https://x.test", "https://x.test", "/"),
        ] {
            assert_eq!(split(uri), Some((origin, path.to_owned())), "{uri}");
        }
        for uri in ["169.254.170.2/x", "/v2/a b", "/v2\n", "http://x.test/\u{e9}"] {
            assert_eq!(split(uri), None, "{uri}");
        }
    }
}
