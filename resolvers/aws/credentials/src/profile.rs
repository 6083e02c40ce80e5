//! What an AWS profile says of credentials, in the order in which the AWS CLI looks at it.
//!
//! A role comes first, then a web identity, SSO, an access key, and a program. So a profile with SSO and the session keys of an
//! earlier login uses SSO. In a `source_profile`, an access key comes before a role, as in the CLI: a profile can be its own
//! source.

use std::sync::Arc;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use secretref_protocol::{Failure, Secret, Settings, file, hex};
use serde::Deserialize;

use crate::choose::{container, environment, instance, keys};
use crate::profile_files::{Profile, ProfileFiles};
use crate::region::{Region, role};
use crate::settings::{AWS_METADATA_DISABLED, CONTAINER_CREDENTIALS_URI};
use crate::source::{AssumedRole, Process, Source, Sso, SsoLogin, WebIdentity};

/// The profiles, and whether their programs may run.
pub(crate) struct Profiles<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) files: &'a ProfileFiles,
    pub(crate) may_run: bool,
}

impl Profiles<'_> {
    /// Returns the source of a profile's credentials; `None` if it says nothing of credentials.
    pub(crate) fn source(&self, profile: Profile<'_>) -> Result<Option<Source>, Failure> {
        self.decide(profile, &mut Vec::new())
    }

    /// `path` are the profiles that lead here by `source_profile`.
    fn decide<'p>(&self, profile: Profile<'p>, path: &mut Vec<&'p str>) -> Result<Option<Source>, Failure> {
        let is_source = !path.is_empty();
        let has_role = profile.value("role_arn").is_some();
        if has_role && profile.value("web_identity_token_file").is_some() {
            return self.web_identity(profile).map(Some);
        }
        if has_role && !(is_source && has_keys(profile)) {
            return self.assumed(profile, path).map(Some);
        }
        if profile.value("sso_account_id").is_some() || profile.value("sso_role_name").is_some() {
            return self.sso(profile).map(Some);
        }
        if has_keys(profile) {
            return access_key(profile).map(Some);
        }
        self.process(profile)
    }

    fn assumed<'p>(&self, profile: Profile<'p>, path: &mut Vec<&'p str>) -> Result<Source, Failure> {
        if profile.value("mfa_serial").is_some() {
            return Err(wrong(
                profile,
                "requires a second factor (mfa_serial), which only a person can give",
                "use a role that a machine may assume without one",
            ));
        }
        let base = match (profile.value("source_profile"), profile.value("credential_source")) {
            (Some(name), None) => self.source_profile(profile, name, path)?,
            (None, Some(name)) => self.credential_source(profile, name)?,
            (None, None) => {
                return Err(wrong(
                    profile,
                    "has role_arn, and neither source_profile nor credential_source",
                    "add the one that says with which credentials the role is assumed",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(wrong(profile, "has source_profile and credential_source", "remove one of them"));
            }
        };
        let text = |key| profile.value(key).map(str::to_owned);
        Ok(Source::Role(AssumedRole {
            role: role_of(profile)?,
            external_id: text("external_id"),
            session_name: text("role_session_name"),
            duration: profile.value("duration_seconds").map(|text| duration(profile, text)).transpose()?,
            base: Arc::new(base),
        }))
    }

    fn source_profile<'p>(
        &self,
        profile: Profile<'p>,
        name: &'p str,
        path: &mut Vec<&'p str>,
    ) -> Result<Source, Failure> {
        let source = self.files_profile(profile, name)?;
        path.push(profile.name);
        // A profile may be its own source if it has an access key.
        let is_loop = path.contains(&name) && !(name == profile.name && has_keys(profile));
        if is_loop {
            return Err(wrong(
                profile,
                "leads back to itself by source_profile",
                "end the chain with a profile that has credentials of its own",
            ));
        }
        self.decide(source, path)?.ok_or_else(|| {
            wrong(
                source,
                "is a source_profile, and has no credentials",
                "add an access key, SSO or a web identity to it",
            )
        })
    }

    fn files_profile<'p>(&self, profile: Profile<'p>, name: &'p str) -> Result<Profile<'p>, Failure> {
        profile.sibling(name).ok_or_else(|| self.files.missing(name).context(profile.origin()))
    }

    fn credential_source(&self, profile: Profile<'_>, name: &str) -> Result<Source, Failure> {
        let missing = |what: &str| {
            wrong(
                profile,
                &format!("has credential_source = {name}, and {what}"),
                "check the environment of this process",
            )
        };
        match name {
            "Environment" => {
                environment(self.settings)?.ok_or_else(|| missing("AWS_ACCESS_KEY_ID is not set"))
            }
            "EcsContainer" => container(self.settings)?
                .ok_or_else(|| missing(&format!("`{}` is not set", CONTAINER_CREDENTIALS_URI.key))),
            "Ec2InstanceMetadata" if self.settings.is_on(&AWS_METADATA_DISABLED) => {
                Err(missing(&format!("`{}` is set", self.settings.called(&AWS_METADATA_DISABLED))))
            }
            "Ec2InstanceMetadata" => instance(self.settings, Vec::new()),
            _ => Err(wrong(
                profile,
                "has a credential_source that AWS does not know",
                "set it to Environment, Ec2InstanceMetadata or EcsContainer",
            )),
        }
    }

    fn web_identity(&self, profile: Profile<'_>) -> Result<Source, Failure> {
        let written = profile.value("web_identity_token_file").unwrap_or_default();
        let path = match written.strip_prefix("~/") {
            Some(rest) => self.settings.home().find()?.join(rest),
            None => written.into(),
        };
        if !path.is_absolute() {
            return Err(wrong(
                profile,
                "has a web_identity_token_file without an absolute path",
                "write the whole path",
            ));
        }
        Ok(Source::WebIdentity(WebIdentity {
            role: role_of(profile)?,
            session_name: profile.value("role_session_name").map(str::to_owned),
            token: self.settings.read_secret(&path, "web_identity_token_file")?,
            origin: profile.origin(),
        }))
    }

    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>
    fn sso(&self, profile: Profile<'_>) -> Result<Source, Failure> {
        let missing = |key: &str| {
            wrong(
                profile,
                &format!("has no {key} for its SSO"),
                "run `aws configure sso` for it, or add the line",
            )
        };
        let session = profile.value("sso_session");
        if let Some(name) = session.filter(|name| !profile.has_sso_session(name)) {
            return Err(wrong(
                profile,
                &format!("has sso_session = {name}, and there is no such session"),
                "add [sso-session NAME] to the config file, as `aws configure sso` does",
            ));
        }
        let of_session = |key: &str| session.and_then(|name| profile.of_sso_session(name, key));
        let value = |key: &str| of_session(key).or_else(|| profile.value(key));
        let required = |key: &str| value(key).map(str::to_owned).ok_or_else(|| missing(key));
        let start_url = required("sso_start_url")?;
        let region = Region::parse(&required("sso_region")?, "sso_region")?.to_string();
        Ok(Source::Sso(Sso {
            profile: profile.name.to_owned(),
            account: required("sso_account_id")?,
            role: required("sso_role_name")?,
            region,
            login: self.login(profile, session.unwrap_or(&start_url)),
            start_url,
        }))
    }

    /// Reads what `aws sso login` has left. `name` is that of the session, or the start URL of a profile without one.
    fn login(&self, profile: Profile<'_>, name: &str) -> Result<SsoLogin, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Login {
            access_token: String,
            expires_at: String,
        }
        let file_name = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes()).as_ref());
        let path = self.settings.home().find()?.join(format!(".aws/sso/cache/{file_name}.json"));
        if !file::is_there(&path) {
            return Err(no_login(profile.name, "is not signed in"));
        }
        let text = self.settings.read_secret(&path, "sso_session")?;
        let login: Login =
            serde_json::from_str(text.expose()).map_err(|_| no_login(profile.name, "has a damaged login"))?;
        Ok(SsoLogin { token: Secret::new(login.access_token), expires: login.expires_at })
    }

    fn process(&self, profile: Profile<'_>) -> Result<Option<Source>, Failure> {
        match profile.value("credential_process") {
            Some(command) if self.may_run => {
                let origin = format!("credential_process in {}", profile.origin());
                Process::parse(command, origin).map(|process| Some(Source::Process(process)))
            }
            Some(_) => Err(wrong(
                profile,
                "gets its credentials from a program (credential_process)",
                "set `auth` to process, so that a resolve may run it",
            )),
            None if profile.value("login_session").is_some() => Err(wrong(
                profile,
                "has login_session, which is not supported",
                "use SSO, a role or an access key, or `auth` = process with `aws configure export-credentials --format process`",
            )),
            None => Ok(None),
        }
    }
}

/// Returns the failure for a profile whose SSO needs a person.
pub(crate) fn no_login(profile: &str, why: &str) -> Failure {
    Failure::new(
        secretref_protocol::Kind::Unauthenticated,
        format!("the SSO of the AWS profile {profile} {why}"),
        format!("run aws sso login --profile {profile}"),
    )
}

fn has_keys(profile: Profile<'_>) -> bool {
    profile.value("aws_access_key_id").is_some()
}

fn access_key(profile: Profile<'_>) -> Result<Source, Failure> {
    let (Some(id), Some(secret)) =
        (profile.value("aws_access_key_id"), profile.value("aws_secret_access_key"))
    else {
        return Err(wrong(
            profile,
            "has aws_access_key_id, and no aws_secret_access_key",
            "add it in the same place",
        ));
    };
    Ok(Source::Keys { keys: keys(id, secret, profile.value("aws_session_token")), origin: profile.origin() })
}

fn role_of(profile: Profile<'_>) -> Result<String, Failure> {
    role(profile.value("role_arn").unwrap_or_default(), "role_arn")
        .map_err(|failure| failure.context(profile.origin()))
}

fn duration(profile: Profile<'_>, text: &str) -> Result<i32, Failure> {
    let seconds = text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds));
    seconds.ok_or_else(|| {
        wrong(profile, "has a duration_seconds that AWS does not accept", "set it to 900 to 43200")
    })
}

fn wrong(profile: Profile<'_>, why: &str, remedy: &str) -> Failure {
    Failure::misconfigured(format!("{} {why}", profile.origin()), remedy)
}
