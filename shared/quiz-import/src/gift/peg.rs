//! The tree as gift-pegjs prints it, so that both can be compared.

use minigate_domain::quizzes::Decimal;
use serde_json::{Map, Value, json};

use super::{Answers, Body, Choice, Entry, File, Format, Number, NumberChoice, Question, Text};

/// The same tree as JSON in the shape of gift-pegjs 1.0, with all of its fields.
#[must_use]
pub fn to_peg_json(file: &File) -> Value {
    file.entries.iter().map(entry).collect()
}

fn entry(entry: &Entry) -> Value {
    match &entry.body {
        Body::Category(title) => json!({"type": "Category", "title": title}),
        Body::Question(question) => of_question(question),
    }
}

fn of_question(question: &Question) -> Value {
    let tags = (!question.tags.is_empty()).then_some(&question.tags);
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("id", json!(question.id));
    set("tags", json!(tags));
    set("title", json!(question.title));
    set("stem", text(&question.stem));
    set("hasEmbeddedAnswers", json!(question.is_embedded));
    if question.answers != Answers::Description {
        set("globalFeedback", optional(question.global_feedback.as_ref()));
    }
    let kind = match &question.answers {
        Answers::Description => "Description",
        Answers::Essay => "Essay",
        Answers::TrueFalse { is_true, feedback: [first, second] } => {
            set("isTrue", json!(is_true));
            set("trueFeedback", optional(first.as_ref()));
            set("falseFeedback", optional(second.as_ref()));
            "TF"
        }
        Answers::Choices(choices) => {
            set("choices", choices.iter().map(choice).collect());
            if choices.iter().all(|choice| choice.is_right) { "Short" } else { "MC" }
        }
        Answers::Word(word) => {
            set("choices", json!([choice(word)]));
            "Short"
        }
        Answers::Number(it) => {
            set("choices", number(it));
            "Numerical"
        }
        Answers::Numbers(choices) => {
            let format = question.stem.format;
            set("choices", choices.iter().map(|choice| number_choice(choice, format)).collect());
            "Numerical"
        }
        Answers::Matching(pairs) => {
            let pair =
                |it: &super::Pair| json!({"subquestion": text(&it.left), "subanswer": it.right});
            set("matchPairs", pairs.iter().map(pair).collect());
            "Matching"
        }
    };
    set("type", json!(kind));
    Value::Object(fields)
}

fn choice(it: &Choice) -> Value {
    json!({
        "isCorrect": it.is_right,
        "weight": it.weight.map(decimal),
        "text": text(&it.text),
        "feedback": optional(it.feedback.as_ref()),
    })
}

fn number_choice(it: &NumberChoice, format: Format) -> Value {
    let any = || json!({"format": format.name(), "text": "*"});
    json!({
        "isCorrect": it.is_right,
        "weight": it.weight.map(decimal),
        "text": it.number.as_ref().map_or_else(any, number),
        "feedback": optional(it.feedback.as_ref()),
    })
}

fn number(it: &Number) -> Value {
    match *it {
        Number::Exact(it) => json!({"type": "simple", "number": decimal(it)}),
        Number::Tolerance(it, tolerance) => {
            json!({"type": "range", "number": decimal(it), "range": decimal(tolerance)})
        }
        Number::Range(low, high) => {
            json!({"type": "high-low", "numberHigh": decimal(high), "numberLow": decimal(low)})
        }
    }
}

/// As JavaScript writes it: an integer without a point.
fn decimal(it: Decimal) -> Value {
    serde_json::from_str(&it.to_string()).unwrap_or(Value::Null)
}

fn optional(it: Option<&Text>) -> Value {
    it.map_or(Value::Null, text)
}

fn text(it: &Text) -> Value {
    json!({"format": it.format.name(), "text": it.text})
}

impl Format {
    /// The tag, without brackets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moodle => "moodle",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Plain => "plain",
        }
    }
}
