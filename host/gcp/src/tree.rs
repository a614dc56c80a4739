//! Getting at and putting into nested data by path.

use mlflow_host_graph::value::Map;
use mlflow_host_graph::{PropertyPath, Segment, Value};
use serde_json::Value as Json;

/// Puts a value at a path, making maps and lists on the way. A list grows by unknown values; a secret
/// or an unknown on the way stays as it is.
pub(crate) fn set(root: &mut Value, path: &PropertyPath, value: Value) {
    set_below(root, path.segments(), value);
}

fn set_below(at: &mut Value, segments: &[Segment], value: Value) {
    let Some((first, rest)) = segments.split_first() else {
        *at = value;
        return;
    };
    if matches!(at, Value::Null) {
        *at = match first {
            Segment::Key(_) => Value::Map(Map::new()),
            Segment::Index(_) => Value::List(Vec::new()),
        };
    }
    match (at, first) {
        (Value::Map(entries), Segment::Key(key)) => {
            set_below(entries.get_or_insert_with(key, Value::default), rest, value);
        }
        (Value::List(items), Segment::Index(index)) => {
            while items.len() <= *index {
                items.push(Value::Unknown);
            }
            if rest.is_empty() {
                items[*index] = value;
            } else {
                if items[*index] == Value::Unknown {
                    items[*index] = Value::Null;
                }
                set_below(&mut items[*index], rest, value);
            }
        }
        _ => {}
    }
}

/// What is at a dotted path of plain keys.
pub(crate) fn json_at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(json, |at, key| at.get(key))
}

/// Puts something at a dotted path of plain keys, making objects on the way.
pub(crate) fn json_set(json: &mut Json, path: &str, value: Json) {
    let mut at = json;
    for key in path.split('.') {
        if !at.is_object() {
            *at = Json::Object(serde_json::Map::new());
        }
        let Some(object) = at.as_object_mut() else { return };
        at = object.entry(key).or_insert(Json::Null);
    }
    *at = value;
}

/// Lays `upper` over `lower`: objects are merged key by key, everything else replaces.
pub(crate) fn json_over(lower: &mut Json, upper: Json) {
    match (lower, upper) {
        (Json::Object(below), Json::Object(above)) => {
            for (key, value) in above {
                json_over(below.entry(key).or_insert(Json::Null), value);
            }
        }
        (lower, upper) => *lower = upper,
    }
}

/// The text at a dotted path; empty when there is none.
pub(crate) fn json_text<'a>(json: &'a Json, path: &str) -> &'a str {
    json_at(json, path).and_then(Json::as_str).unwrap_or_default()
}

/// Marks what is at a pattern of a fact table (`[]` any element, `{}` any value) as secret.
pub(crate) fn seal(root: &mut Value, pattern: &str) {
    seal_below(root, &steps(pattern));
}

/// The steps of a pattern of a fact table: names, and `None` for any element or any value.
pub(crate) fn steps(pattern: &str) -> Vec<Option<&str>> {
    let mut steps = Vec::new();
    for part in pattern.split('.') {
        let end = part.find(['[', '{']).unwrap_or(part.len());
        steps.push(Some(&part[..end]));
        steps.extend((0..(part.len() - end) / 2).map(|_| None));
    }
    steps
}

fn seal_below(at: &mut Value, steps: &[Option<&str>]) {
    let Some((first, rest)) = steps.split_first() else {
        if !matches!(at, Value::Null) {
            *at = std::mem::take(at).into_secret();
        }
        return;
    };
    match (at, first) {
        (Value::Map(entries), Some(key)) => {
            if let Some(inner) = entries.get_mut(key) {
                seal_below(inner, rest);
            }
        }
        (Value::Map(entries), None) => entries.values_mut().for_each(|inner| seal_below(inner, rest)),
        (Value::List(items), None) => items.iter_mut().for_each(|inner| seal_below(inner, rest)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_put_and_sealed_in_place() {
        let mut value = Value::from(json!({"a": {"b": 1}, "list": [{"secret": "x"}]}));
        set(&mut value, &"a.c".parse().unwrap(), "y".into());
        set(&mut value, &"urls[1]".parse().unwrap(), "u".into());
        seal(&mut value, "list[].secret");
        assert_eq!(
            value.to_shown_json(),
            json!({"a": {"b": 1, "c": "y"}, "list": [{"secret": "[secret]"}], "urls": ["[unknown]", "u"]})
        );
        let mut body = json!({"settings": {"tier": "x"}});
        json_set(&mut body, "settings.settingsVersion", json!("7"));
        json_over(&mut body, json!({"settings": {"tier": "y"}}));
        assert_eq!(body, json!({"settings": {"tier": "y", "settingsVersion": "7"}}));
    }
}
