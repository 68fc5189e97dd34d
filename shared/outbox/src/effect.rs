//! What is to happen.

use std::time::Duration;

/// The longest id. It is part of a sort key, of which DynamoDB takes 1,024 bytes.
pub const MAX_ID_BYTES: usize = 256;
/// The longest name of a lane.
pub const MAX_LANE_BYTES: usize = 64;
/// The longest body. A transaction holds 4 MB in all and an item 400 KB; an effect is a message, not a
/// document.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What is done when nobody knows whether an effect happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It is repeated with the same id, which the receiver honours as an idempotency key for this long
    /// after the effect was written.
    ByKey(Duration),
    /// It is not: the receiver knows no idempotency key. The effect ends as unknown.
    Never,
}

/// One effect: a message to a receiver, delivered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The kind of receiver, and the partition that the effect waits in.
    pub lane: String,
    /// Names the effect: its cause and what it is of that, such as `certificate-7-message`. The same in
    /// every attempt.
    pub id: String,
    /// What the receiver needs; the outbox does not read it.
    pub body: String,
    /// What is done when nobody knows whether it happened.
    pub repeat: Repeat,
}

/// An effect that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// The lane.
    #[error("a lane must be 1 to {MAX_LANE_BYTES} characters of a-z, 0-9 and -")]
    Lane,
    /// The id.
    #[error(
        "the id of an effect must be 1 to {MAX_ID_BYTES} printable ASCII characters without spaces"
    )]
    Id,
    /// The body.
    #[error("the body of an effect has {0} bytes; it may have {MAX_BODY_BYTES}")]
    Body(usize),
}

impl Effect {
    /// An effect, validated.
    ///
    /// # Errors
    /// [`EffectError`], which names the part that is wrong.
    pub fn new(
        lane: impl Into<String>,
        id: impl Into<String>,
        body: impl Into<String>,
        repeat: Repeat,
    ) -> Result<Self, EffectError> {
        let effect = Self { lane: lane.into(), id: id.into(), body: body.into(), repeat };
        let is_legal =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=MAX_LANE_BYTES).contains(&effect.lane.len()) || !effect.lane.bytes().all(is_legal)
        {
            return Err(EffectError::Lane);
        }
        let is_printable = effect.id.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=MAX_ID_BYTES).contains(&effect.id.len()) || !is_printable {
            return Err(EffectError::Id);
        }
        if effect.body.len() > MAX_BODY_BYTES {
            return Err(EffectError::Body(effect.body.len()));
        }
        Ok(effect)
    }
}
