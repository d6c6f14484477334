use crate::control;
use crate::port::PortMemory;
use crate::queue::{LINE, Shared};

/// The memory of a device with `PORTS` ports: what driver and device share, and a buffer for each port.
///
/// It is lent for good, because a device that was told of it may write there at any time. Usually it is a static, for
/// example in `static_cell::ConstStaticCell`. `BUFFERS` is the number of buffers of each port in each direction: 4, 8 or 16.
/// A buffer has 256 bytes.
///
/// ```
/// use static_cell::ConstStaticCell;
/// use virtio_serial::Memory;
///
/// /// One port, with twice as many buffers as usual.
/// static MEMORY: ConstStaticCell<Memory<1, 8>> = ConstStaticCell::new(Memory::new());
/// let memory: &'static mut Memory<1, 8> = MEMORY.take();
/// ```
pub struct Memory<const PORTS: usize, const BUFFERS: usize = 4> {
    pub(crate) control_in: Shared<{ control::BUFFERS_IN }, 62, { control::MESSAGE / LINE }>,
    pub(crate) control_out: Shared<{ control::BUFFERS_OUT }, 30, 1>,
    pub(crate) ports: [PortMemory<BUFFERS>; PORTS],
}

impl<const PORTS: usize, const BUFFERS: usize> Memory<PORTS, BUFFERS> {
    /// Memory that no device uses yet.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self { control_in: Shared::new(), control_out: Shared::new(), ports: [const { PortMemory::new() }; PORTS] }
    }
}
