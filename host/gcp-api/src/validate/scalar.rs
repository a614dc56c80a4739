//! Which JSON values a scalar field accepts: the rules of Google's JSON parser.

use serde_json::Value;

use super::Purpose;
use crate::description::{Schema, SchemaType};

/// Whether `value` fits the shape; the error says what was expected.
pub(super) fn fits(schema: &Schema, value: &Value, purpose: Purpose) -> Result<(), String> {
    let format = schema.format.as_deref();
    let accepted = match (schema.kind, value) {
        (SchemaType::Any, _)
        | (SchemaType::Boolean, Value::Bool(_))
        | (SchemaType::Object, Value::Object(_))
        | (SchemaType::Array, Value::Array(_)) => true,
        (SchemaType::Integer | SchemaType::Number, Value::Number(number)) => {
            return number_fits(schema.kind, format, number);
        }
        // A number in quotes is accepted everywhere but in the answer.
        (SchemaType::Integer | SchemaType::Number, Value::String(text)) => {
            purpose != Purpose::Response && text_fits(schema.kind, format, text).is_ok()
        }
        (SchemaType::String, Value::String(text)) => {
            // A declared secret is plain text that the provider encodes.
            let format = format.filter(|f| *f != "byte" || purpose != Purpose::Declaration);
            return text_fits(schema.kind, format, text);
        }
        (SchemaType::String, Value::Number(number)) => {
            let wide = matches!(format, Some("int64" | "uint64"));
            let whole = number.is_i64() || number.is_u64();
            if purpose == Purpose::Response {
                return Err("text, as numbers of 64 bits and the names of values are in an answer".to_owned());
            }
            (wide || !schema.values.is_empty()) && whole
        }
        _ => false,
    };
    if accepted { Ok(()) } else { Err(expected(schema.kind, format)) }
}

fn number_fits(kind: SchemaType, format: Option<&str>, number: &serde_json::Number) -> Result<(), String> {
    let fits = match (kind, format) {
        (SchemaType::Number, _) => true,
        (_, Some("int32")) => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        (_, Some("uint32")) => number.as_u64().is_some_and(|n| u32::try_from(n).is_ok()),
        _ => number.is_i64() || number.is_u64(),
    };
    if fits { Ok(()) } else { Err(expected(kind, format)) }
}

/// Whether `text` fits the type, as query parameters and quoted numbers arrive.
pub(super) fn text_fits(kind: SchemaType, format: Option<&str>, text: &str) -> Result<(), String> {
    let fits = match (kind, format) {
        (SchemaType::Boolean, _) => matches!(text, "true" | "false" | "True" | "False" | "1" | "0" | ""),
        (SchemaType::Integer, Some("uint32")) => text.parse::<u32>().is_ok(),
        (SchemaType::Integer, _) => text.parse::<i32>().is_ok(),
        (SchemaType::Number, _) => {
            matches!(text, "NaN" | "Infinity" | "-Infinity") || text.parse::<f64>().is_ok()
        }
        (SchemaType::String, Some("int64")) => text.parse::<i64>().is_ok(),
        (SchemaType::String, Some("uint64")) => text.parse::<u64>().is_ok(),
        (SchemaType::String, Some("google-duration")) => is_duration(text),
        (SchemaType::String, Some("byte")) => is_base64(text),
        _ => true,
    };
    if fits { Ok(()) } else { Err(expected(kind, format)) }
}

/// Seconds with up to nine digits of a fraction and an `s`: `300s`, `0.5s`.
fn is_duration(text: &str) -> bool {
    let Some(seconds) = text.strip_suffix('s') else { return false };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction) && fraction.len() <= 9
}

/// Standard or URL-safe alphabet, padding optional.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    text.len() - body.len() <= 2 && body.len() % 4 != 1 && body.bytes().all(letter)
}

fn expected(kind: SchemaType, format: Option<&str>) -> String {
    match (kind, format) {
        (SchemaType::Any, _) => "anything",
        (SchemaType::Array, _) => "a list",
        (SchemaType::Boolean, _) => "true or false",
        (SchemaType::Integer, Some("uint32")) => "a whole number from 0 to 4294967295",
        (SchemaType::Integer, _) => "a whole number of 32 bits",
        (SchemaType::Number, _) => "a number",
        (SchemaType::Object, _) => "an object",
        (SchemaType::String, Some("int64" | "uint64")) => "a whole number of 64 bits, in quotes or not",
        (SchemaType::String, Some("google-duration")) => "a duration in seconds such as \"300s\"",
        (SchemaType::String, Some("byte")) => "base64 text",
        (SchemaType::String, _) => "text",
    }
    .to_owned()
}

/// The type of a value in words.
pub(super) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "this text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
