//! The AWS credentials: from the environment, the shared file, or the instance's role.

use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use secretref_protocol::net::{ALLOW_HTTP, Address, Client, Replay, Request, Response, Role, Transport};
use secretref_protocol::{Failure, Secret, Settings, Source, file};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::settings::{
    AWS_ACCESS_KEY_ID, AWS_CREDENTIALS_FILE, AWS_METADATA, AWS_PROFILE, AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
};

/// AWS credentials.
pub(super) struct Credentials {
    pub(super) key_id: String,
    pub(super) secret_key: Secret,
    pub(super) session_token: Option<Secret>,
}

/// The source of the credentials.
pub(super) enum Origin {
    Found {
        credentials: Credentials,
        origin: String,
    },
    /// The metadata service of an EC2 instance.
    Instance {
        service: Arc<Transport>,
        fetched: OnceCell<Credentials>,
    },
}

impl Origin {
    /// The shared file that a flag or the profile names, else the environment, else the file at its usual place, else the
    /// instance.
    pub(super) fn from_settings(settings: &Settings, client: &Client) -> Result<Self, Failure> {
        let named = settings.path(&AWS_CREDENTIALS_FILE)?;
        let is_nearer = settings.source(&AWS_CREDENTIALS_FILE) == Some(Source::Written);
        if let (Some(path), true) = (&named, is_nearer) {
            return from_file(settings, path);
        }
        if let Some((key_id, origin)) = settings.secret(&AWS_ACCESS_KEY_ID)? {
            let (secret_key, _) = settings.secret(&AWS_SECRET_ACCESS_KEY)?.ok_or_else(|| {
                Failure::misconfigured(
                    format!("{origin} is set, but its secret key is not"),
                    "set AWS_SECRET_ACCESS_KEY in the same place",
                )
            })?;
            let session_token = settings.secret(&AWS_SESSION_TOKEN)?.map(|(token, _)| token);
            let key_id = key_id.expose().to_owned();
            return Ok(Self::Found {
                credentials: Credentials { key_id, secret_key, session_token },
                origin,
            });
        }
        let usual = || settings.in_home(".aws/credentials").filter(|path| file::is_there(path));
        if let Some(path) = named.or_else(usual) {
            return from_file(settings, &path);
        }
        let address = settings.text(&AWS_METADATA).unwrap_or("http://169.254.169.254");
        let address = Address::parse_metadata(AWS_METADATA.key, address, settings.is_on(&ALLOW_HTTP))?;
        let service = client.origin(Role::Metadata, address)?;
        Ok(Self::Instance { service, fetched: OnceCell::new() })
    }

    /// The text that tells sign-ins apart before anything is fetched: the credentials, and the settings that are signed.
    pub(super) fn mark(&self, signed: &[Option<&str>]) -> Secret {
        let own = match self {
            Self::Found { credentials, .. } => [
                credentials.key_id.as_str(),
                credentials.secret_key.expose(),
                credentials.session_token.as_ref().map_or("", Secret::expose),
            ],
            Self::Instance { .. } => ["instance", "", ""],
        };
        let parts: Vec<_> =
            own.into_iter().chain(signed.iter().map(|part| part.unwrap_or_default())).collect();
        Secret::new(parts.join("\n"))
    }

    /// For a message.
    pub(super) fn origin(&self) -> &str {
        match self {
            Self::Found { origin, .. } => origin,
            Self::Instance { .. } => "this instance",
        }
    }

    /// The credentials; those of an instance are fetched.
    pub(super) async fn credentials(&self) -> Result<&Credentials, Failure> {
        match self {
            Self::Found { credentials, .. } => Ok(credentials),
            Self::Instance { service, fetched } => fetched.get_or_try_init(|| from_instance(service)).await,
        }
    }
}

/// One section of the shared file.
/// <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html>
fn from_file(settings: &Settings, path: &Path) -> Result<Origin, Failure> {
    let section = settings.text(&AWS_PROFILE).unwrap_or("default");
    let text = file::read_secret(path, "aws_credentials_file")?;
    let credentials = parse(text.expose(), section).ok_or_else(|| {
        Failure::misconfigured(
            format!("{} has no access key in its section [{section}]", path.display()),
            "set `aws_profile` to a section with aws_access_key_id and aws_secret_access_key",
        )
    })?;
    Ok(Origin::Found { credentials, origin: format!("[{section}] of {}", path.display()) })
}

fn parse(text: &str, section: &str) -> Option<Credentials> {
    let lines = text.lines().map(str::trim);
    let own = lines
        .skip_while(|line| {
            line.strip_prefix('[').and_then(|line| line.strip_suffix(']')).map(str::trim) != Some(section)
        })
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let own: Vec<_> = own.filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| {
        let (_, value) = own.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(key))?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    Some(Credentials {
        key_id: value("aws_access_key_id")?,
        secret_key: Secret::new(value("aws_secret_access_key")?),
        session_token: value("aws_session_token").map(Secret::new),
    })
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
async fn from_instance(service: &Transport) -> Result<Credentials, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Found {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
    }
    let lasting =
        (HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), HeaderValue::from_static("60"));
    let token = metadata(service, Method::PUT, "/latest/api/token", lasting).await?;
    let token = HeaderValue::try_from(token).map_err(|_| none())?;
    let shown = || (HeaderName::from_static("x-aws-ec2-metadata-token"), token.clone());
    let folder = "/latest/meta-data/iam/security-credentials/";
    let roles = metadata(service, Method::GET, folder, shown()).await?;
    let role = roles.lines().next().unwrap_or_default().trim();
    let found = Secret::new(metadata(service, Method::GET, &format!("{folder}{role}"), shown()).await?);
    let found: Found = serde_json::from_str(found.expose()).map_err(|_| none())?;
    Ok(Credentials {
        key_id: found.access_key_id,
        secret_key: Secret::new(found.secret_access_key),
        session_token: found.token.map(Secret::new),
    })
}

async fn metadata(
    service: &Transport,
    method: Method,
    path: &str,
    header: (HeaderName, HeaderValue),
) -> Result<String, Failure> {
    // It may be repeated: a token of this service that is not used does no harm.
    let request = Request::new(method, path).headers([header]).replay(Replay::Safe);
    let response =
        service.send(request).await.ok().filter(|response: &Response| response.status == StatusCode::OK);
    response.and_then(|response| String::from_utf8(response.body).ok()).ok_or_else(none)
}

fn none() -> Failure {
    Failure::misconfigured(
        "there are no AWS credentials: neither in the environment nor in a file, and this machine has no instance role",
        "set `aws_credentials_file`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with a profile: list them in `env`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_of_the_shared_file() {
        let text = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key=abc/+=\n\n[ other ]\n# a comment\nAWS_ACCESS_KEY_ID=AKIA2\n\
                    aws_secret_access_key = x=y\naws_session_token = t\n[empty]\naws_access_key_id = AKIA3\n";
        let from_settings = |section| {
            parse(text, section).map(|found| {
                (
                    found.key_id,
                    found.secret_key.expose().to_owned(),
                    found.session_token.map(|token| token.expose().to_owned()),
                )
            })
        };
        assert_eq!(from_settings("default"), Some(("AKIA1".into(), "abc/+=".into(), None)));
        assert_eq!(from_settings("other"), Some(("AKIA2".into(), "x=y".into(), Some("t".into()))));
        assert_eq!(from_settings("empty"), None);
        assert_eq!(from_settings("absent"), None);
    }
}
