//! Arguments and return values as types with serde's traits. Reads with nothing but what the lexer has passed, so
//! nesting is bounded; writes in the agent's spelling.

mod container;
mod deserialize;
mod serialize;

use core::fmt;

use serde_core::{Deserialize, Serialize};

use crate::agent::{Call, CommandError, CommandResult, Responder};
use crate::client::{ClientOver, Execute, ExecuteError};
use crate::error::DoesNotFit;
use crate::frame::Buffer;
use crate::json::encoder::ValueEncoder;
use crate::json::value::Value;
use crate::message::{Argument, ArgumentError, Arguments};

impl<'c> Call<'c> {
    /// Reads all of the command's arguments at once, and ends reading, as `respond()` does.
    ///
    /// ```
    /// use guestwire::{Command, json::Text};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Blink<'a> {
    ///     #[serde(borrow)]
    ///     led: Text<'a>,
    ///     half_period: Option<u16>,
    /// }
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Blinking { half_period: u16 }
    ///
    /// struct Board;
    ///
    /// const COMMANDS: &[Command<Board>] = &[Command::new("board-blink", |_, call| {
    ///     let (blink, response) = call.deserialize::<Blink<'_>>()?;
    ///     response.serialize(&Blinking { half_period: blink.half_period.unwrap_or(500) })
    /// })];
    /// ```
    ///
    /// # Errors
    /// As [`Arguments::deserialize`] and [`respond`](Self::respond).
    pub fn deserialize<T: Deserialize<'c>>(self) -> Result<(T, Responder<'c>), CommandError> {
        let arguments = self.arguments.deserialize()?;
        Ok((arguments, self.respond()?))
    }
}

impl<'a> Arguments<'a> {
    /// Reads all members at once, as a struct or another type with [`Deserialize`].
    ///
    /// A field is an argument, an `Option` an optional one. Numbers are whole numbers of up to 64 bits, or floating
    /// point. Strings are [`Text`](crate::json::Text) with
    /// `#[serde(borrow)]`, whatever is in them; or `&str`, which takes no escapes; or a type that
    /// holds its text, which takes up to 256 bytes where there are escapes. An `enum` is its variant's name, or an
    /// object with that name for its one member. Types that serde derives with `alloc` only (`flatten`, `untagged`,
    /// `tag`) need serde's `alloc`, and a `flatten` accepts members that the command does not know. Bytes are not
    /// supported: base64 is a string. A struct has at most 32 members, a map 256.
    ///
    /// # Errors
    /// The first error of the other methods, in the order of the struct's fields. A missing field is reported only if no
    /// field has the wrong type. What the type itself refuses is an invalid parameter; its own message is lost.
    pub fn deserialize<T: Deserialize<'a>>(&mut self) -> Result<T, ArgumentError<'a>> {
        deserialize::deserialize(self.take())
    }
}

impl<'a> Value<'a> {
    /// Reads what a command returned, as [`Arguments::deserialize`] does. Members that the type does not have are those
    /// of a newer agent, and are ignored; `null` counts as absent.
    ///
    /// ```
    /// use guestwire::{Client, Reply, json::Text};
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Host<'a> {
    ///     #[serde(borrow)]
    ///     host_name: Text<'a>,
    /// }
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// # client.execute("guest-get-host-name").expect("in step");
    /// # client.transmitted(usize::MAX);
    /// let received = br#"{"return": {"host-name": "caf\u00e9"}, "id": 8}"#;
    /// let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(received) else { panic!("it was answered") };
    /// let host: Host<'_> = value.deserialize().expect("a host name");
    /// assert_eq!(host.host_name, "café");
    /// ```
    ///
    /// # Errors
    /// [`ArgumentError`], which names the place in the value.
    pub fn deserialize<T: Deserialize<'a>>(&self) -> Result<T, ArgumentError<'a>> {
        deserialize::deserialize(Argument::returned(*self))
    }
}

impl ValueEncoder<'_> {
    /// Writes any type with [`Serialize`].
    ///
    /// ```
    /// use guestwire::Client;
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// struct Vcpu { #[serde(rename = "logical-id")] logical_id: i64, online: bool }
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// let vcpus = [Vcpu { logical_id: 1, online: false }];
    /// client.execute_with("guest-set-vcpus", |arguments| Ok(arguments.member("vcpus").serialize(&vcpus)?))?;
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// A field of a struct that is `None` is left out, for agents refuse `null` for an optional argument. Where something
    /// has to be it is `null`: as an element, in a map (a struct with `flatten` is one), in a variant, and on its own.
    ///
    /// # Errors
    /// [`SerializeError`]. As [`DoesNotFit`] it goes up through the closures around it, and an agent's response still
    /// tells the reason.
    pub fn serialize<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        serialize::serialize(self, value).map_err(|error| match error.refusal() {
            None => SerializeError::DoesNotFit,
            Some(refusal) => SerializeError::Refused(refusal.text()),
        })
    }
}

/// Why a value was not serialized.
///
/// ```
/// use guestwire::{json::Encoder, serde::SerializeError};
///
/// let mut buffer = [0; 8];
/// assert_eq!(Encoder::new(&mut buffer).value().serialize("a long one"), Err(SerializeError::DoesNotFit));
/// let refused = Encoder::new(&mut buffer).value().serialize(&f64::NAN);
/// assert_eq!(refused, Err(SerializeError::Refused("A number that is not finite has no form in JSON")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SerializeError {
    /// It does not fit the buffer.
    DoesNotFit,
    /// It has no form in JSON, or its type refuses: the reason.
    Refused(&'static str),
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotFit => DoesNotFit.fmt(f),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl core::error::Error for SerializeError {}

/// For the closures that write objects and arrays.
impl From<SerializeError> for DoesNotFit {
    fn from(_: SerializeError) -> Self {
        Self
    }
}

impl<'c> Responder<'c> {
    /// Returns any type with [`Serialize`]. For `None` see [`ValueEncoder::serialize`].
    ///
    /// # Errors
    /// Beside [`CommandError::DoesNotFit`], [`CommandError::Failed`] for what has no form in JSON: numbers that are not
    /// finite or need more than 64 bits, bytes, maps whose keys are not strings, and what the type itself refuses.
    pub fn serialize<T: Serialize + ?Sized>(self, value: &T) -> CommandResult {
        self.value(|encoder| Ok(encoder.serialize(value)?))
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Sends a request whose arguments are a struct, or another type that serializes as an object.
    ///
    /// ```
    /// use guestwire::Client;
    /// use serde::Serialize;
    ///
    /// #[derive(Serialize)]
    /// #[serde(rename_all = "kebab-case")]
    /// struct Exec<'a> { path: &'a str, arg: &'a [&'a str], capture_output: Option<bool> }
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.execute_serialized("guest-exec", &Exec { path: "/bin/ls", arg: &["-l"], capture_output: None })?;
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`], [`Refused`](ExecuteError::Refused) for what has no form in JSON; nothing is sent then.
    pub fn execute_serialized<'e, A: Serialize + ?Sized>(
        &mut self,
        request: impl Into<Execute<'e>>,
        arguments: &A,
    ) -> Result<(), ExecuteError> {
        self.execute_value(request, |encoder| Ok(encoder.serialize(arguments)?))
    }
}
