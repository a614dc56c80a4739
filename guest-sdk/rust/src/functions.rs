//! Functions of values that are known only later. The host applies them.

use serde_json::Value as Json;

use crate::{Any, Input, Output};
use crate::{author, contract};

/// The text in base64, standard alphabet with padding.
#[track_caller]
pub fn base64(text: impl Into<Input<String>>) -> Output {
    call("base64", [text.into().into_json()])
}

/// The parts with the separator between them. A part that is a list counts as its items.
#[track_caller]
pub fn join<P: Into<Input<Any>>>(separator: &str, parts: impl IntoIterator<Item = P>) -> Output {
    let parts = parts.into_iter().map(|part| part.into().into_json());
    call("join", std::iter::once(Some(separator.into())).chain(parts))
}

/// The value as compact JSON with sorted keys.
#[track_caller]
pub fn json(value: impl Into<Input<Any>>) -> Output {
    call("json", [value.into().into_json()])
}

/// The text in lower case.
#[track_caller]
pub fn lower(text: impl Into<Input<String>>) -> Output {
    call("lower", [text.into().into_json()])
}

/// The SHA-256 of the text, in hexadecimal.
#[track_caller]
pub fn sha256(text: impl Into<Input<String>>) -> Output {
    call("sha256", [text.into().into_json()])
}

/// The text as a component of a URL: every byte but letters, digits, `-`, `.`, `_` and `~` as `%XX`.
#[track_caller]
pub fn url_encode(text: impl Into<Input<String>>) -> Output {
    call("url-encode", [text.into().into_json()])
}

#[track_caller]
fn call(name: &str, operands: impl IntoIterator<Item = Option<Json>>) -> Output {
    let operands = Json::Array(operands.into_iter().flatten().collect());
    Output::from_token(author::noted(contract::call(name, &operands.to_string())))
}
