//! What the driver needs to know about the machine: where registers are, and how the device sees memory.

use core::ops::Range;
use core::ptr::{NonNull, with_exposed_provenance_mut};

/// The way between a machine's memory and its devices.
///
/// [`Identity`] is the usual one. Implement it yourself where addresses are translated.
///
/// ```
/// use std::ptr::NonNull;
/// use virtio_serial::{Bus, Window};
///
/// /// A kernel in the upper half: all of physical memory is mapped from here on.
/// struct UpperHalf;
/// const OFFSET: u64 = 0xFFFF_8000_0000_0000;
///
/// // SAFETY: memory is mapped in one piece, and what is beyond 0xFE00_0000 in the first 4 GiB are devices.
/// unsafe impl Bus for UpperHalf {
///     type Registers = Window;
///
///     unsafe fn map(&self, address: u64, length: usize) -> Option<Window> {
///         let is_inside = address >= 0xFE00_0000 && address.checked_add(length as u64)? <= 1 << 32;
///         // SAFETY: it is a device's.
///         is_inside.then(|| unsafe { Window::new((OFFSET + address) as usize, length) })
///     }
///
///     fn address(&self, memory: NonNull<[u8]>) -> Option<u64> {
///         (memory.cast::<u8>().as_ptr().expose_provenance() as u64).checked_sub(OFFSET)
///     }
/// }
/// ```
///
/// # Safety
/// A device gets the addresses that [`address`](Self::address) returns, and may write there at any time until it is reset.
/// Hence they must be those of the memory that was asked for, for good, and none other, in every device that the driver is
/// pointed to. Registers that [`map`](Self::map) returns belong to a device: no Rust object is there.
pub unsafe trait Bus {
    /// Access to mapped registers.
    type Registers: Registers;

    /// Maps the registers at this physical address, if there can be any. The address may come from a PCI device, so check
    /// it.
    ///
    /// # Safety
    /// Registers can tell a device to access memory. The caller uses them only so that it accesses what is meant for it.
    unsafe fn map(&self, address: u64, length: usize) -> Option<Self::Registers>;

    /// The address at which a device sees this memory. `None`: it does not see all of it in one piece.
    ///
    /// What the processor writes there, the device must see without further ado: if there are caches that devices do not
    /// see, the memory must not be cached.
    fn address(&self, memory: NonNull<[u8]>) -> Option<u64>;
}

/// A device's registers. Offsets are in bytes; the bytes of a register are little-endian.
///
/// Reads beyond the registers return ones, and such writes do nothing.
#[expect(missing_docs, reason = "their names say it")]
pub trait Registers {
    fn read_8(&self, offset: usize) -> u8;
    fn read_16(&self, offset: usize) -> u16;
    fn read_32(&self, offset: usize) -> u32;
    fn write_8(&self, offset: usize, value: u8);
    fn write_16(&self, offset: usize, value: u16);
    fn write_32(&self, offset: usize, value: u32);
}

/// A machine where processor and devices use the same addresses for memory and registers: there is no paging, or one to
/// one.
#[derive(Clone, Debug)]
pub struct Identity {
    registers: Range<u64>,
}

impl Identity {
    /// Registers of devices are in this range.
    ///
    /// # Safety
    /// The range has no memory that Rust uses, only devices, and this driver may use those that it is pointed to: a device
    /// has one user. Devices see memory at the addresses that the processor uses, and what it has written (see
    /// [`Bus::address`]). All this stays so.
    pub const unsafe fn new(registers: Range<u64>) -> Self {
        Self { registers }
    }
}

// SAFETY: promised to `new`.
unsafe impl Bus for Identity {
    type Registers = Window;

    unsafe fn map(&self, address: u64, length: usize) -> Option<Window> {
        let end = address.checked_add(u64::try_from(length).ok()?)?;
        let inside = self.registers.start <= address && end <= self.registers.end;
        let address = usize::try_from(address).ok()?;
        inside.then_some(Window { address, length })
    }

    fn address(&self, memory: NonNull<[u8]>) -> Option<u64> {
        u64::try_from(memory.cast::<u8>().as_ptr().expose_provenance()).ok()
    }
}

/// Registers in the processor's address space.
#[derive(Debug)]
pub struct Window {
    address: usize,
    length: usize,
}

impl Window {
    /// # Safety
    /// These are a device's registers, or memory that Rust does not use, as long as the window is used.
    pub const unsafe fn new(address: usize, length: usize) -> Self {
        Self { address, length }
    }

    /// A register, if it is inside and aligned.
    #[inline(always)] // Most of it is known when it is compiled.
    fn register<T>(&self, offset: usize) -> Option<*mut T> {
        let end = offset.checked_add(size_of::<T>())?;
        let register = with_exposed_provenance_mut::<T>(self.address.wrapping_add(offset));
        (end <= self.length && register.is_aligned()).then_some(register)
    }
}

/// Hypervisors on AArch64 emulate only plain loads and stores, but compilers also use others for volatile accesses.
macro_rules! access {
    ($read:ident, $write:ident, $value:ty, $load:literal, $store:literal) => {
        fn $read(&self, offset: usize) -> $value {
            let Some(register) = self.register::<$value>(offset) else { return <$value>::MAX };
            #[cfg(not(target_arch = "aarch64"))]
            // SAFETY: `register` is inside of what `Window::new` or `Identity::new` was promised, and aligned.
            let value = unsafe { register.read_volatile() };
            #[cfg(target_arch = "aarch64")]
            let value = {
                let value: $value;
                // SAFETY: as above.
                unsafe {
                    core::arch::asm!(concat!($load, " {0:w}, [{1}]"), out(reg) value, in(reg) register,
                        options(nostack, preserves_flags));
                }
                value
            };
            <$value>::from_le(value)
        }

        fn $write(&self, offset: usize, value: $value) {
            let Some(register) = self.register::<$value>(offset) else { return };
            let value = value.to_le();
            #[cfg(not(target_arch = "aarch64"))]
            // SAFETY: as for reads.
            unsafe {
                register.write_volatile(value);
            }
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as for reads.
            unsafe {
                core::arch::asm!(concat!($store, " {0:w}, [{1}]"), in(reg) value, in(reg) register,
                    options(nostack, preserves_flags));
            }
        }
    };
}

impl Registers for Window {
    access!(read_8, write_8, u8, "ldrb", "strb");
    access!(read_16, write_16, u16, "ldrh", "strh");
    access!(read_32, write_32, u32, "ldr", "str");
}
