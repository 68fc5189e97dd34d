//! What keeps a draft from being published, as reasons to refuse its file.

use minigate_domain::quizzes::Fault;

use crate::report::Reason;

/// The stable reason of a fault.
pub(crate) fn reason(fault: &Fault) -> Reason {
    let Fault { field, reason } = fault;
    if reason.starts_with("must have one right choice") {
        let has_none = reason.ends_with("has 0");
        return if has_none { Reason::NoRightAnswer } else { Reason::TwoRightAnswers };
    }
    if field.ends_with(".draw") {
        return Reason::PoolTooLarge;
    }
    if reason.starts_with("must have a text in") || reason.starts_with("must have answers in") {
        return Reason::NoLanguage;
    }
    if reason.contains("positive credits") || reason.contains("with a credit of 10000") {
        return Reason::NoRightAnswer;
    }
    Reason::InvalidQuiz
}
