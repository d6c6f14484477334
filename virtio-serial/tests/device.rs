//! The driver on a device as QEMU has it.

mod model;

use model::{AnyTransport, Host, KINDS, Kind, Lie};
use virtio_serial::{Device, Error, Event, Identity, Mmio, Pci, Window, pci};

const AGENT: &str = "org.qemu.guest_agent.0";
const LOG: &str = "org.example.log";

fn events<const PORTS: usize>(device: &mut Device<AnyTransport, PORTS>) -> Vec<(usize, Event)> {
    std::iter::from_fn(|| device.poll().unwrap()).collect()
}

/// Reads all there is.
fn read<const PORTS: usize>(device: &mut Device<AnyTransport, PORTS>, port: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let bytes = device.received(port).unwrap();
        if bytes.is_empty() {
            return all;
        }
        // In pieces of any size.
        let count = bytes.len().div_ceil(2);
        all.extend(&bytes[..count]);
        device.consume(port, count);
    }
}

fn on_every_transport(test: impl Fn(Kind)) {
    KINDS.into_iter().for_each(test);
}

/// An agent's port with a client, and the driver.
fn agent(kind: Kind) -> (Host, Device<AnyTransport, 1>) {
    let host = Host::new(kind, &[(1, AGENT)]);
    let mut device = host.start([AGENT]).unwrap();
    host.open(1, true);
    assert_eq!(events(&mut device), [(0, Event::Found), (0, Event::Opened)]);
    (host, device)
}

#[test]
fn bytes_go_both_ways() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        for length in [1, 7, 8, 9, 255, 256, 257, 1000, 1024] {
            let bytes: Vec<u8> = (0..length).map(|index| (index * 7 + length) as u8).collect();
            host.send(1, &bytes);
            assert_eq!(events(&mut device), []);
            assert_eq!(read(&mut device, 0), bytes);
            assert_eq!(device.send(0, &bytes), Ok(bytes.len()));
            assert_eq!(host.sent(1), bytes);
        }
    });
}

#[test]
fn bytes_keep_their_order_however_full_the_buffers_are() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        for lengths in [[256, 256, 256, 256], [256, 100, 256, 1], [100, 256, 16, 256], [8, 9, 256, 255]] {
            let mut all = Vec::new();
            for length in lengths {
                // What is sent at once begins in the next buffer.
                let bytes: Vec<u8> = (all.len()..all.len() + length).map(|index| (index % 251) as u8).collect();
                host.send(1, &bytes);
                all.extend(bytes);
            }
            assert_eq!(events(&mut device), []);
            assert_eq!(read(&mut device, 0), all, "{lengths:?}");
        }
    });
}

#[test]
fn the_device_is_notified_once_for_many_buffers() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        let notifications = || host.0.borrow().notifications;
        // More than the buffers hold.
        host.send(1, &[7; 1024 + 300]);
        assert_eq!(events(&mut device), []);
        let before = notifications();
        assert_eq!(read(&mut device, 0), [7; 1024]);
        assert_eq!(notifications() - before, 1);
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), [7; 300]);
        let before = notifications();
        assert_eq!(device.send(0, &[7; 1024]), Ok(1024));
        assert_eq!(notifications() - before, 1);
        assert_eq!(host.sent(1), [7; 1024]);
    });
}

#[test]
fn several_ports_are_used_at_once_and_others_left_alone() {
    on_every_transport(|kind| {
        let host = Host::new(kind, &[(0, "console"), (2, "com.redhat.spice.0"), (5, LOG), (510, AGENT)]);
        let mut device = host.start([AGENT, LOG]).unwrap();
        assert_eq!(events(&mut device), [(1, Event::Found), (0, Event::Found)]);
        host.send(510, b"request");
        assert_eq!(events(&mut device), []);
        assert_eq!(device.send(1, b"log"), Ok(3));
        assert_eq!(read(&mut device, 0), b"request");
        assert_eq!(device.send(0, b"response"), Ok(8));
        assert_eq!((host.sent(510), host.sent(5)), (b"response".to_vec(), b"log".to_vec()));
        assert!(!host.port(2, |port| port.guest_open) && !host.port(0, |port| port.guest_open));
    });
}

#[test]
fn a_port_that_was_not_named_has_nothing() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.send(1, b"request");
        assert_eq!(events(&mut device), []);
        assert_eq!(device.received(1), Ok(&b""[..]));
        assert_eq!((device.send(1, b"x"), device.is_found(1)), (Ok(0), false));
        assert_eq!((device.can_send(1), device.is_sent(1)), (Ok(false), Ok(true)));
        device.consume(1, 7);
        assert_eq!(read(&mut device, 0), b"request");
    });
}

#[test]
fn port_0_can_be_named() {
    on_every_transport(|kind| {
        let host = Host::new(kind, &[(0, AGENT)]);
        let mut device = host.start([AGENT]).unwrap();
        host.send(0, b"hello");
        assert_eq!(events(&mut device), [(0, Event::Found)]);
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"hello");
        assert_eq!(device.send(0, b"hi"), Ok(2));
        assert_eq!(host.sent(0), b"hi");
    });
}

#[test]
fn names_are_compared_whole() {
    for name in ["org.qemu.guest_agent", "org.qemu.guest_agent.00", "", &AGENT.repeat(3)] {
        let host = Host::new(Kind::Modern, &[(1, name)]);
        let mut device = host.start([AGENT]).unwrap();
        assert_eq!(events(&mut device), [], "{name}");
        assert!(!device.is_found(0));
    }
}

#[test]
fn a_name_that_does_not_fit_is_not_the_empty_one() {
    for name in [AGENT.repeat(2), AGENT.repeat(9)] {
        let host = Host::new(Kind::Modern, &[(1, &name)]);
        let mut device = host.start([""]).unwrap();
        assert_eq!(events(&mut device), [], "{name}");
    }
}

#[test]
fn the_longest_name_is_found() {
    let name = "org.example.a-name-of-thirty-nine-bytes";
    assert_eq!(name.len(), virtio_serial::MAX_NAME);
    on_every_transport(|kind| {
        let host = Host::new(kind, &[(1, "org.example.a-name-of-thirty-nine-bytes-and-more"), (2, name)]);
        let mut device = host.start([name]).unwrap();
        assert_eq!(events(&mut device), [(0, Event::Found)]);
        host.send(2, b"hello");
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"hello");
    });
}

#[test]
fn no_message_is_lost_with_as_many_ports_as_qemu_can_tell_of() {
    let names: Vec<String> = (1..=31).map(|id| format!("org.example.{id}")).collect();
    let mut ports: Vec<(u32, &str)> = (1..).zip(names.iter().map(String::as_str)).collect();
    ports.push((32, AGENT));
    let host = Host::new(Kind::Modern, &ports);
    (1..=32).for_each(|id| host.port(id, |port| port.host_open = true));
    let mut device = host.start([AGENT]).unwrap();
    assert_eq!(events(&mut device), [(0, Event::Found), (0, Event::Opened)]);
    assert_eq!(host.0.borrow().dropped, 0);
}

#[test]
fn a_port_that_is_named_when_there_is_no_room_to_open_it_is_found_once_there_is() {
    on_every_transport(|kind| {
        for agent in 1..=20 {
            let names: Vec<String> = (1..=20).map(|id| format!("org.example.{id}")).collect();
            let name = |(id, name)| (id, if id == agent { AGENT } else { name });
            let ports: Vec<(u32, &str)> = (1..).zip(names.iter().map(String::as_str)).map(name).collect();
            let host = Host::new(kind, &ports);
            let mut device = host.start([AGENT]).unwrap();
            host.0.borrow_mut().keeps_messages = true;
            let mut found = events(&mut device);
            host.return_messages();
            found.extend(events(&mut device));
            assert_eq!(found, [(0, Event::Found)], "{kind:?}, {agent}");
            assert!(host.port(agent, |port| port.guest_open), "{kind:?}, {agent}");
        }
    });
}

#[test]
fn a_port_is_plugged_later_unplugged_and_plugged_again() {
    on_every_transport(|kind| {
        let host = Host::new(kind, &[(3, LOG)]);
        let mut device = host.start([AGENT, LOG]).unwrap();
        assert_eq!(events(&mut device), [(1, Event::Found)]);
        assert_eq!((device.send(0, b"lost"), device.received(0)), (Ok(0), Ok(&[][..])));
        for (id, found) in [
            (1, vec![(0, Event::Found)]),
            (1, vec![(0, Event::Found)]),
            // Another number needs other queues, hence the device is reset, with all its ports.
            (2, vec![(0, Event::Found), (1, Event::Found)]),
        ] {
            host.plug(id, AGENT);
            assert_eq!(events(&mut device), found, "{id}");
            host.send(id, b"hello");
            assert_eq!(events(&mut device), []);
            assert_eq!(read(&mut device, 0), b"hello");
            assert_eq!(device.send(0, b"hi"), Ok(2));
            assert_eq!(host.sent(id), b"hi");
            host.send(id, b"too late");
            host.unplug(id);
            assert_eq!(events(&mut device), [(0, Event::Removed)]);
            assert_eq!((read(&mut device, 0), device.send(0, b"lost")), (vec![], Ok(0)));
        }
        assert_eq!(device.send(1, b"log"), Ok(3));
        assert_eq!(host.sent(3), b"log");
    });
}

#[test]
fn a_port_is_plugged_where_another_was() {
    on_every_transport(|kind| {
        let host = Host::new(kind, &[(1, AGENT)]);
        let device = &mut host.start([AGENT, LOG]).unwrap();
        assert_eq!(events(device), [(0, Event::Found)]);
        host.unplug(1);
        host.plug(1, LOG);
        assert_eq!(events(device), [(0, Event::Removed), (1, Event::Found)]);
        host.plug(2, AGENT);
        assert_eq!(events(device), [(0, Event::Found)]);
        assert_eq!((device.send(0, b"agent"), device.send(1, b"log")), (Ok(5), Ok(3)));
        assert_eq!((host.sent(2), host.sent(1)), (b"agent".to_vec(), b"log".to_vec()));
    });
}

#[test]
fn bytes_of_a_client_that_has_gone_are_dropped_and_those_of_the_next_are_not() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.send(1, b"of the first");
        assert_eq!(events(&mut device), []);
        host.open(1, false);
        assert_eq!(events(&mut device), [(0, Event::Closed)]);
        assert_eq!(read(&mut device, 0), b"");
        host.send(1, b"of nobody");
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"");
        // QEMU may pass bytes on before it tells that there is a client.
        host.open(1, true);
        host.send(1, b"of the second");
        assert_eq!(device.poll(), Ok(Some((0, Event::Opened))));
        assert_eq!(read(&mut device, 0), b"");
        assert_eq!(device.poll(), Ok(None));
        assert_eq!(read(&mut device, 0), b"of the second");
    });
}

#[test]
fn a_host_that_does_not_read_blocks_nothing() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.port(1, |port| port.full = true);
        assert_eq!(device.send(0, &[7; 5000]), Ok(1024));
        assert_eq!((device.send(0, &[7]), device.can_send(0), device.is_sent(0)), (Ok(0), Ok(false), Ok(false)));
        host.send(1, b"still received");
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"still received");
        host.read_on(1);
        assert_eq!((device.can_send(0), device.is_sent(0)), (Ok(true), Ok(true)));
        assert_eq!(host.sent(1), [7; 1024]);
    });
}

#[test]
fn buffers_that_qemu_keeps_when_the_host_closes_are_used_again() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        for _ in 0..10 {
            host.port(1, |port| port.full = true);
            assert!(device.send(0, &[7; 5000]).unwrap() >= 512);
            host.close_while_full(1);
            host.open(1, true);
            assert_eq!(events(&mut device), [(0, Event::Closed), (0, Event::Opened)]);
            assert_eq!(device.is_sent(0), Ok(true));
            assert_eq!(device.send(0, b"next"), Ok(4));
            assert_eq!(host.sent(1), b"next");
        }
    });
}

#[test]
fn a_buffer_that_comes_back_late_is_no_error() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.port(1, |port| port.full = true);
        assert_eq!(device.send(0, b"old"), Ok(3));
        host.open(1, false);
        host.open(1, true);
        assert_eq!(events(&mut device), [(0, Event::Closed), (0, Event::Opened)]);
        host.read_on(1);
        assert_eq!(device.send(0, b"new"), Ok(3));
        assert_eq!(host.sent(1), b"oldnew");
        assert_eq!(device.send(0, &[7; 5000]), Ok(5000));
        assert_eq!(device.poll(), Ok(None));
    });
}

#[test]
fn devices_that_do_not_fit_are_refused() {
    on_every_transport(|kind| {
        let fails = |change: fn(&mut model::Model), error| {
            let host = Host::new(kind, &[(1, AGENT)]);
            change(&mut host.0.borrow_mut());
            let result = host.start([AGENT]).and_then(|mut device| device.poll());
            assert_eq!(result, Err(error), "{kind:?}");
        };
        fails(|model| model.features = 1 << 32, Error::Features);
        fails(|model| model.stays_in_reset = true, Error::Reset);
        fails(|model| model.queue_size = 0, Error::Queue(2));
        fails(|model| model.queue_size = 16, Error::Queue(2));
        if kind != Kind::Legacy {
            fails(|model| model.refuses_features = true, Error::Features);
            fails(|model| model.features = 2, Error::Features);
        }
    });
    let host = Host::new(Kind::Modern, &[]);
    assert!(matches!(host.start(["a name with more than 39 bytes: there is no room"]), Err(Error::NameTooLong)));
}

/// Exchanges bytes as soon as the port is found.
fn works(host: &Host) {
    let mut device = host.start([AGENT]).unwrap();
    assert_eq!(events(&mut device), [(0, Event::Found)]);
    host.send(1, &[7; 1000]);
    assert_eq!(events(&mut device), []);
    assert_eq!(read(&mut device, 0), [7; 1000]);
    assert_eq!(device.send(0, &[8; 1000]), Ok(1000));
    assert_eq!(host.sent(1), [8; 1000]);
}

#[test]
fn queues_may_be_larger_than_needed_and_of_any_size() {
    on_every_transport(|kind| {
        for size in [32, 33, 48, 1000, 32768] {
            let host = Host::new(kind, &[(1, AGENT)]);
            host.0.borrow_mut().queue_size = size;
            works(&host);
        }
    });
}

#[test]
fn devices_may_see_memory_at_any_address() {
    on_every_transport(|kind| {
        for (memory, fits_legacy) in [(1 << 32, true), (0xFF << 30, true), (1 << 38, false), (1 << 63, false)] {
            let host = Host::new(kind, &[(1, AGENT)]);
            host.0.borrow_mut().memory = memory;
            if kind != Kind::Legacy || fits_legacy {
                works(&host);
            } else {
                assert!(matches!(host.start([AGENT]), Err(Error::Memory)));
            }
        }
    });
}

#[test]
fn a_device_started_anew_in_mid_transfer_forgets_all_of_it() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.port(1, |port| port.full = true);
        assert_eq!(device.send(0, &[1; 5000]), Ok(1024));
        host.send(1, &[2; 1024]);
        assert_eq!(events(&mut device), []);
        let count = device.received(0).unwrap().len();
        device.consume(0, count / 2);
        host.port(1, |port| port.full = false);
        device.restart().unwrap();
        assert_eq!(events(&mut device), [(0, Event::Found), (0, Event::Opened)]);
        assert_eq!(read(&mut device, 0), b"");
        host.send(1, b"request");
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"request");
        assert_eq!((device.is_sent(0), device.send(0, b"response")), (Ok(true), Ok(8)));
        assert_eq!(host.sent(1), b"response");
    });
}

#[test]
fn a_port_that_was_unplugged_while_it_was_full_can_be_written_again() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.port(1, |port| port.full = true);
        assert_eq!(device.send(0, &[1; 5000]), Ok(1024));
        host.send(1, &[2; 1024]);
        host.unplug(1);
        assert_eq!(events(&mut device), [(0, Event::Removed)]);
        assert_eq!((device.send(0, b"x"), device.received(0)), (Ok(0), Ok(&[][..])));
        host.plug(1, AGENT);
        assert_eq!(events(&mut device), [(0, Event::Found)]);
        assert_eq!(read(&mut device, 0), b"");
        host.sent(1);
        assert_eq!(device.send(0, b"response"), Ok(8));
        assert_eq!(host.sent(1), b"response");
        host.send(1, b"request");
        assert_eq!(events(&mut device), []);
        assert_eq!(read(&mut device, 0), b"request");
    });
}

#[test]
fn an_error_stays_until_the_device_is_started_anew() {
    let host = Host::new(Kind::Modern, &[(1, AGENT), (600, "beyond")]);
    let mut device = host.start([AGENT]).unwrap();
    let error = Error::PortNumber;
    assert_eq!(device.poll(), Err(error));
    assert_eq!(device.received(0), Err(error));
    assert_eq!((device.poll(), device.send(0, b"x")), (Err(error), Err(error)));
    host.0.borrow_mut().ports.remove(&600);
    device.restart().unwrap();
    assert_eq!(events(&mut device), [(0, Event::Found)]);
}

#[test]
fn pci_functions_are_found_on_any_bus() {
    let mut host = Host::new(Kind::Pci, &[]);
    assert_eq!(pci::find(&mut host).collect::<Vec<_>>(), [pci::Function(0x0118)]);
    assert!(matches!(Pci::new(&host, &mut host.clone(), pci::Function(1)), Err(Error::NoDevice)));
}

#[test]
fn an_interrupt_ends_when_it_is_acknowledged() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        assert!(device.acknowledge_interrupt());
        assert!(!device.acknowledge_interrupt());
        host.send(1, b"x");
        assert!(device.acknowledge_interrupt());
    });
}

#[test]
fn what_was_sent_interrupts_only_when_it_matters() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        device.acknowledge_interrupt();
        assert_eq!(device.send(0, b"taken at once"), Ok(13));
        assert!(!device.acknowledge_interrupt());
        host.port(1, |port| port.full = true);
        for _ in 0..2 {
            assert_eq!(device.send(0, &[7; 5000]), Ok(1024));
            assert_eq!(device.send(0, &[7]), Ok(0));
            host.read_on(1);
            assert!(device.acknowledge_interrupt(), "there is room again");
            host.port(1, |port| port.full = true);
        }
        host.read_on(1);
        host.port(1, |port| port.full = true);
        device.send(0, b"last").unwrap();
        assert_eq!(device.is_sent(0), Ok(false));
        device.acknowledge_interrupt();
        host.read_on(1);
        assert!(device.acknowledge_interrupt(), "it has been sent");
        assert_eq!(device.is_sent(0), Ok(true));
    });
}

#[test]
fn a_window_ends_where_it_ends() {
    use virtio_serial::{Bus, Registers};
    let memory: &'static mut [u32; 64] = Box::leak(Box::new([0x0403_0201; 64]));
    let start = memory.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: nobody uses this memory but the window.
    let bus = unsafe { Identity::new(start..start + 256) };
    for (address, length) in [(start - 4, 8), (start, 257), (start + 252, 8), (u64::MAX, 8)] {
        // SAFETY: it is no device.
        assert!(unsafe { bus.map(address, length) }.is_none());
    }
    // SAFETY: as above.
    let window = unsafe { bus.map(start, 8) }.unwrap();
    window.write_16(2, 0x0605);
    window.write_8(5, 9);
    assert_eq!((window.read_32(0), window.read_32(4), window.read_8(3)), (0x0605_0201, 0x0403_0901, 6));
    window.write_32(8, 0);
    window.write_32(usize::MAX - 1, 0);
    // Beyond, and not aligned.
    assert_eq!((window.read_32(8), window.read_32(5), window.read_16(1)), (u32::MAX, u32::MAX, u16::MAX));
    // SAFETY: as above.
    assert_eq!(unsafe { bus.map(start + 8, 4) }.unwrap().read_32(0), 0x0403_0201);
    assert!(Mmio::new(&bus, start).is_err_and(|error| error == Error::NoDevice));
}

#[test]
fn a_device_can_be_sent_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Device<Mmio<Window>, 2>>();
    is_send::<Device<Pci<Window>, 2>>();
}

#[test]
fn registers_of_pci_may_be_at_any_address() {
    // 64 and 32 bits, prefetchable or not.
    for bar in [(0xFEB0_0000, 0b0100), (0x12_FEB0_0000, 0b1100), (0xFEB0_0000, 0b0000), (0xFEB0_0000, 0b1000)] {
        let host = Host::new(Kind::Pci, &[(1, AGENT)]);
        host.0.borrow_mut().bar = bar;
        works(&host);
    }
    // None, below 1 MiB as long ago, and ports.
    for bar in [(0, 0b1100), (0xF0000, 0b0010), (0xC000, 0b0001)] {
        let host = Host::new(Kind::Pci, &[(1, AGENT)]);
        host.0.borrow_mut().bar = bar;
        assert!(matches!(host.start([AGENT]), Err(Error::Registers)), "{bar:x?}");
    }
}

#[test]
fn an_interrupt_of_the_configuration_ends_when_it_is_acknowledged() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        for interrupts in [1, 2, 3] {
            host.0.borrow_mut().interrupts = interrupts;
            assert!(device.acknowledge_interrupt());
            assert_eq!(host.0.borrow().interrupts, 0);
        }
    });
}

#[test]
fn indices_wrap() {
    let (host, mut device) = agent(Kind::Modern);
    // More buffers than 16 bits count, each way and by the control queues.
    for round in 0..70_000_u32 {
        let byte = [round as u8];
        host.send(1, &byte);
        assert_eq!(device.poll(), Ok(None));
        assert_eq!(device.received(0), Ok(&byte[..]), "{round}");
        device.consume(0, 1);
        assert_eq!((device.send(0, &byte), device.is_sent(0)), (Ok(1), Ok(true)), "{round}");
        assert_eq!(host.sent(1), byte, "{round}");
        if round % 2 == 0 {
            host.unplug(1);
            host.plug(1, AGENT);
            assert_eq!(events(&mut device), [(0, Event::Removed), (0, Event::Found)], "{round}");
        }
    }
}

/// Uses every queue more often than it has buffers.
fn use_all(host: &Host, device: &mut Device<AnyTransport, 1>) -> Result<(), Error> {
    for _ in 0..20 {
        host.unplug(1);
        host.plug(1, AGENT);
        host.open(1, true);
        while device.poll()?.is_some() {}
        host.send(1, b"request");
        device.poll()?;
        while let count @ 1.. = device.received(0)?.len() {
            device.consume(0, count);
        }
        device.send(0, b"response")?;
        device.is_sent(0)?;
    }
    Ok(())
}

#[test]
fn a_lie_about_a_buffer_that_is_returned_is_an_error() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        assert_eq!(use_all(&host, &mut device), Ok(()));
        let lies: [(&str, Lie); 5] = [
            ("the number of no buffer", |returned| returned.id = 32),
            ("a number that is another modulo 32", |returned| returned.id += 32),
            ("a number that is another modulo 2^16", |returned| returned.id += 1 << 16),
            ("more returned than there are", |returned| returned.count = returned.count.wrapping_add(40)),
            ("fewer returned than before", |returned| returned.count = returned.count.wrapping_sub(2)),
        ];
        // Both control queues, and both of the port.
        for queue in [2, 3, 4, 5] {
            for (what, lie) in lies {
                let (host, mut device) = agent(kind);
                host.0.borrow_mut().lie = Some((queue, lie));
                assert_eq!(use_all(&host, &mut device), Err(Error::Ring(queue)), "{what}");
            }
        }
        let lies: [(u16, &str, Lie); 5] = [
            (2, "a message of 7 bytes", |returned| returned.length = 7),
            (2, "a message of none", |returned| returned.length = 0),
            (3, "a buffer that the driver has", |returned| returned.id ^= 1),
            (4, "more bytes than a buffer has", |returned| returned.length = 257),
            (5, "a buffer that the driver has", |returned| returned.id ^= 1),
        ];
        for (queue, what, lie) in lies {
            let (host, mut device) = agent(kind);
            host.0.borrow_mut().lie = Some((queue, lie));
            assert_eq!(use_all(&host, &mut device), Err(Error::Ring(queue)), "{what}");
        }
    });
}

#[test]
fn buffers_that_were_in_doubt_are_not_after_a_restart() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.port(1, |port| port.full = true);
        assert_eq!(device.send(0, &[1; 1024]), Ok(1024));
        host.open(1, false);
        assert_eq!(events(&mut device), [(0, Event::Closed)]);
        device.restart().unwrap();
        host.open(1, true);
        assert_eq!(events(&mut device), [(0, Event::Found), (0, Event::Opened)]);
        assert_eq!((device.send(0, &[2; 1024]), device.is_sent(0)), (Ok(1024), Ok(false)));
        host.read_on(1);
        assert_eq!((device.is_sent(0), host.sent(1)), (Ok(true), vec![2; 1024]));
    });
}

#[test]
fn ports_that_were_not_answered_before_a_restart_are_not_after_it() {
    on_every_transport(|kind| {
        let (host, mut device) = agent(kind);
        host.plug(5, LOG);
        host.open(1, false);
        // The message about the new port has been read, but the event comes first.
        assert_eq!(device.poll(), Ok(Some((0, Event::Closed))));
        host.0.borrow_mut().ports.remove(&5);
        device.restart().unwrap();
        assert_eq!(events(&mut device), [(0, Event::Found)]);
    });
}
