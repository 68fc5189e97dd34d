//! How fast the functions start and answer, how large they are and how much memory they take.
//!
//! `cargo xtask bench functions` builds the functions as they are released and runs this, which
//! starts each binary as Lambda does, under a stub of the Lambda Runtime API, on the embedded
//! DynamoDB and Secrets Manager. Rounds take turns between the binaries, so that a moment in which
//! the machine is busy strikes all of them alike.
//!
//! Starts are measured with and without TLS before the embedded AWS. There is no network in any
//! figure: on AWS, each call and each handshake takes its round trips besides.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and goes by the real clock"
)]

mod process;
mod report;
mod requests;
mod runtime_api;
mod samples;
mod share;
mod tls;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use lexopt::{Arg, ValueExt};
use minigate_embedded_aws::{EmbeddedAws, protocol::Service};
use minigate_local::{Options, development, start_aws};
use minigate_testkit::faults::{FaultProxy, Target};
use process::Process;
use report::Report;
use requests::{Client, Request};
use runtime_api::RuntimeApi;
use samples::Samples;
use share::Share;
use tls::TlsFront;

/// Processes that are started for the warm figures of a binary, and what each is asked.
const WARM_ROUNDS: usize = 5;
const WARM_UP: usize = 200;
const WARM_INVOCATIONS: usize = 400;
/// What the partition keys of the limiter's items begin with.
const OF_LIMITER: &str = "LIMIT#";
/// Far from being reached, and as slow to refill as the limits of users are, so that nothing is leased
/// and each charge is a call. That of machine clients is as quick as theirs.
const LIMITS: &str = "api=1000000/1000000,admin=1000000/1000000,login=1000000/1000000,\
                      login-address=1000000/1000000,verify=599999";
/// Level 6 is what `sam deploy` compresses with.
const DEFLATE_LEVEL: u8 = 6;
/// What a ZIP archive with one file of the name `bootstrap` adds.
const ZIP_FRAME_BYTES: usize = 30 + 46 + 22 + 2 * "bootstrap".len();

const USAGE: &str = "\
cargo xtask bench functions [OPTIONS]

Options:
  --rounds N        starts of each binary, with a whole core and with a tenth of one [default: 20]
  --binaries DIR    measure the functions in DIR instead of building them; several times: compare
  --authorities PEM over TLS, the functions trust these certificate authorities besides the stub's
";

/// A function's binary, and what was measured of it.
pub(crate) struct Subject {
    /// The folder it is in, where several are compared.
    pub(crate) label: String,
    pub(crate) function: String,
    path: PathBuf,
    pub(crate) bytes: usize,
    pub(crate) zip_bytes: usize,
    /// One for each condition.
    pub(crate) starts: Vec<Starts>,
    pub(crate) warm: Samples,
    /// The most memory that was resident at once, warm, in bytes.
    pub(crate) peak_memory: Option<u64>,
    pub(crate) request: Option<&'static str>,
    pub(crate) calls_at_start: usize,
    /// DynamoDB calls of one warm request: the product's, and the limiter's.
    pub(crate) calls: usize,
    pub(crate) limiter_calls: usize,
}

/// Under what a binary is started.
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    variables: Vec<(String, String)>,
    share: Option<Rc<Share>>,
}

/// Starts of a binary under the same conditions.
#[derive(Clone, Default)]
pub(crate) struct Starts {
    pub(crate) wall: Samples,
    pub(crate) processor: Samples,
    /// The first invocation, and how long the function had a processor for it.
    pub(crate) first: Samples,
    pub(crate) first_processor: Samples,
    /// The most memory that was resident at once, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

/// What every measurement needs.
struct Bench {
    variables: Vec<(String, String)>,
    log: PathBuf,
    deadline_unix_millis: u64,
    client: Client,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask bench functions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let Some(Arguments { rounds, folders, authorities }) =
        arguments().map_err(|error| format!("{error}\n\n{USAGE}"))?
    else {
        print!("{USAGE}");
        return Ok(());
    };
    let mut subjects = subjects(&folders)?;
    let authorities = authorities.map(|path| {
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    });
    let authorities = authorities.transpose()?.unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let aws =
        runtime.block_on(start_aws(&Options::default())).map_err(|error| error.to_string())?;
    let mut bench = Bench::new(&aws)?;
    let nothing = bench.nothing()?;
    bench.open_session(&subjects)?;

    let tls = runtime.block_on(TlsFront::start(aws.address(), &authorities))?;
    let (conditions, no_share) = conditions(&bench, &tls);
    for subject in &mut subjects {
        subject.starts = vec![Starts::default(); conditions.len()];
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            for (condition, starts) in conditions.iter().zip(&mut subject.starts) {
                let request = bench.client.request(&subject.function);
                bench.cold(&subject.path, request.as_ref(), condition, starts)?;
            }
        }
    }
    for _ in 0..WARM_ROUNDS {
        for subject in &mut subjects {
            bench.warm(subject)?;
        }
    }
    let proxy = runtime.block_on(FaultProxy::start(&aws.endpoint_url()));
    let proxy = proxy.map_err(|error| error.to_string())?;
    bench.variables = variables(&proxy.endpoint_url());
    for subject in &mut subjects {
        bench.count(subject, &proxy)?;
    }
    let report = Report { subjects: &subjects, conditions: &conditions, no_share, nothing, rounds };
    print!("{report}");
    runtime.block_on(aws.shutdown());
    Ok(())
}

/// With and without TLS, with a whole core and with a tenth of one. If a tenth is not to be had, the
/// second value says why.
fn conditions(bench: &Bench, tls: &TlsFront) -> (Vec<Condition>, Option<String>) {
    let plain = bench.variables.clone();
    let mut over_tls = variables(&tls.endpoint_url());
    over_tls.push(("SSL_CERT_FILE".to_owned(), tls.root.to_string_lossy().into_owned()));
    let whole =
        |name, variables: &[_]| Condition { name, variables: variables.to_vec(), share: None };
    let mut conditions = vec![whole("a whole core", &plain), whole("a whole core, TLS", &over_tls)];
    let share = match Share::tenth() {
        Ok(share) => Rc::new(share),
        Err(error) => return (conditions, Some(error)),
    };
    for (name, variables) in [("a tenth of a core", plain), ("a tenth of a core, TLS", over_tls)] {
        conditions.push(Condition { name, variables, share: Some(Rc::clone(&share)) });
    }
    (conditions, None)
}

impl Bench {
    fn new(aws: &EmbeddedAws) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            variables: variables(&aws.endpoint_url()),
            log: std::env::temp_dir().join(format!("minigate-bench-{}.log", std::process::id())),
            deadline_unix_millis: (now.as_secs() + 3_600) * 1_000,
            client: Client::new(now.as_secs())?,
        })
    }

    fn process(&self, binary: &Path) -> Result<Process, String> {
        Process::start(binary, &self.variables, None, &self.log, self.deadline_unix_millis)
    }

    /// What a function that does nothing takes for an invocation.
    fn nothing(&self) -> Result<Samples, String> {
        let api =
            RuntimeApi::start(self.deadline_unix_millis).map_err(|error| error.to_string())?;
        runtime_api::play_nothing(api.address()).map_err(|error| error.to_string())?;
        api.poll()?;
        let event = self.client.open_session().event;
        let mut samples = Samples::default();
        for index in 0..WARM_UP + WARM_ROUNDS * WARM_INVOCATIONS {
            let (took, _) = api.invoke(&event)?;
            if index >= WARM_UP {
                samples.add(took);
            }
        }
        Ok(samples)
    }

    /// Opens the session that the other functions are asked with, and the first ones of the users who
    /// come back to `sessions`.
    fn open_session(&mut self, subjects: &[Subject]) -> Result<(), String> {
        let Some(sessions) = subjects.iter().find(|subject| subject.function == "sessions") else {
            return Ok(());
        };
        let process = self.process(&sessions.path)?;
        for request in self.client.open_first_sessions() {
            request.check(&process.invoke(&request.event)?.1)?;
        }
        let request = self.client.open_session();
        let (_, answer) = process.invoke(&request.event)?;
        request.check(&answer)?;
        let token = serde_json::from_str::<serde_json::Value>(&answer)
            .and_then(|answer| serde_json::from_str(answer["body"].as_str().unwrap_or_default()))
            .map(|body: serde_json::Value| body["access_token"].as_str().map(str::to_owned));
        self.client.access_token = token.ok().flatten().ok_or("a session without a token")?;
        Ok(())
    }

    fn cold(
        &self,
        binary: &Path,
        request: Option<&Request>,
        condition: &Condition,
        starts: &mut Starts,
    ) -> Result<(), String> {
        let Condition { variables, share, .. } = condition;
        let (share, deadline) = (share.as_deref(), self.deadline_unix_millis);
        let process = Process::start(binary, variables, share, &self.log, deadline)?;
        starts.wall.add(process.start.wall);
        if let Some(time) = process.start.processor {
            starts.processor.add(time);
        }
        if let Some(request) = request {
            let used_by_the_start = process.processor_time();
            let (took, answer) = process.invoke(&request.event)?;
            request.check(&answer)?;
            starts.first.add(took);
            if let Some((all, start)) = process.processor_time().zip(used_by_the_start) {
                starts.first_processor.add(all.saturating_sub(start));
            }
        }
        starts.peak_memory = starts.peak_memory.max(process.peak_memory());
        Ok(())
    }

    fn warm(&self, subject: &mut Subject) -> Result<(), String> {
        let process = self.process(&subject.path)?;
        if let Some(request) = self.client.request(&subject.function) {
            for index in 0..WARM_UP + WARM_INVOCATIONS {
                let (took, answer) = process.invoke(&request.event)?;
                request.check(&answer)?;
                if index >= WARM_UP {
                    subject.warm.add(took);
                }
            }
        }
        subject.peak_memory = subject.peak_memory.max(process.peak_memory());
        Ok(())
    }

    /// Counts the calls to DynamoDB, which takes a proxy and so is done by itself.
    fn count(&self, subject: &mut Subject, proxy: &FaultProxy) -> Result<(), String> {
        proxy.reset_counts();
        let process = self.process(&subject.path)?;
        subject.calls_at_start = proxy.count(Service::DynamoDb);
        if let Some(request) = self.client.request(&subject.function) {
            process.invoke(&request.event)?;
            proxy.reset_counts();
            let (_, answer) = process.invoke(&request.event)?;
            request.check(&answer)?;
            let calls = || Target::from(Service::DynamoDb);
            subject.calls = proxy.count(calls().outside(OF_LIMITER));
            subject.limiter_calls = proxy.count(calls().within(OF_LIMITER));
            subject.request = Some(request.name);
        }
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
    }
}

struct Arguments {
    rounds: usize,
    folders: Vec<PathBuf>,
    authorities: Option<PathBuf>,
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let (mut rounds, mut folders, mut authorities) = (20, Vec::new(), None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("rounds") => rounds = parser.value()?.parse()?,
            Arg::Long("binaries") => folders.push(parser.value()?.into()),
            Arg::Long("authorities") => authorities = Some(parser.value()?.into()),
            // What cargo tells every benchmark.
            Arg::Long("bench") => {}
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    if folders.is_empty() || rounds == 0 {
        return Err("there must be a folder of binaries and a round".into());
    }
    Ok(Some(Arguments { rounds, folders, authorities }))
}

/// The functions of this workspace that have a binary in these folders.
fn subjects(folders: &[PathBuf]) -> Result<Vec<Subject>, String> {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let functions = fs::read_dir(&functions).map_err(|error| error.to_string())?;
    let mut functions: Vec<_> = functions
        .flatten()
        .map(|function| function.file_name().to_string_lossy().into_owned())
        .collect();
    functions.sort_unstable();
    let mut subjects = Vec::new();
    for function in functions {
        for folder in folders {
            let path = folder.join(&function);
            if path.is_file() {
                subjects.push(Subject::weigh(folder, &function, path)?);
            }
        }
    }
    if subjects.is_empty() {
        Err("these folders hold no function".to_owned())
    } else {
        Ok(subjects)
    }
}

impl Subject {
    fn weigh(folder: &Path, function: &str, path: PathBuf) -> Result<Self, String> {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let packed = miniz_oxide::deflate::compress_to_vec(&bytes, DEFLATE_LEVEL);
        Ok(Self {
            label: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            function: function.to_owned(),
            path,
            bytes: bytes.len(),
            zip_bytes: packed.len() + ZIP_FRAME_BYTES,
            starts: Vec::new(),
            warm: Samples::default(),
            peak_memory: None,
            request: None,
            calls_at_start: 0,
            calls: 0,
            limiter_calls: 0,
        })
    }
}

fn variables(aws_endpoint_url: &str) -> Vec<(String, String)> {
    let more = [
        ("AWS_ENDPOINT_URL", aws_endpoint_url),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "development"),
        ("AWS_SECRET_ACCESS_KEY", "development"),
        ("AWS_SESSION_TOKEN", "development"),
        // One client asks all the time, and its token has to last.
        ("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1000000"),
        ("MINIGATE_LIMITS", LIMITS),
        ("MINIGATE_ACCESS_TOKEN_SECONDS", "3600"),
    ];
    let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
    development::variables().into_iter().chain(more).collect()
}
