//! A guest agent on QEMU's `virt` machines, without an operating system, on a virtio-serial port as libvirt provides
//! it.
#![no_std]

use guest::{Board, Firmware};
use guestwire::Agent;
use static_cell::ConstStaticCell;
use virtio_serial::{Bus, Device, Error, Event, Memory, Transport};

const NAME: &str = "org.qemu.guest_agent.0";
const NOT_FOUND: &str = "there is no port org.qemu.guest_agent.0\n";
/// The most virtio-serial devices that the guest looks at.
pub const DEVICES: usize = 4;
/// The index of the port among those that a device is asked for.
const PORT: usize = 0;
/// How long a device may take to say which ports it has.
const PATIENCE: i64 = 1_000_000_000;

/// What differs between `virt` machines.
pub trait Machine: Board + 'static {
    /// The way to the devices.
    type Bus: Bus;
    /// A device.
    type Transport: Transport;

    fn bus() -> Self::Bus;

    /// The virtio-serial devices. From then on, their interrupts end a
    /// [`wait_for_interrupt`](Self::wait_for_interrupt). There is no interrupt handler: interrupts stay masked, as they
    /// are at start-up.
    fn devices(bus: &Self::Bus) -> impl Iterator<Item = Self::Transport>;

    fn wait_for_interrupt();

    /// Writes to the UART.
    fn log(text: &str);
}

type Devices<M> = [Option<Device<<M as Machine>::Transport, 1>>; DEVICES];

/// The agent of a board.
pub type Served<B> = Agent<Firmware<B>, 512, 2560>;

/// Serves the agent, on whichever device its port is.
pub fn serve<M: Machine>(agent: &mut Served<M>) -> ! {
    static MEMORY: ConstStaticCell<[Memory<1>; DEVICES]> = ConstStaticCell::new([const { Memory::new() }; DEVICES]);
    let bus = M::bus();
    let mut transports = M::devices(&bus);
    let Some(memory) = MEMORY.try_take() else { halt::<M>() };
    let mut devices: Devices<M> =
        memory.each_mut().map(|memory| started::<M>(Device::start(transports.next()?, &bus, [NAME], memory)));
    if devices.iter().all(Option::is_none) {
        M::log("there is no virtio-serial device\n");
        halt::<M>();
    }
    search(agent.guest().board(), &mut devices);
    let mut found = None;
    let mut look = true;
    loop {
        if poll::<M>(&mut devices, look) || look {
            agent.reset();
            let before = found;
            found = devices.iter().position(|device| device.as_ref().is_some_and(|device| device.is_found(PORT)));
            if found != before {
                M::log(if found.is_some() { "the agent is ready\n" } else { NOT_FOUND });
            }
        }
        let mut device = found.and_then(|index| devices.get_mut(index)?.as_mut());
        look = device.as_mut().is_some_and(|device| transfer(device, agent).is_err());
        let is_sent =
            agent.guest().is_shutting_down() && device.is_none_or(|device| device.is_sent(PORT).unwrap_or(true));
        if !agent.guest_mut().shuts_down(is_sent) && !look {
            agent.guest_mut().sleep(M::wait_for_interrupt);
        }
    }
}

/// Waits until a device has the port. Gives up after a while, because a device does not say that it has no such port.
fn search<M: Machine>(machine: &M, devices: &mut Devices<M>) {
    let started = machine.uptime();
    while !devices.iter().flatten().any(|device| device.is_found(PORT)) {
        if machine.uptime().wrapping_sub(started) > PATIENCE {
            M::log(NOT_FOUND);
            return;
        }
        poll::<M>(devices, false);
    }
}

/// Polls the devices that ask for it, or all, and returns whether there was more than bytes. Restarts devices that have
/// failed.
fn poll<M: Machine>(devices: &mut Devices<M>, all: bool) -> bool {
    let mut changed = false;
    for slot in devices {
        let Some(device) = slot else { continue };
        if !device.acknowledge_interrupt() && !all {
            continue;
        }
        loop {
            match device.poll() {
                Ok(None) => break,
                Ok(Some((_, Event::Opened))) => M::log("a client has come\n"),
                Ok(Some((_, Event::Closed))) => M::log("the client has gone\n"),
                Ok(Some((_, Event::Found | Event::Removed))) => {}
                Err(error) => {
                    M::log(text(error));
                    if device.restart().is_err() {
                        *slot = None;
                    }
                    return true;
                }
            }
            changed = true;
        }
    }
    changed
}

/// Moves bytes in both directions, as many as there are.
fn transfer<M: Machine>(device: &mut Device<M::Transport, 1>, agent: &mut Served<M>) -> Result<(), Error> {
    loop {
        // While a response waits to be sent, the agent takes no more.
        while agent.transmit().is_empty() {
            let received = device.received(PORT)?;
            if received.is_empty() {
                return Ok(());
            }
            let taken = take::<M>(agent, received);
            device.consume(PORT, taken);
        }
        let sent = device.send(PORT, agent.transmit())?;
        agent.transmitted(sent);
        if sent == 0 {
            return Ok(());
        }
    }
}

/// Not inlined: the parser is the same code whatever driver is around it, and its cost can be compared.
#[inline(never)]
fn take<M: Machine>(agent: &mut Served<M>, bytes: &[u8]) -> usize {
    agent.push_slice(bytes)
}

fn started<M: Machine>(device: Result<Device<M::Transport, 1>, Error>) -> Option<Device<M::Transport, 1>> {
    device.inspect_err(|error| M::log(text(*error))).ok()
}

fn text(error: Error) -> &'static str {
    match error {
        Error::Features => "a virtio-serial device has no named ports\n",
        Error::Ring(_) => "a virtio-serial device breaks the rules\n",
        _ => "a virtio-serial device does not start\n",
    }
}

pub fn halt<M: Machine>() -> ! {
    loop {
        M::wait_for_interrupt();
    }
}

#[cfg(debug_assertions)]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// A release build links only if nothing can panic: there is no such function.
#[cfg(not(debug_assertions))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}
