//! What grows and is otherwise alike: frames in length and depth, members, tables of commands, streamed strings.

use crate::ours::{self, GrowingAgent};
use crate::workloads::{Shape, Workload};

pub const LENGTHS: [usize; 6] = [64, 256, 1024, 4096, 16_384, 61_440];
pub const DEPTHS: [usize; 6] = [2, 4, 8, 16, 32, 64];

const ENTRY: &str = r#"{"enabled": true, "name": "guest-ping"}"#;

/// Frames of as many entries as `length` bytes hold, one at least.
pub fn of_length(length: usize) -> Workload {
    let mut frame = format!(r#"{{"return": [{ENTRY}"#);
    while frame.len() + ENTRY.len() + ", ]}".len() <= length {
        frame.push_str(", ");
        frame.push_str(ENTRY);
    }
    frame.push_str("]}");
    Workload::repeating(Shape::Other, &frame)
}

/// Frames of about 4 KiB, `depth` deep: towers of arrays in an array. Every depth has the same tokens, in another order.
pub fn of_depth(depth: usize) -> Workload {
    const LEVEL: &str = r#"["level", 7"#;
    let levels = depth - 1;
    let tower = vec![LEVEL; levels].join(", ") + &"]".repeat(levels);
    let towers = vec![tower.as_str(); 4096 / (tower.len() + ", ".len())];
    Workload::repeating(Shape::Other, &format!("[{}]", towers.join(", ")))
}

pub const MEMBERS: [usize; 3] = [125, 250, 500];
pub const COMMANDS: [usize; 3] = [250, 500, 1000];
pub const STREAMED: [usize; 3] = [16_384, 32_768, 65_536];
pub const LINKS: [usize; 3] = [1000, 2000, 4000];

/// Requests and the agent that answers them.
pub struct Requests {
    pub agent: GrowingAgent,
    pub workload: Workload,
}

/// Requests whose arguments have this many members, none of which the command knows.
pub fn members(count: usize) -> Requests {
    let members: Vec<String> = (0..count).map(|member| format!(r#""member-{}":0"#, 1000 + member)).collect();
    let request = format!(r#"{{"execute":"command-1000","arguments":{{{}}}}}"#, members.join(","));
    Requests { agent: ours::growing_agent(1, ours::LARGE), workload: Workload::repeating(Shape::Other, &request) }
}

/// How many requests are sent to a table.
pub const LOOKUPS: usize = 1000;

/// Requests for the last of this many commands.
pub fn commands(count: usize) -> Requests {
    let request = format!(r#"{{"execute":"command-{}"}}"#, 1000 + count - 1);
    Requests { agent: ours::growing_agent(count, 256), workload: Workload::times(LOOKUPS, Shape::Other, &request) }
}

/// Requests with a string of this length, which an agent takes in pieces through 256 bytes.
pub fn streamed(length: usize) -> Requests {
    let text = "Z3Vlc3R3".repeat(length / 8);
    let request = format!(r#"{{"execute":"command-1000","arguments":{{"buf-b64":"{text}"}}}}"#);
    Requests { agent: ours::growing_agent(1, 256), workload: Workload::repeating(Shape::Other, &request) }
}
