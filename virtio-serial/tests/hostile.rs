//! A device that breaks the rules at random: in registers, rings, buffers, configuration space and control messages.
//!
//! Whatever it does, each call of the driver returns, with an error or with a service. Under address sanitizer or Miri
//! nothing may be used that is not the driver's. `BREAKS` is how many rules are broken before the test ends; `SEED` is where
//! the random numbers begin.

mod model;

use std::collections::BTreeMap;

use model::{AnyTransport, Host, KINDS, Random};
use virtio_serial::{Device, Error, Event, Memory};

const AGENT: &str = "org.qemu.guest_agent.0";
const LOG: &str = "org.example.log";

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// What came out, and how often.
#[derive(Default)]
struct Outcomes(BTreeMap<String, u64>);

impl Outcomes {
    fn count(&mut self, what: &str) {
        match self.0.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(what.to_owned(), 1)),
        }
    }

    /// Counts an error without its number.
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => return Some(value),
            Err(Error::Queue(_)) => self.count("Queue"),
            Err(Error::Ring(_)) => self.count("Ring"),
            Err(error) => self.count(&format!("{error:?}")),
        }
        None
    }
}

#[test]
fn a_hostile_device_gets_an_error_or_a_service() {
    let breaks = from_environment("BREAKS", if cfg!(miri) { 1000 } else { 1_000_000 });
    let seed = from_environment("SEED", 1);
    let memory: *mut Memory<2> = Box::into_raw(Box::new(Memory::new()));
    let mut outcomes = Outcomes::default();
    let (mut devices, mut broken) = (0, 0);
    while broken < breaks {
        devices += 1;
        let seed = (seed.wrapping_mul(1 << 40) + devices).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        // SAFETY: the device of the run before is gone, and it used memory only while the driver called it.
        broken += one_device(seed, unsafe { &mut *memory }, &mut outcomes);
    }
    // SAFETY: the last device is gone, too.
    drop(unsafe { Box::from_raw(memory) });
    println!("{devices} devices broke {broken} rules: {:#?}", outcomes.0);
    if breaks >= 1_000_000 {
        for what in [
            "NoDevice",
            "Registers",
            "Features",
            "Queue",
            "Ring",
            "PortNumber",
            "Memory",
            "Found",
            "Opened",
            "Closed",
            "Removed",
            "bytes received",
            "bytes sent",
            "started anew",
        ] {
            assert!(outcomes.0.contains_key(what), "no {what}");
        }
    }
}

/// Returns how many rules it broke.
fn one_device(seed: u64, memory: &'static mut Memory<2>, outcomes: &mut Outcomes) -> u64 {
    let random = &mut Random(seed | 1);
    let kind = KINDS[random.below(3) as usize];
    let host = Host::new(kind, &[(1, AGENT), (2, "com.redhat.spice.0"), (7, LOG)]);
    // Some devices break rules from the beginning, others when they have been trusted for a while.
    // Miri is slow.
    let one_in = 1 << if cfg!(miri) { 2 + random.below(4) } else { random.below(10) };
    let late = random.one_in(2);
    if !late {
        host.turn_hostile(seed, one_in);
    }
    let device = host.transport().and_then(|transport| Device::start(transport, &host, [AGENT, LOG], memory));
    if let Some(mut device) = outcomes.note(device) {
        if late {
            while device.poll().unwrap().is_some() {}
            host.turn_hostile(seed, one_in);
        }
        for _ in 0..random.below(200) {
            step(&host, &mut device, random, outcomes);
        }
    }
    host.0.borrow().broken
}

fn step(host: &Host, device: &mut Device<AnyTransport, 2>, random: &mut Random, outcomes: &mut Outcomes) {
    let port = random.below(3) as usize;
    let id = [1, 7, 9][port];
    let has_port = host.0.borrow().ports.contains_key(&id);
    match random.below(12) {
        0..4 => {
            if let Some(Some((index, event))) = outcomes.note(device.poll()) {
                assert!(index < 2);
                outcomes.count(match event {
                    Event::Found => "Found",
                    Event::Opened => "Opened",
                    Event::Closed => "Closed",
                    Event::Removed => "Removed",
                });
            }
        }
        4 => {
            let length = outcomes.note(device.received(port)).map_or(0, <[u8]>::len);
            assert!(length <= 512);
            if length > 0 {
                outcomes.count("bytes received");
            }
            device.consume(port, random.below(600) as usize);
        }
        5 => {
            let bytes = [0x5A; 700];
            let length = random.below(700) as usize;
            if let Some(sent) = outcomes.note(device.send(port, &bytes[..length])) {
                assert!(sent <= length);
                if sent > 0 {
                    outcomes.count("bytes sent");
                }
            }
        }
        6 => drop(outcomes.note(device.can_send(port))),
        7 => drop(outcomes.note(device.is_sent(port))),
        8 => drop(device.acknowledge_interrupt()),
        9 if has_port => host.send(id, &[0xA5; 300][..random.below(300) as usize]),
        10 if has_port => host.open(id, random.one_in(2)),
        _ => {
            if random.one_in(4) && outcomes.note(device.restart()).is_some() {
                outcomes.count("started anew");
            }
        }
    }
}
