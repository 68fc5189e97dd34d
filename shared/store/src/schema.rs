//! The tables, for the places where no template has made them: a laptop and the tests.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
    },
};

use crate::{
    StoreError, Tables,
    call::failed,
    keys::{PARTITION_KEY, SORT_KEY, TIME_TO_LIVE},
};

struct Table<'a> {
    name: &'a str,
    key: &'static [&'static str],
    index: Option<(&'static str, [&'static str; 2])>,
    expires: bool,
}

/// Creates the tables that do not exist yet.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Refused`].
pub async fn create_missing_tables(client: &Client, tables: &Tables) -> Result<(), StoreError> {
    const BOTH: &[&str] = &[PARTITION_KEY, SORT_KEY];
    let index = ("GSI1", ["GSI1PK", "GSI1SK"]);
    for table in [
        Table { name: &tables.main, key: BOTH, index: Some(index), expires: true },
        Table { name: &tables.volatile, key: &[PARTITION_KEY], index: None, expires: true },
        Table { name: &tables.audit, key: BOTH, index: None, expires: false },
    ] {
        create_if_missing(client, table).await?;
    }
    Ok(())
}

async fn create_if_missing(client: &Client, table: Table<'_>) -> Result<(), StoreError> {
    let index_key = table.index.iter().flat_map(|(_, key)| key);
    let attributes = table.key.iter().chain(index_key).map(|name| attribute(name)).collect();
    let index = table.index.map(|(name, key)| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(key_schema(&key)))
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .map_err(|error| {
                failed::<CreateTableError, ()>("CreateTable", SdkError::construction_failure(error))
            })
    });
    let created = client
        .create_table()
        .table_name(table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes))
        .set_key_schema(Some(key_schema(table.key)))
        .set_global_secondary_indexes(index.transpose()?.map(|index| vec![index]))
        .send()
        .await;
    match created {
        Ok(_) if table.expires => expire_items(client, table.name).await,
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => Ok(()),
        Err(error) => Err(failed("CreateTable", error)),
    }
}

async fn expire_items(client: &Client, table: &str) -> Result<(), StoreError> {
    let specification =
        TimeToLiveSpecification::builder().attribute_name(TIME_TO_LIVE).enabled(true).build();
    client
        .update_time_to_live()
        .table_name(table)
        .set_time_to_live_specification(specification.ok())
        .send()
        .await
        .map(drop)
        .map_err(|error| failed("UpdateTimeToLive", error))
}

fn attribute(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap_or_else(|_| unreachable!("name and type are given"))
}

fn key_schema(names: &[&str]) -> Vec<KeySchemaElement> {
    let kinds = [KeyType::Hash, KeyType::Range];
    let element = |(name, kind): (&&str, KeyType)| {
        KeySchemaElement::builder()
            .attribute_name(*name)
            .key_type(kind)
            .build()
            .unwrap_or_else(|_| unreachable!("name and type are given"))
    };
    names.iter().zip(kinds).map(element).collect()
}
