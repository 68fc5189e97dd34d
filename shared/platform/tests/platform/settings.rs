//! The settings follow what administrators change, by the call that reads the limits.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    body::Body,
    http::{Request, header},
    routing::get,
};
use minigate_domain::{AuditEntry, SettingsOverride, SettingsOverrides, UserId};
use minigate_embedded_aws::protocol::Service;
use minigate_init_data::Signer;
use minigate_platform::{
    Clock, Needs, Router,
    auth::Admin,
    layers,
    limits::API,
    settings::{Adopted, Settings},
};
use minigate_store::ChangeDocument;
use minigate_testkit::faults::{Fault, Target};
use tower::ServiceExt;

use crate::bed::{Bed, OLD_TOKEN};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const ORIGIN: &str = "https://new.example";

/// A request that nobody limits; whether a browser lets this origin read the answer.
async fn request(bed: &Bed, origin: &str) -> bool {
    let router = Router::new().route("/open", get(async || "answer"));
    let request = Request::get("/open").header(header::ORIGIN, origin);
    let request = request.body(Body::empty()).unwrap();
    let answer = layers::around(router, &bed.platform).oneshot(request).await.unwrap();
    answer.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|value| value == origin)
}

fn of_origin() -> SettingsOverride {
    SettingsOverride { allowed_origins: Some(vec![ORIGIN.to_owned()]), ..Default::default() }
}

/// An administrator's change, by another instance.
async fn change(bed: &Bed, change: SettingsOverride) -> SettingsOverrides {
    let (platform, user) = (&bed.platform, UserId::new(42).unwrap());
    let entry = AuditEntry::new(&*platform.entropy, bed.clock.now(), user, "test", String::new());
    match platform.store.replace_settings(change, None, &entry).await.unwrap() {
        ChangeDocument::Changed(overrides) => overrides,
        ChangeDocument::Stale => panic!("nobody else changes it"),
    }
}

/// Writes past the API.
async fn put_raw(bed: &Bed, sort: &str, fields: &[(&str, AttributeValue)]) {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let put = bed.dynamodb().await.put_item().table_name("main").set_item(Some(fields.collect()));
    put.item("PK", AttributeValue::S("LIMITS".to_owned()))
        .item("SK", AttributeValue::S(sort.to_owned()))
        .item("version", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
}

fn reads(bed: &Bed) -> usize {
    bed.faults.count(Target::from("Query").within("LIMITS"))
}

fn settings(bed: &Bed) -> Arc<Settings> {
    bed.platform.settings()
}

#[tokio::test]
async fn one_call_of_the_start_reads_them_with_the_limits() {
    let bed = Bed::start().await;
    change(&bed, of_origin()).await;
    bed.faults.reset_counts();
    bed.platform.warm().await;
    assert_eq!(bed.faults.count(Service::DynamoDb), 1);
    assert!(request(&bed, ORIGIN).await);
    bed.settle().await;
    assert_eq!(bed.faults.count(Service::DynamoDb), 1);
}

/// Also where nobody but a browser of a new origin asks, whose preflights are refused as yet.
#[tokio::test]
async fn requests_that_nobody_limits_follow_them_within_ten_seconds() {
    let bed = Bed::start().await;
    bed.platform.warm().await;
    change(&bed, of_origin()).await;
    bed.clock.advance(SECOND * 9);
    assert!(!request(&bed, ORIGIN).await);
    bed.settle().await;
    assert_eq!(reads(&bed), 1);
    bed.clock.advance(SECOND);
    assert!(!request(&bed, ORIGIN).await, "it does not wait");
    bed.settle().await;
    assert!(request(&bed, ORIGIN).await);
    assert_eq!(reads(&bed), 2);
}

#[tokio::test]
async fn a_function_without_the_store_never_asks() {
    let bed = Bed::of(Needs::SIGNING_KEY).await;
    bed.platform.warm().await;
    for _ in 0..3 {
        request(&bed, ORIGIN).await;
        bed.settle().await;
        bed.clock.advance(HOUR);
    }
    assert_eq!(bed.faults.count(Service::DynamoDb), 0);
}

#[tokio::test]
async fn what_is_not_valid_leaves_the_last_good_ones_and_does_not_hold_up_the_limits() {
    let bed = Bed::start().await;
    change(&bed, SettingsOverride { sessions_per_user: Some(9), ..of_origin() }).await;
    bed.platform.warm().await;
    let good = settings(&bed);
    assert_eq!(good.sessions_per_user, 9);
    let map = |fields: &[(&str, AttributeValue)]| {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        AttributeValue::M(fields.collect())
    };
    let number = |number: u32| AttributeValue::N(number.to_string());
    let admins = (1..=51).map(number).collect();
    for (limit, format, stored) in [
        (7, 1, map(&[("sessions_per_user", number(0))])),
        (8, 1, map(&[("admins", AttributeValue::L(admins))])),
        (9, 1, map(&[("unknown", number(1))])),
        (10, 2, map(&[("sessions_per_user", number(3))])),
        (11, 1, AttributeValue::S("none".to_owned())),
    ] {
        put_raw(&bed, "SETTINGS", &[("format", number(format)), ("settings", stored)]).await;
        let api = map(&[("limit", number(limit))]);
        put_raw(&bed, "POLICIES", &[("policies", map(&[("api", api)]))]).await;
        for _ in 0..2 {
            bed.clock.advance(SECOND * 10);
            request(&bed, ORIGIN).await;
            bed.settle().await;
        }
        request(&bed, ORIGIN).await;
        assert!(Arc::ptr_eq(&good, &settings(&bed)) || *good == *settings(&bed), "{limit}");
        let in_force = bed.platform.limits.in_force();
        assert_eq!(in_force.policy(&API, Default::default()).unwrap().limit(), limit);
    }
}

#[tokio::test]
async fn those_that_cannot_be_read_stay() {
    let bed = Bed::start().await;
    change(&bed, of_origin()).await;
    bed.platform.warm().await;
    let _outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    for age in [SECOND * 10, HOUR, HOUR] {
        bed.clock.advance(age);
        assert!(request(&bed, ORIGIN).await, "{age:?}");
        bed.settle().await;
    }
}

#[tokio::test]
async fn a_change_is_adopted_at_once_without_a_call_and_leaves_the_limits() {
    let bed = Bed::start().await;
    bed.platform.warm().await;
    let changed = change(&bed, of_origin()).await;
    bed.faults.reset_counts();
    let limits = bed.platform.limits.in_force();
    bed.platform.adopt(Adopted { settings: Some(changed), ..Default::default() }).await;
    assert!(request(&bed, ORIGIN).await);
    assert_eq!(bed.faults.count(Service::DynamoDb), 0);
    assert!(Arc::ptr_eq(&limits, &bed.platform.limits.in_force()));
}

/// Who is no administrator of the deployment may be one of the settings, which nobody has read yet.
#[tokio::test]
async fn nobody_is_called_no_administrator_before_the_settings_were_read() {
    let bed = Bed::start().await;
    let user = ("user", r#"{"id":7,"first_name":"Ada"}"#);
    let now = bed.clock.now().unix_seconds();
    let init_data = Signer::from_bot_token(OLD_TOKEN).unwrap().sign(&[user], now).unwrap();
    let status = async || {
        let router = Router::new().route("/administrate", get(async |_: Admin| "answer"));
        let request = Request::get("/administrate");
        let request = request.header(header::AUTHORIZATION, format!("tma {init_data}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = layers::around(router, &bed.platform).oneshot(request).await.unwrap();
        answer.status().as_u16()
    };
    let outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    bed.platform.warm().await;
    assert_eq!(status().await, 503);
    drop(outage);
    bed.clock.advance(SECOND * 10);
    status().await;
    bed.settle().await;
    assert_eq!(status().await, 403);
    change(&bed, SettingsOverride { admins: Some(vec![7]), ..Default::default() }).await;
    bed.clock.advance(SECOND * 10);
    status().await;
    bed.settle().await;
    assert_eq!(status().await, 200);
}
