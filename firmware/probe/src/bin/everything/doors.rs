//! A table at run time, lent buffers, answers that come later, strings in pieces.

use core::convert::Infallible;
use core::hint::black_box;
use core::task::{Context, Poll, Waker};

use guestwire::agent::{AgentLent, Entry, Handler, Service};
use guestwire::client::{ClientLent, Execute};
use guestwire::commands::{FileRead, FileWrite};
use guestwire::frame::{DecoderLent, Piece};
use guestwire::json::{Base64, Unescape};
use guestwire::{Client, CommandError, Decoder, Guest, Reply, nb};
use probe::port::Port;

struct Board<'t> {
    commands: &'t [Entry<'t, Self>],
    base64: Base64,
    unescape: Unescape,
}

impl Service for Board<'_> {
    const DEFERS: bool = true;
    const STREAMED: &'static [&'static str] = FileWrite::STREAMED;
    const CATCH_ALL: Option<Handler<Self>> = Some(|_, call| match call.command().as_str() {
        Some(name) => call.respond()?.string(name),
        None => Err(CommandError::NotFound),
    });

    fn version(&self) -> &str {
        black_box("1.0.0")
    }

    fn command(&self, index: usize) -> Option<Entry<'_, Self>> {
        self.commands.get(index).copied()
    }

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        black_box(piece.command());
        if piece.is_first {
            (self.base64, self.unescape) = (Base64::new(), Unescape::new());
        }
        black_box(self.base64.read(piece.content).last().transpose().map_err(CommandError::from).is_ok());
        black_box(self.unescape.read(piece.content).last());
        if piece.is_last { black_box(self.base64.end()).or(Err(nb::Error::WouldBlock)) } else { Ok(()) }
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

pub fn agents([name, receive, transmit]: &mut [[u8; 640]; 3]) {
    let entry = Entry::new(str::from_utf8(name).unwrap_or_default(), |_: &mut Board<'_>, call| {
        call.arguments.streamed("buf-b64")?;
        black_box(call.arguments.optional_streamed("other")?);
        let Some(response) = black_box(Some(call.respond()?)) else { return Err(CommandError::WouldBlock) };
        response.done()
    });
    let commands = [entry.no_success_response(), entry.allowed_when_frozen(), Clone::clone(black_box(&entry))];
    let board = Board { commands: &commands, base64: Base64::new(), unescape: Unescape::new() };
    let Ok(mut agent) = AgentLent::new(board, receive, transmit) else { return };
    while black_box(true) {
        let _ = agent.poll_nb(&mut Port);
        black_box(agent.owes());
        agent.retry();
        agent.cancel();
    }
}

/// What a guest has if it says nothing.
pub fn defaults(guest: &mut impl Guest, piece: Piece<'_>) {
    black_box((guest.is_frozen(), guest.is_disabled("name"), guest.piece(piece).is_ok()));
    black_box(guest.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    guest.cancelled();
    guest.discarded();
}

pub fn lent([_, receive, transmit]: &mut [[u8; 640]; 3]) {
    let mut decoder = DecoderLent::new(receive);
    black_box(decoder.read_from(probe::read).is_ok());
    black_box((Decoder::<1>::default(), Client::<34, 75>::default()));
    let Ok(mut client) = ClientLent::new(receive, transmit) else { return };
    while black_box(true) {
        let _ = client.execute(Execute::new("name").pieces(&["member"]));
        let _ = client.request_in_pieces(FileRead { handle: black_box(1), ..Default::default() });
        if let Ok(Reply::Piece(piece)) = client.exchange_nb(&mut Port) {
            black_box(piece.command());
            defaults(&mut (), piece);
        }
    }
}
