//! guestwire-agent beside qemu-ga, each at the other end of a unix socket. Prints JSON, as `EndToEnd` in
//! figures/results.rs.
//!
//! The arguments are qemu-ga's programs. The agents take turns in each round, and the medians count: so a busy machine changes
//! their ratio little.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const SINGLE: usize = 1000;
const PIPELINED: usize = 10_000;
/// Of a file, 36 KiB each.
const BLOCKS: usize = 100;
const BLOCK: usize = 36 << 10;

fn main() {
    let theirs: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut agents = vec![Agent::start(&ours(), &["--allow", "files", "--log", "off", "--listen"], &[])];
    for program in &theirs {
        agents.push(Agent::start(program, &["-m", "unix-listen", "-p"], &["-t", ".", "-f", "pid"]));
    }
    let mut figures: Vec<BTreeMap<&str, Vec<f64>>> = vec![BTreeMap::new(); agents.len()];
    for _ in 0..ROUNDS {
        for (agent, figures) in agents.iter_mut().zip(&mut figures) {
            let mut count = |what, value| figures.entry(what).or_default().push(value);
            count("requests a second, one at a time", SINGLE as f64 / agent.one_at_a_time(SINGLE).as_secs_f64());
            count("requests a second, pipelined", PIPELINED as f64 / agent.pipelined(PIPELINED).as_secs_f64());
            let megabytes = (BLOCKS * BLOCK) as f64 / 1e6;
            count("MB/s written to a file", megabytes / agent.write_file().as_secs_f64());
            count("MB/s read from a file", megabytes / agent.read_file().as_secs_f64());
            count("most memory, MB", agent.most_memory());
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let result: BTreeMap<String, BTreeMap<&str, f64>> = agents
        .iter()
        .zip(figures)
        .map(|(agent, figures)| {
            (agent.version.clone(), figures.into_iter().map(|(what, values)| (what, median(values))).collect())
        })
        .collect();
    println!("{}", serde_json::to_string(&result).expect("names and numbers are JSON"));
}

/// Built as a user builds it.
fn ours() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--package", "guestwire-agent"]).current_dir(&root).stdout(Stdio::null());
    assert!(build.status().expect("cargo is there").success(), "guestwire-agent builds");
    root.join("target/release/guestwire-agent")
}

/// A running agent and the line to it.
struct Agent {
    version: String,
    program: Child,
    folder: PathBuf,
    requests: UnixStream,
    responses: BufReader<UnixStream>,
}

impl Agent {
    /// `before` and `after` are the arguments around the path of the socket. The agent runs in a folder of its own.
    fn start(program: &Path, before: &[&str], after: &[&str]) -> Self {
        let version = Command::new(program).arg("--version").output().expect("the program is there").stdout;
        let version = String::from_utf8_lossy(&version).replace("QEMU Guest Agent", "qemu-ga").trim().to_owned();
        let folder =
            std::env::temp_dir().join(format!("end-to-end-{}-{}", std::process::id(), version.replace(' ', "-")));
        fs::create_dir_all(&folder).expect("a folder for the socket");
        let socket = folder.join("socket");
        let mut command = Command::new(program);
        command.args(before).arg(&socket).args(after).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.spawn().expect("the program starts");
        let start = Instant::now();
        let requests = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{version} listens: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let responses = BufReader::with_capacity(1 << 16, requests.try_clone().expect("a second handle"));
        Self { version, program, folder, requests, responses }
    }

    fn response(&mut self) -> String {
        let mut line = String::new();
        self.responses.read_line(&mut line).expect("the agent answers");
        assert!(line.starts_with("{\"return\""), "{}: {line}", self.version);
        line
    }

    fn request(&mut self, request: &str) -> String {
        self.requests.write_all(request.as_bytes()).expect("the agent reads");
        self.response()
    }

    fn one_at_a_time(&mut self, count: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..count {
            self.request("{\"execute\":\"guest-get-time\"}\n");
        }
        start.elapsed()
    }

    fn pipelined(&mut self, count: usize) -> Duration {
        let mut requests = self.requests.try_clone().expect("a second handle");
        let start = Instant::now();
        let sender = std::thread::spawn(move || {
            requests.write_all("{\"execute\":\"guest-get-time\"}\n".repeat(count).as_bytes())
        });
        for _ in 0..count {
            self.response();
        }
        sender.join().expect("it does not panic").expect("the agent reads");
        start.elapsed()
    }

    fn open(&mut self, mode: &str) -> String {
        let path = self.folder.join("file");
        let path = path.display();
        let opened = self.request(&format!(
            "{{\"execute\":\"guest-file-open\",\"arguments\":{{\"path\":\"{path}\",\"mode\":\"{mode}\"}}}}\n"
        ));
        let opened: serde_json::Value = serde_json::from_str(&opened).expect("a handle");
        opened["return"].to_string()
    }

    fn close(&mut self, handle: &str) {
        self.request(&format!("{{\"execute\":\"guest-file-close\",\"arguments\":{{\"handle\":{handle}}}}}\n"));
    }

    fn write_file(&mut self) -> Duration {
        let handle = self.open("w");
        let text = "Z3Vlc3R3aXJl".repeat(BLOCK / 9);
        let request = format!(
            "{{\"execute\":\"guest-file-write\",\"arguments\":{{\"handle\":{handle},\"buf-b64\":\"{text}\"}}}}\n"
        );
        let start = Instant::now();
        for _ in 0..BLOCKS {
            self.request(&request);
        }
        let taken = start.elapsed();
        self.close(&handle);
        let length = fs::metadata(self.folder.join("file")).expect("the file is there").len();
        assert_eq!(length, (BLOCKS * BLOCK) as u64, "all of it is written");
        taken
    }

    fn read_file(&mut self) -> Duration {
        let handle = self.open("r");
        let request =
            format!("{{\"execute\":\"guest-file-read\",\"arguments\":{{\"handle\":{handle},\"count\":{BLOCK}}}}}\n");
        let start = Instant::now();
        for _ in 0..BLOCKS {
            assert!(self.request(&request).len() > BLOCK / 3 * 4, "a whole block");
        }
        let taken = start.elapsed();
        self.close(&handle);
        taken
    }

    /// Megabytes of the program that were in memory at once.
    fn most_memory(&self) -> f64 {
        let mut status = String::new();
        let path = format!("/proc/{}/status", self.program.id());
        fs::File::open(path).and_then(|mut file| file.read_to_string(&mut status)).expect("the agent runs");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most.and_then(|most| most.parse::<f64>().ok()).expect("Linux says how much") * 1024.0 / 1e6
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
