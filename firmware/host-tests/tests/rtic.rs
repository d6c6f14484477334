//! RTIC's idle task serves the agent, and an interrupt fills its queue.

use host_tests::healthy::{PING, PONG, survives_dead_clients};
use host_tests::{Guest, build};

#[test]
#[ignore = "needs qemu-system-arm: apt install qemu-system-arm"]
fn the_idle_task_answers() {
    let guest = Guest::start("rtic", &build("rtic", "thumbv7m-none-eabi", "rtic-guest", ""), "");
    let mut line = guest.connect();
    for _ in 0..100 {
        line.send(PING.repeat(10).as_bytes());
        (0..10).for_each(|_| assert_eq!(line.receive(), PONG));
    }
    assert_eq!(line.ask(r#"{"execute":"guest-get-time"}"#), r#"{"return": 0}"#);
    drop(line);
    survives_dead_clients(&guest);
}
