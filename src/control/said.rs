//! What files of JSON say of parameters: presets and automation.

use super::{
    text::{self, ParamError},
    values::ParamSpec,
};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::{fmt, marker::PhantomData};

/// A value of a parameter as a file says it.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// In the parameter's own unit.
    Number(f64),
    /// As on the command line.
    Word(String),
}

impl Said {
    /// The value, as the parameter takes it.
    ///
    /// # Errors
    /// If the parameter cannot have it.
    pub fn value<Id>(&self, spec: &ParamSpec<Id>) -> Result<f32, ParamError> {
        match self {
            Self::Number(number) => {
                text::accepted(spec, *number).ok_or_else(|| ParamError::value(spec, number.to_string()))
            }
            Self::Word(word) => text::value(spec, word),
        }
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Said;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number or a word")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Said, E> {
                Ok(Said::Number(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Said, E> {
                Ok(Said::Number(number as f64))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Said, E> {
                Ok(Said::Number(number as f64))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Said, E> {
                Ok(Said::Word(word.into()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The pairs of an object as they stand: a map would hide a key that comes twice.
#[derive(Debug)]
pub struct Pairs<V>(pub Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Pairs<V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of parameters")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<V>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
