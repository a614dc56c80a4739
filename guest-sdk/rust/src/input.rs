//! What a property accepts: a literal, or a value that is known only later.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::Value as Json;

use crate::Output;

/// A value for a property of type `T`: a literal, an [`Output`] of whatever type, or nothing (`None`),
/// which leaves the property unset.
#[derive(Debug, Clone)]
pub struct Input<T> {
    json: Option<Json>,
    accepts: PhantomData<fn() -> T>,
}

/// Accepts every value: text, numbers, lists and maps of those.
#[derive(Debug, Clone, Copy)]
pub struct Any;

/// Accepts lists whose items are a `T`.
#[derive(Debug, Clone, Copy)]
pub struct List<T>(PhantomData<fn() -> T>);

/// Accepts maps whose values are a `T`.
#[derive(Debug, Clone, Copy)]
pub struct Map<T>(PhantomData<fn() -> T>);

/// A nested message of a resource's properties.
pub trait Message: Sized {
    /// The message's fields.
    fn into_body(self) -> Body;
}

/// The fields that were set, by their names in Google's REST body.
#[derive(Debug, Clone, Default)]
pub struct Body(serde_json::Map<String, Json>);

impl Body {
    /// Sets a field; an absent value leaves it as it was.
    pub fn set<T>(&mut self, field: &str, value: Input<T>) {
        if let Some(value) = value.json {
            self.0.insert(field.to_owned(), value);
        }
    }

    pub(crate) fn into_json(self) -> Json {
        Json::Object(self.0)
    }
}

impl<T> Input<T> {
    /// A value as JSON, unchecked here: the host checks it against Google's schema.
    pub fn from_json(json: impl Into<Json>) -> Self {
        Self { json: Some(json.into()), accepts: PhantomData }
    }

    /// The value as JSON, if there is one.
    pub fn into_json(self) -> Option<Json> {
        self.json
    }

    fn absent() -> Self {
        Self { json: None, accepts: PhantomData }
    }
}

impl<T> From<Output> for Input<T> {
    fn from(output: Output) -> Self {
        Self::from_json(String::from(output))
    }
}

impl<T> From<&Output> for Input<T> {
    fn from(output: &Output) -> Self {
        Self::from_json(output.token())
    }
}

impl<T, U: Into<Self>> From<Option<U>> for Input<T> {
    fn from(value: Option<U>) -> Self {
        value.map_or_else(Self::absent, Into::into)
    }
}

impl<M: Message> From<M> for Input<M> {
    fn from(message: M) -> Self {
        Self::from_json(message.into_body().into_json())
    }
}

/// `Input<$accepts>` from each of the literals.
macro_rules! literals {
    ($($accepts:ty: $($literal:ty),+;)+) => { $($(
        impl From<$literal> for Input<$accepts> {
            fn from(value: $literal) -> Self {
                Self::from_json(value)
            }
        }
    )+)+ };
}

literals! {
    bool: bool;
    f64: f64, f32, i32, u32;
    i32: i32, u32, i64;
    Any: bool, f64, i32, u32, i64, u64, &str, String, Json;
    String: &str, String;
}

impl From<&String> for Input<String> {
    fn from(value: &String) -> Self {
        Self::from_json(value.as_str())
    }
}

impl From<&String> for Input<Any> {
    fn from(value: &String) -> Self {
        Self::from_json(value.as_str())
    }
}

/// Google's JSON writes 64-bit integers as strings.
macro_rules! long_integers {
    ($($literal:ty),+) => { $(
        impl From<$literal> for Input<i64> {
            fn from(value: $literal) -> Self {
                Self::from_json(value.to_string())
            }
        }
    )+ };
}

long_integers!(i32, u32, i64, u64);

fn list<T, U: Into<Input<T>>>(items: impl IntoIterator<Item = U>) -> Json {
    items.into_iter().filter_map(|item| item.into().json).collect()
}

fn map<K: Into<String>, T, U: Into<Input<T>>>(entries: impl IntoIterator<Item = (K, U)>) -> Json {
    let entries = entries.into_iter().filter_map(|(key, value)| Some((key.into(), value.into().json?)));
    Json::Object(entries.collect())
}

impl<T, U: Into<Input<T>>> From<Vec<U>> for Input<List<T>> {
    fn from(items: Vec<U>) -> Self {
        Self::from_json(list(items))
    }
}

impl<T, U: Into<Input<T>>, const N: usize> From<[U; N]> for Input<List<T>> {
    fn from(items: [U; N]) -> Self {
        Self::from_json(list(items))
    }
}

impl<K: Into<String>, T, U: Into<Input<T>>> From<BTreeMap<K, U>> for Input<Map<T>> {
    fn from(entries: BTreeMap<K, U>) -> Self {
        Self::from_json(map(entries))
    }
}

impl<K: Into<String>, T, U: Into<Input<T>>> From<Vec<(K, U)>> for Input<Map<T>> {
    fn from(entries: Vec<(K, U)>) -> Self {
        Self::from_json(map(entries))
    }
}

impl<K: Into<String>, T, U: Into<Input<T>>, const N: usize> From<[(K, U); N]> for Input<Map<T>> {
    fn from(entries: [(K, U); N]) -> Self {
        Self::from_json(map(entries))
    }
}

impl<U: Into<Self>> From<Vec<U>> for Input<Any> {
    fn from(items: Vec<U>) -> Self {
        Self::from_json(list(items))
    }
}

impl<U: Into<Self>, const N: usize> From<[U; N]> for Input<Any> {
    fn from(items: [U; N]) -> Self {
        Self::from_json(list(items))
    }
}

impl<K: Into<String>, U: Into<Self>, const N: usize> From<[(K, U); N]> for Input<Any> {
    fn from(entries: [(K, U); N]) -> Self {
        Self::from_json(map(entries))
    }
}

impl<K: Into<String>, U: Into<Self>> From<BTreeMap<K, U>> for Input<Any> {
    fn from(entries: BTreeMap<K, U>) -> Self {
        Self::from_json(map(entries))
    }
}

/// Defines an enumeration of Google's, with the names it has in JSON. A name that is known only as text
/// is accepted too; the host checks it.
macro_rules! enumeration {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $(
            #[doc = concat!("`", $text, "`.")]
            $variant,
        )+ }

        impl From<$name> for $crate::Input<$name> {
            fn from(value: $name) -> Self {
                Self::from_json(match value { $($name::$variant => $text,)+ })
            }
        }

        impl From<&str> for $crate::Input<$name> {
            fn from(value: &str) -> Self {
                Self::from_json(value)
            }
        }

        impl From<String> for $crate::Input<$name> {
            fn from(value: String) -> Self {
                Self::from_json(value)
            }
        }
    };
}

/// Defines a nested message: a builder with one setter a field.
macro_rules! message {
    ($(#[$attribute:meta])* $name:ident { $($setter:ident = $field:literal: $accepts:ty),* $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default)]
        #[must_use]
        pub struct $name($crate::input::Body);

        impl $name {
            /// An empty message.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!("Sets `", $field, "`.")]
                pub fn $setter(mut self, value: impl Into<$crate::Input<$accepts>>) -> Self {
                    self.0.set($field, value.into());
                    self
                }
            )*
        }

        impl $crate::Message for $name {
            fn into_body(self) -> $crate::input::Body {
                self.0
            }
        }
    };
}

pub(crate) use {enumeration, message};
