//! How a driver reaches a virtio device.

mod mmio;
pub mod pci;

pub use mmio::Mmio;
pub use pci::Pci;

use crate::Error;

/// A way to a virtio device: its status, features and queues.
pub trait Transport {
    /// Whether the device follows the specification from before version 1.0.
    fn is_legacy(&self) -> bool;

    /// The device's status, made of the bits of the specification.
    fn status(&self) -> u8;

    /// Sets the status. 0 resets the device.
    fn set_status(&mut self, status: u8);

    /// What the device can do.
    fn features(&mut self) -> u64;

    /// What the driver is going to use of it.
    fn set_features(&mut self, features: u64);

    /// Enables a queue of exactly this size, and returns a value for [`notify`](Self::notify).
    ///
    /// # Safety
    /// At these addresses the device sees a queue of this size. It, and the buffers that it names, are the device's to
    /// access until it is reset.
    unsafe fn start_queue(&mut self, number: u16, size: u16, rings: Rings) -> Result<usize, Error>;

    /// Tells the device that there is something in the queue.
    fn notify(&mut self, number: u16, doorbell: usize);

    /// Whether the device asked for an interrupt, which ends.
    fn acknowledge_interrupt(&mut self) -> bool;
}

/// The addresses of a queue's parts, as the device sees them: multiples of 64.
///
/// For a legacy device the available ring is directly after the descriptors, and the used ring at the next multiple of 64.
#[derive(Clone, Copy, Debug)]
pub struct Rings {
    /// The table of descriptors.
    pub descriptors: u64,
    /// What the driver gives to the device. (A multiple of 2.)
    pub available: u64,
    /// What the device returns.
    pub used: u64,
}
