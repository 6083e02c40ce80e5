//! AWS's own clients: the AWS CLI and boto3.

use std::path::PathBuf;

use super::api::REGION;
use super::emulators::installed;
use crate::resolver::Run;

const AWSCLI: &str = "awscli-1.46.3";
const BOTO3: &str = "boto3-1.44.8";

/// A way to AWS, as its own clients are told of it.
#[derive(Debug, Clone)]
pub struct Access {
    /// `https://127.0.0.1:PORT`.
    pub https: String,
    /// The certificate of its authority.
    pub ca: PathBuf,
    /// The shared credentials file.
    pub credentials: PathBuf,
}

impl Access {
    /// The variables that say the same.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.https.clone()),
            ("AWS_CA_BUNDLE", self.ca.display().to_string()),
            ("AWS_SHARED_CREDENTIALS_FILE", self.credentials.display().to_string()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_PAGER", String::new()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ]
    }

    /// The AWS CLI with these arguments.
    #[must_use]
    pub fn aws(&self, args: &[&str]) -> Run {
        let run = self.with(Run::new("/usr/bin/env"), AWSCLI);
        run.args([aws_cli().as_os_str()]).args(args)
    }

    /// A program in Python, which can import boto3, with these arguments.
    #[must_use]
    pub fn boto3(&self, program: &str, args: &[&str]) -> Run {
        self.with(Run::new("/usr/bin/env"), BOTO3).args(["python3", "-c", program]).args(args)
    }

    fn with(&self, run: Run, package: &str) -> Run {
        let run = run.env("PYTHONPATH", installed(package));
        self.variables().into_iter().fold(run, |run, (name, value)| run.env(name, value))
    }
}

/// The command `aws`.
#[must_use]
pub fn aws_cli() -> PathBuf {
    installed(AWSCLI).join("bin/aws")
}

/// The folder of the packages of boto3 (`true`) or of the AWS CLI.
#[must_use]
pub fn packages(is_boto3: bool) -> PathBuf {
    installed(if is_boto3 { BOTO3 } else { AWSCLI })
}
