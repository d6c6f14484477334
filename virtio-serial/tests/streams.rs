//! Ports with the traits of embedded-io, embedded-io-async and embedded-hal-nb.

mod model;

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use critical_section::Mutex;
use embedded_hal_nb::{nb, serial};
use embedded_io::{Read, ReadReady, Write, WriteReady};
use model::{AnyTransport, Host, Kind};
use virtio_serial::{Device, Error, Mmio, Stream, Window};

const AGENT: &str = "org.qemu.guest_agent.0";
const LOG: &str = "org.example.log";

type Shared = RefCell<Device<AnyTransport, 2>>;

fn host() -> (Host, Shared) {
    let host = Host::new(Kind::Modern, &[(1, LOG), (2, AGENT)]);
    let device = RefCell::new(host.start([AGENT, LOG]).unwrap());
    host.open(2, true);
    (host, device)
}

#[test]
fn embedded_io_reads_and_writes() {
    let (host, device) = host();
    let (mut agent, mut log) = (Stream::new(&device, 0), Stream::new(&device, 1));
    assert_eq!((agent.read_ready(), agent.write_ready()), (Ok(false), Ok(true)));
    host.send(2, b"request");
    assert_eq!(agent.read_ready(), Ok(true));
    let mut buffer = [0; 4];
    assert_eq!((agent.read(&mut []), agent.read(&mut buffer), &buffer), (Ok(0), Ok(4), b"requ"));
    assert_eq!((agent.read(&mut buffer), &buffer[..3]), (Ok(3), &b"est"[..]));
    assert_eq!((agent.read_ready(), log.read_ready()), (Ok(false), Ok(false)));
    assert_eq!((log.write(b"log"), agent.write(b"response"), agent.flush()), (Ok(3), Ok(8), Ok(())));
    assert_eq!((host.sent(1), host.sent(2)), (b"log".to_vec(), b"response".to_vec()));
    host.port(2, |port| port.full = true);
    assert_eq!((agent.write(&[7; 5000]), agent.write_ready()), (Ok(1024), Ok(false)));
}

#[test]
fn a_stream_ends_once_with_its_client() {
    let (host, device) = host();
    let mut agent = Stream::new(&device, 0);
    let mut buffer = [0; 16];
    host.send(2, b"half a");
    assert_eq!(agent.read(&mut buffer), Ok(6));
    host.send(2, b" request");
    host.open(2, false);
    assert_eq!((agent.read_ready(), agent.read(&mut buffer), agent.read_ready()), (Ok(true), Ok(0), Ok(false)));
    host.open(2, true);
    host.send(2, b"another");
    assert_eq!((agent.read_ready(), agent.read(&mut buffer)), (Ok(true), Ok(7)));
    host.open(2, false);
    host.open(2, true);
    // A response to the client that has gone goes nowhere.
    assert_eq!((agent.write_ready(), agent.write(b"response")), (Ok(true), Err(Error::Ended)));
    assert_eq!((agent.write(b"new"), host.sent(2)), (Ok(3), b"new".to_vec()));
}

#[test]
fn a_stream_ends_whichever_way_bytes_went() {
    type Use = fn(&Host, &mut Stream<'_, Shared, AnyTransport, 2>);
    type End = fn(&Host);
    let uses: [Use; 3] = [
        |host, agent| {
            host.send(2, b"request");
            assert_eq!((agent.read_ready(), agent.read(&mut [0; 16])), (Ok(true), Ok(7)));
        },
        |_, agent| assert_eq!((agent.write_ready(), agent.write(b"response")), (Ok(true), Ok(8))),
        |_, agent| assert_eq!(serial::Write::write(agent, 7), Ok(())),
    ];
    let ends: [End; 3] = [
        |host| host.open(2, false),
        |host| host.open(2, true),
        |host| {
            host.unplug(2);
            host.plug(2, AGENT);
        },
    ];
    for (use_it, end) in uses.iter().flat_map(|use_it| ends.iter().map(move |end| (use_it, end))) {
        let (host, device) = host();
        let mut agent = Stream::new(&device, 0);
        use_it(&host, &mut agent);
        end(&host);
        assert_eq!((agent.read_ready(), agent.write_ready()), (Ok(true), Ok(true)));
        assert_eq!(agent.read(&mut [0; 16]), Ok(0));
        // The next client has sent nothing, and nothing was sent to it.
        end(&host);
        assert_eq!(agent.read_ready(), Ok(false));
        host.open(2, true);
        use_it(&host, &mut agent);
        end(&host);
        assert_eq!(serial::Write::write(&mut agent, 7), Err(nb::Error::Other(Error::Ended)));
    }
}

#[test]
fn embedded_hal_nb_reads_and_writes() {
    let (host, device) = host();
    let mut agent = Stream::new(&device, 0);
    let blocks = Err(nb::Error::WouldBlock);
    assert_eq!(serial::Read::read(&mut agent), blocks);
    host.send(2, b"hi");
    assert_eq!([(); 3].map(|()| serial::Read::read(&mut agent)), [Ok(b'h'), Ok(b'i'), blocks]);
    host.port(2, |port| port.full = true);
    let written = (0..9).filter(|byte| serial::Write::write(&mut agent, *byte).is_ok()).count();
    assert_eq!((written, serial::Write::flush(&mut agent)), (4, Err(nb::Error::WouldBlock)));
    host.read_on(2);
    assert_eq!((serial::Write::flush(&mut agent), host.sent(2)), (Ok(()), vec![0, 1, 2, 3]));
    host.open(2, false);
    assert_eq!(serial::Read::read(&mut agent), Err(nb::Error::Other(Error::Ended)));
}

/// How often a task was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_interrupt_wakes_async_functions() {
    use embedded_io_async::{Read, Write};

    let (host, device) = host();
    let woken: [Arc<Woken>; 3] = std::array::from_fn(|_| Arc::default());
    let wakers = woken.each_ref().map(|woken| Waker::from(woken.clone()));
    let mut contexts = wakers.each_ref().map(Context::from_waker);
    let counts = || woken.each_ref().map(|woken| woken.0.load(Ordering::SeqCst));
    let (mut reader, mut writer, mut log) = (Stream::new(&device, 0), Stream::new(&device, 0), Stream::new(&device, 1));
    let mut buffer = [0; 8];
    host.port(2, |port| port.full = true);
    assert_eq!(embedded_io::Write::write(&mut writer, &[7; 1024]), Ok(1024));
    device.borrow_mut().acknowledge_interrupt();

    let mut read = pin!(Read::read(&mut reader, &mut buffer));
    let mut write = pin!(Write::write(&mut writer, b"more"));
    let mut flush = pin!(Write::flush(&mut log));
    assert!(read.as_mut().poll(&mut contexts[0]).is_pending());
    assert!(write.as_mut().poll(&mut contexts[1]).is_pending());
    assert_eq!(flush.as_mut().poll(&mut contexts[2]), Poll::Ready(Ok(())));
    assert!(!device.borrow_mut().acknowledge_interrupt());
    assert_eq!(counts(), [0, 0, 0]);
    host.send(2, b"hello");
    host.read_on(2);
    assert!(device.borrow_mut().acknowledge_interrupt());
    assert_eq!(counts()[..2], [1, 1]);
    assert_eq!(read.as_mut().poll(&mut contexts[0]), Poll::Ready(Ok(5)));
    assert_eq!(write.as_mut().poll(&mut contexts[1]), Poll::Ready(Ok(4)));
}

#[test]
fn only_the_task_that_waited_last_is_woken() {
    use embedded_io_async::{Read, Write};

    let (host, device) = host();
    host.port(2, |port| port.full = true);
    let (mut reader, mut writer) = (Stream::new(&device, 0), Stream::new(&device, 0));
    assert_eq!(embedded_io::Write::write(&mut writer, &[7; 1024]), Ok(1024));
    device.borrow_mut().acknowledge_interrupt();
    let woken: [Arc<Woken>; 4] = std::array::from_fn(|_| Arc::default());
    let wakers = woken.each_ref().map(|woken| Waker::from(woken.clone()));
    let mut contexts = wakers.each_ref().map(Context::from_waker);
    let mut buffer = [0; 8];
    let mut read = pin!(Read::read(&mut reader, &mut buffer));
    let mut write = pin!(Write::write(&mut writer, b"more"));
    // A future may be polled by one task, then by another.
    for (first, second) in [(0, 2), (1, 3)] {
        assert!(read.as_mut().poll(&mut contexts[first]).is_pending());
        assert!(write.as_mut().poll(&mut contexts[second]).is_pending());
    }
    host.send(2, b"hello");
    assert!(device.borrow_mut().acknowledge_interrupt());
    assert_eq!(woken.map(|woken| woken.0.load(Ordering::SeqCst)), [0, 1, 0, 1]);
}

#[test]
fn streams_over_a_mutex_can_be_sent_to_other_threads() {
    fn is_send<T: Send>(_: T) {}
    static DEVICE: Mutex<RefCell<Option<Device<Mmio<Window>, 2>>>> = Mutex::new(RefCell::new(None));
    let mut stream = Stream::new(&DEVICE, 0);
    // As long as there is no device, there is nothing to read.
    assert_eq!(serial::Read::read(&mut stream), Err(nb::Error::WouldBlock));
    assert_eq!((stream.read_ready(), stream.write_ready()), (Ok(false), Ok(false)));
    is_send(stream);
}
