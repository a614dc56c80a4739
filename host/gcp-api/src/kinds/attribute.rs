//! The check of an attribute that a program refers to: is there such a field?

use std::borrow::Cow;

use super::{Input, Kind};
use crate::description::{Api, Schema, SchemaType};
use crate::nearest::nearest;
use crate::validate::{self, Problem, ProblemCode};

/// The attribute that every kind has besides those of Google: the short id.
const RESOURCE_ID: &str = "resourceId";

/// One step of the path of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A field of a message, or a key of a map.
    Key(&'a str),
    /// An element of a list.
    Index(usize),
}

/// What is wrong with a reference to an attribute or an input of a kind; `None` when Google's description
/// and the table know it. The path of the problem ends where it goes astray.
pub fn check_attribute(kind: &Kind, path: &[Step<'_>]) -> Option<Problem> {
    let api = kind.api()?;
    let (Step::Key(first), rest) = path.split_first()? else {
        return Some(wrong("", "must begin with the name of an attribute"));
    };
    if is_predicted(kind, path) || *first == RESOURCE_ID && rest.is_empty() {
        return None;
    }
    let own = kind.attribute_schema().and_then(|schema| schema.properties.get(*first));
    let roots = [own.map(Cow::Borrowed), kind.input(first).map(shape_of)];
    let mut problems = roots.into_iter().flatten().map(|root| walk(api, &root, first, rest));
    let Some(problem) = problems.next() else {
        let attributes = kind.attribute_schema().into_iter().flat_map(|schema| schema.properties.keys());
        let names = attributes.map(String::as_str).chain(kind.inputs().into_keys()).chain([RESOURCE_ID]);
        return Some(validate::unknown_field(first, "attribute", nearest(first, names)));
    };
    // Either may have what the other lacks.
    if problems.any(|other| other.is_none()) { None } else { problem }
}

/// Whether the host computes the attribute, or something inside it, beforehand.
fn is_predicted(kind: &Kind, path: &[Step<'_>]) -> bool {
    let text = path.iter().fold(String::new(), |text, step| describe(&text, *step));
    kind.predicted.keys().any(|predicted| {
        predicted.strip_prefix(&text).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// The shape of an input property.
fn shape_of(input: Input<'_>) -> Cow<'_, Schema> {
    match input {
        Input::Name(_) | Input::Parent(_) => {
            Cow::Owned(Schema { kind: SchemaType::String, ..Schema::default() })
        }
        Input::Extra(extra) => {
            Cow::Owned(Schema { kind: extra.kind, reference: extra.schema.clone(), ..Schema::default() })
        }
        Input::Field(field) => Cow::Borrowed(field),
    }
}

/// Follows the steps from a field of that shape; `at` is the path to it.
fn walk(api: &Api, shape: &Schema, at: &str, steps: &[Step<'_>]) -> Option<Problem> {
    let (step, rest) = steps.split_first()?;
    let shape = api.resolve(shape)?;
    let here = describe(at, *step);
    let entry = shape.additional_properties.as_deref();
    match (step, shape.kind) {
        (_, SchemaType::Any) => None,
        (Step::Index(_), SchemaType::Array) => walk(api, shape.items.as_deref()?, &here, rest),
        (Step::Key(_), SchemaType::Array) => {
            Some(wrong(at, &format!("is a list: write `{at}[0]` for its first element")))
        }
        (Step::Key(key), SchemaType::Object) => match (shape.properties.get(*key), entry) {
            (Some(field), _) => walk(api, field, &here, rest),
            (None, Some(values)) => walk(api, values, &here, rest),
            (None, None) if shape.properties.is_empty() => None,
            (None, None) => {
                let near = nearest(key, shape.properties.keys().map(String::as_str));
                Some(validate::unknown_field(&here, "attribute", near))
            }
        },
        (Step::Index(_), SchemaType::Object) => Some(wrong(at, "is not a list")),
        _ => Some(wrong(at, "is a plain value: there is nothing inside it")),
    }
}

fn wrong(path: &str, message: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        code: ProblemCode::UnknownField,
        message: message.to_owned(),
        nearest: None,
    }
}

fn describe(at: &str, step: Step<'_>) -> String {
    match step {
        Step::Key(key) => validate::join(at, key),
        Step::Index(index) => format!("{at}[{index}]"),
    }
}
