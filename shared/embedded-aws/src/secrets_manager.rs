//! Secrets Manager, as far as applications and deployments use it: secrets, their versions and
//! the staging labels of these. In memory, and in a file if there is a data directory.
//!
//! Not here: rotation by a function, replication, resource policies, encryption keys, and the
//! filters and sort orders of `ListSecrets`, which sorts by name. An operation that is not here is
//! refused.
//!
//! The crate `winterbaume-secretsmanager` 0.2.0 has more operations and was tried first. It leaves
//! `AWSPREVIOUS` on every version that ever was current, so after a second rotation a read of it
//! gave the wrong value in 55 of 100 runs; it lets a retried token overwrite a version, and it
//! depends on `aws-config` with default features, which adds 103 crates to this crate's 85 (two
//! SSO clients and aws-lc among them, in a workspace that is otherwise on ring) and takes as long
//! to build (84 s) as this crate with SQLite (80 s).

mod file;
mod secret;

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::file::SecretsFileError;
use self::{
    file::SecretsFile,
    secret::{Secret, SecretValue},
};
use crate::protocol::{Answer, Service};

/// The label of the version that readers get by default.
const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was current before.
const PREVIOUS: &str = "AWSPREVIOUS";

/// The largest request read. The largest legal one is a secret of 64 KiB, escaped.
const REQUEST_LIMIT_BYTES: usize = 512 * 1024;
/// The range and default of `MaxResults` in `ListSecrets`.
const PAGE_LIMIT: usize = 100;

/// All secrets, by name.
type Secrets = BTreeMap<String, Secret>;

/// The running service. Like all that holds values here, it cannot be formatted for a log.
pub(crate) struct SecretsManager {
    secrets: Mutex<Secrets>,
    file: Option<SecretsFile>,
}

impl SecretsManager {
    /// The service with the secrets in `data_dir`, or with none, which it then keeps in memory.
    pub(crate) fn open(data_dir: Option<&Path>) -> Result<Self, SecretsFileError> {
        let file = data_dir.map(SecretsFile::in_directory);
        let secrets = file.as_ref().map(SecretsFile::read).transpose()?.unwrap_or_default();
        Ok(Self { secrets: Mutex::new(secrets), file })
    }

    /// Answers one call.
    pub(crate) async fn answer(&self, operation: &str, body: Incoming) -> Answer {
        const SERVICE: Service = Service::SecretsManager;
        let result = match Limited::new(body, REQUEST_LIMIT_BYTES).collect().await {
            Ok(body) => self.call(operation, &body.to_bytes(), unix_now()),
            Err(error) => Err(Failure::new("SerializationException", error.to_string())),
        };
        match result {
            Ok(body) => SERVICE.answer(StatusCode::OK, &body),
            Err(Failure { code, message }) => {
                SERVICE.error(StatusCode::BAD_REQUEST, code, &message)
            }
        }
    }

    /// Applies one operation at `now`, in seconds since 1970.
    fn call(&self, operation: &str, body: &[u8], now: f64) -> Result<Value, Failure> {
        // A panic while the lock is held is a bug of this module; the data is still the caller's.
        let mut guard = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = &mut *guard;
        let answer = apply(secrets, operation, body, now)?;
        let is_read = matches!(operation, "GetSecretValue" | "DescribeSecret" | "ListSecrets");
        if let Some(file) = self.file.as_ref().filter(|_| !is_read) {
            file.write(secrets)
                .map_err(|error| Failure::new("InternalServiceError", error.to_string()))?;
        }
        Ok(answer)
    }
}

fn apply(secrets: &mut Secrets, operation: &str, body: &[u8], now: f64) -> Result<Value, Failure> {
    match operation {
        "CreateSecret" => create_secret(secrets, parse(body)?, now),
        "GetSecretValue" => get_secret_value(secrets, parse(body)?, now),
        "PutSecretValue" => put_secret_value(secrets, parse(body)?, now),
        "UpdateSecret" => update_secret(secrets, parse(body)?, now),
        "UpdateSecretVersionStage" => update_version_stage(secrets, parse(body)?, now),
        "DescribeSecret" => describe_secret(secrets, parse(body)?),
        "ListSecrets" => list_secrets(secrets, parse(body)?),
        "DeleteSecret" => delete_secret(secrets, parse(body)?, now),
        "RestoreSecret" => restore_secret(secrets, parse(body)?),
        _ => Err(Failure::new(
            "UnknownOperationException",
            format!("{operation} is not embedded; see secrets_manager.rs for what is"),
        )),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the dates are the service's own, as AWS's are; no caller of it decides by them"
)]
fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::new("SerializationException", error.to_string()))
}

/// A refusal: the code of an AWS exception and its message.
#[derive(Debug)]
struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn not_found(what: &str) -> Self {
        let message = format!("Secrets Manager can't find the specified secret{what}");
        Self::new("ResourceNotFoundException", message)
    }

    fn no_such_version(id: &str) -> Self {
        Self::not_found(&format!(" value for VersionId: {id}"))
    }

    fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    fn marked_deleted() -> Self {
        Self::new(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    }
}
/// AWS leaves out what has no value.
fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// Finds a secret by name, by ARN, or by ARN without the random suffix.
fn find<'a>(secrets: &'a mut Secrets, id: &str) -> Result<&'a mut Secret, Failure> {
    secrets
        .values_mut()
        .find(|secret| {
            let partial_arn = secret.arn.rsplit_once('-').map(|(partial, _)| partial);
            secret.name == id || secret.arn == id || partial_arn == Some(id)
        })
        .ok_or_else(|| Failure::not_found("."))
}

/// Finds a secret that is not marked for deletion.
fn find_live<'a>(secrets: &'a mut Secrets, id: &str) -> Result<&'a mut Secret, Failure> {
    let secret = find(secrets, id)?;
    if secret.deletion.is_some() { Err(Failure::marked_deleted()) } else { Ok(secret) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    description: Option<String>,
    client_request_token: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
    #[serde(flatten)]
    value: SecretValue,
}

fn create_secret(secrets: &mut Secrets, request: CreateSecret, now: f64) -> Result<Value, Failure> {
    let name = request.name;
    let legal = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if !(1..=512).contains(&name.len()) || !name.chars().all(legal) {
        return Err(Failure::new(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of \
             the following: -/_+=.@!",
        ));
    }
    let value = request.value.validate()?;
    if let Some(existing) = secrets.get(&name) {
        if existing.deletion.is_some() {
            return Err(Failure::new(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already \
                 scheduled for deletion.",
            ));
        }
        let version =
            request.client_request_token.as_deref().and_then(|token| existing.version(token));
        return match version {
            Some(version) if Some(&version.value) == value.as_ref() => Ok(json!({
                "ARN": existing.arn, "Name": name, "VersionId": version.id,
            })),
            _ => Err(Failure::new(
                "ResourceExistsException",
                format!("The operation failed because the secret {name} already exists."),
            )),
        };
    }
    let suffix = &Uuid::new_v4().simple().to_string()[..6];
    let mut secret = Secret {
        arn: format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-{suffix}"),
        name: name.clone(),
        description: request.description,
        tags: request.tags,
        created: now,
        changed: now,
        accessed: None,
        deletion: None,
        versions: Vec::new(),
    };
    let version_id = value
        .map(|value| secret.add_version(request.client_request_token, value, &[], now))
        .transpose()?;
    let answer = json!({ "ARN": secret.arn, "Name": name, "VersionId": version_id });
    secrets.insert(name, secret);
    Ok(without_nulls(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

fn get_secret_value(
    secrets: &mut Secrets,
    request: GetSecretValue,
    now: f64,
) -> Result<Value, Failure> {
    let secret = find_live(secrets, &request.secret_id)?;
    secret.accessed = Some(now);
    let secret = &*secret;
    let version = match (&request.version_id, request.version_stage.as_deref()) {
        (Some(id), stage) => {
            let version = secret.version(id).ok_or_else(|| Failure::no_such_version(id))?;
            if stage.is_some_and(|stage| !version.stages.contains(stage)) {
                return Err(Failure::new(
                    "InvalidRequestException",
                    "You provided a VersionStage that is not associated to the provided \
                     VersionId.",
                ));
            }
            version
        }
        (None, stage) => {
            let stage = stage.unwrap_or(CURRENT);
            secret
                .version_at(stage)
                .ok_or_else(|| Failure::not_found(&format!(" value for staging label: {stage}")))?
        }
    };
    Ok(without_nulls(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.id,
        "SecretString": version.value.secret_string,
        "SecretBinary": version.value.secret_binary,
        "VersionStages": version.stages,
        "CreatedDate": version.created,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    value: SecretValue,
}

fn put_secret_value(
    secrets: &mut Secrets,
    request: PutSecretValue,
    now: f64,
) -> Result<Value, Failure> {
    let secret = find_live(secrets, &request.secret_id)?;
    let Some(value) = request.value.validate()? else {
        return Err(Failure::invalid_parameter(
            "You must provide either SecretString or SecretBinary.",
        ));
    };
    let stages = request.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
    let id = secret.add_version(request.client_request_token, value, &stages, now)?;
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionStages": secret.version(&id).map(|version| &version.stages),
        "VersionId": id,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateSecret {
    secret_id: String,
    client_request_token: Option<String>,
    description: Option<String>,
    #[serde(flatten)]
    value: SecretValue,
}

fn update_secret(secrets: &mut Secrets, request: UpdateSecret, now: f64) -> Result<Value, Failure> {
    let secret = find_live(secrets, &request.secret_id)?;
    let stages = [CURRENT.to_owned()];
    let version_id = request
        .value
        .validate()?
        .map(|value| secret.add_version(request.client_request_token, value, &stages, now))
        .transpose()?;
    if request.description.is_some() {
        secret.description = request.description;
        secret.changed = now;
    }
    Ok(without_nulls(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": version_id })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateVersionStage {
    secret_id: String,
    version_stage: String,
    remove_from_version_id: Option<String>,
    move_to_version_id: Option<String>,
}

fn update_version_stage(
    secrets: &mut Secrets,
    request: UpdateVersionStage,
    now: f64,
) -> Result<Value, Failure> {
    let secret = find_live(secrets, &request.secret_id)?;
    let stage = request.version_stage.as_str();
    let holder = secret.version_at(stage).map(|version| version.id.clone());
    let from = request.remove_from_version_id;
    for id in from.iter().chain(&request.move_to_version_id) {
        secret.version(id).ok_or_else(|| Failure::no_such_version(id))?;
    }
    if from.is_some() && from != holder {
        return Err(Failure::invalid_parameter(format!(
            "The staging label {stage} is not attached to the version in RemoveFromVersionId."
        )));
    }
    match (request.move_to_version_id, holder) {
        (Some(to), Some(holder)) if to != holder && from.is_none() => {
            return Err(Failure::invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is \
                 currently attached to version {holder}, so you must explicitly reference that \
                 version in RemoveFromVersionId."
            )));
        }
        (Some(to), _) => secret.move_stage(stage, &to),
        (None, _) if from.is_none() => {
            return Err(Failure::invalid_parameter(
                "You must provide RemoveFromVersionId, MoveToVersionId or both.",
            ));
        }
        (None, _) if stage == CURRENT => {
            return Err(Failure::invalid_parameter(
                "You can only move staging label AWSCURRENT to a different secret version. It \
                 can't be completely removed.",
            ));
        }
        (None, _) => {
            for version in &mut secret.versions {
                version.stages.remove(stage);
            }
        }
    }
    secret.changed = now;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretId {
    secret_id: String,
}

fn describe_secret(secrets: &mut Secrets, request: SecretId) -> Result<Value, Failure> {
    Ok(find(secrets, &request.secret_id)?.describe("VersionIdsToStages"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListSecrets {
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    include_planned_deletion: bool,
    #[serde(default)]
    filters: Vec<Value>,
}

fn list_secrets(secrets: &Secrets, request: ListSecrets) -> Result<Value, Failure> {
    if !request.filters.is_empty() {
        return Err(Failure::invalid_parameter("The filters of ListSecrets are not embedded."));
    }
    let limit = request.max_results.unwrap_or(PAGE_LIMIT);
    if !(1..=PAGE_LIMIT).contains(&limit) {
        return Err(Failure::invalid_parameter("MaxResults must be between 1 and 100."));
    }
    // The token is the last name of the page before.
    let after = request.next_token.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = secrets
        .range((after, Bound::Unbounded))
        .map(|(_, secret)| secret)
        .filter(|secret| secret.deletion.is_none() || request.include_planned_deletion)
        .peekable();
    let page: Vec<&Secret> = rest.by_ref().take(limit).collect();
    let next = rest.peek().and(page.last()).map(|last| &last.name);
    let page: Vec<Value> =
        page.iter().map(|secret| secret.describe("SecretVersionsToStages")).collect();
    Ok(without_nulls(json!({ "SecretList": page, "NextToken": next })))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteSecret {
    secret_id: String,
    recovery_window_in_days: Option<u8>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

fn delete_secret(secrets: &mut Secrets, request: DeleteSecret, now: f64) -> Result<Value, Failure> {
    if request.force_delete_without_recovery {
        if request.recovery_window_in_days.is_some() {
            return Err(Failure::invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with \
                 RecoveryWindowInDays.",
            ));
        }
        // AWS answers the same whether or not there was such a secret.
        let (name, arn) = match find(secrets, &request.secret_id) {
            Ok(secret) => (secret.name.clone(), secret.arn.clone()),
            Err(_) => (request.secret_id.clone(), request.secret_id),
        };
        secrets.remove(&name);
        return Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": now }));
    }
    let days = request.recovery_window_in_days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(Failure::invalid_parameter(
            "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let secret = find_live(secrets, &request.secret_id)?;
    let deletion = now + f64::from(days) * 86_400.0;
    secret.deletion = Some(deletion);
    Ok(json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": deletion }))
}

fn restore_secret(secrets: &mut Secrets, request: SecretId) -> Result<Value, Failure> {
    let secret = find(secrets, &request.secret_id)?;
    secret.deletion = None;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}
