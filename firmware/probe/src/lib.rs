//! A port for the probes. Without the feature `may-panic` the panic handler does not link, so that no probe can panic.
#![no_std]

#[cfg(feature = "loops")]
pub mod port;

use core::convert::Infallible;
use core::panic::PanicInfo;

use guestwire::agent::{AgentOver, Service};
use guestwire::frame::Buffer;

/// Registers of a UART that does not exist: received, transmitted, and which of the two is ready.
static mut UART: [u8; 3] = [0; 3];

pub fn read() -> nb::Result<u8, Infallible> {
    // SAFETY: probes are not run.
    unsafe {
        if (&raw const UART[2]).read_volatile() & 1 == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok((&raw const UART[0]).read_volatile())
    }
}

/// What a UART tells about a byte that it does not give.
pub enum LineError {
    Overrun,
    Framing,
}

/// The same for a UART that tells of errors.
pub fn read_or_err() -> nb::Result<u8, LineError> {
    // SAFETY: probes are not run.
    match unsafe { (&raw const UART[2]).read_volatile() } {
        status if status & 4 != 0 => Err(nb::Error::Other(LineError::Overrun)),
        status if status & 8 != 0 => Err(nb::Error::Other(LineError::Framing)),
        _ => read().map_err(|error| error.map(|never| match never {})),
    }
}

pub fn write(byte: u8) -> nb::Result<(), Infallible> {
    // SAFETY: probes are not run.
    unsafe {
        if (&raw const UART[2]).read_volatile() & 2 == 0 {
            return Err(nb::Error::WouldBlock);
        }
        (&raw mut UART[1]).write_volatile(byte);
    }
    Ok(())
}

pub fn stop() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// What a program with an agent does.
pub fn poll(agent: &mut AgentOver<impl Service, impl Buffer, impl Buffer>) -> ! {
    loop {
        let _ = agent.read_from(read);
        let _ = agent.write_to(write);
    }
}

#[cfg(feature = "may-panic")]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(feature = "may-panic"))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        /// There is no such function.
        safe fn panic_is_reachable() -> !;
    }
    panic_is_reachable()
}

/// A program with a static, and what it does with it. `firmware/measure` looks up the static's size by name.
#[macro_export]
macro_rules! program {
    (static $NAME:ident: $type:ty = $value:expr; |$it:ident| $run:expr) => {
        #[unsafe(no_mangle)]
        static mut $NAME: $type = $value;

        #[unsafe(no_mangle)]
        extern "C" fn _start() -> ! {
            let $it = &raw mut $NAME;
            // SAFETY: the only mention of it.
            let $it = unsafe { &mut *$it };
            $run
        }
    };
}

/// A program that only runs an agent. `firmware/measure` knows the sizes of its buffers.
#[macro_export]
macro_rules! agent {
    ($Board:ident $state:tt) => {
        $crate::program! {
            static AGENT: guestwire::Agent<$Board, 256, 640> = guestwire::Agent::new($Board $state);
            |agent| $crate::poll(agent)
        }
    };
}

/// A program that sends back what it receives through a virtio port, over a transport.
#[macro_export]
macro_rules! port {
    ($Transport:ty, |$bus:ident| $transport:expr) => {
        $crate::program! {
            static PORT: (virtio_serial::Memory<1>, Option<virtio_serial::Device<$Transport, 1>>) =
                (virtio_serial::Memory::new(), None);
            |it| {
                let (memory, device) = it;
                // SAFETY: probes are not run.
                let bus = unsafe { virtio_serial::Identity::new(0x0A00_0000..0xFFFF_0000) };
                let $bus = &bus;
                *device = $transport
                    .and_then(|transport| virtio_serial::Device::start(transport, &bus, ["org.example.probe"], memory))
                    .ok();
                let Some(device) = device else { $crate::stop() };
                loop {
                    $crate::echo(device);
                }
            }
        }
    };
}

pub fn echo(device: &mut virtio_serial::Device<impl virtio_serial::Transport, 1>) {
    device.acknowledge_interrupt();
    while let Ok(Some(_)) = device.poll() {}
    if let Ok(&[byte, ..]) = device.received(0)
        && device.send(0, &[byte]) == Ok(1)
    {
        device.consume(0, 1);
    }
    if device.is_sent(0).is_err() {
        let _ = device.restart();
    }
}
