//! Whole files, good and bad.

use std::{fs, path::Path};

use minigate_domain::quizzes::KindDraft;
use proptest::prelude::*;

use crate::{
    Action, Cause, Import, ImportOptions, MAX_FILE_BYTES, REASONS, Reason, Refusal, import, parts,
    to_json,
};

fn read(name: &str, text: &str) -> Result<Import, Refusal> {
    import(name, text.as_bytes(), &ImportOptions::default())
}

#[track_caller]
fn good(name: &str, text: &str) -> Import {
    read(name, text).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// The kind, the text and the answers of each question, in one line each.
fn summary(import: &Import) -> Vec<String> {
    let questions = import.report.questions.iter().map(|question| {
        let answers: Vec<String> =
            question.answers.iter().map(|it| format!("{}={}", it.text, it.weight)).collect();
        format!("{} | {} | {}", question.kind, question.text, answers.join("; "))
    });
    questions.collect()
}

fn lost(import: &Import) -> Vec<(u32, &str)> {
    import.report.all_remarks().map(|remark| (remark.line, remark.element.as_str())).collect()
}

#[test]
fn gift_questions_become_ours() {
    let import = good(
        "geography.gift",
        "// one\n::Capital::What is the *capital* of France?{=Paris#Yes. ~Lyon ~%50%Île-de-France}\n\n\
         Which are rivers? {~%33.33333%Rhine ~%33.33333%Elbe ~%33.33333%Oder ~%-50%Alps}\n\n\
         How high? {#\n=4808.0000000001:2\n=%50%4800..4900#Nearly.\n=*#No.}\n\n\
         The sea is salty.{T#Right. #Taste it. ####Both.}\n\n\
         Match. {=a -> 1 =b -> 2 = -> 3}\n\n\
         Who? {=no one =%50%nobody#Almost}\n\n\
         Two of {=spring =summer ~easter}\n\n\
         Write. {}\n\n\
         Just text.",
    );
    assert_eq!(
        summary(&import),
        [
            "single | What is the \\*capital\\* of France? | Paris=100; Lyon=0; Île-de-France=50",
            "multiple | Which are rivers? | Rhine=33.34; Elbe=33.33; Oder=33.33; Alps=-50",
            "number | How high? | 4806..4810=100; 4800..4900=50",
            "single | The sea is salty. | True=100; False=0",
            "matching | Match. | a -> 1=50; b -> 2=50; 3=0",
            "text | Who? | no one=100; nobody=50",
            "multiple | Two of | spring=50; summer=50; easter=-50",
            "essay | Write. | ",
            "description | Just text. | ",
        ]
    );
    assert_eq!(
        lost(&import),
        [
            (2, "title Capital"),
            (7, "number 4808.0000000001"),
            (8, "feedback of 4800..4900"),
            (9, "answer *"),
            (9, "feedback of *"),
            (15, "feedback of nobody"),
            (17, "one choice"),
            (19, "essay"),
            (21, "description"),
        ]
    );
    let quiz = &import.quizzes[0];
    assert_eq!((quiz.id.as_str(), import.quizzes.len()), ("geography", 1));
    let questions: Vec<_> = quiz.draft.questions().collect();
    assert_eq!(questions.len(), 7);
    let english = "en".parse().unwrap();
    let explanation =
        |at: usize| questions[at].explanation.as_ref().unwrap().get(&english, &english);
    assert_eq!(explanation(2), "4800..4900: Nearly.\n\n\\*: No.");
    assert_eq!(explanation(3), "Both.");
    let KindDraft::Single { choices, .. } = &questions[0].kind else { panic!("a choice") };
    assert!(choices[0].feedback.is_some());
}

#[test]
fn all_files_of_gift_pegjs_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gift");
    let (mut count, mut questions) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "gift") {
            continue;
        }
        count += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let import = import(name, &fs::read(&path).unwrap(), &ImportOptions::default());
        let Import { quizzes, report } = import.unwrap_or_else(|refusal| panic!("{refusal}"));
        for question in &report.questions {
            questions += 1;
            // What is not imported says why.
            assert!(question.imported || !question.remarks.is_empty(), "{name}");
            assert!(!question.text.is_empty(), "{name}");
        }
        let has_none = ["category", "essay", "markdown", "newlineAndLaTeX", "tag_"];
        let has_none = has_none.iter().any(|it| name.starts_with(it));
        assert_eq!(quizzes.is_empty(), has_none, "{name}");
        assert!(!has_none || report.all_remarks().count() > 0, "{name}");
    }
    assert_eq!(count, 34);
    assert!(questions >= 60, "{questions}");
}

#[test]
fn categories_become_quizzes() {
    let import = good(
        "bank.txt",
        "Zero? {T}\n\n$CATEGORY: $course$/top/Unit 1//2\n\nOne? {T}\n\n$CATEGORY: Two\n\nTwo? {F}\n\n\
         $CATEGORY: $course$/top/Unit 1//2\n\nThree? {T}",
    );
    let titles: Vec<_> = import.report.questions.iter().map(|it| it.quiz.as_str()).collect();
    assert_eq!(titles, ["bank", "Unit 1/2", "Two", "Unit 1/2"]);
    let ids: Vec<_> = import.quizzes.iter().map(|quiz| quiz.id.as_str()).collect();
    assert_eq!(ids, ["bank", "unit-1-2", "two"]);
    let english = "en".parse().unwrap();
    assert_eq!(import.quizzes[1].draft.title.get(&english, &english), "Unit 1/2");
    assert_eq!(import.quizzes[1].draft.questions().count(), 2);
}

#[test]
fn a_large_file_becomes_several_quizzes() {
    let text = "Is it {T}\n\n".repeat(450);
    let import = good("many.gift", &text);
    let counts: Vec<_> = import.quizzes.iter().map(|it| it.draft.questions().count()).collect();
    assert_eq!(counts, [200, 200, 50]);
    assert_eq!(import.quizzes[2].id.as_str(), "many-3");
    let long = format!("{} {{T}}\n\n", "word ".repeat(700)).repeat(60);
    let import = good("long.gift", &long);
    assert_eq!(import.quizzes.len(), 2);
    // And files that the route takes.
    let files = parts(&import.quizzes, 160_000);
    assert_eq!(files.len(), 2);
    for (file, quiz) in files.iter().zip(&import.quizzes) {
        assert!(file.len() <= 160_000);
        assert_eq!(good("part.json", file).quizzes, std::slice::from_ref(quiz));
    }
}

#[test]
fn aiken_is_read() {
    let text = "What is 2 + 2?\nThink.\n\nA. 3\nB) 4\nANSWER: B\n\nIs 1 < 2?\nA. yes <b>\nB. no\nANSWER: A\n";
    assert_eq!(
        summary(&good("sums.txt", text)),
        [
            "single | What is 2 + 2?  \nThink. | 3=0; 4=100",
            "single | Is 1 < 2? | yes &lt;b>=100; no=0"
        ]
    );
}

const MOODLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<quiz>
<question type="category"><category><text>$course$/Physics</text></category></question>
<question type="multichoice">
  <name><text>Units &amp; more</text></name>
  <questiontext format="html"><text><![CDATA[<p>What <b>is</b> <img src="@@PLUGINFILE@@/ohm.png"> it?</p>]]></text>
    <file name="ohm.png" path="/" encoding="base64">AAAA</file></questiontext>
  <generalfeedback format="html"><text>&lt;p&gt;Because.&lt;/p&gt;</text></generalfeedback>
  <defaultgrade>2.0000000</defaultgrade><penalty>0.3333333</penalty><hidden>0</hidden>
  <single>true</single><shuffleanswers>0</shuffleanswers>
  <answer fraction="100" format="html"><text>Ohm</text><feedback format="html"><text>Yes</text></feedback></answer>
  <answer fraction="0" format="html"><text>Volt</text></answer>
  <hint format="html"><text>Think</text></hint>
  <tags><tag><text>units</text></tag></tags>
</question>
<question type="multichoice"><questiontext><text>Two</text></questiontext><single>false</single>
  <answer fraction="50"><text>a</text></answer><answer fraction="50"><text>b</text></answer>
  <answer fraction="-100"><text>c</text></answer></question>
<question type="truefalse"><questiontext><text>True?</text></questiontext>
  <answer fraction="0"><text>true</text></answer><answer fraction="100"><text>false</text></answer></question>
<question type="shortanswer"><questiontext><text>Type?</text></questiontext><usecase>1</usecase>
  <answer fraction="100"><text>Vec&lt;b&gt;</text></answer></question>
<question type="numerical"><questiontext><text>g?</text></questiontext>
  <answer fraction="100"><text>9.81</text><tolerance>0.01</tolerance></answer></question>
<question type="numerical"><questiontext><text>Avogadro?</text></questiontext>
  <answer fraction="100"><text>6.02E23</text></answer></question>
<question type="matching"><questiontext><text>Match</text></questiontext>
  <subquestion><text>a</text><answer><text>1</text></answer></subquestion>
  <subquestion><text>b</text><answer><text>2</text></answer></subquestion>
  <subquestion><text></text><answer><text>3</text></answer></subquestion></question>
<question type="ordering"><questiontext><text>Order</text></questiontext>
  <answer fraction="2.0000000"><text>second</text></answer>
  <answer fraction="1.0000000"><text>first</text></answer></question>
<question type="cloze"><questiontext><text>{1:SA:=x}</text></questiontext></question>
<question type="multichoice"><questiontext><text>Picture?</text></questiontext><single>true</single>
  <answer fraction="100" format="html"><text><![CDATA[<img src="a.png">]]></text></answer>
  <answer fraction="0"><text>b</text></answer></question>
</quiz>"#;

#[test]
fn moodle_xml_is_read() {
    let import = good("export.xml", MOODLE);
    assert_eq!(
        summary(&import),
        [
            "single | What **is** it? | Ohm=100; Volt=0",
            "multiple | Two | a=50; b=50; c=-100",
            "single | True? | True=0; False=100",
            "text | Type? | Vec<b>=100",
            "number | g? | 9.8..9.82=100",
            "numerical | Avogadro? | ",
            "matching | Match | a -> 1=50; b -> 2=50; 3=0",
            "ordering | Order | first=50; second=50",
            "cloze | {1:SA:=x} | ",
            "multichoice | Picture? | ",
        ]
    );
    assert_eq!(
        lost(&import),
        [
            (3, "category $course$/Physics"),
            (4, "name Units & more"),
            (13, "<hint> Think"),
            (14, "<tags>"),
            (4, "settings penalty, hidden"),
            (7, "file ohm.png"),
            (4, "image ohm.png"),
            (25, "numerical"),
            (34, "cloze"),
            (36, "image a.png"),
            (36, "question"),
        ]
    );
    let question = import.quizzes[0].draft.questions().next().unwrap();
    assert_eq!(question.weight, 2);
    assert!(question.explanation.is_some());
    assert!(matches!(question.kind, KindDraft::Single { shuffle: false, .. }));
}

/// A quiz of own JSON; `$` stands for a further field of the quiz, `@` for its questions.
fn own(question: &str) -> String {
    format!(
        r#"{{"format": 1, "quizzes": [{{
  "id": "tomb", "version": 3,
  "title": {{"en": "Tombs", "de": "Gräber"}},
  "description": {{"en": "Who is in them"}},
  "topics": ["history"], "language": "en",
  "rules": {{"pass_mark": 5000, "time_limit_seconds": 60}},
  "pools": [{{"draw": 1, "questions": [
{question}
]}}]
}}]}}"#
    )
}

const CHOICE: &str = r#"{"id": "grant", "kind": "single",
 "text": {"en": "Who?", "de": "Wer?"},
 "choices": [{"id": "a", "text": {"en": "Grant"}, "credit": 10000},
  {"id": "b", "text": {"en": "nobody"}}]}"#;

#[test]
fn own_json_is_lossless() {
    let import = good("tomb.json", &own(CHOICE));
    assert_eq!(lost(&import), []);
    assert_eq!(summary(&import), ["single | Who? | Grant=100; nobody=0"]);
    assert_eq!(import.report.questions[0].line, 8);
    let quiz = &import.quizzes[0];
    assert_eq!((quiz.id.as_str(), quiz.version.map(|it| it.get())), ("tomb", Some(3)));
    let written = to_json(&import.quizzes);
    assert_eq!(good("again.json", &written).quizzes, import.quizzes);
    assert_eq!(to_json(&good("again.json", &written).quizzes), written);
}

#[test]
fn own_json_is_sanitised_and_says_so() {
    let text = own(CHOICE).replace("Wer?", "Wer<script>x</script>?\\n![y](https://a.org/z.png)");
    let import = good("tomb.json", &text);
    let remarks = &import.report.questions[0].remarks;
    let found: Vec<_> = remarks.iter().map(|it| (it.line, it.element.as_str())).collect();
    assert_eq!(found, [(9, "<script>"), (9, "image z.png")]);
    assert_eq!((remarks[0].action, remarks[1].reason), (Action::Dropped, Cause::EmbeddedFile));
    assert!(to_json(&import.quizzes).contains("\"de\": \"Wer?"));
}

#[test]
fn a_bad_file_is_refused_as_a_whole_with_its_line() {
    let json = |from: &str, to: &str| own(CHOICE).replace(from, to);
    let xml = |from: &str, to: &str| MOODLE.replacen(from, to, 1);
    let deep_xml = format!("<quiz>{}", "<a>".repeat(40));
    let deep_json = format!("{{\"format\": 1, \"quizzes\": [{}", "[".repeat(40));
    let cases = [
        ("a.gift", "A {T}\n\nB {=a".to_owned(), 3, Reason::UnclosedBrace),
        ("a.gift", "A {T}}".to_owned(), 1, Reason::UnopenedBrace),
        ("a.gift", "A {~{{{{=b}".to_owned(), 1, Reason::NestedBrace),
        ("a.gift", "A {T} {F}".to_owned(), 1, Reason::SecondAnswers),
        ("a.gift", "A {a\n=b}".to_owned(), 2, Reason::MalformedAnswer),
        ("a.gift", "A {~%101%a =b}".to_owned(), 1, Reason::WeightOutOfRange),
        ("a.gift", "A {#1..x}".to_owned(), 1, Reason::BadNumber),
        ("a.gift", "A {#5..1}".to_owned(), 1, Reason::BadNumber),
        ("a.gift", "A {~a ~b}".to_owned(), 1, Reason::NoRightAnswer),
        ("a.gift", "{T}".to_owned(), 1, Reason::EmptyText),
        ("a.gift", String::new(), 1, Reason::NoQuestions),
        ("a.gift", format!("A {{{}~b}}", "=a#x".repeat(21)), 1, Reason::TooMany),
        ("a.gift", "A {T}\n\n".repeat(5_001), 10_001, Reason::TooMany),
        ("a.gift", format!("A\n{} {{T}}", "a".repeat(4_001)), 1, Reason::InvalidQuiz),
        ("a.gift", "A {=a -> b}".to_owned(), 1, Reason::InvalidQuiz),
        ("a.dat", "Hello".to_owned(), 1, Reason::UnknownFormat),
        ("a.aiken", "A\nA. x\nB. y\nANSWER: C".to_owned(), 4, Reason::NoRightAnswer),
        ("a.aiken", "A\nA. x\nB. y\nANSWER: A\nANSWER: B".to_owned(), 5, Reason::TwoRightAnswers),
        ("a.aiken", "A\nA. x\nthen".to_owned(), 3, Reason::MalformedAiken),
        ("a.aiken", "A\nA. x\nB. y".to_owned(), 1, Reason::MalformedAiken),
        ("a.xml", xml("</quiz>", ""), 2, Reason::MalformedXml),
        ("a.xml", xml("</questiontext>", "</b>"), 7, Reason::MalformedXml),
        ("a.xml", "<?xml version='1.0'?>\n<html/>".to_owned(), 2, Reason::MalformedXml),
        ("a.xml", xml("<quiz>", "<!DOCTYPE q [<!ENTITY a 'b'>]><quiz>"), 2, Reason::XmlEntity),
        ("a.xml", xml("Units &amp;", "Units &nbsp;"), 5, Reason::XmlEntity),
        ("a.xml", deep_xml, 1, Reason::TooDeep),
        (
            "a.xml",
            xml("fraction=\"0\" format", "fraction=\"100\" format"),
            4,
            Reason::TwoRightAnswers,
        ),
        (
            "a.xml",
            xml("fraction=\"0\"><text>true", "fraction=\"100\"><text>true"),
            20,
            Reason::TwoRightAnswers,
        ),
        ("a.json", json("\"format\": 1", "\"format\": 2"), 1, Reason::UnknownVersion),
        ("a.json", "{\"quizzes\": []}".to_owned(), 1, Reason::UnknownVersion),
        ("a.json", json("\"Wer?\"", "\"Wer?"), 10, Reason::MalformedJson),
        ("a.json", json("\"credit\"", "\"credits\""), 8, Reason::MalformedJson),
        ("a.json", json("\"choices\"", "\"hint\": 1,\n\"choices\""), 8, Reason::MalformedJson),
        ("a.json", json("\"choices\"", "\"id\": \"b\",\n\"choices\""), 10, Reason::MalformedJson),
        ("a.json", deep_json, 1, Reason::TooDeep),
        (
            "a.json",
            json("\"nobody\"}", "\"nobody\"}, \"credit\": 10000"),
            10,
            Reason::TwoRightAnswers,
        ),
        ("a.json", json(", \"credit\": 10000", ""), 10, Reason::NoRightAnswer),
        ("a.json", json("\"draw\": 1", "\"draw\": 2"), 7, Reason::PoolTooLarge),
        ("a.json", json("{\"en\": \"nobody\"}", "{}"), 11, Reason::NoLanguage),
        ("a.json", json("\"en\": \"nobody\"", "\"ru\": \"никто\""), 11, Reason::NoLanguage),
        ("a.json", json("Wer?", "<img src=x>"), 9, Reason::EmptyText),
        ("a.json", json("\"tomb\"", "\"import\""), 2, Reason::InvalidQuiz),
        ("a.json", json(": 60", ": 5"), 6, Reason::InvalidQuiz),
    ];
    let mut seen = vec![Reason::TooLarge, Reason::NotUtf8];
    for (name, text, line, reason) in cases {
        let refusal = read(name, &text).unwrap_err();
        let shown: String = text.chars().take(300).collect();
        assert_eq!((refusal.line, refusal.reason), (line, reason), "{refusal}\n{shown}");
        assert!(!refusal.detail.is_empty() && refusal.file == name);
        seen.push(reason);
    }
    let missing: Vec<_> = REASONS.iter().filter(|reason| !seen.contains(reason)).collect();
    assert_eq!(missing, Vec::<&Reason>::new(), "each reason has its case");

    let options = ImportOptions::default();
    let refusal = import("a.gift", b"A {T}\n\xff", &options).unwrap_err();
    assert_eq!((refusal.line, refusal.reason), (2, Reason::NotUtf8));
    let eleven = vec![b' '; 11_000_000];
    assert_eq!(import("a.gift", &eleven, &options).unwrap_err().reason, Reason::TooLarge);
    assert!(eleven.len() > MAX_FILE_BYTES);
    let refusal = read("a.json", &json("\"draw\": 1", "\"draw\": 0")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "a.json:7: pools[0].draw must be 1 to 1, the questions of the pool (pool-too-large)"
    );
    let refusal = read("a.xml", &xml("fraction=\"0\" format", "fraction=\"100\" format"));
    assert_eq!(refusal.unwrap_err().question.as_deref(), Some("Units & more"));
}

/// Files made of what the formats are made of.
fn files() -> impl Strategy<Value = String> {
    let gift = ["{", "}", "=", "~", "#", "####", "->", "%50%", "::", "\n\n", "\n", "\\", "[html]"];
    let more = ["$CATEGORY: a/b\n", "T", "1..2", "3:0.1", "// [id:x] [tag:y]\n", "a", " ", "<b>"];
    let xml =
        ["<quiz>", "</quiz>", "<question type=\"numerical\">", "</question>", "<text>", "&#0;"];
    let rest =
        ["<![CDATA[", "]]>", "</text>", "&lt;", "A. x\n", "ANSWER: A\n", "\"", "[", "]", ","];
    let json = ["{\"format\": 1, \"quizzes\": [", "\"id\": \"abc\"", "é", "<script>", "\u{0}"];
    let all = [&gift[..], &more, &xml, &rest, &json].concat();
    proptest::collection::vec(proptest::sample::select(all), 0..30).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_file_makes_the_import_panic(text in files(), bytes in any::<Vec<u8>>()) {
        let options = ImportOptions::default();
        for name in ["a.gift", "a.xml", "a.json", "a.aiken", "a.txt", "a"] {
            if let Ok(import) = read(name, &text) {
                for quiz in &import.quizzes {
                    prop_assert_eq!(quiz.draft.faults(), []);
                }
                let again = read("again.json", &to_json(&import.quizzes));
                prop_assert_eq!(again.is_err(), import.quizzes.is_empty());
            }
            let _refused = import(name, &bytes, &options);
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(at in 0_usize..4_000, text in files()) {
        for (name, whole) in [("a.xml", MOODLE.to_owned()), ("a.json", own(CHOICE))] {
            let mut damaged = whole;
            let at = (0..=at.min(damaged.len())).rev().find(|at| damaged.is_char_boundary(*at));
            damaged.insert_str(at.unwrap_or(0), &text);
            let _either = read(name, &damaged);
        }
    }
}
