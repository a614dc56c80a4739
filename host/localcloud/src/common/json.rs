//! Small tools for JSON bodies: look up, default, merge, mask, drop what only the server sets.

use mlflow_host_gcp_api::description::{Api, Schema};
use serde_json::{Map, Value};

/// The text at the dotted `path`; `None` when absent, empty or not text.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// The value at the dotted `path`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| value.get(step))
}

/// The elements at the dotted `path`; none when absent.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    at(value, path).and_then(Value::as_array).into_iter().flatten()
}

/// Sets the value at the dotted `path`, making objects on the way.
pub(crate) fn set(value: &mut Value, path: &str, new: impl Into<Value>) {
    let mut current = value;
    for step in path.split('.') {
        current = object(current).entry(step).or_insert(Value::Null);
    }
    *current = new.into();
}

/// Removes the value at the dotted `path`.
pub(crate) fn remove(value: &mut Value, path: &str) -> Option<Value> {
    match path.rsplit_once('.') {
        None => value.as_object_mut()?.remove(path),
        Some((parent, last)) => {
            let parent = parent.split('.').try_fold(value, |value, step| value.get_mut(step))?;
            parent.as_object_mut()?.remove(last)
        }
    }
}

/// The map in `value`, which becomes one if it is something else.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

/// Fills what `value` lacks from `defaults`, through objects but not into lists.
pub(crate) fn fill(value: &mut Value, defaults: Value) {
    match (value, defaults) {
        (Value::Object(map), Value::Object(defaults)) => {
            for (key, default) in defaults {
                match map.get_mut(&key) {
                    Some(present) if !present.is_null() => fill(present, default),
                    _ => {
                        map.insert(key, default);
                    }
                }
            }
        }
        (value @ Value::Null, defaults) => *value = defaults,
        _ => {}
    }
}

/// A JSON merge patch (RFC 7396): null removes, objects merge, all else replaces.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let target = object(target);
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Copies the fields that `mask` names (comma-separated dotted paths, in camel case or snake case;
/// `*` stands for all of the request's) from `source` to `target`; a field absent there is removed.
pub(crate) fn apply_mask(target: &mut Value, source: &Value, mask: &str) {
    for path in mask.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        if path == "*" {
            merge(target, source);
            continue;
        }
        let path = camel(path);
        match at(source, &path) {
            Some(value) if !value.is_null() => set(target, &path, value.clone()),
            _ => {
                remove(target, &path);
            }
        }
    }
}

/// `reserved_peering_ranges` → `reservedPeeringRanges`; a field mask may use either.
fn camel(path: &str) -> String {
    let mut upper = false;
    path.chars()
        .filter_map(|letter| {
            if letter == '_' {
                upper = true;
                return None;
            }
            let letter = if upper { letter.to_ascii_uppercase() } else { letter };
            upper = false;
            Some(letter)
        })
        .collect()
}

/// A request's body as it is kept: without the fields that only the server sets, which Google ignores in a request, and
/// with the names of values that a client has sent as numbers.
pub(crate) fn writable(api: &Api, schema: &str, value: &mut Value) {
    if let Some(schema) = api.schema(schema) {
        normalise(api, schema, value);
    }
}

/// Drops nulls from objects: outside merge patches they say the same as absence.
pub(crate) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn normalise(api: &Api, schema: &Schema, value: &mut Value) {
    let Some(schema) = api.resolve(schema) else { return };
    match value {
        Value::Object(map) => {
            map.retain(|key, _| schema.properties.get(key).is_none_or(|field| !field.output_only));
            for (key, value) in map {
                let field = schema.properties.get(key).or(schema.additional_properties.as_deref());
                if let Some(field) = field {
                    normalise(api, field, value);
                }
            }
        }
        Value::Array(elements) => {
            if let Some(items) = schema.items.as_deref() {
                elements.iter_mut().for_each(|element| normalise(api, items, element));
            }
        }
        // Google's Python clients send numbers (`$alt=json;enum-encoding=int`). The description lists the names in
        // the order of their numbers, from 0.
        Value::Number(number) if !schema.values.is_empty() => {
            let name = number.as_u64().and_then(|number| schema.values.get(usize::try_from(number).ok()?));
            if let Some(name) = name {
                *value = name.as_str().into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mask_copies_and_removes() {
        let mut target = json!({"labels": {"a": "1"}, "settings": {"x": 1, "y": 2}});
        apply_mask(&mut target, &json!({"settings": {"x": 5}}), "labels,settings.x");
        assert_eq!(target, json!({"settings": {"x": 5, "y": 2}}));
        apply_mask(&mut target, &json!({"replaceMe": [1]}), "replace_me");
        assert_eq!(target["replaceMe"], json!([1]));
    }

    #[test]
    fn defaults_fill_gaps_only() {
        let mut value = json!({"a": {"b": 1}, "c": null});
        fill(&mut value, json!({"a": {"b": 2, "d": 3}, "c": 4}));
        assert_eq!(value, json!({"a": {"b": 1, "d": 3}, "c": 4}));
    }

    #[test]
    fn a_merge_patch_removes_with_null() {
        let mut value = json!({"a": {"b": 1, "c": 2}});
        merge(&mut value, &json!({"a": {"b": null}, "d": [1]}));
        assert_eq!(value, json!({"a": {"c": 2}, "d": [1]}));
    }

    #[test]
    fn fields_of_the_server_are_dropped() {
        let api = mlflow_host_gcp_api::description::api("run.v2").unwrap();
        let mut value = json!({"labels": {"a": "b"}, "uid": "x", "conditions": [], "template": null});
        writable(api, "GoogleCloudRunV2Service", &mut value);
        without_nulls(&mut value);
        assert_eq!(value, json!({"labels": {"a": "b"}}));
    }
}
