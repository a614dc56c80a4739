//! How a resource says whose it is: labels where the API has them, else a mark in its description.

use mlflow_host_engine as engine;
use mlflow_host_gcp_api::kinds::Kind;
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{PropertyPath, Value};
use serde_json::Value as Json;

use crate::config::GcpConfig;
use crate::tree;

/// The label that holds the seed.
const SEED: &str = "mlflow-host-seed";

/// The label that holds the stack's name.
const STACK: &str = "mlflow-host-stack";

/// How the mark in a description begins.
const MARK: &str = "managed by mlflow-host, stack ";

/// What a resource that exists already has to do with this stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It carries this stack's mark.
    Ours,
    /// The kind can carry a mark, and this one does not carry ours.
    Foreign,
    /// The kind has no place for a mark: who knows the name, owns it.
    Unmarkable,
}

/// Adds the mark to the inputs of a resource.
pub(crate) fn mark(kind: &Kind, config: &GcpConfig, inputs: &mut Value) {
    if let Some(path) = kind.labels.as_deref().and_then(|path| path.parse().ok()) {
        let labels = labels(config).into_iter().map(|(key, value)| (key.to_owned(), Value::String(value)));
        match inputs.at(&path) {
            None | Some(Value::Null) => tree::set(inputs, &path, Value::Map(labels.collect())),
            Some(Value::Map(given)) => {
                tree::set(inputs, &path, Value::Map(given.into_iter().chain(labels).collect::<Map>()));
            }
            // Not known yet, or not a map: the schema check has its say.
            Some(_) => {}
        }
    } else if let Some(path) = kind.description.as_deref().and_then(|path| path.parse::<PropertyPath>().ok())
    {
        let mark = description(config);
        match inputs.at(&path) {
            None | Some(Value::Null) => tree::set(inputs, &path, Value::String(mark)),
            Some(Value::String(given)) if !given.contains(&mark) => {
                tree::set(inputs, &path, Value::String(format!("{given} ({mark})")));
            }
            Some(_) => {}
        }
    }
}

/// Whose the resource is, as Google returned it.
pub(crate) fn owner(kind: &Kind, config: &GcpConfig, body: &Json) -> Owner {
    let at = |path: &str| tree::json_at(body, path);
    let ours = if let Some(path) = &kind.labels {
        at(path).and_then(|labels| labels.get(SEED)).and_then(Json::as_str) == Some(&label(&config.seed))
    } else if let Some(path) = &kind.description {
        at(path).and_then(Json::as_str).is_some_and(|text| text.contains(&description(config)))
    } else {
        return Owner::Unmarkable;
    };
    if ours { Owner::Ours } else { Owner::Foreign }
}

/// Whose the resource is, by name, as Google returned it.
pub(crate) fn whose(kind: &Kind, config: &GcpConfig, body: &Json) -> engine::Owner {
    if owner(kind, config, body) == Owner::Ours {
        return engine::Owner::Ours;
    }
    let other = if let Some(path) = &kind.labels {
        let label = |name: &str| tree::json_at(body, path)?.get(name)?.as_str();
        label(SEED).map(|_| label(STACK).unwrap_or_default())
    } else {
        let mark = kind.description.as_ref().and_then(|path| tree::json_text(body, path).split_once(MARK));
        mark.map(|(_, rest)| rest.split(',').next().unwrap_or_default())
    };
    other.map_or(engine::Owner::Nobody, |stack| engine::Owner::Other(stack.to_owned()))
}

fn labels(config: &GcpConfig) -> [(&'static str, String); 3] {
    [("managed-by", "mlflow-host".to_owned()), (STACK, label(&config.stack)), (SEED, label(&config.seed))]
}

fn description(config: &GcpConfig) -> String {
    format!("{MARK}{}, seed {}", config.stack, config.seed)
}

/// Text as a label's value: at most 63 lower-case letters, digits, `-` and `_`.
fn label(text: &str) -> String {
    let allowed = |character: char| match character.to_ascii_lowercase() {
        folded @ ('a'..='z' | '0'..='9' | '-' | '_') => folded,
        _ => '_',
    };
    text.chars().take(63).map(allowed).collect()
}
