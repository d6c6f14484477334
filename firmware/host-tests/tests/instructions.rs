//! Instructions of the virtio guest, counted by QEMU: driver and agent, not the waiting.

use host_tests::{Guest, Line, build};

#[test]
#[ignore = "needs qemu-system-aarch64: apt install qemu-system-arm"]
fn exchanges_through_a_port_stay_within_their_budgets() {
    let elf = build("virt-aarch64", "aarch64-unknown-none", "virt-aarch64", "");
    // One instruction takes a nanosecond, and while the guest waits no time passes.
    let guest = Guest::boot("virt-aarch64", &elf, "-icount shift=0,sleep=off");
    let mut line = guest.connect();
    for (name, request, budget) in [
        ("a ping", r#"{"execute":"guest-ping"}"#.into(), 2700),
        (
            "480 bytes of text, there and back",
            format!(r#"{{"execute":"guest-ping","id":"{}"}}"#, "x".repeat(440)),
            11_400,
        ),
        ("4000 spaces", format!(r#"{}{{"execute":"guest-ping"}}"#, " ".repeat(4000)), 635_000),
        ("guest-info", r#"{"execute":"guest-info"}"#.into(), 26_900),
    ] {
        let (rounds, started) = (100, now(&mut line));
        for _ in 0..rounds {
            line.ask(&request);
        }
        let instructions = (now(&mut line) - started) / rounds;
        println!("{name}: {instructions}");
        assert!(instructions <= budget, "{name}: {instructions} instructions, more than {budget}");
    }
}

fn now(line: &mut Line) -> i64 {
    let said = line.ask(r#"{"execute":"guest-get-time"}"#);
    said.strip_prefix(r#"{"return": "#).unwrap().strip_suffix('}').unwrap().parse().unwrap()
}
