//! Forms of the feature `serde` that no derive gives: ids as text, durations as numbers with a
//! named unit, counts by name. Keys and tokens have none.

use core::fmt;
use core::time::Duration;

use serde::de::{Error, SeqAccess, Unexpected, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::AddressList;
use crate::drop_reason::DropCounts;
use crate::identity::{ClientId, ProtocolId, Sequence};

/// Text in human-readable formats, where readers keep 53 bits of a number (JSON); a number in
/// binary ones. Both are read in human-readable formats.
macro_rules! number_as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() {
                    to.collect_str(&self.0)
                } else {
                    to.serialize_u64(self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let number = if from.is_human_readable() {
                    from.deserialize_any(TextOrNumber)
                } else {
                    u64::deserialize(from)
                };
                number.map(Self)
            }
        }
    )*};
}

number_as_text! { ClientId ProtocolId Sequence }

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 18446744073709551615, as text or as a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        let unexpected = Unexpected::Signed(number);
        u64::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        let unexpected = Unexpected::Str(text);
        text.parse()
            .map_err(|_| E::invalid_value(unexpected, &self))
    }
}

/// Durations as whole seconds.
pub(crate) mod secs {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

/// Duration as whole milliseconds.
pub(crate) fn millis<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
}

/// Measured duration as whole microseconds.
pub(crate) fn micros<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    value.map(crate::time::micros).serialize(to)
}

/// Counts of the reasons that occurred, by [`Dropped::name`](crate::Dropped::name).
impl Serialize for DropCounts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let occurred = || self.iter().filter(|&(_, count)| count > 0);
        // Binary formats need the length first.
        let mut map = to.serialize_map(Some(occurred().count()))?;
        for (reason, count) in occurred() {
            map.serialize_entry(reason.name(), &count)?;
        }
        map.end()
    }
}

/// Sequence of addresses.
impl Serialize for AddressList {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.len()))?;
        for address in self.iter() {
            seq.serialize_element(&address)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for AddressList {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Addresses)
    }
}

struct Addresses;

impl<'de> Visitor<'de> for Addresses {
    type Value = AddressList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("up to 32 socket addresses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<AddressList, A::Error> {
        let mut list = AddressList::EMPTY;
        while let Some(address) = from.next_element()? {
            list.push(address).map_err(A::Error::custom)?;
        }
        Ok(list)
    }
}
