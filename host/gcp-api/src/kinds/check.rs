//! The check of a declaration: everything that can be said before any call.

use serde_json::{Map, Value};

use super::{IdOrigin, Input, Kind};
use crate::description::{Schema, SchemaType};
use crate::nearest::nearest;
use crate::validate::{self, Problem, ProblemCode, Purpose};

/// Checks the declared `properties` of a kind. `is_opaque` says which values are not known yet; those
/// pass any check of type. An empty result means that Google's schema and the table have no objection.
pub fn check(kind: &Kind, properties: &Value, is_opaque: &dyn Fn(&Value) -> bool) -> Vec<Problem> {
    let Value::Object(fields) = properties else {
        return vec![not_an_object()];
    };
    let mut problems = Vec::new();
    for (name, value) in fields {
        problems.extend(property(kind, name, value, is_opaque));
    }
    problems.extend(required_inputs(kind, fields));
    for path in &kind.output_only {
        for place in places(properties, path, is_opaque) {
            if place.value.is_some() {
                add(&mut problems, validate::output_only(&place.path));
            }
        }
    }
    for path in &kind.required {
        for place in places(properties, path, is_opaque) {
            if place.value.is_none_or(Value::is_null) {
                add(&mut problems, validate::missing(&place.path));
            }
        }
    }
    problems.extend(one_of(kind, properties, is_opaque));
    problems
}

/// Checks what names an existing resource: its `name` and its parents, nothing else.
pub fn check_lookup(kind: &Kind, properties: &Value, is_opaque: &dyn Fn(&Value) -> bool) -> Vec<Problem> {
    let Value::Object(fields) = properties else {
        return vec![not_an_object()];
    };
    let wanted: Vec<&str> = kind
        .parents
        .iter()
        .map(|parent| parent.name.as_str())
        .chain(matches!(kind.id.origin, IdOrigin::Client(_) | IdOrigin::Server(_)).then_some("name"))
        .collect();
    let mut problems = Vec::new();
    for (name, value) in fields {
        if wanted.contains(&name.as_str()) {
            if !is_opaque(value) && !value.is_string() {
                problems.push(Problem {
                    path: name.clone(),
                    code: ProblemCode::WrongType,
                    message: "must be text".into(),
                    nearest: None,
                });
            }
        } else {
            let near = nearest(name, wanted.iter().copied());
            problems.push(validate::unknown_field(name, "property to look it up by", near));
        }
    }
    let defaulted =
        |name: &str| kind.parents.iter().any(|parent| parent.name == name && parent.default.is_some());
    let absent = wanted.into_iter().filter(|name| !defaulted(name) && !fields.contains_key(*name));
    problems.extend(absent.map(validate::missing));
    problems
}

fn not_an_object() -> Problem {
    Problem {
        path: String::new(),
        code: ProblemCode::WrongType,
        message: "the properties must be an object".into(),
        nearest: None,
    }
}

/// Adds a problem unless the place already has one: the first word is the most precise.
fn add(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.iter().any(|known| known.path == problem.path) {
        problems.push(problem);
    }
}

fn property(kind: &Kind, name: &str, value: &Value, is_opaque: &dyn Fn(&Value) -> bool) -> Vec<Problem> {
    let Some(api) = kind.api() else { return Vec::new() };
    let against =
        |schema: &Schema| validate::field(api, schema, name, value, Purpose::Declaration, is_opaque);
    let text = Schema { kind: SchemaType::String, ..Schema::default() };
    match kind.input(name) {
        None => {
            let inputs = kind.inputs();
            let near = nearest(name, inputs.keys().copied());
            vec![validate::unknown_field(name, "property", near)]
        }
        Some(Input::Field(schema)) => against(schema),
        Some(Input::Parent(_)) => against(&text),
        Some(Input::Extra(extra)) => {
            against(&Schema { kind: extra.kind, reference: extra.schema.clone(), ..Schema::default() })
        }
        Some(Input::Name(id)) => {
            let mut problems = against(&text);
            if let (Value::String(text), false) = (value, is_opaque(value))
                && let Err(error) = id.validate(text)
            {
                problems.push(Problem {
                    path: name.to_owned(),
                    code: ProblemCode::InvalidValue,
                    message: error.to_string(),
                    nearest: None,
                });
            }
            problems
        }
    }
}

/// The inputs that must be there, whatever their value.
fn required_inputs(kind: &Kind, fields: &Map<String, Value>) -> Vec<Problem> {
    let parents = kind.parents.iter().filter(|parent| parent.default.is_none());
    let extras = kind.properties.iter().filter(|(_, extra)| extra.required);
    let name = (kind.id.is_declared() && !kind.id.generated()).then_some("name");
    let body = kind.body_schema().into_iter().flat_map(|schema| &schema.properties);
    let required_fields = body
        .filter(|(name, field)| {
            let by_google = field.output_only || kind.output_only.contains(*name);
            field.required && !by_google && matches!(kind.input(name), Some(Input::Field(_)))
        })
        .map(|(name, _)| name.as_str());
    parents
        .map(|parent| parent.name.as_str())
        .chain(extras.map(|(name, _)| name.as_str()))
        .chain(name)
        .chain(required_fields)
        .filter(|name| fields.get(*name).is_none_or(Value::is_null))
        .map(validate::missing)
        .collect()
}

fn one_of(kind: &Kind, properties: &Value, is_opaque: &dyn Fn(&Value) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for set in &kind.one_of {
        let given: Vec<_> = set
            .iter()
            .flat_map(|path| places(properties, path, is_opaque))
            .filter(|place| place.value.is_some_and(|value| !value.is_null()))
            .collect();
        if let [first, second, ..] = given.as_slice() {
            problems.push(Problem {
                path: second.path.clone(),
                code: ProblemCode::InvalidValue,
                message: format!("cannot be declared together with `{}`", first.path),
                nearest: None,
            });
        }
    }
    problems
}

/// A concrete place that a path of the table leads to, and the value there, if any.
struct Place<'a> {
    path: String,
    value: Option<&'a Value>,
}

/// The places of `path` in `root`, wherever the parent is present and known.
fn places<'a>(root: &'a Value, path: &str, is_opaque: &dyn Fn(&Value) -> bool) -> Vec<Place<'a>> {
    let mut places = vec![Place { path: String::new(), value: Some(root) }];
    for step in path.split('.') {
        let name = &step[..step.find(['[', '{']).unwrap_or(step.len())];
        let known = places.into_iter().filter_map(|place| {
            let value = place.value.filter(|value| !is_opaque(value))?;
            Some((place.path, value))
        });
        places = known
            .filter_map(|(path, value)| Some((path, value.as_object()?)))
            .map(|(path, fields)| Place { path: validate::join(&path, name), value: fields.get(name) })
            .collect();
        for _ in 0..step.matches(['[', '{']).count() {
            places = places.into_iter().flat_map(elements).collect();
        }
    }
    places
}

fn elements(place: Place<'_>) -> Vec<Place<'_>> {
    let Place { path, value } = place;
    match value {
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .map(|(index, value)| Place { path: format!("{path}[{index}]"), value: Some(value) })
            .collect(),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(key, value)| Place { path: validate::join(&path, key), value: Some(value) })
            .collect(),
        _ => Vec::new(),
    }
}
