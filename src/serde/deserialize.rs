//! From an argument to a type with serde's trait.

use core::fmt;
use core::str::FromStr;

use serde_core::de::value::BorrowedStrDeserializer;
use serde_core::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use serde_core::forward_to_deserialize_any;

use crate::json::string::Text;
use crate::json::value::{Kind, Members, Value};
use crate::message::{Argument, ArgumentError, Arguments};

pub(super) fn deserialize<'a, T: Deserialize<'a>>(argument: Argument<'a>) -> Result<T, ArgumentError<'a>> {
    T::deserialize(ArgumentDeserializer(argument)).map_err(|error| error.at(argument))
}

/// The longest string with escapes that a type which holds its text can be given: it is unescaped on the stack.
const LONGEST_ESCAPED: usize = 256;

/// How many members a map may have. Each is compared with those after it, so the work grows with the square.
const LARGEST_MAP: usize = 256;

/// What serde calls an error. It is made where nobody knows which argument is read; whoever knows says it.
#[derive(Clone, Copy, Debug)]
enum ReadError<'a> {
    Known(ArgumentError<'a>),
    Missing(&'static str),
    Invalid,
}

impl<'a> ReadError<'a> {
    fn at(self, argument: Argument<'a>) -> ArgumentError<'a> {
        match self {
            Self::Known(error) => error,
            Self::Missing(_) | Self::Invalid => argument.invalid(),
        }
    }

    /// What `read` gives, with the argument named in its error. In place: what was read may be large.
    fn name_in<T>(argument: Argument<'a>, read: impl FnOnce() -> Result<T, Self>) -> Result<T, Self> {
        let mut read = read();
        if let Err(error) = &mut read {
            *error = Self::Known(error.at(argument));
        }
        read
    }
}

impl<'a> From<ArgumentError<'a>> for ReadError<'a> {
    fn from(error: ArgumentError<'a>) -> Self {
        Self::Known(error)
    }
}

impl de::Error for ReadError<'_> {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Invalid
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }
}

impl fmt::Display for ReadError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(error) => error.fmt(f),
            Self::Missing(_) | Self::Invalid => f.write_str("invalid"),
        }
    }
}

impl core::error::Error for ReadError<'_> {}

struct ArgumentDeserializer<'a>(Argument<'a>);

impl<'a> ArgumentDeserializer<'a> {
    /// Names the argument in what a visitor objects to.
    fn visit<T>(&self, visit: impl FnOnce() -> Result<T, ReadError<'a>>) -> Result<T, ReadError<'a>> {
        ReadError::name_in(self.0, visit)
    }

    fn float<F: FromStr + Copy + Into<f64>>(&self) -> Result<F, ArgumentError<'a>> {
        let value = self.0.value();
        let number = if value.kind() == Kind::Number { value.as_str().parse().ok() } else { None };
        number.filter(|number: &F| (*number).into().is_finite()).ok_or(self.0.type_error("number"))
    }
}

macro_rules! number {
    ($method:ident, $read:ident, $visit:ident, $range:literal) => {
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            let number = self.0.$read()?;
            let mut visited = visitor.$visit(number);
            if let Err(error) = &mut visited {
                *error = ReadError::Known(self.0.range_error($range));
            }
            visited
        }
    };
}

impl<'a> Deserializer<'a> for ArgumentDeserializer<'a> {
    type Error = ReadError<'a>;

    number!(deserialize_i8, whole, visit_i64, "int8_t");
    number!(deserialize_i16, whole, visit_i64, "int16_t");
    number!(deserialize_i32, whole, visit_i64, "int32_t");
    number!(deserialize_i64, whole, visit_i64, "int64");
    number!(deserialize_u8, whole_unsigned, visit_u64, "uint8_t");
    number!(deserialize_u16, whole_unsigned, visit_u64, "uint16_t");
    number!(deserialize_u32, whole_unsigned, visit_u64, "uint32_t");
    number!(deserialize_u64, whole_unsigned, visit_u64, "uint64");

    fn deserialize_i128<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.whole_unsigned() {
            Ok(unsigned) => self.visit(|| visitor.visit_u64(unsigned)),
            Err(_) => self.deserialize_i64(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit(|| visitor.visit_f32(self.float()?))
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit(|| visitor.visit_f64(self.float()?))
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit(|| visitor.visit_bool(self.0.boolean()?))
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.visit(|| visit_text(self.0.string()?, visitor))
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(ReadError::Invalid)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.0.is_absent() {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.value().as_bytes() {
            b"null" => visitor.visit_unit(),
            b"{}" if self.0.is_root() => visitor.visit_unit(),
            _ => Err(self.0.type_error("null").into()),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match name {
            TEXT => visitor.visit_borrowed_bytes(self.0.string()?.as_escaped_bytes()),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let mut elements = Elements(self.0.array()?);
        let visited = self.visit(|| visitor.visit_seq(&mut elements));
        match elements.0.next() {
            Some(left_over) if visited.is_ok() => Err(left_over.invalid().into()),
            _ => visited,
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let members = self.0.value().members().ok_or(self.0.type_error("object"))?;
        match check_names(members.clone().map(|(name, _)| name)) {
            Names::Different => self.visit(|| visitor.visit_map(Entries { object: self.0, members, value: None })),
            Names::Double => Err(self.0.duplicate_key().into()),
            Names::TooMany => Err(self.0.invalid().into()),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.check_object()?;
        let mut arguments = Arguments::inside(self.0);
        let (object, names) = (self.0, fields.iter());
        let mut visited =
            visitor.visit_map(Fields { arguments: &mut arguments, object, names, value: None, unexpected: None });
        match &mut visited {
            Ok(_) => arguments.end()?,
            Err(error) => {
                *error = ReadError::Known(match *error {
                    ReadError::Missing(name) => arguments.missing(name),
                    error => error.at(object),
                });
            }
        }
        visited
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let (name, content) = match self.0.value().members() {
            None => (self.0.string()?, None),
            Some(mut members) => match (members.next(), members.next()) {
                (Some((name, value)), None) => (name, Some(self.0.inner(value))),
                _ => return Err(ReadError::Invalid),
            },
        };
        let name = self.0.choose(name, variants.iter().map(|name| (*name, *name)))?;
        self.visit(|| visitor.visit_enum(Variant { name, content }))
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    /// Bounded, as the lexer lets nothing pass that nests deeper than it allows.
    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0.value().kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Boolean => self.deserialize_bool(visitor),
            Kind::String => self.deserialize_str(visitor),
            Kind::Array => self.deserialize_seq(visitor),
            Kind::Object => self.deserialize_map(visitor),
            // An integer would lose the sign.
            Kind::Number if self.0.value().as_bytes() == b"-0" => self.deserialize_f64(visitor),
            Kind::Number => match (self.0.integer(), self.0.unsigned()) {
                (Ok(integer), _) => self.visit(|| visitor.visit_i64(integer)),
                (_, Ok(unsigned)) => self.visit(|| visitor.visit_u64(unsigned)),
                _ => self.deserialize_f64(visitor),
            },
        }
    }
}

fn visit_text<'a, V: Visitor<'a>>(text: Text<'a>, visitor: V) -> Result<V::Value, ReadError<'a>> {
    match text.as_str() {
        Some(plain) => visitor.visit_borrowed_str(plain),
        None => match text.copy_to(&mut [0; LONGEST_ESCAPED]) {
            Ok(unescaped) => visitor.visit_str(unescaped),
            Err(_) => Err(ReadError::Invalid),
        },
    }
}

/// A struct's members, in the order of its fields. Then one that it does not have, if there is any: it may deny such.
struct Fields<'r, 'a> {
    arguments: &'r mut Arguments<'a>,
    object: Argument<'a>,
    names: core::slice::Iter<'static, &'static str>,
    value: Option<Argument<'a>>,
    unexpected: Option<ArgumentError<'a>>,
}

/// What a struct is shown for a member that it does not have.
const OTHER: (&str, &[u8]) = ("$guestwire::Other", b"null");

impl<'a> Fields<'_, 'a> {
    /// The next one's name. Its value is kept.
    #[inline(never)] // one copy for all structs
    fn next(&mut self) -> Result<Option<&'static str>, ArgumentError<'a>> {
        for name in self.names.by_ref() {
            self.value = self.arguments.get(name)?;
            if self.value.is_some() {
                return Ok(Some(name));
            }
        }
        // In a request, whoever reads the arguments says what is unexpected.
        if self.unexpected.is_some() || !self.object.ignores_others() {
            return Ok(None);
        }
        self.unexpected = self.arguments.nothing_unread().err();
        self.value = Some(self.object.inner(Value::new(OTHER.1)));
        Ok(self.unexpected.map(|_| OTHER.0))
    }
}

impl<'a> de::MapAccess<'a> for Fields<'_, 'a> {
    type Error = ReadError<'a>;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some(name) = self.next()? else { return Ok(None) };
        let name = BorrowedStrDeserializer::<ReadError<'a>>::new(name);
        seed.deserialize(name).map(Some).map_err(|error| self.unexpected.map_or(error, ReadError::Known))
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Self::Error> {
        let argument = self.value.take().ok_or(ReadError::Invalid)?;
        ReadError::name_in(argument, || seed.deserialize(ArgumentDeserializer(argument)))
    }
}

/// What is to be said of the names in a map.
#[derive(Debug, PartialEq)]
enum Names {
    Different,
    Double,
    TooMany,
}

/// Compares each name with all after it, 32 at a time: to go from one name to the next is to go through all that the
/// value between them holds, which may be more maps.
#[inline(never)] // its names are not on the stack while values are read
fn check_names<'a>(mut names: impl Iterator<Item = Text<'a>> + Clone) -> Names {
    if names.clone().nth(LARGEST_MAP).is_some() {
        return Names::TooMany;
    }
    let mut some = [Text::new(b""); 32];
    loop {
        let count = some.iter_mut().zip(&mut names).map(|(place, name)| *place = name).count();
        let some = some.get(..count).unwrap_or_default();
        let is_double = |(index, name): (usize, &Text<'_>)| some.iter().take(index).any(|other| other == name);
        if some.iter().enumerate().any(is_double) || names.clone().any(|name| some.contains(&name)) {
            return Names::Double;
        }
        if count < 32 {
            return Names::Different;
        }
    }
}

/// All members of an object, in the order received.
struct Entries<'a> {
    object: Argument<'a>,
    members: Members<'a>,
    value: Option<Argument<'a>>,
}

impl<'a> de::MapAccess<'a> for Entries<'a> {
    type Error = ReadError<'a>;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some(self.object.inner(value));
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<S::Value, Self::Error> {
        let argument = self.value.take().ok_or(ReadError::Invalid)?;
        ReadError::name_in(argument, || seed.deserialize(ArgumentDeserializer(argument)))
    }
}

/// A member's name in a map.
struct Name<'a>(Text<'a>);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = ReadError<'de>;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visit_text(self.0, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match name {
            TEXT => visitor.visit_borrowed_bytes(self.0.as_escaped_bytes()),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Elements<I>(I);

impl<'a, I: Iterator<Item = Argument<'a>>> de::SeqAccess<'a> for &mut Elements<I> {
    type Error = ReadError<'a>;

    fn next_element_seed<S: DeserializeSeed<'a>>(&mut self, seed: S) -> Result<Option<S::Value>, Self::Error> {
        let Some(argument) = self.0.next() else { return Ok(None) };
        ReadError::name_in(argument, || seed.deserialize(ArgumentDeserializer(argument)).map(Some))
    }
}

struct Variant<'a> {
    name: &'static str,
    content: Option<Argument<'a>>,
}

impl<'a> de::EnumAccess<'a> for Variant<'a> {
    type Error = ReadError<'a>;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<(S::Value, Self), Self::Error> {
        let name = BorrowedStrDeserializer::<ReadError<'a>>::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'a> Variant<'a> {
    fn content(self) -> Result<ArgumentDeserializer<'a>, ReadError<'a>> {
        self.content.map(ArgumentDeserializer).ok_or(ReadError::Invalid)
    }
}

impl<'a> de::VariantAccess<'a> for Variant<'a> {
    type Error = ReadError<'a>;

    fn unit_variant(self) -> Result<(), Self::Error> {
        self.content.map_or(Ok(()), |content| Deserialize::deserialize(ArgumentDeserializer(content)))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'a>>(self, seed: S) -> Result<S::Value, Self::Error> {
        let content = self.content()?;
        ReadError::name_in(content.0, || seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Self::Error> {
        self.content()?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}

/// The name under which a [`Text`] asks for the bytes between its quotes.
const TEXT: &str = "$guestwire::json::Text";

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string received by guestwire")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, escaped: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text::new(escaped))
            }
        }

        deserializer.deserialize_newtype_struct(TEXT, TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use core::array;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// To go from one name to the next is to go through all that is between them, which may be all of the request.
    #[test]
    fn all_that_a_map_holds_is_gone_through_once_for_each_of_its_members() {
        let names: [[u8; 2]; LARGEST_MAP] =
            array::from_fn(|number| [number as u8 >> 4 | b'@', number as u8 & 15 | b'@']);
        for (count, most) in [(0, 0), (1, 2), (32, 2 * 32), (33, 3 * 33), (LARGEST_MAP, 9 * LARGEST_MAP)] {
            let steps = AtomicUsize::new(0);
            let names = names.iter().take(count).map(|name| {
                steps.fetch_add(1, Ordering::Relaxed);
                Text::new(name)
            });
            assert_eq!(check_names(names), Names::Different);
            let steps = steps.into_inner();
            assert!(steps <= most, "{steps} steps for {count} names");
        }
    }
}
