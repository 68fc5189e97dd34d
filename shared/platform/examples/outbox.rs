//! A function that drains a lane of the outbox. The tests run it under a stub of Lambda, and kill it while
//! the receiver has an effect.
//!
//! The body of an effect is an address. The receiver connects to it, writes the effect's id as a line, and
//! has an answer when the other side writes anything.

use std::time::Duration;

use minigate_outbox::{Effect, Performed, Receiver};
use minigate_platform::{
    Function, Needs, Platform, Problem,
    workers::{Delivery, Message, Receipt, Worker, drain},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn main() -> std::process::ExitCode {
    Function::queue("outbox", Drain, Needs::STORE).run()
}

struct Drain;

#[derive(Serialize, Deserialize)]
struct Nudge {}

impl Message for Nudge {
    const VERSION: u32 = 1;
}

impl Worker for Drain {
    type Message = Nudge;

    const NAME: &'static str = "drain";

    async fn handle(
        &self,
        platform: &Platform,
        _: Nudge,
        _: &Delivery,
    ) -> Result<Receipt, Problem> {
        drain(platform, "example", &Socket, Duration::from_secs(10)).await
    }
}

struct Socket;

impl Receiver for Socket {
    async fn perform(&self, effect: &Effect) -> Performed {
        let Ok(mut connection) = TcpStream::connect(&effect.body).await else {
            return Performed::Retry { after: Duration::ZERO, reason: "not reached" };
        };
        let line = format!("{}\n", effect.id);
        let sent = connection.write_all(line.as_bytes()).await;
        match (sent, connection.read(&mut [0]).await) {
            (Ok(()), Ok(1)) => Performed::Done,
            _ => Performed::Unanswered { reason: "no answer" },
        }
    }
}
