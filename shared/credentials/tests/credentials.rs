//! Signing and verifying, and what a forger may try.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minigate_credentials::{
    Achievement, Badge, Issuer, PublicKey, Reject, Signed, SigningKey, StatusEntry, StatusList,
    json_of_jwt, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = 1_795_507_200;

fn issuer() -> Issuer {
    Issuer::at("https://api.example.org", "Recertify").unwrap()
}

fn key(byte: u8) -> SigningKey {
    SigningKey::from_seed(&[byte; 32])
}

fn badge() -> Badge {
    Badge {
        id: "https://api.example.org/v1/certificates/1".to_owned(),
        valid_from: NOW,
        valid_until: Some(NOW + 86_400),
        subject: "urn:uuid:0198c0de-0000-4000-8000-0000000000aa".to_owned(),
        holder_name: Some("Ada \"Łuna\" 🦀 O'Neil\\".to_owned()),
        achievement: Achievement {
            id: "https://api.example.org/v1/quizzes/rust-basics/versions/3".to_owned(),
            name: "Rust basics".to_owned(),
            description: "Владение и заимствование".to_owned(),
            language: "en".to_owned(),
            criteria: "At least 80 %".to_owned(),
        },
        score: "87.5".to_owned(),
        status: StatusEntry {
            list: "https://api.example.org/v1/certificates/status/0".to_owned(),
            index: 4_711,
        },
    }
}

fn signed() -> Signed {
    badge().sign(&issuer(), &key(1), NOW + 5)
}

fn verified(text: &str) -> Result<Badge, Reject> {
    verify(text, &issuer(), &[key(2).public(), key(1).public()])
}

#[test]
fn both_forms_verify_and_say_the_same() {
    for badge in [badge(), Badge { valid_until: None, holder_name: None, ..badge() }] {
        let Signed { json, jwt } = badge.sign(&issuer(), &key(1), NOW);
        assert_eq!(verified(&json), Ok(badge.clone()));
        assert_eq!(verified(&jwt), Ok(badge));
        assert_eq!(json_of_jwt(&jwt), Some(json));
    }
    assert_eq!(signed(), signed());
}

#[test]
fn another_issuer_and_an_unknown_key_are_told_apart() {
    let elsewhere = Issuer::at("https://other.example", "Recertify").unwrap();
    let renamed = Issuer { name: "Recertify!".to_owned(), ..issuer() };
    for signed in [badge().sign(&elsewhere, &key(1), NOW), badge().sign(&elsewhere, &key(9), NOW)] {
        assert_eq!(verified(&signed.json), Err(Reject::OtherIssuer));
        assert_eq!(verified(&signed.jwt), Err(Reject::OtherIssuer));
    }
    let signed = badge().sign(&issuer(), &key(9), NOW);
    assert_eq!(verified(&signed.json), Err(Reject::UnknownKey));
    assert_eq!(verified(&signed.jwt), Err(Reject::UnknownKey));
    // A name that the issuer no longer has was signed by it all the same.
    let before = badge().sign(&renamed, &key(1), NOW);
    assert_eq!(verified(&before.jwt), Ok(badge()));
}

#[test]
fn what_is_no_badge_is_malformed() {
    for (text, field) in [
        ("", "."),
        ("a.b.c", "."),
        ("{", "."),
        ("[]", "."),
        ("{}", "issuer"),
        (r#"{"issuer":7}"#, "issuer"),
        (r#"{"issuer":"did:web:api.example.org"}"#, "proof"),
    ] {
        let Err(Reject::Malformed { field: named, .. }) = verified(text) else { panic!("{text}") };
        assert_eq!(named, field, "{text}");
    }
}

/// Every leaf of the document, and every member that may be added, is covered by the proof.
#[test]
fn any_change_of_the_json_is_found() {
    let json: Value = serde_json::from_str(&signed().json).unwrap();
    let mut paths = Vec::new();
    collect(&json, String::new(), &mut paths);
    assert!(paths.len() > 60, "{}", paths.len());
    for path in paths {
        let mut altered = json.clone();
        let value = altered.pointer_mut(&path).unwrap();
        let changed = match value {
            Value::String(text) => json!(format!("{text}x")),
            Value::Bool(is) => json!(!*is),
            Value::Object(members) => {
                members.insert("added".to_owned(), json!("x"));
                Value::Object(members.clone())
            }
            Value::Array(items) => {
                items.push(items[0].clone());
                Value::Array(items.clone())
            }
            other => panic!("{other}"),
        };
        *value = changed;
        let outcome = verified(&altered.to_string());
        let expected = match &*path {
            "/issuer/id" => Reject::OtherIssuer,
            "/proof/verificationMethod" => Reject::UnknownKey,
            _ => Reject::Altered,
        };
        assert_eq!(outcome, Err(expected), "{path}");
        if path.matches('/').count() == 1 && path != "/issuer" && path != "/proof" {
            let mut shortened = json.clone();
            shortened.as_object_mut().unwrap().remove(&path[1..]);
            assert_eq!(verified(&shortened.to_string()), Err(Reject::Altered), "without {path}");
        }
    }
    let claimed = signed().json.replacen('{', r#"{"iss":"did:web:api.example.org","#, 1);
    assert_eq!(verified(&claimed), Err(Reject::Altered));
    let twice = signed().json.replacen('{', r#"{"name":"Rust experts","#, 1);
    assert_eq!(verified(&twice), Err(Reject::Altered));
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members
                .iter()
                .for_each(|(name, inner)| collect(inner, format!("{path}/{name}"), paths));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| collect(item, format!("{path}/{at}"), paths));
        }
        _ => {}
    }
    paths.push(path);
}

/// A signed payload that is no badge of ours, as a status list is none.
#[test]
fn what_the_key_signs_otherwise_is_no_badge() {
    let list = StatusList::revoking([4_711]);
    let id = "https://api.example.org/v1/certificates/status/0";
    let jwt = list.sign(id, &issuer(), &key(1), NOW, NOW + 86_400);
    assert_eq!(verified(&jwt), Err(Reject::Altered));
    let payload = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["validUntil"], "2026-11-25T08:00:00Z");
    assert_eq!(payload["issuer"], payload["iss"]);
}

#[test]
fn the_document_of_the_issuer_names_each_key_in_both_forms() {
    let keys: Vec<PublicKey> = [1, 2].map(|byte| key(byte).public()).into();
    let document = issuer().document(&keys);
    assert_eq!(document["id"], "did:web:api.example.org");
    let methods = document["verificationMethod"].as_array().unwrap();
    assert_eq!(methods.len(), 4);
    for (key, pair) in keys.iter().zip(methods.chunks(2)) {
        assert_eq!(pair[0]["publicKeyMultibase"], key.multibase());
        assert_eq!(pair[1]["publicKeyJwk"]["x"], key.x());
        for method in pair {
            assert!(document["assertionMethod"].as_array().unwrap().contains(&method["id"]));
        }
    }
}

proptest! {
    #[test]
    fn any_changed_byte_of_a_token_is_refused(at in 0_usize..4_000, to in "[A-Za-z0-9_.-]") {
        let mut token = signed().jwt;
        let at = at % token.len();
        prop_assume!(token[at..=at] != to);
        token.replace_range(at..=at, &to);
        prop_assert!(verified(&token).is_err());
    }

    #[test]
    fn any_texts_round_trip(name in "\\PC{1,40}", title in "\\PC{1,40}") {
        let mut badge = badge();
        badge.holder_name = Some(name);
        badge.achievement.name = title;
        let signed = badge.sign(&issuer(), &key(1), NOW);
        prop_assert_eq!(verified(&signed.json), Ok(badge.clone()));
        prop_assert_eq!(verified(&signed.jwt), Ok(badge));
    }

    #[test]
    fn nothing_panics(text in ".{0,200}") {
        prop_assert!(verified(&text).is_err());
    }
}
