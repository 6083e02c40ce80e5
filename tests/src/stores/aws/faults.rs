//! AWS, as far as the cases of faults need it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::fault::{Answer, Asked, Handler, Other, Subject, value};
use crate::resolver::{self, Run};

const KEY_ID: &str = "AKIACANARYCANARY0000";
const SECRET: &str = "canary/secret/of/the/access/key/of/the/kit";

pub const SUBJECT: Subject = Subject {
    handler,
    // An id with a version is not read in a batch.
    id: |name| format!("{name}##AWSCURRENT"),
    batch: Some(str::to_owned),
    in_clear: true,
    others: &[
        // AWS redirects nothing, so no redirect is followed.
        not_aws("a redirect within the origin"),
        not_aws("a redirect in circles"),
        not_aws("a redirect to another port"),
        not_aws("a redirect to another host"),
        not_aws("a redirect to another scheme"),
        not_aws("a redirect without a scheme"),
        not_aws("a redirect with a credential"),
        not_aws("a redirect from HTTPS to clear text"),
        not_aws("a 400 of a mount that is not ready yet"),
        // Every request of AWS has a body. Some get their answer over HTTP/1.1, and those that wait for room get none.
        Other { sentence: "no room for the body of a request", outcome: "", words: "", tries: None },
    ],
    run,
};

/// A case whose answer is not one of AWS.
const fn not_aws(sentence: &'static str) -> Other {
    Other { sentence, outcome: "UNAVAILABLE", words: "is not from AWS Secrets Manager", tries: Some(1) }
}

fn handler() -> Handler {
    Arc::new(|asked: &Asked| {
        let header =
            |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !header("authorization").contains(&format!("Credential={KEY_ID}/")) {
            return answer(400, &json!({"__type": "UnrecognizedClientException", "Message": "canary"}));
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        match header("x-amz-target") {
            "secretsmanager.GetSecretValue" => answer(200, &secret(&body["SecretId"])),
            "secretsmanager.BatchGetSecretValue" => {
                let values: Vec<Value> =
                    body["SecretIdList"].as_array().into_iter().flatten().map(secret).collect();
                answer(200, &json!({"SecretValues": values, "Errors": []}))
            }
            _ => answer(400, &json!({"__type": "UnknownOperationException", "Message": "canary"})),
        }
    })
}

fn secret(name: &Value) -> Value {
    let name = name.as_str().unwrap_or_default();
    json!({
        "ARN": format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{name}-AbCdEf"), "Name": name,
        "VersionId": "00000000-0000-4000-8000-000000000000", "VersionStages": ["AWSCURRENT"],
        "SecretString": value(name), "CreatedDate": 1_767_225_600.5,
    })
}

fn answer(status: u16, body: &Value) -> Answer {
    let answer = Answer::new(status, body.to_string()).header("content-type", "application/x-amz-json-1.1");
    answer.header("x-amzn-requestid", "canary-request-id")
}

fn run(url: &str, ca: &Path) -> Run {
    Run::new(resolver::path("secretref-aws"))
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_CA_BUNDLE", ca)
}
