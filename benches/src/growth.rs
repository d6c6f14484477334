//! Frames of growing length and growing depth, otherwise alike.

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
