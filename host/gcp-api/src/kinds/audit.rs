//! A kind's entry against Google's description: does it call methods that are there, with what they take, and
//! name fields that are there?

use serde_json::Value;

use super::{Call, IdOrigin, Kind, OperationStyle, PolicyStyle, Readiness, UpdateStyle};
use crate::description::{Api, Method};
use crate::nearest::nearest;
use crate::template;

/// Everything that is wrong with an entry, as sentences that begin with the kind's name.
pub(crate) fn problems(kind: &Kind) -> Vec<String> {
    let Some(api) = kind.api() else {
        return vec![format!("{}: there is no API description `{}`.", kind.name, kind.api)];
    };
    let mut audit = Audit { kind, api, problems: Vec::new() };
    for message in kind.schema.iter().chain(&kind.create_schema) {
        if api.schema(message).is_none() {
            let near = suggestion(message, api.schema_names());
            audit.say(format!("there is no message `{message}` in {}.{near}", api.name));
        }
    }
    if !audit.problems.is_empty() {
        // All else would follow from it.
        return audit.problems;
    }
    audit.calls();
    audit.messages();
    audit.paths();
    audit.variables();
    audit.problems
}

struct Audit<'a> {
    kind: &'a Kind,
    api: &'static Api,
    problems: Vec<String>,
}

impl Audit<'_> {
    fn say(&mut self, problem: impl AsRef<str>) {
        self.problems.push(format!("{}: {}", self.kind.name, problem.as_ref()));
    }

    /// The method that a call reaches.
    fn method(&self, call: &Call) -> Option<&'static Method> {
        samples(self.kind).find_map(|operation| {
            let value = |name: &str| {
                Some(if name == "operation" { operation.to_owned() } else { format!("some-{name}") })
            };
            let path = template::expand_path(&call.path, &value).ok()?;
            Some(self.api.route(&call.verb, &path)?.method)
        })
    }

    /// Every call is a method that takes what is sent.
    fn calls(&mut self) {
        for (word, call) in calls(self.kind) {
            let place = format!("{word}: {} {}", call.verb, call.path);
            let Some(method) = self.method(call) else {
                let known: Vec<String> = self
                    .api
                    .methods()
                    .map(|(_, method)| format!("{} {}", method.verb, method.path))
                    .collect();
                let near =
                    suggestion(&format!("{} {}", call.verb, call.path), known.iter().map(String::as_str));
                self.say(format!("{place} is no method of {}.{near}", self.api.name));
                continue;
            };
            for parameter in call.query.keys().chain(&call.request_id) {
                if !method.query.contains_key(parameter) && !self.api.parameters.contains_key(parameter) {
                    let near = suggestion(parameter, method.query.keys().map(String::as_str));
                    self.say(format!("{place} has no query parameter `{parameter}`.{near}"));
                }
            }
            let request = method.request.as_deref();
            for field in call.body.keys().chain(&call.wrap) {
                if request.is_none_or(|request| self.api.at(request, field).is_none()) {
                    self.say(format!("{place} takes no field `{field}`."));
                }
            }
            let Some(items) = &call.items else { continue };
            let list = method.response.as_deref().and_then(|response| self.api.at(response, items));
            let element = list.and_then(|list| list.items.as_ref()?.reference.as_deref());
            if element != self.kind.schema.as_deref() {
                self.say(format!("{place}: `{items}` is not a list of the kind's resources."));
            }
            for field in call.filter.keys() {
                if element.is_none_or(|element| self.api.at(element, field).is_none()) {
                    self.say(format!("{place}: there is no field `{field}` to tell resources by."));
                }
            }
        }
    }

    /// What the methods take and answer is what the entry says.
    fn messages(&mut self) {
        let kind = self.kind;
        if let (Some(create), Some(schema)) = (&kind.create, &kind.schema)
            && let Some(method) = self.method(create)
        {
            let declared = kind.create_schema.as_deref().unwrap_or(schema);
            let request = method.request.as_deref().unwrap_or_default();
            let taken = match &create.wrap {
                Some(field) => self.api.at(request, field).and_then(|field| field.reference.as_deref()),
                None => Some(request),
            };
            if taken != Some(declared) {
                self.say(format!(
                    "the create method takes `{}`, not `{declared}`.",
                    taken.unwrap_or("nothing")
                ));
            }
        }
        if let (Some(read), Some(schema)) = (&kind.read, &kind.schema)
            && read.items.is_none()
            && let Some(method) = self.method(read)
            && method.response.as_ref() != Some(schema)
        {
            self.say(format!("the read method does not answer with `{schema}`."));
        }
        for (word, call) in calls(kind) {
            if !matches!(word, "create" | "update" | "delete" | "special update") {
                continue;
            }
            let Some(method) = self.method(call) else { continue };
            let answer = method.response.as_deref().unwrap_or("nothing");
            let immediate = OperationStyle::Immediate;
            let style = kind.operation.as_ref().map_or(immediate, |operation| operation.style);
            let style = call.operation.unwrap_or(style);
            if (style != immediate) != answer.ends_with("Operation") {
                self.say(format!("{word} answers `{answer}`, which is not what `operation` says."));
            }
        }
        if let Some(iam) = &kind.iam
            && let Some(request) = self.method(&iam.set).and_then(|method| method.request.as_deref())
            && self.api.at(request, "policy").is_some() != (iam.style == PolicyStyle::Wrapped)
        {
            self.say("the policy's style does not fit the method that sets it.");
        }
        let mask = kind
            .update
            .as_ref()
            .and_then(|update| self.method(update))
            .is_some_and(|method| method.query.contains_key("updateMask"));
        if mask != (kind.update_style == UpdateStyle::Mask) {
            self.say("`update_style` is `mask` if, and only if, the update method takes `updateMask` in its query.");
        }
        if kind.update.is_some() != (kind.update_style != UpdateStyle::None) {
            self.say("`update` and `update_style` need each other.");
        }
    }

    /// Every path leads to a field.
    fn paths(&mut self) {
        let kind = self.kind;
        let api = self.api;
        let body = kind.create_schema.as_deref().or(kind.schema.as_deref());
        let lists = [
            ("immutable", &kind.immutable),
            ("immutable_presence", &kind.immutable_presence),
            ("server_defaulted", &kind.server_defaulted),
            ("output_only", &kind.output_only),
            ("required", &kind.required),
            ("sensitive", &kind.sensitive),
            ("write_only", &kind.write_only),
            ("unordered", &kind.unordered),
            ("caseless", &kind.caseless),
            ("links", &kind.links),
            ("base64_paths", &kind.base64_paths),
            ("images", &kind.images),
        ];
        let special = kind.special_updates.iter().flat_map(|special| &special.paths);
        let conditional = kind.conditional_immutable.iter().map(|rule| &rule.path);
        let single = kind.labels.iter().chain(&kind.description).chain(&kind.content);
        let inputs = lists
            .into_iter()
            .flat_map(|(word, paths)| paths.iter().map(move |path| (word, path)))
            .chain(special.map(|path| ("special_updates", path)))
            .chain(conditional.map(|path| ("conditional_immutable", path)))
            .chain(single.map(|path| ("labels, description or content", path)))
            .chain(kind.defaults.keys().map(|path| ("defaults", path)))
            .chain(kind.target_defaults.keys().map(|path| ("target_defaults", path)))
            .chain(kind.needs.iter().map(|need| ("needs", &need.of)))
            .chain(kind.one_of.iter().flatten().map(|path| ("one_of", path)));
        for (word, path) in inputs {
            let known =
                kind.properties.contains_key(path) || body.is_some_and(|body| api.at(body, path).is_some());
            if !known {
                self.say(format!("{word}: there is no field `{path}` to declare."));
            }
        }
        let predicted = kind.predicted.keys().map(|path| path.replace("[0]", "[]"));
        let from = match &kind.id.origin {
            IdOrigin::Server(path) => Some(path.clone()),
            _ => None,
        };
        let state = match &kind.readiness {
            Readiness::State { path, .. } => Some(path.clone()),
            _ => None,
        };
        let attributes = predicted
            .chain(kind.volatile.iter().cloned())
            .chain(kind.concurrency.iter().map(|concurrency| concurrency.path.clone()))
            .chain(kind.special_updates.iter().filter_map(|special| special.fingerprint.clone()))
            .chain(kind.absent.iter().map(|absent| absent.path.clone()))
            .chain(from)
            .chain(state);
        for path in attributes {
            if kind.schema.as_deref().is_none_or(|schema| api.at(schema, &path).is_none()) {
                self.say(format!("there is no attribute `{path}`."));
            }
        }
    }

    /// Every variable of a template has a source.
    fn variables(&mut self) {
        let kind = self.kind;
        let sent = calls(kind).into_iter().filter(|(word, _)| !matches!(*word, "operation" | "wait"));
        let mut templates: Vec<&str> = vec![&kind.collection, &kind.resource];
        templates.extend(kind.lock.as_deref());
        templates.extend(kind.group.as_ref().map(|group| group.key.as_str()));
        templates.extend(kind.predicted.values().map(String::as_str));
        for (_, call) in sent {
            templates.push(&call.path);
            templates.extend(call.query.values().map(String::as_str));
            templates.extend(call.body.values().filter_map(Value::as_str));
        }
        for template in templates {
            for variable in template::variables(template) {
                let first = variable.split(['.', '[']).next().unwrap_or(variable);
                if !matches!(first, "project" | "number" | "id") && kind.input(first).is_none() {
                    self.say(format!("nothing says what `{{{variable}}}` is in `{template}`."));
                }
            }
        }
    }
}

/// Every call of a kind, with a word for it.
fn calls(kind: &Kind) -> Vec<(&'static str, &Call)> {
    let single = [
        ("create", &kind.create),
        ("read", &kind.read),
        ("list", &kind.list),
        ("update", &kind.update),
        ("delete", &kind.delete),
    ];
    let mut calls: Vec<_> =
        single.into_iter().filter_map(|(word, call)| Some((word, call.as_ref()?))).collect();
    calls.extend(kind.special_updates.iter().map(|special| ("special update", &special.call)));
    if let Some(operation) = &kind.operation {
        calls.push(("operation", &operation.read));
        calls.extend(operation.wait.iter().map(|call| ("wait", call)));
    }
    if let Some(iam) = &kind.iam {
        calls.extend([("get policy", &iam.get), ("set policy", &iam.set)]);
    }
    calls
}

/// Names of operations that the style can have.
fn samples(kind: &Kind) -> impl Iterator<Item = &'static str> {
    const LONG_RUNNING: &[&str] = &[
        "projects/p/locations/l/operations/o",
        "operations/o",
        "operations/build/p/b",
        "projects/p/operations/o",
        "projects/p/locations/global/workloadIdentityPools/w/operations/o",
    ];
    let long_running =
        kind.operation.as_ref().is_some_and(|calls| calls.style == OperationStyle::LongRunning);
    if long_running { LONG_RUNNING } else { &["operation-1"] }.iter().copied()
}

fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!(" Did you mean `{near}`?"))
}
