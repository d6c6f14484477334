//! A device in another thread, as hardware is: nothing that the driver shares with it is seen too early, and neither sleeps
//! while there is something to do for it. Under Miri, memory is as weakly ordered as it can be.

mod remote {
    use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering, fence};
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use virtio_serial::{Error, Rings, Transport};

    /// No machine is so slow.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// What wakes one of the two threads.
    pub struct Bell(Mutex<bool>, Condvar);

    impl Bell {
        const fn new() -> Self {
            Self(Mutex::new(false), Condvar::new())
        }

        pub fn ring(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }

        pub fn take(&self) -> bool {
            std::mem::take(&mut self.0.lock().unwrap())
        }

        /// Whether it has rung in time.
        pub fn wait(&self) -> bool {
            let (mut rung, _) = self.1.wait_timeout_while(self.0.lock().unwrap(), PATIENCE, |rung| !*rung).unwrap();
            std::mem::take(&mut *rung)
        }
    }

    /// The device's registers.
    pub struct Device {
        status: AtomicU8,
        pub started: Mutex<Vec<Queue>>,
        pub doorbell: Bell,
        pub interrupt: Bell,
    }

    impl Device {
        pub const fn new() -> Self {
            let (doorbell, interrupt) = (Bell::new(), Bell::new());
            Self { status: AtomicU8::new(0), started: Mutex::new(Vec::new()), doorbell, interrupt }
        }
    }

    impl Transport for &Device {
        fn is_legacy(&self) -> bool {
            false
        }

        fn status(&self) -> u8 {
            self.status.load(Ordering::SeqCst)
        }

        fn set_status(&mut self, status: u8) {
            self.status.store(status, Ordering::SeqCst);
        }

        fn features(&mut self) -> u64 {
            1 << 32 | 1 << 1
        }

        fn set_features(&mut self, _: u64) {}

        unsafe fn start_queue(&mut self, number: u16, size: u16, rings: Rings) -> Result<usize, Error> {
            self.started.lock().unwrap().push(Queue { number, size, rings, next: 0, returned: 0 });
            Ok(0)
        }

        fn notify(&mut self, _: u16, _: usize) {
            self.doorbell.ring();
        }

        fn acknowledge_interrupt(&mut self) -> bool {
            self.interrupt.take()
        }
    }

    /// A queue, used by the device's thread only.
    pub struct Queue {
        pub number: u16,
        size: u16,
        rings: Rings,
        next: u16,
        returned: u16,
    }

    fn u16_at<'a>(address: u64) -> &'a AtomicU16 {
        // SAFETY: the driver has shared it, and it is an atomic there, too.
        unsafe { AtomicU16::from_ptr(std::ptr::with_exposed_provenance_mut(address as usize)) }
    }

    fn u32_at<'a>(address: u64) -> &'a AtomicU32 {
        // SAFETY: as above.
        unsafe { AtomicU32::from_ptr(std::ptr::with_exposed_provenance_mut(address as usize)) }
    }

    impl Queue {
        /// The next buffer: its number, where it is and how long.
        pub fn take(&mut self) -> Option<(u16, *mut u8, usize)> {
            let Rings { descriptors, available, .. } = self.rings;
            if u16_at(available + 2).load(Ordering::Acquire) == self.next {
                return None;
            }
            let id = u16_at(available + 4 + 2 * u64::from(self.next % self.size)).load(Ordering::Relaxed);
            self.next = self.next.wrapping_add(1);
            let descriptor = descriptors + 16 * u64::from(id);
            let [low, high, length] =
                [0, 4, 8].map(|offset| u64::from(u32_at(descriptor + offset).load(Ordering::Relaxed)));
            Some((id, std::ptr::with_exposed_provenance_mut((high << 32 | low) as usize), length as usize))
        }

        pub fn give(&mut self, id: u16, length: usize, interrupt: &Bell) {
            let Rings { available, used, .. } = self.rings;
            let element = used + 4 + 8 * u64::from(self.returned % self.size);
            u32_at(element).store(id.into(), Ordering::Relaxed);
            u32_at(element + 4).store(length as u32, Ordering::Relaxed);
            self.returned = self.returned.wrapping_add(1);
            u16_at(used + 2).store(self.returned, Ordering::Release);
            fence(Ordering::SeqCst);
            if u16_at(available).load(Ordering::Relaxed) & 1 == 0 {
                interrupt.ring();
            }
        }

        /// Writes to the next buffer what fits.
        pub fn write(&mut self, bytes: &[u8], interrupt: &Bell) -> Option<usize> {
            let (id, place, room) = self.take()?;
            let count = bytes.len().min(room);
            // SAFETY: the buffer is the device's now. It writes as hardware does, without regard for the driver's types.
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), count) }
            self.give(id, count, interrupt);
            Some(count)
        }

        /// Reads the next buffer.
        pub fn read(&mut self, interrupt: &Bell) -> Option<Vec<u8>> {
            let (id, place, length) = self.take()?;
            // SAFETY: the buffer is the device's now.
            let bytes = unsafe { std::slice::from_raw_parts(place, length) }.to_vec();
            self.give(id, 0, interrupt);
            Some(bytes)
        }
    }
}

use std::collections::VecDeque;
use std::thread;

use remote::Queue;
use static_cell::ConstStaticCell;
use virtio_serial::{Device, Identity, Memory};

const AGENT: &str = "org.qemu.guest_agent.0";

/// As many buffers are received as sent.
const BYTES: usize = if cfg!(miri) { 3_000 } else { 3_000_000 };

/// Has one port, sends it bytes, and expects the same back.
fn serve(device: &remote::Device, most_looks: usize) {
    let mut queues: Vec<Queue> = Vec::new();
    // Ready when a buffer comes: a device is quick.
    let bytes: Vec<u8> = (0..BYTES).map(|place| (place * 7 + place / 256) as u8).collect();
    let mut messages: VecDeque<Vec<u8>> = VecDeque::new();
    let (mut is_open, mut sent, mut received, mut looks) = (false, 0, 0, 0);
    while received < BYTES {
        queues.append(&mut device.started.lock().unwrap());
        let mut is_idle = true;
        for queue in &mut queues {
            let interrupt = &device.interrupt;
            match queue.number {
                // Messages are 8 bytes, and maybe a name: port, event, value.
                2 => {
                    while messages.front().is_some_and(|message| queue.write(message, interrupt).is_some()) {
                        messages.pop_front();
                        is_idle = false;
                    }
                }
                3 => {
                    while let Some(message) = queue.read(interrupt) {
                        is_idle = false;
                        match message[4] {
                            0 => messages.push_back(vec![1, 0, 0, 0, 1, 0, 1, 0]),
                            3 => messages.push_back([&[1, 0, 0, 0, 7, 0, 1, 0], AGENT.as_bytes()].concat()),
                            6 => is_open = true,
                            event => panic!("event {event}"),
                        }
                    }
                }
                4 if is_open && sent < BYTES => {
                    // Few or many.
                    let end = BYTES.min(sent + 1 + sent % 300);
                    if let Some(count) = queue.write(&bytes[sent..end], interrupt) {
                        sent += count;
                        is_idle = false;
                    }
                }
                5 => {
                    while let Some(got) = queue.read(interrupt) {
                        is_idle = false;
                        let end = received + got.len();
                        assert_eq!(got, bytes[received..end], "from byte {received} on");
                        received = end;
                    }
                }
                _ => {}
            }
        }
        if is_idle {
            looks += 1;
            thread::yield_now();
        } else {
            looks = 0;
        }
        if looks == most_looks && received < BYTES {
            looks = 0;
            assert!(device.doorbell.wait(), "the driver has not notified: {sent} sent, {received} received");
        }
    }
}

#[test]
fn a_device_that_looks_at_any_time_gets_and_gives_every_byte() {
    static REMOTE: remote::Device = remote::Device::new();
    static MEMORY: ConstStaticCell<Memory<1>> = ConstStaticCell::new(Memory::new());
    exchange(&REMOTE, MEMORY.take(), 300);
}

#[test]
fn a_device_that_sleeps_until_it_is_notified_gets_and_gives_every_byte() {
    static REMOTE: remote::Device = remote::Device::new();
    static MEMORY: ConstStaticCell<Memory<1>> = ConstStaticCell::new(Memory::new());
    exchange(&REMOTE, MEMORY.take(), 1);
}

/// Each end sleeps when it has looked so often and found nothing to do.
fn exchange(remote: &'static remote::Device, memory: &'static mut Memory<1>, most_looks: usize) {
    let served = thread::spawn(move || serve(remote, most_looks));
    // SAFETY: there are no registers, and the device uses the addresses as they are.
    let bus = unsafe { Identity::new(0..0) };
    let mut device = Device::start(remote, &bus, [AGENT], memory).unwrap();
    let (mut waiting, mut sent, mut looks) = (Vec::new(), 0, 0);
    loop {
        device.acknowledge_interrupt();
        while device.poll().unwrap().is_some() {}
        while let bytes @ [_, ..] = device.received(0).unwrap() {
            waiting.extend_from_slice(bytes);
            let count = bytes.len();
            device.consume(0, count);
        }
        let count = device.send(0, &waiting).unwrap();
        waiting.drain(..count);
        sent += count;
        if sent == BYTES && device.is_sent(0).unwrap() {
            break;
        }
        looks = if count > 0 { 0 } else { looks + 1 };
        // What cannot be done now, an interrupt announces.
        if looks == most_looks {
            looks = 0;
            assert!(remote.interrupt.wait(), "the device has not interrupted: {sent} sent");
        }
    }
    served.join().unwrap();
}
