//! Runs the batch command of the init-data crate over the crate's own vectors, as a back end in another
//! language would.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    process,
    report::Verdict,
    verify::Context,
    workspace::{self, text},
};

const VECTORS: &str = "shared/init-data/tests/data/init-data.json";
/// How many wrong answers are shown.
const MAX_SHOWN: usize = 20;

/// A step of `verify`.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    let vectors = std::fs::read_to_string(workspace::root().join(VECTORS))
        .map_err(|error| format!("{VECTORS} cannot be read: {error}"))?;
    let vectors: Vec<Value> = serde_json::from_str(&vectors)
        .map_err(|error| format!("{VECTORS} is no array of vectors: {error}"))?;
    if vectors.is_empty() {
        return Err(format!("{VECTORS} holds no vector"));
    }

    let input: String = vectors.iter().map(|vector| format!("{vector}\n")).collect();
    let mut program = workspace::command(context.program("init-data")?);
    let finished = process::run_with_input(program.args(["verify", "--batch"]), input)?;
    context.keep_log("vectors", &finished);
    if !finished.is_success {
        let errors: Vec<_> = finished.errors().collect();
        return Err(format!("`init-data verify --batch` failed: {}", errors.join("\n")));
    }
    let wrong = wrong_answers(&vectors, finished.out());
    if wrong.is_empty() {
        return Ok(Verdict::passed().with_note(format!("{} vectors", vectors.len())));
    }
    let shown = &wrong[..wrong.len().min(MAX_SHOWN)];
    let (count, total) = (wrong.len(), vectors.len());
    Err(format!("{count} of {total} vectors are answered wrongly\n{}", shown.join("\n")))
}

fn wrong_answers<'a>(vectors: &[Value], answers: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut results: HashMap<String, String> = answers
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|answer| (text(&answer, "id").to_owned(), text(&answer, "result").to_owned()))
        .collect();
    let mut wrong: Vec<String> = vectors
        .iter()
        .filter_map(|vector| {
            let (id, expected) = (text(vector, "id"), text(vector, "expect"));
            let also = vector["also_acceptable"].as_array().map_or(&[][..], Vec::as_slice);
            match results.remove(id) {
                Some(result) if result == expected || also.contains(&result.as_str().into()) => {
                    None
                }
                Some(result) => Some(format!("{id}: {result}, expected {expected}")),
                None => Some(format!("{id}: no answer, expected {expected}")),
            }
        })
        .collect();
    wrong.extend(results.into_iter().map(|(id, result)| format!("{id:?}: {result}, not asked")));
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::wrong_answers;

    #[test]
    fn answers_are_compared_by_id() {
        let vectors = [
            json!({"id": "a", "expect": "ok"}),
            json!({"id": "b", "expect": "expired", "also_acceptable": ["malformed"]}),
        ];
        let check = |answers: &str| wrong_answers(&vectors, answers.lines());

        let right = r#"{"id":"b","result":"malformed"}
            {"id":"a","result":"ok"}"#;
        assert!(check(right).is_empty());
        let other = r#"{"id":"b","result":"ok"}
            {"id":"c","result":"ok"}"#;
        assert_eq!(
            check(other),
            ["a: no answer, expected ok", "b: ok, expected expired", "\"c\": ok, not asked"]
        );
        assert_eq!(check("not json").len(), 2);
    }
}
