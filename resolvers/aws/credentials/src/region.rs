//! Regions, and the ARNs that name them. Pure.

use std::fmt;

use secretref_protocol::Failure;

/// A region, such as `eu-central-1`. It is part of a host's name, so it has no other characters than a name may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region(String);

impl Region {
    /// Parses a region. `called` is the setting that it is from, for the message.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it is not a region's name.
    pub fn parse(text: &str, called: &str) -> Result<Self, Failure> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_label = text.bytes().all(is_plain) && !text.starts_with('-') && !text.ends_with('-');
        if !is_label || !(1..=32).contains(&text.len()) {
            return Err(Failure::misconfigured(
                format!("`{called}` is not a region"),
                "write it as AWS does, for example eu-central-1",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Region> for aws_types::region::Region {
    fn from(region: &Region) -> Self {
        Self::new(region.0.clone())
    }
}

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, …
    pub partition: &'a str,
    /// `secretsmanager`, `iam`, …
    pub service: &'a str,
    /// The region; empty for a service that has none.
    pub region: &'a str,
    /// The number of the account.
    pub account: &'a str,
    /// The rest, which may have colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        let is_whole = ![arn.partition, arn.service, arn.resource].contains(&"");
        is_whole.then_some(arn)
    }
}

/// Checks the ARN of a role before it is sent. `called` is the setting that it is from.
///
/// # Errors
/// `MISCONFIGURED` if it is not the ARN of a role.
pub fn role(text: &str, called: &str) -> Result<String, Failure> {
    let is_role = |arn: &Arn<'_>| {
        arn.service == "iam"
            && arn.account.len() == 12
            && arn.account.bytes().all(|byte| byte.is_ascii_digit())
            && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
    };
    match Arn::parse(text).filter(is_role) {
        Some(_) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err(Failure::misconfigured(
            format!("`{called}` is not the ARN of a role"),
            "write it as `aws iam get-role` shows it: arn:aws:iam::123456789012:role/NAME",
        )),
    }
}

/// Checks the name of a role's session before it is sent. `called` is the setting that it is from.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) fn session_name(text: &str, called: &str) -> Result<String, Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (2..=64).contains(&text.len()) && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(Failure::misconfigured(
        format!("`{called}` is not a name that AWS accepts for a session"),
        "use 2 to 64 letters, digits and _ + = , . @ -",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_part_of_a_host() {
        for text in ["eu-central-1", "us-gov-west-1", "eusc-de-east-1", "us-isof-south-1"] {
            assert_eq!(Region::parse(text, "region").unwrap().as_str(), text);
        }
        for text in ["", "evil.com/", "eu-central-1 ", "EU-CENTRAL-1", "-a", "a-", "a@b", "a.b"] {
            assert!(Region::parse(text, "region").is_err(), "{text}");
        }
    }

    #[test]
    fn an_arn_is_taken_apart() {
        let arn = Arn::parse("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a:b-AbCdEf").unwrap();
        assert_eq!((arn.partition, arn.region, arn.account), ("aws-cn", "cn-north-1", "123456789012"));
        assert_eq!(arn.resource, "secret:a:b-AbCdEf");
        for text in ["arn:aws:iam::1", "arn", "arn:::::", "x:aws:a:b:c:d", "arn:aws:iam::1:"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_has_a_plain_name() {
        assert!(session_name("gateway@host-1", "role_session_name").is_ok());
        for text in ["a", "a b", "ä1", "a/b"] {
            assert!(session_name(text, "role_session_name").is_err(), "{text}");
        }
    }

    #[test]
    fn a_role_is_named_by_its_arn() {
        assert!(role("arn:aws:iam::123456789012:role/team/reader", "role_arn").is_ok());
        for text in [
            "reader",
            "arn:aws:iam::123456789012:user/jo",
            "arn:aws:iam::12:role/reader",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(role(text, "role_arn").is_err(), "{text}");
        }
    }
}
