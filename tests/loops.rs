//! Every loop, over a port that fails in every way at every byte. What a loop should do is what the same events lead to
//! when they are given to the agent or the client by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_hal_nb::serial;
use guestwire::{
    Agent, Client, Command, Guest, Reply,
    client::{ClientError, Execute},
    frame::Piece,
    io::{Fault, Halves, HalvesError, IoError, LineError, RxConsumer, RxEntry, RxProducer},
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

#[derive(Clone, Copy)]
enum Operation {
    Read,
    Write,
    Flush,
}

/// What is scripted about a port.
#[derive(Clone, Default)]
struct Script {
    input: Vec<Event>,
    /// Whether each call blocks the first time, and a write takes only one byte.
    pauses: bool,
    /// Whether a write takes only one byte, and every other one is interrupted.
    interrupts: bool,
    /// The fault of the write that begins at this byte, and of the flush that comes after this byte.
    write: Option<(usize, WriteFault)>,
    flush: Option<(usize, Broke)>,
    /// What the request with this number brings as input.
    answers: Vec<(&'static str, Vec<Event>)>,
    /// How much is sent by the end, where that is not what the input leads to.
    sent_at_end: Option<usize>,
}

impl Script {
    fn new(input: Vec<Event>) -> Self {
        Self { input, ..Self::default() }
    }

    fn pausing(&self) -> Self {
        Self { pauses: true, ..self.clone() }
    }

    /// The answer to the last request of what was sent.
    fn answer(&self, sent: &[u8]) -> &[Event] {
        let sent = String::from_utf8_lossy(sent);
        let (_, id) = sent.rsplit_once("\"id\": ").unwrap_or_default();
        let id = id.trim_end().trim_end_matches('}');
        self.answers.iter().find(|(number, _)| *number == id).map_or(&[], |(_, answer)| answer)
    }
}

#[derive(Default)]
struct State {
    script: Script,
    /// Each event, and how much has to be sent before it comes if it is an end.
    input: VecDeque<(Event, usize)>,
    /// What is still held back, and what the other end has got.
    held: Vec<u8>,
    sent: Vec<u8>,
    written: usize,
    has_paused: [bool; 3],
    has_interrupted: bool,
    can_read: bool,
    can_write: bool,
    uses: usize,
}

/// A port by a script. Its copies are the same port.
#[derive(Clone)]
struct Port(Rc<RefCell<State>>);

impl Port {
    /// The input ends with [`End`].
    fn new(script: &Script) -> Self {
        let mut state = State { script: script.clone(), ..State::default() };
        let mut due = by_hand(&script.input).due;
        due.last_mut().zip(script.sent_at_end).into_iter().for_each(|(due, sent)| *due = sent);
        state.input = script.input.iter().copied().chain([Event::Fails(End)]).zip(due).collect();
        Self(Rc::new(RefCell::new(state)))
    }

    /// A client's: what is not due does not come.
    fn answering(script: &Script) -> Self {
        let port = Self(Rc::default());
        port.0.borrow_mut().script = script.clone();
        port
    }

    fn sent(&self) -> String {
        self.0.borrow().sent.escape_ascii().to_string()
    }

    fn is_ready(&self, operation: Operation) -> bool {
        let state = &mut *self.0.borrow_mut();
        state.is_used();
        let has_paused = &mut state.has_paused[operation as usize];
        *has_paused = state.script.pauses && !*has_paused;
        // A host that waits for a response does not send another request before the port has closed.
        let closes = matches!(state.script.write, Some((_, WriteFault::TakesNone | WriteFault::Fails(Closed))));
        let comes = match (operation, state.input.front()) {
            (Operation::Read, _) if closes && state.input.len() <= PING.len() + 1 => false,
            (Operation::Read, Some((Event::Ends | Event::Fails(Closed | End), due))) => *due <= state.sent.len(),
            (Operation::Read, next) => next.is_some(),
            (Operation::Write | Operation::Flush, _) => true,
        };
        !*has_paused && comes
    }

    async fn ready(&self, operation: Operation) {
        poll_fn(|_| if self.is_ready(operation) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn next(&self) -> Result<Option<u8>, Broke> {
        let mut state = self.0.borrow_mut();
        state.is_used();
        match state.input.pop_front() {
            Some((Event::Byte(byte), _)) => Ok(Some(byte)),
            Some((Event::Fails(broke), _)) => Err(broke),
            Some((Event::Ends, _)) => Ok(None),
            None => Err(End),
        }
    }

    fn read(&self, to: &mut [u8]) -> Result<usize, Broke> {
        match self.next()? {
            Some(byte) => {
                to[0] = byte;
                Ok(1)
            }
            None => Ok(0),
        }
    }

    fn write(&self, from: &[u8]) -> Result<usize, Broke> {
        let mut state = self.0.borrow_mut();
        state.is_used();
        state.has_interrupted = state.script.interrupts && !state.has_interrupted;
        if state.has_interrupted {
            return Err(Interrupted);
        }
        let written = state.written;
        if let Some((_, fault)) = state.script.write.take_if(|(place, _)| *place == written) {
            return match fault {
                WriteFault::Fails(broke) => Err(broke),
                WriteFault::TakesNone => Ok(0),
            };
        }
        let room = if state.script.pauses || state.script.interrupts { 1 } else { usize::MAX };
        let until_fault = state.script.write.map_or(usize::MAX, |(place, _)| place.saturating_sub(written).max(1));
        let count = from.len().min(room).min(until_fault);
        state.held.extend_from_slice(&from[..count]);
        state.written += count;
        Ok(count)
    }

    fn flush(&self) -> Result<(), Broke> {
        let state = &mut *self.0.borrow_mut();
        state.is_used();
        let written = state.written;
        if let Some((_, broke)) = state.script.flush.take_if(|(place, _)| *place <= written) {
            return Err(broke);
        }
        let before = state.sent.len();
        state.sent.append(&mut state.held);
        for end in (before..state.sent.len()).filter(|end| state.sent[*end] == b'\n') {
            let answer = state.script.answer(&state.sent[..=end]);
            state.input.extend(answer.iter().map(|event| (*event, 0)));
        }
        Ok(())
    }
}

impl State {
    fn is_used(&mut self) {
        self.uses += 1;
        assert!(self.uses < PATIENCE, "endless: {} sent", self.sent.escape_ascii());
    }
}

impl serial::ErrorType for Port {
    type Error = Broke;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, Broke> {
        if !self.is_ready(Operation::Read) {
            return Err(nb::Error::WouldBlock);
        }
        // A UART has no end: a closed one reports an error.
        self.next().map_err(nb::Error::Other)?.ok_or(nb::Error::Other(Closed))
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), Broke> {
        if !self.is_ready(Operation::Write) {
            return Err(nb::Error::WouldBlock);
        }
        match Port::write(self, &[byte])? {
            0 => Err(nb::Error::Other(Closed)),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> nb::Result<(), Broke> {
        if !self.is_ready(Operation::Flush) {
            return Err(nb::Error::WouldBlock);
        }
        Ok(Port::flush(self)?)
    }
}

impl embedded_io::ErrorType for Port {
    type Error = Broke;
}

/// The same as a stream that says whether it is ready. It does not like to be used without asking, where a real one
/// would block.
struct Ready(Port);

impl embedded_io::ErrorType for Ready {
    type Error = Broke;
}

impl embedded_io::ReadReady for Ready {
    fn read_ready(&mut self) -> Result<bool, Broke> {
        let is_ready = self.0.is_ready(Operation::Read);
        self.0.0.borrow_mut().can_read = is_ready;
        Ok(is_ready)
    }
}

impl embedded_io::Read for Ready {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        assert!(std::mem::take(&mut self.0.0.borrow_mut().can_read), "read without asking");
        self.0.read(to)
    }
}

impl embedded_io::WriteReady for Ready {
    fn write_ready(&mut self) -> Result<bool, Broke> {
        let is_ready = self.0.is_ready(Operation::Write);
        self.0.0.borrow_mut().can_write = is_ready;
        Ok(is_ready)
    }
}

impl embedded_io::Write for Ready {
    fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        assert!(std::mem::take(&mut self.0.0.borrow_mut().can_write), "written to without asking");
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

impl embedded_io_async::Read for Port {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        self.ready(Operation::Read).await;
        Port::read(self, to)
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        self.ready(Operation::Write).await;
        Port::write(self, from)
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        self.ready(Operation::Flush).await;
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
            self.port.ready(Operation::Read).await;
            self.buffer.extend(self.port.next()?);
            let mut state = self.port.0.borrow_mut();
            while let Some((Event::Byte(byte), _)) = state.input.front()
                && (1..16).contains(&self.buffer.len())
                && !self.buffer.ends_with(b"\n")
            {
                self.buffer.push(*byte);
                state.input.pop_front();
            }
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

fn halves_outcome(error: IoError<HalvesError<Broke, Broke>>) -> Outcome {
    match error {
        IoError::Closed => Outcome::Closed,
        IoError::Port(HalvesError::Reader(broke) | HalvesError::Writer(broke)) => Outcome::Broke(broke),
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

struct ByHand {
    served: Served,
    /// How much has been sent before each event, and at the end.
    due: Vec<usize>,
}

/// What the agent does with the events by itself.
fn by_hand(input: &[Event]) -> ByHand {
    let mut agent = TestAgent::new(());
    let (mut sent, mut outcomes, mut due) = (Vec::new(), Vec::new(), vec![0]);
    for event in input {
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
        due.push(sent.len());
    }
    outcomes.push(Outcome::Broke(End));
    ByHand { served: (sent.escape_ascii().to_string(), outcomes), due }
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

const AGENTS: [(&str, Loop); 13] = [
    ("poll_nb", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| {
            repeat(|| {
                let result = agent.poll_nb(&mut port);
                polled(&mut agent, result, |broke| broke)
            })
        });
        (port.sent(), outcomes)
    }),
    ("poll_nb, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut port = Halves { reader: port.clone(), writer: port };
        let outcomes = serve(|| {
            repeat(|| {
                let result = agent.poll_nb(&mut port);
                polled(&mut agent, result, |error| match error {
                    HalvesError::Reader(broke) | HalvesError::Writer(broke) => broke,
                })
            })
        });
        (port.writer.sent(), outcomes)
    }),
    ("a queue from a handler, and poll_nb", |uart| {
        let mut agent = TestAgent::new(());
        let mut queue: Queue<RxEntry, 512> = Queue::new();
        let (producer, consumer) = queue.split();
        let mut handler = RxProducer::new(producer);
        let mut port = Halves { reader: RxConsumer::new(consumer), writer: uart.clone() };
        let outcomes = serve(|| {
            loop {
                // The interrupt handler.
                let event = uart.is_ready(Operation::Read).then(|| uart.next());
                match event {
                    Some(Ok(Some(byte))) => handler.push(byte),
                    Some(Err(Framing | Parity | Noise)) => handler.corrupted(),
                    Some(Err(Overrun)) => handler.lost(),
                    None | Some(Ok(None) | Err(Interrupted | Closed | Fatal | End)) => {}
                }
                // The main loop.
                let result = agent.poll_nb(&mut port);
                let outcome = polled(&mut agent, result, |error| match error {
                    HalvesError::Reader(fault) => panic!("{fault:?}"),
                    HalvesError::Writer(broke) => broke,
                });
                if let Some(outcome) = outcome {
                    return outcome;
                }
                match event {
                    Some(Ok(None) | Err(Closed)) => {
                        agent.reset();
                        return Outcome::Closed;
                    }
                    Some(Err(broke @ (Fatal | End))) => return Outcome::Broke(broke),
                    _ => {}
                }
            }
        });
        (port.writer.sent(), outcomes)
    }),
    ("poll_io", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Ready(port));
        let outcomes = serve(|| repeat(|| agent.poll_io(&mut port, fault).err().map(Outcome::from)));
        (port.0.sent(), outcomes)
    }),
    ("poll_io, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut port = Halves { reader: Ready(port.clone()), writer: Ready(port) };
        let outcomes = serve(|| repeat(|| agent.poll_io(&mut port, halves_fault).err().map(halves_outcome)));
        (port.writer.0.sent(), outcomes)
    }),
    ("run_blocking", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| agent.run_blocking(&mut port, fault).unwrap_err().into());
        (port.sent(), outcomes)
    }),
    ("run_blocking, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut port = Halves { reader: port.clone(), writer: port };
        let outcomes = serve(|| halves_outcome(agent.run_blocking(&mut port, halves_fault).unwrap_err()));
        (port.writer.sent(), outcomes)
    }),
    ("run", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes = serve(|| run(agent.run(&mut port, fault)).unwrap_err().into());
        (port.sent(), outcomes)
    }),
    ("run, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut port = Halves { reader: port.clone(), writer: port };
        let outcomes = serve(|| halves_outcome(run(agent.run(&mut port, halves_fault)).unwrap_err()));
        (port.writer.sent(), outcomes)
    }),
    ("run, dropped at every poll", |mut port| {
        let mut agent = TestAgent::new(());
        let outcomes =
            serve(|| run_dropping(|context| pin!(agent.run(&mut port, fault)).poll(context)).unwrap_err().into());
        (port.sent(), outcomes)
    }),
    ("run_buffered", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Buffered::new(port));
        let outcomes = serve(|| run(agent.run_buffered(&mut port, fault)).unwrap_err().into());
        (port.port.sent(), outcomes)
    }),
    ("run_buffered, halves", |port| {
        let mut agent = TestAgent::new(());
        let mut port = Halves { reader: Buffered::new(port.clone()), writer: port };
        let outcomes = serve(|| halves_outcome(run(agent.run_buffered(&mut port, halves_fault)).unwrap_err()));
        (port.writer.sent(), outcomes)
    }),
    ("run_buffered, dropped at every poll", |port| {
        let (mut agent, mut port) = (TestAgent::new(()), Buffered::new(port));
        let outcomes = serve(|| {
            run_dropping(|context| pin!(agent.run_buffered(&mut port, fault)).poll(context)).unwrap_err().into()
        });
        (port.port.sent(), outcomes)
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
fn agent_input(fault: Event, place: usize) -> Vec<Event> {
    let mut events = bytes(&PING.repeat(2));
    events.insert(place, fault);
    events.extend(bytes(&PING.repeat(2)));
    events
}

#[test]
fn a_read_that_fails_at_any_byte_costs_what_the_rules_say() {
    for fault in READ_FAULTS {
        for place in 0..=2 * PING.len() {
            let script = Script::new(agent_input(fault, place));
            let due = by_hand(&script.input).served;
            // Bytes that are missing between requests may have been the next one's first.
            let is_gap_between = fault == Event::Fails(Overrun) && (place + 1) % PING.len() <= 1;
            let good = PONG.repeat(if is_gap_between { 1 } else { 2 }).escape_ascii().to_string();
            assert!(due.0.ends_with(&good), "{fault:?} at {place}: {}", due.0);
            for (how, serve) in AGENTS {
                for script in [&script, &script.pausing()] {
                    assert_eq!(serve(Port::new(script)), due, "{how}: {fault:?} at {place}");
                }
            }
        }
    }
}

/// Sent in part, a response goes on where it was: nothing is sent twice and nothing is left out.
#[test]
fn a_write_or_flush_that_fails_at_any_byte_is_tried_again() {
    let script = Script::new(bytes(&PING.repeat(3)));
    let due = by_hand(&script.input).served.0;
    for place in 0..3 * PONG.len() {
        for broke in [Interrupted, Fatal, Framing] {
            let failing_write = Script { write: Some((place, WriteFault::Fails(broke))), ..script.clone() };
            let failing_flush = Script { flush: Some((place, broke)), ..script.clone() };
            for script in [&failing_write, &failing_flush, &failing_write.pausing(), &failing_flush.pausing()] {
                for (how, serve) in AGENTS {
                    let (sent, outcomes) = serve(Port::new(script));
                    assert_eq!(sent, due, "{how}: {broke:?} at {place}");
                    let has_told = outcomes.first() == Some(&Outcome::Broke(broke));
                    assert_eq!(has_told, broke != Interrupted, "{how}: {broke:?} at {place}: {outcomes:?}");
                }
            }
        }
    }
}

/// The other end has gone: what was not sent by then is not for the next one.
#[test]
fn a_write_that_takes_nothing_closes_the_port() {
    let script = Script::new(bytes(&PING.repeat(2)));
    for place in 0..PONG.len() {
        for fault in [WriteFault::TakesNone, WriteFault::Fails(Closed)] {
            let due = [&PONG[..place], PONG].concat();
            let script = Script { write: Some((place, fault)), sent_at_end: Some(due.len()), ..script.clone() };
            for script in [&script, &script.pausing()] {
                for (how, serve) in AGENTS {
                    let (sent, outcomes) = serve(Port::new(script));
                    assert_eq!(sent, due.escape_ascii().to_string(), "{how}: {fault:?} at {place}");
                    assert_eq!(outcomes, [Outcome::Closed, Outcome::Broke(End)], "{how}: {fault:?} at {place}");
                }
            }
        }
    }
}

/// No FIFO holds that many errors: the port itself is broken, and its caller must hear of it.
#[test]
fn a_port_that_only_fails_comes_out() {
    for broke in [Interrupted, Framing, Overrun] {
        let fails = vec![Event::Fails(broke); 300];
        let script = Script::new([fails, bytes(PING)].concat());
        for (how, serve) in AGENTS {
            let (sent, outcomes) = serve(Port::new(&script));
            assert!(sent.ends_with(&PONG.escape_ascii().to_string()) || broke == Overrun, "{how}: {broke:?}: {sent}");
            let tells = outcomes.contains(&Outcome::Broke(broke));
            // A queue has no errors of its own, and a UART no interruptions.
            let cannot = how.starts_with("a queue") || (how.starts_with("poll_nb") && broke == Interrupted);
            assert!(tells || cannot, "{how}: {broke:?}: {outcomes:?}");
        }
    }
}

/// A break lasts as long as the cable is unplugged. A port that makes the loop wait between two errors is not stuck.
#[test]
fn errors_that_take_their_time_do_not_end_a_loop() {
    for broke in [Interrupted, Framing, Overrun] {
        let fails = vec![Event::Fails(broke); 300];
        let script = Script::new([fails, bytes(&PING.repeat(2))].concat()).pausing();
        let due = by_hand(&script.input).served;
        // A thread that blocks cannot tell how long it has.
        for (how, serve) in AGENTS.iter().filter(|(how, _)| !how.starts_with("run_blocking")) {
            assert_eq!(serve(Port::new(&script)), due, "{how}: {broke:?}");
        }
    }
}

/// Interrupts each write and flush many times, each time after a wait, and then takes it. The input is one request.
struct SlowlyInterrupted {
    input: &'static [u8],
    sent: Vec<u8>,
    left: usize,
}

impl SlowlyInterrupted {
    const TIMES: usize = 300;

    async fn interrupt(&mut self) -> Result<(), Broke> {
        let mut has_waited = false;
        poll_fn(|_| if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        self.left = self.left.checked_sub(1).unwrap_or(Self::TIMES);
        if self.left < Self::TIMES { Err(Interrupted) } else { Ok(()) }
    }
}

impl embedded_io::ErrorType for SlowlyInterrupted {
    type Error = Broke;
}

impl embedded_io_async::Read for SlowlyInterrupted {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        Ok(embedded_io::Read::read(&mut self.input, to).unwrap())
    }
}

impl embedded_io_async::Write for SlowlyInterrupted {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Broke> {
        self.interrupt().await?;
        self.sent.extend_from_slice(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        self.interrupt().await
    }
}

#[test]
fn writes_and_flushes_that_take_their_time_to_fail_do_not_end_a_loop() {
    let times = SlowlyInterrupted::TIMES;
    let mut port = SlowlyInterrupted { input: PING, sent: Vec::new(), left: times };
    assert_eq!(run(TestAgent::new(()).run(&mut port, fault)), Err(IoError::Closed));
    assert_eq!(port.sent, PONG);
}

#[test]
fn errors_with_bytes_between_them_do_not_end_a_loop() {
    let noise = [Event::Fails(Framing), Event::Byte(b'\n')].repeat(300);
    let script = Script::new([noise.clone(), bytes(&PING.repeat(2))].concat());
    let due = by_hand(&script.input).served;
    for (how, serve) in AGENTS {
        assert_eq!(serve(Port::new(&script)), due, "{how}");
    }
    let mut script = Script { answers: answers(), ..Script::default() };
    script.answers[0].1.splice(..0, noise);
    for (how, converse) in CLIENTS {
        assert_eq!(converse(Port::answering(&script)), well(), "{how}");
    }
}

/// The 257th error in a row ends a loop, as the module says, and no earlier one.
#[test]
fn a_loop_goes_on_after_256_errors_in_a_row() {
    for (count, ends) in [(256, false), (257, true)] {
        for broke in [Interrupted, Overrun] {
            let fails = vec![Event::Fails(broke); count];
            let script = Script::new([fails, bytes(&PING.repeat(2))].concat());
            for (how, serve) in AGENTS {
                let (_, outcomes) = serve(Port::new(&script));
                // A queue has no errors of its own, and a UART no interruptions.
                let cannot = how.starts_with("a queue") || (how.starts_with("poll_nb") && broke == Interrupted);
                assert_eq!(
                    outcomes.contains(&Outcome::Broke(broke)),
                    ends && !cannot,
                    "{how}: {count} times {broke:?}: {outcomes:?}"
                );
            }
        }
        for broke in [Framing, Overrun] {
            let mut script = Script { answers: answers(), ..Script::default() };
            script.answers[0].1.splice(..0, vec![Event::Fails(broke); count]);
            for (how, converse) in CLIENTS {
                let first = converse(Port::answering(&script)).swap_remove(0);
                let due = if ends { Answer::Outcome(Outcome::Broke(broke)) } else { well().swap_remove(0) };
                assert_eq!(first, due, "{how}: {count} times {broke:?}");
            }
        }
    }
}

/// Without its last error, the rest would make a request of what comes before and after a gap.
#[test]
fn the_error_that_ends_a_loop_is_not_forgotten() {
    let (before, after) = PING.split_at(11);
    let stuck = vec![Event::Fails(Interrupted); 256];
    for last in [Framing, Overrun] {
        let input = [bytes(before), stuck.clone(), vec![Event::Fails(last)], bytes(after), bytes(PING)].concat();
        let due = by_hand(&input).served.0;
        for (how, serve) in AGENTS {
            let (sent, outcomes) = serve(Port::new(&Script::new(input.clone())));
            assert_eq!(sent, due, "{how}: {last:?}: {outcomes:?}");
        }
    }
}

#[test]
fn writes_that_are_interrupted_now_and_then_do_not_end_a_loop() {
    let script = Script { interrupts: true, ..Script::new(bytes(b"{\"execute\": \"guest-info\"}\n")) };
    let due = by_hand(&script.input).served;
    assert!(due.0.len() > 256);
    for (how, serve) in AGENTS {
        assert_eq!(serve(Port::new(&script)), due, "{how}");
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Reply(String),
    Error(ClientError),
    Outcome(Outcome),
    /// Nothing comes: the caller's deadline passes.
    Overdue,
}

impl Answer {
    /// `None`: nothing has come yet.
    fn of<E>(exchanged: nb::Result<Reply<'_>, LineError<ClientError, E>>, outcome: fn(E) -> Outcome) -> Option<Self> {
        Some(match exchanged {
            Ok(reply) => Self::Reply(format!("{reply:?}")),
            Err(nb::Error::WouldBlock) => return None,
            Err(nb::Error::Other(LineError::Protocol(error))) => Self::Error(error),
            Err(nb::Error::Other(LineError::Port(error))) => match outcome(error) {
                Outcome::Broke(End) => Self::Overdue,
                // A UART has no name for it, so its caller sees it.
                Outcome::Broke(Interrupted) => return None,
                outcome => Self::Outcome(outcome),
            },
        })
    }
}

/// A UART's errors.
fn uart_outcome(broke: Broke) -> Outcome {
    match broke {
        Closed => Outcome::Closed,
        broke => Outcome::Broke(broke),
    }
}

fn stream_outcome(error: IoError<Broke>) -> Outcome {
    error.into()
}

/// Synchronizes and asks, three times, whatever comes of it. The last answer may come in pieces. The caller's part is
/// here: it tries again after an error that means nothing, and resets the client after one that does.
fn converse(mut exchange: impl FnMut(&mut TestClient) -> Answer) -> Vec<Answer> {
    let mut client = TestClient::new();
    let mut answers = Vec::new();
    for id in [7, 100, 200] {
        client.synchronize(id);
        for _ in 0..2 {
            loop {
                let answer = exchange(&mut client);
                let is_again = matches!(answer, Answer::Outcome(Outcome::Broke(Fatal | Framing)));
                let goes_on =
                    |reply: &str| ["Unattributed", "Piece", "Discarded"].iter().any(|it| reply.starts_with(it));
                let is_again = is_again || matches!(&answer, Answer::Reply(reply) if goes_on(reply));
                let is_over = matches!(answer, Answer::Outcome(Outcome::Closed) | Answer::Overdue);
                answers.push(answer);
                if is_over {
                    client.reset();
                }
                if !is_again {
                    break;
                }
            }
            let members: &[&str] = if id == 200 { &["text"] } else { &[] };
            if client.execute(Execute::new("guest-ping").pieces(members)).is_err() {
                break;
            }
        }
        client.reset();
    }
    answers
}

fn first<const CALLS: usize>(mut answer: impl FnMut() -> Option<Answer>) -> Answer {
    (0..CALLS).find_map(|_| answer()).unwrap_or(Answer::Overdue)
}

type Exchanged<'c> = Result<Reply<'c>, LineError<ClientError, IoError<Broke>>>;

fn polled_once<'c>(exchange: Pin<&mut impl Future<Output = Exchanged<'c>>>) -> Option<Answer> {
    match exchange.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(exchanged) => Answer::of(exchanged.map_err(nb::Error::Other), stream_outcome),
        Poll::Pending => None,
    }
}

type ClientLoop = fn(Port) -> Vec<Answer>;

const CLIENTS: [(&str, ClientLoop); 8] = [
    ("exchange_nb", |mut port| {
        converse(|client| first::<1000>(|| Answer::of(client.exchange_nb(&mut port), uart_outcome)))
    }),
    ("exchange_nb, halves", |port| {
        let mut port = Halves { reader: port.clone(), writer: port };
        let outcome = |error| match error {
            HalvesError::Reader(broke) | HalvesError::Writer(broke) => uart_outcome(broke),
        };
        converse(|client| first::<1000>(|| Answer::of(client.exchange_nb(&mut port), outcome)))
    }),
    ("exchange_io", |port| {
        let mut port = Ready(port);
        converse(|client| first::<1000>(|| Answer::of(client.exchange_io(&mut port, fault), stream_outcome)))
    }),
    ("exchange_blocking", |mut port| {
        converse(|client| {
            let exchanged = client.exchange_blocking(&mut port, fault).map_err(nb::Error::Other);
            Answer::of(exchanged, stream_outcome).unwrap()
        })
    }),
    ("exchange", |mut port| {
        let mut writer = port.clone();
        converse(|client| {
            let mut future = pin!(client.exchange(&mut port, &mut writer, fault));
            first::<1000>(|| polled_once(future.as_mut()))
        })
    }),
    ("exchange, dropped at every poll", |mut port| {
        let mut writer = port.clone();
        converse(|client| {
            first::<1000>(|| {
                let future = pin!(client.exchange(&mut port, &mut writer, fault));
                polled_once(future)
            })
        })
    }),
    ("exchange_buffered", |port| {
        let (mut writer, mut reader) = (port.clone(), Buffered::new(port));
        converse(|client| {
            let mut future = pin!(client.exchange_buffered(&mut reader, &mut writer, fault));
            first::<1000>(|| polled_once(future.as_mut()))
        })
    }),
    ("exchange_buffered, dropped at every poll", |port| {
        let (mut writer, mut reader) = (port.clone(), Buffered::new(port));
        converse(|client| {
            first::<1000>(|| {
                let future = pin!(client.exchange_buffered(&mut reader, &mut writer, fault));
                polled_once(future)
            })
        })
    }),
];

/// What the client makes of the answers by itself.
fn converse_by_hand(script: &Script) -> Vec<Answer> {
    let mut input: VecDeque<Event> = VecDeque::new();
    converse(|client| {
        input.extend(script.answer(client.transmit()));
        client.transmitted(client.transmit().len());
        while let Some(event) = input.pop_front() {
            let reply = match event {
                Event::Byte(byte) => client.push(byte).map(|reply| reply.map(|reply| format!("{reply:?}"))),
                Event::Fails(Interrupted) => Ok(None),
                Event::Fails(Framing | Parity | Noise) => client.corrupted().map(|()| None),
                Event::Fails(Overrun) => client.lost().map(|()| None),
                Event::Fails(Closed) | Event::Ends => return Answer::Outcome(Outcome::Closed),
                Event::Fails(broke @ (Fatal | End)) => return Answer::Outcome(Outcome::Broke(broke)),
            };
            match reply {
                Ok(None) => {}
                Ok(Some(reply)) => return Answer::Reply(reply),
                Err(error) => return Answer::Error(error),
            }
        }
        Answer::Overdue
    })
}

fn answers() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("7", bytes(b"\xFF{\"return\": 7}\n")),
        ("8", bytes(b"{\"return\": {}, \"id\": 8}\n")),
        ("100", bytes(b"\xFF{\"return\": 100}\n")),
        ("101", bytes(b"{\"return\": {}, \"id\": 101}\n")),
        ("200", bytes(b"\xFF{\"return\": 200}\n")),
        ("201", bytes(b"{\"return\": {}, \"id\": 201}\n")),
    ]
}

/// What a client says of a conversation in which nothing fails.
fn well() -> Vec<Answer> {
    ["Synchronized", "Return({})"].repeat(3).into_iter().map(|reply| Answer::Reply(reply.into())).collect()
}

#[test]
fn a_read_of_a_client_that_fails_at_any_byte_costs_one_answer() {
    for fault in READ_FAULTS {
        for answer in 0..2 {
            for place in 0..=answers()[answer].1.len() {
                let mut answers = answers();
                answers[answer].1.insert(place, fault);
                let script = Script { answers, ..Script::default() };
                let due = converse_by_hand(&script);
                assert_eq!(due[due.len() - 2..], well()[4..], "{fault:?} at {place} of answer {answer}: {due:?}");
                for (how, converse) in CLIENTS {
                    for script in [&script, &script.pausing()] {
                        let outcome = converse(Port::answering(script));
                        assert_eq!(outcome, due, "{how}: {fault:?} at {place} of answer {answer}");
                    }
                }
            }
        }
    }
}

/// As for an agent: the client says what became of the answer. That its port is stuck comes out with the next error.
#[test]
fn the_error_that_ends_an_exchange_is_not_forgotten() {
    for last in [Framing, Overrun] {
        let mut answers = answers();
        answers[1].1.splice(3..3, [vec![Event::Fails(Interrupted); 256], vec![Event::Fails(last)]].concat());
        let script = Script { answers, ..Script::default() };
        let due = converse_by_hand(&script);
        assert!(matches!(due[1], Answer::Error(_)), "{due:?}");
        // A UART is never interrupted.
        for (how, converse) in CLIENTS.iter().filter(|(how, _)| !how.contains("nb")) {
            assert_eq!(converse(Port::answering(&script)), due, "{how}: {last:?}");
        }
    }
}

/// As for an agent: a client that waits between them does not spin.
#[test]
fn errors_that_take_their_time_do_not_end_an_exchange() {
    let mut script = Script { answers: answers(), ..Script::default() };
    script.answers[0].1.splice(..0, vec![Event::Fails(Framing); 300]);
    for (how, converse) in CLIENTS.iter().filter(|(how, _)| how.starts_with("exchange") && !how.contains('_')) {
        assert_eq!(converse(Port::answering(&script.pausing())), well(), "{how}");
    }
}

/// Bytes after a reply are the next one's.
#[test]
fn two_responses_at_once_are_two_replies() {
    let mut script = Script { answers: answers(), ..Script::default() };
    script.answers[1].1 =
        bytes(b"{\"error\":{\"class\":\"GenericError\",\"desc\":\"noise\"}}{\"return\":{},\"id\":8}\n");
    let due = converse_by_hand(&script);
    assert_eq!((due.len(), &due[2..]), (7, &well()[1..]), "{due:?}");
    for (how, converse) in CLIENTS {
        for script in [&script, &script.pausing()] {
            assert_eq!(converse(Port::answering(script)), due, "{how}");
        }
    }
}

#[test]
fn a_write_or_flush_of_a_client_that_fails_at_any_byte_is_tried_again() {
    let script = Script { answers: answers(), ..Script::default() };
    assert_eq!(converse_by_hand(&script), well());
    for place in 0..100 {
        for broke in [Interrupted, Fatal, Framing] {
            let failing_write = Script { write: Some((place, WriteFault::Fails(broke))), ..script.clone() };
            let failing_flush = Script { flush: Some((place, broke)), ..script.clone() };
            for script in [&failing_write, &failing_flush, &failing_write.pausing(), &failing_flush.pausing()] {
                for (how, converse) in CLIENTS {
                    let mut answers = converse(Port::answering(script));
                    let failed = Answer::Outcome(Outcome::Broke(broke));
                    let has_told = answers.contains(&failed);
                    answers.retain(|answer| *answer != failed);
                    assert_eq!(answers, well(), "{how}: {broke:?} at {place}");
                    assert_eq!(has_told, broke != Interrupted, "{how}: {broke:?} at {place}");
                }
            }
        }
    }
}

#[test]
fn a_write_of_a_client_that_takes_nothing_closes_the_port() {
    let mut client = TestClient::new();
    client.synchronize(7);
    for place in 0..client.transmit().len() {
        for fault in [WriteFault::TakesNone, WriteFault::Fails(Closed)] {
            let script = Script { answers: answers(), write: Some((place, fault)), ..Script::default() };
            for script in [&script, &script.pausing()] {
                for (how, converse) in CLIENTS {
                    let due = [&[Answer::Outcome(Outcome::Closed)], &well()[2..]].concat();
                    assert_eq!(converse(Port::answering(script)), due, "{how}: {fault:?} at {place}");
                }
            }
        }
    }
}

/// Waiting for a reply that nobody has asked for would be waiting for ever.
#[test]
fn a_client_that_has_asked_nothing_does_not_wait() {
    let due = Answer::Error(ClientError::NothingAsked);
    let mut port = Port::answering(&Script::default());
    let mut client = TestClient::new();
    assert_eq!(Answer::of(client.exchange_nb(&mut port), uart_outcome), Some(due.clone()));
    assert_eq!(Answer::of(client.exchange_io(&mut Ready(port.clone()), fault), stream_outcome), Some(due));
    let nothing = Err(LineError::Protocol(ClientError::NothingAsked));
    assert_eq!(client.exchange_blocking(&mut port, fault), nothing);
    assert_eq!(run(client.exchange(&mut port.clone(), &mut port, fault)), nothing);
    assert_eq!(run(client.exchange_buffered(&mut Buffered::new(port.clone()), &mut port, fault)), nothing);
}

/// A guest that takes a string in pieces. One that defers takes each only when it is given again.
#[derive(Default)]
struct Staging<const DEFERS: bool> {
    content: Vec<u8>,
    is_ready: bool,
}

impl<const DEFERS: bool> Guest for Staging<DEFERS> {
    const VERSION: &'static str = "1.0.0";
    const DEFERS: bool = DEFERS;
    const STREAMED: &'static [&'static str] = &["text"];
    const COMMANDS: &'static [Command<Self>] = &[Command::new("write", |staging: &mut Self, call| {
        call.arguments.streamed("text")?;
        let response = call.respond()?;
        response.integer(staging.content.len() as i64)
    })];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        self.is_ready = DEFERS && !self.is_ready;
        if self.is_ready {
            return Err(nb::Error::WouldBlock);
        }
        self.content.extend_from_slice(piece.content);
        Ok(())
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

type StagingAgent<const DEFERS: bool> = Agent<Staging<DEFERS>, 80, 512>;

type StagingLoop<const DEFERS: bool> = fn(&mut StagingAgent<DEFERS>, Port);

/// Each loop but the one that cannot defer.
fn staging_loops<const DEFERS: bool>() -> [(&'static str, StagingLoop<DEFERS>); 6] {
    [
        ("poll_nb", |agent, mut port| {
            while agent.poll_nb(&mut port).is_ok() {
                agent.retry();
            }
        }),
        ("poll_io", |agent, port| {
            let mut port = Ready(port);
            while agent.poll_io(&mut port, fault).is_ok() {
                agent.retry();
            }
        }),
        ("run", |agent, mut port| {
            run(agent.run(&mut port, fault)).unwrap_err();
        }),
        ("run, dropped at every poll", |agent, mut port| {
            run_dropping(|context| pin!(agent.run(&mut port, fault)).poll(context)).unwrap_err();
        }),
        ("run_buffered", |agent, port| {
            run(agent.run_buffered(&mut Buffered::new(port), fault)).unwrap_err();
        }),
        ("run_buffered, dropped at every poll", |agent, port| {
            let mut port = Buffered::new(port);
            run_dropping(|context| pin!(agent.run_buffered(&mut port, fault)).poll(context)).unwrap_err();
        }),
    ]
}

fn a_string_comes_through<const DEFERS: bool>(how: &str, serve: StagingLoop<DEFERS>) {
    let content = "0123456789".repeat(100);
    let request = format!("{{\"execute\": \"write\", \"arguments\": {{\"text\": \"{content}\"}}}}\n");
    let due = [b"{\"return\": 1000}\n", PONG].concat();
    let script = Script { sent_at_end: Some(due.len()), ..Script::new(bytes(&[request.as_bytes(), PING].concat())) };
    for script in [&script, &script.pausing()] {
        let (port, mut agent) = (Port::new(script), Agent::new(Staging { content: vec![], is_ready: false }));
        serve(&mut agent, port.clone());
        assert_eq!(port.sent(), due.escape_ascii().to_string(), "{how}");
        assert_eq!(agent.guest().content, content.as_bytes(), "{how}");
    }
}

#[test]
fn a_string_in_pieces_comes_through_every_loop() {
    for (how, serve) in staging_loops::<false>() {
        a_string_comes_through(how, serve);
    }
    a_string_comes_through::<false>("run_blocking", |agent, mut port| {
        agent.run_blocking(&mut port, fault).unwrap_err();
    });
    for (how, serve) in staging_loops::<true>() {
        a_string_comes_through(&format!("{how}, not taken at once"), serve);
    }
}

/// While it synchronizes, a client waits on after any error of the line.
#[test]
fn a_port_of_a_client_that_only_fails_comes_out() {
    for broke in [Framing, Overrun] {
        let mut script = Script { answers: answers(), ..Script::default() };
        script.answers[0].1 = vec![Event::Fails(broke); 300];
        for (how, converse) in CLIENTS {
            let answers = converse(Port::answering(&script));
            assert_eq!(answers[0], Answer::Outcome(Outcome::Broke(broke)), "{how}");
        }
    }
}

/// After another response's pieces.
#[test]
fn a_return_value_in_pieces_comes_through_every_loop_of_a_client() {
    let content = "0123456789".repeat(100);
    let response = |id| format!("{{\"return\": {{\"text\": \"{content}\", \"eof\": true}}, \"id\": {id}}}\n");
    let mut script = Script { answers: answers(), ..Script::default() };
    script.answers[5].1 = bytes((response(6) + &response(201)).as_bytes());
    let due = converse_by_hand(&script);
    let begins =
        |with: &str| due.iter().filter(|it| matches!(it, Answer::Reply(reply) if reply.starts_with(with))).count();
    assert!(begins("Piece") > 8 && begins("Discarded") == 1 && begins("Return") == 3, "{due:?}");
    for script in [&script, &script.pausing()] {
        for (how, converse) in CLIENTS {
            assert_eq!(converse(Port::answering(script)), due, "{how}");
        }
    }
}

#[test]
fn writes_of_a_client_that_are_interrupted_now_and_then_do_not_end_a_loop() {
    type Large = Client<256, 512>;
    type Exchange = fn(&mut Large, &mut Port) -> String;
    let loops: [(&str, Exchange); 4] = [
        ("exchange_io", |client, port| format!("{:?}", client.exchange_io(&mut Ready(port.clone()), fault))),
        ("exchange_blocking", |client, port| format!("{:?}", client.exchange_blocking(port, fault))),
        ("exchange", |client, port| format!("{:?}", run(client.exchange(&mut port.clone(), port, fault)))),
        ("exchange_buffered", |client, port| {
            format!("{:?}", run(client.exchange_buffered(&mut Buffered::new(port.clone()), port, fault)))
        }),
    ];
    for (how, exchange) in loops {
        let mut port = Port::answering(&Script { answers: answers(), interrupts: true, ..Script::default() });
        let mut client = Large::new();
        client.synchronize(7);
        assert_eq!(exchange(&mut client, &mut port), "Ok(Synchronized)", "{how}");
        let text = "0123456789".repeat(40);
        client.execute_with("write", |arguments| arguments.member("text").string(&text)).unwrap();
        assert_eq!(exchange(&mut client, &mut port), "Ok(Return({}))", "{how}");
    }
}

/// Two halves whose errors have two types: each error is that of its half, and keeps its kind.
#[test]
fn an_error_of_halves_says_whose_it_is() {
    type Error = HalvesError<Broke, embedded_io::ErrorKind>;

    struct Writer;

    impl embedded_io::ErrorType for Writer {
        type Error = embedded_io::ErrorKind;
    }

    impl embedded_io::Write for Writer {
        fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> {
            Err(embedded_io::ErrorKind::BrokenPipe)
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            Err(embedded_io::ErrorKind::TimedOut)
        }
    }

    let reader = Port::new(&Script::new(vec![Event::Fails(Parity)]));
    let mut port = Halves { reader, writer: Writer };
    let read: Error = embedded_io::Read::read(&mut port, &mut [0]).unwrap_err();
    let written = embedded_io::Write::write(&mut port, b"x").unwrap_err();
    let flushed = embedded_io::Write::flush(&mut port).unwrap_err();
    assert_eq!([read, written], [HalvesError::Reader(Parity), HalvesError::Writer(embedded_io::ErrorKind::BrokenPipe)]);
    let faults = [read, written, flushed].map(|error| Fault::by_kind(&error));
    assert_eq!(faults, [Fault::Lost, Fault::Closed, Fault::Fatal]);
    let kinds = [HalvesError::Reader(Parity), HalvesError::Writer(Noise)].map(|error| serial::Error::kind(&error));
    assert_eq!(kinds, [serial::ErrorKind::Parity, serial::ErrorKind::Noise]);

    let mut port = Halves { reader: Port::new(&Script::new(bytes(PING))), writer: Writer };
    let mut agent = TestAgent::new(());
    let whose = |error: &Error| if matches!(error, HalvesError::Writer(_)) { Fault::Closed } else { Fault::Fatal };
    assert_eq!(agent.run_blocking(&mut port, whose), Err(IoError::Closed));
}

/// A reader with a buffer has one as a half, too: what was not consumed is there again.
#[test]
fn what_is_left_in_the_buffer_of_a_half_is_read_again() {
    let mut port = Halves { reader: &b"abc"[..], writer: Port::new(&Script::default()) };
    let mut read = Vec::new();
    while let Some(byte) = embedded_io::BufRead::fill_buf(&mut port).unwrap().first().copied() {
        read.push(byte);
        assert!(read.len() <= 3, "{read:?}");
        embedded_io::BufRead::consume(&mut port, 1);
    }
    assert_eq!(read, b"abc");
}

/// A port on which reading or writing is interrupted for ever.
struct NeverDone<'r> {
    /// What is read before.
    request: &'r [u8],
    writes: bool,
    interrupted: usize,
}

impl<'r> NeverDone<'r> {
    fn new(request: &'r [u8], writes: bool) -> Self {
        Self { request, writes, interrupted: 0 }
    }

    fn interrupt(&mut self) -> Result<usize, Broke> {
        self.interrupted += 1;
        assert!(self.interrupted < 10_000, "the loop never tells");
        Err(Interrupted)
    }
}

impl embedded_io::ErrorType for NeverDone<'_> {
    type Error = Broke;
}

impl embedded_io::Read for NeverDone<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        match self.request.read(to) {
            Ok(0) => self.interrupt(),
            Ok(count) => Ok(count),
            Err(never) => match never {},
        }
    }
}

impl embedded_io::Write for NeverDone<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        if self.writes { Ok(bytes.len()) } else { self.interrupt() }
    }

    fn flush(&mut self) -> Result<(), Broke> {
        Ok(())
    }
}

#[test]
fn what_is_interrupted_for_ever_comes_out() {
    for writes in [true, false] {
        let mut agent = TestAgent::new(());
        let outcome = agent.run_blocking(&mut NeverDone::new(PING, writes), |_| Fault::Interrupted);
        assert_eq!(outcome, Err(IoError::Port(Interrupted)), "writes: {writes}");
        assert_eq!(agent.transmit().is_empty(), writes);
        let mut client = TestClient::new();
        client.synchronize(7);
        let outcome = client.exchange_blocking(&mut NeverDone::new(b"", writes), |_| Fault::Interrupted);
        assert_eq!(outcome, Err(LineError::Port(IoError::Port(Interrupted))), "writes: {writes}");
    }
}

/// A port that takes one byte at a time.
struct Narrow {
    /// How much is to be written before it is flushed.
    left: usize,
    has_room: bool,
    is_flushed: bool,
}

impl Narrow {
    fn new(left: usize) -> Self {
        Self { left, has_room: false, is_flushed: false }
    }

    fn takes_one(&mut self) -> bool {
        self.has_room = !self.has_room;
        self.has_room
    }

    fn write(&mut self) {
        assert!(!self.is_flushed);
        self.left -= 1;
    }

    /// A stream's would block until the other end has taken what was written.
    fn flush(&mut self) {
        assert_eq!(self.left, 0, "it is flushed once all has been written");
        self.is_flushed = true;
    }
}

impl serial::ErrorType for Narrow {
    type Error = Broke;
}

impl serial::Read for Narrow {
    fn read(&mut self) -> nb::Result<u8, Broke> {
        Err(nb::Error::WouldBlock)
    }
}

impl serial::Write for Narrow {
    fn write(&mut self, _: u8) -> nb::Result<(), Broke> {
        if !self.takes_one() {
            return Err(nb::Error::WouldBlock);
        }
        Narrow::write(self);
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), Broke> {
        Narrow::flush(self);
        Ok(())
    }
}

impl embedded_io::ErrorType for Narrow {
    type Error = Broke;
}

impl embedded_io::ReadReady for Narrow {
    fn read_ready(&mut self) -> Result<bool, Broke> {
        Ok(false)
    }
}

impl embedded_io::Read for Narrow {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, Broke> {
        panic!("it would block")
    }
}

impl embedded_io::WriteReady for Narrow {
    fn write_ready(&mut self) -> Result<bool, Broke> {
        Ok(self.takes_one())
    }
}

impl embedded_io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        assert_eq!(bytes.len(), 1);
        Narrow::write(self);
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Broke> {
        Narrow::flush(self);
        Ok(())
    }
}

/// An agent may have to send a response before it takes the rest of a request: a client that waits in a flush would not
/// read it.
#[test]
fn nothing_is_flushed_before_all_is_written() {
    let polls = 1000;
    for is_stream in [false, true] {
        let mut client = TestClient::new();
        client.synchronize(7);
        let mut port = Narrow::new(client.transmit().len());
        for _ in 0..polls {
            let is_waiting = match is_stream {
                false => matches!(client.exchange_nb(&mut port), Err(nb::Error::WouldBlock)),
                true => matches!(client.exchange_io(&mut port, fault), Err(nb::Error::WouldBlock)),
            };
            assert!(is_waiting);
        }
        assert!(port.is_flushed, "a client, by a stream: {is_stream}");

        let mut agent = TestAgent::new(());
        assert_eq!(agent.push_slice(PING), PING.len());
        let mut port = Narrow::new(agent.transmit().len());
        for _ in 0..polls {
            match is_stream {
                false => agent.poll_nb(&mut port).unwrap(),
                true => agent.poll_io(&mut port, fault).unwrap(),
            }
        }
        assert!(port.is_flushed, "an agent, by a stream: {is_stream}");
    }
}
