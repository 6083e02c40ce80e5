//! `auth = "userpass"` and `auth = "ldap"`: a user and a password.

use secretref_protocol::{Failure, Settings};

use super::login::{LOCKED, Login, Proof, json};
use super::shape;
use crate::locator::encode;
use crate::settings::{PASSWORD, USERNAME};

/// Reads the user and the password.
pub(super) fn login(settings: &Settings, method: &'static str) -> Result<Login, Failure> {
    let user = settings.required(&USERNAME)?.to_owned();
    if matches!(user.as_str(), "." | "..") || user.contains('/') {
        return Err(Failure::misconfigured("`username` is not a valid user name", "correct it"));
    }
    let found = settings.credential(&PASSWORD)?;
    let found = found.ok_or_else(|| settings.no_credential("password", &PASSWORD))?;
    let (password, origin) = shape::password(found)?;
    Ok(Login {
        method,
        mount: Login::mount(settings, method)?,
        path: format!("/login/{}", encode(&user)),
        who: user,
        proof: Proof::Body(json(&[("password", password.expose())])),
        forbidden: LOCKED,
        remedy: format!("check `username` and the password from {origin}"),
        credential: password,
    })
}
