//! Kinds without an API: `std/Value`, `std/RandomId`, `std/RandomPassword`, and `std/StackReference`, which is
//! only looked up.

use std::sync::Arc;

use async_trait::async_trait;
use mlflow_host_graph::value::Map;
use mlflow_host_graph::{Diagnostic, Graph, Kind, PropertyPath, Segment, Urn, Value};
use rand::Rng as _;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::provider::{
    Change, ChangeKind, Declaration, Durations, Found, Progress, Provider, ProviderError, Recovery, Request,
    Resolved, Wanted,
};

/// One property of a standard kind.
struct Property {
    name: &'static str,
    required: bool,
    /// What the value may be, as a phrase.
    shape: &'static str,
    fits: fn(&Json) -> bool,
}

/// One standard kind.
struct StandardKind {
    name: &'static str,
    properties: &'static [Property],
    /// The attributes besides the properties; `None` when nobody knows them beforehand.
    attributes: Option<&'static [&'static str]>,
    /// What changing a property takes.
    on_change: ChangeKind,
}

/// The outputs of another stack.
const STACK_REFERENCE: &str = "std/StackReference";

const KINDS: &[StandardKind] = &[
    StandardKind {
        name: "std/Value",
        properties: &[Property { name: "value", required: true, shape: "any value", fits: |_| true }],
        attributes: Some(&[]),
        on_change: ChangeKind::Update,
    },
    StandardKind {
        name: "std/RandomId",
        properties: &[
            Property {
                name: "length",
                required: false,
                shape: "a number from 4 to 32",
                fits: |value| within(value, 4, 32),
            },
            Property { name: "prefix", required: false, shape: "a string", fits: Json::is_string },
        ],
        attributes: Some(&["result"]),
        on_change: ChangeKind::Replace,
    },
    StandardKind {
        name: "std/RandomPassword",
        properties: &[
            Property {
                name: "length",
                required: false,
                shape: "a number from 12 to 128",
                fits: |value| within(value, 12, 128),
            },
            Property { name: "special", required: false, shape: "true or false", fits: Json::is_boolean },
        ],
        attributes: Some(&["result"]),
        on_change: ChangeKind::Replace,
    },
    StandardKind {
        name: STACK_REFERENCE,
        properties: &[Property {
            name: "stack",
            required: true,
            shape: "the name of a stack",
            fits: |value| value.as_str().is_some_and(|name| !name.is_empty()),
        }],
        attributes: None,
        on_change: ChangeKind::Replace,
    },
];

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SPECIAL: &[u8] = b"!#$%&*+-=?@^_~";

fn within(value: &Json, low: u64, high: u64) -> bool {
    value.as_u64().is_some_and(|number| (low..=high).contains(&number))
}

fn find(kind: &Kind) -> Option<&'static StandardKind> {
    KINDS.iter().find(|candidate| candidate.name == kind.as_str())
}

/// The names of the standard kinds.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// A property of a standard kind, for whoever explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardProperty {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be declared.
    pub required: bool,
    /// What the value may be, as a phrase, e.g., `a number from 4 to 32`.
    pub shape: &'static str,
    /// What changing it takes.
    pub on_change: ChangeKind,
}

/// The properties of a standard kind; `None` when there is no such kind.
pub fn properties(kind: &str) -> Option<Vec<StandardProperty>> {
    let known = KINDS.iter().find(|candidate| candidate.name == kind)?;
    let explained = known.properties.iter().map(|property| StandardProperty {
        name: property.name,
        required: property.required,
        shape: property.shape,
        on_change: known.on_change,
    });
    Some(explained.collect())
}

/// Checks the declared properties of a standard kind. `is_opaque` tells values that are not known yet,
/// which fit everything. `None` when the kind is not a standard one.
pub fn check(kind: &Kind, properties: &Json, is_opaque: &dyn Fn(&Json) -> bool) -> Option<Vec<Diagnostic>> {
    let known = find(kind)?;
    let empty = serde_json::Map::new();
    let properties = properties.as_object().unwrap_or(&empty);
    let mut problems = Vec::new();
    for (name, value) in properties {
        match known.properties.iter().find(|property| property.name == name) {
            None => {
                let nearest = nearest(name, known.properties.iter().map(|property| property.name));
                let message = format!("There is no property `{name}`. Did you mean `{nearest}`?");
                problems.push(Diagnostic::error("unknown-property", message).at(name));
            }
            Some(property) if !is_opaque(value) && !(property.fits)(value) => {
                let message = format!("It must be {}, not {value}.", property.shape);
                problems.push(Diagnostic::error("wrong-type", message).at(name));
            }
            Some(_) => {}
        }
    }
    for property in known.properties.iter().filter(|property| property.required) {
        if !properties.contains_key(property.name) {
            let message = format!("`{}` is required: {}.", property.name, property.shape);
            problems.push(Diagnostic::error("missing-property", message));
        }
    }
    Some(problems)
}

/// Checks an attribute that is referred to. `None` when the kind is not a standard one, or when there is
/// nothing wrong.
pub fn check_attribute(kind: &Kind, path: &PropertyPath) -> Option<Diagnostic> {
    let known = find(kind)?;
    let names = known.properties.iter().map(|property| property.name);
    let names = || names.clone().chain(known.attributes.into_iter().flatten().copied());
    let wrong = |message| Some(Diagnostic::error("unknown-attribute", message).at(path.to_string()));
    match path.segments() {
        _ if known.attributes.is_none() => None,
        [Segment::Key(name), rest @ ..] if names().any(|known| known == name) => {
            // Anything may be inside a value; all else is plain.
            let is_plain = known.name != "std/Value";
            if is_plain && !rest.is_empty() {
                wrong(format!("There is nothing inside `{name}`."))
            } else {
                None
            }
        }
        [Segment::Key(name), ..] => {
            let nearest = nearest(name, names());
            wrong(format!("There is no attribute `{name}`. Did you mean `{nearest}`?"))
        }
        _ => wrong("It must begin with the name of an attribute.".to_owned()),
    }
}

/// The name that was most likely meant.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    let likeness = |candidate: &str| strsim::jaro_winkler(candidate, name);
    names.max_by(|left, right| likeness(left).total_cmp(&likeness(right))).unwrap_or_default()
}

/// Where the outputs of other stacks are found.
#[async_trait]
pub trait StackOutputs: Send + Sync {
    /// The outputs of a stack, a map by their names, as recorded by its last run. What is secret there stays
    /// a [`Value::Secret`].
    ///
    /// # Errors
    /// When there is no such stack, or its state cannot be read.
    async fn outputs(&self, stack: &str) -> Result<Value, ProviderError>;
}

/// A provider for the standard kinds in front of another one for all others.
pub struct Standard<P> {
    inner: P,
    stacks: Option<Arc<dyn StackOutputs>>,
}

impl<P: Provider> Standard<P> {
    /// Puts the standard kinds in front of `inner`.
    pub fn new(inner: P) -> Self {
        Self { inner, stacks: None }
    }

    /// The same with the outputs of other stacks, for `std/StackReference`.
    #[must_use]
    pub fn with_stacks(mut self, stacks: Arc<dyn StackOutputs>) -> Self {
        self.stacks = Some(stacks);
        self
    }

    async fn refer(&self, urn: &Urn, properties: &Map) -> Result<Value, ProviderError> {
        let stack = properties.get("stack").and_then(Value::as_str).unwrap_or_default();
        let Some(stacks) = &self.stacks else {
            let message =
                format!("cannot look up `{urn}`: this host does not read the state of other stacks.");
            return Err(ProviderError::new(message));
        };
        stacks.outputs(stack).await
    }
}

fn resolve_standard(declaration: &Declaration<'_>) -> Resolved {
    let mut predicted = Map::new();
    let urn = declaration.urn;
    match urn.kind().short() {
        "Value" => {
            predicted
                .insert("value".to_owned(), declaration.properties.get("value").cloned().unwrap_or_default());
        }
        // Derived from the stack's seed, so that it is known before anything is created.
        "RandomId" => {
            let length = number(declaration.properties, "length", 6);
            let prefix = declaration.properties.get("prefix").and_then(Value::as_str).unwrap_or_default();
            let digest = Sha256::digest(format!("{}:{urn}", declaration.suffix));
            let letters = &LETTERS[..26];
            let id: String =
                digest.iter().take(length).map(|byte| char::from(letters[usize::from(*byte) % 26])).collect();
            predicted.insert("result".to_owned(), Value::String(format!("{prefix}{id}")));
        }
        _ => {
            predicted.insert("result".to_owned(), Value::Unknown.into_secret());
        }
    }
    Resolved {
        inputs: Value::Map(declaration.properties.clone()),
        identity: Some(format!("{urn}#{}", declaration.suffix)),
        predicted,
        name_is_fixed: false,
        ..Resolved::default()
    }
}

fn number(properties: &Map, name: &str, default: usize) -> usize {
    match properties.get(name).map(Value::reveal) {
        Some(Value::Number(number)) => {
            number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
        }
        _ => default,
    }
}

/// The outputs of a standard resource that is made or changed now.
pub(crate) fn outputs(urn: &Urn, inputs: &Value, predicted: &Map) -> Value {
    if urn.kind().short() != "RandomPassword" {
        return Value::Map(predicted.clone());
    }
    let inputs = inputs.as_map().cloned().unwrap_or_default();
    let special = !matches!(inputs.get("special").map(Value::reveal), Some(Value::Bool(false)));
    let alphabet: Vec<u8> = if special { [LETTERS, SPECIAL].concat() } else { LETTERS.to_vec() };
    let mut random = rand::rng();
    let password: String = (0..number(&inputs, "length", 32))
        .map(|_| char::from(alphabet[random.random_range(0..alphabet.len())]))
        .collect();
    Value::Map(Map::from([("result".to_owned(), Value::String(password).into_secret())]))
}

/// Leaf paths at which two values differ.
fn differences(old: &Value, new: &Value, at: &PropertyPath, found: &mut Vec<(PropertyPath, Value, Value)>) {
    if old == new {
        return;
    }
    if let (Value::Map(left), Value::Map(right)) = (old, new) {
        let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
        for key in keys {
            let side = |map: &Map| map.get(key).cloned().unwrap_or_default();
            differences(&side(left), &side(right), &at.key(key), found);
        }
        return;
    }
    found.push((at.clone(), old.clone(), new.clone()));
}

#[async_trait]
impl<P: Provider> Provider for Standard<P> {
    fn durations(&self, kind: &Kind) -> Durations {
        if find(kind).is_some() { Durations::default() } else { self.inner.durations(kind) }
    }

    fn resolve(&self, declaration: &Declaration<'_>) -> Result<Resolved, ProviderError> {
        if declaration.urn.kind().as_str() == STACK_REFERENCE {
            let message = format!("`{}` cannot be managed: another stack does that.", declaration.urn);
            Err(ProviderError::new(message).with_hint("Look it up instead of declaring it."))
        } else if find(declaration.urn.kind()).is_some() {
            Ok(resolve_standard(declaration))
        } else {
            self.inner.resolve(declaration)
        }
    }

    fn compare(&self, kind: &Kind, old: &Value, new: &Value) -> Vec<Change> {
        let Some(known) = find(kind) else { return self.inner.compare(kind, old, new) };
        let mut found = Vec::new();
        differences(old, new, &PropertyPath::root(), &mut found);
        found.into_iter().map(|(path, old, new)| Change { path, old, new, kind: known.on_change }).collect()
    }

    fn stable_outputs(&self, kind: &Kind, outputs: &Value) -> Map {
        if find(kind).is_some() { Map::new() } else { self.inner.stable_outputs(kind, outputs) }
    }

    async fn complete(&self, graph: &mut Graph) -> Vec<Diagnostic> {
        self.inner.complete(graph).await
    }

    async fn lookup(&self, urn: &Urn, properties: &Map) -> Result<Value, ProviderError> {
        if urn.kind().as_str() == STACK_REFERENCE {
            return self.refer(urn, properties).await;
        }
        if find(urn.kind()).is_some() {
            return Err(ProviderError::new(format!(
                "There is nothing to look up: `{}` has no API.",
                urn.kind()
            )));
        }
        self.inner.lookup(urn, properties).await
    }

    async fn observe(&self, wanted: &[Wanted]) -> Vec<Result<Option<Found>, ProviderError>> {
        self.inner.observe(wanted).await
    }

    fn drift(&self, kind: &Kind, inputs: &Value, outputs: &Value) -> Vec<Change> {
        if find(kind).is_some() { Vec::new() } else { self.inner.drift(kind, inputs, outputs) }
    }

    async fn begin(&self, request: &Request) -> Result<Progress, ProviderError> {
        self.inner.begin(request).await
    }

    async fn advance(&self, request: &Request, handle: &Json) -> Result<Progress, ProviderError> {
        self.inner.advance(request, handle).await
    }

    async fn recover(&self, request: &Request) -> Result<Recovery, ProviderError> {
        self.inner.recover(request).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(kind: &str, properties: &Json) -> Vec<String> {
        check(&kind.parse().unwrap(), properties, &|value| value == &json!("?"))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn properties_are_checked() {
        assert_eq!(
            problems("std/RandomPassword", &json!({"length": 24, "special": "?"})),
            Vec::<String>::new()
        );
        assert_eq!(
            problems("std/RandomPassword", &json!({"lenght": 24, "special": 1})),
            [
                "`lenght`: There is no property `lenght`. Did you mean `length`?",
                "`special`: It must be true or false, not 1."
            ]
        );
        assert_eq!(problems("std/Value", &json!({})), ["`value` is required: any value."]);
        assert!(check(&"run.googleapis.com/Service".parse().unwrap(), &json!({}), &|_| false).is_none());
    }

    #[test]
    fn attributes_are_checked() {
        let problem = |kind: &str, path: &str| {
            let problem = check_attribute(&kind.parse().unwrap(), &path.parse().unwrap());
            problem.map(|problem| problem.to_string())
        };
        for (kind, path) in [
            ("std/Value", "value.deep[0]"),
            ("std/RandomId", "result"),
            ("std/RandomId", "prefix"),
            ("std/StackReference", "anything"),
            ("run.googleapis.com/Service", "nonsense"),
        ] {
            assert_eq!(problem(kind, path), None);
        }
        let said = |kind: &str, path: &str| problem(kind, path).unwrap();
        assert_eq!(
            said("std/RandomPassword", "resutl"),
            "`resutl`: There is no attribute `resutl`. Did you mean `result`?"
        );
        assert_eq!(said("std/RandomId", "result.x"), "`result.x`: There is nothing inside `result`.");
        assert_eq!(said("std/Value", "[0]"), "`[0]`: It must begin with the name of an attribute.");
    }

    /// Nothing in it is ever asked.
    struct Nothing;

    #[async_trait]
    impl Provider for Nothing {
        fn durations(&self, _: &Kind) -> Durations {
            Durations::default()
        }

        fn resolve(&self, _: &Declaration<'_>) -> Result<Resolved, ProviderError> {
            Err(ProviderError::new("not here"))
        }

        fn compare(&self, _: &Kind, _: &Value, _: &Value) -> Vec<Change> {
            Vec::new()
        }

        fn stable_outputs(&self, _: &Kind, _: &Value) -> Map {
            Map::new()
        }

        async fn lookup(&self, _: &Urn, _: &Map) -> Result<Value, ProviderError> {
            Err(ProviderError::new("not here"))
        }

        async fn observe(&self, _: &[Wanted]) -> Vec<Result<Option<Found>, ProviderError>> {
            Vec::new()
        }

        fn drift(&self, _: &Kind, _: &Value, _: &Value) -> Vec<Change> {
            Vec::new()
        }

        async fn begin(&self, _: &Request) -> Result<Progress, ProviderError> {
            Err(ProviderError::new("not here"))
        }

        async fn advance(&self, _: &Request, _: &Json) -> Result<Progress, ProviderError> {
            Err(ProviderError::new("not here"))
        }

        async fn recover(&self, _: &Request) -> Result<Recovery, ProviderError> {
            Err(ProviderError::new("not here"))
        }
    }

    struct Stacks;

    #[async_trait]
    impl StackOutputs for Stacks {
        async fn outputs(&self, stack: &str) -> Result<Value, ProviderError> {
            match stack {
                "network" => Ok(Value::Map(
                    [
                        ("name".to_owned(), "net".into()),
                        ("key".to_owned(), Value::from(json!("hunter2")).into_secret()),
                    ]
                    .into(),
                )),
                _ => Err(ProviderError::new(format!("There is no stack `{stack}`."))),
            }
        }
    }

    #[tokio::test]
    async fn a_stack_reference_is_the_outputs_of_the_stack() {
        let urn: Urn = "std/StackReference::net".parse().unwrap();
        let named = |stack: &str| Map::from([("stack".to_owned(), Value::string(stack))]);
        let provider = Standard::new(Nothing).with_stacks(Arc::new(Stacks));
        let outputs = provider.lookup(&urn, &named("network")).await.unwrap();
        assert_eq!(outputs.to_shown_json(), json!({"name": "net", "key": "[secret]"}));
        let error = provider.lookup(&urn, &named("netwrok")).await.unwrap_err();
        assert_eq!(error.message, "There is no stack `netwrok`.");
        assert_eq!(problems("std/StackReference", &json!({})), ["`stack` is required: the name of a stack."]);

        let properties = named("network");
        let declaration = Declaration { urn: &urn, properties: &properties, suffix: "ab12" };
        let error = provider.resolve(&declaration).unwrap_err();
        assert_eq!(error.message, "`std/StackReference::net` cannot be managed: another stack does that.");
        let without = Standard::new(Nothing).lookup(&urn, &properties).await.unwrap_err();
        assert!(without.message.contains("does not read the state of other stacks"));
    }

    #[test]
    fn a_password_is_secret_and_has_the_length_asked_for() {
        let urn: Urn = "std/RandomPassword::p".parse().unwrap();
        let inputs = Value::from(json!({"length": 40, "special": false}));
        let made = outputs(&urn, &inputs, &Map::new());
        let password = made.get("result").unwrap();
        assert!(password.is_secret());
        let text = password.as_str().unwrap();
        assert_eq!(text.len(), 40);
        assert!(text.chars().all(|character| character.is_ascii_alphanumeric()));
        assert_ne!(made, outputs(&urn, &inputs, &Map::new()));
    }
}
