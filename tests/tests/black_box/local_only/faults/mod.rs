//! What clients see while AWS is slow, throttles, fails or does not answer, and what it costs when
//! it is well.
//!
//! Each test has an AWS of its own. The SDK's retry quota is shared by all clients of one service in
//! the process, though: 500 tokens, of which a retry takes 5 or 10 and a call that succeeds at once
//! gives back one. Tests that use up retries keep to a few calls, so that others have some left.

mod calls;
mod dynamodb;
mod lost_answers;
mod rotation;
mod secrets_manager;
mod slowness;
