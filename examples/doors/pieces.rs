//! `guest-file-write` of any length through 256 bytes. There is one file, and its handle is 1.

use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use guestwire::commands::{FileWrite, FileWritten};
use guestwire::frame::Piece;
use guestwire::json::Base64;
use guestwire::{Agent, Command, CommandError, Guest, nb};

struct Update {
    file: File,
    /// How much of the file counts: all that commands have written.
    length: u64,
    base64: Base64,
    /// What the pieces of a request have put after that, or that they could not.
    staged: Result<u64, CommandError>,
}

impl Guest for Update {
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const STREAMED: &'static [&'static str] = FileWrite::STREAMED;
    const COMMANDS: &'static [Command<Self>] = &[FileWrite::command(|update: &mut Self, call| {
        let (FileWrite { handle: 1, count, .. }, response) = call.parse()? else {
            return Err(CommandError::Failed("The file's handle is 1"));
        };
        let staged = update.staged?;
        let count = count.map_or(Some(staged), |count| u64::try_from(count).ok().filter(|count| *count <= staged));
        update.length += count.ok_or(CommandError::Failed("There are fewer bytes than that"))?;
        response.encode(FileWritten { count: count.unwrap_or(0) as i64, eof: false, ..Default::default() })
    })];

    fn piece(&mut self, piece: Piece<'_>) -> nb::Result<(), Infallible> {
        if piece.is_first {
            self.base64 = Base64::new();
            let start = self.file.seek(SeekFrom::Start(self.length));
            self.staged = start.map(|_| 0).map_err(|_| CommandError::Failed("The file cannot be sought"));
        }
        if let Ok(staged) = self.staged {
            self.staged = self.write(&piece).map(|count| staged + count);
        }
        Ok(())
    }
}

impl Update {
    fn write(&mut self, piece: &Piece<'_>) -> Result<u64, CommandError> {
        let not_base64 = |_| CommandError::Failed("buf-b64 is not base64");
        let bytes: Vec<u8> = self.base64.read(piece.content).collect::<Result<_, _>>().map_err(not_base64)?;
        self.file.write_all(&bytes).map_err(|_| CommandError::Failed("The file cannot be written"))?;
        if piece.is_last {
            self.base64.end().map_err(not_base64)?;
        }
        Ok(bytes.len() as u64)
    }
}

pub fn run(path: &str) -> Result<(), Box<dyn Error>> {
    let update = Update { file: File::create(path)?, length: 0, base64: Base64::new(), staged: Ok(0) };
    let mut agent: Agent<Update, 256, 640> = Agent::new(update);
    crate::serve(&mut agent)?;
    let update = agent.guest();
    update.file.set_len(update.length)?;
    Ok(())
}
