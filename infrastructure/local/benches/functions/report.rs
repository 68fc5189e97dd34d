//! The tables that are printed.

use std::{fmt, time::Duration};

use crate::{
    Condition, Starts, Subject,
    samples::{Samples, millis},
};

const START: Duration = Duration::from_millis(10);
const FIRST_INVOCATION: Duration = Duration::from_millis(3);
const HEALTH: Duration = Duration::from_micros(60);
const ME: Duration = Duration::from_millis(1);
const PEAK_MEMORY_BYTES: u64 = 14_000_000;
const ZIP_BYTES: usize = 4_000_000;

/// What was measured.
pub(crate) struct Report<'a> {
    pub(crate) subjects: &'a [Subject],
    pub(crate) conditions: &'a [Condition],
    /// Why nothing was measured with a tenth of a core.
    pub(crate) no_share: Option<String>,
    /// What a function that does nothing takes for an invocation.
    pub(crate) nothing: Samples,
    pub(crate) rounds: usize,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "Times are `median (least, nine tenths)` in milliseconds, of {} starts; MB are 10^6 \
             bytes.\nThe stub and a function that does nothing take {} for an invocation, which is \
             a part of every figure.\n",
            self.rounds, self.nothing
        )?;
        self.sizes(out)?;
        for index in 0..self.conditions.len() {
            self.starts(out, index)?;
        }
        if let Some(error) = &self.no_share {
            writeln!(out, "\nA tenth of a core: not measured ({error})")?;
        }
        writeln!(
            out,
            "\nWarm:\n\n| function | request | ms | DynamoDB calls | of the limiter, besides |\n\
             |---|---|---|---|---|"
        )?;
        for subject in self.subjects {
            let request = subject.request.unwrap_or("none; requests.rs does not know it");
            let (name, Subject { warm, calls, limiter_calls, .. }) = (self.name(subject), subject);
            writeln!(out, "| {name} | `{request}` | {warm} | {calls} | {limiter_calls} |")?;
        }
        self.targets(out)
    }
}

impl Report<'_> {
    fn name(&self, subject: &Subject) -> String {
        let is_comparison =
            self.subjects.iter().filter(|other| other.function == subject.function).count() > 1;
        if is_comparison {
            format!("{}, {}", subject.function, subject.label)
        } else {
            subject.function.clone()
        }
    }

    fn sizes(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "| function | binary, MB | zipped, MB | peak memory warm, MB |\n|---|---|---|---|"
        )?;
        for subject in self.subjects {
            let memory = subject.peak_memory.map_or("–".to_owned(), megabytes);
            let name = self.name(subject);
            let (bytes, zip) = (count(subject.bytes), count(subject.zip_bytes));
            writeln!(out, "| {name} | {} | {} | {memory} |", megabytes(bytes), megabytes(zip))?;
        }
        Ok(())
    }

    fn starts(&self, out: &mut fmt::Formatter<'_>, condition: usize) -> fmt::Result {
        writeln!(
            out,
            "\n| {} | exec to first poll | of it on a processor | first invocation | of it on a \
             processor | peak memory, MB |\n|---|---|---|---|---|---|",
            self.conditions[condition].name
        )?;
        for subject in self.subjects {
            let Starts { wall, processor, first, first_processor, peak_memory } =
                &subject.starts[condition];
            let (name, memory) =
                (self.name(subject), peak_memory.map_or("–".to_owned(), megabytes));
            writeln!(
                out,
                "| {name} | {wall} | {processor} | {first} | {first_processor} | {memory} |"
            )?;
        }
        Ok(())
    }

    /// Each target beside the function that is the furthest from it.
    fn targets(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n| target | at most | measured | |\n|---|---|---|---|")?;
        let of = |name| move |subject: &Subject| subject.request == Some(name);
        let any = |_: &Subject| true;
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let time = |samples: &Samples| samples.median().map(nanos);
        let show_time = |nanos: u64| format!("{} ms", millis(Duration::from_nanos(nanos)));
        let show_size = |bytes: u64| format!("{} MB", megabytes(bytes));
        let show_calls = |calls: u64| calls.to_string();
        let rows: [Row<'_>; 9] = [
            (
                "exec to first poll",
                nanos(START),
                self.worst(any, |s| time(&s.starts[0].wall)),
                &show_time,
            ),
            (
                "first invocation",
                nanos(FIRST_INVOCATION),
                self.worst(any, |s| time(&s.starts[0].first)),
                &show_time,
            ),
            (
                "`GET /health`, warm",
                nanos(HEALTH),
                self.worst(of("GET /health"), |s| time(&s.warm)),
                &show_time,
            ),
            (
                "`GET /v1/me`, warm",
                nanos(ME),
                self.worst(of("GET /v1/me"), |s| time(&s.warm)),
                &show_time,
            ),
            (
                "`GET /v1/me`, DynamoDB calls",
                1,
                self.worst(of("GET /v1/me"), |s| Some(count(s.calls))),
                &show_calls,
            ),
            (
                "`POST /v1/sessions`, DynamoDB calls",
                2,
                self.worst(of("POST /v1/sessions"), |s| Some(count(s.calls))),
                &show_calls,
            ),
            (
                "start, DynamoDB calls",
                1,
                self.worst(any, |s| Some(count(s.calls_at_start))),
                &show_calls,
            ),
            ("peak memory", PEAK_MEMORY_BYTES, self.worst(any, Subject::peak), &show_size),
            ("zipped", count(ZIP_BYTES), self.worst(any, |s| Some(count(s.zip_bytes))), &show_size),
        ];
        for (name, limit, worst, show) in rows {
            let (measured, verdict) = match worst {
                None => ("–".to_owned(), "not measured".to_owned()),
                Some((worst, of)) if worst <= limit => {
                    (format!("{} ({of})", show(worst)), "met".to_owned())
                }
                Some((worst, of)) => {
                    let excess = format!("MISSED by {}", show(worst - limit));
                    (format!("{} ({of})", show(worst)), excess)
                }
            };
            writeln!(out, "| {name} | {} | {measured} | {verdict} |", show(limit))?;
        }
        Ok(())
    }

    /// The largest value, and whose it is.
    fn worst(
        &self,
        is_meant: impl Fn(&Subject) -> bool,
        value: impl Fn(&Subject) -> Option<u64>,
    ) -> Option<(u64, String)> {
        let meant = self.subjects.iter().filter(|subject| is_meant(subject));
        meant.filter_map(|subject| Some((value(subject)?, self.name(subject)))).max()
    }
}

impl Subject {
    /// The most memory of all its processes.
    fn peak(&self) -> Option<u64> {
        let starts = self.starts.iter().map(|starts| starts.peak_memory);
        starts.chain([self.peak_memory]).max().flatten()
    }
}

/// A target: its name, its limit, the value that is the furthest from it, and how both are shown.
type Row<'a> = (&'a str, u64, Option<(u64, String)>, &'a dyn Fn(u64) -> String);

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}
