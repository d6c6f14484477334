//! A file in flash, which `guest-file-write` writes page by page, whatever the length of a request: 256 bytes of RX do.
//!
//! There is one file, with the handle 1. Each write begins on a page, so a file that is written in several goes holds
//! whole pages but for the last of them.
#![no_std]
#![no_main]

use core::convert::Infallible;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cortex_m_guest::mps2::{self, UART};
use cortex_m_guest::poll;
use guestwire::commands::{FileOpen, FileRead, FileWrite, FileWritten};
use guestwire::frame::Piece;
use guestwire::json::Base64;
use guestwire::{Agent, Call, Command, CommandError, CommandResult, Guest, nb};

/// Flash of 48 KiB, simulated: it is erased by the page, to ones, and a word that is programmed can only lose ones.
mod flash {
    use super::*;

    pub const PAGE: usize = 1024;
    const PAGES: usize = 48;
    const WORDS: usize = PAGE / 4;

    static FLASH: [[AtomicU32; WORDS]; PAGES] = [const { [const { AtomicU32::new(0) }; WORDS] }; PAGES];

    /// Erases a page and programs it. `None`: there is no such page.
    pub fn write(page: usize, bytes: &[u8; PAGE]) -> Option<()> {
        let page = FLASH.get(page)?;
        page.iter().for_each(|word| word.store(u32::MAX, Relaxed));
        for (word, bytes) in page.iter().zip(bytes.as_chunks().0) {
            word.fetch_and(u32::from_le_bytes(*bytes), Relaxed);
        }
        Some(())
    }

    /// The bytes from a place on.
    pub fn read(start: usize) -> impl Iterator<Item = u8> {
        FLASH.iter().flatten().skip(start / 4).flat_map(|word| word.load(Relaxed).to_le_bytes()).skip(start % 4)
    }
}

struct Update {
    /// How much of the flash counts: all that commands have written.
    length: usize,
    /// How much of it has been read.
    position: usize,
    base64: Base64,
    /// The bytes for the page that is next.
    page: [u8; flash::PAGE],
    /// How many bytes the pieces of a request have given, or why they are not to be written.
    staged: Result<usize, CommandError>,
}

impl Guest for Update {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const STREAMED: &'static [&'static str] = FileWrite::STREAMED;
    const COMMANDS: &'static [Command<Self>] =
        &[FileOpen::command(open), FileRead::command(read), FileWrite::command(write)];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if piece.is_first {
            (self.base64, self.staged) = (Base64::new(), Ok(0));
        }
        if let Ok(staged) = self.staged {
            self.staged = self.stage(staged, &piece);
        }
        Ok(())
    }
}

impl Update {
    fn stage(&mut self, mut staged: usize, piece: &Piece<'_>) -> Result<usize, CommandError> {
        let first_page = self.length.div_ceil(flash::PAGE);
        let write = |staged: usize, page: &[u8; flash::PAGE]| {
            let number = first_page.saturating_add(staged.saturating_sub(1) / flash::PAGE);
            flash::write(number, page).ok_or(CommandError::Failed("The flash is full"))
        };
        for byte in self.base64.read(piece.content) {
            let place = self.page.get_mut(staged % flash::PAGE);
            *place.ok_or(CommandError::DoesNotFit)? = byte.map_err(|_| NOT_BASE64)?;
            staged = staged.saturating_add(1);
            if staged.is_multiple_of(flash::PAGE) {
                write(staged, &self.page)?;
            }
        }
        if piece.is_last {
            self.base64.end().map_err(|_| NOT_BASE64)?;
            if !staged.is_multiple_of(flash::PAGE) {
                write(staged, &self.page)?;
            }
        }
        Ok(staged)
    }
}

const NOT_BASE64: CommandError = CommandError::Failed("buf-b64 is not base64");
const UNKNOWN_HANDLE: CommandError = CommandError::Failed("The file's handle is 1");

fn open(update: &mut Update, call: Call<'_>) -> CommandResult {
    let (FileOpen { mode, .. }, response) = call.parse()?;
    if mode.is_some_and(|mode| mode == "w") {
        update.length = 0;
    }
    update.position = 0;
    response.integer(1)
}

fn write(update: &mut Update, call: Call<'_>) -> CommandResult {
    let (FileWrite { handle: 1, .. }, response) = call.parse()? else { return Err(UNKNOWN_HANDLE) };
    let staged = update.staged?;
    update.length = update.length.next_multiple_of(flash::PAGE).saturating_add(staged);
    response.encode(FileWritten { count: staged as i64, eof: false, ..FileWritten::default() })
}

fn read(update: &mut Update, call: Call<'_>) -> CommandResult {
    let (file, response) = call.parse::<FileRead>()?;
    if file.handle != 1 {
        return Err(UNKNOWN_HANDLE);
    }
    let left = update.length.saturating_sub(update.position);
    let mut content = response.file_content(file.wanted().unwrap_or(0).min(left));
    let space = content.space();
    let count = space.len();
    space.iter_mut().zip(flash::read(update.position)).for_each(|(place, byte)| *place = byte);
    update.position = update.position.saturating_add(count);
    content.respond(count, count == left)
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let update = Update { length: 0, position: 0, base64: Base64::new(), page: [0; flash::PAGE], staged: Ok(0) };
    let mut agent: Agent<Update, 256, 1024> = Agent::new(update);
    mps2::start();
    loop {
        poll(&mut agent, &UART);
    }
}
