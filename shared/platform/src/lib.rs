//! What makes a router a Lambda function.
