//! A guest agent on QEMU's `virt` machines, without an operating system, on a virtio-serial port as libvirt provides it.
#![no_std]

use guest::{Board, Firmware};
use guestwire::Agent;
use virtio_serial::{Memory, Port, PortEvent};

/// What differs between `virt` machines.
pub trait Machine: Board + 'static {
    /// The addresses of the virtio-mmio slots.
    fn virtio_slots() -> impl Iterator<Item = usize>;

    /// Lets an interrupt of this virtio slot end a [`wait_for_interrupt`](Self::wait_for_interrupt). There is no
    /// interrupt handler: interrupts stay masked, as they are at start-up.
    fn enable_interrupt(slot: usize);

    fn wait_for_interrupt();

    /// Writes to the UART.
    fn log(text: &str);
}

/// Serves the agent.
///
/// # Safety
/// Start-up code calls this once. The machine's virtio slots are at the addresses that it returns. Devices see memory at the addresses that
/// the processor sees, and there is no cache between them.
pub unsafe fn serve<M: Machine>(machine: M) -> ! {
    static mut MEMORY: Memory = Memory::new();
    let memory = &raw mut MEMORY;
    // SAFETY: this is the only mention of `MEMORY`, and the caller calls once.
    let memory = unsafe { &mut *memory };
    // SAFETY: promised by the caller.
    let port = unsafe { Port::find(M::virtio_slots(), "org.qemu.guest_agent.0", memory) };
    let Some(mut port) = port else {
        M::log("there is no virtio-serial device\n");
        halt::<M>();
    };
    M::enable_interrupt(port.slot());
    let mut agent: Agent<_, 512, 2048> = Agent::new(Firmware::new(machine));
    M::log("the agent is ready\n");
    loop {
        port.acknowledge_interrupt();
        while let Some(event) = port.event() {
            M::log(match event {
                PortEvent::Opened => "a client has come\n",
                PortEvent::Closed => "the client has gone\n",
            });
            agent.reset();
        }
        // The agent takes no more while a response waits to be sent. The rest is offered again.
        let taken = agent.push_slice(port.received());
        port.consumed(taken);
        let sent = port.send(agent.transmit());
        agent.transmitted(sent);
        let is_sent = agent.transmit().is_empty();
        if !agent.guest_mut().shuts_down(is_sent) && taken == 0 && sent == 0 {
            M::wait_for_interrupt();
        }
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
