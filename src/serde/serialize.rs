//! From a type with serde's trait to JSON text.

use core::fmt;

use serde_core::ser::{self, Serialize, Serializer};

use crate::encoder::{ContainerEncoder, ValueEncoder};
use crate::error::DoesNotFit;
use crate::text::Text;

pub(super) fn serialize<T: Serialize + ?Sized>(place: ValueEncoder<'_>, value: &T) -> Result<(), Fault> {
    value.serialize(ValueSerializer(place))
}

/// What serde calls an error.
#[derive(Debug)]
pub(super) enum Fault {
    DoesNotFit,
    Refused(&'static str),
}

impl Fault {
    pub(super) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::DoesNotFit => None,
            Self::Refused(why) => Some(why),
        }
    }
}

impl From<DoesNotFit> for Fault {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused("The value to be returned refuses to be serialized")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotFit => DoesNotFit.fmt(f),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for Fault {}

const NOT_FINITE: Fault = Fault::Refused("A number that is not finite has no form in JSON");
const TOO_WIDE: Fault = Fault::Refused("A number of more than 64 bits has no form here");
const BYTES: Fault = Fault::Refused("Bytes have no form in JSON");
const NAME: Fault = Fault::Refused("A name in a JSON object must be a string");

struct ValueSerializer<'e>(ValueEncoder<'e>);

impl<'e> ValueSerializer<'e> {
    fn array(self) -> Container<'e> {
        Container(ContainerEncoder::begin(self.0, b"[", b"]"))
    }

    fn object(self) -> Container<'e> {
        Container(ContainerEncoder::begin(self.0, b"{", b"}"))
    }

    /// `{"variant": `, and what the variant holds between these brackets.
    fn variant(self, variant: &str, open: &[u8], close: &'static [u8]) -> Result<Container<'e>, Fault> {
        let mut object = ContainerEncoder::begin(self.0, b"{", close);
        object.member(variant).json(open)?;
        Ok(Container(object))
    }
}

impl<'e> Serializer for ValueSerializer<'e> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Container<'e>;
    type SerializeTuple = Container<'e>;
    type SerializeTupleStruct = Container<'e>;
    type SerializeTupleVariant = Container<'e>;
    type SerializeMap = Container<'e>;
    type SerializeStruct = Container<'e>;
    type SerializeStructVariant = Container<'e>;

    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        Ok(self.0.boolean(value)?)
    }

    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        Ok(self.0.integer(value)?)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.serialize_i64(value),
            (_, Ok(value)) => self.serialize_u64(value),
            _ => Err(TOO_WIDE),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        Ok(self.0.unsigned(value)?)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        self.serialize_u64(value.try_into().map_err(|_| TOO_WIDE)?)
    }

    fn serialize_f32(self, value: f32) -> Result<(), Fault> {
        if value.is_finite() { Ok(self.0.number(value)?) } else { Err(NOT_FINITE) }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Fault> {
        if value.is_finite() { Ok(self.0.number(value)?) } else { Err(NOT_FINITE) }
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        Ok(self.0.string(value)?)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Fault> {
        Ok(self.0.display(value)?)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Fault> {
        Err(BYTES)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(self.0.null()?)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        let mut object = self.object();
        serialize(object.0.member(variant), value)?;
        object.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Container<'e>, Fault> {
        Ok(self.array())
    }

    fn serialize_tuple(self, _: usize) -> Result<Container<'e>, Fault> {
        Ok(self.array())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Container<'e>, Fault> {
        Ok(self.array())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'e>, Fault> {
        self.variant(variant, b"[", b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Container<'e>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'e>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'e>, Fault> {
        self.variant(variant, b"{", b"}}")
    }
}

/// Everything that has elements or members.
struct Container<'e>(ContainerEncoder<'e>);

impl Container<'_> {
    fn end(self) -> Result<(), Fault> {
        Ok(self.0.end()?)
    }
}

macro_rules! elements {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Container<'_> {
            type Ok = ();
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                serialize(self.0.element(), value)
            }

            fn end(self) -> Result<(), Fault> {
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
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
                serialize(self.0.member(name), value)
            }

            fn end(self) -> Result<(), Fault> {
                Container::end(self)
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        let is_string = self.0.name(|place| serialize(place, key))?;
        if is_string { Ok(()) } else { Err(NAME) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        serialize(self.0.value(), value)
    }

    fn end(self) -> Result<(), Fault> {
        Container::end(self)
    }
}

/// As what the text means.
impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
