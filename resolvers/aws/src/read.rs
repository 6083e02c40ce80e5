//! Reads secrets of one region: one alone, or several at once.

use aws_sdk_secretsmanager::Client;
use futures_util::future::{join, join_all};
use secretref_aws_credentials::Identity;
use secretref_protocol::{Document, Failure, FetchSink, Kind};

use crate::answer::{Answer, another};
use crate::batch;
use crate::locator::{Locator, SecretId, Version};
use crate::refusal::{Call, failure, not_aws};
use crate::session::Session;

/// Reads secrets, and settles each in `sink`.
pub(crate) async fn fetch(session: &Session, locators: &[Locator], sink: &FetchSink<'_, Locator>) {
    let (unsure, allowed): (Vec<_>, Vec<_>) = locators.iter().partition(|locator| locator.own_account);
    let of_own_account = async {
        if !unsure.is_empty() {
            // Apart: no other read has to carry its state along.
            Box::pin(fetch_of_own_account(session, unsure, sink)).await;
        }
    };
    join(fetch_allowed(session, allowed, sink), of_own_account).await;
}

/// Reads the secrets that are in the account of the credentials. The others are read meanwhile, as STS may be slow.
async fn fetch_of_own_account(session: &Session, unsure: Vec<&Locator>, sink: &FetchSink<'_, Locator>) {
    let caller = session.caller().await;
    let mut allowed = Vec::with_capacity(unsure.len());
    for locator in unsure {
        match check_account(locator, &caller) {
            Ok(()) => allowed.push(locator),
            Err(failure) => sink.settle(locator, Err(failure)),
        }
    }
    fetch_allowed(session, allowed, sink).await;
}

async fn fetch_allowed(session: &Session, allowed: Vec<&Locator>, sink: &FetchSink<'_, Locator>) {
    let left = if allowed.len() > 1 && session.may_batch() {
        batch::read(session, allowed, sink).await
    } else {
        allowed
    };
    let reads = left.into_iter().map(async |locator| sink.settle(locator, read(session, locator).await));
    join_all(reads).await;
}

/// Checks that a secret is in the account of the credentials.
fn check_account(locator: &Locator, caller: &Result<Identity, Failure>) -> Result<(), Failure> {
    let SecretId::Arn(arn) = &locator.secret else { return Ok(()) };
    let own = &caller.as_ref().map_err(|failure| unknown_account(failure.clone()))?.account;
    if *own == arn.account {
        return Ok(());
    }
    Err(Failure::new(
        Kind::NotAllowed,
        format!("the ARN is in the account {}, and the credentials are of {own}", arn.account),
        "to read from another account, list the id in `allow`, or give it an entry in [ids]",
    ))
}

fn unknown_account(failure: Failure) -> Failure {
    failure
        .context("the account of the credentials is not known, and the id is an ARN")
        .hint("or list the id in `allow`: then the profile names the account")
}

/// Reads one version of one secret.
pub(crate) async fn read(session: &Session, locator: &Locator) -> Result<Document, Failure> {
    answer(session, locator).await?.document(locator, session.binary())
}

/// Reads one version of one secret, and returns it with its version.
pub(crate) async fn answer(session: &Session, locator: &Locator) -> Result<Answer, Failure> {
    let answered = ask(session.client(), locator, &session.call("GetSecretValue", Some(locator))).await;
    match (answered, locator.version.or_id()) {
        (Err(absent), Some(version)) if absent.kind() == Kind::NotFound => {
            let other = Locator { version, ..locator.clone() };
            let call = session.call("GetSecretValue", Some(locator));
            let answered = Box::pin(ask(session.client(), &other, &call)).await;
            answered.map_err(|failure| if failure.kind().is_of_id() { absent } else { failure })
        }
        (answered, _) => answered,
    }
}

/// Sends one read, and compares what is returned with what was asked for.
pub(crate) async fn ask(client: &Client, locator: &Locator, call: &Call<'_>) -> Result<Answer, Failure> {
    let request = client.get_secret_value().secret_id(locator.secret.to_string());
    let request = match &locator.version {
        Version::Current => request,
        Version::Stage(stage) => request.version_stage(stage),
        Version::Id(id) => request.version_id(id),
    };
    let output = request.send().await.map_err(|error| failure(&error, call))?;
    let answer = Answer::from_output(output).ok_or_else(|| not_aws(call.place, 200))?;
    if answer.is_of(locator) { Ok(answer) } else { Err(another(call.place, locator)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
    use secretref_protocol::net::Response;
    use secretref_protocol::{Field, Kind, Name, Retry};

    use crate::fuzz::{understand, understand_batch};

    const SECRET: &str = r#"{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdE1","Name":"db",
        "VersionId":"0f8ab8b4-2f2b-4f0a-8e4e-6d2a2d7b5a34","VersionStages":["AWSCURRENT"],"SecretString":"hunter2"}"#;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Response {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        let status = StatusCode::from_u16(status).unwrap();
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    fn name(text: &str, version: Option<&str>) -> Name {
        Name { name: text.into(), version: version.map(str::to_owned), ..Name::default() }
    }

    #[test]
    fn only_what_was_asked_for_is_a_value() {
        let read = |text, version| understand(reply(200, &[], SECRET), &name(text, version));
        for (text, version) in [
            ("db", None),
            ("db", Some("AWSCURRENT")),
            ("db", Some("0f8ab8b4-2f2b-4f0a-8e4e-6d2a2d7b5a34")),
            ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db", None),
        ] {
            let document = read(text, version).unwrap();
            assert_eq!(Field::Whole.take(&document, false).unwrap().expose(), "hunter2");
        }
        for (text, version) in [
            ("other", None),
            ("db", Some("AWSPREVIOUS")),
            ("db", Some("1f8ab8b4-2f2b-4f0a-8e4e-6d2a2d7b5a34")),
            ("arn:aws:secretsmanager:eu-west-1:123456789013:secret:db", None),
        ] {
            let failure = read(text, version).unwrap_err();
            assert!(failure.what().contains("but another secret, region, account or version"), "{failure}");
        }
    }

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let old = ("date", "Sat, 01 Jan 2000 00:00:00 GMT");
        for (code, headers, kind, retry, words) in [
            ("ResourceNotFoundException", &[][..], Kind::NotFound, Retry::No, "there is no secret db"),
            ("x#InvalidRequestException", &[], Kind::NotFound, Retry::No, "marked for deletion"),
            ("DecryptionFailure", &[], Kind::AccessDenied, Retry::No, "KMS did not decrypt db"),
            (
                "AccessDeniedException",
                &[],
                Kind::AccessDenied,
                Retry::No,
                "allow secretsmanager:GetSecretValue on arn:*:secretsmanager:eu-west-1:*:secret:db-??????",
            ),
            ("ValidationException", &[], Kind::InvalidId, Retry::No, "does not accept the name"),
            ("UnrecognizedClientException", &[], Kind::Unauthenticated, Retry::No, "does not know"),
            ("ExpiredTokenException", &[], Kind::Unauthenticated, Retry::No, "expired"),
            ("InvalidSignatureException", &[], Kind::Unauthenticated, Retry::No, "secret access key"),
            (
                "InvalidSignatureException",
                &[old],
                Kind::Unauthenticated,
                Retry::Once(Duration::from_millis(1)),
                "clock",
            ),
            (
                "ThrottlingException",
                &[],
                Kind::RateLimited,
                Retry::After(Duration::from_millis(200)),
                "limits the rate",
            ),
            (
                "ThrottlingException",
                &[("retry-after", "3")],
                Kind::RateLimited,
                Retry::After(Duration::from_secs(3)),
                "limits the rate",
            ),
            ("InternalServiceError", &[], Kind::Unavailable, Retry::Soon, "cannot answer now"),
            ("SomethingNew", &[], Kind::Unavailable, Retry::No, "SomethingNew"),
            ("hunter2 <html>", &[], Kind::Unavailable, Retry::No, "is not from AWS Secrets Manager (400)"),
        ] {
            let headers = [headers, &[("x-amzn-requestid", "1-2")]].concat();
            let body = format!(r#"{{"__type":"{code}","Message":"hunter2"}}"#);
            let failure = understand(reply(400, &headers, &body), &name("db", None)).unwrap_err();
            assert_eq!((failure.kind(), failure.retry()), (kind, retry), "{code}: {failure}");
            assert!(failure.to_string().contains(words), "{code}: {failure}");
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
            assert_eq!(failure.request_id(), Some("1-2"), "{code}");
        }
    }

    #[test]
    fn an_answer_that_is_not_from_aws_is_told() {
        for (status, body, retry) in [
            (200, "<html>hunter2</html>", Retry::No),
            (200, "{\"SecretString\":\"hunter2\"", Retry::No),
            (200, "{}", Retry::No),
            (302, "", Retry::No),
            (403, "<Error>hunter2</Error>", Retry::No),
            (404, "{\"message\":\"hunter2\"}", Retry::No),
            (503, "<html>hunter2</html>", Retry::Soon),
        ] {
            let failure = understand(reply(status, &[], body), &name("db", None)).unwrap_err();
            assert_eq!((failure.kind(), failure.retry()), (Kind::Unavailable, retry), "{status}: {failure}");
            assert!(failure.what().contains("is not from AWS Secrets Manager"), "{status}: {failure}");
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }

    #[test]
    fn a_batch_is_taken_apart() {
        let page = format!(
            r#"{{"SecretValues":[{SECRET}],"Errors":[{{"SecretId":"gone","ErrorCode":"ResourceNotFoundException"}},
            {{"SecretId":"new","ErrorCode":"SomethingNew"}}]}}"#
        );
        let read = |text| understand_batch(reply(200, &[], &page), &name(text, None));
        assert!(read("db").unwrap().is_some());
        assert!(read("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdE1").unwrap().is_some());
        assert_eq!(read("gone").unwrap_err().kind(), Kind::NotFound);
        // What the page does not settle is read alone.
        assert!(read("new").unwrap().is_none() && read("absent").unwrap().is_none());
    }
}
