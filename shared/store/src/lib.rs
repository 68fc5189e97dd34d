//! DynamoDB items of minigate: typed keys and one file per entity.
