//! A function of a schedule, which counts in an item of `Main` for how many moments it fired. The tests
//! run it under a stub of Lambda.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use minigate_platform::{
    Function, Needs, Platform, Problem,
    workers::{Job, Receipt, Tick},
};

fn main() -> std::process::ExitCode {
    Function::schedule("schedule", Ticker, Needs::STORE).run()
}

struct Ticker;

impl Job for Ticker {
    const NAME: &'static str = "ticker";

    async fn run(&self, platform: &Platform, tick: &Tick) -> Result<Receipt, Problem> {
        let add = Update::builder()
            .table_name(&platform.config.tables.main)
            .key("PK", AttributeValue::S("COUNT#ticks".to_owned()))
            .key("SK", AttributeValue::S("COUNT".to_owned()))
            .update_expression("ADD #count :one")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .map_err(Problem::internal)?;
        let add = TransactWriteItem::builder().update(add).build();
        platform.commit_once(&tick.cause, vec![add]).await
    }
}
