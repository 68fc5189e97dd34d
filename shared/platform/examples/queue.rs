//! A function of a queue. The tests run it under a stub of Lambda, and `cargo dev`'s runner in a process
//! of its own.
//!
//! A message counts up an item of `Main`, or does what its name says: `fail`, `panic`, `hang`.
#![expect(clippy::panic, reason = "a test of panics needs one")]

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem,
    workers::{Delivery, Message, Receipt, Worker},
};
use serde::{Deserialize, Serialize};

fn main() -> std::process::ExitCode {
    Function::queue("queue", Counter, Needs::STORE).run()
}

struct Counter;

#[derive(Serialize, Deserialize)]
struct Count {
    name: String,
}

impl Message for Count {
    const VERSION: u32 = 1;
}

impl Worker for Counter {
    type Message = Count;

    const NAME: &'static str = "counter";

    async fn handle(
        &self,
        platform: &Platform,
        message: Count,
        delivery: &Delivery,
    ) -> Result<Receipt, Problem> {
        match message.name.as_str() {
            "fail" => return Err(Problem::new(Code::STORE_UNAVAILABLE)),
            "panic" => panic!("the secret is 1234"),
            "hang" => std::future::pending().await,
            _ => {}
        }
        let add = Update::builder()
            .table_name(&platform.config.tables.main)
            .key("PK", AttributeValue::S(format!("COUNT#{}", message.name)))
            .key("SK", AttributeValue::S("COUNT".to_owned()))
            .update_expression("ADD #count :one")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .map_err(Problem::internal)?;
        let add = TransactWriteItem::builder().update(add).build();
        platform.commit_once(&delivery.cause, vec![add]).await
    }
}
