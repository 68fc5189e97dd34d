//! The quizzes of the folder `examples/quizzes`, which `cargo dev` begins with.

use crate::{ImportOptions, ImportedQuiz, Refusal, import};

/// Their names and contents.
const FILES: [(&str, &str); 5] = [
    ("first-aid.json", include_str!("../../../examples/quizzes/first-aid.json")),
    ("rust-ownership.json", include_str!("../../../examples/quizzes/rust-ownership.json")),
    ("telegram-mini-apps.json", include_str!("../../../examples/quizzes/telegram-mini-apps.json")),
    ("web-security.json", include_str!("../../../examples/quizzes/web-security.json")),
    ("welcome.json", include_str!("../../../examples/quizzes/welcome.json")),
];

/// Four quizzes with all kinds of questions, pools and certificates, and the short one that the README takes. All are
/// in two languages.
///
/// # Errors
/// None, as a test shows; the files are compiled in.
pub fn examples() -> Result<Vec<ImportedQuiz>, Refusal> {
    let options = ImportOptions::default();
    let mut quizzes = Vec::new();
    for (name, content) in FILES {
        quizzes.extend(import(name, content.as_bytes(), &options)?.quizzes);
    }
    Ok(quizzes)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::{FILES, examples};
    use crate::{ImportOptions, build::kind_name, import};

    #[test]
    fn they_are_imported_without_a_remark() {
        for (name, content) in FILES {
            let import = import(name, content.as_bytes(), &ImportOptions::default()).unwrap();
            assert_eq!(import.report.all_remarks().collect::<Vec<_>>(), Vec::<&_>::new(), "{name}");
            assert!(import.report.questions.iter().all(|question| question.imported));
            assert_eq!(format!("{}.json", import.quizzes[0].id), name);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quizzes");
        assert_eq!(fs::read_dir(folder).unwrap().count(), FILES.len(), "each file is compiled in");
    }

    #[test]
    fn they_show_what_a_quiz_can_be() {
        let mut quizzes = examples().unwrap();
        quizzes.retain(|quiz| quiz.id.as_str() != "welcome");
        let count = |has: &dyn Fn(&minigate_domain::quizzes::QuizDraft) -> bool| {
            quizzes.iter().filter(|quiz| has(&quiz.draft)).count()
        };
        assert!(count(&|it| it.rules.certificate.is_some()) >= 2);
        assert!(count(&|it| it.rules.time_limit_seconds.is_some()) >= 1);
        assert!(count(&|it| it.drawn() < it.questions().count()) >= 1);
        assert_eq!(count(&|it| (8..=12).contains(&it.questions().count())), 4);
        for quiz in &quizzes {
            let kinds: BTreeSet<_> = quiz.draft.questions().map(|it| kind_name(&it.kind)).collect();
            assert_eq!(kinds.len(), 6, "{}", quiz.id);
            // Each text exists in both languages.
            let languages: BTreeSet<_> = quiz.draft.title.languages().collect();
            assert_eq!(languages.len(), 2);
            for question in quiz.draft.questions() {
                let texts = [Some(&question.text), question.explanation.as_ref()];
                for text in texts.into_iter().flatten() {
                    assert_eq!(text.languages().collect::<BTreeSet<_>>(), languages);
                }
            }
        }
    }
}
