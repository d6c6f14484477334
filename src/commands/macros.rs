//! The macros that make the types of the schema.

/// A command of your own, typed for both ends: a struct with its arguments that is a
/// [`Schema`](crate::commands::Schema).
///
/// For each argument write the field, its type, and its name on the wire. Its type is one of
/// [`commands`](crate::commands) ([`Str`](crate::commands::Str), [`List`](crate::commands::List),
/// [`Bytes`](crate::commands::Bytes)), `bool`, `i64`, `u64`, one that [`object!`](crate::object) or
/// [`choices!`](crate::choices) makes, or your own that implements [`Encode`](crate::commands::Encode) and
/// [`Parse`](crate::commands::Parse). An `Option` may be absent. All must be `Copy`, `Debug` and `Default`. The
/// lifetime, if there is one, is `'a`, in what the command returns too.
///
/// After the type that it returns may follow, in this order: `no_success_response: true` and
/// `allowed_when_frozen: true`, as [`Command`](crate::Command) has them, and `pieces: ["..."]`, the members of the
/// return value that may be long strings.
///
/// ```
/// use guestwire::commands::{Done, List, Schema, Str};
/// use guestwire::{Client, Command, CommandError, Guest, Reply};
///
/// guestwire::command! {
///     /// lights an LED.
///     pub struct SetLed<'a> = "board-set-led" {
///         /// As printed on the board.
///         led: Str<'a> = "led",
///         colour: Option<Colour> = "colour",
///     } -> Led<'a>
/// }
///
/// guestwire::object! {
///     /// An LED.
///     pub struct Led<'a> {
///         led: Str<'a> = "led",
///         colour: Colour = "colour",
///     }
/// }
///
/// guestwire::choices! {
///     /// What an LED shows.
///     pub enum Colour { Green = "green", Red = "red" }
/// }
///
/// struct Board { colour: Colour }
///
/// impl Guest for Board {
///     const VERSION: &'static str = "1.0.0";
///     const COMMANDS: &'static [Command<Self>] = &[SetLed::command(|board, call| {
///         let (SetLed { led, colour }, response) = call.parse()?;
///         if led != "D1" {
///             return Err(CommandError::Failed("This board has no such LED"));
///         }
///         board.colour = colour.unwrap_or_default();
///         response.encode(Led { led, colour: board.colour })
///     })];
/// }
///
/// /// On the other end.
/// fn ask(client: &mut Client<256, 256>) {
///     client.request(SetLed { led: "D1".into(), colour: Some(Colour::Red) }).expect("in step");
/// }
///
/// fn show(reply: Reply<'_>) {
///     if let Reply::Return(value) = reply {
///         let led = SetLed::returned(value).expect("an LED");
///         println!("{} is {}", led.led, led.colour.as_str());
///     }
/// }
/// ```
#[macro_export]
macro_rules! command {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$a:lifetime>)? = $wire:literal {
            $($(#[$doc:meta])* $field:ident: $type:ty = $member:literal),* $(,)?
        } -> $($rest:tt)*
    ) => {
        $crate::object! {
            @struct #[doc = concat!("`", $wire, "`:")] $(#[$meta])* #[derive(Debug)]
            $vis $name [$($a)?] { $($(#[$doc])* $field: $type = $member,)* } []
        }
        $crate::command! { @impl $vis $name [$($a)?] $wire { $($field = $member,)* } [] $($rest)* }
    };
    // With `..` one of this crate: QEMU adds to it.
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$a:lifetime>)? = $wire:literal {
            $($(#[$doc:meta])* $field:ident: $type:ty = $member:literal,)* ..
        } -> $($rest:tt)*
    ) => {
        $crate::object! {
            @struct #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            #[doc = concat!("`", $wire, "`:")] $(#[$meta])*
            $vis $name [$($a)?] { $($(#[$doc])* $field: $type = $member,)* } [_more]
        }
        $crate::object! { @debug $name [$($a)?] $($field)* }
        $crate::command! { @impl $vis $name [$($a)?] $wire { $($field = $member,)* } [_more] $($rest)* }
    };
    (
        @impl $vis:vis $name:ident [$($a:lifetime)?] $wire:literal { $($field:ident = $member:literal,)* } [$($more:ident)?]
        $return:ty
        $(, no_success_response: $silent:literal)?
        $(, allowed_when_frozen: $frozen:literal)?
        $(, pieces: $pieces:expr)?
    ) => {
        impl $(<$a>)? $name $(<$a>)? {
            /// The command with the function that runs it, for an agent's table.
            #[allow(dead_code, reason = "a client needs none")]
            $vis const fn command<G>(handler: $crate::agent::Handler<G>) -> $crate::agent::Command<G> {
                let command = $crate::agent::Command::new($wire, handler);
                $(let command = if $silent { command.no_success_response() } else { command };)?
                $(let command = if $frozen { command.allowed_when_frozen() } else { command };)?
                command
            }
        }

        impl<'a> $crate::commands::Schema<'a> for $name $(<$a>)? {
            const NAME: &'static str = $wire;
            const EXECUTE: $crate::client::Execute<'static> = {
                let execute = $crate::client::Execute::new($wire);
                $(let execute = if $silent { execute.no_success_response() } else { execute };)?
                execute
            };
            $(const PIECES: &'static [&'static str] = &$pieces;)?
            type Return = $return;

            #[allow(unused_variables, reason = "some have no arguments")]
            fn read(
                arguments: &mut $crate::message::Arguments<'a>,
            ) -> ::core::result::Result<Self, $crate::message::ArgumentError<'a>> {
                ::core::result::Result::Ok(Self {
                    $($field: arguments.parse($member)?,)*
                    $($more: ::core::default::Default::default(),)?
                })
            }

            #[allow(unused_variables, reason = "some have no arguments")]
            fn write(
                self,
                arguments: &mut $crate::json::ObjectEncoder<'_>,
            ) -> ::core::result::Result<(), $crate::json::DoesNotFit> {
                $($crate::commands::Encode::encode_member(self.$field, $member, arguments)?;)*
                ::core::result::Result::Ok(())
            }
        }
    };
}

/// An object that a [`command!`](crate::command) takes or returns: for each member the field, its type, and its name on
/// the wire. See there.
///
/// ```
/// use guestwire::commands::Str;
///
/// guestwire::object! {
///     /// A sensor and what it shows.
///     #[derive(PartialEq, Eq)]
///     pub struct Reading {
///         celsius: i64 = "celsius",
///         humidity: Option<u64> = "humidity",
///     }
/// }
///
/// assert_eq!(Reading { celsius: 0, humidity: None }, Reading::default());
/// ```
#[macro_export]
macro_rules! object {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$a:lifetime>)? {
            $($(#[$doc:meta])* $field:ident: $type:ty = $wire:literal),* $(,)?
        }
    ) => {
        $crate::object! {
            @struct $(#[$meta])* #[derive(Debug)]
            $vis $name [$($a)?] { $($(#[$doc])* $field: $type = $wire,)* } []
        }
        $crate::object! { @impl $name [$($a)?] { $($field = $wire,)* } [] }
    };
    // With `..` one of this crate: QEMU adds to it.
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident $(<$a:lifetime>)? {
            $($(#[$doc:meta])* $field:ident: $type:ty = $wire:literal,)* ..
        }
    ) => {
        $crate::object! {
            @struct #[cfg_attr(feature = "defmt", derive(defmt::Format))] $(#[$meta])*
            $vis $name [$($a)?] { $($(#[$doc])* $field: $type = $wire,)* } [_more]
        }
        $crate::object! { @debug $name [$($a)?] $($field)* }
        $crate::object! { @impl $name [$($a)?] { $($field = $wire,)* } [_more] }
    };
    (
        @struct $(#[$meta:meta])*
        $vis:vis $name:ident [$($a:lifetime)?] {
            $($(#[$doc:meta])* $field:ident: $type:ty = $wire:literal,)*
        } [$($more:ident)?]
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default)]
        $vis struct $name $(<$a>)? {
            $(
                #[doc = concat!("`", $wire, "`")]
                $(#[$doc])*
                $vis $field: $type,
            )*
            $(
                #[doc(hidden)]
                $vis $more: $crate::commands::schema::More,
            )?
        }
    };
    (@debug $name:ident [$($a:lifetime)?] $($field:ident)*) => {
        impl $(<$a>)? ::core::fmt::Debug for $name $(<$a>)? {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
    (@impl $name:ident [$($a:lifetime)?] { $($field:ident = $wire:literal,)* } [$($more:ident)?]) => {
        impl $(<$a>)? $crate::commands::Encode for $name $(<$a>)? {
            fn encode(
                self,
                encoder: $crate::json::ValueEncoder<'_>,
            ) -> ::core::result::Result<(), $crate::json::DoesNotFit> {
                encoder.object(|members| {
                    $($crate::commands::Encode::encode_member(self.$field, $wire, members)?;)*
                    ::core::result::Result::Ok(())
                })
            }
        }

        impl<'a> $crate::commands::Parse<'a> for $name $(<$a>)? {
            fn parse(
                argument: $crate::message::Argument<'a>,
            ) -> ::core::result::Result<Self, $crate::message::ArgumentError<'a>> {
                argument.object(|members| ::core::result::Result::Ok(Self {
                    $($field: members.parse($wire)?,)*
                    $($more: ::core::default::Default::default(),)?
                }))
            }
        }
    };
}

/// A string that is one of a few, for a [`command!`](crate::command). The first is the default.
///
/// With a lifetime it has one more variant, `Other`, which keeps a return value that is not among the choices: a newer
/// agent's. An argument must be one of them all the same.
///
/// ```
/// guestwire::choices! {
///     /// What an LED shows.
///     pub enum Colour<'a> { Green = "green", Red = "red" }
/// }
///
/// fn is_known(colour: Colour<'_>) -> bool {
///     !matches!(colour, Colour::Other(_))
/// }
///
/// assert!(is_known(Colour::Red));
/// assert_eq!(Colour::Red.to_string(), "red");
/// ```
#[macro_export]
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident $(<$a:lifetime>)? {
            $($(#[$doc:meta])* $choice:ident = $wire:literal),* $(,)?
        }
    ) => {
        $crate::choices! { @enum $(#[$meta])* $vis $name [$($a)?] { $($(#[$doc])* $choice = $wire,)* } }
    };
    // With `..` one of this crate: QEMU adds to it.
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident $(<$a:lifetime>)? {
            $($(#[$doc:meta])* $choice:ident = $wire:literal,)* ..
        }
    ) => {
        $crate::choices! {
            @enum #[cfg_attr(feature = "defmt", derive(defmt::Format))] #[non_exhaustive] $(#[$meta])*
            $vis $name [$($a)?] { $($(#[$doc])* $choice = $wire,)* }
        }
    };
    (
        @enum $(#[$meta:meta])*
        $vis:vis $name:ident [] {
            $(#[$first_doc:meta])* $first:ident = $first_wire:literal,
            $($(#[$doc:meta])* $choice:ident = $wire:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis enum $name {
            #[doc = concat!("`", $first_wire, "`")]
            $(#[$first_doc])*
            #[default]
            $first,
            $(
                #[doc = concat!("`", $wire, "`")]
                $(#[$doc])*
                $choice,
            )*
        }

        impl $name {
            const CHOICES: &'static [(&'static str, Self)] =
                &[($first_wire, Self::$first), $(($wire, Self::$choice)),*];

            /// The name on the wire.
            #[allow(dead_code, reason = "an agent may only read it")]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_wire,
                    $(Self::$choice => $wire,)*
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::commands::Encode for $name {
            fn encode(
                self,
                encoder: $crate::json::ValueEncoder<'_>,
            ) -> ::core::result::Result<(), $crate::json::DoesNotFit> {
                encoder.string(self.as_str())
            }
        }

        impl<'a> $crate::commands::Parse<'a> for $name {
            fn parse(
                argument: $crate::message::Argument<'a>,
            ) -> ::core::result::Result<Self, $crate::message::ArgumentError<'a>> {
                argument.one_of(Self::CHOICES.iter().copied())
            }
        }
    };
    (
        @enum $(#[$meta:meta])*
        $vis:vis $name:ident [$a:lifetime] {
            $(#[$first_doc:meta])* $first:ident = $first_wire:literal,
            $($(#[$doc:meta])* $choice:ident = $wire:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis enum $name<$a> {
            #[doc = concat!("`", $first_wire, "`")]
            $(#[$first_doc])*
            #[default]
            $first,
            $(
                #[doc = concat!("`", $wire, "`")]
                $(#[$doc])*
                $choice,
            )*
            /// Another, of a newer agent.
            Other($crate::json::Text<$a>),
        }

        impl $name<'static> {
            const CHOICES: &'static [(&'static str, Self)] =
                &[($first_wire, Self::$first), $(($wire, Self::$choice)),*];
        }

        impl<$a> ::core::convert::From<$name<$a>> for $crate::commands::Str<$a> {
            fn from(choice: $name<$a>) -> Self {
                match choice {
                    $name::$first => Self::Plain($first_wire),
                    $($name::$choice => Self::Plain($wire),)*
                    $name::Other(text) => Self::Received(text),
                }
            }
        }

        impl ::core::fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(&$crate::commands::Str::from(*self), f)
            }
        }

        impl $crate::commands::Encode for $name<'_> {
            fn encode(
                self,
                encoder: $crate::json::ValueEncoder<'_>,
            ) -> ::core::result::Result<(), $crate::json::DoesNotFit> {
                $crate::commands::Encode::encode($crate::commands::Str::from(self), encoder)
            }
        }

        impl<$a> $crate::commands::Parse<$a> for $name<$a> {
            fn parse(
                argument: $crate::message::Argument<$a>,
            ) -> ::core::result::Result<Self, $crate::message::ArgumentError<$a>> {
                let choices: &[(&'static str, Self)] = $name::<'static>::CHOICES;
                argument.one_of_or(choices.iter().copied(), Self::Other)
            }
        }
    };
}

/// An object of the schema that is one of several, as its member `type` says. Each variant has that member as `tag`, at
/// its place.
macro_rules! union {
    ($(#[$meta:meta])* $name:ident<$a:lifetime> { $($(#[$doc:meta])* $variant:ident($type:ty) = $tag:ident $wire:literal,)* }) => {
        $(
            #[doc = concat!("Always `", $wire, "`.")]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            pub struct $tag;

            impl $crate::commands::Encode for $tag {
                fn encode(self, encoder: $crate::json::ValueEncoder<'_>) -> Result<(), $crate::json::DoesNotFit> {
                    encoder.string($wire)
                }
            }

            impl<'a> $crate::commands::Parse<'a> for $tag {
                fn parse(
                    argument: $crate::message::Argument<'a>,
                ) -> Result<Self, $crate::message::ArgumentError<'a>> {
                    argument.one_of([($wire, Self)])
                }
            }
        )*

        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $name<$a> {
            $(
                #[doc = concat!("`", $wire, "`")]
                $(#[$doc])*
                $variant($type),
            )*
            /// Of another type. Its members are not kept.
            Other($crate::json::Text<$a>),
        }

        impl $crate::commands::Encode for $name<'_> {
            fn encode(self, encoder: $crate::json::ValueEncoder<'_>) -> Result<(), $crate::json::DoesNotFit> {
                match self {
                    $(Self::$variant(object) => $crate::commands::Encode::encode(object, encoder),)*
                    Self::Other(tag) => encoder.object(|members| members.member("type").encode($crate::commands::Str::Received(tag))),
                }
            }
        }

        impl<$a> $crate::commands::Parse<$a> for $name<$a> {
            fn parse(
                argument: $crate::message::Argument<$a>,
            ) -> Result<Self, $crate::message::ArgumentError<$a>> {
                let tag = argument.object(|members| {
                    let tag = members.string("type");
                    members.value(); // the variant reads the others
                    tag
                })?;
                match tag {
                    $(tag if tag == $wire => $crate::commands::Parse::parse(argument).map(Self::$variant),)*
                    tag => Ok(Self::Other(tag)),
                }
            }
        }
    };
}
