//! Programs that clients start: what becomes of them, and how much they may cost.

mod peer;

use std::io::Write;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use peer::{Folder, Peer, install, processes_of, wait_for, worst_moment};
use serde_json::{Value, json};

/// From `/proc/PID/status`.
fn status(pid: Pid, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":"));
    line.map(|value| value.trim().into())
}

fn kilobytes(pid: Pid, field: &str) -> u64 {
    status(pid, field).unwrap().trim_end_matches(" kB").parse().unwrap()
}

/// Those that ended, and those that run.
fn children(parent: Pid) -> (usize, usize) {
    let all =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = all.map(Pid::from_raw).filter(|pid| status(*pid, "PPid") == Some(parent.to_string()));
    let (zombies, running): (Vec<_>, Vec<_>) =
        ours.filter_map(|pid| status(pid, "State")).partition(|state| state.starts_with('Z'));
    (zombies.len(), running.len())
}

fn exec(agent: &mut Peer, path: &str, arguments: &[&str]) -> Value {
    agent.returned("guest-exec", json!({"path": path, "arg": arguments}))["pid"].clone()
}

fn ended(pid: i64) -> bool {
    status(Pid::from_raw(pid as i32), "State").is_none_or(|state| state.starts_with('Z'))
}

/// Beside qemu-ga, which leaves none either.
#[test]
#[ignore = "needs qemu-ga: apt-get install qemu-guest-agent"]
fn programs_that_nobody_asks_about_leave_no_zombies() {
    for mut agent in [Peer::ours(&["--allow", "exec"]), Peer::qemu_ga()] {
        let pids: Vec<Value> = (0..30).map(|_| exec(&mut agent, "/bin/true", &[])).collect();
        worst_moment();
        wait_for("end of the programs and their zombies", || (children(agent.pid()) == (0, 0)).then_some(()));
        for pid in pids {
            assert_eq!(agent.ended(&pid), json!({"exited": true, "exitcode": 0}));
        }
    }
}

#[test]
fn running_programs_are_bounded_in_number() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    let started: Vec<Value> = (0..64).map(|_| exec(&mut agent, "/bin/sleep", &["1000"])).collect();
    worst_moment();
    let refused = agent.error("guest-exec", json!({"path": "/bin/true"}));
    assert_eq!(refused.1, "64 programs are running already");
    nix::sys::signal::kill(Pid::from_raw(started[7].as_i64().unwrap() as i32), Signal::SIGKILL).unwrap();
    assert_eq!(agent.ended(&started[7]), json!({"exited": true, "signal": 9}));
    exec(&mut agent, "/bin/true", &[]);
}

/// The system gives the number of a program that has ended to another.
#[test]
#[ignore = "needs root"]
fn a_number_that_is_used_again_is_the_new_programs() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    let first = exec(&mut agent, "/bin/true", &[]);
    let number = first.as_i64().unwrap();
    wait_for("end of the program and its zombie", || {
        status(Pid::from_raw(number as i32), "State").is_none().then_some(())
    });
    wait_for("the same number", || {
        // Others may take it first.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).unwrap();
        let pid = exec(&mut agent, "/bin/sh", &["-c", "exit 7"]);
        if pid != first {
            agent.ended(&pid);
        }
        (pid == first).then_some(())
    });
    assert_eq!(agent.ended(&first), json!({"exited": true, "exitcode": 7}));
    let forgotten = agent.error("guest-exec-status", json!({"pid": first}));
    assert_eq!(forgotten.1, "Invalid parameter 'pid'");
}

/// 64 are remembered; the oldest that has ended is forgotten.
#[test]
fn ended_programs_are_bounded_in_number() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    let running = exec(&mut agent, "/bin/sleep", &["1000"]);
    let mut ended_programs = Vec::new();
    for _ in 0..70 {
        let pid = exec(&mut agent, "/bin/true", &[]);
        wait_for("end of the program", || ended(pid.as_i64().unwrap()).then_some(()));
        ended_programs.push(pid);
    }
    worst_moment();
    for (index, pid) in ended_programs.iter().enumerate() {
        let status = agent.ask("guest-exec-status", json!({"pid": pid}));
        assert_eq!(status.get("return").is_some(), index >= 7, "{index}: {status}");
    }
    assert_eq!(agent.returned("guest-exec-status", json!({"pid": running})), json!({"exited": false}));
}

/// The kernel counts the threads of a user, so each agent runs as a separate user.
#[test]
#[ignore = "needs root, prlimit and setpriv: apt-get install util-linux"]
fn a_thread_or_program_that_cannot_start_is_an_error_response() {
    // The agent has two threads.
    for (limit, fails_at) in [(2, "Failed to execute child process '/bin/echo'"), (3, "failed to start a thread")] {
        let folder = Folder::new();
        let user = 1_000_000 + std::process::id() * 10 + limit;
        let mut command = folder.command("prlimit");
        command.arg(format!("--nproc={limit}")).arg("setpriv").arg(format!("--reuid={user}")).arg("--clear-groups");
        let agent = folder.join("agent");
        install(env!("CARGO_BIN_EXE_guestwire-agent").as_ref(), &agent);
        std::os::unix::fs::chown(folder.path(), Some(user), None).unwrap();
        command.arg(agent).arg("--listen").arg(folder.join("socket")).args(["--allow", "exec"]);
        let mut agent = Peer::start(&folder, &folder.join("socket"), &mut command);
        worst_moment();
        for _ in 0..10 {
            let echo = json!({"path": "/bin/echo", "arg": ["x"], "capture-output": limit > 2});
            let error = agent.error("guest-exec", echo).1;
            assert!(error.starts_with(fails_at) && error.contains("Resource temporarily unavailable"), "{error}");
            assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
            wait_for("end of the threads", || (status(agent.pid(), "Threads")? == "2").then_some(()));
        }
    }
}

#[test]
fn programs_end_with_the_agent() {
    for (signal, script) in [
        (Signal::SIGTERM, "sleep 1000 & sleep 1000"),
        (Signal::SIGINT, "sleep 1000"),
        (Signal::SIGTERM, "trap '' TERM; sleep 1000"),
        (Signal::SIGHUP, "sleep 1000"),
    ] {
        let mut agent = Peer::ours(&["--allow", "exec"]);
        let flag = agent.folder().join("flag");
        let script = format!("{script} & : >{}; wait", flag.display());
        exec(&mut agent, "/bin/sh", &["-c", &script]);
        wait_for("start of the program", || flag.exists().then_some(()));
        worst_moment();
        assert_eq!(agent.end(signal).code(), Some(0));
        wait_for("end of the programs", || processes_of(agent.folder().path()).is_empty().then_some(()));
        assert!(!agent.folder().join("socket").exists());
    }
}

/// Output without a reader, programs without a request for their status, and connections that break in mid-request.
#[test]
#[ignore = "takes half a minute: cargo test -- --include-ignored"]
fn memory_is_bounded_whatever_clients_leave_behind() {
    let mut agent = Peer::ours(&["--allow", "exec", "--log", "off"]);
    let at_first = kilobytes(agent.pid(), "VmHWM");
    worst_moment();

    let big = "i=0; while [ $i -lt 10 ]; do head -c 10000000 /dev/zero; i=$((i+1)); done";
    let pid = agent.returned("guest-exec", json!({"path": "/bin/sh", "arg": ["-c", big], "capture-output": true}));
    let status = agent.ended(&pid["pid"]);
    assert_eq!((&status["exitcode"], &status["out-truncated"]), (&json!(0), &json!(true)));
    let after_output = kilobytes(agent.pid(), "VmHWM");

    // A window of requests, so that neither end waits for the other.
    let request = b"{\"execute\": \"guest-exec\", \"arguments\": {\"path\": \"/bin/true\"}}\n";
    let (mut started, mut refused) = (0, 0);
    for _ in 0..30_000 / 100 {
        agent.send(&request.repeat(100));
        for _ in 0..100 {
            match agent.receive() {
                response if response["return"]["pid"].is_i64() => started += 1,
                response => {
                    assert_eq!(response["error"]["desc"], "64 programs are running already");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(started + refused, 30_000);
    wait_for("end of the programs and their zombies", || (children(agent.pid()) == (0, 0)).then_some(()));
    let after_programs = kilobytes(agent.pid(), "VmHWM");

    for cut in 0..300 {
        agent.connect();
        let request = format!("{{\"execute\": \"guest-exec\", \"arguments\": {{\"path\": \"{}", "x".repeat(cut * 200));
        // The agent may answer before it is gone: what is too long is an error.
        let _ = agent.stream().write_all(request.as_bytes());
    }
    agent.connect();
    assert_eq!(agent.returned("guest-ping", json!({})), json!({}));
    let after_connections = kilobytes(agent.pid(), "VmHWM");
    assert_eq!(self::status(agent.pid(), "Threads").unwrap(), "2");
    let open = std::fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count();
    println!(
        "kB at most: {at_first}, {after_output} after 100 MB of output, {after_programs} after {started} programs \
        ({refused} refused), {after_connections} after 300 connections; {open} files are open"
    );
    assert!(after_connections < at_first + (16 << 10), "{at_first} kB grew to {after_connections}");
    assert!(open < 16, "{open} files are open");
}

#[test]
fn what_a_program_writes_is_kept_as_asked_for() {
    let mut agent = Peer::ours(&["--allow", "exec"]);
    let (out, err) = (json!("bwo="), json!("ZQo="));
    for (capture_output, out, err) in [
        (json!(true), out.clone(), err.clone()),
        (json!(false), Value::Null, Value::Null),
        (json!("none"), Value::Null, Value::Null),
        (json!("stdout"), out.clone(), Value::Null),
        (json!("stderr"), Value::Null, err.clone()),
        (json!("separated"), out, err),
        (json!("merged"), json!("bwplCg=="), Value::Null),
    ] {
        let arguments = json!(["-c", "echo o; echo e >&2"]);
        let exec = json!({"path": "/bin/sh", "arg": arguments, "capture-output": capture_output});
        let pid = agent.returned("guest-exec", exec)["pid"].clone();
        let status = agent.ended(&pid);
        assert_eq!((&status["out-data"], &status["err-data"]), (&out, &err), "{capture_output}: {status}");
    }
}
