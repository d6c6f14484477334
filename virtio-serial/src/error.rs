use core::fmt;

/// Why a device cannot be used, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// There is no virtio-serial device.
    NoDevice,
    /// The device's registers are not where it says, or make no sense.
    Registers,
    /// The device stays in reset.
    Reset,
    /// The device has no named ports, or refuses what the driver can do.
    Features,
    /// The queue of this number is missing, too small, or in use.
    Queue(u16),
    /// The device broke the rules of the queue of this number: a buffer that it does not have, a length beyond the buffer,
    /// an index that jumps.
    Ring(u16),
    /// A port has a number that no port can have.
    PortNumber,
    /// The name of a port has more than [`MAX_NAME`](crate::MAX_NAME) bytes.
    NameTooLong,
    /// The device does not see the memory, or not at a multiple of 64.
    Memory,
    /// A `Stream` ended: there is another client at the host's end, or none. The next call goes on.
    Ended,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => f.write_str("there is no virtio-serial device"),
            Self::Registers => f.write_str("the device's registers make no sense"),
            Self::Reset => f.write_str("the device stays in reset"),
            Self::Features => f.write_str("the device has no named ports, or refuses the driver"),
            Self::Queue(number) => write!(f, "the device has no usable queue {number}"),
            Self::Ring(number) => write!(f, "the device broke the rules of queue {number}"),
            Self::PortNumber => f.write_str("a port has a number that no port can have"),
            Self::NameTooLong => f.write_str("the name of a port is too long"),
            Self::Ended => f.write_str("the client at the host's end has gone"),
            Self::Memory => f.write_str("the device does not see the memory, or not at a multiple of 64"),
        }
    }
}

impl core::error::Error for Error {}
