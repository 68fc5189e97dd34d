//! Effects outside DynamoDB, written in the transaction of their cause and performed by a worker.
//!
//! Sending a message, a push or a webhook and writing to a table cannot be one atomic step. So the
//! effect is first written as an item, in the same transaction as what causes it: either both are
//! there or neither is. Workers then [`drain`](Outbox::drain) the items: each is claimed with a lease,
//! performed by a [`Receiver`] of yours, and removed.
//!
//! ```no_run
//! use std::time::{Duration, SystemTime};
//! use minigate_outbox::{DynamoTable, Effect, Limits, Once, Outbox, Performed, Policy, Receiver, Repeat};
//!
//! struct Telegram;
//!
//! impl Receiver for Telegram {
//!     async fn perform(&self, effect: &Effect) -> Performed {
//!         // Send effect.body; with Repeat::ByKey, pass effect.id on as the idempotency key.
//!         Performed::Done
//!     }
//! }
//!
//! # #[expect(clippy::disallowed_methods, reason = "what a program that has no clock yet does")]
//! # async fn example(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let table = DynamoTable::new(client.clone(), "main");
//! let outbox = Outbox::new(table.clone(), SystemTime::now, Policy::default(), 42);
//!
//! // Where the cause is written. The mark keeps a repeated request from committing twice.
//! let effect = Effect::new("telegram", "certificate-7", r#"{"chat":1}"#, Repeat::Never)?;
//! let mark = Once::new("main").mark("certificate-7", 1_800_000_000)?;
//! client
//!     .transact_write_items()
//!     .transact_items(mark)
//!     .transact_items(table.put(&outbox.pending(&effect, Duration::ZERO))?)
//!     .send()
//!     .await?;
//!
//! // In a worker, nudged by a queue message after the commit and by a schedule each minute.
//! let report = outbox.drain("telegram", &Telegram, &Limits::default()).await;
//! println!("{} performed", report.performed);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! Whatever crashes, is lost, is repeated or runs in parallel:
//!
//! - An effect is performed only if its cause was committed, and is never forgotten: it is performed,
//!   or stays pending, or ends as *parked* (it certainly was not performed, and attempts are used up or
//!   the receiver refused it) or as *unknown* (it may have been performed, and must not be repeated).
//!   Both are counted, can be [listed](Outbox::ended) and [put back](Outbox::requeue).
//! - [`Repeat::ByKey`]: repeated with the same id until the receiver says [`Performed::Done`]. If the
//!   receiver drops ids that it has seen, the effect happens exactly once. Receivers remember for a
//!   limited time, so an effect in doubt that is older than the given window is not repeated: it ends
//!   as unknown.
//! - [`Repeat::Never`]: [`Receiver::perform`] is called again only if the last call said that nothing
//!   happened. If the answer of a call was lost or its worker died, the effect ends as unknown: it
//!   happens at most once.
//!
//! The clocks of workers need not agree for that. A clock that is ahead by more than the lease makes
//! workers take each other's effects over, which costs repeated calls (`ByKey`) or effects that end as
//! unknown though they were performed (`Never`).
//!
//! The transaction of the cause must itself not commit twice: give it a condition of its own, or a
//! [`Once::mark`]. An effect that was performed is deleted, so the outbox cannot know it again.
//!
//! # Items
//!
//! | partition key | sort key | what |
//! |---|---|---|
//! | `OUTBOX#<lane>#<shard>` | `<due, 13 digits of milliseconds>#<id>` | pending |
//! | `OUTBOX#<lane>#parked` | the last sort key it had | gave up, not performed |
//! | `OUTBOX#<lane>#unknown` | the same | gave up, perhaps performed |
//! | `ONCE#<key>` | `ONCE` | [`Once`]: this was done |
//!
//! A partition holds only what is pending, so one query without a filter finds what is due. A lane is a
//! kind of receiver; its [shards](Policy::shards) spread its writes. A claim updates the item in place,
//! and a retry moves it to its new due time in one transaction.
//!
//! An effect costs a write in the transaction, one claim and one delete.
//!
//! # What it does not do
//!
//! It has no clock, starts no task and logs nothing: time is passed in, and a [`Report`] has the counts.
//! It keeps no order between effects and no rate: a receiver that is busy says
//! [`Performed::Busy`]. It does not create tables.

mod clock;
mod dynamodb;
mod effect;
mod memory;
mod once;
mod outbox;
mod policy;
mod random;
mod record;
mod table;

pub use clock::Clock;
pub use dynamodb::DynamoTable;
pub use effect::{Effect, EffectError, MAX_BODY_BYTES, MAX_ID_BYTES, MAX_LANE_BYTES, Repeat};
pub use memory::MemoryTable;
pub use once::{Committed, Once, OnceError};
pub use outbox::{Limits, Outbox, Performed, Receiver, Report};
pub use policy::Policy;
pub use record::{Ending, Record};
pub use table::{Change, Key, Page, Table, TableError};
