//! The location of a secret: region, role, name or ARN, and version.

use std::fmt;

use secretref_aws_credentials::{Region, role};
use secretref_protocol::{Failure, Field, Kind, Name};

use crate::arn::{Arn, secret_name};

/// One version of one secret. Pure: it sends nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Locator {
    pub(crate) scope: Scope,
    pub(crate) secret: SecretId,
    pub(crate) version: Version,
    /// Whether the secret must be in the account of the credentials: neither `allow` nor `[ids]` names another.
    pub(crate) own_account: bool,
}

/// What shares one session: a region, and the role to assume for it if it is not that of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) region: Region,
    pub(crate) role_arn: Option<String>,
}

/// The name of a secret for Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SecretId {
    Name(String),
    Arn(Arn),
}

/// The version that is asked for.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_RequestParameters>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    /// The one with the stage `AWSCURRENT`.
    Current,
    /// The one with this stage.
    Stage(String),
    /// The one with this id.
    Id(String),
}

/// The values for every name that does not set its own.
#[derive(Debug)]
pub(crate) struct Defaults {
    /// The region, or why there is none.
    pub(crate) region: Result<Region, Failure>,
    /// Whether the profile lists in `allow` which ids it reads.
    pub(crate) has_allow: bool,
}

/// The stage of the newest version.
pub(crate) const CURRENT: &str = "AWSCURRENT";

impl Locator {
    /// Parses a name into a location and a field: the whole secret, if it names none.
    pub(crate) fn from_name(name: &Name, defaults: &Defaults) -> Result<(Self, Field), Failure> {
        let secret = SecretId::parse(&name.name)?;
        // A pattern of `allow` cannot match an ARN without naming its region and account, as stars stop at a colon.
        let may_be_anywhere = name.is_entry || defaults.has_allow;
        let locator = Self {
            scope: Scope {
                region: region(&secret, name.key("region"), defaults, may_be_anywhere)?,
                role_arn: name.key("role_arn").map(|text| role(text, "role_arn")).transpose()?,
            },
            own_account: !may_be_anywhere && matches!(secret, SecretId::Arn(_)),
            version: Version::parse(name.version.as_deref())?,
            secret,
        };
        Ok((locator, name.field.clone().unwrap_or(Field::Whole)))
    }

    /// The ARN for the `Resource` of an IAM policy. The six characters after a name are not known here, and the end of a name
    /// may look like them.
    pub(crate) fn policy_resource(&self) -> String {
        match &self.secret {
            SecretId::Arn(arn) if arn.name().is_some() => format!("{arn}*"),
            SecretId::Arn(arn) => format!("{arn}-??????"),
            SecretId::Name(name) => {
                format!("arn:*:secretsmanager:{}:*:secret:{name}-??????", self.scope.region)
            }
        }
    }
}

impl SecretId {
    fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with("arn:") {
            Arn::parse(text).map(Self::Arn)
        } else {
            secret_name(text).map(Self::Name)
        }
    }

    /// Whether this names the secret that Secrets Manager returned with `name` and `arn` from `region`.
    pub(crate) fn names(&self, name: &str, arn: &Arn, region: &Region) -> bool {
        let is_consistent = arn.region == *region && arn.name() == Some(name);
        is_consistent
            && match self {
                Self::Name(asked) => asked == name,
                Self::Arn(asked) => asked.names(arn),
            }
    }
}

impl Version {
    /// Parses a stage or the id of a version: 32 to 64 hexadecimal digits and dashes, as the UUIDs that Secrets Manager makes.
    fn parse(text: Option<&str>) -> Result<Self, Failure> {
        let Some(text) = text else { return Ok(Self::Current) };
        if text.len() > 256 || text.chars().any(char::is_control) {
            return Err(Failure::invalid_id(
                "the version is neither a stage nor the id of a version",
                "write name#field#AWSPREVIOUS, or leave it out for the newest",
            ));
        }
        let is_of_uuid = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        Ok(if (32..=64).contains(&text.len()) && text.bytes().all(is_of_uuid) {
            Self::Id(text.to_owned())
        } else {
            Self::Stage(text.to_owned())
        })
    }

    /// The version with an id of this text, if it is a stage and as long as an id: other tools, such as Terraform, make ids
    /// of their own.
    pub(crate) fn or_id(&self) -> Option<Self> {
        match self {
            Self::Stage(text) if (32..=64).contains(&text.len()) => Some(Self::Id(text.clone())),
            _ => None,
        }
    }

    /// Whether it is the newest version.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self, Self::Current)
    }

    /// The version that an id names.
    pub(crate) fn named(&self) -> Option<&str> {
        match self {
            Self::Current => None,
            Self::Stage(version) | Self::Id(version) => Some(version),
        }
    }

    /// The stage that the returned version must have, if one is asked for.
    pub(crate) fn stage(&self) -> Option<&str> {
        match self {
            Self::Current => Some(CURRENT),
            Self::Stage(stage) => Some(stage),
            Self::Id(_) => None,
        }
    }
}

/// The region of a secret: that of its ARN, else that of its entry, else that of the settings.
fn region(
    secret: &SecretId,
    of_entry: Option<&str>,
    defaults: &Defaults,
    may_be_anywhere: bool,
) -> Result<Region, Failure> {
    let of_entry = of_entry.map(|text| Region::parse(text, "region")).transpose()?;
    let region = match (secret, of_entry) {
        (SecretId::Arn(arn), Some(region)) if arn.region != region => {
            return Err(Failure::misconfigured(
                format!("`region` of the id in [ids] is not {}, the region of the ARN", arn.region),
                "remove `region`: the ARN has the region",
            ));
        }
        (SecretId::Arn(arn), _) => arn.region.clone(),
        (SecretId::Name(_), of_entry) => of_entry.map_or_else(|| defaults.region.clone(), Ok)?,
    };
    match &defaults.region {
        Ok(own) if *own != region && !may_be_anywhere => Err(Failure::new(
            Kind::NotAllowed,
            format!("the ARN is in the region {region}, and the settings name {own}"),
            "to read from another region, list the id in `allow`, or give it an entry in [ids]",
        )),
        // An id must not decide where the sign-in goes.
        Err(_) if !may_be_anywhere => Err(Failure::new(
            Kind::NotAllowed,
            format!("the ARN is in the region {region}, and the settings name no region"),
            format!("set `region` to {region}, or list the id in `allow`, or give it an entry in [ids]"),
        )),
        _ => Ok(region),
    }
}

/// The text for the `SecretId` of a request.
impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

/// `prod/db in eu-west-1`, `prod/db in eu-west-1 at AWSPREVIOUS`, or an ARN.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secret.fmt(f)?;
        if let SecretId::Name(_) = self.secret {
            write!(f, " in {}", self.scope.region)?;
        }
        match self.version.named() {
            Some(version) => write!(f, " at {version}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdE1";

    fn region(text: &str) -> Region {
        Region::parse(text, "region").unwrap()
    }

    fn name(text: &str) -> Name {
        Name { name: text.into(), ..Name::default() }
    }

    fn locate(name: &Name, has_allow: bool) -> Result<Locator, String> {
        let defaults = Defaults { region: Ok(region("eu-west-1")), has_allow };
        Locator::from_name(name, &defaults).map(|(locator, _)| locator).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_name_is_in_the_region_of_the_settings_or_of_its_entry() {
        assert_eq!(locate(&name("prod/db"), false).unwrap().to_string(), "prod/db in eu-west-1");
        let keys = vec![
            ("region", "us-east-1".to_owned()),
            ("role_arn", "arn:aws:iam::123456789012:role/x".to_owned()),
        ];
        let entry = Name { keys, is_entry: true, ..name("team@x+y=z") };
        let locator = locate(&entry, false).unwrap();
        assert_eq!(locator.to_string(), "team@x+y=z in us-east-1");
        assert_eq!(locator.scope.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/x"));
    }

    #[test]
    fn another_region_or_account_must_be_named_by_the_profile() {
        assert!(locate(&name(ARN), false).unwrap_err().contains("is in the region eu-west-2"));
        let here = name(&ARN.replace("eu-west-2", "eu-west-1"));
        assert!(locate(&here, false).unwrap().own_account);
        assert!(!locate(&here, true).unwrap().own_account);
        assert_eq!(locate(&name(ARN), true).unwrap().scope.region.as_str(), "eu-west-2");
        assert!(!locate(&Name { is_entry: true, ..name(ARN) }, false).unwrap().own_account);
    }

    #[test]
    fn an_arn_does_not_decide_where_the_sign_in_goes() {
        let none = || Err(Failure::misconfigured("there is no region", "set `region`"));
        let of = |name: &Name, has_allow| Locator::from_name(name, &Defaults { region: none(), has_allow });
        let failure = of(&name(ARN), false).unwrap_err();
        assert_eq!(failure.kind(), Kind::NotAllowed);
        assert!(failure.remedy().starts_with("set `region` to eu-west-2"), "{failure}");
        assert!(of(&name(ARN), true).is_ok() && of(&Name { is_entry: true, ..name(ARN) }, false).is_ok());
    }

    #[test]
    fn a_version_that_other_tools_have_made_may_be_an_id() {
        let of = |text: &str| Version::parse(Some(text)).unwrap().or_id();
        let id = "terraform-20250627043834191900000095";
        assert_eq!(of(id), Some(Version::Id(id.into())));
        assert_eq!((of("AWSPREVIOUS"), of("0f8ab8b4-2f2b-4f0a-8e4e-6d2a2d7b5a34")), (None, None));
    }

    #[test]
    fn an_entry_cannot_contradict_its_arn_or_name_a_host() {
        for region in ["eu-west-3", "evil.example/", ""] {
            let entry = Name { keys: vec![("region", region.to_owned())], is_entry: true, ..name(ARN) };
            assert!(locate(&entry, true).unwrap_err().contains("`region`"), "{region}");
        }
    }

    #[test]
    fn a_version_is_a_stage_or_an_id() {
        let of = |text: &str| Version::parse(Some(text)).unwrap();
        let id = "0f8ab8b4-2f2b-4f0a-8e4e-6d2a2d7b5a34";
        assert_eq!(of(id), Version::Id(id.into()));
        for stage in ["AWSPREVIOUS", "production-release-candidate-number-2", "v1", "deadbeef"] {
            assert_eq!(of(stage), Version::Stage(stage.into()));
        }
        assert!(Version::parse(Some(&"x".repeat(257))).is_err());
    }

    #[test]
    fn what_is_returned_must_be_what_was_asked_for() {
        let returned = Arn::parse(ARN).unwrap();
        let names = |asked: &str, name: &str, place: &str| {
            SecretId::parse(asked).unwrap().names(name, &returned, &region(place))
        };
        assert!(names("db", "db", "eu-west-2") && names(ARN, "db", "eu-west-2"));
        assert!(names(ARN.strip_suffix("-AbCdE1").unwrap(), "db", "eu-west-2"));
        for (asked, name, region) in [
            ("d", "db", "eu-west-2"),
            ("db", "d", "eu-west-2"),
            ("db", "db", "eu-west-1"),
            ("d", "d", "eu-west-2"),
        ] {
            assert!(!names(asked, name, region), "{asked} {name} {region}");
        }
    }

    #[test]
    fn a_policy_names_the_secret_with_any_suffix() {
        let of = |text: &str| locate(&name(text), true).unwrap().policy_resource();
        assert_eq!(of("db"), "arn:*:secretsmanager:eu-west-1:*:secret:db-??????");
        assert_eq!(of(ARN), format!("{ARN}*"));
    }
}
