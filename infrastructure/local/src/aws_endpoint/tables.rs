//! The tables of the template, made through DynamoDB's API: the embedded database takes definitions
//! directly, an emulator of others does not.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use minigate_embedded_aws::TableDefinition;
use serde_json::Value;

use super::EndpointError;

/// How often and how long a new table is asked for until it is active.
const POLL: Duration = Duration::from_millis(200);
const POLLS: u32 = 150;

/// Creates those of the tables that are missing, and waits until all are active.
pub(super) async fn create_missing(
    client: &Client,
    url: &str,
    tables: &[TableDefinition],
) -> Result<(), EndpointError> {
    for table in tables {
        let found = match describe(client, url, &table.name).await? {
            Some(found) => found,
            None => create(client, url, table).await?,
        };
        if found.key_schema() != keys(&table.create).as_deref().unwrap_or_default() {
            return Err(EndpointError::OtherTable {
                url: url.to_owned(),
                table: table.name.clone(),
            });
        }
        enable_time_to_live(client, url, table).await?;
    }
    Ok(())
}

/// The table, if there is one, once it is active.
async fn describe(
    client: &Client,
    url: &str,
    name: &str,
) -> Result<Option<TableDescription>, EndpointError> {
    for _ in 0..POLLS {
        let table = match client.describe_table().table_name(name).send().await {
            Ok(described) => described.table,
            Err(error) => {
                let service = error.as_service_error();
                if service.is_some_and(|error| error.is_resource_not_found_exception()) {
                    return Ok(None);
                }
                return Err(EndpointError::of(url, "DescribeTable", &error));
            }
        };
        let is_active = |table: &TableDescription| {
            matches!(table.table_status(), None | Some(TableStatus::Active | TableStatus::Updating))
        };
        if let Some(table) = table.filter(is_active) {
            return Ok(Some(table));
        }
        tokio::time::sleep(POLL).await;
    }
    Err(EndpointError::NotActive { url: url.to_owned(), table: name.to_owned() })
}

async fn create(
    client: &Client,
    url: &str,
    table: &TableDefinition,
) -> Result<TableDescription, EndpointError> {
    let refused =
        |reason| EndpointError::Refused { url: url.to_owned(), call: "CreateTable", reason };
    if table.create.get("LocalSecondaryIndexes").is_some() {
        return Err(refused("tables.rs makes no local secondary indexes yet".to_owned()));
    }
    let request = request(client, &table.create).map_err(|error| refused(error.to_string()))?;
    if let Err(error) = request.send().await {
        // Another process may have been faster.
        let service = error.as_service_error();
        if !service.is_some_and(|error| error.is_resource_in_use_exception()) {
            return Err(EndpointError::of(url, "CreateTable", &error));
        }
    }
    let created = describe(client, url, &table.name).await?;
    created
        .ok_or_else(|| EndpointError::NotActive { url: url.to_owned(), table: table.name.clone() })
}

async fn enable_time_to_live(
    client: &Client,
    url: &str,
    table: &TableDefinition,
) -> Result<(), EndpointError> {
    let Some(wanted) = &table.time_to_live else { return Ok(()) };
    let found = client.describe_time_to_live().table_name(&table.name).send().await;
    let found = found.map_err(|error| EndpointError::of(url, "DescribeTimeToLive", &error))?;
    let status = found.time_to_live_description.and_then(|found| found.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder()
        .enabled(wanted["Enabled"] == true)
        .attribute_name(text(wanted, "AttributeName"))
        .build()
        .map_err(|error| EndpointError::Refused {
            url: url.to_owned(),
            call: "UpdateTimeToLive",
            reason: error.to_string(),
        })?;
    let update = client.update_time_to_live().table_name(&table.name);
    let updated = update.time_to_live_specification(specification).send().await;
    updated.map(drop).map_err(|error| EndpointError::of(url, "UpdateTimeToLive", &error))
}

/// The request `CreateTable` in the SDK's types, which do not read JSON.
fn request(client: &Client, definition: &Value) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = client
        .create_table()
        .table_name(text(definition, "TableName"))
        .billing_mode(BillingMode::from(text(definition, "BillingMode")))
        .set_key_schema(Some(keys(definition)?));
    for attribute in items(definition, "AttributeDefinitions") {
        request = request.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(text(attribute, "AttributeName"))
                .attribute_type(ScalarAttributeType::from(text(attribute, "AttributeType")))
                .build()?,
        );
    }
    for index in items(definition, "GlobalSecondaryIndexes") {
        request = request.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(text(index, "IndexName"))
                .set_key_schema(Some(keys(index)?))
                .projection(projection(&index["Projection"]))
                .build()?,
        );
    }
    let stream = &definition["StreamSpecification"];
    if stream.is_object() {
        let view = StreamViewType::from(text(stream, "StreamViewType"));
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view);
        request = request.stream_specification(stream.build()?);
    }
    Ok(request)
}

fn keys(definition: &Value) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |key| {
        KeySchemaElement::builder()
            .attribute_name(text(key, "AttributeName"))
            .key_type(KeyType::from(text(key, "KeyType")))
            .build()
    };
    items(definition, "KeySchema").map(key).collect()
}

fn projection(definition: &Value) -> Projection {
    let attributes: Vec<String> = items(definition, "NonKeyAttributes")
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    Projection::builder()
        .projection_type(ProjectionType::from(text(definition, "ProjectionType")))
        .set_non_key_attributes((!attributes.is_empty()).then_some(attributes))
        .build()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
