//! Faulty ports: they report endless errors, close, and flush slowly.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_hal_nb::serial::{self, ErrorKind};
use guestwire::{
    Agent, Client, Guest, Reply,
    client::ClientError,
    io::{Fault, IoError, LineError},
    nb,
};

type TestAgent = Agent<(), 256, 512>;
type TestClient = Client<256, 128>;

const PING: &[u8] = b"{\"execute\": \"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";

/// Polls a future so many times. `None`: it still waits.
fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// A port that sends nothing before it is flushed, slowly.
#[derive(Default)]
struct Buffered {
    input: RefCell<VecDeque<u8>>,
    written: RefCell<Vec<u8>>,
    sent: RefCell<Vec<u8>>,
    /// How many polls a flush takes.
    slowness: usize,
}

impl embedded_io::ErrorType for &Buffered {
    type Error = Infallible;
}

impl embedded_io_async::Read for &Buffered {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        while self.input.borrow().is_empty() {
            futures::pending!();
        }
        to[0] = self.input.borrow_mut().pop_front().expect("there is one");
        Ok(1)
    }
}

impl embedded_io_async::Write for &Buffered {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.written.borrow_mut().extend_from_slice(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        for _ in 0..self.slowness {
            futures::pending!();
        }
        self.sent.borrow_mut().append(&mut self.written.borrow_mut());
        Ok(())
    }
}

/// The same, with a buffer to read from.
struct BufferedRead<'p>(&'p Buffered, Vec<u8>);

impl embedded_io::ErrorType for BufferedRead<'_> {
    type Error = Infallible;
}

impl embedded_io_async::Read for BufferedRead<'_> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        self.0.read(to).await
    }
}

impl embedded_io_async::BufRead for BufferedRead<'_> {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        while self.1.is_empty() && self.0.input.borrow().is_empty() {
            futures::pending!();
        }
        self.1.extend(self.0.input.borrow_mut().drain(..));
        Ok(&self.1)
    }

    fn consume(&mut self, count: usize) {
        self.1.drain(..count);
    }
}

impl embedded_io_async::Write for BufferedRead<'_> {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.0.write(from).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.0.flush().await
    }
}

#[test]
fn a_future_dropped_while_it_flushes_leaves_the_response_in_the_port() {
    // However often it is polled before it is dropped.
    for patience in 1..20 {
        let port = Buffered { slowness: 5, ..Buffered::default() };
        port.input.borrow_mut().extend(PING);
        let mut agent = TestAgent::new(());
        assert_eq!(polled(patience, agent.run(&mut &port, |_| Fault::Fatal)), None);
        assert_eq!(polled(20, agent.run(&mut &port, |_| Fault::Fatal)), None);
        assert_eq!(*port.sent.borrow(), PONG, "dropped after {patience} polls");

        let port = Buffered { slowness: 5, ..Buffered::default() };
        port.input.borrow_mut().extend(PING);
        let mut buffered = BufferedRead(&port, vec![]);
        let mut agent = TestAgent::new(());
        assert_eq!(polled(patience, agent.run_buffered(&mut buffered, |_| Fault::Fatal)), None);
        assert_eq!(polled(20, agent.run_buffered(&mut buffered, |_| Fault::Fatal)), None);
        assert_eq!(*port.sent.borrow(), PONG, "buffered, dropped after {patience} polls");
    }
}

#[test]
fn an_exchange_dropped_while_it_flushes_leaves_the_request_in_the_port() {
    for patience in 1..20 {
        let (reader, writer) = (Buffered::default(), Buffered { slowness: 5, ..Buffered::default() });
        let mut client = TestClient::new();
        client.synchronize(7);
        assert_eq!(polled(patience, client.exchange(&mut &reader, &mut &writer, |_| Fault::Fatal)), None);
        assert_eq!(polled(20, client.exchange(&mut &reader, &mut &writer, |_| Fault::Fatal)), None);
        let sent = writer.sent.take();
        assert!(sent.starts_with(b"\xFF{") && sent.ends_with(b"}\n"), "dropped after {patience} polls");
        reader.input.borrow_mut().extend(b"\xFF{\"return\": 7}");
        assert_eq!(
            polled(20, client.exchange(&mut &reader, &mut &writer, |_| Fault::Fatal)),
            Some(Ok(Reply::Synchronized))
        );
    }
}

/// A flush costs a transfer on some ports: once for all that was written, not once for each byte read.
#[test]
fn a_port_is_flushed_for_every_byte() {
    struct Counting<'p>(&'p Buffered, &'p Cell<usize>);

    impl embedded_io::ErrorType for Counting<'_> {
        type Error = Infallible;
    }

    impl embedded_io_async::Read for Counting<'_> {
        async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
            self.0.read(to).await
        }
    }

    impl embedded_io_async::Write for Counting<'_> {
        async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
            self.0.write(from).await
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            self.1.set(self.1.get() + 1);
            self.0.flush().await
        }
    }

    let (port, flushes) = (Buffered::default(), Cell::new(0));
    port.input.borrow_mut().extend(PING.repeat(3));
    assert_eq!(polled(20, TestAgent::new(()).run(&mut Counting(&port, &flushes), |_| Fault::Fatal)), None);
    assert_eq!((port.sent.borrow().len(), flushes.get()), (3 * PONG.len(), 4), "at the start, and for each response");
}

/// Returns the same result repeatedly, and fails the test if that has no end.
struct Stuck {
    reads: usize,
    gives: nb::Result<u8, ErrorKind>,
}

impl Stuck {
    const fn new(error: ErrorKind) -> Self {
        Self { reads: 0, gives: Err(nb::Error::Other(error)) }
    }
}

impl serial::ErrorType for Stuck {
    type Error = ErrorKind;
}

impl serial::Read for Stuck {
    fn read(&mut self) -> nb::Result<u8, ErrorKind> {
        self.reads += 1;
        assert!(self.reads < 100_000, "poll does not return");
        self.gives
    }
}

impl serial::Write for Stuck {
    fn write(&mut self, _: u8) -> nb::Result<(), ErrorKind> {
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn poll_does_not_return_while_a_port_reports_an_error() {
    for error in [ErrorKind::Overrun, ErrorKind::FrameFormat, ErrorKind::Parity, ErrorKind::Noise] {
        let mut agent = TestAgent::new(());
        assert_eq!(agent.poll_nb(&mut Stuck::new(error)), Err(error));
        assert_eq!(agent.poll_nb(&mut Stuck::new(error)), Err(error), "{error:?}, again");

        let mut client = TestClient::new();
        client.synchronize(1);
        let stuck = Err(nb::Error::Other(LineError::Port(error)));
        assert_eq!(client.exchange_nb(&mut Stuck::new(error)), stuck, "synchronizing");
        assert_eq!(client.exchange_nb(&mut Stuck::new(error)), stuck, "synchronizing, again");
        client.push_slice(b"\xFF{\"return\": 1}").1.unwrap();
        client.execute("guest-ping").unwrap();
        let broken = client.exchange_nb(&mut Stuck::new(error));
        assert!(matches!(broken, Err(nb::Error::Other(LineError::Protocol(ClientError::Broken(_))))), "{broken:?}");
    }
}

/// A FIFO that overran once and holds a byte with an error in each place is read to its end.
#[test]
fn a_fifo_full_of_errors_does_not_stop_poll() {
    struct Fifo(VecDeque<nb::Result<u8, ErrorKind>>, Vec<u8>);

    impl serial::ErrorType for Fifo {
        type Error = ErrorKind;
    }

    impl serial::Read for Fifo {
        fn read(&mut self) -> nb::Result<u8, ErrorKind> {
            self.0.pop_front().unwrap_or(Err(nb::Error::WouldBlock))
        }
    }

    impl serial::Write for Fifo {
        fn write(&mut self, byte: u8) -> nb::Result<(), ErrorKind> {
            self.1.push(byte);
            Ok(())
        }

        fn flush(&mut self) -> nb::Result<(), ErrorKind> {
            Ok(())
        }
    }

    let errors = std::iter::repeat_n(Err(nb::Error::Other(ErrorKind::FrameFormat)), 256);
    let bytes = b"\xFF".iter().chain(PING).map(|byte| Ok(*byte));
    let mut port = Fifo(errors.clone().chain(bytes.clone()).chain(errors.clone()).chain(bytes).collect(), vec![]);
    let mut agent = TestAgent::new(());
    assert_eq!(agent.poll_nb(&mut port), Ok(()));
    assert!(port.0.is_empty());
    assert!(port.1.ends_with(PONG), "{}", port.1.escape_ascii());

    let answer = b"\xFF{\"return\": 1}".iter().map(|byte| Ok(*byte));
    let mut port = Fifo(errors.clone().chain([Ok(b'\n')]).chain(errors).chain(answer).collect(), vec![]);
    let mut client = TestClient::new();
    client.synchronize(1);
    assert_eq!(client.exchange_nb(&mut port), Ok(Reply::Synchronized));
}

/// An asynchronous faulty port: closed while `Ok(0)` is next, or with a line error.
struct Faulty {
    reads: VecDeque<Result<&'static [u8], ErrorKind>>,
    count: usize,
    output: Vec<u8>,
}

impl embedded_io::ErrorType for Faulty {
    type Error = Broke;
}

#[derive(Debug)]
struct Broke;

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the line broke")
    }
}

impl std::error::Error for Broke {}

impl embedded_io::Error for Broke {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl embedded_io_async::Read for Faulty {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        self.count += 1;
        assert!(self.count < 100_000, "the loop does not yield");
        let Some(read) = self.reads.pop_front() else { return std::future::pending().await };
        let bytes = read.map_err(|_| Broke)?;
        let count = bytes.len().min(to.len());
        to[..count].copy_from_slice(&bytes[..count]);
        if count < bytes.len() {
            self.reads.push_front(Ok(&bytes[count..]));
        }
        Ok(count)
    }
}

impl embedded_io_async::Write for Faulty {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        self.output.extend_from_slice(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        Ok(())
    }
}

/// The loop in the documentation of `Agent::run`.
async fn task<G: Guest>(guest: G, port: &mut Faulty, open: impl AsyncFn()) -> Result<(), Broke> {
    let mut agent: Agent<G, 256, 1024> = Agent::new(guest);
    loop {
        match agent.run(port, Fault::by_kind).await {
            Err(IoError::Closed) => open().await,
            Err(IoError::Port(error)) => return Err(error),
        }
    }
}

#[test]
fn the_documented_loop_goes_on_after_an_error_and_yields_at_a_closed_port() {
    let pause = async || futures::pending!();
    let closed = Ok::<&'static [u8], ErrorKind>(b"");
    let mut port = Faulty { reads: std::iter::repeat_n(closed, 1000).collect(), count: 0, output: vec![] };
    assert!(polled(100, task((), &mut port, pause)).is_none());
    assert_eq!(port.count, 100, "once for each time that it may run");

    let reads = [Ok(PING), Err(ErrorKind::Overrun), Ok(PING), closed, Ok(PING)];
    let mut port = Faulty { reads: reads.into(), count: 0, output: vec![] };
    assert!(polled(100, task((), &mut port, pause)).is_none());
    assert!(port.output.starts_with(PONG) && port.output.ends_with(PONG), "{}", port.output.escape_ascii());
    assert!(port.reads.is_empty());
}

/// A line that holds few bytes, to an agent that sends its response before it takes more. A flush waits for the agent,
/// so it waits for ever before that response has been read.
struct Narrow {
    response: VecDeque<u8>,
    room: usize,
    has_flushed: bool,
}

impl embedded_io::ErrorType for Narrow {
    type Error = Infallible;
}

impl embedded_io::ReadReady for Narrow {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.response.is_empty())
    }
}

impl embedded_io::Read for Narrow {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        to[0] = self.response.pop_front().expect("a read blocks");
        if self.response.is_empty() {
            self.room = usize::MAX;
        }
        Ok(1)
    }
}

impl embedded_io::WriteReady for Narrow {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.room > 0)
    }
}

impl embedded_io::Write for Narrow {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.room = self.room.checked_sub(from.len()).expect("a write blocks");
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        assert!(self.response.is_empty(), "a flush blocks for ever");
        self.has_flushed = true;
        Ok(())
    }
}

#[test]
fn a_polled_client_reads_before_it_waits_for_its_request_to_leave() {
    let mut port = Narrow { response: PONG.iter().copied().collect(), room: 16, has_flushed: false };
    let mut client = TestClient::new();
    client.synchronize(1);
    for _ in 0..2 {
        assert_eq!(client.exchange_io(&mut port, |_| Fault::Fatal), Err(nb::Error::WouldBlock));
    }
    assert!(client.transmit().is_empty() && port.has_flushed);
}

#[test]
fn each_kind_of_error_of_embedded_io_has_its_meaning() {
    #[derive(Debug)]
    struct Of(embedded_io::ErrorKind);

    impl std::fmt::Display for Of {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?}", self.0)
        }
    }

    impl std::error::Error for Of {}

    impl embedded_io::Error for Of {
        fn kind(&self) -> embedded_io::ErrorKind {
            self.0
        }
    }

    use embedded_io::ErrorKind::*;
    for (due, kinds) in [
        (Fault::Interrupted, &[Interrupted][..]),
        (Fault::Corrupted, &[InvalidData]),
        (Fault::Lost, &[Other]),
        (Fault::Closed, &[BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, WriteZero]),
        (
            Fault::Fatal,
            &[
                NotFound,
                PermissionDenied,
                ConnectionRefused,
                AddrInUse,
                AddrNotAvailable,
                AlreadyExists,
                InvalidInput,
                TimedOut,
                Unsupported,
                OutOfMemory,
            ],
        ),
    ] {
        for kind in kinds {
            assert_eq!(Fault::by_kind(&Of(*kind)), due, "{kind:?}");
        }
    }
}
