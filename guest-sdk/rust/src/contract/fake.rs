//! A host in the same thread, for tests of stacks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// A declaration that the fake host received.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// The kind, e.g., `run.googleapis.com/Service`.
    pub kind: String,
    /// The logical name.
    pub name: String,
    /// The properties; a token reads `${URN#path}`.
    pub properties: Json,
    /// The options, with URNs in place of nodes.
    pub options: Json,
    /// Whether it is only looked up.
    pub lookup: bool,
}

/// What a stack declared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// The resources, in order of declaration.
    pub resources: Vec<Declared>,
    /// Kind and name of the components, in order of declaration.
    pub components: Vec<(String, String)>,
    /// The outputs, by name.
    pub outputs: BTreeMap<String, Json>,
    /// The messages.
    pub logs: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) secrets: Vec<String>,
    pub(crate) recording: Recording,
    pub(crate) urns: Vec<String>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

pub(crate) fn replace_host(host: Host) -> Host {
    HOST.with(|current| current.replace(host))
}

fn with<T>(call: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|host| call(&mut host.borrow_mut()))
}

pub(crate) struct StackInfo {
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) region: String,
}

pub(crate) fn config_stack() -> StackInfo {
    let text = str::to_owned;
    StackInfo { name: text("test"), project: text("test-project"), region: text("europe-west1") }
}

pub(crate) fn config_get(key: &str) -> Option<String> {
    with(|host| host.config.get(key).cloned())
}

pub(crate) fn config_secret(key: &str) -> Option<String> {
    with(|host| host.secrets.iter().any(|secret| secret == key).then(|| format!("${{secret:{key}}}")))
}

fn node(host: &mut Host, urn: String) -> Option<u32> {
    host.urns.push(urn);
    u32::try_from(host.urns.len() - 1).ok()
}

fn parse(json: &str) -> Json {
    serde_json::from_str(json).unwrap_or_default()
}

fn record(kind: &str, name: &str, properties: &str, options: Json, lookup: bool) -> Option<u32> {
    with(|host| {
        let properties = parse(properties);
        let (kind, name) = (kind.to_owned(), name.to_owned());
        let urn = format!("{kind}::{name}");
        host.recording.resources.push(Declared { kind, name, properties, options, lookup });
        node(host, urn)
    })
}

pub(crate) fn declare(kind: &str, name: &str, properties: &str, options: &str) -> Option<u32> {
    let mut options = parse(options);
    let named = |node: &Json| {
        let position = node.as_u64().and_then(|node| usize::try_from(node).ok());
        with(|host| position.and_then(|position| host.urns.get(position).cloned()))
            .map_or(Json::Null, Json::from)
    };
    if let Some(parent) = options.get_mut("parent") {
        *parent = named(parent);
    }
    if let Some(nodes) = options.get_mut("dependsOn").and_then(Json::as_array_mut) {
        nodes.iter_mut().filter(|node| node.is_number()).for_each(|node| *node = named(node));
    }
    record(kind, name, properties, options, false)
}

pub(crate) fn lookup(kind: &str, name: &str, properties: &str) -> Option<u32> {
    record(kind, name, properties, json!({}), true)
}

pub(crate) fn component(kind: &str, name: &str, _parent: Option<u32>) -> Option<u32> {
    with(|host| {
        host.recording.components.push((kind.to_owned(), name.to_owned()));
        node(host, format!("{kind}::{name}"))
    })
}

pub(crate) fn attribute(of: u32, path: &str) -> Option<String> {
    with(|host| host.urns.get(of as usize).map(|urn| format!("${{{urn}#{path}}}")))
}

pub(crate) fn call(name: &str, operands: &str) -> Option<String> {
    Some(format!("${{{name}{operands}}}"))
}

pub(crate) fn output(name: &str, value: &str) -> Option<()> {
    with(|host| host.recording.outputs.insert(name.to_owned(), parse(value)));
    Some(())
}

pub(crate) fn directory(path: &str, _options: &str) -> Result<String, String> {
    Ok(json!({ "digest": "0".repeat(64), "archive": format!("${{asset:{path}}}"), "files": 1 }).to_string())
}

pub(crate) fn log(_level: crate::log::Level, message: &str) {
    with(|host| host.recording.logs.push(message.to_owned()));
}
