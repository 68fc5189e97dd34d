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

/// Creates the tables of `template` that do not exist yet, under `names`: pairs of a logical id and
/// a name, which must be exactly those of the template.
pub(crate) fn create_tables(
    database: &Database,
    template: &str,
    names: &[(&str, &str)],
) -> Result<(), TemplateError> {
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
    for (table, properties) in tables {
        let name = names.iter().find(|(id, _)| *id == table).map_or(table, |(_, name)| *name);
        create_table(database, Definition { table, properties }, name)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Definition<'a> {
    table: &'a str,
    properties: &'a Value,
}

fn create_table(
    database: &Database,
    definition: Definition<'_>,
    name: &str,
) -> Result<(), TemplateError> {
    match database.create_table(request(definition, name)?) {
        Ok(_) => {}
        Err(DynoxideError::ResourceInUseException(_)) => return Ok(()),
        Err(source) => return Err(definition.refused(source)),
    }
    if let Some(specification) = definition.part("TimeToLiveSpecification")? {
        let specification = serde_json::from_value(specification);
        let request = UpdateTimeToLiveRequest {
            table_name: name.to_owned(),
            time_to_live_specification: specification
                .map_err(|source| definition.malformed(source))?,
        };
        database.update_time_to_live(request).map_err(|source| definition.refused(source))?;
    }
    Ok(())
}

/// What the API is asked for, which is almost what CloudFormation is told.
fn request(definition: Definition<'_>, name: &str) -> Result<CreateTableRequest, TemplateError> {
    let mut request = Map::new();
    request.insert("TableName".to_owned(), name.into());
    request.extend(definition.parts(&["AttributeDefinitions", "KeySchema", "BillingMode"])?);
    for property in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        let indexes = definition.properties[property].as_array().into_iter().flatten();
        let index = |properties| {
            Definition { properties, ..definition }.parts(&["IndexName", "KeySchema", "Projection"])
        };
        let indexes = indexes.map(index).collect::<Result<Vec<_>, _>>()?;
        if !indexes.is_empty() {
            request.insert(property.to_owned(), indexes.into());
        }
    }
    // CloudFormation leaves out what the API wants to be told.
    if let Some(mut stream) = definition.part("StreamSpecification")? {
        stream["StreamEnabled"] = true.into();
        request.insert("StreamSpecification".to_owned(), stream);
    }
    serde_json::from_value(request.into()).map_err(|source| definition.malformed(source))
}

impl Definition<'_> {
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

    fn malformed(&self, source: serde_json::Error) -> TemplateError {
        TemplateError::Malformed { table: self.table.to_owned(), source }
    }

    fn refused(&self, source: DynoxideError) -> TemplateError {
        TemplateError::Refused { table: self.table.to_owned(), source }
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
