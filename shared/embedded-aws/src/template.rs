//! The tables that a CloudFormation template defines, so that a laptop and the tests have the ones
//! that a deployment has.
//!
//! Taken over is what requests depend on: keys, indexes, billing mode, streams and time to live.
//! Backups, encryption, limits and tags are for AWS. Of the template's functions, `!Ref` and its
//! like, none may stand in what is taken over: nobody here knows their values.

mod yaml;

use dynoxide::{
    Database,
    actions::{create_table::CreateTableRequest, update_time_to_live::UpdateTimeToLiveRequest},
    errors::DynoxideError,
};
use serde_json::{Map, Value};

/// Why a template's tables cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML.
    #[error("the template is not YAML: {0}")]
    Yaml(String),
    /// It defines other tables than were asked for.
    #[error(
        "the template defines the tables {defined:?} and {wanted:?} are wanted; name each of them"
    )]
    OtherTables {
        /// The tables of the template.
        defined: Vec<String>,
        /// The tables that were asked for.
        wanted: Vec<String>,
    },
    /// A property that is taken over depends on the deployment.
    #[error("{property} of the table {table} has {function}, whose value only AWS knows")]
    Intrinsic {
        /// The table's logical id.
        table: String,
        /// The property.
        property: String,
        /// The function.
        function: String,
    },
    /// The definition is not one of a table.
    #[error("the table {table} is not defined as DynamoDB wants it: {source}")]
    Malformed {
        /// The table's logical id.
        table: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The database refuses the table.
    #[error("the table {table} cannot be created: {source}")]
    Refused {
        /// The table's logical id.
        table: String,
        /// What the database says.
        source: DynoxideError,
    },
}

/// A table as a template defines it, in the words of DynamoDB's API.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// The name that the table gets here.
    pub name: String,
    /// The request `CreateTable` as JSON, the name included.
    pub create: Value,
    /// The `TimeToLiveSpecification` of the request `UpdateTimeToLive`.
    pub time_to_live: Option<Value>,
    logical_id: String,
}

/// The tables of `template`, under `names`: pairs of a logical id and a name, which must be exactly
/// those of the template.
///
/// # Errors
/// [`TemplateError`], which names the table.
pub fn table_definitions(
    template: &str,
    names: &[(&str, &str)],
) -> Result<Vec<TableDefinition>, TemplateError> {
    let template = yaml::parse(template).map_err(TemplateError::Yaml)?;
    let resources = template["Resources"].as_object().into_iter().flatten();
    let tables: Vec<(&str, &Value)> = resources
        .filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table")
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
        .collect();
    let mut defined: Vec<&str> = tables.iter().map(|(id, _)| *id).collect();
    let mut wanted: Vec<&str> = names.iter().map(|(id, _)| *id).collect();
    defined.sort_unstable();
    wanted.sort_unstable();
    if defined != wanted {
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        return Err(TemplateError::OtherTables { defined: owned(defined), wanted: owned(wanted) });
    }
    let definition = |(table, properties)| {
        let name = names.iter().find(|(id, _)| *id == table).map_or(table, |(_, name)| *name);
        let definition = Definition { table, properties };
        Ok(TableDefinition {
            name: name.to_owned(),
            create: definition.request(name)?,
            time_to_live: definition.part("TimeToLiveSpecification")?,
            logical_id: table.to_owned(),
        })
    };
    tables.into_iter().map(definition).collect()
}

/// Creates those of the tables that do not exist yet.
pub(crate) fn create_tables(
    database: &Database,
    tables: &[TableDefinition],
) -> Result<(), TemplateError> {
    tables.iter().try_for_each(|table| create_table(database, table))
}

fn create_table(database: &Database, table: &TableDefinition) -> Result<(), TemplateError> {
    let malformed = |source| TemplateError::Malformed { table: table.logical_id.clone(), source };
    let refused = |source| TemplateError::Refused { table: table.logical_id.clone(), source };
    let request: CreateTableRequest =
        serde_json::from_value(table.create.clone()).map_err(malformed)?;
    match database.create_table(request) {
        Ok(_) => {}
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(source) => return Err(refused(source)),
    }
    if let Some(specification) = table.time_to_live.clone() {
        let request = UpdateTimeToLiveRequest {
            table_name: table.name.clone(),
            time_to_live_specification: serde_json::from_value(specification).map_err(malformed)?,
        };
        database.update_time_to_live(request).map_err(refused)?;
    }
    Ok(())
}

/// A table of the template.
#[derive(Clone, Copy)]
struct Definition<'a> {
    table: &'a str,
    properties: &'a Value,
}

impl Definition<'_> {
    /// The request to the API, which has almost the properties of the CloudFormation resource.
    fn request(self, name: &str) -> Result<Value, TemplateError> {
        let mut request = Map::new();
        request.insert("TableName".to_owned(), name.into());
        request.extend(self.parts(&["AttributeDefinitions", "KeySchema", "BillingMode"])?);
        for property in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            let indexes = self.properties[property].as_array().into_iter().flatten();
            let index = |properties| {
                Definition { properties, ..self }.parts(&["IndexName", "KeySchema", "Projection"])
            };
            let indexes = indexes.map(index).collect::<Result<Vec<_>, _>>()?;
            if !indexes.is_empty() {
                request.insert(property.to_owned(), indexes.into());
            }
        }
        // CloudFormation leaves out what the API wants to be told.
        if let Some(mut stream) = self.part("StreamSpecification")? {
            stream["StreamEnabled"] = true.into();
            request.insert("StreamSpecification".to_owned(), stream);
        }
        Ok(request.into())
    }

    /// These properties, as far as they are there.
    fn parts(&self, properties: &[&str]) -> Result<Map<String, Value>, TemplateError> {
        let mut parts = Map::new();
        for property in properties {
            let value = self.part(property)?;
            parts.extend(value.map(|value| ((*property).to_owned(), value)));
        }
        Ok(parts)
    }

    /// A property without functions in it, if it is there.
    fn part(&self, property: &str) -> Result<Option<Value>, TemplateError> {
        let Some(value) = self.properties.get(property) else { return Ok(None) };
        match intrinsic(value) {
            None => Ok(Some(value.clone())),
            Some(function) => Err(TemplateError::Intrinsic {
                table: self.table.to_owned(),
                property: property.to_owned(),
                function: function.to_owned(),
            }),
        }
    }
}

/// A function of CloudFormation somewhere in this value.
fn intrinsic(value: &Value) -> Option<&str> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let is_function = name == "Ref" || name == "Condition" || name.starts_with("Fn::");
            if is_function { Some(name.as_str()) } else { intrinsic(value) }
        }),
        Value::Array(values) => values.iter().find_map(intrinsic),
        _ => None,
    }
}
