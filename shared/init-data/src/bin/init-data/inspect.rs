//! `init-data inspect`: why a string is refused.

use std::io::Write;

use minigate_init_data::inspect::{Inspector, Report};

use crate::options::{Failure, Options};

/// Prints a report; returns whether one of the keys accepts the string.
pub(crate) fn run(mut options: Options, out: &mut impl Write) -> Result<bool, Failure> {
    let mut inspector = Inspector::default();
    for token in options.take_tokens()? {
        inspector
            .add_bot_token(&token.token, &token.label)
            .map_err(|error| token.failure(error))?;
    }
    for key in std::mem::take(&mut options.keys) {
        inspector.add_key(key);
    }
    let report = inspector.inspect(&options.init_data()?, options.now);
    if options.json {
        let json = serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?;
        writeln!(out, "{json}")?;
    } else {
        print(&report, out)?;
    }
    Ok(report.is_accepted())
}

fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    for verdict in &report.verdicts {
        write!(out, "{} (bot {}): {}", verdict.key, verdict.bot_id, verdict.result)?;
        match verdict.unwrapped_result {
            Some(result) => writeln!(out, "; without what is around the string: {result}")?,
            None => writeln!(out)?,
        }
    }
    for mistake in &report.mistakes {
        writeln!(out, "- {}", mistake.advice())?;
    }
    if let Some(code) = report.unreadable {
        writeln!(out, "\nThe fields cannot be read: {code}")?;
        return Ok(());
    }
    if let Some(age) = report.age_seconds {
        let (hours, minutes) = (age.abs() / 3600, age.abs() / 60 % 60);
        let side = if age < 0 { "in the future" } else { "old" };
        writeln!(out, "\nAge: {hours} h {minutes:02} min {side} ({age} s)")?;
    }
    writeln!(out, "\nFields, in the order in which they are signed:")?;
    for field in &report.fields {
        let covered = match (field.in_hash, field.in_signature) {
            (true, true) => "hash and signature",
            (true, false) => "hash only",
            _ => "not signed",
        };
        writeln!(out, "  {:<14} {:<20} {}", field.key, format!("[{covered}]"), field.value)?;
    }
    if let Some(text) = &report.data_check_string {
        writeln!(out, "\nData-check-string of the hash:")?;
        for line in text.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
