//! A driver for one port on virtio-mmio.
#![no_std]
#![no_main]

use virtio_serial::{Mmio, Window};

probe::port! { Mmio<Window>, |bus| Mmio::new(bus, 0x0A00_0000) }
