//! `auth = "cert"`: the client certificate of the connection itself.

use secretref_protocol::net::CLIENT_CERT;
use secretref_protocol::{Failure, Secret, Settings, file};

use super::login::{Login, Proof, json};
use crate::settings::{ADDRESS, ROLE};

/// Reads the role. The connection itself presents the certificate.
pub(super) fn login(settings: &Settings) -> Result<Login, Failure> {
    if !settings.required(&ADDRESS)?.starts_with("https://") {
        return Err(Failure::misconfigured(
            "`auth` = cert needs TLS, and `address` is not https://",
            "write `address` with https://",
        ));
    }
    let path = settings.path(&CLIENT_CERT)?.ok_or_else(|| {
        Failure::misconfigured(
            "`client_cert` is not set",
            "set `client_cert` and `client_key` to the certificate to sign in with",
        )
    })?;
    let certificate = String::from_utf8(file::read(&path, "client_cert")?).unwrap_or_default();
    let role = settings.text(&ROLE);
    Ok(Login {
        method: "cert",
        mount: Login::mount(settings, "cert")?,
        who: role.unwrap_or_default().to_owned(),
        path: "/login".into(),
        credential: Secret::new(certificate),
        proof: Proof::Body(json(&role.map(|role| ("name", role)).into_iter().collect::<Vec<_>>())),
        forbidden: "check which addresses the role allows",
        remedy: format!(
            "check that {} is valid and signed by a certificate that the server has at auth/cert/certs, and `role`",
            path.display()
        ),
    })
}
