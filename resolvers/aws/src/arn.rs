//! The ARN of a secret: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf`.

use std::fmt;

use secretref_aws_credentials::Region;
use secretref_protocol::Failure;

/// The number of characters that Secrets Manager adds to a name after a dash, to make the ARN of the secret.
const SUFFIX: usize = 6;

/// The longest name of a secret.
const LONGEST_NAME: usize = 512;

/// The ARN of a secret, with or without the six characters that Secrets Manager adds to its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Arn {
    pub(crate) partition: String,
    pub(crate) region: Region,
    pub(crate) account: String,
    /// The name, with the dash and the six characters if the ARN has them.
    resource: String,
}

impl Arn {
    /// Parses the ARN of a secret.
    ///
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html#awssecretsmanager-resources-for-iam-policies>
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["arn", partition, "secretsmanager", region, account, "secret", resource]
                if is_partition(partition) && is_account(account) =>
            {
                Ok(Self {
                    partition: partition.to_owned(),
                    region: Region::parse(region, "region").map_err(|_| no_arn())?,
                    account: account.to_owned(),
                    resource: name(resource, LONGEST_NAME + 1 + SUFFIX)?,
                })
            }
            // Amazon ECS writes the field and the version so.
            ["arn", _, "secretsmanager", _, _, "secret", _, _, ..] => Err(Failure::invalid_id(
                "the ARN of a secret has no part after the name",
                "write the field and the version after a #: ARN#field#version",
            )),
            _ => Err(no_arn()),
        }
    }

    /// Whether `other`, which Secrets Manager returned, is the ARN of the secret that this one names.
    pub(crate) fn names(&self, other: &Self) -> bool {
        let is_place = (&self.partition, &self.region, &self.account)
            == (&other.partition, &other.region, &other.account);
        is_place && (self.resource == other.resource || other.name() == Some(&self.resource))
    }

    /// The name of the secret in a complete ARN.
    pub(crate) fn name(&self) -> Option<&str> {
        let (name, suffix) = self.resource.rsplit_once('-')?;
        (suffix.len() == SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
    }

    /// The part after `secret:`.
    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, resource } = self;
        write!(f, "arn:{partition}:secretsmanager:{region}:{account}:secret:{resource}")
    }
}

fn no_arn() -> Failure {
    Failure::invalid_id(
        "not the ARN of a secret",
        "write it as the console shows it: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX",
    )
}

/// Checks the name of a secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html#SecretsManager-CreateSecret-request-Name>
pub(crate) fn secret_name(text: &str) -> Result<String, Failure> {
    name(text, LONGEST_NAME)
}

fn name(text: &str, longest: usize) -> Result<String, Failure> {
    // Services of AWS put a ! into the names of their secrets: rds!db-…
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
    if !text.is_empty() && text.len() <= longest && text.bytes().all(is_valid) {
        return Ok(text.to_owned());
    }
    Err(Failure::invalid_id(
        format!("the name of a secret has 1 to {LONGEST_NAME} letters, digits and characters of /_+=.@-"),
        "write the name or the ARN as the console shows it",
    ))
}

fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db";

    fn names(asked: &str, returned: &str) -> bool {
        Arn::parse(asked).unwrap().names(&Arn::parse(returned).unwrap())
    }

    #[test]
    fn an_arn_without_its_suffix_names_the_secret_with_one() {
        let whole = format!("{ARN}-AbCdE1");
        assert!(names(ARN, &whole) && names(&whole, &whole));
        assert!(!names(ARN, &format!("{ARN}-AbCdE")) && !names(ARN, &format!("{ARN}-x-AbCdE1")));
        assert!(!names(&whole, &format!("{ARN}-AbCdE2")));
        assert!(!names(ARN, &whole.replace("eu-west-1", "eu-west-2")));
        assert!(!names(ARN, &whole.replace("123456789012", "123456789013")));
        assert_eq!(Arn::parse(&whole).unwrap().name(), Some("prod/db"));
        assert_eq!(Arn::parse(&whole).unwrap().to_string(), whole);
    }

    /// The last word of the name looks like a suffix.
    #[test]
    fn a_name_may_end_as_a_suffix_does() {
        let asked = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:my-secret";
        assert!(names(asked, &format!("{asked}-AbCdE1")));
        assert!(!names(asked, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:my-AbCdE1"));
    }

    #[test]
    fn what_is_no_arn_of_a_secret_is_invalid() {
        for (text, says) in [
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/x", "not the ARN"),
            ("arn:aws:secretsmanager:eu-west-1:12345678901:secret:x", "not the ARN"),
            ("arn:aws:secretsmanager:evil.example/:123456789012:secret:x", "not the ARN"),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "the name of a secret"),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x:key::", "no part after the name"),
        ] {
            let failure = Arn::parse(text).unwrap_err();
            assert!(failure.what().contains(says), "{text}: {failure}");
        }
    }

    #[test]
    fn a_name_has_the_characters_that_aws_allows() {
        assert!(
            secret_name("a/b_c+d=e.f@g-h1").is_ok()
                && secret_name("rds!db-1").is_ok()
                && secret_name(&"x".repeat(512)).is_ok()
        );
        for text in ["", "a b", "a:b", "a#b", "ä", &"x".repeat(513)] {
            assert!(secret_name(text).is_err(), "{text}");
        }
    }
}
