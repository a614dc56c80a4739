//! One page a kind: where it lives, its properties and what they mean, its attributes, an example.

use std::fmt::Write as _;

use mlflow_host_gcp_api::description::{Schema, SchemaType};
use mlflow_host_gcp_api::kinds::{self, Input, Kind, TargetValue};

use crate::sample;

/// How many levels of properties a page shows.
const DEPTH: usize = 3;
/// Enumerations of up to this many values are shown whole.
const SHOWN_VALUES: usize = 8;

/// The path of a kind's page, below the folder of all.
pub(crate) fn path(kind: &Kind) -> String {
    kind.page().unwrap_or_default()
}

/// The list of all pages.
pub(crate) fn index() -> String {
    let mut text = "# Kinds\n\n<!-- Written by scripts/generate-kind-docs. Do not edit. -->\n\n\
        Every kind of resource that a stack can declare or look up, by its name in Cloud Asset Inventory. \
        Properties are the fields of Google's REST body. The kinds without an API, `std/…`, are described in \
        `wit/stack.wit`.\n\n| Kind | What it is |\n| --- | --- |\n"
        .to_owned();
    for kind in kinds::all() {
        let _ = writeln!(text, "| [{}]({}) | {} |", kind.name, path(kind), kind.summary);
    }
    text
}

/// The page of a kind.
pub(crate) fn page(kind: &Kind) -> String {
    let mut text = format!(
        "# {}\n\n<!-- Written by scripts/generate-kind-docs. Do not edit. -->\n\n{}\n\n",
        kind.name, kind.summary
    );
    let _ = writeln!(text, "- Full name: `{}`", kind.resource);
    let _ = writeln!(text, "- API: `{}`; the project must have `{}` enabled", kind.api, kind.service);
    let _ = writeln!(text, "- {}", life(kind));
    if let Some(container) = &kind.container {
        let _ = writeln!(
            text,
            "- Goes with its `{}`, a [{}]({}).",
            container.property,
            container.kind,
            link(&container.kind)
        );
    }
    if let Some(mark) = kind.labels.as_ref().or(kind.description.as_ref()) {
        let _ = writeln!(text, "- mlflow-host marks what it made in `{mark}`.");
    }
    properties(&mut text, kind);
    attributes(&mut text, kind);
    let what = if kind.is_lookup_only() {
        format!("What `{}` is looked up by, with `lookup` in the place of `declare`:", kind.name)
    } else {
        format!("The least that can be declared of `{}`; names stand for references:", kind.name)
    };
    let least = serde_json::to_string_pretty(&sample::properties(kind)).unwrap_or_default();
    let _ = write!(text, "\n## Example\n\n{what}\n\n```json\n{least}\n```\n");
    text
}

fn link(kind: &str) -> String {
    kinds::kind(kind).map(|kind| format!("../{}", path(kind))).unwrap_or_default()
}

/// What can be done with it.
fn life(kind: &Kind) -> &'static str {
    let updates = kind.changes_in_place();
    let deletes = kind.delete.is_some() || kind.iam.is_some();
    match (kind.is_lookup_only(), updates, deletes) {
        (true, ..) => "Looked up only, never managed",
        (_, true, true) => "Created, changed in place where possible, and deleted with the stack",
        (_, true, false) => {
            "Created and changed in place; Google cannot delete it, so that deleting means to forget it"
        }
        (_, false, true) => "Created and deleted; any change replaces it",
        (_, false, false) => "Created; any change makes a new one, and deleting means to forget it",
    }
}

struct Row {
    path: String,
    shape: String,
    facts: Vec<String>,
}

fn properties(text: &mut String, kind: &Kind) {
    let mut rows = Vec::new();
    if kind.is_lookup_only() {
        for parent in &kind.parents {
            rows.extend(own_row(kind, &parent.name, &Input::Parent(parent)));
        }
    }
    let inputs = if kind.is_lookup_only() { Default::default() } else { kind.inputs() };
    for (name, input) in inputs {
        match input {
            Input::Field(field) => field_rows(kind, name, field, 1, &mut rows),
            own => rows.extend(own_row(kind, name, &own)),
        }
    }
    text.push_str("\n## Properties\n\n| Property | Type | |\n| --- | --- | --- |\n");
    for Row { path, shape, facts } in rows {
        let _ = writeln!(text, "| `{path}` | {shape} | {} |", facts.join("; "));
    }
}

fn own_row(kind: &Kind, name: &str, input: &Input<'_>) -> Option<Row> {
    let row =
        |shape: &str, facts: Vec<String>| Some(Row { path: name.to_owned(), shape: shape.to_owned(), facts });
    match input {
        Input::Name(id) if id.generated() => {
            row("text", vec!["made from the logical name when left out".into(), "a change replaces".into()])
        }
        Input::Name(_) => row("text", vec!["**required**".into(), "a change replaces".into()]),
        Input::Parent(parent) => {
            let of = parent.kind.as_ref().map(|kind| format!("a [{kind}]({})", link(kind)));
            let default = match parent.default {
                Some(TargetValue::Project) => "the stack's project when left out",
                Some(TargetValue::Region) => "the stack's region when left out",
                None => "**required**",
            };
            let changes = (!kind.is_lookup_only()).then(|| "a change replaces".to_owned());
            row("text", of.into_iter().chain([default.to_owned()]).chain(changes).collect())
        }
        Input::Extra(extra) => {
            let required = extra.required.then(|| "**required**".to_owned());
            let shape = if extra.kind == SchemaType::Any { "anything" } else { kind_name(extra.kind) };
            row(shape, required.into_iter().chain([extra.summary.clone()]).collect())
        }
        Input::Field(_) => None,
    }
}

fn field_rows(kind: &Kind, path: &str, field: &Schema, level: usize, rows: &mut Vec<Row>) {
    let listed = |paths: &[String]| paths.iter().any(|listed| listed == path);
    if field.output_only || listed(&kind.output_only) {
        return;
    }
    let Some(api) = kind.api() else { return };
    let Some(shape) = api.resolve(field) else { return };
    let mut element = (path.to_owned(), shape);
    while let Some(inner) = element.1.items.as_deref().or(element.1.additional_properties.as_deref()) {
        let sign = if element.1.items.is_some() { "[]" } else { "{}" };
        let Some(resolved) = api.resolve(inner) else { return };
        element = (format!("{}{sign}", element.0), resolved);
    }
    let (inside, content) = element;
    let mut facts = facts(kind, path, field);
    let deeper = !content.properties.is_empty() && level >= DEPTH;
    if deeper {
        facts.push(format!("see `mlflow-host schema show {} {path}`", kind.name));
    }
    rows.push(Row { path: path.to_owned(), shape: type_name(shape, content), facts });
    if !deeper {
        for (name, field) in &content.properties {
            field_rows(kind, &format!("{inside}.{name}"), field, level + 1, rows);
        }
    }
}

fn facts(kind: &Kind, path: &str, field: &Schema) -> Vec<String> {
    let listed = |paths: &[String]| paths.iter().any(|listed| listed == path);
    let under = |paths: &[String]| {
        paths.iter().any(|listed| {
            path.strip_prefix(listed.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
        })
    };
    let updates = kind.changes_in_place();
    let conditional = kind.conditional_immutable.iter().find(|rule| rule.path == path);
    let direction = conditional.map(|rule| match rule.when {
        kinds::ImmutableWhen::Decreased => "a smaller value replaces",
        kinds::ImmutableWhen::Shrunk => "a smaller range replaces",
        kinds::ImmutableWhen::Unset => "taking it away replaces",
        kinds::ImmutableWhen::TurnedOff => "turning it off replaces",
    });
    let default = kind.defaults.get(path).map(|value| format!("`{value}` when left out"));
    let target = kind.target_defaults.get(path).map(|value| match value {
        TargetValue::Project => "the stack's project when left out",
        TargetValue::Region => "the stack's region when left out",
    });
    let said = [
        (field.required || listed(&kind.required), "**required**"),
        (updates && under(&kind.immutable), "a change replaces"),
        (listed(&kind.immutable_presence), "adding or removing it replaces"),
        (
            under(&kind.sensitive)
                || listed(
                    &kind
                        .sensitive
                        .iter()
                        .map(|path| path.trim_end_matches("{}").to_owned())
                        .collect::<Vec<_>>(),
                ),
            "secret",
        ),
        (listed(&kind.write_only), "never read back"),
        (target.is_none() && listed(&kind.server_defaulted), "set by Google when left out"),
        (listed(&kind.unordered), "order means nothing"),
        (listed(&kind.base64_paths), "declared as plain text"),
        (field.deprecated, "deprecated by Google"),
    ];
    let flags = said.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text.to_owned());
    let values = values(kind, field);
    flags
        .chain(direction.map(str::to_owned))
        .chain(default)
        .chain(target.map(str::to_owned))
        .chain(values)
        .collect()
}

fn values(kind: &Kind, field: &Schema) -> Option<String> {
    let shape = kind.api()?.resolve(field)?;
    let shape = shape.items.as_deref().unwrap_or(shape);
    let values: Vec<String> = shape
        .values
        .iter()
        .filter(|value| !value.ends_with("UNSPECIFIED"))
        .map(|value| format!("`{value}`"))
        .collect();
    match values.len() {
        0 => None,
        count if count > SHOWN_VALUES => {
            Some(format!("{}, … ({count} values)", values[..SHOWN_VALUES].join(", ")))
        }
        _ => Some(values.join(", ")),
    }
}

fn type_name(shape: &Schema, content: &Schema) -> String {
    let inner = match (content.kind, content.format.as_deref()) {
        (SchemaType::String, Some("int64" | "uint64")) => "whole number, as text or number",
        (SchemaType::String, Some("google-duration")) => "duration, such as `60s`",
        (SchemaType::String, Some("google-datetime" | "date-time")) => "time",
        (kind, _) => kind_name(kind),
    };
    if shape.items.is_some() {
        format!("list of {inner}")
    } else if shape.additional_properties.is_some() {
        format!("map to {inner}")
    } else {
        inner.to_owned()
    }
}

fn kind_name(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Any => "anything",
        SchemaType::Array => "list",
        SchemaType::Boolean => "true or false",
        SchemaType::Integer => "whole number",
        SchemaType::Number => "number",
        SchemaType::Object => "object",
        SchemaType::String => "text",
    }
}

fn attributes(text: &mut String, kind: &Kind) {
    text.push_str(
        "\n## Attributes\n\nEvery property, as Google returns it, and:\n\n| Attribute | |\n| --- | --- |\n\
         | `resourceId` | the short id |\n",
    );
    let by_google = kind.attribute_schema().into_iter().flat_map(|schema| &schema.properties);
    let is_output =
        |name: &str, field: &Schema| field.output_only || kind.output_only.iter().any(|path| path == name);
    let mut rows: Vec<(String, String)> = by_google
        .filter(|(name, field)| is_output(name, field) && !kind.predicted.contains_key(*name))
        .map(|(name, _)| (name.clone(), String::new()))
        .collect();
    rows.extend(
        kind.predicted
            .iter()
            .map(|(path, template)| (path.clone(), format!("known before it exists: `{template}`"))),
    );
    rows.sort();
    for (path, note) in rows {
        let _ = writeln!(text, "| `{path}` | {note} |");
    }
}
