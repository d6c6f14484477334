//! The same as `figures-serde`, with serde-json-core in place of the crate's own serde.
#![no_std]
#![no_main]

use guestwire::{Command, CommandError, Guest};
use heapless::Vec;
use on_target::{EXEC_REQUESTS, deepest_push, entry};
use semihosting::{println, process};
use serde::{Deserialize, Serialize};
use serde_json_core::{from_slice, str::EscapedStr, to_slice};

struct Board;

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("guest-exec", |_, call| {
        let arguments = call.arguments.value();
        // Strings stay as they are escaped.
        let (exec, _): (Exec<'_>, _) = from_slice(arguments.as_bytes()).map_err(|_| CommandError::Failed("Wrong"))?;
        let response = call.respond()?;
        let strings = exec.arg.iter().chain(&exec.env).flatten().chain(&exec.input_data).chain([&exec.path]);
        let pid = strings.map(|text| text.0.len()).sum::<usize>();
        let pid = pid + usize::from(exec.capture_output == Some(true));
        let mut text = [0; 32];
        let length = to_slice(&Pid { pid: pid as i64 }, &mut text).map_err(|_| CommandError::DoesNotFit)?;
        response.json(&text[..length])
    })];
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Exec<'a> {
    #[serde(borrow)]
    path: EscapedStr<'a>,
    #[serde(borrow)]
    arg: Option<Vec<EscapedStr<'a>, 8>>,
    #[serde(borrow)]
    env: Option<Vec<EscapedStr<'a>, 8>>,
    #[serde(borrow)]
    input_data: Option<EscapedStr<'a>>,
    capture_output: Option<bool>,
}

#[derive(Serialize)]
struct Pid {
    pid: i64,
}

#[entry]
fn main() -> ! {
    let deepest = deepest_push(Board, EXEC_REQUESTS);
    println!("Stack, bytes/Agent::push, guest-exec through serde-json-core/deepest/{deepest}");
    process::exit(0)
}
