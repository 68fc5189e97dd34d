//! Compares the parser of GIFT with gift-pegjs, on random files that its grammar allows.

use minigate_quiz_import::gift::{parse, to_peg_json};
use serde_json::{Value, json};

use crate::{node, process, report::Verdict, verify::Context, workspace};

const PACKAGES: &str = "gift";
const PROGRAM: &str = "parse.js";
const FILES: usize = 4_000;
/// How many differences are shown.
const MAX_SHOWN: usize = 5;

/// A step of `verify`.
pub(crate) fn verify(context: &Context) -> Result<Verdict, String> {
    if !node::is_installed() {
        return Ok(Verdict::skipped("there is no Node.js"));
    }
    node::program(PACKAGES, "")?;
    let source = workspace::root().join("infrastructure/node").join(PACKAGES).join(PROGRAM);
    let directory = workspace::target_directory()?.join("node").join(PACKAGES);
    std::fs::copy(source, directory.join(PROGRAM))
        .map_err(|error| format!("{PROGRAM} cannot be copied: {error}"))?;
    let files: Vec<String> = (0..FILES).map(|seed| Generator::new(seed as u64).file()).collect();
    let mut node = workspace::command("node");
    node.arg(PROGRAM).current_dir(&directory);
    let finished = process::run_with_input(&mut node, json!(files).to_string())?;
    if !finished.is_success {
        let log = context.keep_log("gift", &finished);
        return Err(format!("gift-pegjs cannot be run\n{log}"));
    }
    let theirs: Vec<Value> =
        finished.out().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if theirs.len() != files.len() {
        return Err(format!("gift-pegjs answered {} of {} files", theirs.len(), files.len()));
    }
    let differences: Vec<String> =
        files.iter().zip(&theirs).filter_map(|(file, theirs)| difference(file, theirs)).collect();
    if differences.is_empty() {
        let questions: usize = theirs.iter().filter_map(Value::as_array).map(Vec::len).sum();
        return Ok(Verdict::passed().with_note(format!("{questions} questions, read alike")));
    }
    let shown = &differences[..differences.len().min(MAX_SHOWN)];
    Err(format!(
        "{} of {FILES} files are read differently\n{}",
        differences.len(),
        shown.join("\n")
    ))
}

fn difference(file: &str, theirs: &Value) -> Option<String> {
    let ours = match parse(file) {
        Ok(parsed) => to_peg_json(&parsed),
        Err(refusal) => json!({"refused": refusal.to_string()}),
    };
    (ours != *theirs).then(|| format!("{file:?}\n  ours   {ours}\n  theirs {theirs}"))
}

/// Writes random files: SplitMix64, so that a seed names a file.
struct Generator {
    state: u64,
    out: String,
}

impl Generator {
    const fn new(seed: u64) -> Self {
        Self { state: seed, out: String::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0) % bound
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn one_of(&mut self, choices: &[&str]) {
        let at = self.below(choices.len());
        self.out.push_str(choices[at]);
    }

    /// A file of up to five entries.
    fn file(mut self) -> String {
        for _ in 0..=self.below(5) {
            match self.below(12) {
                0 => self.category(),
                1 => {
                    self.comments();
                    self.title();
                    self.rich_text();
                }
                _ => self.question(),
            }
            self.one_of(&["\n\n", "\n \t\n", "\n\n\n"]);
        }
        // Windows ends its lines otherwise.
        if self.chance(20) { self.out.replace('\n', "\r\n") } else { self.out }
    }

    fn category(&mut self) {
        self.out.push_str("$CATEGORY: ");
        self.words();
    }

    fn comments(&mut self) {
        for _ in 0..self.below(3) {
            self.one_of(&["// ", "//", "  // "]);
            self.one_of(&["a comment", "[id:q1]", "[tag:easy] [tag:first]", "=~{}#", ""]);
            self.out.push('\n');
        }
    }

    fn title(&mut self) {
        if self.chance(40) {
            self.out.push_str("::");
            self.words();
            self.one_of(&["", "\\:", " \\#"]);
            self.one_of(&["::", "::\n"]);
        }
    }

    /// Letters, without anything that means something.
    fn words(&mut self) {
        self.one_of(&["Rivers", "Zahlen", "Числа", "a b", "x_y"]);
        self.one_of(&["", " 1", ", again", " (b)"]);
    }

    fn format(&mut self) {
        if self.chance(25) {
            self.one_of(&["[html]", "[markdown]", "[plain]", "[moodle]"]);
            self.one_of(&["", " "]);
        }
    }

    /// Text with a format.
    fn rich_text(&mut self) {
        self.format();
        self.text();
    }

    fn text(&mut self) {
        self.one_of(&["What", "Ä", "5", "-", "<p>", "[x]", "Tom", "(", "\"q\""]);
        for _ in 0..self.below(6) {
            self.one_of(&[
                " ", "  ", " \t", "\n", " \n", "\\\\", "\\:", "\\=", "\\~", "\\#", "\\{", "\\}",
                "\\n", "\\x", "&nbsp;", "<b>", "</b>", "&lt;", "[y]", "!", "50%", "é", "- >", ";",
                "'",
            ]);
            self.one_of(&["a", "word", "T", "7", "b c", "ß", "%"]);
        }
    }

    fn question(&mut self) {
        self.comments();
        self.title();
        self.rich_text();
        self.one_of(&["{", " {", "\n{", " { ", "{\t"]);
        match self.below(7) {
            0 => {}
            1 => self.true_or_false(),
            2 => self.choices(),
            3 => self.number(),
            4 => self.numbers(),
            5 => self.pairs(),
            _ => {
                self.one_of(&["", "[html]"]);
                self.words();
                self.feedback();
            }
        }
        if self.chance(25) {
            self.one_of(&["\n####", " ####", " #### "]);
            self.rich_text();
        }
        self.one_of(&["}", " }", "\n}"]);
        match self.below(6) {
            0 => self.out.push_str(" // a comment"),
            1 => {
                self.one_of(&[".", " and ", " of "]);
                self.rich_text_of_rest();
            }
            _ => {}
        }
    }

    /// What stands behind the braces begins with a letter, so it is no comment.
    fn rich_text_of_rest(&mut self) {
        self.out.push('o');
        self.text();
    }

    fn feedback(&mut self) {
        if self.chance(30) {
            self.one_of(&["#", " # "]);
            if self.chance(80) {
                self.rich_text();
            }
        }
    }

    fn true_or_false(&mut self) {
        self.one_of(&["T", "F", "TRUE", "FALSE"]);
        self.feedback();
        self.feedback();
    }

    fn weight(&mut self) {
        if self.chance(35) {
            self.one_of(&["%50%", "%-33.33333%", "%100%", "%0%", "%12.5%"]);
        }
    }

    fn choices(&mut self) {
        for _ in 0..=self.below(4) {
            self.one_of(&["=", "~", "\n~", "\n\t= ", " ~ "]);
            self.weight();
            self.one_of(&["", " "]);
            self.rich_text();
            self.feedback();
        }
    }

    fn a_number(&mut self) {
        self.one_of(&["", "-", "+"]);
        self.one_of(&["0", "1", "3.14", "1822", "0.0005", "42.50"]);
    }

    fn number_or_range(&mut self) {
        self.a_number();
        let between = self.below(3);
        if between > 0 {
            self.out.push_str([":", ".."][between - 1]);
            self.a_number();
        }
    }

    fn number(&mut self) {
        self.one_of(&["#", "# ", "#\n"]);
        self.number_or_range();
    }

    fn numbers(&mut self) {
        self.out.push('#');
        for _ in 0..=self.below(3) {
            self.one_of(&["=", "\n=", " ="]);
            self.weight();
            self.number_or_range();
            self.feedback();
        }
        if self.chance(20) {
            self.out.push_str("\n~#");
            self.rich_text();
        }
    }

    fn pairs(&mut self) {
        for _ in 0..=self.below(4) {
            self.one_of(&["=", "\n=", " = "]);
            if self.chance(85) {
                self.format();
                self.words();
            }
            self.one_of(&["->", " -> ", "\n->"]);
            self.words();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Generator;

    #[test]
    fn a_seed_names_a_file_that_is_read() {
        for seed in 0..500 {
            let file = Generator::new(seed).file();
            assert_eq!(file, Generator::new(seed).file());
            minigate_quiz_import::gift::parse(&file)
                .unwrap_or_else(|refusal| panic!("{refusal}\n{file}"));
        }
    }
}
