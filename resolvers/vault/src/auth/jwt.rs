//! `auth = "jwt"` and `auth = "kubernetes"`: a JSON web token in a file.

use std::path::PathBuf;

use secretref_protocol::{Failure, Settings, file};

use super::login::{Login, Proof, json};
use super::shape::word;
use crate::settings::{JWT, ROLE};

/// The file in which Kubernetes mounts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Reads the token again at each start, since its issuer replaces it every few minutes.
pub(super) fn login(settings: &Settings, method: &'static str) -> Result<Login, Failure> {
    let role = match method {
        // The mount may have a default role.
        "jwt" => settings.text(&ROLE),
        _ => Some(settings.required(&ROLE)?),
    };
    let none = || settings.no_credential("JWT to sign in with", &JWT);
    let pod = PathBuf::from(SERVICE_ACCOUNT);
    let is_of_pod = method == "kubernetes" && settings.relies_on(&JWT).is_empty();
    let found = match settings.credential(&JWT)? {
        Some(found) => found,
        None if is_of_pod && file::is_there(&pod) => {
            // Kubernetes makes it readable for every process of the pod.
            (file::read_secret(&pod, "jwt_file")?, pod.display().to_string())
        }
        None if is_of_pod => {
            return Err(none().context(format!("this is not a pod (there is no {SERVICE_ACCOUNT})")));
        }
        None => return Err(none()),
    };
    let (jwt, origin) = word(found, "JWT")?;
    let role_member = role.map(|role| ("role", role));
    let body: Vec<_> = role_member.into_iter().chain([("jwt", jwt.expose())]).collect();
    Ok(Login {
        method,
        mount: Login::mount(settings, method)?,
        who: role.unwrap_or_default().to_owned(),
        path: "/login".into(),
        proof: Proof::Body(json(&body)),
        forbidden: if method == "kubernetes" {
            "check that the role is for this service account and its namespace, and that the server may ask the cluster (system:auth-delegator)"
        } else {
            "check the bindings of the role"
        },
        remedy: format!(
            "check `role` and what it is bound to (audience, subject, service account), and that {origin} is fresh"
        ),
        credential: jwt,
    })
}
