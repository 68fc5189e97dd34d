//! Tables made from a CloudFormation template.

use aws_sdk_dynamodb::types::{KeyType, TimeToLiveStatus};

use crate::Aws;

const TEMPLATE: &str = "
Resources:
  Topic:
    Type: AWS::SNS::Topic
  Users:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      TableName: !Sub '${AWS::StackName}-users'
      BillingMode: PAY_PER_REQUEST
      OnDemandThroughput: { MaxReadRequestUnits: !Ref Reads }
      AttributeDefinitions:
        - { AttributeName: PK, AttributeType: S }
        - { AttributeName: SK, AttributeType: N }
        - { AttributeName: mail, AttributeType: S }
      KeySchema:
        - { AttributeName: PK, KeyType: HASH }
        - { AttributeName: SK, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: by-mail
          KeySchema: [{ AttributeName: mail, KeyType: HASH }]
          Projection: { ProjectionType: KEYS_ONLY }
          OnDemandThroughput: { MaxReadRequestUnits: !Ref Reads }
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
      SSESpecification: { SSEEnabled: true }
";

#[tokio::test]
async fn a_table_is_as_the_template_defines_it() {
    let aws = Aws::start().await;
    for _ in 0..2 {
        aws.embedded.create_tables(TEMPLATE, &[("Users", "people")]).unwrap();
    }
    let table = aws.dynamodb.describe_table().table_name("people").send().await.unwrap();
    let table = table.table.unwrap();
    let key: Vec<_> = table.key_schema().iter().map(|key| key.attribute_name()).collect();
    assert_eq!(key, ["PK", "SK"]);
    assert_eq!(table.key_schema()[1].key_type(), &KeyType::Range);
    let [index] = table.global_secondary_indexes() else { panic!("one index: {table:?}") };
    assert_eq!(index.index_name(), Some("by-mail"));
    assert_eq!(table.stream_specification().map(|stream| stream.stream_enabled()), Some(true));
    let time_to_live = aws.dynamodb.describe_time_to_live().table_name("people").send().await;
    let time_to_live = time_to_live.unwrap().time_to_live_description.unwrap();
    assert_eq!(time_to_live.attribute_name(), Some("ttl"));
    assert_eq!(time_to_live.time_to_live_status(), Some(&TimeToLiveStatus::Enabled));
}

#[tokio::test]
async fn what_cannot_be_made_is_named() {
    let aws = Aws::start().await;
    let users = &[("Users", "people")][..];
    for (template, names, expected) in [
        (TEMPLATE.to_owned(), &[][..], r#"defines the tables ["Users"] and [] are wanted"#),
        (TEMPLATE.to_owned(), &[("Users", "a"), ("Audit", "b")], r#"["Audit", "Users"]"#),
        ("a: [".to_owned(), users, "is not YAML"),
        (
            TEMPLATE.replace("BillingMode: PAY_PER_REQUEST", "BillingMode: !Ref Billing"),
            users,
            "BillingMode of the table Users has Ref",
        ),
        (
            TEMPLATE.replace("AttributeName: ttl", "AttributeName: !If [A, b, c]"),
            users,
            "TimeToLiveSpecification of the table Users has Fn::If",
        ),
        (TEMPLATE.replace("KeyType: RANGE", "KeyType: ROUND"), users, "the table Users"),
    ] {
        let error = aws.embedded.create_tables(&template, names).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
