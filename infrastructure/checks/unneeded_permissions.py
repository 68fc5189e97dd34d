"""Permissions that the handlers of CloudFormation list and a deployment of minigate does not need,
each with the reason. What they list is of every property that a resource may have.

A pattern ends in `*`.
"""

UNNEEDED = {
    "AWS::ApiGateway::RestApi": {
        "apigateway:UpdateRestApiPolicy": "the API has no resource policy",
    },
    "AWS::CodeDeploy::DeploymentGroup": {
        "codedeploy:RegisterOnPremisesInstance": "Lambda has no instances of one's own",
    },
    "AWS::DynamoDB::Table": {
        "dynamodb:AssociateTableReplica": "no table is global",
        "dynamodb:CreateTableReplica": "no table is global",
        "dynamodb:BatchWriteItem": "items are read and written to copy a global table",
        "dynamodb:DeleteItem": "items are read and written to copy a global table",
        "dynamodb:GetItem": "items are read and written to copy a global table",
        "dynamodb:PutItem": "items are read and written to copy a global table",
        "dynamodb:Query": "items are read and written to copy a global table",
        "dynamodb:Scan": "items are read and written to copy a global table",
        "dynamodb:UpdateItem": "items are read and written to copy a global table",
        "dynamodb:DeleteResourcePolicy": "no table has a resource policy",
        "dynamodb:PutResourcePolicy": "no table has a resource policy",
        "dynamodb:DeleteTable": "a deployment never takes data away",
        "dynamodb:DescribeImport": "no table is imported from S3",
        "dynamodb:ImportTable": "no table is imported from S3",
        "logs:CreateLogStream": "no table is imported from S3",
        "logs:DescribeLogStreams": "no table is imported from S3",
        "logs:PutLogEvents": "no table is imported from S3",
        "s3:*": "no table is imported from S3",
        "dynamodb:DisableKinesisStreamingDestination": "no table streams to Kinesis",
        "dynamodb:EnableKinesisStreamingDestination": "no table streams to Kinesis",
        "dynamodb:UpdateKinesisStreamingDestination": "no table streams to Kinesis",
        "kinesis:*": "no table streams to Kinesis",
        "kms:*": "no key of one's own",
    },
    "AWS::IAM::Role": {
        "iam:DeleteRolePermissionsBoundary": "no role goes without the boundary",
    },
    "AWS::Lambda::Alias": {
        "lambda:DeleteProvisionedConcurrencyConfig": "no provisioned concurrency",
        "lambda:PutProvisionedConcurrencyConfig": "no provisioned concurrency",
    },
    "AWS::Lambda::Function": {
        "ec2:*": "no VPC",
        "elasticfilesystem:*": "no file system",
        "s3files:*": "no file system",
        "kms:*": "no key of one's own",
        "lambda:AssociateRuntimeAlias": "the runtime is provided.al2023",
        "lambda:DeleteFunctionCodeSigningConfig": "no code signing",
        "lambda:GetCodeSigningConfig": "no code signing",
        "lambda:PutFunctionCodeSigningConfig": "no code signing",
        "lambda:GetLayerVersion": "no layers",
        "lambda:PassCapacityProvider": "no capacity provider",
        "lambda:PutFunctionScalingConfig": "no capacity provider",
        "lambda:PutRuntimeManagementConfig": "AWS updates the runtime as it does by default",
    },
    "AWS::Lambda::Version": {
        "lambda:PutFunctionScalingConfig": "no capacity provider",
        "lambda:PutProvisionedConcurrencyConfig": "no provisioned concurrency",
        "lambda:PutRuntimeManagementConfig": "AWS updates the runtime as it does by default",
    },
    "AWS::Logs::LogGroup": {
        "firehose:*": "logs are delivered nowhere else",
        "s3:*": "logs are delivered nowhere else",
        "logs:AssociateKmsKey": "no key of one's own",
        "logs:DisassociateKmsKey": "no key of one's own",
        "logs:DeleteDataProtectionPolicy": "no data protection policy",
        "logs:PutDataProtectionPolicy": "no data protection policy",
        "logs:DeleteIndexPolicy": "no index policy",
        "logs:PutIndexPolicy": "no index policy",
        "logs:DeleteResourcePolicy": "no resource policy of a log group",
        "logs:PutBearerTokenAuthentication": "nobody writes logs with a bearer token",
        "logs:PutLogGroupDeletionProtection": "no deletion protection of logs",
    },
    "AWS::SecretsManager::Secret": {
        "secretsmanager:DeleteSecret": "a deployment never takes data away",
        "secretsmanager:GetSecretValue": "a deployment never reads a secret",
        "secretsmanager:RemoveRegionsFromReplication": "no secret is replicated",
        "secretsmanager:ReplicateSecretToRegions": "no secret is replicated",
    },
    "AWS::SNS::Topic": {
        "sns:PutDataProtectionPolicy": "no data protection policy",
    },
}
