//! A function that leaves work running: what a handler starts with `Background` goes on after the
//! response, and the process stays awake for it. The tests run it under a stub of Lambda.
//!
//! | route | what |
//! |---|---|
//! | `POST /work` | starts work that lasts until the address in the body closes the connection |
//! | `GET /panic` | panics |
#![expect(clippy::panic, reason = "a test of panics needs one")]

use axum::{
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use minigate_platform::{Function, Needs, Platform, Router};
use tokio::{io::AsyncReadExt, net::TcpStream};

fn main() -> std::process::ExitCode {
    Function::routes("background", router, Needs::ALL).run()
}

fn router() -> Router {
    Router::new().route("/work", post(work)).route("/panic", get(panic))
}

async fn work(State(platform): State<Platform>, address: String) -> StatusCode {
    platform.background.start(async move {
        if let Ok(mut connection) = TcpStream::connect(address).await {
            let _ = connection.read(&mut [0]).await;
        }
        // Info of other crates than ours is not logged.
        tracing::warn!("work done");
    });
    StatusCode::ACCEPTED
}

async fn panic() {
    panic!("the secret is 1234")
}
