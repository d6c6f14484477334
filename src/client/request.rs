//! What a client sends: synchronizations and requests.

use super::error::ExecuteError;
use crate::error::DoesNotFit;
use crate::json::encoder::{Encoder, ValueEncoder};

/// A request without its arguments: the command, and whether its success is silent.
///
/// ```
/// use guestwire::{Client, client::Execute};
///
/// # let mut client: Client<1024, 256> = Client::new();
/// # client.synchronize(7);
/// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
/// let shutdown = Execute::new("guest-shutdown").no_success_response();
/// client.execute_with(shutdown, |arguments| arguments.member("mode").string("reboot"))?;
/// # Ok::<(), guestwire::client::ExecuteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Execute<'a> {
    command: &'a str,
    pub(super) silent: bool,
    pub(super) streamed: &'static [&'static str],
}

impl<'a> Execute<'a> {
    /// A request for a command that responds.
    pub const fn new(command: &'a str) -> Self {
        Self { command, silent: false, streamed: &[] }
    }

    /// For a command that says nothing when it succeeds: `guest-shutdown`, `guest-suspend-*`.
    ///
    /// [`Client::reset`](crate::Client::reset) then says whether silence meant success. Some agents return `{}` all the
    /// same.
    pub const fn no_success_response(self) -> Self {
        Self { silent: true, ..self }
    }

    /// Hands out these members of the return value, strings, as [`Reply::Piece`](crate::Reply::Piece)s: the response may
    /// be longer than `RX`. In the return value they are `""`.
    pub const fn pieces(self, members: &'static [&'static str]) -> Self {
        Self { streamed: members, ..self }
    }

    /// Writes the request, and returns its length.
    pub(super) fn write(
        self,
        buffer: &mut [u8],
        arguments: Option<impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>>,
        id: Option<i64>,
    ) -> Result<usize, ExecuteError> {
        let mut encoder = Encoder::new(buffer);
        match write_request(&mut encoder, self.command, arguments, id) {
            Ok(()) => Ok(encoder.as_bytes().len()),
            Err(DoesNotFit) => Err(encoder.refusal_text().map_or(ExecuteError::DoesNotFit, ExecuteError::Refused)),
        }
    }
}

impl<'a> From<&'a str> for Execute<'a> {
    fn from(command: &'a str) -> Self {
        Self::new(command)
    }
}

/// The longest synchronization, with its sentinel and LF.
pub(super) const LONGEST_SYNC: usize =
    r#"_{"execute": "guest-sync-delimited", "arguments": {"id": 281474976710655}}_"#.len();

/// Writes the sentinel and a synchronization, and returns their length.
pub(super) fn write_sync(buffer: &mut [u8], command: &str, id: i64) -> usize {
    let mut encoder = Encoder::new(buffer);
    let written = encoder.sentinel().and_then(|()| {
        let arguments = |encoder: ValueEncoder<'_>| encoder.object(|arguments| arguments.member("id").integer(id));
        write_request(&mut encoder, command, Some(arguments), None)
    });
    written.map_or(0, |()| encoder.as_bytes().len())
}

/// `{"execute": ..., "arguments": {...}, "id": ...}` LF. Some agents wait for the LF.
fn write_request(
    encoder: &mut Encoder<'_>,
    command: &str,
    arguments: Option<impl FnOnce(ValueEncoder<'_>) -> Result<(), DoesNotFit>>,
    id: Option<i64>,
) -> Result<(), DoesNotFit> {
    encoder.value().object(|members| {
        members.member("execute").string(command)?;
        if let Some(arguments) = arguments {
            arguments(members.member("arguments"))?;
        }
        match id {
            Some(id) => members.member("id").integer(id),
            None => Ok(()),
        }
    })?;
    encoder.line_feed()
}
