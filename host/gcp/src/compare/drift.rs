//! What is different in the cloud from what was declared. Pure.

use std::net::IpAddr;

use mlflow_host_engine::{Change, ChangeKind};
use mlflow_host_gcp_api::kinds::{ImmutableWhen, Kind};
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{PropertyPath, Value};

use super::{Comparison, is_exactly, number};
use crate::resolve::RESOURCE_ID;

/// The declared properties that are different in the cloud: `old` is what was declared, `new` what is there,
/// `kind` what it takes to get back. What was not declared, and what cannot be read back, is not looked at.
pub(crate) fn drift(kind: &Kind, declared: &Value, live: &Value) -> Vec<Change> {
    // What has happened stays as it was, and a grant is there or is not.
    let can_change = kind.changes_in_place() || kind.delete.is_some();
    let (Some(declared), Some(live), true, true) =
        (declared.as_map(), live.as_map(), kind.schema.is_some(), can_change)
    else {
        return Vec::new();
    };
    let mut drift = Drift { facts: Comparison { kind, changes: Vec::new() }, changes: Vec::new() };
    for (name, value) in declared {
        let path = PropertyPath::root().key(name);
        if name == "name" && kind.id.is_declared() {
            // The attribute of that name may be the full name.
            drift.values(&path, value, live.get(RESOURCE_ID).unwrap_or(value));
        } else if !kind.parents.iter().any(|parent| parent.name == *name)
            && !kind.properties.contains_key(name)
        {
            drift.values(&path, value, live.get(name).unwrap_or(&Value::Null));
        }
    }
    drift.changes
}

struct Drift<'a> {
    facts: Comparison<'a>,
    changes: Vec<Change>,
}

impl Drift<'_> {
    fn values(&mut self, path: &PropertyPath, declared: &Value, live: &Value) {
        let kind = self.facts.kind;
        if self.facts.is_any(&kind.write_only, path) || self.facts.is_any(&kind.base64_paths, path) {
            return;
        }
        match (declared.reveal(), live.reveal()) {
            (Value::Null, _) => {}
            (Value::Map(declared), Value::Map(live)) => self.maps(path, declared, live),
            (Value::Map(declared), Value::Null) => self.maps(path, declared, &Map::new()),
            (Value::List(items), Value::List(found)) => self.lists(path, declared, items, found),
            (Value::List(items), Value::Null) => self.lists(path, declared, items, &[]),
            (value, found) => {
                if !self.same(path, value, found) {
                    self.change(path, declared, live.clone());
                }
            }
        }
    }

    fn maps(&mut self, path: &PropertyPath, declared: &Map, live: &Map) {
        for (key, value) in declared {
            self.values(&path.key(key), value, live.get(key).unwrap_or(&Value::Null));
        }
    }

    /// A list of other elements is one change; in a list of the same elements, what differs inside them is.
    fn lists(&mut self, path: &PropertyPath, declared: &Value, items: &[Value], found: &[Value]) {
        let unordered = self.facts.is_any(&self.facts.kind.unordered, path);
        let mut left: Vec<&Value> = found.iter().collect();
        let mut pairs = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = match name(item) {
                _ if !unordered => Some(0),
                Some(wanted) => left.iter().position(|other| name(other) == Some(wanted)),
                None => left.iter().position(|other| self.agree(&path.index(index), item, other)),
            };
            if let Some(at) = at.filter(|at| *at < left.len()) {
                pairs.push((index, item, left.remove(at)));
            }
        }
        if pairs.len() == items.len() && left.is_empty() {
            for (index, item, other) in pairs {
                self.values(&path.index(index), item, other);
            }
            return;
        }
        let paired = pairs.into_iter().map(|(_, item, other)| as_declared(item, other));
        let real: Vec<Value> = paired.chain(left.into_iter().cloned()).collect();
        let real = if declared.has_secret() { Value::List(real).into_secret() } else { Value::List(real) };
        self.change(path, declared, real);
    }

    fn agree(&self, path: &PropertyPath, declared: &Value, live: &Value) -> bool {
        let facts = Comparison { kind: self.facts.kind, changes: Vec::new() };
        let mut inner = Drift { facts, changes: Vec::new() };
        inner.values(path, declared, live);
        inner.changes.is_empty()
    }

    fn same(&self, path: &PropertyPath, declared: &Value, live: &Value) -> bool {
        // JSON leaves out what is false, zero or empty.
        let is_zero = match declared {
            Value::Bool(flag) => !flag,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        // What grows by itself and cannot shrink, such as a disk, is not to be put back.
        let has_grown = || {
            let rules = &self.facts.kind.conditional_immutable;
            let grows = |rule| matches!(rule, ImmutableWhen::Decreased) && number(live) > number(declared);
            rules.iter().any(|rule| is_exactly(path, &rule.path) && grows(rule.when))
        };
        let same_number = match (declared, live) {
            (Value::Number(_), Value::Number(_)) => number(declared) == number(live),
            _ => false,
        };
        (is_zero && *live == Value::Null)
            || same_number
            || is_number_of_address(declared, live)
            || self.facts.same(path, live, declared)
            || has_grown()
    }

    fn change(&mut self, path: &PropertyPath, declared: &Value, live: Value) {
        let replaces = self.facts.replaces(path, &live, declared);
        let kind = if replaces { ChangeKind::Replace } else { ChangeKind::Update };
        let new = if declared.is_secret() { live.into_secret() } else { live };
        self.changes.push(Change { path: path.clone(), old: declared.clone(), new, kind });
    }
}

/// Whether an address that was declared by its link reads as a number, which is how forwarding rules show it
/// (Google's reference of `ForwardingRule.IPAddress`).
fn is_number_of_address(declared: &Value, live: &Value) -> bool {
    let is_link = declared.as_str().is_some_and(|text| text.rsplit('/').nth(1) == Some("addresses"));
    is_link && live.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok())
}

fn name(value: &Value) -> Option<&str> {
    value.get("name").and_then(Value::as_str)
}

/// What is there of the declared fields.
fn as_declared(declared: &Value, live: &Value) -> Value {
    match (declared.reveal(), live.reveal()) {
        (Value::Map(declared), Value::Map(live)) => Value::Map(
            declared
                .iter()
                .filter_map(|(key, declared)| Some((key.clone(), as_declared(declared, live.get(key)?))))
                .collect(),
        ),
        _ if declared.is_secret() => live.clone().into_secret(),
        _ => live.clone(),
    }
}
