//! The stack of an agent with `guest-exec` through serde, with up to eight strings in each list. `measure` reads the
//! output.
#![no_std]
#![no_main]

use guestwire::{Command, Guest, json::Text};
use heapless::Vec;
use on_target::{EXEC_REQUESTS, deepest_push, entry};
use semihosting::{println, process};
use serde::{Deserialize, Serialize};

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-exec", |_, call| {
        let (exec, response) = call.deserialize::<Exec<'_>>()?;
        let strings = exec.arg.iter().chain(&exec.env).flatten().chain(&exec.input_data).chain([&exec.path]);
        let pid = strings.map(|text| text.as_escaped_bytes().len()).sum::<usize>();
        let pid = pid + usize::from(exec.capture_output == Some(true));
        response.serialize(&Pid { pid: pid as i64 })
    })];
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Exec<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow)]
    arg: Option<Vec<Text<'a>, 8>>,
    #[serde(borrow)]
    env: Option<Vec<Text<'a>, 8>>,
    #[serde(borrow)]
    input_data: Option<Text<'a>>,
    capture_output: Option<bool>,
}

#[derive(Serialize)]
struct Pid {
    pid: i64,
}

#[entry]
fn main() -> ! {
    let deepest = deepest_push(Board, EXEC_REQUESTS);
    println!("Stack, bytes/Agent::push, guest-exec through serde/deepest/{deepest}");
    process::exit(0)
}
