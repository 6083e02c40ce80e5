//! Chooses the source of credentials: by `auth`, else the first of AWS's order that there is.
//!
//! A profile that is named, or a source that is set and incomplete, is an error: no other credentials replace it.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use std::sync::Arc;

use secretref_protocol::{Failure, Settings, Source as Place};

use crate::machine::{container, environment, instance};
use crate::profile::Profiles;
use crate::profile_files::{Profile, ProfileFiles};
use crate::region;
use crate::settings::{
    AWS_CREDENTIALS_FILE, AWS_METADATA_DISABLED, AWS_PROFILE, CONTAINER_CREDENTIALS_URI, CREDENTIAL_PROCESS,
    EXTERNAL_ID, ROLE_ARN, ROLE_SESSION_NAME, WEB_IDENTITY_ROLE_ARN, WEB_IDENTITY_TOKEN_FILE,
};
use crate::source::{AssumedRole, Process, Source, WebIdentity};

/// Returns the source of the way `auth`, and the role that the settings put on top of it.
pub(crate) fn source(
    settings: &Settings,
    files: &ProfileFiles,
    auth: Option<&str>,
) -> Result<Source, Failure> {
    let base = match auth {
        None => first(settings, files, true)?,
        Some("environment") => {
            environment(settings)?.ok_or_else(|| absent("AWS_ACCESS_KEY_ID is not set"))?
        }
        Some("profile") => named(settings, files)?,
        Some("sso") => match named(settings, files)? {
            found if found.uses_sso() => found,
            _ => return Err(not_of("sso", "has no sso_account_id and sso_role_name", files)),
        },
        Some("web_identity") => match web_identity(settings)? {
            Some(found) => found,
            None => match named(settings, files)? {
                found @ Source::WebIdentity(_) => found,
                _ => return Err(not_of("web_identity", "has no web_identity_token_file", files)),
            },
        },
        Some("container") => container(settings)?
            .ok_or_else(|| absent(&format!("`{}` is not set", CONTAINER_CREDENTIALS_URI.key)))?,
        Some("instance") => instance(settings, Vec::new())?,
        Some("process") => process(settings, files)?,
        Some(_) => return Err(Failure::internal("an unknown way to sign in")),
    };
    // The role of a web identity is used already.
    let is_used = matches!(base, Source::WebIdentity(_)) && settings.text(&WEB_IDENTITY_ROLE_ARN).is_none();
    match settings.text(&ROLE_ARN).filter(|_| !is_used) {
        None => Ok(base),
        Some(role) => assumed(settings, region::role(role, ROLE_ARN.key)?, Arc::new(base)).map(Source::Role),
    }
}

/// Returns the first source that needs no service of AWS: for a store that only uses AWS to sign in.
pub(crate) fn at_hand(settings: &Settings, files: &ProfileFiles) -> Result<Source, Failure> {
    match first(settings, files, false)? {
        found @ (Source::Keys { .. } | Source::Container(_) | Source::Instance(_)) => Ok(found),
        found => Err(Failure::misconfigured(
            format!("the credentials are those of {}, which this sign-in does not support", found.origin()),
            "use an access key, or the role of this container or instance",
        )),
    }
}

/// Fails if a flag or the resolver's profile sets something that `auth` does not use: the run would read with other
/// credentials than its author meant.
pub(crate) fn check(settings: &Settings, auth: Option<&str>) -> Result<(), Failure> {
    let written = |key: &str| settings.written().contains(&key);
    let idle = USES.iter().find(|(key, ways)| {
        written(key) && !auth.map_or(*key != CREDENTIAL_PROCESS.key, |auth| ways.contains(&auth))
    });
    match (idle, auth) {
        (None, _) => Ok(()),
        (Some((key, ways)), None) => Err(Failure::misconfigured(
            format!("`{key}` is set, and `auth` is not"),
            format!("set `auth` to {}", ways.join(" or ")),
        )),
        (Some((key, _)), Some(auth)) => Err(Failure::misconfigured(
            format!("`{key}` is set, which `auth` = {auth} does not use"),
            "remove one of them",
        )),
    }
}

/// The settings that only some ways to sign in use.
const USES: [(&str, &[&str]); 6] = [
    (AWS_PROFILE.key, &["profile", "sso", "web_identity", "process"]),
    (AWS_CREDENTIALS_FILE.key, &["profile", "sso", "web_identity", "process"]),
    (WEB_IDENTITY_TOKEN_FILE.key, &["web_identity"]),
    (WEB_IDENTITY_ROLE_ARN.key, &["web_identity"]),
    (CONTAINER_CREDENTIALS_URI.key, &["container", "profile"]),
    (CREDENTIAL_PROCESS.key, &["process"]),
];

/// Returns a role on top of a source, with what the settings say of roles.
fn assumed(settings: &Settings, role: String, base: Arc<Source>) -> Result<AssumedRole, Failure> {
    Ok(AssumedRole {
        role,
        external_id: settings.text(&EXTERNAL_ID).map(str::to_owned),
        session_name: session_name(settings)?,
        duration: None,
        base,
    })
}

/// Returns the name of the session of a role, if the settings give one.
pub(crate) fn session_name(settings: &Settings) -> Result<Option<String>, Failure> {
    let called = settings.called(&ROLE_SESSION_NAME);
    settings.text(&ROLE_SESSION_NAME).map(|name| region::session_name(name, called)).transpose()
}

/// Environment, profile, web identity, container, instance; but a profile that a flag or the resolver's profile names comes
/// first.
/// With `has_roles` there are settings of web identities.
fn first(settings: &Settings, files: &ProfileFiles, has_roles: bool) -> Result<Source, Failure> {
    let is_written = [settings.source(&AWS_PROFILE), settings.source(&AWS_CREDENTIALS_FILE)]
        .contains(&Some(Place::Written));
    if is_written {
        return named(settings, files);
    }
    if let Some(found) = environment(settings)? {
        return Ok(found);
    }
    let mut tried = vec!["AWS_ACCESS_KEY_ID is not set".to_owned()];
    if files.is_named {
        return named(settings, files);
    }
    match files.own() {
        None => tried.push(format!("there is no AWS profile {} in {}", files.profile, files.places())),
        Some(profile) => match resting(settings, files, profile)? {
            Some(found) => return Ok(found),
            None => tried.push(format!("{} has no credentials", profile.origin())),
        },
    }
    if has_roles {
        if let Some(found) = web_identity(settings)? {
            return Ok(found);
        }
        tried.push(format!("`{}` is not set", WEB_IDENTITY_TOKEN_FILE.key));
    }
    if let Some(found) = container(settings)? {
        return Ok(found);
    }
    tried.push(format!("`{}` is not set", CONTAINER_CREDENTIALS_URI.key));
    if settings.is_on(&AWS_METADATA_DISABLED) {
        tried.push(format!("`{}` is set", settings.called(&AWS_METADATA_DISABLED)));
        return Err(none(&tried));
    }
    instance(settings, tried)
}

/// Returns the failure if nothing served.
pub(crate) fn none(tried: &[String]) -> Failure {
    Failure::misconfigured(
        format!("there are no AWS credentials: {}", tried.join("; ")),
        "set `aws_profile` to a profile of ~/.aws, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with a profile: list them in \
         `env`), or give this machine a role",
    )
}

/// The profile that is used, which must have credentials.
fn named(settings: &Settings, files: &ProfileFiles) -> Result<Source, Failure> {
    let profile = files.own().ok_or_else(|| files.missing(&files.profile))?;
    let found = resting(settings, files, profile)?;
    found.ok_or_else(|| {
        Failure::misconfigured(
            format!("{} has no credentials", profile.origin()),
            "add an access key, SSO or a role to it, or set `aws_profile` to another one",
        )
    })
}

/// What a profile says, without a program.
fn resting(
    settings: &Settings,
    files: &ProfileFiles,
    profile: Profile<'_>,
) -> Result<Option<Source>, Failure> {
    Profiles { machine: settings, files, may_run: false }.source(profile)
}

fn web_identity(settings: &Settings) -> Result<Option<Source>, Failure> {
    let Some(path) = settings.path(&WEB_IDENTITY_TOKEN_FILE)? else { return Ok(None) };
    let role =
        settings.text(&WEB_IDENTITY_ROLE_ARN).map(|role| (role, settings.called(&WEB_IDENTITY_ROLE_ARN)));
    let role = role.or_else(|| settings.text(&ROLE_ARN).map(|role| (role, ROLE_ARN.key)));
    let (role, called) = role.ok_or_else(|| {
        let what =
            format!("`{}` is set, and the role of the web identity is not", WEB_IDENTITY_TOKEN_FILE.key);
        Failure::misconfigured(what, format!("set `{}`", ROLE_ARN.key))
    })?;
    Ok(Some(Source::WebIdentity(WebIdentity {
        role: region::role(role, called)?,
        session_name: session_name(settings)?,
        token: settings.read_secret(&path, settings.called(&WEB_IDENTITY_TOKEN_FILE))?,
        origin: path.display().to_string(),
    })))
}

/// The program of the setting, else that of the profile.
fn process(settings: &Settings, files: &ProfileFiles) -> Result<Source, Failure> {
    if let Some(command) = settings.text(&CREDENTIAL_PROCESS) {
        return Process::parse(command, format!("`{}`", CREDENTIAL_PROCESS.key)).map(Source::Process);
    }
    let profile = files.own().ok_or_else(|| files.missing(&files.profile))?;
    let profiles = Profiles { machine: settings, files, may_run: true };
    match profiles.source(profile)? {
        Some(found) if found.runs_a_program() => Ok(found),
        _ => Err(not_of("process", "has no credential_process", files)),
    }
}

fn absent(why: &str) -> Failure {
    none(&[why.to_owned()])
}

fn not_of(way: &str, why: &str, files: &ProfileFiles) -> Failure {
    Failure::misconfigured(
        format!("the AWS profile {} {why}, and `auth` is {way}", files.profile),
        "correct the profile, set `aws_profile` to another one, or remove `auth`",
    )
}

impl Source {
    fn uses_sso(&self) -> bool {
        match self {
            Self::Sso(_) => true,
            Self::Role(role) => role.base.uses_sso(),
            _ => false,
        }
    }

    fn runs_a_program(&self) -> bool {
        match self {
            Self::Process(_) => true,
            Self::Role(role) => role.base.runs_a_program(),
            _ => false,
        }
    }
}

#[cfg(not(feature = "roles"))]
impl Process {
    pub(crate) fn parse(_: &str, origin: String) -> Result<Self, Failure> {
        Err(Failure::misconfigured(
            format!("the command of {origin} is not run by this sign-in"),
            "use an access key",
        ))
    }
}

#[cfg(feature = "roles")]
impl Process {
    /// Splits a command as a shell does, and expands nothing.
    pub(crate) fn parse(command: &str, origin: String) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::misconfigured(
                format!("the command of {origin} {why}"),
                "write it as credential_process of AWS: the absolute path of a program, and its arguments",
            )
        };
        let mut words =
            shlex::split(command).ok_or_else(|| wrong("has a quote that is not closed"))?.into_iter();
        let program = words.next().map(std::path::PathBuf::from).filter(|program| program.is_absolute());
        let program = program.ok_or_else(|| wrong("has no absolute path"))?;
        Ok(Self { program, arguments: words.collect(), command: command.to_owned(), origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_an_absolute_path() {
        let parse = |command| Process::parse(command, "here".into());
        let found = parse("/usr/bin/get 'a b' \"c\\\"d\" $HOME").unwrap();
        assert_eq!(found.arguments, ["a b", "c\"d", "$HOME"]);
        for command in ["get", "", "./get", "/usr/bin/get 'a"] {
            assert!(parse(command).is_err(), "{command}");
        }
    }
}
