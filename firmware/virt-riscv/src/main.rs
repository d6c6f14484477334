//! A guest agent on QEMU's 32-bit RISC-V `virt` machine, without an operating system: a virtio-serial port, as libvirt
//! gives it to a guest.
#![no_std]
#![no_main]

mod virt;

use guest::Firmware;
use guestwire::{Agent, agent::guest_info_size};
use virt::{Virt, log, wait_for_interrupt};
use virtio_serial::{Memory, Port, PortEvent};

static mut MEMORY: Memory = Memory::new();

#[riscv_rt::entry]
fn main() -> ! {
    let memory = &raw mut MEMORY;
    // SAFETY: this is the only mention of `MEMORY`, and start-up code calls `main` once.
    let memory = unsafe { &mut *memory };
    // SAFETY: the slots are where the machine has them; in machine mode memory is mapped one to one.
    let port = unsafe { Port::find(virt::virtio_slots(), "org.qemu.guest_agent.0", memory) };
    let Some(mut port) = port else {
        log("there is no virtio-serial device\n");
        virt::halt();
    };
    virt::enable_interrupt(port.slot());
    let mut agent: Agent<_, 512, { guest_info_size::<Firmware<Virt>>() }> = Agent::new(Firmware::new(Virt));
    log("the agent is ready\n");
    loop {
        port.acknowledge_interrupt();
        while let Some(event) = port.event() {
            log(match event {
                PortEvent::Opened => "a client has come\n",
                PortEvent::Closed => "the client has gone\n",
            });
            agent.reset();
        }
        // Not all is taken where a response has to go first. The rest is given again.
        let taken = agent.push_slice(port.received());
        port.consumed(taken);
        let sent = port.send(agent.transmit());
        agent.transmitted(sent);
        if taken == 0 && sent == 0 {
            wait_for_interrupt();
        }
    }
}
