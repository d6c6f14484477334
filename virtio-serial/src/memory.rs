use crate::control;
use crate::port;
use crate::queue::{Shared, WORD};

/// The memory of a device with `PORTS` ports: what driver and device share, and a buffer for each port.
///
/// It is lent for good, because a device that was told of it may write there at any time. Usually it is a static, for
/// example in `static_cell::ConstStaticCell`. `BUFFERS` is the number of buffers of each port in each direction: 4, 8 or 16.
/// A buffer has 256 bytes.
pub struct Memory<const PORTS: usize, const BUFFERS: usize = 4> {
    pub(crate) control_in: Shared<{ control::BUFFERS_IN }, 62, { control::MESSAGE / WORD }>,
    pub(crate) control_out: Shared<{ control::BUFFERS_OUT }, 30, { control::HEADER / WORD }>,
    pub(crate) ports: [PortMemory<BUFFERS>; PORTS],
}

pub(crate) struct PortMemory<const BUFFERS: usize> {
    pub(crate) receive: Shared<BUFFERS, 30, { port::BUFFER / WORD }>,
    pub(crate) transmit: Shared<BUFFERS, 30, { port::BUFFER / WORD }>,
    pub(crate) received: [[u8; WORD]; port::BUFFER / WORD],
}

impl<const PORTS: usize, const BUFFERS: usize> Memory<PORTS, BUFFERS> {
    /// Memory that no device uses yet.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            control_in: Shared::new(),
            control_out: Shared::new(),
            ports: [const {
                PortMemory {
                    receive: Shared::new(),
                    transmit: Shared::new(),
                    received: [[0; WORD]; port::BUFFER / WORD],
                }
            }; PORTS],
        }
    }
}
