//! From a type with serde's trait to JSON text.

use core::fmt;

use serde_core::ser::{self, Serialize, Serializer};

use super::container::ContainerEncoder;
use crate::error::DoesNotFit;
use crate::json::encoder::{Refusal, ValueEncoder};
use crate::json::string::Text;
use crate::json::value::{Kind, Value};

/// Writes a value. If that fails, the value around it fails for the same reason, even if the error is ignored.
pub(super) fn serialize<T: Serialize + ?Sized>(encoder: ValueEncoder<'_>, value: &T) -> Result<(), WriteError> {
    serialize_or(encoder, value, Absent::Null)
}

fn serialize_or<T: Serialize + ?Sized>(
    mut encoder: ValueEncoder<'_>,
    value: &T,
    absent: Absent,
) -> Result<(), WriteError> {
    let written = value.serialize(ValueSerializer { encoder: encoder.reborrow(), absent });
    if let Err(error) = written {
        encoder.fail(error.refusal());
    }
    written
}

/// What becomes of `None`.
#[derive(Clone, Copy)]
enum Absent {
    /// Nothing, where a member can be left out.
    Nothing,
    Null,
}

/// What serde calls an error.
#[derive(Clone, Copy, Debug)]
pub(super) enum WriteError {
    DoesNotFit,
    Refused(Refusal),
}

impl WriteError {
    pub(super) const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::DoesNotFit => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

impl From<DoesNotFit> for WriteError {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}

impl From<Refusal> for WriteError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused(Refusal::Type)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotFit => DoesNotFit.fmt(f),
            Self::Refused(refusal) => f.write_str(refusal.text()),
        }
    }
}

impl core::error::Error for WriteError {}

struct ValueSerializer<'e> {
    encoder: ValueEncoder<'e>,
    absent: Absent,
}

impl<'e> ValueSerializer<'e> {
    fn array(self) -> Container<'e> {
        Container(ContainerEncoder::begin(self.encoder, b"[", b"]"))
    }

    fn object(self) -> Container<'e> {
        Container(ContainerEncoder::begin(self.encoder, b"{", b"}"))
    }

    /// `{"variant": `, and what the variant holds between these brackets.
    fn variant(self, variant: &str, open: &[u8], close: &'static [u8]) -> Result<Container<'e>, WriteError> {
        let mut object = ContainerEncoder::begin(self.encoder, b"{", close);
        object.member(variant).finish(open)?;
        Ok(Container(object))
    }
}

impl<'e> Serializer for ValueSerializer<'e> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Container<'e>;
    type SerializeTuple = Container<'e>;
    type SerializeTupleStruct = Container<'e>;
    type SerializeTupleVariant = Container<'e>;
    type SerializeMap = Container<'e>;
    type SerializeStruct = Container<'e>;
    type SerializeStructVariant = Container<'e>;

    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        Ok(self.encoder.boolean(value)?)
    }

    fn serialize_i8(self, value: i8) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), WriteError> {
        Ok(self.encoder.integer(value)?)
    }

    fn serialize_i128(self, value: i128) -> Result<(), WriteError> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.serialize_i64(value),
            (_, Ok(value)) => self.serialize_u64(value),
            _ => Err(Refusal::TooWide.into()),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), WriteError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), WriteError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), WriteError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), WriteError> {
        Ok(self.encoder.unsigned(value)?)
    }

    fn serialize_u128(self, value: u128) -> Result<(), WriteError> {
        self.serialize_u64(value.try_into().map_err(|_| Refusal::TooWide)?)
    }

    fn serialize_f32(self, value: f32) -> Result<(), WriteError> {
        if value.is_finite() { Ok(self.encoder.number(value)?) } else { Err(Refusal::NotFinite.into()) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), WriteError> {
        if value.is_finite() { Ok(self.encoder.number(value)?) } else { Err(Refusal::NotFinite.into()) }
    }

    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        Ok(self.encoder.string(value)?)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        Ok(self.encoder.display(value)?)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), WriteError> {
        Err(Refusal::Bytes.into())
    }

    fn serialize_none(self) -> Result<(), WriteError> {
        match self.absent {
            Absent::Nothing => Ok(()),
            Absent::Null => self.serialize_unit(),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), WriteError> {
        Ok(self.encoder.null()?)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), WriteError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let mut object = self.object();
        serialize(object.0.member(variant), value)?;
        object.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Container<'e>, WriteError> {
        Ok(self.array())
    }

    fn serialize_tuple(self, _: usize) -> Result<Container<'e>, WriteError> {
        Ok(self.array())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Container<'e>, WriteError> {
        Ok(self.array())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'e>, WriteError> {
        self.variant(variant, b"[", b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Container<'e>, WriteError> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'e>, WriteError> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'e>, WriteError> {
        self.variant(variant, b"{", b"}}")
    }
}

/// Everything that has elements or members.
struct Container<'e>(ContainerEncoder<'e>);

impl Container<'_> {
    fn end(self) -> Result<(), WriteError> {
        self.0.end().map_err(|refusal| refusal.map_or(WriteError::DoesNotFit, WriteError::Refused))
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Container<'_> {
            type Ok = ();
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
                serialize(self.0.element(), value)
            }

            fn end(self) -> Result<(), WriteError> {
                Container::end(self)
            }
        }
    )*};
}

elements!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! members {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Container<'_> {
            type Ok = ();
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), WriteError> {
                serialize_or(self.0.member(name), value, Absent::Nothing)
            }

            fn end(self) -> Result<(), WriteError> {
                Container::end(self)
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        if self.0.has_name() {
            return Err(self.0.refuse(Refusal::Pairs).into());
        }
        serialize(self.0.element(), key)?;
        Ok(self.0.colon()?)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        if !self.0.has_name() {
            return Err(self.0.refuse(Refusal::Pairs).into());
        }
        serialize(self.0.value(), value)
    }

    fn end(mut self) -> Result<(), WriteError> {
        if self.0.has_name() {
            return Err(self.0.refuse(Refusal::Pairs).into());
        }
        Container::end(self)
    }
}

/// As what it is, to any format. A number that is not a whole one of 64 bits becomes an `f64`.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(members) = self.members() {
            return serializer.collect_map(members);
        }
        if let Some(elements) = self.elements() {
            return serializer.collect_seq(elements);
        }
        if let Some(text) = self.string() {
            return text.serialize(serializer);
        }
        match (self.boolean(), self.integer(), self.unsigned()) {
            _ if self.kind() == Kind::Null => serializer.serialize_unit(),
            (Some(boolean), ..) => serializer.serialize_bool(boolean),
            // An integer would lose the sign.
            _ if self.as_bytes() == b"-0" => serializer.serialize_f64(-0.0),
            (_, Some(integer), _) => serializer.serialize_i64(integer),
            (.., Some(unsigned)) => serializer.serialize_u64(unsigned),
            _ => match self.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => serializer.serialize_f64(number),
                _ => Err(ser::Error::custom("a number that does not fit a double")),
            },
        }
    }
}

/// As what the text means.
impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
