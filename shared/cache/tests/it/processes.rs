//! Processes of their own that share a table. The test runs its own binary again for each.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver},
    },
    time::{Duration, SystemTime},
};

use minigate_cache::{Cache, DynamoLevel, Namespace, Tag};
use tokio::time::sleep;

use crate::bed::{Bed, PATIENCE, TABLE, client};

const ENDPOINT: &str = "CACHE_TEST_ENDPOINT";
const READERS: usize = 60;

/// What a process does that [`Process::start`] runs: for each line of its input it prints one.
#[test]
#[ignore = "a part of the tests below, which run it as a process of its own"]
fn member() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how a test tells its process where the table is"
    )]
    let endpoint = std::env::var(ENDPOINT).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let member = runtime.block_on(async { Member::new(&endpoint) });
    println!("\n#ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let said = runtime.block_on(member.obey(&words));
        println!("\n#{said}");
    }
}

struct Member {
    cache: Cache,
    texts: Namespace<String>,
    loads: Arc<AtomicU64>,
}

impl Member {
    fn new(endpoint: &str) -> Self {
        let level = DynamoLevel::new(client(endpoint), TABLE).timeout(PATIENCE);
        #[expect(clippy::disallowed_methods, reason = "processes share nothing but the real time")]
        let builder = Cache::builder(level, SystemTime::now);
        let cache = builder.level_timeout(PATIENCE).build().unwrap();
        let ttl = Duration::from_secs(600);
        let lease = Duration::from_secs(4);
        let texts = cache.namespace("texts", ttl).hard_timeout(PATIENCE).lease(lease);
        Self { texts: texts.build().unwrap(), cache, loads: Arc::default() }
    }

    async fn obey(&self, words: &[&str]) -> String {
        match words {
            ["crowd", key, millis, value] => {
                let readers: Vec<_> = (0..READERS)
                    .map(|_| tokio::spawn(self.read(key, millis, value, false)))
                    .collect();
                let mut values = Vec::new();
                for reader in readers {
                    values.push(reader.await.unwrap());
                }
                values.dedup();
                format!("{} loads of {}", self.loads.load(Ordering::Relaxed), values.join(","))
            }
            ["consistent", key, value] => self.read(key, "0", value, true).await,
            ["invalidate", tag] => {
                self.cache.invalidate_tag(&Tag::new(tag).unwrap()).await.unwrap();
                "invalidated".to_owned()
            }
            _ => panic!("{words:?}"),
        }
    }

    #[expect(clippy::print_stdout, reason = "how a process tells its test where it is")]
    fn read(
        &self,
        key: &str,
        millis: &str,
        value: &str,
        is_consistent: bool,
    ) -> impl Future<Output = String> + Send + 'static {
        let (texts, loads, key) = (self.texts.clone(), Arc::clone(&self.loads), key.to_owned());
        let (time, value) = (Duration::from_millis(millis.parse().unwrap()), value.to_owned());
        async move {
            let tags = [Tag::new("common").unwrap()];
            let mut lookup = texts.at(&key).unwrap().tags(&tags);
            if is_consistent {
                lookup = lookup.consistent();
            }
            let loader = move || async move {
                loads.fetch_add(1, Ordering::Relaxed);
                println!("\n#loading");
                sleep(time).await;
                Ok::<_, std::io::Error>(value)
            };
            lookup.get_or_load(loader).await.unwrap().to_string()
        }
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    said: Receiver<String>,
}

impl Process {
    fn start(endpoint: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "processes::member"])
            .env(ENDPOINT, endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix('#') {
                    let _ = sender.send(said.to_owned());
                }
            }
        });
        let process = Self { child, input, said };
        assert_eq!(process.listen(), "ready");
        process
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    fn listen(&self) -> String {
        self.said.recv_timeout(PATIENCE * 2).unwrap()
    }

    fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer()
    }

    fn answer(&self) -> String {
        loop {
            let said = self.listen();
            if said != "loading" {
                return said;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_share_a_table_share_a_load() {
    let bed = Bed::start().await;
    let endpoint = bed.faults.endpoint_url();
    let proof = tokio::task::spawn_blocking(move || {
        let mut processes: Vec<_> = (0..3).map(|_| Process::start(&endpoint)).collect();
        for (number, process) in processes.iter_mut().enumerate() {
            process.tell(&format!("crowd cold 700 value{number}"));
        }
        let answers: Vec<String> = processes.iter().map(Process::answer).collect();
        let loads: u32 = answers.iter().map(|answer| answer[..1].parse::<u32>().unwrap()).sum();
        assert_eq!(loads, 1, "{answers:?}");
        let value = answers[0].split(' ').next_back().unwrap().to_owned();
        for answer in &answers {
            assert!(answer.ends_with(&format!(" {value}")) && !value.contains(','), "{answers:?}");
        }
        // Invalidated in one process, not served in another.
        assert_eq!(processes[0].ask("consistent cold newer"), value);
        assert_eq!(processes[1].ask("invalidate common"), "invalidated");
        assert_eq!(processes[0].ask("consistent cold newer"), "newer");
        assert_eq!(processes[2].ask("consistent other newest"), "newest");
    });
    proof.await.unwrap();
    println!("3 processes: {:?}", bed.take_calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_with_the_lease_costs_one_more_load() {
    let bed = Bed::start().await;
    let endpoint = bed.faults.endpoint_url();
    let proof = tokio::task::spawn_blocking(move || {
        let mut holder = Process::start(&endpoint);
        let mut others: Vec<_> = (0..2).map(|_| Process::start(&endpoint)).collect();
        holder.tell("crowd cold 600000 lost");
        assert_eq!(holder.listen(), "loading");
        for process in &mut others {
            process.tell("crowd cold 100 found");
        }
        drop(holder);
        let answers: Vec<String> = others.iter().map(Process::answer).collect();
        let loads: u32 = answers.iter().map(|answer| answer[..1].parse::<u32>().unwrap()).sum();
        assert_eq!(loads, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.ends_with(" found")), "{answers:?}");
    });
    proof.await.unwrap();
}
