//! What differs between recorded and new inputs, and what each difference takes. Pure.

use mlflow_host_engine::{Change, ChangeKind};
use mlflow_host_gcp_api::kinds::{ConditionalImmutable, ImmutableWhen, Kind};
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{PropertyPath, Value};
use serde_json::Value as Json;

mod drift;

pub(crate) use drift::drift;

/// The differences, leaf by leaf, in the order of the new inputs.
pub(crate) fn compare(kind: &Kind, old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison { kind, changes: Vec::new() };
    comparison.values(&PropertyPath::root(), old, new);
    comparison.changes
}

struct Comparison<'a> {
    kind: &'a Kind,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn values(&mut self, path: &PropertyPath, old: &Value, new: &Value) {
        let sealed = old.is_secret() || new.is_secret();
        match (old.reveal(), new.reveal()) {
            _ if sealed => {
                if !self.same(path, old.reveal(), new.reveal()) {
                    self.change(path, old, new);
                }
            }
            (Value::Map(old_map), Value::Map(new_map)) => self.maps(path, old_map, new_map),
            // A block that comes or goes is shown by what is in it.
            (Value::Null, Value::Map(entries)) if !entries.is_empty() && !path.segments().is_empty() => {
                if self.presence_is_immutable(path) {
                    self.change(path, old, new);
                } else {
                    self.maps(path, &Map::new(), entries);
                }
            }
            (Value::Map(entries), Value::Null) if !entries.is_empty() && !path.segments().is_empty() => {
                if self.is_any(&self.kind.server_defaulted, path) {
                    return;
                }
                if self.presence_is_immutable(path) {
                    self.change(path, old, new);
                } else {
                    self.maps(path, entries, &Map::new());
                }
            }
            (Value::List(old_items), Value::List(new_items)) => self.lists(path, old_items, new_items),
            (old_value, new_value) => {
                if !self.same(path, old_value, new_value) {
                    self.change(path, old, new);
                }
            }
        }
    }

    fn maps(&mut self, path: &PropertyPath, old: &Map, new: &Map) {
        for (key, value) in new {
            self.values(&path.key(key), old.get(key).unwrap_or(&Value::Null), value);
        }
        for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(key)) {
            self.values(&path.key(key), value, &Value::Null);
        }
    }

    fn lists(&mut self, path: &PropertyPath, old: &[Value], new: &[Value]) {
        if !self.is_any(&self.kind.unordered, path) {
            for (index, value) in new.iter().enumerate() {
                self.values(&path.index(index), old.get(index).unwrap_or(&Value::Null), value);
            }
            for (index, value) in old.iter().enumerate().skip(new.len()) {
                self.values(&path.index(index), value, &Value::Null);
            }
            return;
        }
        // Elements belong together by their name, if they have one, else by being equal.
        let mut left: Vec<(usize, &Value)> = old.iter().enumerate().collect();
        let mut without_partner = Vec::new();
        for (index, value) in new.iter().enumerate() {
            let name = value.get("name").and_then(Value::as_str);
            let partner = left.iter().position(|(_, other)| match name {
                Some(_) => other.get("name").and_then(Value::as_str) == name,
                None => self.same(&path.index(index), other, value),
            });
            match partner {
                Some(at) => {
                    let (_, other) = left.remove(at);
                    self.values(&path.index(index), other, value);
                }
                None => without_partner.push((index, value)),
            }
        }
        for (index, value) in without_partner {
            self.change(&path.index(index), &Value::Null, value);
        }
        for (index, value) in left {
            self.change(&path.index(index), value, &Value::Null);
        }
    }

    /// Whether two values mean the same to Google.
    fn same(&self, path: &PropertyPath, old: &Value, new: &Value) -> bool {
        match (old.reveal(), new.reveal()) {
            (Value::Unknown, _) | (_, Value::Unknown) => false,
            (Value::Null, Value::Null) => true,
            (_, Value::Null) if self.is_any(&self.kind.server_defaulted, path) => true,
            (value, Value::Null) | (Value::Null, value) => self.is_default(path, value),
            (Value::String(old), Value::String(new)) => {
                old == new
                    || (self.is_any(&self.kind.links, path) && same_link(old, new))
                    || (self.is_any(&self.kind.caseless, path) && old.eq_ignore_ascii_case(new))
            }
            // Google writes 64-bit numbers as text.
            (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
                number.to_string() == *text
            }
            (Value::Map(old), Value::Map(new)) => {
                let at = |map: &Map, key: &str| map.get(key).cloned().unwrap_or_default();
                old.keys()
                    .chain(new.keys())
                    .all(|key| self.same(&path.key(key), &at(old, key), &at(new, key)))
            }
            (Value::List(old), Value::List(new)) if self.is_any(&self.kind.unordered, path) => {
                let mut left: Vec<&Value> = old.iter().collect();
                old.len() == new.len()
                    && new.iter().enumerate().all(|(index, new)| {
                        let partner = left.iter().position(|old| self.same(&path.index(index), old, new));
                        partner.map(|partner| left.swap_remove(partner)).is_some()
                    })
            }
            (Value::List(old), Value::List(new)) => {
                old.len() == new.len()
                    && old
                        .iter()
                        .zip(new)
                        .enumerate()
                        .all(|(index, (old, new))| self.same(&path.index(index), old, new))
            }
            (old, new) => old == new,
        }
    }

    fn is_default(&self, path: &PropertyPath, value: &Value) -> bool {
        let found = self.kind.defaults.iter().find(|(pattern, _)| is_exactly(path, pattern));
        found.is_some_and(|(_, default)| match value.to_request_json() {
            Some(Json::String(text)) => {
                default.as_str().map_or_else(|| default.to_string(), str::to_owned) == text
            }
            Some(json) => json == *default,
            None => false,
        })
    }

    fn change(&mut self, path: &PropertyPath, old: &Value, new: &Value) {
        let kind = if self.replaces(path, old, new) { ChangeKind::Replace } else { ChangeKind::Update };
        self.changes.push(Change { path: path.clone(), old: old.clone(), new: new.clone(), kind });
    }

    fn replaces(&self, path: &PropertyPath, old: &Value, new: &Value) -> bool {
        let kind = self.kind;
        let first = path.to_string();
        if kind.properties.contains_key(&first)
            && (kind.changes_in_general() || self.has_special_update(path))
        {
            return false;
        }
        (first == "name" && kind.id.is_declared())
            || kind.parents.iter().any(|parent| parent.name == first)
            || self.is_any(&kind.immutable, path)
            || self.presence_is_immutable(path) && (is_absent(old) || is_absent(new))
            || kind
                .conditional_immutable
                .iter()
                .any(|rule| is_exactly(path, &rule.path) && violates(rule, old, new))
            || (!kind.changes_in_general() && !self.has_special_update(path))
    }

    fn has_special_update(&self, path: &PropertyPath) -> bool {
        self.kind.special_updates.iter().any(|special| self.is_any(&special.paths, path))
    }

    fn presence_is_immutable(&self, path: &PropertyPath) -> bool {
        self.kind.immutable_presence.iter().any(|pattern| is_exactly(path, pattern))
    }

    fn is_any(&self, patterns: &[String], path: &PropertyPath) -> bool {
        patterns.iter().any(|pattern| path.is_under_pattern(pattern))
    }
}

fn is_exactly(path: &PropertyPath, pattern: &str) -> bool {
    let steps: usize = pattern.split('.').map(|part| 1 + part.matches(['[', '{']).count()).sum();
    path.segments().len() == steps && path.is_under_pattern(pattern)
}

fn is_absent(value: &Value) -> bool {
    *value.reveal() == Value::Null
}

/// Links, full names and short names of one resource: the shorter is the end of the longer. A project
/// may be named by its id or by its number.
fn same_link(left: &str, right: &str) -> bool {
    let (left, right) = (link_parts(left), link_parts(right));
    let same_part = |(index, (left, right)): (usize, (&&str, &&str))| {
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        left == right || (index == 1 && (is_number(left) || is_number(right)))
    };
    if left.len() == right.len() {
        return left.iter().zip(&right).enumerate().all(same_part);
    }
    left.ends_with(&right) || right.ends_with(&left)
}

/// The parts of a name, from `projects` on if that is in it.
fn link_parts(text: &str) -> Vec<&str> {
    let from = text.find("projects/").unwrap_or(0);
    text[from..].trim_matches('/').split('/').collect()
}

fn violates(rule: &ConditionalImmutable, old: &Value, new: &Value) -> bool {
    match rule.when {
        ImmutableWhen::Unset => is_absent(new),
        ImmutableWhen::TurnedOff => {
            *old.reveal() == Value::Bool(true) && (is_absent(new) || *new.reveal() == Value::Bool(false))
        }
        ImmutableWhen::Decreased => match (number(old), number(new)) {
            (Some(old), Some(new)) => new < old,
            _ => false,
        },
        ImmutableWhen::Shrunk => match (old.as_str().and_then(range), new.as_str().and_then(range)) {
            (Some((old_base, old_bits)), Some((new_base, new_bits))) => {
                let same_prefix =
                    new_bits == 0 || (old_base >> (32 - new_bits)) == (new_base >> (32 - new_bits));
                new_bits > old_bits || !same_prefix
            }
            _ => !is_absent(new),
        },
    }
}

fn number(value: &Value) -> Option<f64> {
    match value.reveal() {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Base and prefix length of an IPv4 range.
fn range(text: &str) -> Option<(u32, u32)> {
    let (base, bits) = text.split_once('/')?;
    let base: std::net::Ipv4Addr = base.parse().ok()?;
    let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
    Some((base.into(), bits))
}

#[cfg(test)]
mod tests;
