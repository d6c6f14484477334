//! How a type of the schema is written and read.

use crate::agent::{Call, CommandError, CommandResult, Responder};
use crate::client::{ClientOver, Execute, ExecuteError};
use crate::error::DoesNotFit;
use crate::frame::Buffer;
use crate::json::encoder::{ObjectEncoder, ValueEncoder};
use crate::json::value::Value;
use crate::message::{Argument, ArgumentError, Arguments};

/// What writes itself as a JSON value.
pub trait Encode: Sized {
    /// Writes the value.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn encode(self, place: ValueEncoder<'_>) -> Result<(), DoesNotFit>;

    /// Writes the value as a member, or nothing if it is absent.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn encode_member(self, name: &str, object: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit> {
        self.encode(object.member(name))
    }
}

/// What reads itself from a JSON value: an argument, or what a command returned.
pub trait Parse<'a>: Sized {
    /// The value of an absent member. `None` if it is required.
    const ABSENT: Option<Self> = None;

    /// Reads the value.
    ///
    /// # Errors
    /// [`ArgumentError`], in the reference agent's words.
    fn parse(argument: Argument<'a>) -> Result<Self, ArgumentError<'a>>;
}

/// A command, and a request for it: the type's fields are its arguments.
pub trait Schema<'a>: Sized {
    /// The command's name, as in `execute`.
    const NAME: &'static str;

    /// A request for it, beside the arguments.
    const EXECUTE: Execute<'static>;

    /// The members of the return value that may be long strings: see [`Execute::pieces`].
    const PIECES: &'static [&'static str] = &[];

    /// What it returns.
    type Return: Parse<'a>;

    /// Reads the arguments, in the schema's order.
    ///
    /// # Errors
    /// [`ArgumentError`], in the reference agent's words.
    fn read(arguments: &mut Arguments<'a>) -> Result<Self, ArgumentError<'a>>;

    /// Writes the arguments.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    fn write(self, arguments: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>;

    /// Reads what the command returned.
    ///
    /// # Errors
    /// [`ArgumentError`], which names the place in the value. Members that this schema does not have are ignored.
    fn returned(value: Value<'a>) -> Result<Self::Return, ArgumentError<'a>> {
        Self::Return::parse(Argument::returned(value))
    }
}

/// An object's members.
pub(super) trait Members<'a>: Sized {
    fn write_members(self, members: &mut ObjectEncoder<'_>) -> Result<(), DoesNotFit>;
    fn read_members(members: &mut Arguments<'a>) -> Result<Self, ArgumentError<'a>>;
}

impl<'c> Call<'c> {
    /// Reads a command's arguments, and says that they have been read. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`CommandError::Argument`], and those of [`respond`](Self::respond).
    pub fn parse<C: Schema<'c>>(self) -> Result<(C, Responder<'c>), CommandError> {
        let command = C::read(self.arguments)?;
        Ok((command, self.respond()?))
    }
}

impl<'c> Responder<'c> {
    /// Returns a value of the schema. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`CommandError::DoesNotFit`].
    pub fn encode(self, value: impl Encode) -> CommandResult {
        self.value(|place| value.encode(place))
    }
}

impl ValueEncoder<'_> {
    /// Writes a value of the schema. See [`commands`](crate::commands).
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn encode(self, value: impl Encode) -> Result<(), DoesNotFit> {
        value.encode(self)
    }
}

impl<'a> Arguments<'a> {
    /// The member of that name, as a type of the schema.
    ///
    /// # Errors
    /// As all methods.
    pub fn parse<T: Parse<'a>>(&mut self, name: &'static str) -> Result<T, ArgumentError<'a>> {
        match self.get(name)? {
            Some(argument) => T::parse(argument),
            None => T::ABSENT.ok_or(self.missing(name)),
        }
    }
}

impl<R: Buffer, T: Buffer> ClientOver<R, T> {
    /// Sends a request of the schema.
    ///
    /// ```
    /// use guestwire::commands::{FileRead, Schema};
    /// use guestwire::{Client, Reply};
    ///
    /// # let mut client: Client<1024, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.request(FileRead { handle: 1000, count: Some(512) })?;
    /// # client.transmitted(usize::MAX);
    /// let received = br#"{"return": {"count": 2, "buf-b64": "aGk=", "eof": true}, "id": 8}"#;
    /// let (_, Ok(Some(Reply::Return(value)))) = client.push_slice(received) else { panic!("it was answered") };
    /// let content = FileRead::returned(value).expect("a file's content");
    /// assert!(content.buf_b64.decoded().expect("base64").eq(*b"hi"));
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn request<'a, C: Schema<'a>>(&mut self, command: C) -> Result<(), ExecuteError> {
        self.execute_with(C::EXECUTE, |arguments| command.write(arguments))
    }

    /// Sends a request of the schema, of whose return value the long strings come in pieces.
    ///
    /// ```
    /// use guestwire::commands::{FileRead, Schema};
    /// use guestwire::{Client, Reply};
    ///
    /// # let mut client: Client<64, 256> = Client::new();
    /// # client.synchronize(7);
    /// # client.push_slice(b"\xFF{\"return\": 7}").1.expect("in step");
    /// client.request_in_pieces(FileRead { handle: 1000, count: Some(4096) })?;
    /// # client.transmitted(usize::MAX);
    /// # let received = [br#"{"return": {"count": 90, "buf-b64": ""#, &[b'A'; 120][..], br#"", "eof": true}, "id": 8}"#].concat();
    /// # let mut received = &received[..];
    /// let mut digits = 0;
    /// while !received.is_empty() {
    ///     let (taken, reply) = client.push_slice(received);
    ///     received = &received[taken..];
    ///     match reply {
    ///         Ok(Some(Reply::Piece(piece))) => digits += piece.content.len(),
    ///         Ok(Some(Reply::Return(value))) => {
    ///             let read = FileRead::returned(value).expect("what guest-file-read returns");
    ///             assert_eq!((read.count, digits), (90, 120));
    ///         }
    ///         other => panic!("{other:?}"),
    ///     }
    /// }
    /// # Ok::<(), guestwire::client::ExecuteError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExecuteError`]; nothing is sent then.
    pub fn request_in_pieces<'a, C: Schema<'a>>(&mut self, command: C) -> Result<(), ExecuteError> {
        self.execute_with(C::EXECUTE.pieces(C::PIECES), |arguments| command.write(arguments))
    }
}

/// An object of the schema: for each member the field, its type, and its name on the wire. QEMU adds optional members, so
/// it has a `Default`: see the policy in this folder's `mod.rs`.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $name:ident $(<$a:lifetime>)? { $($(#[$doc:meta])* $field:ident: $type:ty = $wire:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name $(<$a>)? {
            $(
                #[doc = concat!("`", $wire, "`")]
                $(#[$doc])*
                pub $field: $type,
            )*
        }

        impl<'a> $crate::commands::schema::Members<'a> for $name $(<$a>)? {
            #[allow(unused_variables, reason = "some have no members")]
            fn write_members(
                self,
                members: &mut $crate::json::encoder::ObjectEncoder<'_>,
            ) -> Result<(), $crate::error::DoesNotFit> {
                $($crate::commands::Encode::encode_member(self.$field, $wire, members)?;)*
                Ok(())
            }

            #[allow(unused_variables, reason = "some have no members")]
            fn read_members(
                members: &mut $crate::message::Arguments<'a>,
            ) -> Result<Self, $crate::message::ArgumentError<'a>> {
                Ok(Self { $($field: members.parse($wire)?,)* })
            }
        }

        impl $(<$a>)? $crate::commands::Encode for $name $(<$a>)? {
            fn encode(self, place: $crate::json::encoder::ValueEncoder<'_>) -> Result<(), $crate::error::DoesNotFit> {
                place.object(|members| $crate::commands::schema::Members::write_members(self, members))
            }
        }

        impl<'a> $crate::commands::Parse<'a> for $name $(<$a>)? {
            fn parse(
                argument: $crate::message::Argument<'a>,
            ) -> Result<Self, $crate::message::ArgumentError<'a>> {
                argument.object($crate::commands::schema::Members::read_members)
            }
        }
    };
}

/// A command: its name on the wire, its arguments as [`object!`] has them, and what it returns.
macro_rules! command {
    (
        $(#[$meta:meta])*
        $wire:literal $name:ident $(<$a:lifetime>)? { $($members:tt)* } -> $return:ty
        $(, silent $silent:ident)? $(, frozen $frozen:ident)? $(, pieces $pieces:expr)?
    ) => {
        object! {
            #[doc = concat!("`", $wire, "`:")]
            $(#[$meta])*
            $name $(<$a>)? { $($members)* }
        }

        impl $(<$a>)? $name $(<$a>)? {
            /// The command with the function that runs it, for an agent's table.
            pub const fn command<G>(handler: $crate::agent::Handler<G>) -> $crate::agent::Command<G> {
                $crate::agent::Command::new($wire, handler)$(.$silent())?$(.$frozen())?
            }
        }

        impl<'a> $crate::commands::Schema<'a> for $name $(<$a>)? {
            const NAME: &'static str = $wire;
            const EXECUTE: $crate::client::Execute<'static> = $crate::client::Execute::new($wire)$(.$silent())?;
            $(const PIECES: &'static [&'static str] = &$pieces;)?
            type Return = $return;

            fn read(
                arguments: &mut $crate::message::Arguments<'a>,
            ) -> Result<Self, $crate::message::ArgumentError<'a>> {
                $crate::commands::schema::Members::read_members(arguments)
            }

            fn write(
                self,
                arguments: &mut $crate::json::encoder::ObjectEncoder<'_>,
            ) -> Result<(), $crate::error::DoesNotFit> {
                $crate::commands::schema::Members::write_members(self, arguments)
            }
        }
    };
}

/// A string of the schema that is one of a few. The first is the default.
macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $first:ident = $first_wire:literal, $($choice:ident = $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $name {
            #[doc = concat!("`", $first_wire, "`")]
            #[default]
            $first,
            $(
                #[doc = concat!("`", $wire, "`")]
                $choice,
            )*
        }

        impl $name {
            const CHOICES: &'static [(&'static str, Self)] = &[($first_wire, Self::$first), $(($wire, Self::$choice)),*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_wire,
                    $(Self::$choice => $wire,)*
                }
            }
        }

        impl $crate::commands::Encode for $name {
            fn encode(self, place: $crate::json::encoder::ValueEncoder<'_>) -> Result<(), $crate::error::DoesNotFit> {
                place.string(self.as_str())
            }
        }

        impl<'a> $crate::commands::Parse<'a> for $name {
            fn parse(
                argument: $crate::message::Argument<'a>,
            ) -> Result<Self, $crate::message::ArgumentError<'a>> {
                argument.one_of(Self::CHOICES.iter().copied())
            }
        }
    };
}
