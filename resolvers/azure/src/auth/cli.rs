//! `auth = "cli"`: the token of the person who has signed in to the Azure CLI, on a laptop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secretref_protocol::program::{self, NoOutput};
use secretref_protocol::session_cache::{LoginError, NewSession};
use secretref_protocol::{Failure, Kind, Run, Secret, Settings};
use serde::Deserialize;

use super::answer::now;
use super::identity::Identity;
use super::is_token;
use crate::settings::{CLI_PATH, TENANT_ID};

/// How long a token is kept if the Azure CLI does not say until when it is valid: versions before 2.54 say it in the time of
/// the machine's zone alone.
const UNKNOWN: Duration = Duration::from_mins(5);

/// The Azure CLI.
pub(super) struct Cli {
    path: PathBuf,
    audience: &'static str,
    tenant: Option<String>,
    home: Option<String>,
    timeout: Duration,
    run: Run,
}

/// <https://learn.microsoft.com/cli/azure/account#az-account-get-access-token>
#[derive(Deserialize)]
struct Printed<'a> {
    #[serde(rename = "accessToken")]
    token: &'a str,
    #[serde(rename = "expires_on")]
    end: Option<u64>,
}

impl Cli {
    pub(super) fn from_settings(settings: &Settings, audience: &'static str) -> Result<Self, Failure> {
        let path = settings.path(&CLI_PATH)?.ok_or_else(|| super::not_set(CLI_PATH.key))?;
        Ok(Self {
            path,
            audience,
            tenant: settings.text(&TENANT_ID).map(str::to_owned),
            home: settings.home().find().ok().map(|home| home.display().to_string()),
            timeout: settings.timeout(),
            run: settings.run().clone(),
        })
    }

    /// The part of a cache key that tells sign-ins apart.
    pub(super) fn place(&self) -> String {
        let (home, tenant) = (self.home.as_deref().unwrap_or_default(), self.tenant.as_deref());
        format!("{}\n{home}\n{}\ncli", self.path.display(), tenant.unwrap_or_default())
    }

    pub(super) fn identity(&self, token: &Secret) -> Identity {
        Identity::new("the user of the Azure CLI", token, None, self.tenant.as_deref())
    }

    pub(super) async fn sign_in(&self) -> Result<NewSession, LoginError> {
        let left = self.timeout.saturating_sub(self.run.elapsed());
        let printed = program::output(&self.path, self.arguments(), self.home.as_deref(), left).await;
        let printed = printed.map_err(|no_output| match no_output {
            NoOutput::NotStarted(why) => self.no_program(why),
            NoOutput::Failed(why) => self.failure(&why),
        })?;
        token(&printed, now()).ok_or_else(|| self.failure("prints no token").into())
    }

    fn arguments(&self) -> Vec<String> {
        let scope = format!("{}/.default", self.audience);
        let mut words = vec!["account", "get-access-token", "--output", "json", "--scope", &scope];
        words.extend(self.tenant.as_deref().map(|tenant| ["--tenant", tenant]).into_iter().flatten());
        words.into_iter().map(str::to_owned).collect()
    }

    fn no_program(&self, why: &str) -> Failure {
        let what = format!("{}, which `{}` names, {why}", self.path.display(), CLI_PATH.key);
        Failure::misconfigured(what, "install the Azure CLI, or set it to the path that `which az` prints")
    }

    /// The failure of the program `az`.
    fn failure(&self, why: &str) -> Failure {
        let path = Path::display(&self.path);
        let tenant = self.tenant.as_ref().map(|tenant| format!(" --tenant {tenant}")).unwrap_or_default();
        Failure::new(
            Kind::Unauthenticated,
            format!("the Azure CLI, {path}, {why}"),
            format!(
                "sign in with az login{tenant}, or see what it says: {path} {}",
                self.arguments().join(" ")
            ),
        )
    }
}

/// The token that the Azure CLI has printed. Pure.
fn token(printed: &Secret, now: Duration) -> Option<NewSession> {
    let printed: Printed<'_> = serde_json::from_str(printed.expose()).ok()?;
    let lasts = printed.end.map_or(UNKNOWN, |end| Duration::from_secs(end).saturating_sub(now));
    let token = Some(printed.token).filter(|token| is_token(token))?;
    Some(NewSession { secret: Secret::new(token.to_owned()), lasts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lasts_as_long_as_the_azure_cli_says() {
        let lasts = |text: &str| {
            let session = token(&Secret::new(text.to_owned()), Duration::from_secs(100));
            session.map(|session| session.lasts.as_secs())
        };
        let new = r#"{"accessToken":"a.b.c","expiresOn":"2026-11-30 12:00:00.000000","expires_on":3700,"tokenType":"Bearer"}"#;
        assert_eq!(lasts(new), Some(3600));
        assert_eq!(lasts(r#"{"accessToken":"a.b.c","expiresOn":"2026-11-30 12:00:00.000000"}"#), Some(300));
        assert_eq!(lasts(r#"{"accessToken":"a.b.c","expires_on":1}"#), Some(0));
        for bad in ["", "Please run 'az login'", r#"{"accessToken":"a b"}"#] {
            assert_eq!(lasts(bad), None, "{bad}");
        }
    }
}
