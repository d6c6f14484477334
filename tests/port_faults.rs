//! Ports that are not ready, fail, take nothing, or hold back output until it is flushed.

mod exchange;

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_hal_nb::serial::{self, ErrorKind};
use guestwire::{
    Agent, Client, Reply,
    client::ClientError,
    frame::FrameError,
    io::{IoError, LineError},
};

type TestAgent = Agent<(), 256, 512>;
type TestClient = Client<256, 128>;

const PING: &[u8] = b"{\"execute\": \"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";

fn synchronizing() -> TestClient {
    let mut client = TestClient::new();
    client.synchronize(77);
    client
}

const SYNCHRONIZED: &[u8] = b"\xFF{\"return\": 77}\n";

/// A UART: receives bytes and errors, sends bytes.
struct Uart {
    input: VecDeque<Result<u8, ErrorKind>>,
    output: Vec<u8>,
}

impl Uart {
    /// One error between two pieces of input.
    fn new(before: &[u8], error: ErrorKind, after: &[u8]) -> Self {
        let bytes = |bytes: &[u8]| bytes.iter().map(|byte| Ok(*byte)).collect::<Vec<_>>();
        let input = [bytes(before), vec![Err(error)], bytes(after)].concat().into();
        Self { input, output: Vec::new() }
    }
}

impl serial::ErrorType for Uart {
    type Error = ErrorKind;
}

impl serial::Read for Uart {
    fn read(&mut self) -> nb::Result<u8, ErrorKind> {
        self.input.pop_front().ok_or(nb::Error::WouldBlock)?.map_err(nb::Error::Other)
    }
}

impl serial::Write for Uart {
    fn write(&mut self, byte: u8) -> nb::Result<(), ErrorKind> {
        self.output.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), ErrorKind> {
        Ok(())
    }
}

/// Errors of a line that still works.
const LINE_ERRORS: [ErrorKind; 4] = [ErrorKind::Overrun, ErrorKind::FrameFormat, ErrorKind::Parity, ErrorKind::Noise];

/// The affected request is answered with an error and not run, the next one is served, and the caller notices nothing.
#[test]
fn an_error_of_the_line_costs_an_agent_one_request() {
    for error in LINE_ERRORS {
        for cut in 1..PING.len() - 1 {
            let (before, after) = PING.split_at(cut);
            let mut uart = Uart::new(before, error, &[after, PING].concat());
            let mut agent = TestAgent::new(());
            assert_eq!(agent.poll_nb(&mut uart), Ok(()), "{error:?}");
            assert!(uart.input.is_empty(), "{error:?}: nothing is left to do");
            let answers = String::from_utf8(uart.output).unwrap();
            let is_due = answers.starts_with("{\"error\": ") && answers.ends_with("}}\n{\"return\": {}}\n");
            assert!(is_due && answers.lines().count() == 2, "{error:?} after {cut} bytes: {answers}");
        }
    }
}

#[test]
fn bytes_lost_by_a_uart_are_reported_as_lost() {
    let mut uart = Uart::new(b"{\"execute\": \"gue", ErrorKind::Overrun, b"");
    TestAgent::new(()).poll_nb(&mut uart).unwrap();
    let lost = exchange::error("GenericError", "JSON parse error, bytes were lost");
    assert_eq!(String::from_utf8(uart.output).unwrap(), lost);
}

/// The response is unknown: the client is out of step, and it is not a port error.
#[test]
fn an_error_of_the_line_breaks_a_response() {
    for error in LINE_ERRORS {
        let mut client = synchronizing();
        let mut uart = Uart::new(SYNCHRONIZED, error, b"");
        assert_eq!(client.exchange_nb(&mut uart), Ok(Reply::Synchronized));
        client.execute("guest-ping").unwrap();
        let mut uart = Uart::new(b"{\"return\": ", error, b"{}}\n");
        let broken = client.exchange_nb(&mut uart).map(|_| ());
        let how = if error == ErrorKind::Overrun { FrameError::Lost } else { FrameError::Syntax };
        assert_eq!(broken, Err(nb::Error::Other(LineError::Protocol(ClientError::Broken(how)))), "{error:?}");
        assert!(!client.is_ready(), "{error:?}");
    }
}

/// The awaited answer may have been affected: the synchronization keeps waiting, and takes the next answer.
#[test]
fn an_error_of_the_line_does_not_end_a_synchronization() {
    for error in LINE_ERRORS {
        let mut client = synchronizing();
        let mut uart = Uart::new(b"\xFF{\"return\": 7", error, &[b"7}\n", SYNCHRONIZED].concat());
        assert_eq!(client.exchange_nb(&mut uart), Ok(Reply::Synchronized), "{error:?}");
    }
}

#[test]
fn an_error_of_the_uart_itself_goes_to_the_caller() {
    let mut uart = Uart::new(PING, ErrorKind::Other, b"");
    let mut agent = TestAgent::new(());
    assert_eq!(agent.poll_nb(&mut uart), Err(ErrorKind::Other));
    assert_eq!(agent.poll_nb(&mut uart), Ok(()));
    assert_eq!(uart.output, PONG, "the request before it is answered");
    let mut uart = Uart::new(b"", ErrorKind::Other, SYNCHRONIZED);
    let mut client = synchronizing();
    let port = client.exchange_nb(&mut uart).map(|_| ());
    assert_eq!(port, Err(nb::Error::Other(LineError::Port(ErrorKind::Other))));
    assert_eq!(client.exchange_nb(&mut uart), Ok(Reply::Synchronized));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortError {
    Asking,
    Reading,
    Writing,
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for PortError {}

impl embedded_io::Error for PortError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

/// A stream that can be read or written once each time it reports that it is ready. Code that does not ask fails the test,
/// where a real stream would block.
#[derive(Default)]
struct Strict {
    input: VecDeque<u8>,
    output: Vec<u8>,
    can_read: bool,
    can_write: bool,
    /// How many bytes are written before `fault`.
    room: usize,
    write_fault: Option<Fault>,
    /// What happens when the input is used up.
    read_fault: Option<Fault>,
    was_ready: bool,
    ended: bool,
}

#[derive(Clone, Copy)]
enum Fault {
    /// Asking whether it is ready fails.
    NotEvenReady,
    /// 0 bytes are read or written: the stream has ended.
    Nothing,
    Fails,
}

impl Strict {
    fn new(input: &[u8]) -> Self {
        Self { input: input.iter().copied().collect(), room: usize::MAX, ..Self::default() }
    }

    /// Every other time it is not ready.
    fn ready(&mut self) -> bool {
        self.was_ready = !self.was_ready;
        self.was_ready
    }
}

impl embedded_io::ErrorType for Strict {
    type Error = PortError;
}

impl embedded_io::ReadReady for Strict {
    fn read_ready(&mut self) -> Result<bool, PortError> {
        if self.input.is_empty() {
            self.can_read = match self.read_fault {
                None => false,
                Some(Fault::NotEvenReady) => return Err(PortError::Asking),
                Some(_) => true,
            };
        } else {
            self.can_read = self.ready();
        }
        Ok(self.can_read)
    }
}

impl embedded_io::Read for Strict {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, PortError> {
        assert!(std::mem::take(&mut self.can_read), "read without asking whether it is ready");
        match (self.input.pop_front(), self.read_fault) {
            (Some(byte), _) => {
                to[0] = byte;
                Ok(1)
            }
            (None, Some(Fault::Fails)) => Err(PortError::Reading),
            (None, _) => {
                assert!(!std::mem::replace(&mut self.ended, true), "read again after the end");
                Ok(0)
            }
        }
    }
}

impl embedded_io::WriteReady for Strict {
    fn write_ready(&mut self) -> Result<bool, PortError> {
        if self.room == 0 && matches!(self.write_fault, Some(Fault::NotEvenReady)) {
            return Err(PortError::Asking);
        }
        self.can_write = self.ready();
        Ok(self.can_write)
    }
}

impl embedded_io::Write for Strict {
    fn write(&mut self, from: &[u8]) -> Result<usize, PortError> {
        assert!(std::mem::take(&mut self.can_write), "written to without asking whether it is ready");
        if self.room == 0 {
            return match self.write_fault {
                Some(Fault::Fails) => Err(PortError::Writing),
                _ => Ok(0),
            };
        }
        self.room -= 1;
        self.output.push(from[0]);
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), PortError> {
        Ok(())
    }
}

#[test]
fn a_stream_is_asked_before_each_byte() {
    let mut agent = TestAgent::new(());
    let mut stream = Strict::new(PING);
    let mut polls = 0;
    while stream.output != PONG {
        agent.poll_io(&mut stream).unwrap();
        polls += 1;
        assert!(polls < 1000, "{}", stream.output.escape_ascii());
    }
    let mut client = synchronizing();
    let mut stream = Strict::new(SYNCHRONIZED);
    polls = 0;
    while client.exchange_io(&mut stream).map(|_| ()) == Err(nb::Error::WouldBlock) {
        polls += 1;
        assert!(polls < 1000, "{}", stream.output.escape_ascii());
    }
    assert!(client.is_ready());
}

/// Polls until there is an error.
fn first_error(agent: &mut TestAgent, stream: &mut Strict) -> IoError<PortError> {
    (0..1000).find_map(|_| agent.poll_io(stream).err()).expect("an error")
}

fn first_client_error(client: &mut TestClient, stream: &mut Strict) -> LineError<ClientError, IoError<PortError>> {
    for _ in 0..1000 {
        match client.exchange_io(stream) {
            Ok(reply) => panic!("{reply:?}"),
            Err(nb::Error::WouldBlock) => {}
            Err(nb::Error::Other(error)) => return error,
        }
    }
    panic!("no error")
}

#[test]
fn a_write_that_fails_or_takes_nothing_is_reported_and_costs_no_byte() {
    for (fault, due) in [
        (Fault::NotEvenReady, IoError::Port(PortError::Asking)),
        (Fault::Fails, IoError::Port(PortError::Writing)),
        (Fault::Nothing, IoError::Ended),
    ] {
        for room in 0..PONG.len() {
            let mut agent = TestAgent::new(());
            let mut stream = Strict { room, write_fault: Some(fault), ..Strict::new(PING) };
            assert_eq!(first_error(&mut agent, &mut stream), due);
            assert_eq!(agent.transmit(), &PONG[room..], "the byte that was not taken is still to go");
            assert_eq!(stream.output, &PONG[..room]);

            let mut client = synchronizing();
            let request = client.transmit().to_vec();
            let mut stream = Strict { room, write_fault: Some(fault), ..Strict::new(b"") };
            assert_eq!(first_client_error(&mut client, &mut stream), LineError::Port(due));
            assert_eq!(client.transmit(), &request[room..], "the byte that was not taken is still to go");
        }
    }
}

#[test]
fn a_read_that_fails_or_returns_nothing_is_reported() {
    for (fault, due) in [
        (Fault::NotEvenReady, IoError::Port(PortError::Asking)),
        (Fault::Fails, IoError::Port(PortError::Reading)),
        (Fault::Nothing, IoError::Ended),
    ] {
        let mut stream = Strict { read_fault: Some(fault), ..Strict::new(b"{\"execute\":") };
        assert_eq!(first_error(&mut TestAgent::new(()), &mut stream), due);
        let mut stream = Strict { read_fault: Some(fault), ..Strict::new(b"\xFF{\"return\"") };
        assert_eq!(first_client_error(&mut synchronizing(), &mut stream), LineError::Port(due));
    }
}

/// A stream that keeps its output until it is flushed, and whose read waits forever after the input.
#[derive(Default)]
struct Held {
    input: VecDeque<u8>,
    held: Vec<u8>,
    /// What the other end has seen.
    flushed: Vec<u8>,
    /// The results of the next write and flush.
    write: Option<Result<usize, PortError>>,
    flush: Option<PortError>,
}

impl Held {
    fn new(input: &[u8]) -> Self {
        Self { input: input.iter().copied().collect(), ..Self::default() }
    }
}

impl embedded_io::ErrorType for Held {
    type Error = PortError;
}

impl embedded_io_async::Read for Held {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, PortError> {
        poll_fn(|_| match self.input.pop_front() {
            Some(byte) => {
                to[0] = byte;
                Poll::Ready(Ok(1))
            }
            None => Poll::Pending,
        })
        .await
    }
}

impl embedded_io_async::BufRead for Held {
    async fn fill_buf(&mut self) -> Result<&[u8], PortError> {
        if self.input.is_empty() {
            std::future::pending::<()>().await;
        }
        Ok(self.input.make_contiguous())
    }

    fn consume(&mut self, count: usize) {
        self.input.drain(..count);
    }
}

impl embedded_io_async::Write for Held {
    async fn write(&mut self, from: &[u8]) -> Result<usize, PortError> {
        if let Some(outcome) = self.write.take() {
            return outcome;
        }
        self.held.extend_from_slice(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), PortError> {
        if let Some(error) = self.flush.take() {
            return Err(error);
        }
        self.flushed.append(&mut self.held);
        Ok(())
    }
}

/// Polls a future once.
fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn output_is_flushed_before_waiting_for_the_next_byte() {
    let mut port = Held::new(PING);
    assert!(once(TestAgent::new(()).run(&mut port)).is_pending());
    assert_eq!(port.flushed, PONG, "run");

    let mut port = Held::new(PING);
    assert!(once(TestAgent::new(()).run_buffered(&mut port)).is_pending());
    assert_eq!(port.flushed, PONG, "run_buffered");

    let (mut client, mut reader, mut writer) = (synchronizing(), Held::default(), Held::default());
    let request = client.transmit().to_vec();
    assert!(once(client.exchange(&mut reader, &mut writer)).is_pending());
    assert_eq!(writer.flushed, request, "exchange");
}

#[test]
fn an_async_write_or_flush_that_fails_is_reported() {
    let faults = [
        (Held { write: Some(Ok(0)), ..Held::new(PING) }, IoError::Ended),
        (Held { write: Some(Err(PortError::Writing)), ..Held::new(PING) }, IoError::Port(PortError::Writing)),
        (Held { flush: Some(PortError::Asking), ..Held::new(PING) }, IoError::Port(PortError::Asking)),
    ];
    for (mut port, due) in faults {
        let (write, flush) = (port.write, port.flush);
        let again = || Held { write, flush, ..Held::new(PING) };
        assert_eq!(once(TestAgent::new(()).run(&mut port)), Poll::Ready(Err(due)), "run");
        assert_eq!(once(TestAgent::new(()).run_buffered(&mut again())), Poll::Ready(Err(due)), "run_buffered");
        let exchanged = match once(synchronizing().exchange(&mut Held::default(), &mut again())) {
            Poll::Ready(Err(error)) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(exchanged, LineError::Port(due), "exchange");
    }
}
