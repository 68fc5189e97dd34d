//! `eddsa-rdfc-2022`, a Data Integrity proof over the RDF of a document.
//! Source: <https://www.w3.org/TR/vc-di-eddsa/>, 3.2.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Issuer, PublicKey, SigningKey, base58,
    document::Document,
    rdf::{self, Graph, Term, iri, typed, xsd},
    time,
};

const TYPE: &str = "DataIntegrityProof";
const SUITE: &str = "eddsa-rdfc-2022";
const PURPOSE: &str = "assertionMethod";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Proof {
    r#type: String,
    cryptosuite: String,
    created: String,
    pub(crate) verification_method: String,
    proof_purpose: String,
    proof_value: String,
}

/// The proof of a document, made at `now`, in Unix seconds.
pub(crate) fn made(document: &Document, issuer: &Issuer, key: &SigningKey, now: u64) -> Proof {
    let mut proof = Proof {
        r#type: TYPE.to_owned(),
        cryptosuite: SUITE.to_owned(),
        created: time::to_text(now),
        verification_method: issuer.proof_key(&key.public()),
        proof_purpose: PURPOSE.to_owned(),
        proof_value: String::new(),
    };
    proof.sign(document, key);
    proof
}

impl Proof {
    fn sign(&mut self, document: &Document, key: &SigningKey) {
        self.proof_value = format!("z{}", base58::encode(&key.sign(&self.message(document))));
    }

    /// Whether it is a proof of this document by this key.
    pub(crate) fn proves(&self, document: &Document, key: &PublicKey) -> bool {
        let is_ours = self.r#type == TYPE
            && self.cryptosuite == SUITE
            && self.proof_purpose == PURPOSE
            && time::of_text(&self.created).is_some();
        let signature = self.proof_value.strip_prefix('z').and_then(base58::decode);
        is_ours
            && signature.is_some_and(|signature| key.verifies(&self.message(document), &signature))
    }

    fn message(&self, document: &Document) -> Vec<u8> {
        let hash = |canonical: String| Sha256::digest(canonical);
        [hash(self.canonical()), hash(document.canonical())].concat()
    }

    /// The proof without its value, in canonical form.
    fn canonical(&self) -> String {
        let security = |name: &str| format!("https://w3id.org/security#{name}");
        let (mut graph, me) = (Graph::default(), Term::Blank("proof"));
        graph.add(&me, rdf::TYPE, iri(&security(&self.r#type)));
        let suite = typed(&self.cryptosuite, &security("cryptosuiteString"));
        graph.add(&me, &security("cryptosuite"), suite);
        graph.add(&me, "http://purl.org/dc/terms/created", xsd(&self.created, "dateTime"));
        graph.add(&me, &security("verificationMethod"), iri(&self.verification_method));
        graph.add(&me, &security("proofPurpose"), iri(&security(&self.proof_purpose)));
        graph.canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document that the verifiers of others accepted, and the proof in it.
    #[test]
    fn a_proof_that_others_accept_is_made_again() {
        let text = include_str!("../tests/data/open-badge.json");
        let document: Document = serde_json::from_str(text).unwrap();
        let key = SigningKey::from_seed(&std::array::from_fn(|index| index as u8));
        let accepted = document.proof.clone().unwrap();
        assert!(accepted.proves(&document, &key.public()));
        let mut again = Proof { proof_value: String::new(), ..accepted.clone() };
        again.sign(&document, &key);
        assert_eq!(again, accepted);
        let other = SigningKey::from_seed(&[1; 32]);
        assert!(!accepted.proves(&document, &other.public()));
        for forged in [
            Proof { created: "2026-11-24T08:00:01Z".to_owned(), ..accepted.clone() },
            Proof { proof_purpose: "authentication".to_owned(), ..accepted.clone() },
            Proof { proof_value: accepted.proof_value[1..].to_owned(), ..accepted.clone() },
        ] {
            assert!(!forged.proves(&document, &key.public()));
        }
    }
}
