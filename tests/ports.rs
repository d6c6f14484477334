//! The same conversation through every kind of port: by byte, by slice, polled, and with the traits of embedded Rust.

mod exchange;
mod random;
mod recordings;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use embedded_hal_nb::serial;
use exchange::exchange;
use futures::executor::block_on;
use futures::future::select;
use guestwire::{
    Agent, Client, Command, Guest, Reply,
    client::ClientError,
    frame::FrameError,
    io::{Fault, IoError, LineError},
};
use random::Random;
use recordings::recordings;

type TestAgent = Agent<(), 65535, 65535>;

fn agent() -> Box<TestAgent> {
    Box::new(Agent::new(()))
}

/// How often a port may be asked, or a future polled, before the test counts as endless. Far more than any test takes.
const PATIENCE: usize = 10_000_000;

/// A port whose two directions sometimes block, by a script. Waiting forever for an answer fails the test.
struct Port {
    input: VecDeque<u8>,
    output: Vec<u8>,
    /// One time in this many it is not ready. 0: always ready.
    blocks: usize,
    random: Random,
    /// Whether it is an agent's: the input comes when a line has been written.
    answers: bool,
    /// Errors to return before the byte with that many bytes left after it.
    overruns: Vec<usize>,
    /// What is in the buffer of the `BufRead` side.
    buffer: Vec<u8>,
    patience: usize,
}

impl Port {
    fn new(input: &[u8], blocks: usize) -> Self {
        Self {
            input: input.iter().copied().collect(),
            output: Vec::new(),
            blocks,
            random: Random(input.len() as u64),
            answers: false,
            overruns: Vec::new(),
            buffer: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// The agent's answer.
    fn answering(input: &[u8], blocks: usize) -> Self {
        Self { answers: true, ..Self::new(input, blocks) }
    }

    fn has_input(&mut self) -> bool {
        self.is_ready() && (!self.answers || self.output.ends_with(b"\n"))
    }

    fn is_ready(&mut self) -> bool {
        self.is_asked();
        self.blocks == 0 || !self.random.one_in(self.blocks)
    }

    fn is_asked(&mut self) {
        self.patience -= 1;
        assert!(self.patience > 0, "what is waited for does not come: {}", self.output.escape_ascii());
    }

    fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
        if !self.has_input() {
            return Err(nb::Error::WouldBlock);
        }
        if self.overruns.last() == Some(&self.input.len()) {
            self.overruns.pop();
            return Err(nb::Error::Other(serial::ErrorKind::Overrun));
        }
        self.input.pop_front().ok_or(nb::Error::WouldBlock)
    }

    fn write(&mut self, byte: u8) -> nb::Result<(), serial::ErrorKind> {
        if !self.is_ready() {
            return Err(nb::Error::WouldBlock);
        }
        self.output.push(byte);
        Ok(())
    }
}

impl serial::ErrorType for Port {
    type Error = serial::ErrorKind;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, Self::Error> {
        Port::read(self)
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), Self::Error> {
        Port::write(self, byte)
    }

    fn flush(&mut self) -> nb::Result<(), Self::Error> {
        Ok(())
    }
}

/// The same as a stream, which ends after the input.
struct Stream(Port);

impl Stream {
    fn read_some(&mut self, to: &mut [u8]) -> usize {
        self.0.is_asked();
        let most = 1 + self.0.random.below(to.len());
        let count = most.min(self.0.input.len());
        for (place, byte) in to.iter_mut().zip(self.0.input.drain(..count)) {
            *place = byte;
        }
        count
    }

    fn write_some(&mut self, from: &[u8]) -> usize {
        self.0.is_asked();
        let count = 1 + self.0.random.below(from.len());
        self.0.output.extend_from_slice(&from[..count]);
        count
    }
}

impl embedded_io::ErrorType for Stream {
    type Error = Infallible;
}

impl embedded_io::Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.read_some(to))
    }
}

impl embedded_io::ReadReady for Stream {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.has_input() && !self.0.input.is_empty())
    }
}

impl embedded_io::Write for Stream {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        Ok(self.write_some(from))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Stream {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.is_ready())
    }
}

/// Sometimes yields, as a port does that waits for an interrupt.
async fn wait(stream: &mut Stream) {
    while !stream.0.is_ready() {
        futures::pending!();
    }
}

/// A future that is woken at once: `pending!` alone would sleep forever.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    let mut patience = PATIENCE;
    block_on(std::future::poll_fn(move |context| {
        patience -= 1;
        assert!(patience > 0, "the future does not end");
        context.waker().wake_by_ref();
        future.as_mut().poll(context)
    }))
}

impl embedded_io_async::Read for Stream {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        wait(self).await;
        Ok(self.read_some(to))
    }
}

impl embedded_io_async::Write for Stream {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        wait(self).await;
        Ok(self.write_some(from))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::BufRead for Stream {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        wait(self).await;
        if self.0.buffer.is_empty() {
            let mut some = [0; 48];
            let count = self.read_some(&mut some);
            self.0.buffer.extend_from_slice(&some[..count]);
        }
        Ok(&self.0.buffer)
    }

    fn consume(&mut self, count: usize) {
        self.0.buffer.drain(..count);
    }
}

fn by_byte(agent: &mut TestAgent, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    for byte in input {
        while !agent.push(*byte) {
            output.push(agent.transmit()[0]);
            agent.transmitted(1);
        }
    }
    while let [byte, ..] = agent.transmit() {
        output.push(*byte);
        agent.transmitted(1);
    }
    output
}

fn in_chunks(agent: &mut TestAgent, input: &[u8], length: usize) -> Vec<u8> {
    input.chunks(length).flat_map(|chunk| exchange(agent, chunk)).collect()
}

#[test]
fn every_recorded_exchange_is_the_same_through_every_port() {
    let mut agent = agent();
    let mut count = 0;
    for recording in recordings().iter().filter(|recording| recording.input.len() <= 8192) {
        let input = &recording.input;
        agent.reset();
        let due = exchange(&mut *agent, input);
        let check = |how: &str, output: Vec<u8>| {
            assert_eq!(output.escape_ascii().to_string(), due.escape_ascii().to_string(), "{how}: {}", recording.name);
        };
        agent.reset();
        check("by byte", by_byte(&mut agent, input));
        for length in 1..=64 {
            agent.reset();
            check("in chunks", in_chunks(&mut agent, input, length));
        }
        for blocks in [0, 2, 5] {
            agent.reset();
            let mut port = Port::new(input, blocks);
            while !port.input.is_empty() || !agent.transmit().is_empty() {
                agent.read_from(|| port.read()).unwrap();
                agent.write_to(|byte| port.write(byte)).unwrap();
            }
            check("poll_read, poll_write", port.output);

            agent.reset();
            let mut port = Port::new(input, blocks);
            while !port.input.is_empty() || !agent.transmit().is_empty() {
                agent.poll_nb(&mut port).unwrap();
            }
            check("embedded-hal-nb", port.output);

            agent.reset();
            let mut stream = Stream(Port::new(input, blocks));
            while !stream.0.input.is_empty() || !agent.transmit().is_empty() {
                agent.poll_io(&mut stream, |_| Fault::Fatal).unwrap();
            }
            check("embedded-io", stream.0.output);

            agent.reset();
            let mut stream = Stream(Port::new(input, blocks));
            assert_eq!(run(agent.run(&mut stream, |_| Fault::Fatal)), Err(IoError::Closed));
            check("embedded-io-async", stream.0.output);

            agent.reset();
            let mut stream = Stream(Port::new(input, blocks));
            assert_eq!(run(agent.run_buffered(&mut stream, |_| Fault::Fatal)), Err(IoError::Closed));
            check("embedded-io-async, buffered", stream.0.output);
        }
        count += 1;
    }
    println!("{count} recorded exchanges, each 80 ways");
}

/// The bounds of this file's ports: later tests build on them.
#[test]
fn a_missing_answer_fails_instead_of_hanging() {
    type Wait = fn(&mut TestClient);
    let waits: [(&str, Wait); 4] = [
        ("embedded-hal-nb", |client| {
            let mut silent = Port::answering(b"", 0);
            while client.exchange_nb(&mut silent).is_err() {}
        }),
        ("embedded-io", |client| {
            let mut silent = Stream(Port::answering(b"", 0));
            while client.exchange_io(&mut silent, |_| Fault::Fatal).is_err() {}
        }),
        ("embedded-io-async", |client| {
            let (mut from, mut to) = (Pipe::default(), Pipe::default());
            assert!(run(client.exchange(&mut from, &mut to, |_| Fault::Fatal)).is_err());
        }),
        ("an agent", |_| {
            let (mut agent, mut silent) = (agent(), Stream(Port::new(b"", 0)));
            loop {
                let _ = agent.poll_io(&mut silent, |_| Fault::Fatal);
            }
        }),
    ];
    for (port, wait) in waits {
        let waited = std::panic::catch_unwind(|| {
            let mut client = TestClient::new();
            client.synchronize(1);
            wait(&mut client);
        });
        let failure = waited.expect_err(port);
        let message = failure.downcast_ref::<&str>().copied().or(failure.downcast_ref::<String>().map(|text| &**text));
        assert!(message.is_some_and(|message| message.contains("does not")), "{port}: {message:?}");
    }
}

/// What is in the FIFO when the firmware goes to sleep raises no interrupt again.
#[test]
fn nothing_is_left_to_do_after_poll() {
    let ping = b"{\"execute\": \"guest-ping\"}\n";
    for requests in 1..5 {
        let mut agent = agent();
        let mut port = Port::new(&ping.repeat(requests), 0);
        agent.poll_nb(&mut port).unwrap();
        assert_eq!(port.output, b"{\"return\": {}}\n".repeat(requests));
        assert!(port.input.is_empty() && agent.transmit().is_empty());
    }
}

/// A host that sends no more may still read: half of its stream is closed, or its transmitter is broken.
#[test]
fn a_response_is_sent_although_reading_fails() {
    struct Half {
        port: Port,
        error: serial::ErrorKind,
    }

    impl serial::ErrorType for Half {
        type Error = serial::ErrorKind;
    }

    impl serial::Read for Half {
        fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
            self.port.input.pop_front().ok_or(nb::Error::Other(self.error))
        }
    }

    impl serial::Write for Half {
        fn write(&mut self, byte: u8) -> nb::Result<(), serial::ErrorKind> {
            self.port.write(byte)
        }

        fn flush(&mut self) -> nb::Result<(), serial::ErrorKind> {
            Ok(())
        }
    }

    let (ping, pong) = (b"{\"execute\": \"guest-ping\"}\n", b"{\"return\": {}}\n");
    for error in [serial::ErrorKind::Other, serial::ErrorKind::Overrun, serial::ErrorKind::Noise] {
        for requests in 1..4 {
            let mut half = Half { port: Port::new(&ping.repeat(requests), 0), error };
            assert_eq!(agent().poll_nb(&mut half), Err(error));
            assert!(half.port.output.starts_with(&pong.repeat(requests)), "{error:?}, {requests} requests");
        }
    }
    let mut input = ping.iter();
    let mut sent = Vec::new();
    let read = |_: &mut ()| input.next().copied().ok_or(nb::Error::Other("ended"));
    let write = |_: &mut (), byte| {
        sent.push(byte);
        Ok(())
    };
    assert_eq!(agent().poll(&mut (), read, write), Err("ended"));
    assert_eq!(sent, pong);
}

/// Of two errors at once, the one for missing bytes must not be dropped.
#[test]
fn a_gap_is_noticed_although_writing_fails() {
    struct Broken(VecDeque<Result<u8, serial::ErrorKind>>);

    impl serial::ErrorType for Broken {
        type Error = serial::ErrorKind;
    }

    impl serial::Read for Broken {
        fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
            self.0.pop_front().ok_or(nb::Error::WouldBlock)?.map_err(nb::Error::Other)
        }
    }

    impl serial::Write for Broken {
        fn write(&mut self, _: u8) -> nb::Result<(), serial::ErrorKind> {
            Err(nb::Error::Other(serial::ErrorKind::Other))
        }

        fn flush(&mut self) -> nb::Result<(), serial::ErrorKind> {
            Ok(())
        }
    }

    let bytes = |bytes: &'static [u8]| bytes.iter().copied().map(Ok);
    let first = bytes(b"{\"execute\": \"guest-ping\"}{\"execute\": \"guest-");
    let rest = bytes(b"info\"}");
    let mut agent = agent();
    let mut port = Broken(first.chain([Err(serial::ErrorKind::Overrun)]).chain(rest).collect());
    assert_eq!(agent.poll_nb(&mut port), Err(serial::ErrorKind::Other));
    agent.transmitted(agent.transmit().len());
    let _ = agent.poll_nb(&mut port);
    let lost = exchange::error("GenericError", "JSON parse error, bytes were lost");
    assert_eq!(String::from_utf8_lossy(agent.transmit()), lost);
}

#[test]
fn an_overrun_is_lost_bytes() {
    let mut agent = agent();
    let mut port = Port::new(b"{\"execute\": {\"execute\": \"guest-ping\"}}\n", 0);
    port.overruns = vec![27];
    agent.poll_nb(&mut port).unwrap();
    assert!(port.input.is_empty() && agent.transmit().is_empty(), "nothing is left to do after poll");
    let lost = exchange::error("GenericError", "JSON parse error, bytes were lost");
    assert_eq!(String::from_utf8(port.output).unwrap(), lost, "and nothing is run");
}

/// A UART's error that is not about lost or wrong bytes is returned.
#[test]
fn another_error_of_a_uart_goes_through() {
    struct Broken;

    impl serial::ErrorType for Broken {
        type Error = serial::ErrorKind;
    }

    impl serial::Read for Broken {
        fn read(&mut self) -> nb::Result<u8, serial::ErrorKind> {
            Err(nb::Error::Other(serial::ErrorKind::Other))
        }
    }

    impl serial::Write for Broken {
        fn write(&mut self, _: u8) -> nb::Result<(), serial::ErrorKind> {
            Ok(())
        }

        fn flush(&mut self) -> nb::Result<(), serial::ErrorKind> {
            Ok(())
        }
    }

    assert_eq!(agent().poll_nb(&mut Broken), Err(serial::ErrorKind::Other));
    let mut client: TestClient = Client::new();
    client.synchronize(1);
    assert_eq!(client.exchange_nb(&mut Broken), Err(nb::Error::Other(LineError::Port(serial::ErrorKind::Other))));
}

/// The port's own error goes through, and costs no byte.
#[test]
fn another_error_of_the_port_is_its_own() {
    let mut agent = agent();
    let ping: &[u8] = b"{\"execute\": \"guest-ping\"}";
    for (index, byte) in ping.iter().enumerate() {
        assert_eq!(agent.read_from(|| Err(nb::Error::Other(index))), Err(index));
        let mut given = false;
        let read = || if std::mem::replace(&mut given, true) { Err(nb::Error::WouldBlock) } else { Ok(*byte) };
        assert_eq!(agent.read_from::<usize>(read), Ok(()));
    }
    assert_eq!(agent.write_to(|_| Err(nb::Error::Other("full"))), Err("full"));
    assert_eq!(agent.transmit(), b"{\"return\": {}}\n");
}

type TestClient = Client<256, 128>;

const STEP: &[u8] = b"{\"return\": 1}\n\xFF{\"return\": 77}\n";

#[test]
fn a_client_on_every_port() {
    for blocks in [0, 2, 5] {
        let mut client = TestClient::new();
        client.synchronize(77);
        let mut port = Port::answering(STEP, blocks);
        let reply = loop {
            match client.exchange_nb(&mut port) {
                Err(nb::Error::WouldBlock) => {}
                reply => break format!("{reply:?}"),
            }
        };
        assert_eq!(reply, "Ok(Synchronized)");
        assert!(port.output.starts_with(b"\xFF{\"execute\": \"guest-sync-delimited\""));

        client.execute("guest-ping").unwrap();
        let mut stream = Stream(Port::answering(b"\n{\"return\": {}, \"id\": 78}\n", blocks));
        let reply = loop {
            match client.exchange_io(&mut stream, |_| Fault::Fatal) {
                Err(nb::Error::WouldBlock) => {}
                reply => break format!("{reply:?}"),
            }
        };
        assert_eq!(reply, "Ok(Return({}))");
        assert_eq!(stream.0.output, b"{\"execute\": \"guest-ping\", \"id\": 78}\n");

        client.synchronize(77);
        let mut port = Port::answering(STEP, 0);
        assert_eq!(client.exchange_nb(&mut port), Ok(Reply::Synchronized));
        client.execute("guest-ping").unwrap();
        let mut port = Port::answering(b"{\"return\": {}, \"id\": 79}", 0);
        port.overruns = vec![5];
        let lost = ClientError::Broken(FrameError::Lost);
        assert_eq!(client.exchange_nb(&mut port), Err(nb::Error::Other(LineError::Protocol(lost))));
        assert!(!client.is_ready());
    }
}

/// An executor that drops the future at every point where it waits, and starts it anew.
#[test]
fn a_dropped_future_loses_no_byte() {
    let input = b"{\"execute\": \"guest-ping\"} {\"execute\": \"guest-sync\", \"arguments\": {\"id\": 5}}".repeat(20);
    let mut agent = agent();
    let mut stream = Stream(Port::new(&input, 3));
    let drops = Cell::new(0);
    let ended = loop {
        let once = std::future::poll_fn(|context| {
            let mut future = std::pin::pin!(agent.run(&mut stream, |_| Fault::Fatal));
            std::task::Poll::Ready(match future.as_mut().poll(context) {
                std::task::Poll::Ready(ended) => Some(ended),
                std::task::Poll::Pending => None,
            })
        });
        match block_on(once) {
            Some(ended) => break ended,
            None => drops.set(drops.get() + 1),
        }
    };
    assert_eq!(ended, Err(IoError::Closed));
    assert!(drops.get() > 100, "{} drops", drops.get());
    assert_eq!(stream.0.output, b"{\"return\": {}}\n{\"return\": 5}\n".repeat(20));
}

/// Counts what was run.
struct Counter(usize);

impl Guest for Counter {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("count", |counter, call| {
        let response = call.respond()?;
        counter.0 += 1;
        response.integer(counter.0 as i64)
    })];
}

/// A host that takes one byte a second, for a simulated hour.
#[test]
fn a_response_survives_a_host_that_reads_slowly() {
    let mut agent: Agent<Counter, 256, 512> = Agent::new(Counter(0));
    let mut input: VecDeque<u8> = b"{\"execute\": \"count\"}\n".repeat(200).into();
    let mut output = Vec::new();
    let mut seconds = 0;
    while !input.is_empty() || !agent.transmit().is_empty() {
        agent.read_from(|| input.pop_front().ok_or(nb::Error::<Infallible>::WouldBlock)).unwrap();
        assert!(
            agent.guest().0 <= output.iter().filter(|byte| **byte == b'\n').count() + 1,
            "run only when it can answer"
        );
        let mut taken = false;
        let write = |byte| {
            if std::mem::replace(&mut taken, true) {
                return Err(nb::Error::<Infallible>::WouldBlock);
            }
            output.push(byte);
            Ok(())
        };
        agent.write_to(write).unwrap();
        seconds += 1;
        assert!(seconds < PATIENCE, "no more comes: {}", output.escape_ascii());
    }
    let due: String = (1..=200).map(|number| format!("{{\"return\": {number}}}\n")).collect();
    assert_eq!(String::from_utf8(output).unwrap(), due);
    assert!(seconds >= 3000, "{seconds} s");
}

/// A host that never reads, and then reconnects: it gets nothing of the earlier connection.
#[test]
fn a_host_that_never_reads_until_it_reconnects() {
    let mut agent: Agent<Counter, 256, 512> = Agent::new(Counter(0));
    let mut input: VecDeque<u8> = b"{\"execute\": \"count\"}\n".repeat(5).into();
    for _ in 0..100_000 {
        agent.read_from(|| input.pop_front().ok_or(nb::Error::<Infallible>::WouldBlock)).unwrap();
        agent.write_to(|_| Err(nb::Error::<Infallible>::WouldBlock)).unwrap();
    }
    assert_eq!(agent.guest().0, 1, "the second request waits");
    assert_eq!(input.len(), 1 + 3 * 21, "its LF, and what comes after it, is not taken");
    agent.reset();
    assert_eq!(exchange(&mut agent, b"{\"execute\": \"guest-ping\"}"), b"{\"return\": {}}\n");
    assert_eq!(agent.guest().0, 1);
}

/// In a static, as in firmware. The compiler checks that this is possible.
static _AGENT: std::sync::Mutex<Agent<Counter, 256, 512>> = std::sync::Mutex::new(Agent::new(Counter(0)));
static _CLIENT: std::sync::Mutex<TestClient> = std::sync::Mutex::new(Client::new());
static _DECODER: std::sync::Mutex<guestwire::Decoder<64>> = std::sync::Mutex::new(guestwire::Decoder::new());

/// One direction of a line with flow control: 16 bytes may be on the way.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<VecDeque<u8>>>);

impl embedded_io::ErrorType for Pipe {
    type Error = Infallible;
}

impl embedded_io_async::Read for Pipe {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        while self.0.borrow().is_empty() {
            futures::pending!();
        }
        let mut line = self.0.borrow_mut();
        let count = to.len().min(line.len());
        to.iter_mut().zip(line.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}

impl embedded_io_async::Write for Pipe {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        while self.0.borrow().len() == 16 {
            futures::pending!();
        }
        let mut line = self.0.borrow_mut();
        let count = from.len().min(16 - line.len());
        line.extend(&from[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct GuestPort {
    received: Pipe,
    sent: Pipe,
}

impl embedded_io::ErrorType for GuestPort {
    type Error = Infallible;
}

impl embedded_io_async::Read for GuestPort {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        self.received.read(to).await
    }
}

impl embedded_io_async::Write for GuestPort {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.sent.write(from).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The future's result, if it is ready in time.
async fn in_time<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = futures::poll!(future.as_mut()) {
            return Some(output);
        }
        futures::pending!();
    }
    None
}

/// Whenever an exchange is given up, the next synchronization succeeds, even with an abandoned response on the line
/// that the agent must send before it reads on.
#[test]
fn exchanges_over_a_line_that_holds_few_bytes() {
    for patience in 1..200 {
        let (mut down, mut up) = (Pipe::default(), Pipe::default());
        let mut port = GuestPort { received: down.clone(), sent: up.clone() };
        let (mut agent, mut client) = (agent(), Client::<1024, 128>::new());
        let conversation = async {
            assert_eq!(
                client.exchange(&mut up, &mut down, |_| Fault::Fatal).await,
                Err(LineError::Protocol(ClientError::NothingAsked))
            );
            client.synchronize(1);
            assert_eq!(client.exchange(&mut up, &mut down, |_| Fault::Fatal).await, Ok(Reply::Synchronized));
            for id in 2..5 {
                client.execute("guest-info").unwrap();
                if in_time(patience, client.exchange(&mut up, &mut down, |_| Fault::Fatal)).await.is_none() {
                    client.reset();
                    client.synchronize(id);
                    let synchronized = in_time(10_000, client.exchange(&mut up, &mut down, |_| Fault::Fatal)).await;
                    assert_eq!(synchronized, Some(Ok(Reply::Synchronized)), "patience {patience}");
                }
            }
            client.execute("guest-ping").unwrap();
            assert!(matches!(client.exchange(&mut up, &mut down, |_| Fault::Fatal).await, Ok(Reply::Return(_))));
            client.execute("guest-ping").unwrap();
            assert_eq!(
                client.exchange(&mut &b""[..], &mut down, |_| Fault::Fatal).await,
                Err(LineError::Port(IoError::Closed))
            );
        };
        run(select(pin!(agent.run(&mut port, |_| Fault::Fatal)), pin!(conversation)));
    }
}
