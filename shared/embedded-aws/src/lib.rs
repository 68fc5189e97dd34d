//! DynamoDB and Secrets Manager embedded in the process, behind one loopback endpoint.
