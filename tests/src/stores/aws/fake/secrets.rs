//! Secrets Manager, as far as a resolver uses it.
//!
//! Some names fail, each as AWS does: `throttled/…` always and `throttled-once/…` at the first request, `kms-denied/…` and
//! `kms-disabled/…` when they are decrypted. `hang/…` has no answer. Before a version of `raced/…` is put, another client
//! puts one.

use serde_json::{Value, json};

use super::authentication::Caller;
use super::{Refusal, State};

/// How many secrets a batch may name.
const BATCH: usize = 20;

/// A secret of one account and region.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Its whole ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The oldest first.
    pub versions: Vec<Version>,
    /// When it will be deleted, in seconds since 1970, if it is marked for that.
    pub deleted: Option<u64>,
    /// Whether its policy lets other accounts read it.
    pub is_shared: bool,
    account: String,
    region: String,
}

/// A version of a secret.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// Its stages.
    pub stages: Vec<String>,
    string: Option<String>,
    /// In base64.
    binary: Option<String>,
}

impl Secret {
    pub(super) fn new(account: &str, region: &str, name: &str, suffix: &str) -> Self {
        Self {
            arn: format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{suffix}"),
            name: name.to_owned(),
            versions: vec![],
            deleted: None,
            is_shared: false,
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    pub(super) fn is(&self, account: &str, region: &str, name: &str) -> bool {
        (self.account.as_str(), self.region.as_str(), self.name.as_str()) == (account, region, name)
    }

    pub(super) fn current(&self) -> Option<String> {
        self.versions.iter().find(|version| version.has("AWSCURRENT"))?.string.clone()
    }

    /// Adds the version that is the current one from now on; a binary one in base64.
    pub fn add(&mut self, id: &str, string: Option<&str>, binary: Option<&str>) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.versions.push(Version {
            id: id.to_owned(),
            stages: vec![],
            string: owned(string),
            binary: owned(binary),
        });
        self.make_current(id);
    }

    fn make_current(&mut self, id: &str) {
        let current =
            self.versions.iter().find(|version| version.has("AWSCURRENT")).map(|version| version.id.clone());
        if current.as_deref() == Some(id) {
            return;
        }
        self.move_stage("AWSCURRENT", id);
        if let Some(current) = current {
            self.move_stage("AWSPREVIOUS", &current);
        }
    }

    fn move_stage(&mut self, stage: &str, id: &str) {
        for version in &mut self.versions {
            version.stages.retain(|has| has != stage);
            if version.id == id {
                version.stages.push(stage.to_owned());
            }
        }
    }

    fn value(&self, version: &Version) -> Value {
        let mut value = json!({
            "ARN": self.arn, "Name": self.name, "VersionId": version.id, "VersionStages": version.stages,
            "CreatedDate": 1_767_225_600.5,
        });
        for (key, text) in [("SecretString", &version.string), ("SecretBinary", &version.binary)] {
            if let Some(text) = text {
                value[key] = json!(text);
            }
        }
        value
    }

    fn entry(&self, stages: &str) -> Value {
        let versions: serde_json::Map<_, _> =
            self.versions.iter().map(|version| (version.id.clone(), json!(version.stages))).collect();
        let mut entry = json!({
            "ARN": self.arn, "Name": self.name, "CreatedDate": 1_767_225_600.5, "LastChangedDate": 1_767_225_600.5,
        });
        entry[stages] = versions.into();
        if let Some(deleted) = self.deleted {
            entry["DeletedDate"] = json!(deleted);
        }
        entry
    }
}

impl Version {
    fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|has| has == stage)
    }
}

fn not_found() -> Refusal {
    Refusal::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn text<'b>(body: &'b Value, key: &str) -> Option<&'b str> {
    body[key].as_str()
}

impl State {
    pub(super) fn act(
        &self,
        caller: &Caller,
        action: &str,
        body: &Value,
        time: usize,
    ) -> Result<Value, Refusal> {
        let ids = body["SecretIdList"].as_array().into_iter().flatten().chain(body.get("SecretId"));
        let asks_for = |word: &str| ids.clone().any(|id| id.as_str().is_some_and(|id| id.contains(word)));
        if asks_for("throttled/") || (asks_for("throttled-once/") && time == 1) {
            return Err(Refusal::new("ThrottlingException", "Rate exceeded"));
        }
        match action {
            "GetSecretValue" => self.get(caller, body),
            "BatchGetSecretValue" => self.batch(caller, body),
            "ListSecrets" => self.list(caller, body),
            "CreateSecret" => self.create(caller, body),
            "RestoreSecret" => self.change(caller, action, body, |secret| {
                secret.deleted = None;
                Ok(json!({"ARN": secret.arn, "Name": secret.name}))
            }),
            "DescribeSecret" => {
                self.change(caller, action, body, |secret| Ok(secret.entry("VersionIdsToStages")))
            }
            "ListSecretVersionIds" => self.change(caller, action, body, |secret| {
                let version =
                    |version: &Version| json!({"VersionId": version.id, "VersionStages": version.stages});
                let versions: Vec<_> = secret.versions.iter().map(version).collect();
                Ok(json!({"ARN": secret.arn, "Name": secret.name, "Versions": versions}))
            }),
            "PutSecretValue" | "UpdateSecret" => {
                self.change(caller, action, body, |secret| self.put_version(secret, body))
            }
            "UpdateSecretVersionStage" => {
                self.change(caller, action, body, |secret| update_stage(secret, body))
            }
            "DeleteSecret" => self.delete(caller, body),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }

    /// The secret that an id means for a caller: a name, a whole ARN, or an ARN without its suffix.
    fn find(&self, caller: &Caller, id: &str) -> Result<Secret, Refusal> {
        let secrets = self.secrets.lock().expect("secrets");
        let (account, region) = (&caller.principal.account, &caller.region);
        let here = |secret: &&Secret| secret.account == *account && secret.region == *region;
        let found = if id.starts_with("arn:") {
            let whole = secrets.iter().find(|secret| secret.arn == id && secret.region == *region);
            let readable = whole.filter(|secret| secret.is_shared || secret.account == *account);
            let start = format!("arn:aws:secretsmanager:{region}:{account}:secret:");
            readable.or_else(|| {
                let name = id.strip_prefix(&start)?;
                secrets.iter().filter(here).find(|secret| secret.name == name)
            })
        } else {
            secrets.iter().filter(here).find(|secret| secret.name == id)
        };
        found.cloned().ok_or_else(not_found)
    }

    fn check(caller: &Caller, action: &str, id: &str) -> Result<(), Refusal> {
        if caller.principal.may(&[action, id]) {
            return Ok(());
        }
        let message = format!(
            "User: {} is not authorized to perform: secretsmanager:{action} on resource: {id} because no identity-based \
             policy allows the secretsmanager:{action} action",
            caller.principal.arn()
        );
        Err(Refusal::new("AccessDeniedException", message))
    }

    fn get(&self, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
        let id = text(body, "SecretId").unwrap_or_default();
        Self::check(caller, "GetSecretValue", id)?;
        let secret = self.find(caller, id)?;
        if secret.deleted.is_some() {
            let message =
                "You can't perform this operation on the secret because it was marked for deletion.";
            return Err(Refusal::new("InvalidRequestException", message));
        }
        if secret.name.contains("kms-denied/") {
            return Err(Refusal::new("AccessDeniedException", "Access to KMS is not allowed"));
        }
        if secret.name.contains("kms-disabled/") {
            let message =
                "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
            return Err(Refusal::new("DecryptionFailure", message));
        }
        let (version_id, stage) = (text(body, "VersionId"), text(body, "VersionStage"));
        let asked = |version: &&Version| match (version_id, stage) {
            (Some(id), _) => version.id == id,
            (None, stage) => version.has(stage.unwrap_or("AWSCURRENT")),
        };
        let Some(version) = secret.versions.iter().find(asked) else {
            let (what, which) = match version_id {
                Some(id) => ("VersionId", id),
                None => ("staging label", stage.unwrap_or("AWSCURRENT")),
            };
            let message =
                format!("Secrets Manager can't find the specified secret value for {what}: {which}");
            return Err(Refusal::new("ResourceNotFoundException", message));
        };
        if version_id.is_some() && stage.is_some_and(|stage| !version.has(stage)) {
            let message = "You provided a VersionStage that is not associated to the provided VersionId.";
            return Err(Refusal::new("InvalidRequestException", message));
        }
        Ok(secret.value(version))
    }

    fn batch(&self, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
        Self::check(caller, "BatchGetSecretValue", "*")?;
        let ids: Vec<&str> =
            body["SecretIdList"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if ids.is_empty() || ids.len() > BATCH {
            let message = format!(
                "1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: Member must have \
                 length less than or equal to {BATCH}"
            );
            return Err(Refusal::new("ValidationException", message));
        }
        let (mut values, mut errors) = (vec![], vec![]);
        for id in &ids {
            match self.get(caller, &json!({"SecretId": id})) {
                Ok(value) => values.push(value),
                Err(Refusal { code, message, .. }) => {
                    errors.push(json!({"SecretId": id, "ErrorCode": code, "Message": message}));
                }
            }
        }
        // In an order of its own, as AWS promises none.
        values.reverse();
        let from: usize = text(body, "NextToken").map_or(0, |token| token.parse().unwrap_or(0));
        let page = if self.manner.page == 0 { values.len() } else { self.manner.page };
        let rest = values.split_off(from.min(values.len()));
        let more = rest.len() > page;
        let errors = if from == 0 { errors } else { vec![] };
        let shown: Vec<_> = rest.into_iter().take(page).collect();
        let mut answer = json!({"SecretValues": shown, "Errors": errors});
        if more {
            answer["NextToken"] = json!((from + page).to_string());
        }
        Ok(answer)
    }

    fn list(&self, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
        Self::check(caller, "ListSecrets", "*")?;
        let secrets = self.secrets.lock().expect("secrets");
        let prefixes: Vec<&str> = body["Filters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|filter| filter["Key"] == "name")
            .flat_map(|filter| filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str))
            .collect();
        let with_deleted = body["IncludePlannedDeletion"] == true;
        let mut found: Vec<&Secret> = secrets
            .iter()
            .filter(|secret| secret.account == caller.principal.account && secret.region == caller.region)
            .filter(|secret| with_deleted || secret.deleted.is_none())
            .filter(|secret| {
                prefixes.is_empty() || prefixes.iter().any(|start| secret.name.starts_with(start))
            })
            .collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let from: usize = text(body, "NextToken").map_or(0, |token| token.parse().unwrap_or(0));
        let most = body["MaxResults"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(100);
        let page = if self.manner.page == 0 { most } else { self.manner.page };
        let shown: Vec<_> =
            found.iter().skip(from).take(page).map(|secret| secret.entry("SecretVersionsToStages")).collect();
        let mut answer = json!({"SecretList": shown});
        if found.len() > from + page {
            answer["NextToken"] = json!((from + page).to_string());
        }
        Ok(answer)
    }

    fn create(&self, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
        let name = text(body, "Name").unwrap_or_default();
        Self::check(caller, "CreateSecret", name)?;
        match self.find(caller, name) {
            Ok(known) if known.deleted.is_some() => {
                let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
                return Err(Refusal::new("InvalidRequestException", message));
            }
            Ok(_) => {
                let message = format!("The operation failed because the secret {name} already exists.");
                return Err(Refusal::new("ResourceExistsException", message));
            }
            Err(_) => {}
        }
        let mut secret = self.new_secret(&caller.principal.account, &caller.region, name);
        let (string, binary) = (text(body, "SecretString"), text(body, "SecretBinary"));
        let mut answer = json!({"ARN": secret.arn, "Name": name});
        if string.or(binary).is_some() {
            let id = text(body, "ClientRequestToken").map_or_else(|| self.version_id(), str::to_owned);
            answer["VersionId"] = json!(id);
            secret.add(&id, string, binary);
        }
        self.secrets.lock().expect("secrets").push(secret);
        Ok(answer)
    }

    /// Changes, or reads, the secret of a request that is not marked for deletion; `RestoreSecret` and `DescribeSecret` take
    /// one that is.
    fn change(
        &self,
        caller: &Caller,
        action: &str,
        body: &Value,
        act: impl FnOnce(&mut Secret) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let id = text(body, "SecretId").unwrap_or_default();
        Self::check(caller, action, id)?;
        let arn = self.find(caller, id)?.arn;
        let mut secrets = self.secrets.lock().expect("secrets");
        let secret = secrets.iter_mut().find(|secret| secret.arn == arn).ok_or_else(not_found)?;
        if secret.deleted.is_some() && !["RestoreSecret", "DescribeSecret"].contains(&action) {
            let message =
                "You can't perform this operation on the secret because it was marked for deletion.";
            return Err(Refusal::new("InvalidRequestException", message));
        }
        act(secret)
    }

    fn put_version(&self, secret: &mut Secret, body: &Value) -> Result<Value, Refusal> {
        if secret.name.starts_with("raced/") {
            secret.add(&self.version_id(), Some("value-of-another-client"), None);
        }
        let (string, binary) = (text(body, "SecretString"), text(body, "SecretBinary"));
        let id = text(body, "ClientRequestToken").map_or_else(|| self.version_id(), str::to_owned);
        let known = secret.versions.iter().find(|version| version.id == id);
        match known {
            Some(known) if (known.string.as_deref(), known.binary.as_deref()) != (string, binary) => {
                let message = "You can't change the value of an existing version.";
                return Err(Refusal::new("ResourceExistsException", message));
            }
            Some(_) => {}
            None => {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                secret.versions.push(Version {
                    id: id.clone(),
                    stages: vec![],
                    string: owned(string),
                    binary: owned(binary),
                });
            }
        }
        let stages: Vec<&str> =
            body["VersionStages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if stages.is_empty() || stages.contains(&"AWSCURRENT") {
            secret.make_current(&id);
        }
        for stage in stages.iter().filter(|stage| **stage != "AWSCURRENT") {
            secret.move_stage(stage, &id);
        }
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": id}))
    }

    fn delete(&self, caller: &Caller, body: &Value) -> Result<Value, Refusal> {
        let is_forced = body["ForceDeleteWithoutRecovery"] == true;
        let days = body["RecoveryWindowInDays"].as_u64().unwrap_or(30);
        if is_forced && body.get("RecoveryWindowInDays").is_some_and(|days| !days.is_null()) {
            let message =
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
            return Err(Refusal::new("InvalidParameterException", message));
        }
        if !(7..=30).contains(&days) {
            let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
            return Err(Refusal::new("InvalidParameterException", message));
        }
        let ends = if is_forced { self.now() } else { self.now() + days * 86_400 };
        let answer = self.change(caller, "DeleteSecret", body, |secret| {
            secret.deleted = Some(ends);
            Ok(json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": ends}))
        })?;
        if is_forced {
            self.secrets.lock().expect("secrets").retain(|secret| answer["ARN"] != secret.arn);
        }
        Ok(answer)
    }
}

fn update_stage(secret: &mut Secret, body: &Value) -> Result<Value, Refusal> {
    let stage = text(body, "VersionStage").unwrap_or_default();
    let (to, from) = (text(body, "MoveToVersionId"), text(body, "RemoveFromVersionId"));
    let holder = secret.versions.iter().find(|version| version.has(stage)).map(|version| version.id.clone());
    // AWS moves a stage only if the request names the version that has it.
    if holder.as_deref() != from && holder.as_deref() != to {
        let message = format!("The staging label {stage} is currently attached to another version");
        return Err(Refusal::new("InvalidParameterException", message));
    }
    match to {
        Some(to) if !secret.versions.iter().any(|version| version.id == to) => return Err(not_found()),
        Some(to) if stage == "AWSCURRENT" => secret.make_current(to),
        Some(to) => secret.move_stage(stage, to),
        None => secret.move_stage(stage, ""),
    }
    Ok(json!({"ARN": secret.arn, "Name": secret.name}))
}
