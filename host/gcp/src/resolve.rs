//! From a declaration to complete inputs, name and predicted attributes. Pure.

use mlflow_host_engine::{Declaration, ProviderError, Resolved};
use mlflow_host_gcp_api::kinds::{GroupStyle, IdOrigin, Kind, Kinds, ParentForm};
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Urn, Value};

use crate::config::GcpConfig;
use crate::session::Session;
use crate::variables::{Variables, parent_in_path, target_value};
use crate::{ownership, tree};

/// The attribute that holds the short id.
pub(crate) const RESOURCE_ID: &str = "resourceId";

/// The facts about the kind of a resource.
pub(crate) fn facts(kinds: Kinds, urn: &Urn) -> Result<&'static Kind, ProviderError> {
    kinds.get(urn.kind().as_str()).ok_or_else(|| {
        let error = ProviderError::new(format!("`{}` is not a kind that this version knows.", urn.kind()));
        match kinds.nearest(urn.kind().as_str()) {
            Some(near) => error.with_hint(format!("Did you mean `{near}`?")),
            None => error.with_hint("If it is one of the stack's own, name its file in `[kinds]`."),
        }
    })
}

/// Completes a declaration.
pub(crate) fn resolve(
    session: &Session,
    kind: &'static Kind,
    declaration: &Declaration<'_>,
) -> Result<Resolved, ProviderError> {
    let config = &session.config;
    let number = session.known_number().map(str::to_owned);
    let mut inputs = Value::Map(declaration.properties.clone());
    place(config, kind, declaration.urn, &mut inputs)?;
    let given = name(kind, declaration, &mut inputs)?;
    ownership::mark(kind, config, &mut inputs);
    for path in &kind.sensitive {
        tree::seal(&mut inputs, path);
    }

    let variables = Variables::new(kind, &inputs, None, number);
    let grouped_by = kind.group.as_ref().map(|group| group.style);
    let resolved = Resolved {
        identity: variables.identity(),
        predicted: predicted(kind, &inputs, &variables),
        name_is_fixed: given
            || matches!(kind.id.origin, IdOrigin::Fixed(_)) && grouped_by != Some(GroupStyle::IamPolicy),
        container: container(config.kinds, kind, &inputs),
        group: kind.group.as_ref().and_then(|group| variables.expand(&group.key)),
        lock: kind.lock.as_ref().and_then(|lock| variables.expand(lock)),
        inputs: Value::Null,
    };
    Ok(Resolved { inputs, ..resolved })
}

/// Fills in where the resource lives.
fn place(config: &GcpConfig, kind: &Kind, urn: &Urn, inputs: &mut Value) -> Result<(), ProviderError> {
    let Value::Map(entries) = inputs else { return Ok(()) };
    for parent in &kind.parents {
        let project = entries.get("project").and_then(Value::as_str).unwrap_or(&config.project).to_owned();
        match entries.get(&parent.name).map(Value::reveal) {
            None | Some(Value::Null) => {
                let value = parent.default.ok_or_else(|| {
                    ProviderError::new(format!("`{urn}` must say which `{}` it belongs to.", parent.name))
                })?;
                entries.insert(parent.name.clone(), target_value(config, value));
            }
            Some(Value::String(given)) => {
                let text = parent_in_path(parent.form, given, &project);
                entries.insert(parent.name.clone(), Value::String(text));
            }
            Some(_) => {}
        }
    }
    for (field, value) in &kind.target_defaults {
        if entries.get(field).is_none_or(|given| *given == Value::Null) {
            entries.insert(field.clone(), target_value(config, *value));
        }
    }
    Ok(())
}

/// Fills in the short id where the client chooses it. Says whether the author gave it.
fn name(kind: &Kind, declaration: &Declaration<'_>, inputs: &mut Value) -> Result<bool, ProviderError> {
    let urn = declaration.urn;
    let IdOrigin::Client(generated) = kind.id.origin else { return Ok(false) };
    let Value::Map(entries) = inputs else { return Ok(false) };
    match entries.get("name").map(Value::reveal) {
        Some(Value::String(given)) => kind
            .id
            .validate(given)
            .map(|()| true)
            .map_err(|error| ProviderError::new(format!("The name of `{urn}` is not possible: {error}."))),
        Some(Value::Unknown) => Ok(true),
        None | Some(Value::Null) if generated => {
            let made = kind.id.generate(urn.name(), declaration.suffix);
            entries.insert("name".to_owned(), Value::String(made));
            Ok(false)
        }
        None | Some(Value::Null) => Err(ProviderError::new(format!("`{urn}` must have a `name`."))),
        Some(_) => Err(ProviderError::new(format!("The name of `{urn}` must be text."))),
    }
}

/// The attributes that are known before the cloud has answered.
fn predicted(kind: &Kind, inputs: &Value, variables: &Variables<'_>) -> Map {
    // Without a message of its own, a resource is its inputs.
    let mut attributes = match kind.schema {
        None => inputs.clone(),
        Some(_) => Value::empty_map(),
    };
    for (path, template) in &kind.predicted {
        if let (Ok(path), Some(text)) = (path.parse(), variables.expand(template)) {
            tree::set(&mut attributes, &path, Value::String(text));
        }
    }
    let mut attributes = attributes.as_map().cloned().unwrap_or_default();
    if let Some(id) = variables.id() {
        attributes.insert(RESOURCE_ID.to_owned(), Value::string(id));
    }
    attributes
}

/// The identity of the resource that takes this one with it.
pub(crate) fn container(kinds: Kinds, kind: &Kind, inputs: &Value) -> Option<String> {
    let container = kind.container.as_ref()?;
    let outer = kinds.get(&container.kind)?;
    let form = kind.parents.iter().find(|parent| parent.name == container.property)?.form;
    let named = inputs.get(&container.property)?.as_str()?;
    let id = match form {
        ParentForm::Id => named,
        ParentForm::Email => named.split_once('@')?.0,
    };
    let identity = Variables::new(outer, inputs, None, None).with_id(id.to_owned()).identity()?;
    // An account of another project is not one that the stack could delete.
    identity.ends_with(named).then_some(identity)
}
