//! A guest agent on an x86 PC: QEMU's `pc` and `q35`, on a virtio-serial port or on COM1 or COM2.
#![no_std]
#![no_main]

mod clock;
mod interrupts;
mod io_ports;
mod memory;
mod paging;
mod pci;
mod power;
mod start;
mod uart;

use core::array::from_fn;

use guest::{Board, Firmware, Shutdown};
use virt::{DEVICES, Machine, Served, halt};
use virtio_serial::{Pci, Window, pci::find};

use clock::Ticks;
use paging::OneToOne;
use pci::ConfigurationPorts;
use start::StartInfo;
use uart::{LineFault, Uart};

#[unsafe(no_mangle)]
extern "C" fn main(start_info: &StartInfo) -> ! {
    // SAFETY: the boot loader has passed it, and nothing was written to it.
    let command_line = unsafe { start_info.command_line() };
    let has = |option: &[u8]| command_line.split(|byte| *byte == b' ').any(|word| word == option);
    interrupts::start();
    let agent = &mut Served::new(Firmware::new(Pc { ticks: Ticks::start() }));
    let (com1, com2) = (has(b"agent=com1"), has(b"agent=com2"));
    // Nothing else is ever printed on the agent's.
    if com1 || cfg!(feature = "com1") && !com2 {
        serve_uart(agent, Uart::COM1, Log(Uart::COM2))
    } else if com2 || cfg!(feature = "com2") {
        serve_uart(agent, Uart::COM2, Log(Uart::COM1))
    } else {
        LOG.0.start();
        virt::serve(agent)
    }
}

fn serve_uart(agent: &mut Served<Pc>, mut uart: Uart, log: Log) -> ! {
    log.0.start();
    if !uart.start() {
        log.print("there is no such serial port\n");
        halt::<Pc>();
    }
    interrupts::enable(uart.interrupt());
    log.print("the agent is ready\n");
    let mut held = None;
    loop {
        uart.disable_interrupts();
        let received = match held.take() {
            Some(byte) => Ok(byte),
            None => uart.receive(),
        };
        match received {
            // Not `push`: with slices from both ports, there is one decoder in the program.
            Ok(byte) => held = (agent.push_slice(&[byte]) == 0).then_some(byte),
            Err(nb::Error::Other(LineFault::Lost)) => {
                log.print("bytes are missing\n");
                agent.lost();
            }
            Err(nb::Error::Other(LineFault::Corrupted)) => {
                log.print("a byte is corrupted\n");
                agent.corrupted();
            }
            Err(nb::Error::WouldBlock) => {}
        }
        let Ok(()) = agent.write_to(|byte| uart.transmit(byte));
        let is_sent = agent.transmit().is_empty();
        // What the agent did not take, it takes when everything is sent.
        let can_go_on = if held.is_some() { is_sent } else { received.is_ok() };
        if !agent.guest_mut().shuts_down(is_sent && uart.has_transmitted()) && !can_go_on {
            uart.enable_interrupt(!is_sent);
            agent.guest_mut().sleep(interrupts::sleep);
        }
    }
}

/// Where messages go.
#[derive(Clone, Copy)]
struct Log(Uart);

/// Beside a virtio port.
const LOG: Log = Log(Uart::COM1);

impl Log {
    fn print(mut self, text: &str) {
        for byte in text.bytes() {
            // If nobody takes it, it is lost: the agent has to go on.
            let _ = (0..100_000).find(|_| self.0.transmit(byte).is_ok());
        }
    }
}

struct Pc {
    ticks: Ticks,
}

impl Board for Pc {
    const MACHINE: &'static str = "x86_64";

    fn uptime(&self) -> i64 {
        self.ticks.elapsed()
    }

    fn clock(&self) -> Option<i64> {
        Some(clock::real_time())
    }

    fn set_clock(&mut self, nanoseconds: i64) {
        clock::set_real_time(nanoseconds);
    }

    fn shut_down(&mut self, how: Shutdown) -> ! {
        match how {
            Shutdown::Halt => {}
            Shutdown::PowerDown => power::off(),
            Shutdown::Reboot => power::reset(),
        }
        halt::<Self>()
    }
}

impl Machine for Pc {
    type Bus = OneToOne;
    type Transport = Pci<Window>;

    fn bus() -> OneToOne {
        OneToOne
    }

    fn devices(bus: &OneToOne) -> impl Iterator<Item = Pci<Window>> {
        let mut ports = ConfigurationPorts;
        let mut functions = find(&mut ports);
        let functions: [_; DEVICES] = from_fn(|_| functions.next());
        functions.into_iter().flatten().filter_map(|function| {
            let device = Pci::new(bus, &mut ConfigurationPorts, function).ok()?;
            interrupts::enable(pci::interrupt(function));
            Some(device)
        })
    }

    fn wait_for_interrupt() {
        interrupts::sleep();
    }

    fn log(text: &str) {
        LOG.print(text);
    }
}
