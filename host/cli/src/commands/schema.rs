//! `mlflow-host schema`

use std::fmt::Write as _;
use std::path::PathBuf;

use mlflow_host_engine::{ChangeKind, standard_kinds, standard_properties};
use mlflow_host_gcp_api::description::{Api, Schema as Shape, SchemaType};
use mlflow_host_gcp_api::kinds::{Input, Kind, Kinds, TargetValue};
use serde_json::{Value as Json, json};

use crate::arguments::Global;
use crate::config::load_kinds;
use crate::failure::{Code, Failure, Result};
use crate::render::{self, Paint};

/// Show the kinds of resources that a stack can declare.
///
/// Examples:
///   mlflow-host schema list
///   mlflow-host schema show run.googleapis.com/Service
///   mlflow-host schema show run.googleapis.com/Service template.containers
///   mlflow-host schema show pubsub.googleapis.com/Topic --kinds kinds/pubsub.toml
#[derive(Debug, clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Schema {
    /// List every kind with its page in the documentation, one a line
    List {
        /// List the kinds of this file, too (see docs/own-kinds.md). May be repeated
        #[arg(long, value_name = "FILE.toml")]
        kinds: Vec<PathBuf>,
    },
    /// Show the properties of a kind: their types, and what they mean for the host
    Show {
        /// The kind, e.g., `run.googleapis.com/Service`; `Service` alone finds one, too
        kind: String,
        /// Show only what lies below this property, e.g., `template.containers`
        path: Option<String>,
        /// Look in this file of kinds, too (see docs/own-kinds.md). May be repeated
        #[arg(long, value_name = "FILE.toml")]
        kinds: Vec<PathBuf>,
    },
}

/// One property, as it is shown.
struct Row {
    path: String,
    shape: String,
    flags: Vec<&'static str>,
    note: String,
}

/// How deep properties are shown below the one asked for.
const DEPTH: usize = 2;

impl Schema {
    pub(crate) fn run(self, global: Global) -> Result<Code> {
        let text = match (self, global.json) {
            (Self::List { kinds }, false) => list(load_kinds(&kinds)?),
            (Self::List { kinds }, true) => list_json(load_kinds(&kinds)?),
            (Self::Show { kind, path, .. }, json) if standard_kinds().any(|standard| standard == kind) => {
                show_standard(&kind, path.as_deref().unwrap_or_default(), json)?
            }
            (Self::Show { kind, path, kinds }, json) => {
                let kind = find(load_kinds(&kinds)?, &kind)?;
                let below = path.as_deref().unwrap_or_default();
                let rows = rows(kind, below);
                something_below(&rows, &kind.name, below)?;
                if json { show_json(kind, &rows) } else { show(kind, &rows, below.is_empty()) }
            }
        };
        render::print(&text);
        Ok(Code::Done)
    }
}

fn find(kinds: Kinds, name: &str) -> Result<&'static Kind> {
    let near = kinds.nearest(name);
    // The type alone will do when it is exact.
    let by_type = near.filter(|near| near.ends_with(&format!("/{name}")));
    match kinds.get(by_type.unwrap_or(name)) {
        Some(kind) => Ok(kind),
        None => {
            let failure = Failure::usage(format!("There is no kind `{name}`."));
            Err(match near {
                Some(near) => failure.with_hint(format!("Did you mean `{near}`?")),
                None => failure.with_hint("`mlflow-host schema list` shows all kinds."),
            })
        }
    }
}

fn something_below(rows: &[Row], kind: &str, below: &str) -> Result<()> {
    if !rows.is_empty() || below.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("`{kind}` has no properties below `{below}`."))
        .with_hint(format!("See `mlflow-host schema show {kind}`.")))
}

/// A kind without an API.
fn show_standard(kind: &str, below: &str, json: bool) -> Result<String> {
    let mut rows: Vec<Row> = standard_properties(kind)
        .unwrap_or_default()
        .iter()
        .map(|property| {
            let replaces = property.on_change == ChangeKind::Replace && !is_standard_lookup(kind);
            let flags = [(property.required, "required"), (replaces, "replaces")];
            Row {
                path: property.name.to_owned(),
                shape: property.shape.to_owned(),
                flags: flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect(),
                note: String::new(),
            }
        })
        .collect();
    rows.retain(|row| is_below(&row.path, below));
    something_below(&rows, kind, below)?;
    if json {
        let line = json!({
            "version": 1, "event": "kind", "kind": kind, "summary": standard_summary(kind),
            "lookupOnly": is_standard_lookup(kind), "properties": properties_json(&rows),
        });
        return Ok(format!("{line}\n"));
    }
    let mut text = String::new();
    if below.is_empty() {
        let _ = writeln!(text, "{kind} — {}\n", standard_summary(kind));
        if is_standard_lookup(kind) {
            text.push_str("Use       can be looked up, not declared\n\n");
        }
        text.push_str("Properties\n");
    }
    write_table(&mut text, &rows);
    if below.is_empty() {
        text.push_str(
            "\nNo cloud is asked: it lives in the state alone. required: must be declared. replaces: a change makes \
             a new one.\n",
        );
    }
    Ok(text)
}

fn is_standard_lookup(name: &str) -> bool {
    name == "std/StackReference"
}

fn standard_summary(name: &str) -> &'static str {
    match name {
        "std/StackReference" => "The outputs of another stack, whose configuration lies beside this one's.",
        "std/RandomId" => "A few random letters and digits that stay the same.",
        "std/RandomPassword" => "A random password that stays the same.",
        _ => "A value that other resources can refer to.",
    }
}

/// The documentation of a kind in the repository of the host; none for a stack's own.
fn page(kind: &Kind) -> Option<String> {
    kind.page().map(|page| format!("docs/kinds/{page}"))
}

/// The documentation of the kinds without an API.
const STANDARD_PAGE: &str = "docs/stacks.md";

fn list(kinds: Kinds) -> String {
    let own = || "a file of kinds".to_owned();
    let google =
        kinds.all().map(|kind| (kind.name.as_str(), page(kind).unwrap_or_else(own), kind.summary.as_str()));
    let standard = standard_kinds().map(|name| (name, STANDARD_PAGE.to_owned(), standard_summary(name)));
    let all: Vec<_> = google.chain(standard).collect();
    let name_width = all.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
    let page_width = all.iter().map(|(_, page, _)| page.len()).max().unwrap_or(0);
    all.iter()
        .map(|(name, page, summary)| format!("{name:name_width$}  {page:page_width$}  {summary}\n"))
        .collect()
}

fn list_json(kinds: Kinds) -> String {
    let google = kinds.all().map(|kind| {
        json!({"version": 1, "event": "kind", "kind": kind.name, "summary": kind.summary, "service": kind.service,
               "lookupOnly": kind.is_lookup_only(), "own": kind.is_own(), "page": page(kind)})
    });
    let standard = standard_kinds().map(|name| {
        json!({"version": 1, "event": "kind", "kind": name, "summary": standard_summary(name),
                           "lookupOnly": is_standard_lookup(name), "page": STANDARD_PAGE})
    });
    google.chain(standard).map(|line| format!("{line}\n")).collect()
}

fn show(kind: &Kind, rows: &[Row], whole: bool) -> String {
    let paint = Paint::new(false);
    let mut text = String::new();
    if whole {
        let _ = writeln!(text, "{} — {}\n", paint.bold(&kind.name), kind.summary);
        let _ = writeln!(text, "Resource  {}", kind.resource);
        let _ = writeln!(text, "API       {} (enable {})", kind.api, kind.service);
        let seconds = kind.seconds;
        let times = [("create", seconds.create), ("update", seconds.update), ("delete", seconds.delete)];
        let times: Vec<_> = times
            .iter()
            .filter(|(_, seconds)| *seconds > 0)
            .map(|(what, seconds)| {
                let duration = std::time::Duration::from_secs((*seconds).into());
                format!("{what} {}", render::duration(duration))
            })
            .collect();
        if !times.is_empty() {
            let _ = writeln!(text, "Usually   {}", times.join(", "));
        }
        match page(kind) {
            Some(page) => text.push_str(&format!("Page      {page}\n")),
            None => text.push_str("From      a file of kinds\n"),
        }
        if kind.is_lookup_only() {
            text.push_str("Use       can be looked up, not declared\n");
        }
        text.push_str("\nProperties\n");
    }
    write_table(&mut text, rows);
    if whole {
        text.push_str(
            "\nrequired: must be declared. replaces: a change needs a new resource. secret: sealed, never shown.\n\
             default: Google or the host fills it in. `…` has more below: `mlflow-host schema show KIND PROPERTY`.\n",
        );
    }
    text
}

/// One property a line.
fn write_table(text: &mut String, rows: &[Row]) {
    let width = rows.iter().map(|row| row.path.len()).max().unwrap_or(0);
    for Row { path, shape, flags, note } in rows {
        let flags = flags.join(", ");
        let separator = if flags.is_empty() || note.is_empty() { "" } else { "; " };
        let line = format!("  {path:width$}  {shape:8}  {flags}{separator}{note}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn properties_json(rows: &[Row]) -> Vec<Json> {
    rows.iter()
        .map(|row| json!({"path": row.path, "type": row.shape, "flags": row.flags, "note": row.note}))
        .collect()
}

fn show_json(kind: &Kind, rows: &[Row]) -> String {
    let line = json!({
        "version": 1, "event": "kind", "kind": kind.name, "summary": kind.summary, "service": kind.service,
        "api": kind.api, "resource": kind.resource, "lookupOnly": kind.is_lookup_only(), "own": kind.is_own(),
        "page": page(kind), "properties": properties_json(rows),
    });
    format!("{line}\n")
}

/// The properties below a path, at most [`DEPTH`] levels.
fn rows(kind: &Kind, below: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, input) in kind.inputs() {
        match input {
            Input::Name(id) => rows.push(Row {
                path: name.to_owned(),
                shape: "string".to_owned(),
                flags: if id.generated() { vec!["replaces"] } else { vec!["required", "replaces"] },
                note: if id.generated() { "made up when left out".to_owned() } else { String::new() },
            }),
            Input::Parent(parent) => rows.push(Row {
                path: name.to_owned(),
                shape: "string".to_owned(),
                flags: if parent.default.is_some() { vec!["replaces"] } else { vec!["required", "replaces"] },
                note: match (parent.default, &parent.kind) {
                    (Some(TargetValue::Project), _) => "default: the project of the target".to_owned(),
                    (Some(TargetValue::Region), _) => "default: the region of the target".to_owned(),
                    (None, Some(kind)) => kind.clone(),
                    (None, None) => String::new(),
                },
            }),
            Input::Extra(extra) => rows.push(Row {
                path: name.to_owned(),
                shape: type_name(extra.kind).to_owned(),
                flags: if extra.required { vec!["required"] } else { vec![] },
                note: extra.summary.clone(),
            }),
            Input::Field(field) => {
                if let Some(api) = kind.api() {
                    write_rows(kind, api, field, name.to_owned(), 1, below, &mut rows);
                }
            }
        }
    }
    rows.retain(|row| is_below(&row.path, below));
    rows.sort_by(|one, other| one.path.cmp(&other.path));
    rows
}

fn write_rows(
    kind: &Kind,
    api: &Api,
    field: &Shape,
    path: String,
    depth: usize,
    below: &str,
    rows: &mut Vec<Row>,
) {
    let is_output = |path: &str| kind.output_only.iter().any(|output| output == path);
    if field.output_only || is_output(&path) {
        return;
    }
    // What leads to the path asked for is entered, however deep; other branches are not.
    let toward = plain(below) == plain(&path) || plain(below).starts_with(&format!("{}.", plain(&path)));
    let deepest = if below.is_empty() { DEPTH } else { below.split('.').count() + DEPTH };
    let Some(shape) = api.resolve(field) else { return };
    let (inner, path, prefix) = match (shape.items.as_deref(), shape.additional_properties.as_deref()) {
        (Some(items), _) => (api.resolve(items), format!("{path}[]"), "list of "),
        (_, Some(values)) => (api.resolve(values), format!("{path}{{}}"), "map of "),
        _ => (Some(shape), path, ""),
    };
    let Some(inner) = inner else { return };
    let has_more = !inner.properties.is_empty();
    let enters = has_more && depth < deepest && (depth < DEPTH || toward || is_below(&path, below));
    let mut flags = Vec::new();
    let bare = path.trim_end_matches("[]").trim_end_matches("{}");
    let listed = |paths: &[String]| paths.iter().any(|listed| listed == &path || listed == bare);
    if field.required || listed(&kind.required) {
        flags.push("required");
    }
    if listed(&kind.immutable) {
        flags.push("replaces");
    }
    if listed(&kind.sensitive) {
        flags.push("secret");
    }
    if listed(&kind.server_defaulted) {
        flags.push("default");
    }
    let values: Vec<_> =
        inner.values.iter().filter(|value| !value.ends_with("_UNSPECIFIED")).cloned().collect();
    let more = if has_more && !enters { "…" } else { "" };
    rows.push(Row {
        shape: format!("{prefix}{}{more}", type_name(inner.kind)),
        flags,
        note: values.join(" | "),
        path: path.clone(),
    });
    if enters {
        for (name, field) in &inner.properties {
            write_rows(kind, api, field, format!("{path}.{name}"), depth + 1, below, rows);
        }
    }
}

fn is_below(path: &str, below: &str) -> bool {
    below.is_empty()
        || plain(path)
            .strip_prefix(&plain(below))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A path without the marks of lists and maps.
fn plain(path: &str) -> String {
    path.replace("[]", "").replace("{}", "")
}

fn type_name(kind: SchemaType) -> &'static str {
    match kind {
        SchemaType::Any => "any",
        SchemaType::Array => "list",
        SchemaType::Boolean => "boolean",
        SchemaType::Integer => "integer",
        SchemaType::Number => "number",
        SchemaType::Object => "object",
        SchemaType::String => "string",
    }
}
