//! Sign-in to Entra: a service principal, or an identity of another issuer that Entra trusts.
//!
//! Not with `azure_identity`: its errors have the text of a refusal, but not the codes to tell refusals apart by; it reads
//! the environment by itself; and it needs OpenSSL for a certificate.

use std::sync::Arc;

use http::{HeaderValue, Method, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secretref_protocol::net::{ALLOW_HTTP, Address, Client, Replay, Request, Role, Transport};
use secretref_protocol::session_cache::{LoginError, NewSession};
use secretref_protocol::{Failure, Secret, Settings};

use super::answer;
use super::certificate::Certificate;
use super::identity::Identity;
use crate::cloud::Cloud;
use crate::settings::{AUTHORITY_HOST, CLIENT_ID, CLOUD, TENANT_ID};

/// A sign-in to Entra.
pub(super) struct Entra {
    authority: Arc<Transport>,
    audience: &'static str,
    pub(super) tenant: String,
    pub(super) client: String,
    pub(super) proof: Proof,
}

/// How a client proves who it is.
pub(super) enum Proof {
    /// By its secret, and where that is from.
    Secret(Secret, String),
    /// By a signature with the key of its certificate.
    Certificate(Box<Certificate>),
    /// By the token of another issuer, and the file that has it.
    Assertion(Secret, String),
}

impl Entra {
    pub(super) fn from_settings(
        settings: &Settings,
        client: &Client,
        cloud: &'static Cloud,
        proof: Proof,
    ) -> Result<Self, Failure> {
        let tenant = settings.required(&TENANT_ID)?;
        let client_id = settings.required(&CLIENT_ID)?;
        let is_plain = |text: &str, more: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        if tenant.is_empty() || tenant.starts_with('.') || !is_plain(tenant, b"-.") {
            return Err(Failure::misconfigured(
                format!("`{}` is neither the id nor a domain of a tenant", settings.called(&TENANT_ID)),
                "set it to the directory (tenant) id that the portal shows",
            ));
        }
        if client_id.is_empty() || !is_plain(client_id, b"-") {
            return Err(Failure::misconfigured(
                format!("`{}` is not the id of an application", settings.called(&CLIENT_ID)),
                "set it to the application (client) id that the portal shows",
            ));
        }
        let authority = match settings.text(&AUTHORITY_HOST) {
            Some(url) => Address::parse(settings.called(&AUTHORITY_HOST), url, settings.is_on(&ALLOW_HTTP))?,
            None => Address::parse(CLOUD.key, cloud.authority, false)?,
        };
        Ok(Self {
            authority: client.origin(Role::SignIn, authority)?,
            audience: cloud.audience,
            tenant: tenant.to_owned(),
            client: client_id.to_owned(),
            proof,
        })
    }

    /// The part of a cache key that tells sign-ins apart: where, how and as whom.
    pub(super) fn place(&self) -> String {
        let route = self.authority.route();
        let base = route.address.base();
        format!(
            "{route}\n{base}\n{}\n{}\n{}\n{}",
            route.trust.mark(),
            self.tenant,
            self.client,
            self.method()
        )
    }

    pub(super) fn identity(&self, token: &Secret) -> Identity {
        Identity::new("the service principal", token, Some(&self.client), Some(&self.tenant))
    }

    pub(super) fn credential(&self) -> &[u8] {
        match &self.proof {
            Proof::Secret(secret, _) | Proof::Assertion(secret, _) => secret.expose().as_bytes(),
            Proof::Certificate(certificate) => certificate.credential(),
        }
    }

    /// The method, as in the setting `auth`.
    pub(super) fn method(&self) -> &'static str {
        match &self.proof {
            Proof::Secret(..) => "client_secret",
            Proof::Certificate(_) => "client_certificate",
            Proof::Assertion(..) => "workload_identity",
        }
    }

    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
    pub(super) async fn sign_in(&self) -> Result<NewSession, LoginError> {
        let form = (header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let json = (header::ACCEPT, "application/json");
        let headers = [form, json].map(|(name, value)| (name, HeaderValue::from_static(value)));
        let request = Request::new(Method::POST, self.path())
            .headers(headers)
            .body(self.body()?.expose().as_bytes().to_vec())
            // A token that nobody uses does no harm.
            .replay(Replay::Safe)
            .without_redirects();
        let response = self.authority.send(request).await?;
        answer::read(self, &response, self.authority.route())
    }

    fn path(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.authority.route().address.base(), self.tenant)
    }

    fn body(&self) -> Result<Secret, Failure> {
        let assertion;
        let proof = match &self.proof {
            Proof::Secret(secret, _) => ("client_secret", secret.expose()),
            Proof::Assertion(text, _) => ("client_assertion", text.expose()),
            Proof::Certificate(certificate) => {
                let address = &self.authority.route().address;
                assertion = certificate.assertion(&self.client, &format!("{address}{}", self.path()))?;
                ("client_assertion", assertion.expose())
            }
        };
        let scope = format!("{}/.default", self.audience);
        let mut members =
            vec![("grant_type", "client_credentials"), ("client_id", &self.client), ("scope", &scope), proof];
        if proof.0 == "client_assertion" {
            members.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        }
        Ok(form(&members))
    }
}

/// Everything but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes texts, some of them secret, as a form.
fn form(members: &[(&str, &str)]) -> Secret {
    let length = members.iter().map(|(key, value)| key.len() + 3 * value.len() + 2).sum();
    let mut text = String::with_capacity(length);
    for (key, value) in members {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.extend(utf8_percent_encode(value, ENCODED));
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_into_the_form_to_the_letter() {
        let form = form(&[("client_id", "a-b"), ("client_secret", "a~b.c+d&e=f %é")]);
        assert_eq!(form.expose(), "client_id=a-b&client_secret=a~b.c%2Bd%26e%3Df%20%25%C3%A9");
    }
}
