//! Pieces of text that several renderings share.

use std::collections::BTreeMap;
use std::time::Duration;

use mlflow_host_engine::{Action, Operation};
use mlflow_host_graph::Value;
use mlflow_host_graph::value::{REDACTED, UNKNOWN};
use serde_json::Value as Json;

/// Longest text of one value in a line.
const WIDTH: usize = 88;

/// A duration as people say it: `0.4s`, `12s`, `3m 05s`, `1h 02m`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The size of a file, rounded up: `118 kB`, `13 MB`.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{} kB", bytes.div_ceil(1000))
    } else {
        format!("{} MB", bytes.div_ceil(1_000_000))
    }
}

/// An expected duration: never more exact than it is known. Empty for nothing.
pub(crate) fn expected(milliseconds: u64) -> String {
    match milliseconds {
        0..500 => String::new(),
        500..60_000 => format!("~{}s", milliseconds.div_ceil(1000)),
        _ => format!("~{}m", (milliseconds + 30_000) / 60_000),
    }
}

/// The sign of an action.
pub(crate) fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete | Action::DeleteReplaced => "-",
        Action::Adopt => "→",
        Action::Forget => "×",
    }
}

/// The word for an action.
pub(crate) fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::DeleteReplaced => "delete old",
        Action::Adopt => "adopt",
        Action::Forget => "forget",
    }
}

/// What an operation is about, in a few words.
pub(crate) fn subject(operation: &Operation) -> String {
    match operation.steps.as_slice() {
        [step] => step.urn.to_string(),
        steps => {
            let mut kinds = steps.iter().map(|step| step.urn.kind());
            let first = kinds.next();
            match first.filter(|first| kinds.all(|kind| kind == *first)) {
                Some(kind) => format!("{} × {kind}", steps.len()),
                None => format!("{} resources", steps.len()),
            }
        }
    }
}

/// `3 created, 1 updated`; for what is not done yet, `3 to create, 1 to update`. Empty for nothing.
pub(crate) fn counts(counts: &BTreeMap<Action, usize>, done: bool) -> Vec<String> {
    counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(action, count)| {
            let (past, future) = match action {
                Action::Create => ("created", "to create"),
                Action::Update => ("updated", "to update"),
                Action::Replace => ("replaced", "to replace"),
                Action::Delete => ("deleted", "to delete"),
                Action::DeleteReplaced => ("replaced deleted", "replaced to delete"),
                Action::Adopt => ("adopted", "to adopt"),
                Action::Forget => ("forgotten", "to forget"),
            };
            format!("{count} {}", if done { past } else { future })
        })
        .collect()
}

/// A value on one line, cut in the middle when it is long.
pub(crate) fn value(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    shortened(&text, WIDTH)
}

/// Cuts the middle out of a long text.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let (head, tail) = (width * 2 / 3, width - width * 2 / 3 - 1);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Secret(_) => text.push_str(REDACTED),
        Value::Unknown => text.push_str(UNKNOWN),
        Value::Asset(digest) => text.push_str(&format!("archive {}", &digest.hexadecimal()[..12])),
        Value::List(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                write(item, text);
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (position, (key, item)) in entries.iter().enumerate() {
                text.push_str(if position == 0 { "" } else { ", " });
                text.push_str(&format!("{key}: "));
                write(item, text);
            }
            text.push('}');
        }
        Value::String(string) => text.push_str(&Json::from(string.as_str()).to_string()),
        scalar => text.push_str(&scalar.to_shown_json().to_string()),
    }
}

/// A text that is nothing but text, in elements and in attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
