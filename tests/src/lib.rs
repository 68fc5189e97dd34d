//! The harness of the black-box tests: how they reach a deployment, what they send and what they
//! expect. The tests themselves are in `tests/black_box`.
//!
//! Everything goes over HTTP, against a base URL:
//!
//! ```text
//! cargo test -p minigate-tests
//!     against the server of `cargo dev`, started inside the test process
//!
//! MINIGATE_BASE_URL=https://….amazonaws.com/prod MINIGATE_BOT_TOKEN=… \
//!     cargo test -p minigate-tests --test black_box -- --skip local_only::
//!     against a deployment; see [`Deployment::of_environment`] for all variables
//! ```
//!
//! - [`Deployment`] is what is tested: a base URL, and a bot whose token is known.
//! - [`Cloud`] is an AWS of a test's own, for tests that need their own configuration or that make
//!   AWS fail. Such tests are in modules named `local_only`, and fail against a deployment.
//! - [`Bot`] signs init data, independently of the code under test.
//! - [`Request`] and [`Answer`] are one exchange. [`Answer::assert_problem`] and
//!   [`Answer::assert_success`] compare all of an answer: the status, every header, the members of
//!   the document, and that nothing secret that was sent comes back.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod answer;
mod certificates;
mod cloud;
mod deployment;
mod poll;
mod request;
mod session;
mod telegram;
mod tokens;

pub use answer::Answer;
pub use certificates::pass;
pub use cloud::Cloud;
pub use deployment::Deployment;
pub use poll::{eventually, now, random_user};
pub use request::Request;
pub use session::{OpenSession, Tokens};
pub use telegram::{Bot, user_json};
pub use tokens::{claims, development_keys, keys, with_header};
