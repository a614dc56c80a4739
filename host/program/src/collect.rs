//! Collects what a program declares, and checks it at once. Knows nothing of Wasm.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use mlflow_host_graph::{
    Component, Diagnostic, Expression, Function, Graph, Kind, PropertyPath, Reference, Resource, Role,
    Segment, Severity, Urn,
};
use serde_json::{Value as Json, json};

use crate::{Catalogue, Inputs, asset, logs};

mod convert;
mod findings;
mod limits;
mod options;
#[cfg(test)]
mod tests;
mod token;

use convert::{Converter, gathered};
use findings::{Findings, clean};
pub use limits::Limits;
use options::{Nodes, sentence};
use token::{Tokens, Weighed};

/// A refused call, as the program sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) path: Option<String>,
}

/// What a node is, by its position in the graph.
#[derive(Debug, Clone, Copy)]
enum Node {
    Resource(usize),
    Component(usize),
}

/// The graph of a run as it grows.
pub(crate) struct Collector {
    catalogue: Arc<dyn Catalogue>,
    inputs: Arc<Inputs>,
    limits: Limits,
    /// When the run has to be over.
    end: Option<Instant>,
    /// Bytes that may still be kept.
    budget: usize,
    tokens: Tokens,
    nodes: Vec<Node>,
    /// What was to become a node or an output, refused or not.
    attempts: usize,
    names: HashSet<Urn>,
    component_names: HashSet<String>,
    graph: Graph,
    problems: Findings,
    warnings: Findings,
}

impl Collector {
    pub(crate) fn new(
        catalogue: Arc<dyn Catalogue>,
        inputs: Arc<Inputs>,
        limits: Limits,
        run: &[u8; 32],
    ) -> Self {
        Self {
            catalogue,
            inputs,
            budget: limits.total,
            problems: Findings::new(Severity::Error, limits.problems),
            warnings: Findings::new(Severity::Warning, limits.problems),
            limits,
            end: None,
            tokens: Tokens::new(run),
            nodes: Vec::new(),
            attempts: 0,
            names: HashSet::new(),
            component_names: HashSet::new(),
            graph: Graph::default(),
        }
    }

    /// Says when the run has to be over: what takes the host long looks at it.
    pub(crate) fn end_at(&mut self, end: Instant) {
        self.end = Some(end);
    }

    /// The graph and the warnings, or all that is wrong.
    pub(crate) fn finish(self) -> Result<(Graph, Vec<Diagnostic>), Vec<Diagnostic>> {
        if !self.problems.is_empty() {
            return Err(self.problems.finish());
        }
        match self.graph.order() {
            Ok(_) => Ok((self.graph, self.warnings.finish())),
            Err(problem) => Err(vec![problem]),
        }
    }

    /// What was wrong with the calls so far.
    pub(crate) fn problems(self) -> Vec<Diagnostic> {
        self.problems.finish()
    }

    /// The configuration of this run.
    pub(crate) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// A text of the program's with its tokens in words, safe to print.
    pub(crate) fn describe(&self, text: &str) -> String {
        // A token's words are longer than the token.
        let text = &text[..text.floor_char_boundary(self.limits.json)];
        logs::printable(&self.tokens.describe(text))
    }

    pub(crate) fn declare(
        &mut self,
        kind: &str,
        name: &str,
        properties: &str,
        options: &str,
    ) -> Result<u32, Refusal> {
        self.add(kind, name, properties, options, Role::Managed)
    }

    pub(crate) fn lookup(&mut self, kind: &str, name: &str, properties: &str) -> Result<u32, Refusal> {
        self.add(kind, name, properties, "{}", Role::Lookup)
    }

    fn add(
        &mut self,
        kind: &str,
        name: &str,
        properties: &str,
        options: &str,
        role: Role,
    ) -> Result<u32, Refusal> {
        let subject = format!("{kind}::{name}");
        match self.resource(kind, name, properties, options, role) {
            Ok(resource) => {
                self.graph.resources.push(resource);
                Ok(self.push(Node::Resource(self.graph.resources.len() - 1)))
            }
            Err(problems) => Err(self.refuse(problems.into_iter().map(|problem| problem.about(&subject)))),
        }
    }

    fn resource(
        &mut self,
        kind: &str,
        name: &str,
        properties: &str,
        options: &str,
        role: Role,
    ) -> Result<Resource, Vec<Diagnostic>> {
        let single = |problem| vec![problem];
        self.room().map_err(single)?;
        self.limits.name("kind", kind).and_then(|()| self.limits.name("name", name)).map_err(single)?;
        let bad_name =
            |error: mlflow_host_graph::NameError| vec![Diagnostic::error("bad-name", error.to_string())];
        let kind: Kind = kind.parse().map_err(bad_name)?;
        let urn = Urn::new(kind.clone(), name).map_err(bad_name)?;
        let mut problems = Vec::new();
        if !self.names.insert(urn.clone()) {
            let message = "There are two resources of this kind and name: give each its own name.";
            problems.push(Diagnostic::error("duplicate-name", message));
        }
        let mut json = self.limits.object("properties", properties).map(Json::Object).map_err(single)?;
        let mut converter = self.converter();
        let converted = converter.convert(&mut json);
        problems.append(&mut converter.problems);

        let options = self.limits.options(options).map_err(single)?;
        let (parsed, found) = options::parse(options, self, self.converter().below("replaceOn"));
        problems.extend(found);

        for found in self.catalogue.check(&kind, &json, role) {
            match found.severity {
                Severity::Error => problems.push(found),
                Severity::Warning => self.warnings.add(found.about(urn.to_string())),
            }
        }
        problems.extend(self.spend(converted.cost + parsed.cost).err());
        if !problems.is_empty() {
            return Err(problems);
        }
        let Expression::Map(properties) = converted.expression else { return Err(problems) };
        Ok(Resource { urn, role, parent: parsed.parent, properties, options: parsed.options })
    }

    pub(crate) fn component(&mut self, kind: &str, name: &str, parent: Option<u32>) -> Result<u32, Refusal> {
        match self.group(kind, name, parent) {
            Ok(component) => {
                self.graph.components.push(component);
                Ok(self.push(Node::Component(self.graph.components.len() - 1)))
            }
            Err(problem) => Err(self.refuse([problem.about(format!("{kind}::{name}"))])),
        }
    }

    fn group(&mut self, kind: &str, name: &str, parent: Option<u32>) -> Result<Component, Diagnostic> {
        self.room()?;
        let parent = parent.map(|node| self.component_at(node.into())).transpose()?;
        if !is_plain_name(name) || !is_plain_name(&kind.replace([':', '/'], "-")) {
            let message = "The kind and name of a component are 1 to 100 letters, digits, `-`, `_` and `.`; \
                           a kind may hold `:` and `/`.";
            return Err(Diagnostic::error("bad-name", message));
        }
        if !self.component_names.insert(name.to_owned()) {
            let message = "There are two components of this name: give each its own name.";
            return Err(Diagnostic::error("duplicate-name", message));
        }
        Ok(Component { kind: kind.to_owned(), name: name.to_owned(), parent })
    }

    pub(crate) fn attribute(&mut self, of: u32, path: &str) -> Result<String, Refusal> {
        if let Err(problem) = self.limits.name("path", path) {
            return Err(self.refuse([problem]));
        }
        if let Some(token) = self.tokens.attribute(of, path) {
            return Ok(token);
        }
        self.reference(of, path)
            .and_then(|reference| {
                let cost = urn_cost(&reference.urn) + path_cost(&reference.path) + path.len();
                let meaning = Weighed::leaf(Expression::Attribute(reference), cost);
                self.spend_on_token(&meaning)?;
                Ok(self.tokens.mint_attribute(of, path, meaning))
            })
            .map_err(|problem| self.refuse([problem]))
    }

    fn reference(&self, of: u32, path: &str) -> Result<Reference, Diagnostic> {
        let urn = self.resource_at(of.into())?;
        let at = |problem: Diagnostic| {
            let here = problem.path.clone().unwrap_or_else(|| path.to_owned());
            problem.about(urn.to_string()).at(here)
        };
        let parsed: PropertyPath =
            path.parse().map_err(|error| at(Diagnostic::error("bad-path", sentence(&format!("{error}")))))?;
        if parsed.segments().is_empty() {
            return Err(at(Diagnostic::error("bad-path", "An attribute needs a path, e.g., `uri`.")));
        }
        if let Some(problem) = self.catalogue.check_attribute(urn.kind(), &parsed) {
            return Err(at(problem));
        }
        Ok(Reference { urn, path: parsed })
    }

    pub(crate) fn call(&mut self, name: &str, operands: &str) -> Result<String, Refusal> {
        self.call_meaning(name, operands)
            .and_then(|meaning| {
                self.spend_on_token(&meaning).map_err(|problem| vec![problem])?;
                Ok(self.tokens.mint(meaning))
            })
            .map_err(|problems| {
                let subject = format!("the call of `{name}`");
                self.refuse(problems.into_iter().map(|problem| problem.about(&subject)))
            })
    }

    fn call_meaning(&self, name: &str, operands: &str) -> Result<Weighed, Vec<Diagnostic>> {
        let single = |problem| vec![problem];
        let function: Function =
            name.parse().map_err(|message: String| single(Diagnostic::error("unknown-function", message)))?;
        let Json::Array(mut operands) = self.limits.parse("operands", operands).map_err(single)? else {
            return Err(single(Diagnostic::error("bad-json", "The operands must be a JSON list.")));
        };
        let fits = if function == Function::Join { !operands.is_empty() } else { operands.len() == 1 };
        if !fits {
            let expected = if function == Function::Join { "a separator and parts" } else { "1 operand" };
            let message = format!("`{name}` takes {expected}, not {} operands.", operands.len());
            return Err(single(Diagnostic::error("wrong-operands", message)));
        }
        let mut converter = self.converter();
        let arguments = operands.iter_mut().map(|operand| converter.convert(operand)).collect();
        if !converter.problems.is_empty() {
            return Err(converter.problems);
        }
        Ok(gathered(arguments, |arguments| Expression::Call { function, arguments }))
    }

    pub(crate) fn output(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let subject = format!("the output `{name}`");
        self.output_value(name, value)
            .map(|expression| {
                self.graph.outputs.insert(name.to_owned(), expression);
            })
            .map_err(|problems| self.refuse(problems.into_iter().map(|problem| problem.about(&subject))))
    }

    fn output_value(&mut self, name: &str, value: &str) -> Result<Expression, Vec<Diagnostic>> {
        let single = |code, message: &str| vec![Diagnostic::error(code, message)];
        self.room().map_err(|problem| vec![problem])?;
        if !is_plain_name(name) {
            return Err(single(
                "bad-name",
                "The name of an output is 1 to 100 letters, digits, `-`, `_` and `.`.",
            ));
        }
        if self.graph.outputs.contains_key(name) {
            return Err(single(
                "duplicate-name",
                "There are two outputs of this name: give each its own name.",
            ));
        }
        let mut json = self.limits.parse("value", value).map_err(|problem| vec![problem])?;
        let mut converter = self.converter();
        let converted = converter.convert(&mut json);
        if !converter.problems.is_empty() {
            return Err(converter.problems);
        }
        self.spend(converted.cost + name.len()).map_err(|problem| vec![problem])?;
        Ok(converted.expression)
    }

    pub(crate) fn secret(&mut self, key: &str) -> Option<String> {
        if !self.inputs.secret_keys.contains(key) {
            return None;
        }
        let meaning = Weighed::leaf(Expression::SecretConfig(key.to_owned()), key.len());
        match self.spend_on_token(&meaning) {
            Ok(()) => Some(self.tokens.mint(meaning)),
            Err(problem) => {
                self.refuse([problem]);
                None
            }
        }
    }

    pub(crate) fn directory(&mut self, path: &str, options: &str) -> Result<String, String> {
        let answer = self.packed(path, options);
        answer.map_err(|message| {
            let problem = Diagnostic::error("bad-asset", message).about(format!("the directory `{path}`"));
            self.refuse([problem]).message
        })
    }

    fn packed(&mut self, path: &str, options: &str) -> Result<String, String> {
        self.limits.name("path", path).map_err(|problem| problem.message)?;
        let asset = asset::pack(&self.inputs, path, &ignored(options, &self.limits)?, self.end)?;
        let (digest, files) = (asset.digest.clone(), asset.files.len());
        let meaning = Weighed::leaf(Expression::Asset(digest.clone()), asset.archive.len());
        self.spend_on_token(&meaning).map_err(|problem| problem.message)?;
        self.graph.assets.insert(digest.clone(), asset);
        // What refers to the archive does not hold it.
        let archive = self.tokens.mint(Weighed { cost: digest.hexadecimal().len(), ..meaning });
        Ok(json!({ "digest": digest.hexadecimal(), "archive": archive, "files": files }).to_string())
    }

    /// What reads a value of the program's. After a refused call the empty token may occur in it.
    fn converter(&self) -> Converter<'_> {
        Converter::new(&self.tokens, !self.problems.is_empty(), self.budget)
    }

    /// Counts what is declared, well or badly: the name of what is refused is kept as well.
    fn room(&mut self) -> Result<(), Diagnostic> {
        self.attempts += 1;
        if self.attempts <= self.limits.nodes {
            return Ok(());
        }
        let message = format!("The stack declares more than {} resources: split it.", self.limits.nodes);
        Err(Diagnostic::error("too-many-resources", message))
    }

    fn spend(&mut self, cost: usize) -> Result<(), Diagnostic> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => {
                let message =
                    format!("The stack declares more than {} MiB: split it.", self.limits.total >> 20);
                Err(Diagnostic::error("too-large", message))
            }
        }
    }

    fn spend_on_token(&mut self, meaning: &Weighed) -> Result<(), Diagnostic> {
        // A token is kept beside what it stands for.
        self.spend(meaning.cost + size_of::<Weighed>())
    }

    fn push(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Remembers problems, and gives the first to the program.
    fn refuse(&mut self, problems: impl IntoIterator<Item = Diagnostic>) -> Refusal {
        let mut first = None;
        for problem in problems {
            first.get_or_insert_with(|| {
                let problem = clean(problem.clone());
                Refusal { message: problem.to_string(), code: problem.code, path: problem.path }
            });
            self.problems.add(problem);
        }
        first.unwrap_or_else(|| Refusal { code: "refused".into(), message: "Refused.".into(), path: None })
    }

    fn node(&self, node: u64) -> Option<Node> {
        usize::try_from(node).ok().and_then(|node| self.nodes.get(node).copied())
    }
}

impl Nodes for Collector {
    fn resource_at(&self, node: u64) -> Result<Urn, Diagnostic> {
        match self.node(node) {
            Some(Node::Resource(position)) => Ok(self.graph.resources[position].urn.clone()),
            Some(Node::Component(position)) => {
                let name = &self.graph.components[position].name;
                let message = format!("`{name}` is a component; a resource is needed here.");
                Err(Diagnostic::error("not-a-resource", message))
            }
            None => Err(unknown_node(node)),
        }
    }

    fn component_at(&self, node: u64) -> Result<String, Diagnostic> {
        match self.node(node) {
            Some(Node::Component(position)) => Ok(self.graph.components[position].name.clone()),
            Some(Node::Resource(position)) => {
                let urn = &self.graph.resources[position].urn;
                let message = format!("`{urn}` is a resource; a component is needed here.");
                Err(Diagnostic::error("not-a-component", message))
            }
            None => Err(unknown_node(node)),
        }
    }
}

fn unknown_node(node: u64) -> Diagnostic {
    Diagnostic::error("unknown-node", format!("There is no node {node} in this run."))
}

fn is_plain_name(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    (1..=100).contains(&name.len()) && name.chars().all(plain)
}

/// The patterns of an asset's options. Each becomes part of an automaton, so that few are too many.
fn ignored(options: &str, limits: &Limits) -> Result<Vec<String>, String> {
    let mut entries = limits.options(options).map_err(|problem| problem.message)?;
    let patterns = entries.remove("ignore").unwrap_or_else(|| json!([]));
    if let Some(unknown) = entries.keys().next() {
        return Err(format!("There is no option `{unknown}`. Did you mean `ignore`?"));
    }
    let patterns: Vec<String> = serde_json::from_value(patterns)
        .map_err(|_| "The option `ignore` must be a list of patterns.".to_owned())?;
    if patterns.len() > limits.patterns {
        return Err(format!(
            "The option `ignore` has {} patterns; at most {} are allowed.",
            patterns.len(),
            limits.patterns
        ));
    }
    patterns
        .iter()
        .try_for_each(|pattern| limits.name("pattern", pattern))
        .map_err(|problem| problem.message)?;
    Ok(patterns)
}

/// Roughly what a URN takes beside its place, in bytes.
fn urn_cost(urn: &Urn) -> usize {
    urn.kind().as_str().len() + urn.name().len()
}

/// Roughly what a path takes beside its place, in bytes.
fn path_cost(path: &PropertyPath) -> usize {
    let text = |segment: &Segment| if let Segment::Key(key) = segment { key.len() } else { 0 };
    path.segments().iter().map(|segment| size_of::<Segment>() + text(segment)).sum()
}
