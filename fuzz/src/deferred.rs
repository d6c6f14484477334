//! Answers and pieces that come later: over lent buffers of any size and a table that is put together at run time, with a
//! retry, a cancel or a reset at any moment.

use std::convert::Infallible;

use guestwire::agent::{AgentLent, Entry, Service};
use guestwire::frame::Piece;
use guestwire::{BuildError, Call, CommandError, CommandResult};

use crate::line::{Op, ops};
use crate::pieces::{STREAMED, Staged, is_error, length, stage, strings};
use crate::reference::{self, Due, Input};
use crate::tree::Tree;

const BUILT_IN: [&str; 4] = ["guest-sync-delimited", "guest-sync", "guest-ping", "guest-info"];
const NAMES: [&str; 8] = ["w", "q", "e", "guest-exec", "\u{e9}\"\n", "", "guest-ping", "guest-info"];

/// The first bytes say how large the buffers are, and which commands there are. In the others, `D` lets the guest do one
/// thing more without blocking, `T` tries again, `X` cancels, `R` resets, `W` sends everything, `B` one byte, `L` loses
/// bytes, `C` corrupts one.
pub fn deferred(bytes: &[u8]) {
    let [rx, tx, chunk, table, rest @ ..] = bytes else { return };
    let (rx, tx, chunk) = (70 + usize::from(*rx), 250 + 3 * usize::from(*tx), 1 + usize::from(*chunk));
    // At least the first three, some of the others, and perhaps one of them twice.
    let mut names: Vec<&str> = (0..8).filter(|bit| *bit < 3 || table >> bit & 1 == 1).map(|bit| NAMES[bit]).collect();
    if table & 7 == 7 {
        names.push(NAMES[usize::from(table >> 3) % 6]);
    }
    let (mut receive, mut transmit) = (vec![0; rx], vec![0; tx]);
    let built = AgentLent::new(Board::<true>::new(&names), &mut receive, &mut transmit);
    let is_double = |(index, name): (usize, &&str)| names[..index].contains(name) || BUILT_IN.contains(name);
    let mut agent = match built {
        Ok(agent) => agent,
        Err(BuildError::ReceiveTooSmall) => return assert!(rx < 74),
        Err(BuildError::DuplicateName) => return assert!(names.iter().enumerate().any(is_double)),
        Err(BuildError::TransmitTooSmall) => {
            return assert!(answer_whole(&names, INFO, 4096).0.len() + names.len() > tx);
        }
        Err(other) => panic!("{other:?}"),
    };
    assert!(rx >= 74 && !names.iter().enumerate().any(is_double));
    let info = answer_whole(&names, INFO, tx).0;
    assert!(info.starts_with(b"{\"return\": "), "guest-info fits: {}", info.escape_ascii());

    let mut session = Session::default();
    for op in ops(rest) {
        match op {
            Op::Bytes(bytes) => session.port.extend(bytes),
            Op::Call(b'D') => agent.guest_mut().ready += 1,
            Op::Call(b'T') => agent.retry(),
            Op::Call(b'X') => session.cancel(&mut agent),
            Op::Call(b'B') => session.send(&mut agent, 1),
            Op::Call(b'W') => session.send(&mut agent, usize::MAX),
            Op::Call(b'L') => {
                agent.lost();
                session.inputs.push(Happened::Lost);
            }
            Op::Call(b'C') => {
                agent.corrupted();
                session.inputs.push(Happened::Corrupted);
            }
            Op::Call(_) => {
                agent.reset();
                assert!(agent.guest().is_idle() && agent.transmit().is_empty() && !agent.owes());
                std::mem::take(&mut session).check(&names, rx, tx, false, &mut agent.guest_mut().runs);
                agent.guest_mut().begun_count = 0;
            }
        }
        session.receive(&mut agent, chunk);
    }
    agent.guest_mut().ready = usize::MAX;
    while !session.port.is_empty() || agent.owes() || !agent.transmit().is_empty() {
        let before = (session.port.len(), session.sent.len(), agent.owes());
        agent.retry();
        session.send(&mut agent, usize::MAX);
        session.receive(&mut agent, chunk);
        assert_ne!((session.port.len(), session.sent.len(), agent.owes()), before, "neither end can go on");
    }
    assert!(agent.is_receiving() || agent.guest().is_idle());
    session.check(&names, rx, tx, true, &mut agent.guest_mut().runs);
}

const INFO: &[u8] = b"{\"execute\":\"guest-info\",\"id\":-9223372036854775808}";

/// What a command was called with.
type Run = (String, Option<String>, Option<i64>);

/// What it is told in the wrong order, twice, or not at all fails here.
struct Board<'n, const IN_PIECES: bool> {
    names: &'n [&'n str],
    /// How often it does not block.
    ready: usize,
    staged: Vec<Staged>,
    begun: Option<Run>,
    begun_count: usize,
    runs: Vec<Run>,
}

impl<'n, const IN_PIECES: bool> Board<'n, IN_PIECES> {
    const fn new(names: &'n [&'n str]) -> Self {
        Self { names, ready: 0, staged: Vec::new(), begun: None, begun_count: 0, runs: Vec::new() }
    }

    fn is_idle(&self) -> bool {
        self.begun.is_none() && self.staged.is_empty()
    }

    fn blocks(&mut self) -> bool {
        let blocks = IN_PIECES && self.ready == 0;
        self.ready = self.ready.saturating_sub(1);
        blocks
    }
}

impl<const IN_PIECES: bool> Service for Board<'_, IN_PIECES> {
    const DEFERS: bool = true;
    const STREAMED: &'static [&'static str] = if IN_PIECES { STREAMED } else { &[] };

    fn version(&self) -> &str {
        "1.0.0"
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        let name = self.names.get(index)?;
        let entry = Entry::new(name, run);
        Some(if *name == "q" { entry.no_success_response() } else { entry })
    }

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        assert!(self.begun.is_none(), "a command has begun");
        if self.blocks() {
            return Err(nb::Error::WouldBlock);
        }
        stage(&mut self.staged, piece);
        Ok(())
    }

    fn discarded(&mut self) {
        assert!(self.begun.is_none(), "it is cancelled first");
        assert!(!std::mem::take(&mut self.staged).is_empty(), "there is something to discard");
    }

    fn cancelled(&mut self) {
        assert!(self.begun.take().is_some(), "a command has begun");
    }
}

fn run<const IN_PIECES: bool>(board: &mut Board<'_, IN_PIECES>, call: Call<'_>) -> CommandResult {
    let (mut first, mut second) = (String::new(), None);
    if IN_PIECES {
        call.arguments.streamed("s")?;
        call.arguments.optional_streamed("t")?;
    } else {
        first = call.arguments.string("s")?.to_string();
        second = call.arguments.optional_string("t")?.map(|text| text.to_string());
    }
    let number = call.arguments.optional_integer("n")?;
    let is_error = call.command() == "e";
    let response = call.respond()?;
    let begun = (first, second, number);
    if let Some(before) = board.begun.replace(begun.clone()) {
        assert_eq!(before, begun, "another command has begun");
    } else {
        board.begun_count += 1;
    }
    if board.blocks() {
        return Err(CommandError::WouldBlock);
    }
    let mut run = board.begun.take().expect("it has begun");
    for (member, string) in strings(std::mem::take(&mut board.staged)) {
        if member == "s" { run.0 = string } else { run.1 = Some(string) }
    }
    board.runs.push(run);
    if is_error { response.error("it failed") } else { response.done() }
}

/// What an agent answers that never blocks, for which nothing is too long and nothing comes in pieces.
fn answer_whole(names: &[&str], frame: &[u8], tx: usize) -> (Vec<u8>, Vec<Run>) {
    let (mut receive, mut transmit) = (vec![0; frame.len() + 74], vec![0; tx]);
    let mut agent = AgentLent::new(Board::<false>::new(names), &mut receive, &mut transmit).expect("as the other");
    assert_eq!(agent.push_slice(frame), frame.len());
    let _ = agent.push(b'\n'); // a number ends there
    let line = agent.transmit().to_vec();
    agent.transmitted(usize::MAX);
    (line, std::mem::take(&mut agent.guest_mut().runs))
}

enum Happened {
    Bytes(Vec<u8>),
    Lost,
    Corrupted,
}

/// From one reset to the next.
#[derive(Default)]
struct Session {
    /// What has not been taken.
    port: Vec<u8>,
    inputs: Vec<Happened>,
    sent: Vec<u8>,
    /// The commands that were cancelled, by how many had begun.
    cancelled: Vec<usize>,
    /// The requests whose pieces were refused, by how many lines had been sent and commands had begun.
    refused: Vec<(usize, usize)>,
}

type Deferring<'b> = AgentLent<'b, Board<'b, true>>;

impl Session {
    fn receive(&mut self, agent: &mut Deferring<'_>, chunk: usize) {
        loop {
            let count = chunk.min(self.port.len());
            let taken = if chunk == 1 && count == 1 {
                usize::from(agent.push(self.port[0]))
            } else {
                agent.push_slice(&self.port[..count])
            };
            let bytes: Vec<u8> = self.port.drain(..taken).collect();
            match self.inputs.last_mut() {
                Some(Happened::Bytes(before)) => before.extend(bytes),
                _ => self.inputs.push(Happened::Bytes(bytes)),
            }
            if taken < count || count == 0 {
                break;
            }
        }
    }

    fn send(&mut self, agent: &mut Deferring<'_>, count: usize) {
        let count = agent.transmit().len().min(count);
        self.sent.extend_from_slice(&agent.transmit()[..count]);
        agent.transmitted(count);
    }

    fn cancel(&mut self, agent: &mut Deferring<'_>) {
        let begun = agent.guest().begun_count;
        if agent.owes() && agent.guest().begun.is_some() {
            self.cancelled.push(begun);
            agent.cancel();
            assert!(is_cancelled(agent.transmit()), "{}", agent.transmit().escape_ascii());
            assert!(agent.guest().is_idle());
        } else if agent.owes() {
            let lines = self.sent.iter().filter(|byte| **byte == b'\n').count();
            self.refused.push((lines, begun));
            agent.cancel();
        } else {
            let before = agent.transmit().len();
            agent.cancel();
            assert_eq!(agent.transmit().len(), before, "nothing is owed");
        }
    }

    /// What was sent is what was due, as far as it went.
    fn check(self, names: &[&str], rx: usize, tx: usize, is_whole: bool, ran: &mut Vec<Run>) {
        let inputs = self.inputs.iter().map(|input| match input {
            Happened::Bytes(bytes) => Input::Bytes(bytes),
            Happened::Lost => Input::Lost,
            Happened::Corrupted => Input::Corrupted,
        });
        let inputs: Vec<_> = inputs.collect();
        let ran = std::mem::take(ran);
        let (mut runs, mut begun, mut count) = (Vec::new(), 0, 0);
        let mut lines = self.sent.split_inclusive(|byte| *byte == b'\n');
        for (_, due) in reference::due(&inputs, usize::MAX) {
            let (expected, run, id) = match &due {
                Due::Sentinel => continue,
                Due::Frame(frame) if length(frame, "arguments") <= rx => {
                    let (line, run) = answer_whole(names, frame, tx);
                    let tree = Tree::parse(std::str::from_utf8(frame).expect("it is UTF-8")).expect("it is JSON");
                    if line.is_empty() && run.is_empty() {
                        continue;
                    }
                    (Some(line), run, tree.member("id").cloned())
                }
                _ => (None, vec![], None),
            };
            let is_refused = self.refused.contains(&(count, begun));
            let mut due_runs = run.len();
            if !is_refused {
                begun += due_runs;
            }
            let is_cancelled_run = due_runs > 0 && (is_refused || self.cancelled.contains(&begun));
            if is_cancelled_run {
                due_runs = 0;
            } else {
                runs.extend(run);
            }
            if expected.as_ref().is_some_and(Vec::is_empty) && !is_cancelled_run {
                continue; // it is silent
            }
            let Some(line) = lines.next() else {
                assert!(!is_whole, "no answer to {due:?}");
                if !is_cancelled_run && due_runs > 0 && runs.len() > ran.len() {
                    runs.truncate(ran.len()); // a reset came before it ran
                }
                break;
            };
            count += 1;
            if !line.ends_with(b"\n") {
                assert!(!is_whole);
                break;
            }
            match expected {
                _ if is_cancelled_run || is_refused && is_cancelled(line) => {
                    assert!(is_cancelled(line), "{due:?}: {}", line.escape_ascii());
                    let tree = Tree::parse(std::str::from_utf8(line).expect("it is UTF-8")).expect("it is JSON");
                    assert!(tree.member("id").is_none() || tree.member("id") == id.as_ref());
                }
                Some(expected) => assert_eq!(line, expected, "{due:?}"),
                None => is_error(Some(line)),
            }
        }
        if is_whole {
            assert_eq!(lines.next(), None, "nobody asked for this");
            assert_eq!(ran, runs);
        } else {
            assert!(runs.starts_with(&ran) || ran.starts_with(&runs), "{ran:?} instead of {runs:?}");
        }
    }
}

fn is_cancelled(line: &[u8]) -> bool {
    let error = b"\"error\": {\"class\": \"GenericError\", \"desc\": \"The command was cancelled\"}}\n";
    line.ends_with(error)
}
