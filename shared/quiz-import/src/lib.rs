//! x
mod decimal;
pub mod gift;
pub mod markup;
mod report;

pub use decimal::{Decimal, NotDecimal};
pub use report::{
    Action, AnswerReport, Cause, QuestionReport, REASONS, Reason, Refusal, Remark, Report,
};
/// o
pub struct ImportOptions {
  /// x
  pub max_bytes: usize }
