//! What an AWS profile says of credentials, in the order in which the AWS CLI looks at it.
//!
//! A role comes first, then a web identity, SSO, an access key, and a program. So a profile with SSO and the session keys of an
//! earlier login uses SSO. In a `source_profile`, an access key comes before a role, as in the CLI: a profile can be its own
//! source.

use std::sync::Arc;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use secretref_protocol::{Failure, Secret, hex, shell_word};
use serde::Deserialize;

use crate::keys::Keys;
use crate::machine::Machine;
use crate::profile_files::{Profile, ProfileFiles};
use crate::region::{Region, role, session_name};
use crate::settings::{AWS_METADATA_DISABLED, CONTAINER_CREDENTIALS_URI};
use crate::source::{AssumedRole, Process, Source, Sso, SsoLogin, WebIdentity};

/// The most profiles of one chain of `source_profile`. Each is a role that is assumed with the next.
const LONGEST_CHAIN: usize = 16;

/// The profiles, and whether their programs may run.
pub(crate) struct Profiles<'a, M> {
    pub(crate) machine: &'a M,
    pub(crate) files: &'a ProfileFiles,
    pub(crate) may_run: bool,
}

impl<M: Machine> Profiles<'_, M> {
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
            session_name: session_name_of(profile)?,
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
        if path.len() == LONGEST_CHAIN {
            return Err(wrong(
                profile,
                &format!(
                    "is at the end of more than {LONGEST_CHAIN} profiles that lead to each other by source_profile"
                ),
                "set source_profile to a profile with credentials of its own",
            ));
        }
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
                self.machine.environment()?.ok_or_else(|| missing("AWS_ACCESS_KEY_ID is not set"))
            }
            "EcsContainer" => self
                .machine
                .container()?
                .ok_or_else(|| missing(&format!("`{}` is not set", CONTAINER_CREDENTIALS_URI.key))),
            "Ec2InstanceMetadata" => self
                .machine
                .instance()?
                .ok_or_else(|| missing(&format!("`{}` is set", AWS_METADATA_DISABLED.key))),
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
            Some(rest) => self.machine.home()?.join(rest),
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
            session_name: session_name_of(profile)?,
            token: self.machine.read(&path, "web_identity_token_file")?.ok_or_else(|| {
                let what = format!("has web_identity_token_file = {}, which does not exist", path.display());
                wrong(profile, &what, "check the path")
            })?,
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
        let path = self.machine.home()?.join(format!(".aws/sso/cache/{file_name}.json"));
        let text = self.machine.read(&path, "sso_session")?;
        let text = text.ok_or_else(|| no_login(profile.name, "is not signed in"))?;
        let damaged = || no_login(profile.name, "has a damaged login");
        let login: Login = serde_json::from_str(text.expose()).map_err(|_| damaged())?;
        // It goes into a header.
        if !login.access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(damaged());
        }
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
        format!("run aws sso login --profile {}", shell_word(profile)),
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
    let token = profile.value("aws_session_token").map(|token| Secret::new(token.to_owned()));
    let place = profile.headings();
    let keys = Keys::new(id.to_owned(), Secret::new(secret.to_owned()), token, None);
    Ok(Source::Keys {
        keys: keys.map_err(|part| part.written(&place))?,
        origin: profile.origin(),
        secret_place: format!("aws_secret_access_key in {place}"),
    })
}

fn role_of(profile: Profile<'_>) -> Result<String, Failure> {
    role(profile.value("role_arn").unwrap_or_default(), "role_arn")
        .map_err(|failure| failure.context(profile.origin()))
}

fn session_name_of(profile: Profile<'_>) -> Result<Option<String>, Failure> {
    let name = profile.value("role_session_name").map(|name| session_name(name, "role_session_name"));
    name.transpose().map_err(|failure| failure.context(profile.origin()))
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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// A machine with an access key in the environment, and with a login of the session `corp`.
    struct Kit;

    impl Machine for Kit {
        fn environment(&self) -> Result<Option<Source>, Failure> {
            let keys = Keys::new("AKIAENV".into(), Secret::new("s".into()), None, None);
            Ok(keys.ok().map(|keys| Source::Keys {
                keys,
                origin: "the environment".into(),
                secret_place: String::new(),
            }))
        }

        fn container(&self) -> Result<Option<Source>, Failure> {
            Ok(None)
        }

        fn instance(&self) -> Result<Option<Source>, Failure> {
            Ok(None)
        }

        fn home(&self) -> Result<PathBuf, Failure> {
            Ok("/home/jo".into())
        }

        fn read(&self, path: &Path, _: &str) -> Result<Option<Secret>, Failure> {
            let text = match path.to_str().unwrap() {
                // The SHA-1 of `corp`, as the AWS CLI names it.
                "/home/jo/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json" => {
                    r#"{"accessToken":"login","expiresAt":"2026-11-30T12:00:00Z"}"#
                }
                "/var/token" | "/home/jo/token" => "web",
                _ => return Ok(None),
            };
            Ok(Some(Secret::new(text.to_owned())))
        }
    }

    /// What each kind of source is, in short.
    fn told(source: &Source) -> String {
        match source {
            Source::Keys { keys, .. } => keys.id.clone(),
            Source::WebIdentity(web) => format!("web {} {}", short(&web.role), web.token.expose()),
            Source::Sso(sso) => {
                format!("sso {} {} {} {}", sso.account, sso.role, sso.region, sso.login.is_ok())
            }
            Source::Role(role) => format!("{} by {}", short(&role.role), told(&role.base)),
            Source::Process(process) => format!("program {}", process.program.display()),
            Source::Container(_) => "container".into(),
            Source::Instance(_) => "instance".into(),
        }
    }

    fn short(role: &str) -> &str {
        role.rsplit('/').next().unwrap()
    }

    const CONFIG: &str = "
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://corp.awsapps.com/start
[profile plain]
aws_access_key_id = AKIA1
aws_secret_access_key = s
[profile half]
aws_access_key_id = AKIA1
[profile team]
role_arn = arn:aws:iam::123456789012:role/team
source_profile = plain
[profile deep]
role_arn = arn:aws:iam::123456789012:role/deep
source_profile = team
[profile own]
role_arn = arn:aws:iam::123456789012:role/own
source_profile = own
aws_access_key_id = AKIA2
aws_secret_access_key = s
[profile loop]
role_arn = arn:aws:iam::123456789012:role/loop
source_profile = pool
[profile pool]
role_arn = arn:aws:iam::123456789012:role/pool
source_profile = loop
[profile corp]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
aws_access_key_id = ASIAOLD
aws_secret_access_key = s
aws_session_token = t
[profile of-corp]
role_arn = arn:aws:iam::123456789012:role/of-corp
source_profile = corp
[profile legacy]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = reader
[profile nowhere]
sso_session = absent
sso_account_id = 123456789012
sso_role_name = reader
[profile nobody]
sso_session = corp
sso_role_name = reader
[profile web]
role_arn = arn:aws:iam::123456789012:role/web
web_identity_token_file = /var/token
[profile home]
role_arn = arn:aws:iam::123456789012:role/home
web_identity_token_file = ~/token
[profile gone]
role_arn = arn:aws:iam::123456789012:role/gone
web_identity_token_file = /var/gone
[profile of-web]
role_arn = arn:aws:iam::123456789012:role/of-web
source_profile = web
[profile env]
role_arn = arn:aws:iam::123456789012:role/env
credential_source = Environment
[profile ecs]
role_arn = arn:aws:iam::123456789012:role/ecs
credential_source = EcsContainer
[profile ec2]
role_arn = arn:aws:iam::123456789012:role/ec2
credential_source = Ec2InstanceMetadata
[profile both]
role_arn = arn:aws:iam::123456789012:role/both
source_profile = plain
credential_source = Environment
[profile neither]
role_arn = arn:aws:iam::123456789012:role/neither
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/mfa
source_profile = plain
mfa_serial = arn:aws:iam::123456789012:mfa/jo
[profile absent]
role_arn = arn:aws:iam::123456789012:role/absent
source_profile = not-there
[profile empty-source]
role_arn = arn:aws:iam::123456789012:role/empty
source_profile = region-only
[profile region-only]
region = eu-central-1
[profile program]
credential_process = /usr/bin/get
[profile long]
role_arn = arn:aws:iam::123456789012:role/long
source_profile = plain
duration_seconds = 100
[profile login]
login_session = arn:aws:iam::123456789012:user/jo
";

    #[test]
    fn a_profile_is_read_as_the_aws_cli_reads_it() {
        for (name, want) in [
            ("plain", Ok("AKIA1")),
            ("half", Err("no aws_secret_access_key")),
            ("team", Ok("team by AKIA1")),
            ("deep", Ok("deep by team by AKIA1")),
            ("own", Ok("own by AKIA2")),
            ("loop", Err("leads back to itself")),
            ("corp", Ok("sso 123456789012 reader eu-central-1 true")),
            ("of-corp", Ok("of-corp by sso 123456789012 reader eu-central-1 true")),
            ("legacy", Ok("sso 123456789012 reader us-east-1 false")),
            ("nowhere", Err("there is no such session")),
            ("nobody", Err("no sso_account_id")),
            ("web", Ok("web web web")),
            ("home", Ok("web home web")),
            ("gone", Err("does not exist")),
            ("of-web", Ok("of-web by web web web")),
            ("env", Ok("env by AKIAENV")),
            ("ecs", Err("`container_credentials_uri` is not set")),
            ("ec2", Err("`aws_metadata_disabled` is set")),
            ("both", Err("source_profile and credential_source")),
            ("neither", Err("neither source_profile nor credential_source")),
            ("mfa", Err("second factor")),
            ("absent", Err("there is no AWS profile not-there")),
            ("empty-source", Err("has no credentials")),
            ("region-only", Ok("none")),
            ("program", Err("set `auth` to process")),
            ("long", Err("duration_seconds")),
            ("login", Err("login_session")),
        ] {
            let files = ProfileFiles::of(CONFIG, "", name);
            let found =
                Profiles { machine: &Kit, files: &files, may_run: false }.source(files.own().unwrap());
            let found = found.map(|source| source.map_or("none".into(), |source| told(&source)));
            let found = found.map_err(|failure| failure.to_string());
            match (&found, want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want, "{name}"),
                (Err(said), Err(words)) => assert!(said.contains(words), "{name}: {said}"),
                _ => panic!("{name}: {found:?}, not {want:?}"),
            }
        }
        let files = ProfileFiles::of(CONFIG, "", "program");
        let profiles = Profiles { machine: &Kit, files: &files, may_run: true };
        let found = profiles.source(files.own().unwrap()).unwrap().unwrap();
        assert_eq!(told(&found), "program /usr/bin/get");
    }

    #[test]
    fn a_chain_of_profiles_has_an_end() {
        let role = |number: usize| {
            format!(
                "[profile n{number}]\nrole_arn = arn:aws:iam::123456789012:role/n\nsource_profile = n{}\n",
                number + 1
            )
        };
        let chain = |profiles: usize| {
            let roles: String = (0..profiles).map(role).collect();
            format!("{roles}[profile n{profiles}]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
        };
        for (profiles, is_read) in [(16, true), (17, false), (500, false), (20_000, false)] {
            let files = ProfileFiles::of(&chain(profiles), "", "n0");
            let found =
                Profiles { machine: &Kit, files: &files, may_run: false }.source(files.own().unwrap());
            let said = found.map_or_else(|failure| failure.to_string(), |_| String::new());
            assert_eq!(said.is_empty(), is_read, "{profiles}: {said}");
            assert!(is_read || said.contains("more than 16 profiles"), "{said}");
        }
    }

    #[test]
    fn a_key_that_is_damaged_is_named_by_its_file() {
        let files =
            ProfileFiles::of("", "[team]\naws_access_key_id = AKIA1\naws_secret_access_key = a b\n", "team");
        let found = Profiles { machine: &Kit, files: &files, may_run: false }.source(files.own().unwrap());
        let said = found.err().unwrap().to_string();
        assert!(said.starts_with("a secret access key in [team] of the files has a character"), "{said}");
    }

    #[test]
    fn a_login_is_renewed_by_a_person() {
        let files = ProfileFiles::of(CONFIG, "", "legacy");
        let found = Profiles { machine: &Kit, files: &files, may_run: false }.source(files.own().unwrap());
        let Ok(Some(Source::Sso(sso))) = found else { panic!("no SSO") };
        let said = sso.login.err().unwrap().to_string();
        assert!(said.ends_with("run aws sso login --profile legacy"), "{said}");
    }
}
