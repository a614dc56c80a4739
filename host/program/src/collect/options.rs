//! The options of a declaration.

use std::time::Duration;

use mlflow_host_graph::{Diagnostic, Options, PropertyPath, Urn};
use serde_json::{Map, Value as Json};

use super::convert::Converter;
use super::{path_cost, urn_cost};

const NAMES: &[&str] = &[
    "aliases",
    "deleteFirst",
    "dependsOn",
    "ignoreChanges",
    "import",
    "parent",
    "protect",
    "replaceOn",
    "retainOnDelete",
    "timeoutMinutes",
];

/// The longest time that may be given to an operation: a week.
const MAXIMUM_MINUTES: f64 = 7.0 * 24.0 * 60.0;

/// What nodes stand for.
pub(crate) trait Nodes {
    /// The resource of a node.
    fn resource_at(&self, node: u64) -> Result<Urn, Diagnostic>;
    /// The name of a component's node.
    fn component_at(&self, node: u64) -> Result<String, Diagnostic>;
}

/// The options, and the name of the component around the resource.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) options: Options,
    pub(crate) parent: Option<String>,
    /// What they cost to keep, in bytes.
    pub(crate) cost: usize,
}

/// Reads the options; collects what is wrong with them.
pub(crate) fn parse(
    entries: Map<String, Json>,
    nodes: &dyn Nodes,
    mut converter: Converter<'_>,
) -> (Parsed, Vec<Diagnostic>) {
    let mut parsed = Parsed::default();
    let mut problems = Vec::new();
    for (name, mut value) in entries {
        let Err(problem) = set(&mut parsed, &name, &mut value, nodes, &mut converter) else { continue };
        problems.push(problem);
    }
    problems.append(&mut converter.problems);
    (parsed, problems)
}

fn set(
    parsed: &mut Parsed,
    name: &str,
    value: &mut Json,
    nodes: &dyn Nodes,
    converter: &mut Converter<'_>,
) -> Result<(), Diagnostic> {
    let options = &mut parsed.options;
    match name {
        "protect" => options.protect = flag(name, value)?,
        "retainOnDelete" => options.retain_on_delete = flag(name, value)?,
        "deleteFirst" => options.delete_first = flag(name, value)?,
        "parent" if value.is_null() => {}
        "parent" => {
            let node = value.as_u64().ok_or_else(|| wrong(name, "the node of a component"))?;
            parsed.parent = Some(nodes.component_at(node)?);
        }
        "dependsOn" => {
            for item in list(name, value)? {
                let urn = match &*item {
                    Json::Number(number) => nodes.resource_at(number.as_u64().unwrap_or(u64::MAX))?,
                    Json::String(text) => urn(text)?,
                    _ => return Err(wrong(name, "a list of nodes and URNs")),
                };
                parsed.cost += size_of::<Urn>() + urn_cost(&urn);
                options.depends_on.insert(urn);
            }
        }
        "replaceOn" => {
            for item in list(name, value)? {
                let converted = converter.convert(item);
                parsed.cost += converted.cost;
                options.replace_on.push(converted.expression);
            }
        }
        "ignoreChanges" => {
            for item in list(name, value)? {
                let path = item.as_str().ok_or_else(|| wrong(name, "a list of property paths"))?;
                let path: PropertyPath = path
                    .parse()
                    .map_err(|error| Diagnostic::error("bad-option", sentence(&format!("{error}"))))?;
                parsed.cost += size_of::<PropertyPath>() + path_cost(&path);
                options.ignore_changes.push(path);
            }
        }
        "aliases" => {
            for item in list(name, value)? {
                let text = item.as_str().ok_or_else(|| wrong(name, "a list of URNs"))?;
                let urn = urn(text)?;
                parsed.cost += size_of::<Urn>() + urn_cost(&urn);
                options.aliases.push(urn);
            }
        }
        "import" if value.is_null() => {}
        "import" => match value.as_str() {
            Some(full) if !full.is_empty() => {
                parsed.cost += full.len();
                options.import = Some(full.to_owned());
            }
            _ => return Err(wrong(name, "the full resource name of an existing resource")),
        },
        "timeoutMinutes" => {
            let minutes = value.as_f64().filter(|minutes| *minutes > 0.0 && *minutes <= MAXIMUM_MINUTES);
            let minutes = minutes.ok_or_else(|| wrong(name, "a number of minutes, from above 0 to 10080"))?;
            options.timeout_seconds = Some(Duration::from_secs_f64(minutes * 60.0).as_secs().max(1));
        }
        unknown => {
            let nearest = nearest(unknown, NAMES);
            return Err(Diagnostic::error(
                "unknown-option",
                format!("There is no option `{unknown}`. Did you mean `{nearest}`?"),
            ));
        }
    }
    Ok(())
}

fn urn(text: &str) -> Result<Urn, Diagnostic> {
    text.parse().map_err(|error| Diagnostic::error("bad-option", format!("{error}")))
}

fn flag(name: &str, value: &Json) -> Result<bool, Diagnostic> {
    value.as_bool().ok_or_else(|| wrong(name, "`true` or `false`"))
}

fn list<'a>(name: &str, value: &'a mut Json) -> Result<&'a mut Vec<Json>, Diagnostic> {
    value.as_array_mut().ok_or_else(|| wrong(name, "a list"))
}

fn wrong(name: &str, expected: &str) -> Diagnostic {
    Diagnostic::error("bad-option", format!("The option `{name}` must be {expected}."))
}

/// A message as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    if message.ends_with('.') { message.to_owned() } else { format!("{message}.") }
}

/// The name that is most like another one.
pub(crate) fn nearest<'a>(name: &str, names: &[&'a str]) -> &'a str {
    let likeness = |known: &&str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    names.iter().copied().max_by(|left, right| likeness(left).total_cmp(&likeness(right))).unwrap_or_default()
}
