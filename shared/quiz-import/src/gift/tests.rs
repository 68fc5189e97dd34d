use std::{fs, path::Path};

use serde_json::Value;

use super::{parse, to_peg_json};

/// The files of another project, with the trees that it expects.
#[test]
fn the_files_of_gift_pegjs_are_read_as_it_reads_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gift");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "gift") {
            continue;
        }
        let expected = fs::read_to_string(path.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let file = parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(to_peg_json(&file), expected, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 34);
}

#[test]
fn faults_are_named_with_their_line() {
    for (text, line, reason) in [
        ("Q1 {T}\n\nQ2 {=a ~b\n\nQ3 {T}", 3, "unclosed-brace"),
        ("a\n} b", 2, "unopened-brace"),
        ("Q {T}\n}", 2, "unopened-brace"),
        ("Q {\n~a\n={}", 3, "nested-brace"),
        ("Q {T}\nP {F}", 2, "second-answers"),
        ("Q {\n~%150%a =b}", 2, "weight-out-of-range"),
        ("Q {#\n=one}", 2, "bad-number"),
        ("Q {#}", 1, "bad-number"),
        ("Q {\n~ \n=b}", 2, "empty-text"),
        ("\n\n{T}", 3, "empty-text"),
        ("Q {a\n=b}", 2, "malformed-answer"),
    ] {
        let refusal = parse(text).unwrap_err();
        assert_eq!((refusal.line, refusal.reason.code()), (line, reason), "{text}");
    }
}

#[test]
fn what_moodle_reads_beyond_the_grammar() {
    let text = "// [id:7]\n$CATEGORY: a/b\nWhat: why?\n// a note\n{ ~no: never\r\n=yes#so: it is }";
    let file = parse(text).unwrap();
    let json = to_peg_json(&file);
    assert_eq!(json[0]["title"], "a/b");
    assert_eq!(json[1]["stem"]["text"], "What: why?");
    assert_eq!(json[1]["choices"][1]["feedback"]["text"], "so: it is");
    assert_eq!(file.entries[1].line, 3);
    let json = to_peg_json(&parse("Q {=a ~%33.3333333333%b}").unwrap());
    assert_eq!(json[0]["choices"][1]["weight"], 33.333333333);
    // Percent signs that hold no number are text.
    let json = to_peg_json(&parse("Q {~%d and %s =%50 off}").unwrap());
    assert_eq!(json[0]["choices"][0]["text"]["text"], "%d and %s");
}
