//! `auth = "process"`: runs the program that prints credentials.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::time::Duration;

use secretref_protocol::program::{self, NoOutput};
use secretref_protocol::{Failure, Kind, Secret};
use serde::Deserialize;

use crate::keys::{Keys, Part, time};
use crate::source::Process;

/// Runs the program, which has to end in less than `left`.
pub(crate) async fn credentials(
    process: &Process,
    home: Option<&str>,
    left: Duration,
) -> Result<Keys, Failure> {
    let failed = |why: &str| {
        Failure::new(
            Kind::Unauthenticated,
            format!("the program of {} {why}", process.origin),
            format!("run it by hand: {} …", process.program.display()),
        )
    };
    let printed = program::output(&process.program, &process.arguments, home, left).await;
    let printed = printed.map_err(|no_output| match no_output {
        NoOutput::NotStarted(why) => no_program(process, why),
        NoOutput::Failed(why) => failed(&why),
    })?;
    let keys = parse(&printed).map_err(failed)?;
    keys.map_err(|part| part.issued(&format!("the program of {}", process.origin)))
}

fn no_program(process: &Process, why: &str) -> Failure {
    let what = format!("{}, the program of {}, {why}", process.program.display(), process.origin);
    Failure::misconfigured(what, format!("correct the path in {}, or install the program", process.origin))
}

fn parse(text: &Secret) -> Result<Result<Keys, Part>, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Printed {
        version: u32,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        expiration: Option<String>,
    }
    let printed: Printed =
        serde_json::from_str(text.expose()).map_err(|_| "does not print credentials in AWS's format")?;
    if printed.version != 1 {
        return Err("prints credentials of another version than 1");
    }
    let expires =
        printed.expiration.as_deref().map(|text| time(text).ok_or("prints an expiration that is no time"));
    let expires = expires.transpose()?;
    if expires.is_some_and(|end| end <= std::time::SystemTime::now()) {
        return Err("prints credentials that have expired");
    }
    let (secret, token) = (Secret::new(printed.secret_access_key), printed.session_token.map(Secret::new));
    Ok(Keys::new(printed.access_key_id, secret, token, expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> Result<Keys, String> {
        let process = Process::parse(&format!("/bin/sh -c '{script}'"), "here".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(credentials(&process, None, limit)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_program_prints_credentials() {
        let printed = r#"{"Version":1,"AccessKeyId":"AKIA1","SecretAccessKey":"s","SessionToken":"t"}"#;
        let keys =
            run(&format!("echo \"{}\"", printed.replace('"', "\\\"")), Duration::from_secs(5)).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.expose()), ("AKIA1", "s"));
        for (script, words) in [
            ("exit 3", "exit code 3"),
            ("echo hunter2", "AWS"),
            (
                "echo {\\\"Version\\\":2,\\\"AccessKeyId\\\":\\\"a\\\",\\\"SecretAccessKey\\\":\\\"b\\\"}",
                "version",
            ),
        ] {
            let said = run(script, Duration::from_secs(5)).err().unwrap();
            assert!(said.contains(words) && !said.contains("hunter2 "), "{said}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_a_wrong_setting() {
        let process = Process::parse("/absent/program", "`credential_process`".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let failure = runtime.block_on(credentials(&process, None, Duration::from_secs(5))).err().unwrap();
        assert_eq!(failure.kind(), Kind::Misconfigured);
        assert!(failure.to_string().contains("correct the path in `credential_process`"), "{failure}");
    }
}
