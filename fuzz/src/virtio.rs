//! The virtio driver. With a device that keeps to the rules, what one end sends the other gets, once and in order, whatever
//! happened before. With one that breaks them, each call returns.

use std::collections::VecDeque;

use virtio_serial::{Device, Error, Event, Memory};

use crate::model::{AnyTransport, Host, KINDS};

const NAMES: [&str; 2] = ["org.qemu.guest_agent.0", "org.example.log"];
const IDS: [u32; 2] = [1, 7];

/// The first byte says which device, and whether it breaks rules from the beginning; the second how many of the others say
/// which rules; the rest is what happens.
pub fn virtio(bytes: &[u8]) {
    let [mode, count, rest @ ..] = bytes else { return };
    let (numbers, acts) = rest.split_at(rest.len().min((*count).into()));
    let kind = KINDS[usize::from(mode % 3)];
    let host = Host::new(kind, &[(IDS[0], NAMES[0]), (2, "com.redhat.spice.0"), (IDS[1], NAMES[1])]);
    let turn_hostile = |numbers: &[u8]| {
        // 1 breaks nothing.
        let mut numbers: VecDeque<u8> = numbers.iter().copied().collect();
        host.turn_hostile_by(
            move || u64::from(numbers.pop_front().unwrap_or(1)).wrapping_mul(0x0101_0101_0101_0101),
            16,
        );
    };
    let is_early = mode / 3 % 2 == 1;
    if is_early {
        turn_hostile(numbers);
    }
    let memory: *mut Memory<2> = Box::into_raw(Box::new(Memory::new()));
    // SAFETY: it is freed when the device, which uses it only while the driver calls it, is gone.
    let lent = unsafe { &mut *memory };
    if let Ok(device) = host.transport().and_then(|transport| Device::start(transport, &host, NAMES, lent)) {
        let is_lawful = numbers.is_empty();
        let mut line = Line { host: host.clone(), device, ports: Default::default(), is_lawful };
        if !is_early && !numbers.is_empty() {
            line.poll().expect("the device keeps to the rules");
            turn_hostile(numbers);
        }
        for (index, act) in acts.iter().enumerate() {
            let done = line.act(*act);
            assert!(!is_lawful || done.is_ok(), "{done:?}");
            // The device drops messages that the driver does not take for too long.
            if is_lawful && index % 8 == 0 {
                line.poll().expect("the device keeps to the rules");
            }
        }
        if is_lawful {
            line.check_service();
        }
    }
    drop(host);
    // SAFETY: the device is gone.
    drop(unsafe { Box::from_raw(memory) });
}

/// What is known of a port's bytes. Each that the host sends says which client's it is, in 3 bits, and in 5 its place. The
/// guest counts.
#[derive(Default)]
struct Port {
    client: u8,
    is_open: bool,
    /// It has read something.
    has_read: bool,
    /// How many this client has sent, and the guest.
    told: u8,
    sent: u8,
    received: Heard,
    answered: Heard,
}

/// What has come out at one end.
#[derive(Default)]
struct Heard {
    last: Option<u8>,
    /// Something may be missing after it.
    may_miss: bool,
}

impl Heard {
    /// Each byte follows the one before, unless something may be missing.
    fn check(&mut self, bytes: &[u8], follows: impl Fn(u8, u8) -> bool) {
        for byte in bytes {
            let follows = self.last.is_none_or(|last| self.may_miss || follows(last, *byte));
            assert!(follows, "{byte:#x} after {:#x?}", self.last);
            (self.last, self.may_miss) = (Some(*byte), false);
        }
    }
}

struct Line {
    host: Host,
    device: Device<AnyTransport, 2>,
    ports: [Port; 2],
    is_lawful: bool,
}

impl Line {
    /// Until there are no events.
    fn poll(&mut self) -> Result<(), Error> {
        while let Some((port, event)) = self.device.poll()? {
            self.ports[port].received.may_miss = true;
            self.ports[port].answered.may_miss |= event == Event::Found;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Error> {
        self.device.restart()?;
        for port in &mut self.ports {
            (port.received.may_miss, port.answered.may_miss) = (true, true);
        }
        Ok(())
    }

    fn act(&mut self, act: u8) -> Result<(), Error> {
        let (port, count) = (usize::from(act & 1), usize::from(act >> 4) * 24 + 1);
        let id = IDS[port];
        let is_plugged = self.host.0.borrow().ports.contains_key(&id);
        match act >> 1 & 7 {
            0 => self.poll()?,
            1 => drop(self.receive(port, count)?),
            2 => self.send(port, count)?,
            3 if is_plugged => {
                let is_open = !self.ports[port].is_open;
                self.open(port, is_open);
            }
            4 if is_plugged => self.tell(port, count),
            5 if is_plugged => {
                let answered = self.host.sent(id);
                // A client that has just come can take something.
                self.ports[port].has_read |= !answered.is_empty();
                let has_read = self.ports[port].has_read;
                if self.host.port(id, |port| std::mem::replace(&mut port.full, has_read)) {
                    self.host.read_on(id);
                }
                if self.is_lawful {
                    self.ports[port].answered.check(&answered, |last, byte| byte == last.wrapping_add(1));
                }
            }
            6 => {
                if is_plugged {
                    self.host.unplug(id);
                } else {
                    self.host.plug(id, NAMES[port]);
                }
                self.ports[port].is_open = false;
                self.ports[port].answered.may_miss = true;
            }
            7 => match act >> 4 {
                0 => self.restart()?,
                1 => drop(self.device.acknowledge_interrupt()),
                2 => drop(self.device.can_send(port)?),
                _ => drop(self.device.is_sent(port)?),
            },
            _ => {}
        }
        Ok(())
    }

    /// The host's end opens for another client, or closes.
    fn open(&mut self, port: usize, is_open: bool) {
        let (id, port) = (IDS[port], &mut self.ports[port]);
        port.is_open = is_open;
        if is_open {
            (port.client, port.told, port.has_read) = ((port.client + 1) % 8, 0, false);
        }
        if !is_open && self.host.port(id, |port| port.full) {
            port.answered.may_miss = true;
            self.host.close_while_full(id);
        } else {
            self.host.open(id, is_open);
        }
    }

    /// The host's client sends, if there is one.
    fn tell(&mut self, port: usize, count: usize) {
        let Port { client, told, is_open, .. } = &mut self.ports[port];
        if *is_open {
            let places = (0..count).map(|index| *told as usize + index);
            let bytes: Vec<u8> = places.map(|place| (*client << 5) | (place as u8 % 32)).collect();
            *told = ((usize::from(*told) + count) % 32) as u8;
            self.host.send(IDS[port], &bytes);
        }
    }

    /// The guest reads, and looks whether that can be.
    fn receive(&mut self, port: usize, count: usize) -> Result<Vec<u8>, Error> {
        let received = self.device.received(port)?;
        let bytes = received[..received.len().min(count)].to_vec();
        self.device.consume(port, bytes.len());
        if self.is_lawful {
            // What had not been seen when its client went may come before the next one's.
            let is_next = |last: u8, byte: u8| byte == (last & 0xE0) | (last.wrapping_add(1) & 0x1F);
            let is_next = |last: u8, byte: u8| is_next(last, byte) || byte >> 5 != last >> 5;
            self.ports[port].received.check(&bytes, is_next);
        }
        Ok(bytes)
    }

    fn send(&mut self, port: usize, count: usize) -> Result<(), Error> {
        let first = self.ports[port].sent;
        let bytes: Vec<u8> = (0..count).map(|index| first.wrapping_add(index as u8)).collect();
        let sent = self.device.send(port, &bytes)?;
        assert!(sent <= count);
        self.ports[port].sent = first.wrapping_add(sent as u8);
        Ok(())
    }

    /// New clients on each port get everything, and so does the guest.
    fn check_service(&mut self) {
        self.is_lawful = false; // what comes here is compared as a whole
        for port in 0..2 {
            let id = IDS[port];
            if !self.host.0.borrow().ports.contains_key(&id) {
                self.host.plug(id, NAMES[port]);
            }
            self.host.open(id, false);
            self.host.read_on(id);
            self.poll().expect("it serves");
            assert!(self.device.is_found(port), "port {port} is not found");
            self.host.sent(id);
            self.host.open(id, true);
            let sent: Vec<u8> = (0..900_u32).map(|index| (index % 251) as u8).collect();
            self.host.send(id, &sent);
            self.poll().expect("it serves");
            let (mut received, mut answered) = (Vec::new(), 0);
            for _ in 0..1000 {
                received.extend(self.receive(port, 100).expect("it serves"));
                answered += self.device.send(port, &sent[answered..]).expect("it serves");
                self.poll().expect("it serves");
            }
            assert_eq!((received, answered), (sent.clone(), sent.len()));
            assert!(self.device.is_sent(port).expect("it serves"));
            assert_eq!(self.host.sent(id), sent);
        }
    }
}
