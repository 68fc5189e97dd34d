use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{
    AttemptId, CertificateId, Entropy, Language, Timestamp,
    certificates::{Certificate, Pass, Revocation, StatusList},
    quizzes::{CertificateRules, Version},
};
use minigate_store::{
    CertificateKey, KeepSignature, NameOutcome, RevokeCertificate, StoreError, StoredCertificate,
};
use minigate_testkit::{SeededEntropy, faults::Fault};

use crate::bed::{Bed, user_id};

fn pass(holder: u64, at: Timestamp) -> Pass {
    Pass {
        holder: user_id(holder),
        attempt: AttemptId::random(&SeededEntropy::new(holder)),
        quiz: "rust-basics".parse().unwrap(),
        version: Version::FIRST,
        title: "Rust basics".to_owned(),
        description: "Ownership and borrowing".to_owned(),
        language: Language::english(),
        score: 8_750.try_into().unwrap(),
        pass_mark: 8_000.try_into().unwrap(),
        passed_at: at,
        rules: CertificateRules { valid_days: Some(730), renewal: None },
    }
}

async fn issue(bed: &Bed, holder: u64, seed: u64) -> Certificate {
    bed.clock.advance(Duration::from_secs(1));
    let pass = pass(holder, bed.now());
    bed.store.issue_certificate(pass, &SeededEntropy::new(seed)).await.unwrap()
}

async fn read(bed: &Bed, id: CertificateId) -> StoredCertificate {
    bed.store.certificate(id).await.unwrap().unwrap()
}

fn revocation(bed: &Bed) -> Revocation {
    Revocation { at: bed.now(), reason: "copied".to_owned() }
}

#[tokio::test]
async fn a_certificate_is_read_by_one_call_and_has_no_signature_at_first() {
    let bed = Bed::start().await;
    let certificate = issue(&bed, 1, 1).await;
    bed.faults.reset_counts();
    let stored = read(&bed, certificate.id).await;
    assert_eq!(stored, StoredCertificate { certificate, jws: None });
    assert_eq!(bed.faults.count("GetItem"), 1);
    let other = CertificateId::random(&SeededEntropy::new(9));
    assert_eq!(bed.store.certificate(other).await.unwrap(), None);
}

#[tokio::test]
async fn the_signature_that_was_kept_first_is_what_everybody_gets() {
    let bed = Bed::start().await;
    let id = issue(&bed, 1, 1).await.id;
    let keep = async |revision, jws| bed.store.keep_signature(id, revision, jws).await.unwrap();
    let kept = |jws: &str| KeepSignature::Kept(jws.to_owned());
    assert_eq!(keep(1, "first").await, kept("first"));
    assert_eq!(keep(1, "second").await, kept("first"));
    assert_eq!(read(&bed, id).await.jws.as_deref(), Some("first"));
    assert_eq!(keep(2, "of another revision").await, KeepSignature::Changed);
}

#[tokio::test]
async fn a_name_is_put_on_and_taken_off_by_the_holder_only() {
    let bed = Bed::start().await;
    let id = issue(&bed, 1, 1).await.id;
    bed.store.keep_signature(id, 1, "nameless").await.unwrap();
    let ada = "Ada L.".parse().unwrap();
    let outcome = bed.store.name_certificate(id, user_id(2), Some(&ada)).await.unwrap();
    assert_eq!(outcome, NameOutcome::NotFound);
    for name in [Some(&ada), Some(&ada), None, None] {
        let outcome = bed.store.name_certificate(id, user_id(1), name).await.unwrap();
        let NameOutcome::Named(stored) = outcome else { panic!("{outcome:?}") };
        assert_eq!(stored.certificate.name.as_ref(), name);
        assert_eq!(stored.jws, None);
        // The same name again changes nothing.
        assert_eq!(stored.certificate.revision, if name.is_some() { 2 } else { 3 });
    }
    let late = bed.store.keep_signature(id, 1, "of an earlier revision").await.unwrap();
    assert_eq!(late, KeepSignature::Changed);
    let other = CertificateId::random(&SeededEntropy::new(9));
    let outcome = bed.store.name_certificate(other, user_id(1), None).await.unwrap();
    assert_eq!(outcome, NameOutcome::NotFound);
}

#[tokio::test]
async fn a_revocation_is_in_the_list_and_in_the_trail_and_happens_once() {
    let bed = Bed::start().await;
    let certificate = issue(&bed, 1, 1).await;
    let (id, slot) = (certificate.id, certificate.slot);
    assert_eq!(bed.store.revoked_in(slot.list).await.unwrap(), Some(vec![]));
    let lost = bed.faults.inject_times(1, "TransactWriteItems", Fault::SwallowAnswer);
    let entry = bed.entry("certificate.revoked");
    let outcome = bed.store.revoke_certificate(id, revocation(&bed), &entry).await.unwrap();
    let RevokeCertificate::Revoked(revoked) = outcome else { panic!("{outcome:?}") };
    assert_eq!(lost.hits(), 1);
    assert_eq!(read(&bed, id).await.certificate, *revoked);
    assert_eq!(bed.store.revoked_in(slot.list).await.unwrap(), Some(vec![slot.index]));
    let again = Revocation { at: bed.now(), reason: "another".to_owned() };
    let entry = bed.entry("certificate.revoked");
    let outcome = bed.store.revoke_certificate(id, again, &entry).await.unwrap();
    assert_eq!(outcome, RevokeCertificate::AlreadyRevoked(revoked.clone()));
    assert_eq!(bed.store.newest_audit_entries(9).await.unwrap().len(), 1);
    let named = bed.store.name_certificate(id, user_id(1), None).await.unwrap();
    assert_eq!(named, NameOutcome::Revoked(revoked));
    let other = CertificateId::random(&SeededEntropy::new(9));
    let outcome = bed.store.revoke_certificate(other, revocation(&bed), &entry).await.unwrap();
    assert_eq!(outcome, RevokeCertificate::NotFound);
}

#[tokio::test]
async fn a_list_without_certificates_does_not_exist_and_a_long_one_is_read_in_pages() {
    let bed = Bed::start().await;
    let certificate = issue(&bed, 1, 1).await;
    let list = certificate.slot.list;
    let empty: StatusList = "0".parse().unwrap();
    assert_eq!(bed.store.revoked_in(empty).await.unwrap(), None);
    let indices: Vec<u32> = (0..1_001).map(|index| index * 100).collect();
    for chunk in indices.chunks(25) {
        use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
        let put = |index: &u32| {
            let item = [("PK", format!("STATUS#{list}")), ("SK", format!("REVOKED#{index:06}"))];
            let item = item.map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
            let put = PutRequest::builder().set_item(Some(item.into())).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let write = bed.client.batch_write_item();
        let write = write.request_items("main", chunk.iter().map(put).collect());
        write.send().await.unwrap();
    }
    bed.faults.reset_counts();
    assert_eq!(bed.store.revoked_in(list).await.unwrap(), Some(indices));
    assert_eq!(bed.faults.count("Query"), 3);
}

/// Gives the same bytes a number of times, and then others.
struct Stubborn {
    first: SeededEntropy,
    again: std::sync::atomic::AtomicU32,
}

impl Entropy for Stubborn {
    fn fill(&self, buffer: &mut [u8]) {
        use std::sync::atomic::Ordering::Relaxed;
        // Only places are four bytes long.
        let is_place = buffer.len() == 4;
        let left = self.again.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if is_place && left.is_ok() { buffer.fill(7) } else { self.first.fill(buffer) }
    }
}

#[tokio::test]
async fn a_place_is_never_used_twice_and_a_third_collision_begins_a_list() {
    let bed = Bed::start().await;
    let issue = async |seed, times: u32| {
        // The ids come first.
        let (first, again) = (SeededEntropy::new(seed), (times + 2).into());
        bed.store.issue_certificate(pass(1, bed.now()), &Stubborn { first, again }).await
    };
    let first = issue(1, 1).await.unwrap();
    let second = issue(2, 2).await.unwrap();
    assert_eq!(first.slot.list, second.slot.list);
    assert_ne!(first.slot.index, second.slot.index);
    let third = issue(3, 9).await.unwrap();
    assert_eq!(third.slot.list.get(), first.slot.list.get() + 1);
    assert_eq!(third.slot.index, first.slot.index);
    for seed in 4..6 {
        issue(seed, 99).await.unwrap();
    }
    assert!(matches!(issue(6, 99).await, Err(StoreError::Contended { attempts: 12, .. })));
    assert_eq!(bed.store.certificates_of(user_id(1), None).await.unwrap().certificates.len(), 5);
}

#[tokio::test]
async fn a_user_lists_their_own_certificates_the_newest_first_in_pages() {
    let bed = Bed::start().await;
    let mut issued = Vec::new();
    for seed in 0..51 {
        issued.insert(0, issue(&bed, 1, seed).await);
    }
    issue(&bed, 2, 99).await;
    bed.faults.reset_counts();
    let first = bed.store.certificates_of(user_id(1), None).await.unwrap();
    assert_eq!((bed.faults.count("Query"), bed.faults.count("BatchGetItem")), (1, 1));
    assert_eq!(first.certificates, issued[..50]);
    let second = bed.store.certificates_of(user_id(1), first.next).await.unwrap();
    assert_eq!((&second.certificates[..], second.next), (&issued[50..], None));
    let nobody = bed.store.certificates_of(user_id(3), None).await.unwrap();
    assert_eq!((nobody.certificates.len(), nobody.next), (0, None));
}

#[tokio::test]
async fn a_key_is_recorded_once_and_stays() {
    let bed = Bed::start().await;
    let key = |id: &str| CertificateKey {
        id: id.to_owned(),
        x: format!("x of {id}"),
        recorded_at: bed.now(),
    };
    let (a, b) = (key("a"), key("b"));
    bed.store.record_certificate_key(&b).await.unwrap();
    bed.store.record_certificate_key(&a).await.unwrap();
    bed.clock.advance(Duration::from_secs(1));
    bed.store.record_certificate_key(&key("a")).await.unwrap();
    assert_eq!(bed.store.certificate_keys().await.unwrap(), [a, b]);
}

#[tokio::test]
async fn who_is_erased_leaves_certificates_that_lead_to_nobody() {
    let bed = Bed::start().await;
    bed.open(1).await;
    let certificate = issue(&bed, 1, 1).await;
    let other = issue(&bed, 2, 2).await;
    let ada = "Ada L.".parse().unwrap();
    bed.store.name_certificate(certificate.id, user_id(1), Some(&ada)).await.unwrap();
    bed.store.keep_signature(certificate.id, 2, "with a name").await.unwrap();
    let account = bed.accounts.account(user_id(1)).await.unwrap();
    let exported = bed.store.export(user_id(1), &account).await.unwrap();
    assert_eq!(exported["certificates"][0]["name"], "Ada L.");
    assert_eq!(exported["certificates"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        assert!(!bed.store.erase_from_certificates(user_id(1)).await.unwrap());
    }
    let exported = bed.store.export(user_id(1), &account).await.unwrap();
    assert_eq!(exported["certificates"], serde_json::json!([]));
    let left = read(&bed, certificate.id).await;
    assert_eq!(left.jws, None);
    let bare = Certificate { holder: None, attempt: None, revision: 3, ..certificate };
    assert_eq!(left.certificate, bare);
    assert_eq!(read(&bed, other.id).await.certificate, other);
}
