//! Every loop over a port that blocks, fails and takes parts, and every future dropped at any await: what the port saw,
//! done again by hand, comes to the same.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_hal_nb::serial;
use embedded_io::ErrorType;
use guestwire::client::{ClientError, Execute};
use guestwire::frame::Piece;
use guestwire::io::{Fault, Halves, HalvesError, IoError, LineError, RxConsumer, RxEntry, RxProducer};
use guestwire::{Agent, Client, Command, CommandError, Guest, Reply};
use heapless::spsc::Queue;

use crate::tree::Tree;

/// The first byte says which loop, the second how many of the others are the port's plan. The rest is what comes in.
pub fn loops(bytes: &[u8]) {
    let [which, count, rest @ ..] = bytes else { return };
    let (plan, input) = rest.split_at(rest.len().min((*count).into()));
    let port = Port(Rc::new(RefCell::new(Line {
        plan: plan.iter().copied().collect(),
        input: input.iter().copied().collect(),
        ..Line::default()
    })));
    match which % 12 {
        0 => {
            port.line().is_uart = true;
            serve::<true>(&port, |agent, _| uart_came(agent.poll_nb(&mut port.clone())));
        }
        1 => {
            port.line().is_uart = true;
            let mut halves = Halves { reader: port.clone(), writer: port.clone() };
            serve::<true>(&port, |agent, _| match agent.poll_nb(&mut halves) {
                Err(HalvesError::Reader(broke) | HalvesError::Writer(broke)) => Came::Broke(broke),
                Ok(()) => Came::Nothing,
            });
        }
        2 => {
            let mut ready = Ready::new(&port);
            serve::<true>(&port, |agent, _| agent.poll_io(&mut ready, fault).map_or_else(Came::of, |()| Came::Nothing));
        }
        3 => {
            port.line().is_blocking = true;
            serve::<false>(&port, |agent, _| {
                agent.run_blocking(&mut port.clone(), fault).map_or_else(Came::of, |never| match never {})
            });
        }
        4 => serve::<true>(&port, |agent, polls| {
            let ended = polled(polls, &port, pin!(agent.run(&mut port.clone(), fault)));
            ended.map_or(Came::Nothing, |ended| ended.map_or_else(Came::of, |never| match never {}))
        }),
        5 => {
            let mut reader = Buffered(port.clone(), Vec::new());
            serve::<true>(&port, |agent, polls| {
                let ended = polled(polls, &port, pin!(agent.run_buffered(&mut reader, fault)));
                ended.map_or(Came::Nothing, |ended| ended.map_or_else(Came::of, |never| match never {}))
            });
        }
        6 => {
            port.line().is_uart = true;
            converse(&port, |client, _| Said::of(client.exchange_nb(&mut port.clone()), Came::Broke));
        }
        7 => {
            let mut ready = Ready::new(&port);
            converse(&port, |client, _| Said::of(client.exchange_io(&mut ready, fault), Came::of));
        }
        8 => {
            port.line().is_blocking = true;
            converse(&port, |client, _| {
                Said::of(client.exchange_blocking(&mut port.clone(), fault).map_err(nb::Error::Other), Came::of)
            });
        }
        9 => converse(&port, |client, polls| {
            let (mut reader, mut writer) = (port.clone(), port.clone());
            let said = polled(polls, &port, pin!(client.exchange(&mut reader, &mut writer, fault)));
            said.map_or(Said::Nothing, |said| Said::of(said.map_err(nb::Error::Other), Came::of))
        }),
        10 => {
            let (mut reader, mut writer) = (Buffered(port.clone(), Vec::new()), port.clone());
            converse(&port, |client, polls| {
                let said = polled(polls, &port, pin!(client.exchange_buffered(&mut reader, &mut writer, fault)));
                said.map_or(Said::Nothing, |said| Said::of(said.map_err(nb::Error::Other), Came::of))
            });
        }
        _ => queue(rest),
    }
}

/// What passes between a loop, its port and its caller, as far as it changes an end of the line.
#[derive(Clone, Debug)]
enum Event {
    Read(u8),
    /// A read has failed: the loop asked what that means.
    Corrupted,
    Lost,
    Wrote(Vec<u8>),
    Reset,
    Retried,
    Cancelled,
    Synchronize(i64),
    Execute(&'static [&'static str]),
    /// What a client's loop has returned.
    Said(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Interrupted,
    Corrupted,
    Lost,
    Closed,
    Fatal,
}

use Kind::{Closed, Corrupted, Fatal, Interrupted, Lost};

/// So many errors in a row end a loop.
const TOO_MANY: usize = 257;

#[derive(Default)]
struct Line {
    plan: VecDeque<u8>,
    input: VecDeque<u8>,
    /// How many bytes a reader with a buffer holds.
    buffered: usize,
    /// What the other end has got, and what is not yet flushed.
    sent: Vec<u8>,
    held: usize,
    events: Vec<Event>,
    /// An error that comes several times, each time after a wait or at once.
    failing: Option<(Kind, usize, bool)>,
    /// Errors that the loop has asked about, without a byte or a wait in between.
    errors: usize,
    is_uart: bool,
    is_blocking: bool,
    uses: usize,
}

/// What the port does when it is used.
#[derive(Clone, Copy)]
enum Step {
    Wait,
    Fail(Kind),
    /// At most so many bytes. None: the other end has gone.
    Take(usize),
}

impl Line {
    fn draw(&mut self) -> u8 {
        self.plan.pop_front().unwrap_or(0xFF)
    }

    fn step(&mut self) -> Step {
        self.uses += 1;
        assert!(self.uses < 100_000, "endless");
        if let Some((kind, left, waits)) = self.failing {
            self.failing = (left > 1).then_some((kind, left - 1, waits));
            return if waits && left % 2 == 0 { self.wait() } else { Step::Fail(kind) };
        }
        let byte = self.draw();
        let number = usize::from(byte / 8);
        match byte % 8 {
            0 | 1 => self.wait(),
            2 => {
                let kind = [Interrupted, Corrupted, Lost, Closed, Fatal][number % 5];
                let kind = if self.is_uart && matches!(kind, Interrupted | Closed) { Fatal } else { kind };
                let times = [0, 0, 1, 255, 256, 257, 600][number / 5];
                self.failing = (times > 0).then_some((kind, times, times == 600));
                Step::Fail(kind)
            }
            3 if number == 0 && !self.is_uart => Step::Take(0),
            3 | 4 => Step::Take(1 + number),
            _ => Step::Take(usize::MAX),
        }
    }

    /// A port that blocks waits by itself.
    fn wait(&mut self) -> Step {
        if self.is_blocking { Step::Take(usize::MAX) } else { Step::Wait }
    }

    /// The next bytes, at most so many.
    fn take(&mut self, count: usize) -> Vec<u8> {
        while let (Some(0xFE), Some(b'A')) = (self.input.front(), self.input.get(1)) {
            self.input.drain(..2);
            answer(&self.sent).into_iter().rev().for_each(|byte| self.input.push_front(byte));
        }
        self.input.drain(..count.min(self.input.len())).collect()
    }

    fn write(&mut self, bytes: &[u8], count: usize) -> usize {
        let count = count.min(bytes.len());
        if count > 0 {
            self.errors = 0;
            self.held += count;
            self.sent.extend(&bytes[..count]);
            self.events.push(Event::Wrote(bytes[..count].to_vec()));
        }
        count
    }

    fn has_read(&mut self, byte: u8) {
        self.errors = 0;
        self.events.push(Event::Read(byte));
    }

    /// What changes as long as there is something to do.
    fn progress(&self) -> (usize, usize, Option<(Kind, usize, bool)>) {
        (self.events.len(), self.plan.len(), self.failing)
    }
}

/// The right answer to the last request.
fn answer(sent: &[u8]) -> Vec<u8> {
    let mut lines = sent.split(|byte| *byte == b'\n').rev().skip(1);
    let request = lines.next().and_then(|line| std::str::from_utf8(line.strip_prefix(b"\xFF").unwrap_or(line)).ok());
    let Some(request) = request.and_then(Tree::parse) else { return Vec::new() };
    let id = |tree: Option<&Tree>| tree.and_then(|tree| tree.member("id")).and_then(Tree::integer);
    match (id(request.member("arguments")), id(Some(&request))) {
        (Some(number), _) => [b"\xFF", format!("{{\"return\": {number}}}\n").as_bytes()].concat(),
        (_, Some(id)) => {
            let text = "0123456789".repeat(id as usize % 7);
            format!("{{\"return\": {{\"text\": \"{text}\", \"n\": {id}}}, \"id\": {id}}}\n").into_bytes()
        }
        _ => Vec::new(),
    }
}

/// Its copies are the same port.
#[derive(Clone)]
struct Port(Rc<RefCell<Line>>);

impl Port {
    fn line(&self) -> std::cell::RefMut<'_, Line> {
        self.0.borrow_mut()
    }

    fn broke(&self, kind: Kind, in_read: bool) -> Broke {
        Broke { kind, in_read, port: self.clone() }
    }

    /// `None`: it waits.
    fn try_read(&self, step: Step, to: &mut [u8]) -> Option<Result<usize, Broke>> {
        match step {
            Step::Wait => None,
            Step::Fail(kind) => Some(Err(self.broke(kind, true))),
            Step::Take(count) => {
                let bytes = self.line().take(count.min(to.len()));
                match bytes[..] {
                    [] if count > 0 && self.line().is_blocking => return Some(Err(self.broke(Fatal, true))),
                    [] if count > 0 => return None,
                    _ => to[..bytes.len()].copy_from_slice(&bytes),
                }
                bytes.iter().for_each(|byte| self.line().has_read(*byte));
                Some(Ok(bytes.len()))
            }
        }
    }

    fn try_write(&self, step: Step, bytes: &[u8]) -> Option<Result<usize, Broke>> {
        match step {
            Step::Wait => None,
            Step::Fail(kind) => Some(Err(self.broke(kind, false))),
            Step::Take(count) => Some(Ok(self.line().write(bytes, count))),
        }
    }

    fn try_flush(&self, step: Step) -> Option<Result<(), Broke>> {
        match step {
            Step::Wait => None,
            Step::Fail(kind) => Some(Err(self.broke(kind, false))),
            Step::Take(_) => {
                self.line().held = 0;
                Some(Ok(()))
            }
        }
    }

    /// Whoever waits for the other end has sent everything.
    fn check_flushed(&self) {
        assert_eq!(self.line().held, 0, "it waits for an answer to what it has not flushed");
    }

    async fn at<T>(&self, mut act: impl FnMut(Step) -> Option<T>) -> T {
        poll_fn(|_| {
            let step = self.line().step();
            act(step).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// An error, which notes when it is asked what it means.
#[derive(Clone)]
struct Broke {
    kind: Kind,
    in_read: bool,
    port: Port,
}

impl Broke {
    fn note(&self) {
        let mut line = self.port.line();
        line.errors += 1;
        assert!(line.errors <= TOO_MANY, "it goes on after too many errors");
        match self.kind {
            Corrupted if self.in_read => line.events.push(Event::Corrupted),
            Lost if self.in_read => line.events.push(Event::Lost),
            _ => {}
        }
    }

    /// Whether a loop ends with it.
    fn check_end(&self) {
        let goes_on = self.kind == Interrupted || self.in_read && matches!(self.kind, Corrupted | Lost);
        assert!(!goes_on || self.port.line().errors == TOO_MANY, "{self:?} after {}", self.port.line().errors);
    }
}

fn fault(error: &Broke) -> Fault {
    error.note();
    match error.kind {
        Interrupted => Fault::Interrupted,
        Corrupted => Fault::Corrupted,
        Lost => Fault::Lost,
        Closed => Fault::Closed,
        Fatal => Fault::Fatal,
    }
}

impl fmt::Debug for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in a {}", self.kind, if self.in_read { "read" } else { "write" })
    }
}

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
        self.note();
        match self.kind {
            Corrupted => serial::ErrorKind::Parity,
            Lost => serial::ErrorKind::Overrun,
            _ => serial::ErrorKind::Other,
        }
    }
}

impl serial::ErrorType for Port {
    type Error = Broke;
}

impl serial::Read for Port {
    fn read(&mut self) -> nb::Result<u8, Broke> {
        let (step, mut byte) = (self.line().step(), [0]);
        self.try_read(step, &mut byte).ok_or(nb::Error::WouldBlock)??;
        Ok(byte[0])
    }
}

impl serial::Write for Port {
    fn write(&mut self, byte: u8) -> nb::Result<(), Broke> {
        let step = self.line().step();
        self.try_write(step, &[byte]).ok_or(nb::Error::WouldBlock)??;
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), Broke> {
        let step = self.line().step();
        Ok(self.try_flush(step).ok_or(nb::Error::WouldBlock)??)
    }
}

impl ErrorType for Port {
    type Error = Broke;
}

/// It blocks: nothing waits there.
impl embedded_io::Read for Port {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        self.check_flushed();
        let step = self.line().step();
        self.try_read(step, to).expect("it blocks")
    }
}

impl embedded_io::Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        let step = self.line().step();
        self.try_write(step, bytes).expect("it blocks")
    }

    fn flush(&mut self) -> Result<(), Broke> {
        let step = self.line().step();
        self.try_flush(step).expect("it blocks")
    }
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        self.at(|step| self.try_read(step, to)).await
    }
}

impl embedded_io_async::Write for Port {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        self.at(|step| self.try_write(step, bytes)).await
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        self.at(|step| self.try_flush(step)).await
    }
}

/// A reader that has a buffer.
struct Buffered(Port, Vec<u8>);

impl ErrorType for Buffered {
    type Error = Broke;
}

impl embedded_io_async::Read for Buffered {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Broke> {
        unreachable!("it has a buffer")
    }
}

impl embedded_io_async::BufRead for Buffered {
    async fn fill_buf(&mut self) -> Result<&[u8], Broke> {
        if self.1.is_empty() {
            let fill = |step| match step {
                Step::Wait => None,
                Step::Fail(kind) => Some(Err(self.0.broke(kind, true))),
                Step::Take(count) => {
                    let bytes = self.0.line().take(count.min(64));
                    (count == 0 || !bytes.is_empty()).then_some(Ok(bytes))
                }
            };
            self.1 = self.0.at(fill).await?;
            self.0.line().buffered = self.1.len();
        }
        Ok(&self.1)
    }

    fn consume(&mut self, count: usize) {
        self.1.drain(..count).for_each(|byte| self.0.line().has_read(byte));
        self.0.line().buffered = self.1.len();
    }
}

impl embedded_io_async::Write for Buffered {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        embedded_io_async::Write::write(&mut self.0, bytes).await
    }

    async fn flush(&mut self) -> Result<(), Broke> {
        embedded_io_async::Write::flush(&mut self.0).await
    }
}

/// A stream that says whether it is ready, and would block if it were used otherwise.
struct Ready {
    port: Port,
    read: Option<Step>,
    write: Option<Step>,
}

impl Ready {
    fn new(port: &Port) -> Self {
        Self { port: port.clone(), read: None, write: None }
    }

    /// What the port is going to do. Some errors come at once.
    fn ask(&self, in_read: bool) -> Result<Option<Step>, Broke> {
        let step = self.port.line().step();
        let comes_now = self.port.line().uses.is_multiple_of(2);
        match step {
            Step::Wait => Ok(None),
            Step::Fail(kind) if comes_now => Err(self.port.broke(kind, in_read)),
            step => Ok(Some(step)),
        }
    }
}

impl ErrorType for Ready {
    type Error = Broke;
}

impl embedded_io::ReadReady for Ready {
    fn read_ready(&mut self) -> Result<bool, Broke> {
        self.read = self.ask(true)?;
        let has_none = self.port.line().input.is_empty();
        self.read = self.read.filter(|step| !has_none || matches!(step, Step::Fail(_) | Step::Take(0)));
        Ok(self.read.is_some())
    }
}

impl embedded_io::WriteReady for Ready {
    fn write_ready(&mut self) -> Result<bool, Broke> {
        self.write = self.ask(false)?;
        Ok(self.write.is_some())
    }
}

impl embedded_io::Read for Ready {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Broke> {
        let step = self.read.take().expect("it was asked whether it is ready");
        // An answer that the peer cannot give closes the line.
        self.port.try_read(step, to).unwrap_or(Ok(0))
    }
}

impl embedded_io::Write for Ready {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Broke> {
        let step = self.write.take().expect("it was asked whether it is ready");
        self.port.try_write(step, bytes).expect("it is ready")
    }

    fn flush(&mut self) -> Result<(), Broke> {
        let step = self.port.line().step();
        self.port.try_flush(step).unwrap_or_else(|| self.port.try_flush(Step::Take(1)).expect("it blocks"))
    }
}

/// Polls a future so many times, and drops it.
fn polled<T>(polls: u8, port: &Port, mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        port.line().errors = 0; // the task has waited
    }
    None
}

/// What became of a call.
enum Came {
    Nothing,
    Closed,
    Broke(Broke),
}

impl Came {
    fn of(error: IoError<Broke>) -> Self {
        match error {
            IoError::Closed => Self::Closed,
            IoError::Port(broke) => Self::Broke(broke),
        }
    }
}

fn uart_came(result: Result<(), Broke>) -> Came {
    result.map_or_else(Came::Broke, |()| Came::Nothing)
}

/// Commands and pieces block at every third call, if they can.
#[derive(Default)]
struct Board<const DEFERS: bool> {
    calls: usize,
    heard: Vec<String>,
    port: Option<Port>,
}

impl<const DEFERS: bool> Board<DEFERS> {
    fn blocks(&mut self) -> bool {
        self.calls += 1;
        DEFERS && self.calls % 3 == 1
    }
}

impl<const DEFERS: bool> Guest for Board<DEFERS> {
    const VERSION: &'static str = "1.0.0";
    const DEFERS: bool = DEFERS;
    const STREAMED: &'static [&'static str] = &["s"];
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("w", |board: &mut Self, call| {
            call.arguments.optional_streamed("s")?;
            let number = call.arguments.optional_integer("n")?;
            let response = call.respond()?;
            if board.blocks() {
                return Err(CommandError::WouldBlock);
            }
            board.heard.push(format!("ran {number:?}"));
            response.integer(board.heard.len() as i64)
        }),
        Command::new("q", |board: &mut Self, call| {
            let response = call.respond()?;
            board.heard.push("quiet".into());
            response.done()
        })
        .no_success_response(),
    ];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if self.blocks() {
            return Err(nb::Error::WouldBlock);
        }
        self.heard.push(format!("{piece:?}"));
        Ok(())
    }

    fn discarded(&mut self) {
        self.heard.push("discarded".into());
    }

    fn cancelled(&mut self) {
        self.heard.push("cancelled".into());
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let mut line = self.port.as_ref().expect("it is run").line();
        if matches!(line.step(), Step::Wait) {
            return Poll::Pending;
        }
        line.events.push(Event::Retried);
        Poll::Ready(())
    }
}

type TestAgent<const DEFERS: bool> = Agent<Board<DEFERS>, 96, 640>;

/// Calls an agent's loop until nothing happens any more. It is given how often to poll a future.
fn serve<const DEFERS: bool>(port: &Port, mut call: impl FnMut(&mut TestAgent<DEFERS>, u8) -> Came) {
    let mut agent = TestAgent::new(Board { port: Some(port.clone()), ..Board::default() });
    loop {
        let before = port.line().progress();
        let polls = 1 + port.line().draw() % 4;
        port.line().errors = 0;
        let came = call(&mut agent, polls);
        match came {
            Came::Nothing => {}
            Came::Closed => port.line().events.push(Event::Reset),
            Came::Broke(broke) => broke.check_end(),
        }
        let byte = port.line().draw();
        match byte {
            _ if byte.is_multiple_of(16) => {
                agent.reset();
                port.line().events.push(Event::Reset);
            }
            _ if byte % 16 == 1 => {
                agent.cancel();
                port.line().events.push(Event::Cancelled);
            }
            _ if agent.owes() => {
                agent.retry();
                port.line().events.push(Event::Retried);
            }
            _ => {}
        }
        let after = port.line().progress();
        if before == after && after.1 == 0 && after.2.is_none() {
            break;
        }
    }
    let line = port.line();
    assert!(line.input.is_empty() && line.buffered == 0, "bytes wait: {:?}", line.events);
    assert!(agent.transmit().is_empty() && !agent.owes() && line.held == 0, "an answer waits: {:?}", line.events);

    let mut by_hand: TestAgent<DEFERS> = TestAgent::new(Board::default());
    for event in &line.events {
        match event {
            Event::Read(byte) => assert!(by_hand.push(*byte), "read too early: {:?}", line.events),
            Event::Corrupted => by_hand.corrupted(),
            Event::Lost => by_hand.lost(),
            Event::Wrote(bytes) => {
                assert!(by_hand.transmit().starts_with(bytes), "not what is to be sent: {:?}", line.events);
                by_hand.transmitted(bytes.len());
            }
            Event::Reset => by_hand.reset(),
            Event::Retried => by_hand.retry(),
            Event::Cancelled => by_hand.cancel(),
            Event::Synchronize(_) | Event::Execute(_) | Event::Said(_) => unreachable!("a client's"),
        }
    }
    assert!(by_hand.transmit().is_empty());
    assert_eq!(agent.guest().heard, by_hand.guest().heard);
}

type TestClient = Client<160, 128>;

/// What a client's loop has returned.
enum Said {
    Nothing,
    Text(String),
    Came(Came),
}

impl Said {
    fn of<E>(said: nb::Result<Reply<'_>, LineError<ClientError, E>>, came: impl FnOnce(E) -> Came) -> Self {
        match said {
            Ok(reply) => Self::Text(format!("{reply:?}")),
            Err(nb::Error::WouldBlock) => Self::Nothing,
            Err(nb::Error::Other(LineError::Protocol(error))) => Self::Text(format!("{error:?}")),
            Err(nb::Error::Other(LineError::Port(error))) => Self::Came(came(error)),
        }
    }
}

/// Asks, and waits for the answer, until nothing happens any more. Then the line is clean, and the client gets an answer.
fn converse(port: &Port, mut call: impl FnMut(&mut TestClient, u8) -> Said) {
    let mut client = TestClient::new();
    let (mut id, mut waits) = (0, false);
    loop {
        let before = port.line().progress();
        if !waits {
            let Said::Text(nothing) = call(&mut client, 1) else { panic!("it has asked nothing") };
            assert_eq!((nothing.as_str(), port.line().progress()), ("NothingAsked", before));
            id += 1000;
            let members: &[&str] = if port.line().draw().is_multiple_of(2) { &["text"] } else { &[] };
            if client.execute(Execute::new("x").pieces(members)).is_ok() {
                port.line().events.push(Event::Execute(members));
            } else {
                client.synchronize(id);
                port.line().events.push(Event::Synchronize(id));
            }
            waits = true;
        }
        let polls = 1 + port.line().draw() % 4;
        port.line().errors = 0;
        let said = call(&mut client, polls);
        let mut is_over = port.line().draw().is_multiple_of(16);
        match said {
            Said::Nothing => {}
            Said::Text(text) => {
                waits = ["Unattributed", "Piece", "Discarded"].iter().any(|goes_on| text.starts_with(goes_on));
                port.line().events.push(Event::Said(text));
            }
            Said::Came(Came::Broke(broke)) => broke.check_end(),
            Said::Came(_) => is_over = true,
        }
        if is_over {
            client.reset();
            waits = false;
            port.line().events.push(Event::Reset);
        }
        let after = port.line().progress();
        if waits && before == after && after.1 == 0 && after.2.is_none() {
            break;
        }
    }
    client.reset();
    client.synchronize(1);
    {
        let mut line = port.line();
        line.events.extend([Event::Reset, Event::Synchronize(1)]);
        line.input = b"\xFEA".iter().copied().collect();
    }
    for due in ["Synchronized", "Return("] {
        let said = call(&mut client, 1);
        let Said::Text(text) = said else { panic!("nothing for {due}: {:?}", port.line().events) };
        assert!(text.starts_with(due), "{text}");
        port.line().events.push(Event::Said(text));
        if client.execute("x").is_ok() {
            port.line().events.push(Event::Execute(&[]));
            port.line().input.extend(b"\xFEA");
        }
    }
    let events = std::mem::take(&mut port.line().events);
    let (mut by_hand, mut reply) = (TestClient::new(), None);
    for event in &events {
        assert!(reply.is_none() || matches!(event, Event::Said(_)), "it keeps {reply:?} to itself: {events:?}");
        match event {
            Event::Read(byte) => match by_hand.push(*byte) {
                Ok(said) => reply = said.map(|said| format!("{said:?}")),
                Err(error) => reply = Some(format!("{error:?}")),
            },
            Event::Corrupted => reply = by_hand.corrupted().err().map(|error| format!("{error:?}")),
            Event::Lost => reply = by_hand.lost().err().map(|error| format!("{error:?}")),
            Event::Wrote(bytes) => {
                assert!(by_hand.transmit().starts_with(bytes), "not what is to be sent: {events:?}");
                by_hand.transmitted(bytes.len());
            }
            Event::Reset => drop(by_hand.reset()),
            Event::Synchronize(id) => by_hand.synchronize(*id),
            Event::Execute(members) => by_hand.execute(Execute::new("x").pieces(members)).expect("it is in step"),
            Event::Said(text) => assert_eq!(reply.take().as_deref(), Some(&text[..]), "{events:?}"),
            Event::Retried | Event::Cancelled => unreachable!("an agent's"),
        }
    }
}

/// A queue between a handler and a loop gives what was put in, in order, or says once where something is missing.
fn queue(ops: &[u8]) {
    const PLACES: usize = 5;
    let mut queue: Queue<RxEntry, PLACES> = Queue::new();
    let (producer, consumer) = queue.split();
    let (mut handler, mut reader) = (RxProducer::new(producer), RxConsumer::new(consumer));
    let mut due: VecDeque<Option<nb::Result<u8, Fault>>> = VecDeque::new();
    let mut was_gap = false;
    for op in ops {
        let entry = match op % 8 {
            0..=3 => {
                handler.push(*op);
                Some(Ok(*op))
            }
            4 => {
                handler.corrupted();
                Some(Err(nb::Error::Other(Fault::Corrupted)))
            }
            5 => {
                handler.lost();
                None
            }
            _ => {
                let read = reader.read();
                let due = due
                    .pop_front()
                    .map_or(Err(nb::Error::WouldBlock), |due| due.unwrap_or(Err(nb::Error::Other(Fault::Lost))));
                assert_eq!(read, due);
                continue;
            }
        };
        // The last place is for a gap, and two gaps in a row are one.
        let entry = entry.filter(|_| due.len() < PLACES - 2);
        if entry.is_some() || !was_gap {
            due.push_back(entry);
        }
        was_gap = entry.is_none();
        assert_eq!(reader.is_empty(), due.is_empty());
        assert!(due.len() < PLACES);
    }
}
