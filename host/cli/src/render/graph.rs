//! A graph of resources, for programs that draw.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mlflow_host_graph::{Graph, Role, Urn};
use serde_json::json;

use super::json::line;

/// A language for graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, as GitHub and many others show it in Markdown
    Mermaid,
}

impl GraphFormat {
    /// The whole graph. Neither kinds nor names can hold characters that would have to be escaped.
    pub(crate) fn draw(self, stack: &str, graph: &Graph) -> String {
        let numbers: BTreeMap<&Urn, usize> =
            graph.resources.iter().enumerate().map(|(number, resource)| (&resource.urn, number)).collect();
        let mut text = match self {
            Self::Dot => format!(
                "digraph \"{stack}\" {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
            ),
            Self::Mermaid => "flowchart LR\n".to_owned(),
        };
        for (number, resource) in graph.resources.iter().enumerate() {
            let (kind, name) = (resource.urn.kind(), resource.urn.name());
            let is_lookup = resource.role == Role::Lookup;
            let _ = match self {
                Self::Dot => {
                    let style = if is_lookup { ", style=\"rounded,dashed\"" } else { "" };
                    writeln!(text, "  n{number} [label=\"{kind}\\n{name}\"{style}];")
                }
                Self::Mermaid if is_lookup => writeln!(text, "  n{number}([\"{kind}<br/>{name}\"])"),
                Self::Mermaid => writeln!(text, "  n{number}[\"{kind}<br/>{name}\"]"),
            };
        }
        for (number, resource) in graph.resources.iter().enumerate() {
            let needs = resource.dependencies();
            for needed in needs.iter().filter_map(|urn| numbers.get(urn)) {
                let _ = match self {
                    Self::Dot => writeln!(text, "  n{needed} -> n{number};"),
                    Self::Mermaid => writeln!(text, "  n{needed} --> n{number}"),
                };
            }
        }
        if self == Self::Dot {
            text.push_str("}\n");
        }
        text
    }
}

/// The event `graph`.
pub(crate) fn graph_line(graph: &Graph) -> String {
    let resources: Vec<_> = graph
        .resources
        .iter()
        .map(|resource| {
            json!({
                "urn": resource.urn,
                "lookup": resource.role == Role::Lookup,
                "component": resource.parent,
                "needs": resource.dependencies(),
            })
        })
        .collect();
    line("graph", json!({"resources": resources}))
}
