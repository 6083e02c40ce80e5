//! AWS's own files, `~/.aws/config` and `~/.aws/credentials`, read with our checks and parsed by the SDK.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

use std::path::{Path, PathBuf};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use futures_util::FutureExt as _;
use secretref_protocol::{Failure, Secret, Setting, Settings, Stage, file};

use crate::region::Region;
use crate::settings::{AWS_CONFIG_FILE, AWS_CREDENTIALS_FILE, AWS_PROFILE};

/// The profiles of AWS's files, and the one that is used.
pub(crate) struct ProfileFiles {
    sections: EnvConfigSections,
    /// The name of the profile.
    pub(crate) profile: String,
    /// Whether a setting names the profile or a file: then no other credentials replace it.
    pub(crate) is_named: bool,
    /// The files, each with whether it is the config file.
    places: Vec<(bool, String)>,
}

/// One profile.
#[derive(Clone, Copy)]
pub(crate) struct Profile<'a> {
    files: &'a ProfileFiles,
    /// Its name.
    pub(crate) name: &'a str,
}

impl ProfileFiles {
    /// Reads the files that the settings name, else those of the user.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        let config = path(settings, &AWS_CONFIG_FILE, ".aws/config")?;
        let credentials = path(settings, &AWS_CREDENTIALS_FILE, ".aws/credentials")?;
        let text = |path: &Option<PathBuf>, setting: &Setting<Path>| match path {
            Some(path) => text(settings, path, setting),
            None => Ok(Secret::new(String::new())),
        };
        let texts = [text(&config, &AWS_CONFIG_FILE)?, text(&credentials, &AWS_CREDENTIALS_FILE)?];
        let places = [(true, config), (false, credentials)];
        let places: Vec<_> = places
            .into_iter()
            .filter_map(|(is_config, path)| Some((is_config, path?.display().to_string())))
            .collect();
        let profile = settings.text(&AWS_PROFILE);
        Ok(Self {
            sections: parsed(&texts).map_err(|why| unreadable(&places, &why))?,
            profile: profile.unwrap_or("default").to_owned(),
            is_named: profile.is_some() || settings.source(&AWS_CREDENTIALS_FILE).is_some(),
            places,
        })
    }

    /// Returns a profile.
    pub(crate) fn profile<'a>(&'a self, name: &'a str) -> Option<Profile<'a>> {
        self.sections.get_profile(name).map(|_| Profile { files: self, name })
    }

    /// Returns the profile that is used, if it exists.
    pub(crate) fn own(&self) -> Option<Profile<'_>> {
        self.profile(&self.profile)
    }

    /// Returns the files, for a message.
    pub(crate) fn places(&self) -> String {
        match self.places[..] {
            [] => "~/.aws".to_owned(),
            _ => self.paths().collect::<Vec<_>>().join(" and "),
        }
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|(_, path)| path.as_str())
    }

    /// Returns the names that are private, each with what it is.
    pub(crate) fn names(&self) -> Vec<(&'static str, String)> {
        let paths = self.paths().map(|path| ("path", path.to_owned()));
        // The usual name is not private.
        let profile = Some(self.profile.clone()).filter(|name| name != "default");
        paths.chain(profile.map(|name| ("aws_profile", name))).collect()
    }

    /// Returns the failure for a profile that does not exist.
    pub(crate) fn missing(&self, name: &str) -> Failure {
        Failure::misconfigured(
            format!("there is no AWS profile {name} in {}", self.places()),
            format!(
                "check its name with `aws configure list-profiles`; its heading is {}",
                self.headings(name)
            ),
        )
    }

    /// Returns the heading of a profile in each of the files, for a message.
    fn headings(&self, name: &str) -> String {
        let of = |(is_config, place): &(bool, String)| match name {
            "default" => format!("[default] of {place}"),
            name if *is_config => format!("[profile {name}] of {place}"),
            name => format!("[{name}] of {place}"),
        };
        match self.places[..] {
            [] if name == "default" => "[default]".to_owned(),
            [] => format!("[profile {name}] in the config file, and [{name}] in the credentials file"),
            // The credentials file comes first, as it counts more.
            _ => self.places.iter().rev().map(of).collect::<Vec<_>>().join(" or "),
        }
    }

    /// Returns the region of a setting, else that of the profile.
    pub(crate) fn region(
        &self,
        settings: &Settings,
        setting: &Setting<str>,
    ) -> Result<Option<Region>, Failure> {
        if let Some(text) = settings.text(setting) {
            return Region::parse(text, settings.called(setting)).map(Some);
        }
        let of_profile = self.own().and_then(|profile| profile.value("region"));
        of_profile.map(|text| Region::parse(text, "region")).transpose()
    }

    /// Says that `ca_bundle` of a profile does not count: certificates are settings of the resolver.
    pub(crate) fn warn_of_bundle(&self, settings: &Settings) {
        if let Some(profile) = self.own().filter(|profile| profile.value("ca_bundle").is_some()) {
            let origin = profile.origin();
            let warning =
                format!("{origin} has ca_bundle, which is not read: set `ca_cert` to the same file");
            settings.run().warn(Stage::Configuration, warning);
        }
    }

    #[cfg(test)]
    pub(crate) fn of(config: &str, credentials: &str, profile: &str) -> Self {
        let texts = [config, credentials].map(|text| Secret::new(text.to_owned()));
        let (profile, places) = (profile.to_owned(), vec![(false, "the files".to_owned())]);
        Self { sections: parsed(&texts).unwrap(), profile, is_named: true, places }
    }
}

impl<'a> Profile<'a> {
    /// Returns a value of the profile; `None` if it is empty.
    pub(crate) fn value(self, key: &str) -> Option<&'a str> {
        let value = self.files.sections.get_profile(self.name)?.get(key)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns another profile of the same files.
    pub(crate) fn sibling(self, name: &'a str) -> Option<Self> {
        self.files.profile(name)
    }

    /// Whether the config file has this `[sso-session NAME]`.
    pub(crate) fn has_sso_session(self, name: &str) -> bool {
        self.files.sections.sso_session(name).is_some()
    }

    /// Returns a value of a `[sso-session NAME]`.
    pub(crate) fn of_sso_session(self, name: &str, key: &str) -> Option<&'a str> {
        let value = self.files.sections.sso_session(name)?.get(key)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Returns the endpoint URL of a service: from the profile's `[services NAME]`, else from the profile.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
    pub(crate) fn endpoint_url(self, service: &str) -> Option<&'a str> {
        if self
            .value("ignore_configured_endpoint_urls")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        {
            return None;
        }
        let of_service = self.value("services").and_then(|name| {
            let key = PropertiesKey::builder().section_key("services").section_name(name);
            let key = key.property_name(service).sub_property_name("endpoint_url").build().ok()?;
            self.files.sections.other_sections().get(&key).map(|value| value.trim())
        });
        of_service.filter(|url| !url.is_empty()).or_else(|| self.value("endpoint_url"))
    }

    /// Returns whether a switch of the profile is on.
    pub(crate) fn is_on(self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns its heading in each of the files, for a message.
    pub(crate) fn headings(self) -> String {
        self.files.headings(self.name)
    }

    /// Returns where it is, for a message.
    pub(crate) fn origin(self) -> String {
        format!("the AWS profile {} of {}", self.name, self.files.places())
    }
}

/// Returns the file that a setting names, else the usual one if it exists.
fn path(settings: &Settings, setting: &Setting<Path>, usual: &str) -> Result<Option<PathBuf>, Failure> {
    let named = settings.path(setting)?;
    Ok(named.or_else(|| settings.in_home(usual).filter(|path| file::is_there(path))))
}

fn text(settings: &Settings, path: &Path, setting: &Setting<Path>) -> Result<Secret, Failure> {
    let bytes = file::read(path, setting.key)?;
    // A config file usually has no keys, and others may read it.
    if setting.key == AWS_CREDENTIALS_FILE.key || has_keys(&bytes) {
        settings.read_private(path, setting.key)?;
    }
    // Editors of Windows begin a file with a mark, which the SDK does not read.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map(Secret::new).map_err(|_| {
        let what = format!("{}, which `{}` names, is not UTF-8", path.display(), setting.key);
        Failure::misconfigured(what, "save it as plain UTF-8")
    })
}

fn has_keys(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"aws_secret_access_key";
    bytes.windows(KEY.len()).any(|window| window.eq_ignore_ascii_case(KEY))
}

/// Parses the texts of the config file and the credentials file. The error says in which line it is, and shows none of it.
fn parsed([config, credentials]: &[Secret; 2]) -> Result<EnvConfigSections, String> {
    let files = EnvConfigFiles::builder()
        .with_contents(EnvConfigFileKind::Config, config.expose())
        .with_contents(EnvConfigFileKind::Credentials, credentials.expose())
        .build();
    // Nothing of this is read from the process: all text is given, and the environment is empty.
    let loaded = source::load(&Env::from_slice(&[]), &Fs::from_slice(&[]), &files).now_or_never();
    let source = loaded.and_then(Result::ok).ok_or_else(|| "cannot be parsed".to_owned())?;
    EnvConfigSections::parse(source).map_err(|error| error.to_string())
}

fn unreadable(places: &[(bool, String)], why: &str) -> Failure {
    let places: Vec<_> = places.iter().map(|(_, path)| path.as_str()).collect();
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::misconfigured(
        format!("{} cannot be used: {}", places.join(" or "), why.trim_start_matches("error parsing ")),
        "correct it: `aws configure list` says whether AWS's own tools can read it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a parser written by hand gets wrong.
    #[test]
    fn the_format_is_that_of_awss_own_tools() {
        let config = "[default] # comment\nregion = eu-central-1 # comment\ns3 =\n  region = no\n  aws_access_key_id = no\n\
                      [profile team]\nregion = us-east-1\nregion = us-west-2\n[team]\nregion = no\n";
        let files = ProfileFiles::of(
            config,
            "[team]\naws_access_key_id = AKIA1 ; comment\nAWS_Secret_Access_Key=a#b\n",
            "team",
        );
        let value = |profile: &'static str, key| files.profile(profile).unwrap().value(key);
        assert_eq!(value("default", "region"), Some("eu-central-1"));
        assert_eq!(value("default", "aws_access_key_id"), None);
        assert_eq!(value("team", "region"), Some("us-west-2"));
        assert_eq!(value("team", "aws_access_key_id"), Some("AKIA1"));
        assert_eq!(value("team", "aws_secret_access_key"), Some("a#b"));
        assert!(files.profile("absent").is_none());
    }

    #[test]
    fn a_heading_is_that_of_its_file() {
        let mut files = ProfileFiles::of("", "", "team");
        assert_eq!(files.headings("team"), "[team] of the files");
        files.places = vec![(true, "/config".into()), (false, "/credentials".into())];
        assert_eq!(files.headings("team"), "[team] of /credentials or [profile team] of /config");
        assert_eq!(files.headings("default"), "[default] of /credentials or [default] of /config");
        files.places = vec![];
        assert_eq!(files.headings("default"), "[default]");
    }

    #[test]
    fn an_endpoint_is_that_of_the_service_before_that_of_the_profile() {
        let config = "[profile a]\nservices = local\nendpoint_url = https://all.test\n[services local]\nsts =\n  endpoint_url = https://sts.test\n\
                      [profile b]\nendpoint_url = https://all.test\nignore_configured_endpoint_urls = true\n";
        let files = ProfileFiles::of(config, "", "a");
        let url = |profile: &'static str, service| files.profile(profile).unwrap().endpoint_url(service);
        assert_eq!(url("a", "sts"), Some("https://sts.test"));
        assert_eq!(url("a", "secrets_manager"), Some("https://all.test"));
        assert_eq!(url("b", "sts"), None);
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_not_shown() {
        let texts = ["", "[a]\nhunter2hunter2\n"].map(|text| Secret::new(text.into()));
        let why = parsed(&texts).unwrap_err();
        let failure = unreadable(&[(true, "/x".into())], &why).to_string();
        assert!(failure.contains("line 2") && !failure.contains("hunter2"), "{failure}");
    }
}
