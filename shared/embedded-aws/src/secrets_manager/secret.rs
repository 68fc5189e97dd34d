//! A secret, its versions and their labels.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CURRENT, Failure, PREVIOUS, without_nulls};

/// The quota of AWS for a secret's value.
const VALUE_LIMIT_BYTES: usize = 65_536;
/// The quota of AWS for versions of a secret, above which it forgets the oldest without a label.
const VERSION_LIMIT: usize = 100;

#[derive(Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) tags: Vec<Value>,
    pub(super) created: f64,
    pub(super) changed: f64,
    pub(super) accessed: Option<f64>,
    /// When it goes for good. Nothing removes it then, but it can no longer be read.
    pub(super) deletion: Option<f64>,
    /// In the order of their creation.
    pub(super) versions: Vec<Version>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) value: SecretValue,
    pub(super) created: f64,
    pub(super) stages: BTreeSet<String>,
}

/// The payload, as it is on the wire: the binary one is base64 and stays so.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SecretValue {
    pub(super) secret_string: Option<String>,
    pub(super) secret_binary: Option<String>,
}

impl SecretValue {
    /// The value if there is one, within the limits.
    pub(super) fn validate(self) -> Result<Option<Self>, Failure> {
        let length = match (&self.secret_string, &self.secret_binary) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Failure::invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value in \
                     the same secret.",
                ));
            }
            (Some(text), None) => text.len(),
            (None, Some(base64)) => base64.len() / 4 * 3,
        };
        if length == 0 || length > VALUE_LIMIT_BYTES {
            return Err(Failure::invalid_parameter(format!(
                "The secret value has {length} bytes; it must have 1 to {VALUE_LIMIT_BYTES}."
            )));
        }
        Ok(Some(self))
    }
}

impl Secret {
    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn version_at(&self, stage: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.stages.contains(stage))
    }

    pub(super) fn stages(&self) -> BTreeMap<&str, &BTreeSet<String>> {
        let labelled = self.versions.iter().filter(|version| !version.stages.is_empty());
        labelled.map(|version| (version.id.as_str(), &version.stages)).collect()
    }

    /// Attaches `stage` to the version `to` and takes it from any other. The version that loses
    /// `AWSCURRENT` becomes `AWSPREVIOUS`.
    pub(super) fn move_stage(&mut self, stage: &str, to: &str) {
        let mut loser = None;
        for version in &mut self.versions {
            if version.id == to {
                version.stages.insert(stage.to_owned());
            } else if version.stages.remove(stage) {
                loser = Some(version.id.clone());
            }
        }
        if stage == CURRENT
            && let Some(loser) = loser
        {
            self.move_stage(PREVIOUS, &loser);
        }
    }

    /// Adds a version, whose id is `token` if there is one. The same token with the same value is
    /// a retry and adds nothing.
    pub(super) fn add_version(
        &mut self,
        token: Option<String>,
        value: SecretValue,
        stages: &[String],
        now: f64,
    ) -> Result<String, Failure> {
        let id = token.unwrap_or_else(|| Uuid::new_v4().to_string());
        if !(32..=64).contains(&id.len()) {
            return Err(Failure::invalid_parameter("ClientRequestToken must be 32-64 characters."));
        }
        if let Some(version) = self.version(&id) {
            return if version.value == value {
                Ok(id)
            } else {
                Err(Failure::new(
                    "ResourceExistsException",
                    format!("The version {id} already exists with another value."),
                ))
            };
        }
        self.versions.push(Version {
            id: id.clone(),
            value,
            created: now,
            stages: BTreeSet::new(),
        });
        for stage in stages {
            self.move_stage(stage, &id);
        }
        if self.version_at(CURRENT).is_none() {
            self.move_stage(CURRENT, &id);
        }
        if self.versions.len() > VERSION_LIMIT
            && let Some(oldest) = self.versions.iter().position(|old| old.stages.is_empty())
        {
            self.versions.remove(oldest);
        }
        self.changed = now;
        Ok(id)
    }

    pub(super) fn describe(&self, stages_key: &str) -> Value {
        without_nulls(json!({
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "Tags": self.tags,
            "CreatedDate": self.created,
            "LastChangedDate": self.changed,
            "LastAccessedDate": self.accessed,
            "DeletedDate": self.deletion,
            stages_key: self.stages(),
        }))
    }
}
