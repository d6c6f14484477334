//! Answers that come later: under every event, by every method that feeds an agent, and in any order of them.

mod exchange;
mod random;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use embedded_hal_nb::serial;
use exchange::{error, error_with_id, exchange};
use guestwire::agent::{AgentLent, Entry, Handler, Service, guest_info_size};
use guestwire::io::{Fault, IoError};
use guestwire::{Agent, Call, Command, CommandError, CommandResult, Decoder, Event, Guest};
use random::Random;

/// A guest whose commands wait for `is_ready`. What it is not told, or told twice, fails here.
#[derive(Debug, Default)]
struct Board {
    is_ready: Rc<Cell<bool>>,
    /// The request whose answer it owes.
    begun: Option<i64>,
    /// How often a command was called.
    calls: usize,
    /// The requests that it was told are not asked again.
    cancelled: Vec<i64>,
    /// The requests that were done and are not answered.
    silent: Vec<i64>,
    frozen: bool,
    disabled: &'static str,
    /// How often it was asked whether it is ready, and whom to wake.
    polls: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl Board {
    /// Whether a request is done.
    fn is_done(&mut self, request: i64) -> bool {
        self.calls += 1;
        assert!(self.begun.is_none_or(|begun| begun == request), "{request} is begun before {:?} ended", self.begun);
        self.begun = Some(request);
        let is_done = self.is_ready.get();
        if is_done {
            self.begun = None;
        }
        is_done
    }
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const DEFERS: bool = true;
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new("wait", |board: &mut Self, call| {
            let number = call.arguments.integer("n")?;
            let response = call.respond()?;
            if board.is_done(number) { response.integer(number) } else { Err(CommandError::WouldBlock) }
        }),
        Command::new("silent", |board: &mut Self, call| {
            let number = call.arguments.integer("n")?;
            let response = call.respond()?;
            if !board.is_done(number) {
                return Err(CommandError::WouldBlock);
            }
            board.silent.push(number);
            response.done()
        })
        .no_success_response(),
        Command::new("fail", |board: &mut Self, call| {
            let number = call.arguments.integer("n")?;
            let response = call.respond()?;
            if board.is_done(number) { response.error("it failed") } else { Err(CommandError::WouldBlock) }
        }),
    ];

    fn is_frozen(&self) -> bool {
        self.frozen
    }

    fn is_disabled(&self, command: &str) -> bool {
        self.disabled == command
    }

    fn cancelled(&mut self) {
        self.cancelled.push(self.begun.take().expect("an answer is owed"));
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.polls.set(self.polls.get() + 1);
        if self.is_ready.get() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

const RX: usize = 128;
const TX: usize = guest_info_size::<Board>();

type Waiting = Agent<Board, RX, TX>;

const PING: &[u8] = b"{\"execute\": \"guest-ping\"}\n";
const PONG: &[u8] = b"{\"return\": {}}\n";
const CANCELLED: &str = "The command was cancelled";

fn request(command: &str, number: i64) -> String {
    format!("{{\"execute\":\"{command}\",\"arguments\":{{\"n\":{number}}},\"id\":{number}}}\n")
}

fn response(number: i64) -> String {
    format!("{{\"return\": {number}, \"id\": {number}}}\n")
}

/// An agent that owes the answer to the first request, "wait".
fn owing() -> Waiting {
    owing_to("wait")
}

fn owing_to(command: &str) -> Waiting {
    let mut agent = Agent::new(Board::default());
    let request = request(command, 1);
    let frame = request.trim_end().as_bytes();
    assert_eq!(agent.push_slice(frame), frame.len());
    assert!(agent.owes() && agent.transmit().is_empty());
    assert_eq!(agent.guest().calls, 1);
    agent
}

/// Everything that is transmitted, and that gets its turn by that.
fn sent<S: Service, R: guestwire::frame::Buffer, T: guestwire::frame::Buffer>(
    agent: &mut guestwire::agent::AgentOver<S, R, T>,
) -> String {
    let mut sent = Vec::new();
    while !agent.transmit().is_empty() {
        sent.extend_from_slice(agent.transmit());
        agent.transmitted(agent.transmit().len());
    }
    String::from_utf8(sent).unwrap()
}

/// Lets the command answer.
fn answered(agent: &mut Waiting) -> String {
    agent.guest_mut().is_ready.set(true);
    agent.retry();
    sent(agent)
}

/// Ends what would never end, as a failure.
fn in_time(test: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let thread = thread::spawn(move || {
        test();
        done.send(()).unwrap();
    });
    if wait.recv_timeout(Duration::from_secs(30)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        panic!("it does not end");
    }
    thread.join().expect("it failed");
}

#[test]
fn the_answer_is_given_once_the_command_has_it() {
    let mut agent = owing();
    for calls in 2..5 {
        agent.retry();
        assert!(agent.owes() && agent.transmit().is_empty());
        assert_eq!(agent.guest().calls, calls);
    }
    assert_eq!(answered(&mut agent), response(1));
    assert!(!agent.owes());
    agent.retry();
    agent.cancel();
    assert_eq!(sent(&mut agent), "", "there is nothing to ask again or to cancel");
    assert_eq!((agent.guest().calls, agent.guest().cancelled.len()), (5, 0));
}

#[test]
fn an_error_is_an_answer_too() {
    let mut agent = owing_to("fail");
    assert_eq!(answered(&mut agent), error_with_id("1", "GenericError", "it failed"));
    assert!(!agent.owes() && agent.guest().cancelled.is_empty());
}

/// Nothing is transmitted yet, so there is nothing that could have been.
#[test]
fn a_count_transmitted_is_no_answer() {
    let mut agent = owing();
    agent.transmitted(1000);
    assert!(agent.owes());
    assert_eq!(agent.guest().calls, 1, "the command is asked again by retry() only");
    assert_eq!(answered(&mut agent), response(1));
}

#[test]
fn a_reset_drops_it() {
    let mut agent = owing();
    agent.reset();
    assert!(!agent.owes() && agent.transmit().is_empty());
    agent.reset();
    agent.retry();
    agent.cancel();
    assert_eq!(agent.guest().cancelled, [1]);
    assert_eq!(exchange(&mut agent, PING), PONG, "page 2 gets its own answer only");
}

#[test]
fn a_cancel_answers_it_with_an_error() {
    let mut agent = owing();
    agent.cancel();
    assert_eq!(sent(&mut agent), error_with_id("1", "GenericError", CANCELLED));
    agent.cancel();
    agent.reset();
    assert_eq!(agent.guest().cancelled, [1]);
    assert_eq!(exchange(&mut agent, PING), PONG);
}

/// Class `CommandNotFound` would say that the command was not run.
#[test]
fn a_cancel_says_so_whatever_has_become_of_the_command() {
    for change in [|board: &mut Board| board.frozen = true, |board: &mut Board| board.disabled = "wait"] {
        let mut agent = owing();
        change(agent.guest_mut());
        agent.cancel();
        assert_eq!(sent(&mut agent), error_with_id("1", "GenericError", CANCELLED));
        assert_eq!(agent.guest().cancelled, [1]);
    }
}

#[test]
fn what_is_lost_meanwhile_is_lost_after_it() {
    let mut agent = owing();
    agent.lost();
    assert!(agent.owes());
    assert_eq!(answered(&mut agent), response(1));
    let lost = error("GenericError", "JSON parse error, bytes were lost");
    let answers = exchange(&mut agent, &[PING, PING].concat());
    assert_eq!(String::from_utf8(answers).unwrap(), lost + "{\"return\": {}}\n", "the first may be a rest");
}

#[test]
fn what_is_corrupted_meanwhile_is_answered_after_it() {
    let mut agent = owing();
    agent.corrupted();
    assert!(agent.owes() && agent.transmit().is_empty());
    let noise = error("GenericError", "JSON parse error, expecting value");
    assert_eq!(answered(&mut agent), response(1) + &noise);
    assert_eq!(exchange(&mut agent, PING), PONG);
}

#[test]
fn a_cancel_does_not_forget_what_was_corrupted() {
    let mut agent = owing();
    agent.corrupted();
    agent.cancel();
    let noise = error("GenericError", "JSON parse error, expecting value");
    assert_eq!(sent(&mut agent), error_with_id("1", "GenericError", CANCELLED) + &noise);
}

#[test]
fn a_reset_forgets_what_was_corrupted() {
    let mut agent = owing();
    agent.corrupted();
    agent.reset();
    assert_eq!(exchange(&mut agent, PING), PONG);
}

#[test]
fn a_sentinel_waits_in_the_port() {
    let mut agent = owing();
    let synchronize = b"\xFF{\"execute\": \"guest-sync-delimited\", \"arguments\": {\"id\": 7}}\n";
    assert!(!agent.push(0xFF));
    assert_eq!(agent.push_slice(synchronize), 0);
    assert_eq!(answered(&mut agent), response(1));
    assert_eq!(exchange(&mut agent, synchronize), b"\xFF{\"return\": 7}\n");
}

#[test]
fn a_second_request_waits_in_the_port() {
    let mut agent: Waiting = Agent::new(Board::default());
    let requests = request("wait", 1) + &request("wait", 2);
    let taken = agent.push_slice(requests.as_bytes());
    assert_eq!(taken, request("wait", 1).trim_end().len());
    let rest = &requests.as_bytes()[taken..];
    assert_eq!(agent.push_slice(rest), 0);
    assert_eq!(answered(&mut agent), response(1));
    agent.guest_mut().is_ready.set(false);
    assert_eq!(agent.push_slice(rest), rest.len() - 1);
    assert!(agent.owes());
    assert_eq!(answered(&mut agent), response(2));
}

/// A response before it is still on its way: the command begins when that has gone.
#[test]
fn it_waits_for_the_response_before_it() {
    let mut agent: Waiting = Agent::new(Board::default());
    let requests = [PING, request("wait", 1).trim_end().as_bytes()].concat();
    assert_eq!(agent.push_slice(&requests), requests.len());
    assert!(!agent.owes(), "it is not begun");
    agent.retry();
    agent.cancel();
    assert_eq!((agent.transmit(), agent.guest().calls), (PONG, 0));
    agent.transmitted(PONG.len() - 1);
    assert_eq!((agent.owes(), agent.guest().calls), (false, 0));
    agent.transmitted(1);
    assert_eq!((agent.owes(), agent.guest().calls), (true, 1));
    assert_eq!(answered(&mut agent), response(1));
}

/// A request that waits for its turn was not begun, so nobody has to be told.
#[test]
fn a_reset_before_it_has_begun_cancels_nothing() {
    let mut agent: Waiting = Agent::new(Board::default());
    let requests = [PING, request("wait", 1).trim_end().as_bytes()].concat();
    assert_eq!(agent.push_slice(&requests), requests.len());
    agent.reset();
    assert_eq!((agent.guest().calls, agent.guest().cancelled.len()), (0, 0));
    assert_eq!(exchange(&mut agent, PING), PONG);
}

#[test]
fn a_command_that_has_begun_is_not_refused() {
    for change in [|board: &mut Board| board.frozen = true, |board: &mut Board| board.disabled = "wait"] {
        let mut agent = owing();
        change(agent.guest_mut());
        agent.retry();
        assert!(agent.owes());
        assert_eq!(answered(&mut agent), response(1));
        let refused = String::from_utf8(exchange(&mut agent, request("wait", 2).as_bytes())).unwrap();
        assert!(refused.contains("\"CommandNotFound\""), "the next one is: {refused}");
    }
}

/// As a command of the table.
#[test]
fn a_catch_all_that_has_begun_is_not_refused() {
    struct Proxy(Board);
    impl Service for Proxy {
        const DEFERS: bool = true;
        const CATCH_ALL: Option<Handler<Self>> = Some(|proxy, call| {
            let number = call.arguments.integer("n")?;
            let response = call.respond()?;
            if proxy.0.is_done(number) { response.integer(number) } else { Err(CommandError::WouldBlock) }
        });
        fn version(&self) -> &str {
            "1.0.0"
        }
        fn command(&self, _: usize) -> Option<Entry<'_, Self>> {
            None
        }
        fn is_frozen(&self) -> bool {
            self.0.frozen
        }
    }
    let (mut receive, mut transmit) = ([0; RX], [0; 512]);
    let mut agent = AgentLent::new(Proxy(Board::default()), &mut receive, &mut transmit).unwrap();
    let first = request("other", 1);
    assert_eq!(agent.push_slice(first.as_bytes()), first.trim_end().len());
    agent.guest_mut().0.frozen = true;
    agent.retry();
    assert!(agent.owes());
    agent.guest().0.is_ready.set(true);
    agent.retry();
    assert_eq!(sent(&mut agent), response(1));
    let refused = String::from_utf8(exchange(&mut agent, request("other", 2).as_bytes())).unwrap();
    assert!(refused.contains("\"CommandNotFound\""), "the next one is: {refused}");
    assert_eq!(agent.guest().0.calls, 3);
}

#[test]
fn a_command_that_sends_nothing_may_take_its_time() {
    let mut agent = owing_to("silent");
    agent.retry();
    assert!(agent.owes());
    assert_eq!(answered(&mut agent), "");
    assert!(!agent.owes());
    assert_eq!(agent.guest().silent, [1]);
    assert_eq!(exchange(&mut agent, PING), PONG);
    let mut agent = owing_to("silent");
    agent.corrupted();
    let noise = error("GenericError", "JSON parse error, expecting value");
    assert_eq!(answered(&mut agent), noise, "what waits behind it gets its turn");
    let mut agent = owing_to("silent");
    agent.cancel();
    assert_eq!(sent(&mut agent), error_with_id("1", "GenericError", CANCELLED), "an error is sent");
}

#[test]
fn a_response_that_is_begun_leaves_nothing_behind() {
    struct Late(bool);

    impl Guest for Late {
        const VERSION: &'static str = "1.0.0";
        const DEFERS: bool = true;
        const COMMANDS: &'static [Command<Self>] = &[Command::new("late", |late, call| {
            let is_ready = std::mem::replace(&mut late.0, true);
            let response = call.respond()?;
            let responded = response.string(if is_ready { "done" } else { "half of it" })?;
            if is_ready { Ok(responded) } else { Err(CommandError::WouldBlock) }
        })];
    }

    let mut agent: Agent<Late, 128, 512> = Agent::new(Late(false));
    let request = b"{\"execute\": \"late\"}";
    assert_eq!(agent.push_slice(request), request.len());
    assert!(agent.owes() && agent.transmit().is_empty());
    agent.retry();
    assert_eq!(agent.transmit(), b"{\"return\": \"done\"}\n");
}

#[test]
fn a_guest_that_does_not_defer_answers_with_an_error() {
    struct Hasty;

    impl Guest for Hasty {
        const VERSION: &'static str = "1.0.0";
        const COMMANDS: &'static [Command<Self>] = &[Command::new("wait", |_, _| Err(CommandError::WouldBlock))];

        fn cancelled(&mut self) {
            panic!("nothing was begun");
        }
    }

    let mut agent: Agent<Hasty, 128, 512> = Agent::new(Hasty);
    let answer = exchange(&mut agent, request("wait", 1).as_bytes());
    assert_eq!(String::from_utf8(answer).unwrap(), error_with_id("1", "GenericError", "No answer"));
    assert!(!agent.owes());
    agent.reset();
    assert_eq!(exchange(&mut agent, PING), PONG);
}

/// A service whose table changes.
struct Changing {
    board: Board,
    commands: Vec<Entry<'static, Self>>,
}

impl Service for Changing {
    const DEFERS: bool = true;

    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn cancelled(&mut self) {
        Guest::cancelled(&mut self.board);
    }
}

fn changing() -> Changing {
    fn wait(service: &mut Changing, call: Call<'_>) -> CommandResult {
        let number = call.arguments.integer("n")?;
        let response = call.respond()?;
        if service.board.is_done(number) { response.integer(number) } else { Err(CommandError::WouldBlock) }
    }
    let commands = ["other", "wait"].map(|name| Entry::new(name, wait));
    Changing { board: Board::default(), commands: commands.to_vec() }
}

#[test]
fn a_command_that_is_removed_meanwhile_is_not_found() {
    for is_cancelled in [false, true] {
        let (mut receive, mut transmit) = ([0; 128], [0; 512]);
        let mut agent = AgentLent::new(changing(), &mut receive, &mut transmit).unwrap();
        let request = request("wait", 1);
        assert_eq!(agent.push_slice(request.as_bytes()), request.trim_end().len());
        assert!(agent.owes());
        agent.guest_mut().commands.pop();
        let due = if is_cancelled {
            agent.cancel();
            error_with_id("1", "GenericError", CANCELLED)
        } else {
            agent.retry();
            error_with_id("1", "CommandNotFound", "The command wait has not been found")
        };
        assert_eq!(sent(&mut agent), due);
        assert_eq!(agent.guest().board.cancelled, [1]);
        assert!(!agent.owes());
        agent.retry();
        agent.reset();
        assert_eq!(agent.guest().board.cancelled, [1], "it is told once");
    }
}

#[test]
fn a_command_is_found_although_its_place_has_changed() {
    let (mut receive, mut transmit) = ([0; 128], [0; 512]);
    let mut agent = AgentLent::new(changing(), &mut receive, &mut transmit).unwrap();
    let request = request("wait", 1);
    assert_eq!(agent.push_slice(request.as_bytes()), request.trim_end().len());
    agent.guest_mut().commands.swap(0, 1);
    agent.guest_mut().board.is_ready.set(true);
    agent.retry();
    assert_eq!(sent(&mut agent), response(1));
}

/// Both directions of a port, and how often each was used.
#[derive(Debug, Default)]
struct Port {
    input: VecDeque<u8>,
    output: Vec<u8>,
    reads: usize,
    writes: usize,
    flushes: usize,
    /// The host has closed it.
    is_closed: bool,
}

impl Port {
    fn of(input: &[u8]) -> Self {
        Self { input: input.iter().copied().collect(), ..Self::default() }
    }

    fn read<E>(&mut self) -> nb::Result<u8, E> {
        self.reads += 1;
        self.input.pop_front().ok_or(nb::Error::WouldBlock)
    }

    fn write<E>(&mut self, byte: u8) -> nb::Result<(), E> {
        self.writes += 1;
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

/// The same as a stream.
#[derive(Default)]
struct Stream {
    port: Port,
    buffer: Vec<u8>,
}

impl embedded_io::ErrorType for Stream {
    type Error = Infallible;
}

impl embedded_io::Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        let Ok(byte) = self.port.read::<Infallible>() else { panic!("it is not ready") };
        to[0] = byte;
        Ok(1)
    }
}

impl embedded_io::ReadReady for Stream {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        self.port.reads += 1;
        Ok(!self.port.input.is_empty())
    }
}

impl embedded_io::Write for Stream {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.port.writes += 1;
        self.port.output.push(from[0]);
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::WriteReady for Stream {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        self.port.writes += 1;
        Ok(true)
    }
}

impl embedded_io_async::Read for Stream {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| {
            self.port.reads += 1;
            match self.port.input.pop_front() {
                Some(byte) => {
                    to[0] = byte;
                    Poll::Ready(Ok(1))
                }
                None if self.port.is_closed => Poll::Ready(Ok(0)),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl embedded_io_async::BufRead for Stream {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        self.port.reads += 1;
        self.buffer.extend(self.port.input.drain(..));
        if self.buffer.is_empty() && !self.port.is_closed {
            std::future::pending::<()>().await;
        }
        Ok(&self.buffer)
    }

    fn consume(&mut self, count: usize) {
        self.buffer.drain(..count);
    }
}

impl embedded_io_async::Write for Stream {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        self.port.writes += 1;
        self.port.output.extend_from_slice(from);
        Ok(from.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.port.flushes += 1;
        Ok(())
    }
}

/// One turn of a main loop. Each method, by its name.
type Turn = fn(&mut Waiting, &mut Stream);

const TURNS: [(&str, Turn); 6] = [
    ("poll", |agent, stream| {
        let Ok(()) = agent.poll(&mut stream.port, Port::read::<Infallible>, Port::write);
    }),
    ("poll_nb", |agent, stream| agent.poll_nb(&mut stream.port).unwrap()),
    ("poll_io", |agent, stream| agent.poll_io(stream, |_| Fault::Fatal).unwrap()),
    ("read_from and write_to", |agent, stream| {
        for _ in 0..4 {
            let Ok(()) = agent.read_from(|| stream.port.read::<Infallible>());
            let Ok(()) = agent.write_to(|byte| stream.port.write::<Infallible>(byte));
        }
    }),
    ("push", |agent, stream| {
        loop {
            stream.port.output.extend(sent(agent).bytes());
            match stream.port.input.front() {
                Some(byte) if agent.push(*byte) => stream.port.input.pop_front(),
                _ => break,
            };
        }
    }),
    ("push_slice", |agent, stream| {
        loop {
            let taken = agent.push_slice(stream.port.input.make_contiguous());
            stream.port.input.drain(..taken);
            if agent.transmit().is_empty() {
                break;
            }
            stream.port.output.extend(sent(agent).bytes());
        }
    }),
];

/// None takes a byte while an answer is owed, and none spins.
#[test]
fn a_main_loop_goes_on_while_an_answer_is_owed() {
    for (name, turn) in TURNS {
        in_time(move || {
            let mut agent: Waiting = Agent::new(Board::default());
            let requests = [PING, request("wait", 1).as_bytes(), b"\xFF", PING].concat();
            let mut stream = Stream { port: Port::of(&requests), ..Stream::default() };
            turn(&mut agent, &mut stream);
            assert!(agent.owes(), "{name}");
            assert_eq!(stream.port.output, PONG, "{name}");
            let left = [b"\n\xFF", PING].concat();
            assert_eq!(stream.port.input, left, "{name}");
            let uses = |port: &Port| (port.reads, port.writes);
            let before = uses(&stream.port);
            for _ in 0..10 {
                turn(&mut agent, &mut stream);
            }
            assert_eq!(uses(&stream.port), before, "{name}: it is asked for nothing");
            assert_eq!(stream.port.input, left, "{name}");
            assert_eq!(agent.guest().calls, 1, "{name}: retry() alone asks again");
            agent.guest().is_ready.set(true);
            agent.retry();
            turn(&mut agent, &mut stream);
            turn(&mut agent, &mut stream);
            let due = [PONG, response(1).as_bytes(), PONG].concat();
            assert_eq!(stream.port.output, due, "{name}");
            assert!(stream.port.input.is_empty(), "{name}");
        });
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Both kinds of `run`.
#[derive(Clone, Copy, Debug)]
enum Run {
    Plain,
    Buffered,
}

const RUNS: [Run; 2] = [Run::Plain, Run::Buffered];

impl Run {
    async fn run(self, agent: &mut Waiting, stream: &mut Stream) -> Result<Infallible, IoError<Infallible>> {
        match self {
            Self::Plain => agent.run(stream, |_| Fault::Fatal).await,
            Self::Buffered => agent.run_buffered(stream, |_| Fault::Fatal).await,
        }
    }

    /// Runs it until it waits, and drops it then.
    fn once(self, agent: &mut Waiting, stream: &mut Stream) -> Poll<Result<Infallible, IoError<Infallible>>> {
        pin!(self.run(agent, stream)).poll(&mut Context::from_waker(Waker::noop()))
    }
}

/// It waits for the guest's waker, and neither polls it nor the port by itself.
#[test]
fn run_waits_until_the_guest_wakes_it() {
    for run in RUNS {
        in_time(move || {
            let mut agent: Waiting = Agent::new(Board::default());
            let board = agent.guest();
            let (is_ready, polls, waker) = (board.is_ready.clone(), board.polls.clone(), board.waker.clone());
            let requests = [request("wait", 1).as_bytes(), PING].concat();
            let mut stream = Stream { port: Port::of(&requests), ..Stream::default() };
            let wakes = Arc::new(Wakes::default());
            let task = Waker::from(wakes.clone());
            let mut context = Context::from_waker(&task);
            {
                let mut future = pin!(run.run(&mut agent, &mut stream));
                for poll in 1..=10 {
                    assert!(future.as_mut().poll(&mut context).is_pending(), "{run:?}");
                    assert_eq!(polls.get(), poll, "{run:?}: the guest is asked once in each poll");
                    assert_eq!(wakes.0.load(Ordering::Relaxed), 0, "{run:?}: it does not wake itself");
                }
                is_ready.set(true);
                waker.take().unwrap().wake();
                assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "{run:?}: the task's own waker");
                assert!(future.as_mut().poll(&mut context).is_pending(), "{run:?}");
                assert_eq!(polls.get(), 11, "{run:?}: it is asked no more once it has answered");
            }
            assert_eq!(stream.port.output, [response(1).as_bytes(), PONG].concat(), "{run:?}");
            assert_eq!(agent.guest().calls, 2, "{run:?}: once at first, once when it was ready");
        });
    }
}

/// A port that cannot be read is not read, and what was written before is flushed.
#[test]
fn run_reads_nothing_while_an_answer_is_owed() {
    in_time(|| {
        let mut agent: Waiting = Agent::new(Board::default());
        let requests = [PING, request("wait", 1).as_bytes(), PING].concat();
        let mut stream = Stream { port: Port::of(&requests), ..Stream::default() };
        assert!(Run::Plain.once(&mut agent, &mut stream).is_pending());
        assert_eq!(stream.port.input, [b"\n", PING].concat());
        assert_eq!(stream.port.reads, requests.len() - 1 - PING.len());
        assert_eq!(stream.port.output, PONG);
        assert!(stream.port.flushes > 0);
    });
}

#[test]
fn a_dropped_future_drops_no_answer() {
    for run in RUNS {
        in_time(move || {
            let mut agent: Waiting = Agent::new(Board::default());
            let requests = [request("wait", 1).as_bytes(), PING].concat();
            let mut stream = Stream { port: Port::of(&requests), ..Stream::default() };
            for _ in 0..5 {
                assert!(run.once(&mut agent, &mut stream).is_pending(), "{run:?}");
                assert!(agent.owes() && stream.port.output.is_empty(), "{run:?}");
            }
            assert_eq!((agent.guest().calls, agent.guest().cancelled.len()), (1, 0), "{run:?}");
            agent.guest().is_ready.set(true);
            stream.port.is_closed = true;
            assert_eq!(run.once(&mut agent, &mut stream), Poll::Ready(Err(IoError::Closed)), "{run:?}");
            assert_eq!(stream.port.output, [response(1).as_bytes(), PONG].concat(), "{run:?}");
        });
    }
}

/// Between two futures the caller may drop the request, or answer it.
#[test]
fn a_request_is_cancelled_between_two_futures() {
    for run in RUNS {
        in_time(move || {
            let mut agent: Waiting = Agent::new(Board::default());
            let requests = [request("wait", 1).as_bytes(), PING].concat();
            let mut stream = Stream { port: Port::of(&requests), ..Stream::default() };
            assert!(run.once(&mut agent, &mut stream).is_pending());
            agent.cancel();
            assert!(run.once(&mut agent, &mut stream).is_pending());
            let cancelled = error_with_id("1", "GenericError", CANCELLED);
            assert_eq!(stream.port.output, [cancelled.as_bytes(), PONG].concat(), "{run:?}");
            assert_eq!(agent.guest().cancelled, [1], "{run:?}");
        });
    }
}

/// What a request or an error is due, in the order that it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    Answer(i64),
    /// One without `id`.
    Error,
}

/// An agent, one over lent buffers that is told the same, and a decoder that tells what they were sent.
struct Line<'b> {
    agent: Waiting,
    lent: AgentLent<'b, Board>,
    decoder: Decoder<RX>,
    due: VecDeque<Due>,
    /// What was transmitted of a line that is not whole.
    line: Vec<u8>,
    /// Requests that were reset or cancelled while their answer was owed.
    cancelled: Vec<i64>,
    answers: usize,
}

impl<'b> Line<'b> {
    fn new(receive: &'b mut [u8], transmit: &'b mut [u8]) -> Self {
        let lent = AgentLent::new(Board::default(), receive, transmit).unwrap();
        Self {
            agent: Agent::new(Board::default()),
            lent,
            decoder: Decoder::new(),
            due: VecDeque::new(),
            line: Vec::new(),
            cancelled: Vec::new(),
            answers: 0,
        }
    }

    fn are_same(&mut self) {
        assert_eq!(self.agent.transmit(), self.lent.transmit());
        assert_eq!(self.agent.owes(), self.lent.owes());
        assert_eq!(self.agent.is_receiving(), self.lent.is_receiving());
        assert!(!self.agent.owes() || self.agent.transmit().is_empty());
        // Done without an answer: it is not in front of what is due any more.
        let silent = &self.agent.guest().silent;
        while matches!(self.due.front(), Some(Due::Answer(number)) if silent.contains(number)) {
            self.due.pop_front();
        }
    }

    /// Gives both the same bytes. Returns how many they took.
    fn push(&mut self, bytes: &[u8], by_byte: bool) -> usize {
        let taken = if by_byte {
            bytes.iter().take_while(|byte| self.agent.push(**byte)).count()
        } else {
            self.agent.push_slice(bytes)
        };
        assert_eq!(self.lent.push_slice(bytes), taken);
        for byte in &bytes[..taken] {
            match self.decoder.push(*byte) {
                Ok(Some(Event::Frame(frame))) => {
                    let request: serde_json::Value = serde_json::from_slice(frame.as_bytes()).unwrap();
                    // An object inside a broken request has no `id`.
                    self.due.push_back(request["id"].as_i64().map_or(Due::Error, Due::Answer));
                }
                Ok(_) => {}
                Err(_) => self.due.push_back(Due::Error),
            }
        }
        self.are_same();
        taken
    }

    fn gap(&mut self, is_lost: bool) {
        let room = 2 + usize::from(!self.agent.transmit().is_empty());
        let error = if is_lost {
            self.agent.lost();
            self.lent.lost();
            self.decoder.lost().err()
        } else {
            self.agent.corrupted();
            self.lent.corrupted();
            self.decoder.corrupted().err()
        };
        if error.is_some() {
            // An error takes the place of another where two outcomes wait already.
            if self.due.len() == room {
                assert_eq!(self.due.pop_back(), Some(Due::Error));
            }
            self.due.push_back(Due::Error);
        }
        self.are_same();
    }

    fn retry(&mut self) {
        self.agent.retry();
        self.lent.retry();
        self.are_same();
    }

    fn cancel(&mut self) {
        self.cancelled.extend(self.agent.guest().begun);
        self.agent.cancel();
        self.lent.cancel();
        self.are_same();
    }

    fn reset(&mut self) {
        self.cancelled.extend(self.agent.guest().begun);
        self.agent.reset();
        self.lent.reset();
        self.decoder.reset();
        self.due.clear();
        self.line.clear();
        self.are_same();
        assert!(!self.agent.owes() && self.agent.transmit().is_empty());
    }

    /// Sends some bytes. Each line is due.
    fn transmit(&mut self, most: usize) {
        let bytes = self.agent.transmit();
        let count = bytes.len().min(most);
        self.line.extend_from_slice(&bytes[..count]);
        self.agent.transmitted(count);
        self.lent.transmitted(count);
        if self.line.ends_with(b"\n") {
            let line = std::mem::take(&mut self.line);
            self.answers += 1;
            let answer: serde_json::Value = serde_json::from_slice(&line).unwrap();
            match answer.get("id") {
                Some(id) => {
                    let number = id.as_i64().unwrap();
                    let due = self.due.pop_front();
                    assert_eq!(due, Some(Due::Answer(number)), "{answer}");
                    if let Some(value) = answer["return"].as_i64() {
                        assert_eq!(value, number, "another request's answer");
                    }
                }
                None => assert_eq!(self.due.pop_front(), Some(Due::Error), "{answer}"),
            }
        }
        self.are_same();
    }

    fn set_board(&mut self, change: impl Fn(&mut Board)) {
        change(self.agent.guest_mut());
        change(self.lent.guest_mut());
    }

    /// Everything that is owed is given: nothing is left of what was taken.
    fn end(&mut self) {
        self.set_board(|board| board.is_ready.set(true));
        for _ in 0..10 {
            self.retry();
            self.transmit(usize::MAX);
        }
        assert_eq!(self.due, [], "each has had its answer");
        for board in [self.agent.guest(), self.lent.guest()] {
            assert_eq!(board.begun, None);
            assert_eq!(board.cancelled, self.cancelled);
        }
    }
}

const RUNS_OF_EVENTS: u64 = 20_000;

/// Each request that was taken has exactly one answer, in the order that they were taken, or was reset; who dropped it
/// said so to the guest, once. An agent over lent buffers does and transmits the same.
#[test]
fn any_order_of_events() {
    let (mut answers, mut cancelled) = (0, 0);
    for seed in 0..RUNS_OF_EVENTS {
        let mut random = Random(seed);
        let (mut receive, mut transmit) = ([0; RX], [0; TX]);
        let mut line = Line::new(&mut receive, &mut transmit);
        let mut input: Vec<u8> = Vec::new();
        let mut number = 0;
        for _ in 0..200 {
            match random.below(24) {
                0..8 => {
                    if input.len() < 40 {
                        number += 1;
                        let command = random.pick(&["wait", "wait", "silent", "fail", "guest-ping", "unknown"]);
                        let request = request(command, number);
                        input.extend_from_slice(match random.below(12) {
                            0 => &request.as_bytes()[..random.below(request.len())],
                            1 => b"\xFF",
                            2 => b"noise\n",
                            _ => request.as_bytes(),
                        });
                    }
                    let most = random.below(input.len() + 1);
                    let taken = line.push(&input[..most], random.one_in(2));
                    input.drain(..taken);
                }
                8..14 => line.transmit(random.pick(&[1, 10, usize::MAX])),
                14..17 => line.retry(),
                17 => line.cancel(),
                18 => line.gap(random.one_in(2)),
                19 if random.one_in(3) => line.reset(),
                20 => line.set_board(|board| board.frozen = !board.frozen),
                21 => {
                    let disabled = random.pick(&["", "wait", "silent"]);
                    line.set_board(|board| board.disabled = disabled);
                }
                _ => {
                    let is_ready = random.one_in(2);
                    line.set_board(|board| board.is_ready.set(is_ready));
                }
            }
        }
        line.end();
        answers += line.answers;
        cancelled += line.cancelled.len();
    }
    println!("{answers} answers, {cancelled} requests dropped");
    assert!(answers > 200_000 && cancelled > 10_000, "{answers} answers, {cancelled} requests dropped");
}
