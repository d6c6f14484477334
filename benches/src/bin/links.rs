//! One client link to 100 000 in one process and one thread: requests a second, and memory a link.
//!
//! Prints JSON, as `Links` in figures/results.rs.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use guestwire::{Client, Reply, SENTINEL};

/// Holds the response to `guest-info` of any agent known.
type Link = Client<4096, 256>;

const REQUESTS: usize = 2_000_000;
const TIME: i64 = 1_795_441_277_004_000_000;
const RESPONSE: &[u8] = b"{\"return\": 1795441277004000000}\n";

fn main() {
    let (mut requests, mut resident_bytes) = (BTreeMap::new(), 0);
    for count in [1, 10, 100, 1000, 10_000, 100_000] {
        let before = resident();
        let mut links = vec![Link::new(); count];
        for (id, link) in (1..).zip(&mut links) {
            synchronize(link, id);
        }
        ask_all(&mut links);
        resident_bytes = resident().saturating_sub(before) / count;
        let rounds = REQUESTS / count;
        let start = Instant::now();
        for _ in 0..rounds {
            ask_all(&mut links);
        }
        requests.insert(count, ((rounds * count) as f64 / start.elapsed().as_secs_f64()).round());
    }
    let links = serde_json::json!({"requests": requests, "size": size_of::<Link>(), "resident": resident_bytes});
    println!("{links}");
}

fn synchronize(link: &mut Link, id: i64) {
    link.omit_ids();
    link.synchronize(id);
    link.transmitted(link.transmit().len());
    assert_eq!(link.push_slice(&[SENTINEL]).1, Ok(None));
    let reply = link.push_slice(format!("{{\"return\": {id}}}\n").as_bytes()).1;
    assert_eq!(reply, Ok(Some(Reply::Synchronized)));
}

/// A request on each link in turn, and its response.
fn ask_all(links: &mut [Link]) {
    for link in links {
        link.execute("guest-get-time").expect("in step");
        let length = black_box(link.transmit()).len();
        link.transmitted(length);
        match link.push_slice(black_box(RESPONSE)).1 {
            Ok(Some(Reply::Return(time))) => assert_eq!(time.integer(), Some(TIME)),
            other => panic!("{other:?} is no response"),
        }
    }
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux counts pages");
    4096 * pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("the second is resident")
}
