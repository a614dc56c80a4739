//! Checks of bodies and query strings against Google's description.
//!
//! Problems are collected, not stopped at the first. A value that is not known yet (a reference, a
//! secret) is *opaque*: the caller says which values are, and they pass any check of type.

use serde_json::Value;

use crate::description::{Api, Method, Parameter, Schema};
use crate::nearest::nearest;

mod scalar;

/// What is being checked, and so which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A resource that a program declares: names, types, enums; output-only fields must be absent
    /// and required ones present.
    Declaration,
    /// A request body: names, types, enums. Servers ignore output-only fields, and an update needs
    /// no required ones.
    Request,
    /// A response body: names, types, enums, and no nulls.
    Response,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemCode {
    /// A field or parameter that the API does not have.
    UnknownField,
    /// A value of another type or format.
    WrongType,
    /// A value that the enum does not have.
    UnknownEnum,
    /// A field that only the server may set.
    OutputOnly,
    /// A required field that is absent.
    MissingRequired,
    /// A value of the right type that breaks a rule, as a name with characters that are not allowed.
    InvalidValue,
}

impl ProblemCode {
    /// Stable name for machines, e.g. `unknown-field`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownField => "unknown-field",
            Self::WrongType => "wrong-type",
            Self::UnknownEnum => "unknown-enum",
            Self::OutputOnly => "output-only",
            Self::MissingRequired => "missing-required",
            Self::InvalidValue => "invalid-value",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, e.g. `template.containers[0].image`; empty for the whole.
    pub path: String,
    /// What kind of problem.
    pub code: ProblemCode,
    /// A sentence for people; it includes the suggestion if there is one.
    pub message: String,
    /// The name or enum value that was probably meant.
    pub nearest: Option<String>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.message),
            path => write!(formatter, "{path}: {}", self.message),
        }
    }
}

/// No value is opaque: for bodies as they travel.
pub fn nothing_opaque(_: &Value) -> bool {
    false
}

/// Checks `value` as a message `schema` of `api`. An unknown message name is a problem too.
pub fn body(
    api: &Api,
    schema: &str,
    value: &Value,
    purpose: Purpose,
    is_opaque: &dyn Fn(&Value) -> bool,
) -> Vec<Problem> {
    let mut check = Check { api, purpose, is_opaque, problems: Vec::new() };
    match api.schema(schema) {
        Some(schema) => check.value("", schema, value),
        None => check.report(
            "",
            ProblemCode::UnknownField,
            format!("{} has no message `{schema}`", api.name),
            None,
        ),
    }
    check.problems
}

/// Checks one field's value against a schema of `api`; paths start at `path`.
pub(crate) fn field(
    api: &Api,
    schema: &Schema,
    path: &str,
    value: &Value,
    purpose: Purpose,
    is_opaque: &dyn Fn(&Value) -> bool,
) -> Vec<Problem> {
    let mut check = Check { api, purpose, is_opaque, problems: Vec::new() };
    check.field(path, schema, value);
    check.problems
}

/// Checks decoded query pairs against the parameters of `method` and those of the whole `api`.
pub fn query<'a>(
    api: &Api,
    method: &Method,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (name, text) in pairs {
        // Google takes the parameters of every method with a `$` in front as well, and hands out
        // `upload_id` itself in the address of a resumable upload.
        let shared = || api.parameters.get(name.strip_prefix('$').unwrap_or(name));
        let Some(parameter) = method.query.get(name).or_else(shared) else {
            if name != "upload_id" {
                let near = nearest(name, method.query.keys().map(String::as_str));
                problems.push(unknown_field(name, "query parameter", near));
            }
            continue;
        };
        if !parameter.repeated && seen.contains(&name) {
            problems.push(Problem {
                path: name.to_owned(),
                code: ProblemCode::WrongType,
                message: "is given more than once".into(),
                nearest: None,
            });
        }
        seen.push(name);
        problems.extend(query_value(name, parameter, text));
    }
    for (name, parameter) in &method.query {
        if parameter.required && !seen.contains(&name.as_str()) {
            problems.push(missing(name));
        }
    }
    problems
}

fn query_value(name: &str, parameter: &Parameter, text: &str) -> Option<Problem> {
    // `alt=json;enum-encoding=int` is how Google's Python clients ask for numbers.
    let word = text.split(';').next().unwrap_or(text);
    if !parameter.values.is_empty() && !parameter.values.iter().any(|value| value == word) {
        return Some(unknown_enum(name, text, &parameter.values));
    }
    let expected = scalar::text_fits(parameter.kind, parameter.format.as_deref(), text).err()?;
    Some(wrong_type(name, &expected, &format!("`{text}`")))
}

struct Check<'a> {
    api: &'a Api,
    purpose: Purpose,
    is_opaque: &'a dyn Fn(&Value) -> bool,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, path: &str, code: ProblemCode, message: String, nearest: Option<String>) {
        self.problems.push(Problem { path: path.to_owned(), code, message, nearest });
    }

    /// A field: the flags at the place where it stands, then its shape.
    fn field(&mut self, path: &str, schema: &Schema, value: &Value) {
        if self.purpose == Purpose::Declaration && schema.output_only {
            self.problems.push(output_only(path));
        } else {
            self.value(path, schema, value);
        }
    }

    fn value(&mut self, path: &str, schema: &Schema, value: &Value) {
        if (self.is_opaque)(value) {
            return;
        }
        let Some(schema) = self.api.resolve(schema) else { return };
        match value {
            // In a request null means unset, and for storage: clear.
            Value::Null if self.purpose != Purpose::Response => {}
            Value::Object(fields) if !schema.properties.is_empty() => {
                self.message(path, schema, fields);
            }
            Value::Object(entries) if schema.additional_properties.is_some() => {
                for (key, entry) in entries {
                    if let Some(shape) = &schema.additional_properties {
                        self.value(&join(path, key), shape, entry);
                    }
                }
            }
            Value::Array(elements) if schema.items.is_some() => {
                for (index, element) in elements.iter().enumerate() {
                    if let Some(shape) = &schema.items {
                        self.value(&format!("{path}[{index}]"), shape, element);
                    }
                }
            }
            _ => self.scalar(path, schema, value),
        }
    }

    fn message(&mut self, path: &str, schema: &Schema, fields: &serde_json::Map<String, Value>) {
        for (name, value) in fields {
            let path = join(path, name);
            match (schema.properties.get(name), &schema.additional_properties) {
                (Some(field), _) => self.field(&path, field, value),
                (None, Some(shape)) => self.value(&path, shape, value),
                (None, None) => {
                    let near = nearest(name, schema.properties.keys().map(String::as_str));
                    self.problems.push(unknown_field(&path, "field", near));
                }
            }
        }
        if self.purpose == Purpose::Declaration {
            for (name, field) in &schema.properties {
                let absent = fields.get(name).is_none_or(Value::is_null);
                if field.required && !field.output_only && absent {
                    self.problems.push(missing(&join(path, name)));
                }
            }
        }
    }

    fn scalar(&mut self, path: &str, schema: &Schema, value: &Value) {
        if let Err(expected) = scalar::fits(schema, value, self.purpose) {
            self.problems.push(wrong_type(path, &expected, scalar::describe(value)));
            return;
        }
        // Enums travel as numbers too; which numbers exist is not in discovery.
        if let (false, Value::String(text)) = (schema.values.is_empty(), value)
            && !schema.values.contains(text)
        {
            self.problems.push(unknown_enum(path, text, &schema.values));
        }
    }
}

pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(crate) fn unknown_field(path: &str, what: &str, nearest: Option<String>) -> Problem {
    let message = match &nearest {
        Some(name) => format!("there is no such {what}; did you mean `{name}`?"),
        None => format!("there is no such {what}"),
    };
    Problem { path: path.to_owned(), code: ProblemCode::UnknownField, message, nearest }
}

pub(crate) fn missing(path: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        code: ProblemCode::MissingRequired,
        message: "is required and missing".into(),
        nearest: None,
    }
}

pub(crate) fn output_only(path: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        code: ProblemCode::OutputOnly,
        message: "is set by Google and cannot be declared".into(),
        nearest: None,
    }
}

fn wrong_type(path: &str, expected: &str, found: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        code: ProblemCode::WrongType,
        message: format!("must be {expected}, not {found}"),
        nearest: None,
    }
}

fn unknown_enum(path: &str, text: &str, values: &[String]) -> Problem {
    let nearest = nearest(text, values.iter().map(String::as_str));
    let message = match &nearest {
        Some(value) => format!("`{text}` is not one of its values; did you mean `{value}`?"),
        None => {
            let listed: Vec<_> = values.iter().take(12).map(String::as_str).collect();
            let more = if values.len() > listed.len() { ", …" } else { "" };
            format!("`{text}` is not one of its values: {}{more}", listed.join(", "))
        }
    };
    Problem { path: path.to_owned(), code: ProblemCode::UnknownEnum, message, nearest }
}

#[cfg(test)]
mod tests;
