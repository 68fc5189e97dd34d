//! Sends quizzes from files to a deployment.
//!
//! Files are read here, by the same code as in the route, and go out as own JSON in parts that the route
//! takes. If one file is refused, nothing is sent.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use minigate_quiz_import::{
    Action, Import, ImportOptions, ImportedQuiz, MAX_FILE_BYTES, MAX_ROUTE_BYTES, Refusal, Remark,
    import, parts,
};
use serde_json::{Value, json};

use crate::{process, workspace};

/// Where `cargo dev` listens.
const LOCAL: &str = "http://127.0.0.1:3000";
/// The environment variable with the credentials of an author or administrator: an access token, or the
/// whole value of `Authorization`, such as `tma …`. Arguments can be read by other users of a machine.
const TOKEN: &str = "MINIGATE_TOKEN";

#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    files: Vec<String>,
    is_dry: bool,
    publishes: bool,
    is_json: bool,
    endpoint: String,
    options: ImportOptions,
}

impl Arguments {
    pub(crate) fn read(arguments: &[&str]) -> Result<Self, String> {
        let mut read = Self {
            files: Vec::new(),
            is_dry: false,
            publishes: false,
            is_json: false,
            endpoint: LOCAL.to_owned(),
            options: ImportOptions::default(),
        };
        let mut topics = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().copied().ok_or_else(|| format!("{argument} needs a value"));
            match *argument {
                "--dry-run" => read.is_dry = true,
                "--publish" => read.publishes = true,
                "--report" => match value()? {
                    "json" => read.is_json = true,
                    other => return Err(format!("--report is `json`, not `{other}`")),
                },
                "--endpoint" => read.endpoint = endpoint(value()?)?,
                "--language" => {
                    let language = value()?.parse();
                    read.options.language =
                        language.map_err(|error| format!("--language must be {error}"))?;
                }
                "--topic" => {
                    let topic = value()?.parse();
                    topics.push(topic.map_err(|error| format!("--topic must be {error}"))?);
                }
                option if option.starts_with('-') => {
                    return Err(format!("import-quizzes has no option `{option}`"));
                }
                file => read.files.push(file.to_owned()),
            }
        }
        if read.files.is_empty() {
            return Err("import-quizzes needs a file".to_owned());
        }
        if !topics.is_empty() {
            read.options.topics = topics;
        }
        Ok(read)
    }
}

/// The address, which is encrypted unless it is on this machine, because a token goes there.
fn endpoint(url: &str) -> Result<String, String> {
    let url = url.trim_end_matches('/');
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = local.iter().any(|begin| {
        url.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let is_plain = url.chars().all(|it| it.is_ascii_graphic() && !matches!(it, '"' | '\\'));
    if is_plain && (url.starts_with("https://") || is_local) {
        return Ok(url.to_owned());
    }
    Err(format!("--endpoint must be https://, or http:// on this machine, not `{url}`"))
}

/// Reads the files, reports, and sends them; whether all went well.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, String> {
    let mut outcomes = Vec::new();
    for file in &arguments.files {
        let bytes = read_file(Path::new(file))?;
        outcomes.push(import(file, &bytes, &arguments.options));
    }
    if arguments.is_json {
        let files: Vec<Value> = outcomes.iter().map(in_json).collect();
        println!("{:#}", json!({"files": files}));
    } else {
        outcomes.iter().for_each(print);
    }
    if outcomes.iter().any(Result::is_err) {
        return Ok(false);
    }
    let quizzes: Vec<ImportedQuiz> =
        outcomes.into_iter().flatten().flat_map(|import| import.quizzes).collect();
    for (at, quiz) in quizzes.iter().enumerate() {
        if quizzes[..at].iter().any(|other| other.id == quiz.id) {
            return Err(format!("two quizzes would be called `{}`; import them apart", quiz.id));
        }
    }
    if !arguments.is_dry && quizzes.is_empty() {
        return Err("nothing of these files can be imported".to_owned());
    }
    if arguments.is_dry {
        return Ok(true);
    }
    send(&quizzes, arguments, &authorization()?)
}

/// The file, or a little more than may be taken of it.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let fault = |error| format!("{} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(fault)?.take(limit).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

fn in_json(outcome: &Result<Import, Refusal>) -> Value {
    match outcome {
        Ok(import) => {
            let mut report = json!(import.report);
            let quiz = |quiz: &ImportedQuiz| {
                let questions = quiz.draft.questions().count();
                json!({"id": quiz.id, "title": quiz.draft.title, "questions": questions})
            };
            report["quizzes"] = import.quizzes.iter().map(quiz).collect();
            report
        }
        Err(refusal) => json!({"file": refusal.file, "refused": refusal}),
    }
}

fn print(outcome: &Result<Import, Refusal>) {
    let report = match outcome {
        Ok(import) => &import.report,
        Err(refusal) => return println!("{refusal}: nothing of the file is imported"),
    };
    let file = &report.file;
    let say = |question: &str, remark: &Remark| {
        let action = match remark.action {
            Action::Dropped => "dropped",
            Action::Changed => "changed",
        };
        let Remark { line, element, detail, .. } = remark;
        println!("{file}:{line}: {question}{action} {element}: {detail}");
    };
    report.remarks.iter().for_each(|remark| say("", remark));
    for question in &report.questions {
        let name = format!("question “{}”: ", question.question);
        question.remarks.iter().for_each(|remark| say(&name, remark));
    }
    let imported = report.questions.iter().filter(|question| question.imported).count();
    let (all, remarks) = (report.questions.len(), report.all_remarks().count());
    let quizzes: Vec<_> =
        outcome.iter().flat_map(|import| &import.quizzes).map(|quiz| quiz.id.as_str()).collect();
    println!("{file}: {imported} of {all} questions, {remarks} remarks; {}", quizzes.join(", "));
}

/// Sends the quizzes, and says what became of each; whether all were written.
fn send(
    quizzes: &[ImportedQuiz],
    arguments: &Arguments,
    authorization: &str,
) -> Result<bool, String> {
    let Arguments { endpoint, publishes, .. } = arguments;
    let parts = parts(quizzes, MAX_ROUTE_BYTES);
    let count = parts.len();
    let mut all_written = true;
    for (number, part) in (1..).zip(parts) {
        let file = PartFile::write(number, &part)?;
        let config = format!(
            "url = \"{endpoint}/v1/quizzes/import?file=part-{number}.json&publish={publishes}\"\n\
             header = \"Authorization: {authorization}\"\n\
             header = \"Content-Type: application/json\"\n\
             data-binary = \"@{}\"\n",
            file.0.display(),
        );
        let mut curl = workspace::command("curl");
        // The configuration holds the token, so it goes through standard input.
        curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "60"]);
        let finished = process::run_with_input(curl.args(["--config", "-"]), config)?;
        let said: Vec<&str> = finished.all().collect();
        if !finished.is_success {
            let said = said.join("\n");
            return Err(format!("part {number} of {count} is refused; send it again\n{said}"));
        }
        let answer: Value = serde_json::from_str(&said.join("\n"))
            .map_err(|error| format!("the answer of {endpoint} cannot be read: {error}"))?;
        let outcomes = answer["quizzes"].as_array().map_or(&[][..], Vec::as_slice);
        for outcome in outcomes {
            let (line, is_written) = outcome_line(outcome);
            // Standard output is for the report.
            eprintln!("{line}");
            all_written &= is_written;
        }
    }
    Ok(all_written)
}

/// What became of a quiz, and whether it was written.
fn outcome_line(quiz: &Value) -> (String, bool) {
    let id = workspace::text(quiz, "id");
    match workspace::text(quiz, "outcome") {
        "drafted" => (format!("{id}: draft {}", quiz["draft"]), true),
        "published" => (format!("{id}: published as version {}", quiz["version"]), true),
        "not_yours" => (format!("{id}: not written, it is another author's"), false),
        other => (format!("{id}: {other}"), false),
    }
}

#[expect(clippy::disallowed_methods, reason = "a program of a developer; a token is no argument")]
fn authorization() -> Result<String, String> {
    let token = std::env::var(TOKEN).unwrap_or_default();
    authorization_of(token.trim())
}

fn authorization_of(token: &str) -> Result<String, String> {
    let is_plain = |it: char| (it == ' ' || it.is_ascii_graphic()) && !matches!(it, '"' | '\\');
    match token {
        "" => Err(format!("{TOKEN} must hold an access token of an author or administrator")),
        _ if !token.chars().all(is_plain) => Err(format!("{TOKEN} holds no credentials")),
        _ if token.contains(' ') => Ok(token.to_owned()),
        _ => Ok(format!("Bearer {token}")),
    }
}

/// A part on the disk while curl sends it.
struct PartFile(PathBuf);

impl PartFile {
    fn write(number: usize, content: &str) -> Result<Self, String> {
        let name = format!("import-quizzes-{}-{number}.json", std::process::id());
        let file = Self(workspace::target_directory()?.join(name));
        std::fs::write(&file.0, content)
            .map_err(|error| format!("{} cannot be written: {error}", file.0.display()))?;
        Ok(file)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // What cannot be removed lies below `target/`.
        let _removed = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        thread,
    };

    use super::{Arguments, LOCAL, authorization_of, endpoint, send};

    /// Answers one request, and returns its head and its body.
    fn answer_one(listener: &TcpListener, status: &str, answer: &str) -> (String, String) {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        if head.contains("100-continue") {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        reader.read_exact(&mut body).unwrap();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    #[test]
    fn quizzes_go_out_with_the_token_and_a_refusal_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let draft = r#"{"quizzes": [{"id": "first-aid", "outcome": "drafted", "draft": 1}]}"#;
            let first = answer_one(&listener, "200 OK", draft);
            let other = r#"{"quizzes": [{"id": "first-aid", "outcome": "not_yours"}]}"#;
            answer_one(&listener, "200 OK", other);
            answer_one(&listener, "422 Unprocessable Content", "draft_invalid");
            first
        });
        let quizzes = minigate_quiz_import::examples().unwrap();
        let arguments = Arguments::read(&["a", "--endpoint", &address]).unwrap();
        assert_eq!(send(&quizzes, &arguments, "tma a=b&c=%20d"), Ok(true));
        assert_eq!(send(&quizzes, &arguments, "Bearer x"), Ok(false));
        let refused = send(&quizzes, &arguments, "Bearer x").unwrap_err();
        assert!(refused.starts_with("part 1 of 1 is refused"), "{refused}");
        assert!(refused.contains("draft_invalid"), "the answer is shown: {refused}");
        let (head, body) = server.join().unwrap();
        let line = "POST /v1/quizzes/import?file=part-1.json&publish=false ";
        assert!(head.starts_with(line), "{head}");
        assert!(head.contains("Authorization: tma a=b&c=%20d\r\n"), "{head}");
        let options = minigate_quiz_import::ImportOptions::default();
        let import = minigate_quiz_import::import("part-1.json", body.as_bytes(), &options);
        assert_eq!(import.unwrap().quizzes, quizzes);
    }

    #[test]
    fn arguments_are_read() {
        let read = Arguments::read(&[
            "a.gift",
            "--dry-run",
            "--report",
            "json",
            "--language",
            "de",
            "--topic",
            "law",
            "b.xml",
        ]);
        let read = read.unwrap();
        assert_eq!(read.files, ["a.gift", "b.xml"]);
        assert!(read.is_dry && read.is_json && read.endpoint == LOCAL);
        assert_eq!(read.options.language.as_str(), "de");
        assert_eq!(read.options.topics[0].as_str(), "law");
        for wrong in [
            &["--dry-run"][..],
            &["a", "--report"],
            &["a", "--report", "xml"],
            &["a", "--topic", "L"],
            &["a", "--token", "x"],
        ] {
            assert!(Arguments::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn tokens_go_to_encrypted_addresses_only() {
        for good in ["https://api.example.org/prod/", "http://127.0.0.1:3000", "http://localhost"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in ["http://example.org", "http://127.0.0.1.example.org", "ftp://a", "https://a\"b"]
        {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_a_bearer_token_unless_it_says_otherwise() {
        assert_eq!(authorization_of("eyJh").as_deref(), Ok("Bearer eyJh"));
        assert_eq!(authorization_of("tma a=b&c=d").as_deref(), Ok("tma a=b&c=d"));
        for bad in ["", "a\nb", "a\"b"] {
            assert!(authorization_of(bad).is_err(), "{bad}");
        }
    }
}
