//! The parts of DynamoDB that `store`, `limiter` and `cache` build on, held to what AWS documents.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        transact_write_items::TransactWriteItemsError, update_item::UpdateItemError,
        update_item::builders::UpdateItemFluentBuilder,
    },
    types::{
        AttributeDefinition, AttributeValue, BillingMode, CancellationReason, GlobalSecondaryIndex,
        KeySchemaElement, KeyType, Projection, ProjectionType, Put, ReturnConsumedCapacity,
        ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus,
        TimeToLiveSpecification, TransactWriteItem, Update,
    },
};

use crate::Aws;

type Item = HashMap<String, AttributeValue>;

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(item(fields))
}

fn item<const N: usize>(fields: [(&str, AttributeValue); N]) -> Item {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn key(pk: &str, sk: &str) -> Item {
    item([("PK", s(pk)), ("SK", s(sk))])
}

/// A table of the shape of `Main`: `PK`, `SK` and `GSI1`, on demand, items expiring at
/// `expires_at`.
pub(crate) async fn create_table(client: &Client, name: &str) {
    let attributes = ["PK", "SK", "GSI1PK", "GSI1SK"].map(|name| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().unwrap()
    });
    let keys = |hash: &str, range: &str| {
        [(hash, KeyType::Hash), (range, KeyType::Range)].map(|(name, key_type)| {
            KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
        })
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("GSI1")
        .set_key_schema(Some(keys("GSI1PK", "GSI1SK").into()))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.into()))
        .set_key_schema(Some(keys("PK", "SK").into()))
        .global_secondary_indexes(index)
        .send()
        .await
        .unwrap();
    let ttl = TimeToLiveSpecification::builder().attribute_name("expires_at").enabled(true);
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(ttl.build().unwrap())
        .send()
        .await
        .unwrap();
}

/// An endpoint with the table `Main`.
async fn aws_with_main() -> Aws {
    let aws = Aws::start().await;
    create_table(&aws.dynamodb, "Main").await;
    aws
}

async fn put(client: &Client, item: Item) {
    client.put_item().table_name("Main").set_item(Some(item)).send().await.unwrap();
}

async fn get(client: &Client, pk: &str, sk: &str) -> Option<Item> {
    let get = client.get_item().table_name("Main").set_key(Some(key(pk, sk)));
    get.consistent_read(true).send().await.unwrap().item
}

/// A user with two sessions, as the session store keeps them.
fn user() -> Item {
    let mut user = key("USER#1", "PROFILE");
    let session = |generation| map([("generation", n(generation)), ("device", s("phone"))]);
    user.insert("sessions".into(), map([("a", session(1)), ("b", session(7))]));
    user
}

/// Sets the generation of session `id` from `from` to `from + 1`.
fn refresh_session(client: &Client, id: &str, from: u64) -> UpdateItemFluentBuilder {
    client
        .update_item()
        .table_name("Main")
        .set_key(Some(key("USER#1", "PROFILE")))
        .update_expression("SET sessions.#sid.generation = :next")
        .condition_expression("sessions.#sid.generation = :g")
        .expression_attribute_names("#sid", id)
        .expression_attribute_values(":g", n(from))
        .expression_attribute_values(":next", n(from + 1))
}

#[tokio::test]
async fn a_table_is_active_at_once_with_its_index_and_ttl() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    let table = client.describe_table().table_name("Main").send().await.unwrap().table.unwrap();
    assert_eq!(table.table_status(), Some(&TableStatus::Active));
    let mode = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    assert_eq!(mode, Some(&BillingMode::PayPerRequest));
    assert_eq!(table.global_secondary_indexes()[0].index_name(), Some("GSI1"));

    let described = client.describe_time_to_live().table_name("Main").send().await.unwrap();
    let attribute = described.time_to_live_description.unwrap().attribute_name;
    assert_eq!(attribute.as_deref(), Some("expires_at"));

    // Expired long ago, and still read: AWS promises nothing but "within a few days".
    let mut expired = key("REPLAY#1", "-");
    expired.insert("expires_at".into(), n(1));
    put(client, expired.clone()).await;
    assert_eq!(get(client, "REPLAY#1", "-").await, Some(expired));
}

#[tokio::test]
async fn nested_attributes_are_compared_set_and_removed() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    put(client, user()).await;

    let updated = refresh_session(client, "a", 1).return_values(ReturnValue::UpdatedNew);
    let attributes = updated.send().await.unwrap().attributes.unwrap();
    let only_what_changed = item([("sessions", map([("a", map([("generation", n(2))]))]))]);
    assert_eq!(attributes, only_what_changed);

    let removed = client
        .update_item()
        .table_name("Main")
        .set_key(Some(key("USER#1", "PROFILE")))
        .update_expression("REMOVE sessions.#sid")
        .condition_expression("attribute_exists(sessions.#sid)")
        .expression_attribute_names("#sid", "a")
        .return_values(ReturnValue::AllNew);
    let mut expected = user();
    let session = map([("generation", n(7)), ("device", s("phone"))]);
    expected.insert("sessions".into(), map([("b", session)]));
    assert_eq!(removed.clone().send().await.unwrap().attributes, Some(expected.clone()));
    assert_eq!(get(client, "USER#1", "PROFILE").await, Some(expected));

    let again = removed.send().await.unwrap_err().into_service_error();
    assert!(again.is_conditional_check_failed_exception(), "{again:?}");

    // A path whose parent is missing cannot be set.
    let orphan = client
        .update_item()
        .table_name("Main")
        .set_key(Some(key("USER#1", "PROFILE")))
        .update_expression("SET sessions.a.generation = :g")
        .expression_attribute_values(":g", n(1));
    let orphan = orphan.send().await.unwrap_err();
    assert_eq!(orphan.code(), Some("ValidationException"));
    let invalid_path = "The document path provided in the update expression is invalid for update";
    assert_eq!(orphan.message(), Some(invalid_path));
}

#[tokio::test]
async fn a_failed_condition_shows_the_item_if_asked() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    put(client, user()).await;
    for (asked, shown) in [
        (ReturnValuesOnConditionCheckFailure::AllOld, Some(user())),
        (ReturnValuesOnConditionCheckFailure::None, None),
    ] {
        let stale = refresh_session(client, "a", 9).return_values_on_condition_check_failure(asked);
        match stale.send().await.unwrap_err().into_service_error() {
            UpdateItemError::ConditionalCheckFailedException(error) => {
                assert_eq!(error.item, shown);
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(get(client, "USER#1", "PROFILE").await, Some(user()), "nothing changed");
}

/// Increments the counter of `sk`.
fn increment(sk: &str) -> TransactWriteItem {
    let update = Update::builder()
        .table_name("Main")
        .set_key(Some(key("COUNTER", sk)))
        .update_expression("ADD #count :one")
        .expression_attribute_names("#count", "count")
        .expression_attribute_values(":one", n(1));
    TransactWriteItem::builder().update(update.build().unwrap()).build()
}

/// Writes `item` unless its key is taken.
fn put_new(item: Item) -> TransactWriteItem {
    let put = Put::builder()
        .table_name("Main")
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(PK)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

async fn counter(client: &Client, sk: &str) -> Option<AttributeValue> {
    get(client, "COUNTER", sk).await.and_then(|mut item| item.remove("count"))
}

#[tokio::test]
async fn a_transaction_happens_whole_or_not_at_all_and_says_why() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    put(client, user()).await;
    let transaction = client
        .transact_write_items()
        .transact_items(increment("a"))
        .transact_items(put_new(user()));
    let error = transaction.send().await.unwrap_err().into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
        panic!("unexpected: {error:?}");
    };
    let reasons: Vec<(&str, Option<&Item>)> = canceled
        .cancellation_reasons()
        .iter()
        .map(|reason: &CancellationReason| (reason.code().unwrap_or_default(), reason.item()))
        .collect();
    assert_eq!(reasons, [("None", None), ("ConditionalCheckFailed", Some(&user()))]);
    assert_eq!(counter(client, "a").await, None);

    client
        .transact_write_items()
        .transact_items(increment("a"))
        .transact_items(put_new(key("USER#2", "PROFILE")))
        .send()
        .await
        .unwrap();
    assert_eq!(counter(client, "a").await, Some(n(1)));
    assert_eq!(get(client, "USER#2", "PROFILE").await, Some(key("USER#2", "PROFILE")));
}

#[tokio::test]
async fn a_transaction_token_makes_a_retry_harmless() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    let transaction = |sk: &str| {
        client.transact_write_items().client_request_token("token").transact_items(increment(sk))
    };
    transaction("a").send().await.unwrap();
    transaction("a").send().await.unwrap();
    assert_eq!(counter(client, "a").await, Some(n(1)), "one effect");
    let other = transaction("b").send().await.unwrap_err().into_service_error();
    assert!(other.is_idempotent_parameter_mismatch_exception(), "{other:?}");
    assert_eq!(counter(client, "b").await, None);

    // A transaction that was cancelled may be tried again with its token.
    put(client, user()).await;
    let retried = || {
        let transaction = client.transact_write_items().client_request_token("cancelled");
        transaction.transact_items(put_new(user())).send()
    };
    assert!(retried().await.unwrap_err().into_service_error().is_transaction_canceled_exception());
    client
        .delete_item()
        .table_name("Main")
        .set_key(Some(key("USER#1", "PROFILE")))
        .send()
        .await
        .unwrap();
    retried().await.unwrap();
}

#[tokio::test]
async fn concurrent_increments_are_all_counted() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    let writers: Vec<_> = (0..50)
        .map(|_| {
            let transaction = client.transact_write_items().transact_items(increment("a")).send();
            tokio::spawn(transaction)
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(counter(client, "a").await, Some(n(50)));
}

#[tokio::test]
async fn queries_take_ranges_prefixes_pages_and_indexes() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    for number in 1..=5 {
        let mut attempt = key("USER#1", &format!("ATTEMPT#{number}"));
        attempt.insert("GSI1PK".into(), s("QUIZ#1"));
        attempt.insert("GSI1SK".into(), s(&format!("SCORE#{}", 9 - number)));
        put(client, attempt).await;
    }
    put(client, key("USER#1", "PROFILE")).await;
    let sort_keys = |items: &[Item]| -> Vec<String> {
        items.iter().map(|item| item["SK"].as_s().unwrap().clone()).collect()
    };
    let query = |condition: &str| {
        let query = client.query().table_name("Main").key_condition_expression(condition);
        query.expression_attribute_values(":pk", s("USER#1"))
    };

    let between = query("PK = :pk AND SK BETWEEN :low AND :high")
        .expression_attribute_values(":low", s("ATTEMPT#2"))
        .expression_attribute_values(":high", s("ATTEMPT#4"))
        .consistent_read(true);
    let between = between.send().await.unwrap();
    assert_eq!(sort_keys(between.items()), ["ATTEMPT#2", "ATTEMPT#3", "ATTEMPT#4"]);

    let newest = query("PK = :pk AND begins_with(SK, :prefix)")
        .expression_attribute_values(":prefix", s("ATTEMPT#"))
        .scan_index_forward(false)
        .limit(2);
    let page = newest.clone().send().await.unwrap();
    assert_eq!(sort_keys(page.items()), ["ATTEMPT#5", "ATTEMPT#4"]);
    assert_eq!(page.last_evaluated_key(), Some(&key("USER#1", "ATTEMPT#4")));
    let page = newest.set_exclusive_start_key(page.last_evaluated_key).send().await.unwrap();
    assert_eq!(sort_keys(page.items()), ["ATTEMPT#3", "ATTEMPT#2"]);

    let best = client
        .query()
        .table_name("Main")
        .index_name("GSI1")
        .key_condition_expression("GSI1PK = :pk")
        .expression_attribute_values(":pk", s("QUIZ#1"))
        .limit(1);
    assert_eq!(sort_keys(best.clone().send().await.unwrap().items()), ["ATTEMPT#5"]);
    let consistent = best.consistent_read(true).send().await.unwrap_err();
    assert_eq!(consistent.code(), Some("ValidationException"), "not on a global index");
}

#[tokio::test]
async fn consumed_capacity_is_what_aws_would_charge() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    let mut large = key("LARGE", "-");
    large.insert("payload".into(), s(&"x".repeat(1_500)));
    let units = |capacity: Option<aws_sdk_dynamodb::types::ConsumedCapacity>| {
        capacity.and_then(|capacity| capacity.capacity_units)
    };
    let total = ReturnConsumedCapacity::Total;

    let written = client
        .put_item()
        .table_name("Main")
        .set_item(Some(large.clone()))
        .return_consumed_capacity(total.clone());
    assert_eq!(units(written.send().await.unwrap().consumed_capacity), Some(2.0), "per KiB");
    large.insert("GSI1PK".into(), s("g"));
    large.insert("GSI1SK".into(), s("g"));
    let indexed = client
        .put_item()
        .table_name("Main")
        .set_item(Some(large))
        .return_consumed_capacity(total.clone());
    assert_eq!(units(indexed.send().await.unwrap().consumed_capacity), Some(4.0), "and per index");
    for (consistent, expected) in [(false, 0.5), (true, 1.0)] {
        let read = client
            .get_item()
            .table_name("Main")
            .set_key(Some(key("LARGE", "-")))
            .consistent_read(consistent)
            .return_consumed_capacity(total.clone());
        let read = units(read.send().await.unwrap().consumed_capacity);
        assert_eq!(read, Some(expected), "consistent: {consistent}");
    }
    let transaction = client
        .transact_write_items()
        .transact_items(increment("a"))
        .return_consumed_capacity(total)
        .send()
        .await
        .unwrap();
    assert_eq!(units(transaction.consumed_capacity().first().cloned()), Some(2.0), "twice");
}

#[tokio::test]
async fn errors_carry_their_codes() {
    let aws = aws_with_main().await;
    let client = &aws.dynamodb;
    let missing = client.get_item().table_name("None").set_key(Some(key("a", "b"))).send().await;
    let missing = missing.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");

    let mut too_large = key("a", "b");
    too_large.insert("payload".into(), s(&"x".repeat(400 * 1024)));
    let put = client.put_item().table_name("Main").set_item(Some(too_large)).send().await;
    let error = put.unwrap_err();
    assert!(matches!(error, SdkError::ServiceError(_)), "{error:?}");
    assert_eq!(error.code(), Some("ValidationException"));
    assert_eq!(error.message(), Some("Item size has exceeded the maximum allowed size"));
}
