//! Memory as the processor sees it: one to one. Start-up code maps the first GiB, and registers of devices, which can be
//! anywhere above, are mapped when they are looked for.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use virtio_serial::{Bus, Window};

/// A page table.
#[repr(C, align(4096))]
pub struct Table(UnsafeCell<[u64; 512]>);

// SAFETY: there is one processor, and no interrupt handler uses a table.
unsafe impl Sync for Table {}

impl Table {
    const fn new() -> Self {
        Self(UnsafeCell::new([0; 512]))
    }
}

/// An entry of each is 512 GiB, 1 GiB and 2 MiB.
pub static LEVEL_4: Table = Table::new();
pub static LEVEL_3: Table = Table::new();
pub static LEVEL_2: Table = Table::new();

/// For registers. All devices are usually in one GiB, or in two.
static MORE: [Table; 4] = [const { Table::new() }; 4];
static USED: AtomicUsize = AtomicUsize::new(0);

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const UNCACHED: u64 = 1 << 4;
/// In a table of the second level: a page.
const PAGE: u64 = 1 << 7;
const PAGE_SIZE: u64 = 1 << 21;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

const FIRST_GIB: u64 = 1 << 30;
/// Addresses have 48 bits, and from half of that on they are others.
const HALF: u64 = 1 << 47;

/// Devices of the PC: they see memory as the processor does.
pub struct OneToOne;

// SAFETY: all memory that Rust uses is in the first GiB, where nothing is mapped as registers. There is no cache that
// devices do not see.
unsafe impl Bus for OneToOne {
    type Registers = Window;

    unsafe fn map(&self, address: u64, length: usize) -> Option<Window> {
        let last = address.checked_add(length as u64)?.checked_sub(1)?;
        if address < FIRST_GIB || last >= HALF {
            return None;
        }
        map_page(address)?;
        map_page(last)?;
        (length as u64 <= PAGE_SIZE).then_some(())?;
        // SAFETY: outside of memory that Rust uses, and mapped for good.
        Some(unsafe { Window::new(address as usize, length) })
    }

    fn address(&self, memory: NonNull<[u8]>) -> Option<u64> {
        Some(memory.cast::<u8>().as_ptr().expose_provenance() as u64)
    }
}

/// Maps the page that has this address.
fn map_page(address: u64) -> Option<()> {
    let mut table = &raw const LEVEL_4 as *mut u64;
    for bits in [39, 30] {
        // SAFETY: a table, which nothing else uses now, and an index below 512.
        let entry = unsafe { &mut *table.add(index(address, bits)) };
        if *entry == 0 {
            let more = MORE.get(USED.fetch_add(1, Ordering::Relaxed))?;
            *entry = more.0.get() as u64 | PRESENT | WRITABLE;
        }
        table = (*entry & ADDRESS) as *mut u64;
    }
    let page = address & !(PAGE_SIZE - 1);
    // SAFETY: as above. A page that was not there is in no cache of the processor.
    unsafe { *table.add(index(address, 21)) = page | PRESENT | WRITABLE | UNCACHED | PAGE };
    Some(())
}

fn index(address: u64, bits: u32) -> usize {
    (address >> bits & 511) as usize
}
