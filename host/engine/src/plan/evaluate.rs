//! Evaluation of declared properties against what is known.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mlflow_host_graph::value::Map;
use mlflow_host_graph::{
    Diagnostic, EvaluateError, Graph, PropertyPath, Reference, Resource, Role, Scope, Segment, Urn, Value,
};

use crate::provider::Provider;
use crate::record::Recorded;

/// What is known of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The attributes.
    pub(crate) outputs: Value,
    /// The inputs, which can be referred to like attributes.
    pub(crate) inputs: Value,
    /// Whether attributes that are missing do not exist, rather than being unknown.
    pub(crate) complete: bool,
}

impl Known {
    /// What has been read of a resource that is not managed.
    pub(crate) fn read(outputs: Value) -> Self {
        Self { outputs, inputs: Value::empty_map(), complete: true }
    }

    pub(crate) fn nothing() -> Self {
        Self { outputs: Value::empty_map(), inputs: Value::empty_map(), complete: false }
    }
}

impl From<&Recorded> for Known {
    fn from(recorded: &Recorded) -> Self {
        Self { outputs: recorded.outputs.clone(), inputs: recorded.inputs.clone(), complete: true }
    }
}

/// The values that properties may refer to.
pub(crate) struct StateScope<'a> {
    pub(crate) known: &'a dyn Fn(&Urn) -> Option<Cow<'a, Known>>,
    pub(crate) secrets: &'a BTreeMap<String, String>,
}

impl Scope for StateScope<'_> {
    fn attribute(&self, reference: &Reference) -> Result<Value, EvaluateError> {
        let Reference { urn, path } = reference;
        let Some(known) = (self.known)(urn) else { return Ok(Value::Unknown) };
        known.outputs.at(path).or_else(|| known.inputs.at(path)).map_or_else(
            || {
                if known.complete {
                    Err(EvaluateError::NoAttribute { urn: urn.clone(), path: path.clone() })
                } else {
                    Ok(Value::Unknown)
                }
            },
            Ok,
        )
    }

    fn secret(&self, key: &str) -> Result<Value, EvaluateError> {
        match self.secrets.get(key) {
            Some(secret) => Ok(Value::string(secret)),
            None => Err(EvaluateError::NoSecret(key.to_owned())),
        }
    }
}

/// A resource with its expressions evaluated.
pub(crate) struct Evaluated {
    pub(crate) properties: Map,
    pub(crate) replace_on: Value,
}

/// Evaluates the expressions of a resource. Ignored paths keep their recorded values.
pub(crate) fn evaluate_resource(
    resource: &Resource,
    recorded: Option<&Recorded>,
    scope: &dyn Scope,
) -> Result<Evaluated, EvaluateError> {
    let mut properties = Value::Map(
        resource
            .properties
            .iter()
            .map(|(key, expression)| Ok((key.clone(), expression.evaluate(scope)?)))
            .collect::<Result<_, EvaluateError>>()?,
    );
    if let Some(recorded) = recorded {
        for path in &resource.options.ignore_changes {
            if let Some(old) = recorded.inputs.at(path) {
                put(&mut properties, path.segments(), old);
            }
        }
    }
    let replace_on = resource
        .options
        .replace_on
        .iter()
        .map(|trigger| trigger.evaluate(scope))
        .collect::<Result<_, _>>()?;
    let properties = match properties {
        Value::Map(entries) => entries,
        _ => Map::new(),
    };
    Ok(Evaluated { properties, replace_on: Value::List(replace_on) })
}

/// Sets the value at a path, where the path exists.
pub(crate) fn put(target: &mut Value, path: &[Segment], value: Value) {
    match (path, target) {
        ([], target) => *target = value,
        ([Segment::Key(key)], Value::Map(entries)) => {
            entries.insert(key.clone(), value);
        }
        ([Segment::Key(key), rest @ ..], Value::Map(entries)) => {
            if let Some(inner) = entries.get_mut(key) {
                put(inner, rest, value);
            }
        }
        ([Segment::Index(index), rest @ ..], Value::List(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                put(inner, rest, value);
            }
        }
        _ => {}
    }
}

/// Reads the resources that a graph looks up. What refers to managed resources is left unknown.
///
/// # Errors
/// One diagnostic for each that cannot be read.
pub async fn lookups(
    graph: &Graph,
    provider: &dyn Provider,
    secrets: &BTreeMap<String, String>,
) -> Result<BTreeMap<Urn, Value>, Vec<Diagnostic>> {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for resource in graph.resources.iter().filter(|resource| resource.role == Role::Lookup) {
        let properties = {
            let known =
                |urn: &Urn| found.get(urn).map(|outputs: &Value| Cow::Owned(Known::read(outputs.clone())));
            evaluate_resource(resource, None, &StateScope { known: &known, secrets })
        };
        match properties {
            Err(error) => {
                problems
                    .push(Diagnostic::error("evaluate", error.to_string()).about(resource.urn.to_string()));
            }
            Ok(evaluated) if evaluated.properties.values().any(Value::has_unknown) => {}
            Ok(evaluated) => match provider.lookup(&resource.urn, &evaluated.properties).await {
                Ok(outputs) => {
                    found.insert(resource.urn.clone(), outputs);
                }
                Err(error) => {
                    let message = match &error.hint {
                        Some(hint) => format!("{} {hint}", error.message),
                        None => error.message.clone(),
                    };
                    problems.push(Diagnostic::error("lookup", message).about(resource.urn.to_string()));
                }
            },
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// The first path at which a value is unknown.
pub(crate) fn first_unknown(value: &Value, at: &PropertyPath) -> Option<PropertyPath> {
    match value {
        Value::Unknown => Some(at.clone()),
        Value::Secret(inner) => first_unknown(inner, at),
        Value::List(items) => {
            items.iter().enumerate().find_map(|(index, item)| first_unknown(item, &at.index(index)))
        }
        Value::Map(entries) => entries.iter().find_map(|(key, item)| first_unknown(item, &at.key(key))),
        _ => None,
    }
}
