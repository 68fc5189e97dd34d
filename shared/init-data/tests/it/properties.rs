//! What holds for every string, not only for the ones in the vectors.

use std::time::Duration;

use minigate_init_data::{
    BotId, Error, Key, LoginWidgetVerifier, Signer, ThirdPartySigner, Verifier,
};
use proptest::prelude::*;

use crate::{BOT_TOKEN, NOW, OTHER_TOKEN, USER, signer, verifier};

fn third_party() -> (ThirdPartySigner, Verifier) {
    let bot_id = BotId::new(123_456_789).unwrap();
    let signer = ThirdPartySigner::new(bot_id, [7; 32]);
    let key = Key::third_party(bot_id, signer.environment()).unwrap();
    (signer, Verifier::new([key]).unwrap())
}

/// Fields whose keys differ from each other and from those that signing adds.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let value = "[^\\p{Cc}]{0,40}";
    prop::collection::btree_map("[A-Za-z_-][A-Za-z0-9_-]{0,20}", value, 0..20).prop_map(|fields| {
        let known =
            ["auth_date", "hash", "signature", "user", "receiver", "chat", "can_send_after"];
        fields.into_iter().filter(|(key, _)| !known.contains(&key.as_str())).collect()
    })
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Strings that come close to real ones, more often than chance would have it.
fn query() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just("hash=".to_owned() + &"a".repeat(64)),
        Just("auth_date=1".to_owned()),
        Just("user={".to_owned()),
        "%[0-9A-Fa-f]{2}",
        "[\\PC\\n\\t%+&=]{0,8}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_comes_back(fields in fields(), auth_date in any::<u64>()) {
        let fields = borrowed(&fields);
        let forever = verifier().with_max_age(None).with_max_skew(Duration::MAX);
        let init_data = signer().sign(&fields, auth_date).unwrap();
        let data = forever.verify(&init_data, auth_date).unwrap();
        prop_assert_eq!(data.auth_date(), auth_date);
        for (key, value) in &fields {
            prop_assert_eq!(data.fields().get(key), Some(*value));
        }
        prop_assert_eq!(data.fields().iter().len(), fields.len() + 2);

        let (signer, verifier) = third_party();
        let init_data = signer.sign(&fields, auth_date).unwrap();
        let verifier = verifier.with_max_age(None).with_max_skew(Duration::MAX);
        prop_assert!(verifier.verify(&init_data, auth_date).is_ok());
    }

    #[test]
    fn order_and_spelling_of_a_string_do_not_matter(
        fields in fields().prop_shuffle(),
        place in 0_usize..20,
    ) {
        let init_data = signer().sign(&borrowed(&fields), NOW).unwrap();
        let mut pairs: Vec<&str> = init_data.split('&').collect();
        let hash = pairs.pop().unwrap();
        pairs.insert(place.min(pairs.len()), hash);
        let shuffled = pairs.join("&&").replace("%20", "+");
        prop_assert!(verifier().verify(&shuffled, NOW).is_ok());
    }

    /// Any byte of a string may change: either it is refused, or it says the same.
    #[test]
    fn a_changed_byte_changes_nothing_or_is_refused(
        fields in fields(),
        place in any::<prop::sample::Index>(),
        byte in 0_u8..128,
        is_third_party in any::<bool>(),
    ) {
        let mut fields = borrowed(&fields);
        fields.push(("user", USER));
        let (third_party_signer, third_party_verifier) = third_party();
        let (init_data, verifier) = if is_third_party {
            (third_party_signer.sign(&fields, NOW).unwrap(), third_party_verifier)
        } else {
            (signer().sign(&fields, NOW).unwrap(), verifier())
        };
        let honest = verifier.verify(&init_data, NOW).unwrap();
        let mut bytes = init_data.into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(data) = verifier.verify(&changed, NOW) {
            prop_assert_eq!(data, honest);
        }
    }

    #[test]
    fn another_key_refuses(fields in fields()) {
        let fields = borrowed(&fields);
        let other = Signer::from_bot_token(OTHER_TOKEN).unwrap();
        let init_data = other.sign(&fields, NOW).unwrap();
        prop_assert_eq!(verifier().verify(&init_data, NOW), Err(Error::HashMismatch));
        let widget = signer().sign_login_widget(&fields, NOW).unwrap();
        prop_assert_eq!(verifier().verify(&widget, NOW), Err(Error::HashMismatch));
    }

    #[test]
    fn a_second_field_of_a_name_is_refused(fields in fields(), is_first in any::<bool>()) {
        let mut fields = borrowed(&fields);
        fields.push(("user", USER));
        let init_data = signer().sign(&fields, NOW).unwrap();
        let (key, _) = fields[fields.len() / 2];
        let doubled = if is_first {
            format!("{key}=x&{init_data}")
        } else {
            format!("{init_data}&{key}=x")
        };
        prop_assert_eq!(verifier().verify(&doubled, NOW), Err(Error::DuplicateKey));
    }

    #[test]
    fn no_string_makes_it_panic(text in ".{0,300}", query in query(), now in any::<u64>()) {
        let (_, third_party) = third_party();
        let widget = LoginWidgetVerifier::from_bot_tokens([BOT_TOKEN]).unwrap();
        for text in [&text, &query] {
            prop_assert!(verifier().verify(text, now).is_err());
            prop_assert!(third_party.verify(text, now).is_err());
            prop_assert!(widget.verify(text, now).is_err());
        }
    }

    /// Also beyond the signature check.
    #[test]
    fn no_signed_value_makes_it_panic(
        json in "[\\[\\]{}\":,a-z0-9\\\\. -]{0,80}",
        text in "[^\\p{Cc}]{0,20}",
        now in any::<u64>(),
    ) {
        let fields = [("user", json.as_str()), ("chat", &json), ("can_send_after", &text)];
        for field in fields {
            let init_data = signer().sign(&[field], NOW).unwrap();
            let _ = verifier().verify(&init_data, now);
        }
    }
}
