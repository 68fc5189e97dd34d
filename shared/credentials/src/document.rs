//! The JSON of a badge, and the RDF that JSON-LD makes of it.
//!
//! `credentialSchema` is left out: its type is in neither context, so the proof would not cover it.

use serde::{Deserialize, Serialize};

use crate::{
    Achievement, Badge, Issuer, StatusEntry,
    proof::Proof,
    rdf::{self, Graph, Term, iri, literal, typed, xsd},
    time,
};

/// The versions of the contexts never change, which the RDF below depends on.
const CONTEXTS: [&str; 2] = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
];
const TYPES: [&str; 2] = ["VerifiableCredential", "OpenBadgeCredential"];
const STATUS_TYPE: &str = "BitstringStatusListEntry";
const REVOCATION: &str = "revocation";

/// The document: the members of the credential in the order of the specification, then the claims that a
/// JWT repeats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Document {
    #[serde(rename = "@context")]
    context: Vec<String>,
    pub(crate) id: String,
    r#type: Vec<String>,
    name: String,
    issuer: IssuerNode,
    valid_from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    credential_subject: Subject,
    credential_status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerNode {
    id: String,
    r#type: [String; 1],
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    id: String,
    r#type: [String; 1],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<[Identity; 1]>,
    achievement: AchievementNode,
    result: [ResultNode; 1],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Identity {
    r#type: String,
    hashed: bool,
    identity_hash: String,
    identity_type: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AchievementNode {
    id: String,
    r#type: [String; 1],
    name: String,
    description: String,
    achievement_type: String,
    in_language: String,
    criteria: Criteria,
    result_description: [ResultDescription; 1],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Criteria {
    narrative: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResultDescription {
    id: String,
    r#type: [String; 1],
    name: String,
    result_type: String,
    value_max: String,
    value_min: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResultNode {
    r#type: [String; 1],
    result_description: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Status {
    id: String,
    r#type: String,
    status_purpose: String,
    status_list_index: String,
    status_list_credential: String,
}

fn one(text: &str) -> [String; 1] {
    [text.to_owned()]
}

impl Document {
    /// The document of a badge, without a proof and without claims.
    pub(crate) fn of(badge: &Badge, issuer: &Issuer) -> Self {
        let Achievement { id, name, description, language, criteria } = &badge.achievement;
        let StatusEntry { list, index } = &badge.status;
        let result = format!("{id}#score");
        Self {
            context: CONTEXTS.map(str::to_owned).into(),
            id: badge.id.clone(),
            r#type: TYPES.map(str::to_owned).into(),
            name: name.clone(),
            issuer: IssuerNode {
                id: issuer.id.clone(),
                r#type: one("Profile"),
                name: issuer.name.clone(),
            },
            valid_from: time::to_text(badge.valid_from),
            valid_until: badge.valid_until.map(time::to_text),
            credential_subject: Subject {
                id: badge.subject.clone(),
                r#type: one("AchievementSubject"),
                identifier: badge.holder_name.as_ref().map(|name| {
                    [Identity {
                        r#type: "IdentityObject".to_owned(),
                        hashed: false,
                        identity_hash: name.clone(),
                        identity_type: "name".to_owned(),
                    }]
                }),
                achievement: AchievementNode {
                    id: id.clone(),
                    r#type: one("Achievement"),
                    name: name.clone(),
                    description: description.clone(),
                    achievement_type: "Certificate".to_owned(),
                    in_language: language.clone(),
                    criteria: Criteria { narrative: criteria.clone() },
                    result_description: [ResultDescription {
                        id: result.clone(),
                        r#type: one("ResultDescription"),
                        name: "Score".to_owned(),
                        result_type: "Percent".to_owned(),
                        value_max: "100".to_owned(),
                        value_min: "0".to_owned(),
                    }],
                },
                result: [ResultNode {
                    r#type: one("Result"),
                    result_description: result,
                    value: badge.score.clone(),
                }],
            },
            credential_status: Status {
                id: format!("{list}#{index}"),
                r#type: STATUS_TYPE.to_owned(),
                status_purpose: REVOCATION.to_owned(),
                status_list_index: index.to_string(),
                status_list_credential: list.clone(),
            },
            proof: None,
            iss: None,
            jti: None,
            sub: None,
            nbf: None,
            exp: None,
        }
    }

    /// The badge that it is the document of; `None` if it is the document of none.
    pub(crate) fn badge(&self) -> Option<Badge> {
        let Subject { id: subject, identifier, achievement, result: [result], .. } =
            &self.credential_subject;
        let identity = identifier.as_ref().map(|[identity]| identity.identity_hash.clone());
        let badge = Badge {
            id: self.id.clone(),
            valid_from: time::of_text(&self.valid_from)?,
            valid_until: match &self.valid_until {
                Some(text) => Some(time::of_text(text)?),
                None => None,
            },
            subject: subject.clone(),
            holder_name: identity,
            achievement: Achievement {
                id: achievement.id.clone(),
                name: achievement.name.clone(),
                description: achievement.description.clone(),
                language: achievement.in_language.clone(),
                criteria: achievement.criteria.narrative.clone(),
            },
            score: result.value.clone(),
            status: StatusEntry {
                list: self.credential_status.status_list_credential.clone(),
                index: self.credential_status.status_list_index.parse().ok()?,
            },
        };
        // Whatever else the document says, the badge must say it too. The name of the issuer is what it
        // was then.
        let IssuerNode { id, name, .. } = self.issuer.clone();
        let written = Self::of(&badge, &Issuer { id, name });
        let written = Self { proof: self.proof.clone(), ..written };
        (*self == written).then_some(badge)
    }

    /// The document with the claims of its JWT.
    pub(crate) fn with_claims(&self) -> Self {
        Self {
            iss: Some(self.issuer.id.clone()),
            jti: Some(self.id.clone()),
            sub: Some(self.credential_subject.id.clone()),
            nbf: time::of_text(&self.valid_from),
            exp: self.valid_until.as_deref().and_then(time::of_text),
            ..self.clone()
        }
    }

    /// The document without them.
    pub(crate) fn without_claims(&self) -> Self {
        Self { iss: None, jti: None, sub: None, nbf: None, exp: None, ..self.clone() }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a proof signs: the RDF of the document, without the proof, in canonical form.
    pub(crate) fn canonical(&self) -> String {
        const CREDENTIALS: &str = "https://www.w3.org/2018/credentials#";
        const STATUS: &str = "https://www.w3.org/ns/credentials/status#";
        let (mut graph, me) = (Graph::default(), iri(&self.id));
        let subject = iri(&self.credential_subject.id);
        let term = |name: &str| format!("{CREDENTIALS}{name}");
        graph.add(&me, rdf::TYPE, iri(&term("VerifiableCredential")));
        graph.add(&me, rdf::TYPE, iri(&badges("OpenBadgeCredential")));
        graph.add(&me, NAME, literal(&self.name));
        graph.add(&me, &term("issuer"), iri(&self.issuer.id));
        graph.add(&me, &term("validFrom"), xsd(&self.valid_from, "dateTime"));
        if let Some(until) = &self.valid_until {
            graph.add(&me, &term("validUntil"), xsd(until, "dateTime"));
        }
        graph.add(&me, &term("credentialSubject"), subject.clone());
        let issuer = iri(&self.issuer.id);
        graph.add(&issuer, rdf::TYPE, iri(&badges("Profile")));
        graph.add(&issuer, NAME, literal(&self.issuer.name));
        let status = &self.credential_status;
        let entry = iri(&status.id);
        graph.add(&me, &term("credentialStatus"), entry.clone());
        let term = |name: &str| format!("{STATUS}{name}");
        graph.add(&entry, rdf::TYPE, iri(&term(STATUS_TYPE)));
        graph.add(&entry, &term("statusPurpose"), literal(&status.status_purpose));
        graph.add(&entry, &term("statusListIndex"), literal(&status.status_list_index));
        graph.add(&entry, &term("statusListCredential"), iri(&status.status_list_credential));
        self.credential_subject.state(&subject, &mut graph);
        graph.canonical()
    }
}

const NAME: &str = "https://schema.org/name";

fn badges(name: &str) -> String {
    format!("https://purl.imsglobal.org/spec/vc/ob/vocab.html#{name}")
}

impl Subject {
    fn state(&self, subject: &Term, graph: &mut Graph) {
        graph.add(subject, rdf::TYPE, iri(&badges("AchievementSubject")));
        let achievement = iri(&self.achievement.id);
        graph.add(subject, &badges("achievement"), achievement.clone());
        self.achievement.state(&achievement, graph);
        if let Some([identity]) = &self.identifier {
            let who = Term::Blank("who");
            graph.add(subject, &badges("identifier"), who.clone());
            graph.add(&who, rdf::TYPE, iri(&badges("IdentityObject")));
            graph.add(
                &who,
                &badges("hashed"),
                typed(&identity.hashed.to_string(), &misspelt("boolean")),
            );
            graph.add(&who, &badges("identityHash"), literal(&identity.identity_hash));
            graph.add(&who, &badges("identityType"), literal(&identity.identity_type));
        }
        let ([result], node) = (&self.result, Term::Blank("result"));
        graph.add(subject, &badges("result"), node.clone());
        graph.add(&node, rdf::TYPE, iri(&badges("Result")));
        let described = typed(&result.result_description, &misspelt("anyURI"));
        graph.add(&node, &badges("resultDescription"), described);
        graph.add(&node, "https://schema.org/value", literal(&result.value));
    }
}

impl AchievementNode {
    fn state(&self, me: &Term, graph: &mut Graph) {
        graph.add(me, rdf::TYPE, iri(&badges("Achievement")));
        graph.add(me, NAME, literal(&self.name));
        graph.add(me, "https://schema.org/description", literal(&self.description));
        graph.add(me, "https://schema.org/inLanguage", literal(&self.in_language));
        graph.add(me, &badges("achievementType"), literal(&self.achievement_type));
        let criteria = Term::Blank("criteria");
        graph.add(me, &badges("Criteria"), criteria.clone());
        graph.add(&criteria, &badges("narrative"), literal(&self.criteria.narrative));
        let [result] = &self.result_description;
        let node = iri(&result.id);
        graph.add(me, &badges("resultDescription"), node.clone());
        graph.add(&node, rdf::TYPE, iri(&badges("ResultDescription")));
        graph.add(&node, NAME, literal(&result.name));
        for (name, value) in [
            ("resultType", &result.result_type),
            ("valueMax", &result.value_max),
            ("valueMin", &result.value_min),
        ] {
            graph.add(&node, &badges(name), literal(value));
        }
    }
}

/// A type of XML Schema, as the context of Open Badges spells it: with `https`.
fn misspelt(name: &str) -> String {
    format!("https://www.w3.org/2001/XMLSchema#{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The canonical form that PyLD, a JSON-LD processor, makes of this document.
    #[test]
    fn the_canonical_form_is_that_of_a_json_ld_processor() {
        let text = include_str!("../tests/data/open-badge.json");
        let document: Document = serde_json::from_str(text).unwrap();
        assert_eq!(document.canonical(), include_str!("../tests/data/open-badge.nq"));
    }
}
