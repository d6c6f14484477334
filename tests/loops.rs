//! Every loop, over a port that fails in every way at every byte. What a loop should do is what the same events lead to
//! when they are given to the agent or the client by hand.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_hal_nb::serial;
use guestwire::{
    Agent, Client, Reply,
    client::ClientError,
    io::{Fault, Halves, HalvesError, IoError, LineError, Received, RxConsumer, RxProducer},
    nb,
};
use heapless::spsc::Queue;

type TestAgent = Agent<(), 256, 512>;
type TestClient = Client<256, 128>;

const PING: &[u8] = b"{\"execute\": \"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";

/// An error of the port. `End` is that of a script's end, where a real port would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broke {
    Interrupted,
    Framing,
    Parity,
    Noise,
    Overrun,
    Closed,
    Fatal,
    End,
}

use Broke::{Closed, End, Fatal, Framing, Interrupted, Noise, Overrun, Parity};

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Broke {}

impl embedded_io::Error for Broke {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl serial::Error for Broke {
    fn kind(&self) -> serial::ErrorKind {
        match self {
            Framing => serial::ErrorKind::FrameFormat,
            Parity => serial::ErrorKind::Parity,
            Noise => serial::ErrorKind::Noise,
            Overrun => serial::ErrorKind::Overrun,
            Interrupted | Closed | Fatal | End => serial::ErrorKind::Other,
        }
    }
}

/// The hook that the loops are given.
fn fault(error: &Broke) -> Fault {
    match error {
        Interrupted => Fault::Interrupted,
        Framing | Parity | Noise => Fault::Corrupted,
        Overrun => Fault::Lost,
        Closed => Fault::Closed,
        Fatal | End => Fault::Fatal,
    }
}

fn halves_fault(error: &HalvesError<Broke, Broke>) -> Fault {
    match error {
        HalvesError::Reader(error) | HalvesError::Writer(error) => fault(error),
    }
}

/// What a read meets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Byte(u8),
    Fails(Broke),
    /// 0 bytes are read, once everything that is due has been sent.
    Ends,
}

fn bytes(bytes: &[u8]) -> Vec<Event> {
    bytes.iter().copied().map(Event::Byte).collect()
}

/// What a write or a flush meets at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteFault {
    Fails(Broke),
    /// 0 bytes are taken.
    TakesNone,
}

/// How often a port may be used before the test counts as endless.
const PATIENCE: usize = 50_000;

/// A port by a script.
#[derive(Clone)]
struct Port {
    input: VecDeque<Event>,
    /// What is still held back, and what the other end has got.
    held: Vec<u8>,
    sent: Vec<u8>,
    /// Whether each call blocks the first time.
    pauses: bool,
    has_paused: bool,
    /// How many bytes a write takes at most.
    room: usize,
    /// The fault of the write that begins at this byte, and of the flush that comes after this byte.
    write: Option<(usize, WriteFault)>,
    flush: Option<(usize, Broke)>,
    written: usize,
    /// Each line that is sent brings the next of these as input.
    answers: VecDeque<Vec<Event>>,
    can_read: bool,
    can_write: bool,
    patience: usize,
}

impl Port {
    fn new(input: Vec<Event>) -> Self {
        Self {
            input: input.into(),
            held: Vec::new(),
            sent: Vec::new(),
            pauses: false,
            has_paused: false,
            room: usize::MAX,
            write: None,
            flush: None,
            written: 0,
            answers: VecDeque::new(),
            can_read: false,
            can_write: false,
            patience: PATIENCE,
        }
    }

    /// The same, but it blocks every other time, and takes a byte at a time.
    fn pausing(self) -> Self {
        Self { pauses: true, room: 1, ..self }
    }

    fn is_ready(&mut self) -> bool {
        self.patience -= 1;
        assert!(self.patience > 0, "endless: {} sent", self.sent.escape_ascii());
        self.has_paused = self.pauses && !self.has_paused;
        !self.has_paused
    }

    fn next(&mut self) -> Result<Option<u8>, Broke> {
        self.patience -= 1;
        assert!(self.patience > 0, "endless: {} sent", self.sent.escape_ascii());
        match self.input.pop_front() {
            Some(Event::Byte(byte)) => Ok(Some(byte)),
            Some(Event::Fails(broke)) => Err(broke),
            Some(Event::Ends) => Ok(None),
            None => Err(End),
        }
    }

    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        match self.next()? {
            Some(byte) => {
                to[0] = byte;
                Ok(1)
            }
            None => Ok(0),
        }
    }

    fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        if let Some((_, fault)) = self.write.take_if(|(place, _)| *place == self.written) {
            return match fault {
                WriteFault::Fails(broke) => Err(broke),
                WriteFault::TakesNone => Ok(0),
            };
        }
        let until_fault = self.write.map_or(usize::MAX, |(place, _)| place.saturating_sub(self.written).max(1));
        let count = from.len().min(self.room).min(until_fault);
        self.held.extend_from_slice(&from[..count]);
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), Broke> {
        if let Some((_, broke)) = self.flush.take_if(|(place, _)| *place <= self.written) {
            return Err(broke);
        }
        let lines = self.held.iter().filter(|byte| **byte == b'\n').count();
        self.sent.append(&mut self.held);
        for _ in 0..lines {
            self.input.extend(self.answers.pop_front().unwrap_or_default());
        }
        Ok(())
    }
}

impl serial::ErrorType for Port {
    type Error = Broke;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, Broke> {
        if !self.is_ready() {
            return Err(nb::Error::WouldBlock);
        }
        // A UART has no end: a closed one reports an error.
        self.next().map_err(nb::Error::Other)?.ok_or(nb::Error::Other(Closed))
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), Broke> {
        if !self.is_ready() {
            return Err(nb::Error::WouldBlock);
        }
        match Port::write(self, &[byte])? {
            0 => Err(nb::Error::Other(Closed)),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> nb::Result<(), Broke> {
        if !self.is_ready() {
            return Err(nb::Error::WouldBlock);
        }
        Ok(Port::flush(self)?)
    }
}

impl embedded_io::ErrorType for Port {
    type Error = Broke;
}

/// The same as a stream that says whether it is ready. It does not like to be used without asking, where a real one would
/// block.
struct Ready(Port);

impl embedded_io::ErrorType for Ready {
    type Error = Broke;
}

impl embedded_io::ReadReady for Ready {
    fn read_ready(&mut self) -> Result<bool, Broke> {
        self.0.can_read = self.0.is_ready();
        Ok(self.0.can_read)
    }
}

impl embedded_io::Read for Ready {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        assert!(std::mem::take(&mut self.0.can_read), "read without asking");
        self.0.read(to)
    }
}

impl embedded_io::WriteReady for Ready {
    fn write_ready(&mut self) -> Result<bool, Broke> {
        self.0.can_write = self.0.is_ready();
        Ok(self.0.can_write)
    }
}

impl embedded_io::Write for Ready {
    fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        assert!(std::mem::take(&mut self.0.can_write), "written to without asking");
        self.0.write(from)
    }

    fn flush(&mut self) -> Result<(), Broke> {
        self.0.flush()
    }
}

/// Blocks, and can only be seen not to return.
impl embedded_io::Read for Port {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        Port::read(self, to)
    }
}

impl embedded_io::Write for Port {
    fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        Port::write(self, from)
    }

    fn flush(&mut self) -> Result<(), Broke> {
        Port::flush(self)
    }
}

async fn ready(port: &mut Port) {
    poll_fn(|_| if port.is_ready() { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        ready(self).await;
        Port::read(self, to)
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        ready(self).await;
        Port::write(self, from)
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        ready(self).await;
        Port::flush(self)
    }
}

/// The same with a buffer.
struct Buffered {
    port: Port,
    buffer: Vec<u8>,
}

impl Buffered {
    const fn new(port: Port) -> Self {
        Self { port, buffer: Vec::new() }
    }
}

impl embedded_io::ErrorType for Buffered {
    type Error = Broke;
}

impl embedded_io_async::Read for Buffered {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Broke> {
        panic!("it has a buffer")
    }
}

impl embedded_io_async::BufRead for Buffered {
    async fn fill_buf(&mut self) -> Result<&[u8], Broke> {
        if self.buffer.is_empty() {
            ready(&mut self.port).await;
            while let Some(Event::Byte(byte)) = self.port.input.front().filter(|_| self.buffer.len() < 16) {
                self.buffer.push(*byte);
                self.port.input.pop_front();
            }
        }
        if self.buffer.is_empty() {
            self.buffer.extend(self.port.next()?);
        }
        Ok(&self.buffer)
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
    }
}

impl embedded_io_async::Write for Buffered {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        embedded_io_async::Write::write(&mut self.port, from).await
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        embedded_io_async::Write::flush(&mut self.port).await
    }
}

/// A future's result. It is polled again at once, as often as it takes: the port's patience ends before the test's.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// The same, but each future is dropped after one poll, and another one takes its place.
fn run_dropping<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    loop {
        if let Poll::Ready(output) = poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// How a loop came out. It is called again after each but the script's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Closed,
    Broke(Broke),
}

impl From<IoError<Broke>> for Outcome {
    fn from(error: IoError<Broke>) -> Self {
        match error {
            IoError::Closed => Self::Closed,
            IoError::Port(broke) => Self::Broke(broke),
        }
    }
}

/// What the other end has got, and how the loop came out each time.
type Served = (String, Vec<Outcome>);

/// Serves until the script has ended.
fn serve(mut outcome: impl FnMut() -> Outcome) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while outcomes.last() != Some(&Outcome::Broke(End)) {
        outcomes.push(outcome());
        assert!(outcomes.len() < 1000, "{outcomes:?}");
    }
    outcomes
}

fn text(sent: &[u8]) -> String {
    sent.escape_ascii().to_string()
}

/// What the agent does with the events by itself.
fn by_hand(port: &Port) -> Served {
    let mut agent = TestAgent::new(());
    let (mut sent, mut outcomes) = (Vec::new(), Vec::new());
    for event in &port.input {
        match event {
            Event::Byte(byte) => assert!(agent.push(*byte)),
            Event::Fails(Interrupted) => {}
            Event::Fails(Framing | Parity | Noise) => agent.corrupted(),
            Event::Fails(Overrun) => agent.lost(),
            Event::Fails(Closed) | Event::Ends => {
                agent.reset();
                outcomes.push(Outcome::Closed);
            }
            Event::Fails(broke @ (Fatal | End)) => outcomes.push(Outcome::Broke(*broke)),
        }
        while !agent.transmit().is_empty() {
            sent.extend_from_slice(agent.transmit());
            agent.transmitted(agent.transmit().len());
        }
    }
    outcomes.push(Outcome::Broke(End));
    (text(&sent), outcomes)
}

/// What a UART's loop hands to its caller: it knows no interruption and no end.
fn polled<E>(agent: &mut TestAgent, result: Result<(), E>, broke: impl FnOnce(E) -> Broke) -> Option<Outcome> {
    match result.map_err(broke) {
        Ok(()) | Err(Interrupted) => None,
        Err(Closed) => {
            agent.reset();
            Some(Outcome::Closed)
        }
        Err(broke) => Some(Outcome::Broke(broke)),
    }
}

fn repeat(mut outcome: impl FnMut() -> Option<Outcome>) -> Outcome {
    loop {
        if let Some(outcome) = outcome() {
            return outcome;
        }
    }
}

type Loop = fn(Port) -> Served;

const AGENTS: [(&str, Loop); 10] = [
    ("poll_nb", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| {
            repeat(|| {
                let result = agent.poll_nb(&mut port);
                polled(&mut agent, result, |broke| broke)
            })
        });
        (text(&port.sent), outcomes)
    }),
    ("poll_nb, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut writer = Port { input: VecDeque::new(), ..port.clone() };
        let mut port = Halves { reader: port, writer: &mut writer };
        let outcomes = serve(|| {
            repeat(|| {
                let result = agent.poll_nb(&mut port);
                polled(&mut agent, result, |error| match error {
                    HalvesError::Reader(broke) | HalvesError::Writer(broke) => broke,
                })
            })
        });
        (text(&writer.sent), outcomes)
    }),
    ("a queue from a handler, and poll_nb", |mut uart| {
        let mut agent = TestAgent::new(());
        let mut queue: Queue<Received, 512> = Queue::new();
        let (producer, consumer) = queue.split();
        let mut handler = RxProducer::new(producer);
        let mut writer = Port { input: VecDeque::new(), ..uart.clone() };
        let mut port = Halves { reader: RxConsumer::new(consumer), writer: &mut writer };
        let outcomes = serve(|| {
            loop {
                // The interrupt handler.
                let event = uart.next();
                match event {
                    Ok(Some(byte)) => handler.push(byte),
                    Err(Framing | Parity | Noise) => handler.corrupted(),
                    Err(Overrun) => handler.lost(),
                    Ok(None) | Err(Interrupted | Closed | Fatal | End) => {}
                }
                // The main loop, as long as there is something to do.
                for _ in 0..2000 {
                    let result = agent.poll_nb(&mut port);
                    let outcome = polled(&mut agent, result, |error| match error {
                        HalvesError::Reader(fault) => panic!("{fault:?}"),
                        HalvesError::Writer(broke) => broke,
                    });
                    if let Some(outcome) = outcome {
                        return outcome;
                    }
                }
                match event {
                    Ok(None) | Err(Closed) => {
                        agent.reset();
                        return Outcome::Closed;
                    }
                    Err(broke @ (Fatal | End)) => return Outcome::Broke(broke),
                    _ => {}
                }
            }
        });
        (text(&writer.sent), outcomes)
    }),
    ("poll_io", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Ready(port));
        let outcomes = serve(|| repeat(|| agent.poll_io(&mut port, fault).err().map(Outcome::from)));
        (text(&port.0.sent), outcomes)
    }),
    ("run_blocking", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| agent.run_blocking(&mut port, fault).unwrap_err().into());
        (text(&port.sent), outcomes)
    }),
    ("run", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| run(agent.run(&mut port, fault)).unwrap_err().into());
        (text(&port.sent), outcomes)
    }),
    ("run, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut writer = Port { input: VecDeque::new(), ..port.clone() };
        let mut port = Halves { reader: port, writer: &mut writer };
        let outcomes = serve(|| match run(agent.run(&mut port, halves_fault)).unwrap_err() {
            IoError::Closed => Outcome::Closed,
            IoError::Port(HalvesError::Reader(broke) | HalvesError::Writer(broke)) => Outcome::Broke(broke),
        });
        (text(&writer.sent), outcomes)
    }),
    ("run, dropped at every poll", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| {
            run_dropping(|context| pin!(agent.run(&mut port, fault)).poll(context)).unwrap_err().into()
        });
        (text(&port.sent), outcomes)
    }),
    ("run_buffered", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Buffered::new(port));
        let outcomes = serve(|| run(agent.run_buffered(&mut port, fault)).unwrap_err().into());
        (text(&port.port.sent), outcomes)
    }),
    ("run_buffered, dropped at every poll", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Buffered::new(port));
        let outcomes = serve(|| {
            run_dropping(|context| pin!(agent.run_buffered(&mut port, fault)).poll(context)).unwrap_err().into()
        });
        (text(&port.port.sent), outcomes)
    }),
];

const READ_FAULTS: [Event; 8] = [
    Event::Fails(Interrupted),
    Event::Fails(Framing),
    Event::Fails(Parity),
    Event::Fails(Noise),
    Event::Fails(Overrun),
    Event::Fails(Closed),
    Event::Fails(Fatal),
    Event::Ends,
];

/// Two requests with a fault at one place, and two more, each on its line.
fn agent_script(fault: Event, place: usize) -> Vec<Event> {
    let mut events = bytes(&PING.repeat(2));
    events.insert(place, fault);
    events.extend(bytes(&PING.repeat(2)));
    events
}

#[test]
fn a_read_that_fails_at_any_byte_costs_what_the_rules_say() {
    for (how, serve) in AGENTS {
        let mut runs = 0;
        for fault in READ_FAULTS {
            for place in 0..=2 * PING.len() {
                let port = Port::new(agent_script(fault, place));
                let due = by_hand(&port);
                assert!(due.0.ends_with(&text(&PONG.repeat(2))) || place == 2 * PING.len(), "{fault:?} at {place}: {}", due.0);
                for port in [port.clone(), port.pausing()] {
                    assert_eq!(serve(port), due, "{how}: {fault:?} at {place}");
                    runs += 1;
                }
            }
        }
        println!("{how}: {runs} conversations with a fault");
    }
}

/// Sent in part, a response goes on where it was: nothing is sent twice and nothing is left out.
#[test]
fn a_write_or_flush_that_fails_at_any_byte_is_tried_again() {
    let script = || Port::new(bytes(&PING.repeat(3)));
    let due = by_hand(&script()).0;
    for (how, serve) in AGENTS {
        for place in 0..2 * PONG.len() {
            for broke in [Interrupted, Fatal, Framing] {
                // A UART's interruption has no name: it comes out.
                let comes_out = broke != Interrupted && (broke != Framing || !how.contains("nb"));
                let failing_write = Port { write: Some((place, WriteFault::Fails(broke))), ..script() };
                let failing_flush = Port { flush: Some((place, broke)), ..script() };
                for port in [failing_write, failing_flush] {
                    for port in [port.clone(), port.pausing()] {
                        let (sent, outcomes) = serve(port);
                        assert_eq!(sent, due, "{how}: {broke:?} at {place}");
                        let has_told = outcomes.first() == Some(&Outcome::Broke(broke));
                        assert!(has_told || !comes_out, "{how}: {broke:?} at {place}: {outcomes:?}");
                    }
                }
            }
        }
    }
}
