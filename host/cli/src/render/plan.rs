//! A plan for people.

use std::fmt::Write as _;

use mlflow_host_engine::{Action, Change, ChangeKind, Operation, Plan, References, Step};
use mlflow_host_graph::Value;
use similar::{ChangeTag, TextDiff};

use super::text::{counts, expected, sign, subject, value, verb};
use super::{Archive, Heading, Paint, duration};

/// Width of the column of actions.
const ACTION: usize = 12;

/// The whole plan, with a heading and a sum.
pub(super) fn plan(heading: &Heading, plan: &Plan, details: bool, paint: Paint) -> String {
    let mut text = format!(
        "{} on {}, project {}, region {}\n\n",
        paint.bold(&format!("Stack {}", heading.stack)),
        heading.cloud_title,
        heading.project,
        heading.region
    );
    for operation in &plan.operations {
        write_operation(&mut text, operation, heading, details, paint);
    }
    let records = records(plan, paint);
    text.push_str(&records);
    if !(plan.operations.is_empty() && records.is_empty()) {
        text.push('\n');
    }
    text.push_str(&summary(heading, plan, paint));
    if details {
        text.push_str(&foreknowledge(&plan.references, paint));
    }
    text
}

/// How much of what resources take from each other the plan knows.
fn foreknowledge(references: &References, paint: Paint) -> String {
    let (known, total) = (references.known, references.total());
    if references.unknown.is_empty() {
        return String::new();
    }
    let unknown: Vec<_> = references
        .unknown
        .iter()
        .map(|reference| format!("  {} {}\n", reference.urn, reference.path))
        .collect();
    let head =
        format!("Of {total} attributes that are referred to, {known} are known. The others show later:\n");
    paint.dim(&format!("{head}{}", unknown.concat()))
}

/// A line for every change to the record alone.
pub(super) fn records(plan: &Plan, paint: Paint) -> String {
    let mut text = String::new();
    for (from, to) in &plan.renamed {
        let _ =
            writeln!(text, "  = {:ACTION$}{from} → {to}  {}", "rename", paint.dim("(no request is sent)"));
    }
    for urn in &plan.bookkeeping {
        let _ = writeln!(text, "  = {:ACTION$}{urn}  {}", "record", paint.dim("(no request is sent)"));
    }
    text
}

/// How much there is to do, and how long it takes.
pub(super) fn summary(heading: &Heading, plan: &Plan, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold(&sum(plan)));
    if plan.partial {
        text.push_str("Only part of the stack: the rest and the outputs stay as they are.\n");
    }
    for Archive { digest, directory, files } in &heading.archives {
        let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        let digest = value(&Value::Asset(digest.clone()));
        // Names of directories can hold anything.
        let directory = value(&Value::string(directory.display().to_string()));
        let _ = writeln!(text, "{}", paint.dim(&format!("The {digest} is {directory}, {files}.")));
    }
    if plan.longest_chain_milliseconds() >= 1000 {
        let of = |milliseconds| duration(std::time::Duration::from_millis(milliseconds));
        let _ = writeln!(
            text,
            "{}",
            paint.dim(&format!(
                "{} {} (the longest chain of operations; {} one after the other).",
                if heading.cloud == "gcp" { "Usually" } else { "On Google this usually takes" },
                of(plan.longest_chain_milliseconds()),
                of(plan.total_milliseconds())
            ))
        );
    }
    text
}

fn sum(plan: &Plan) -> String {
    let mut parts = counts(&plan.counts(), false);
    if parts.is_empty() && plan.partial {
        return "No changes in this part.".to_owned();
    }
    if parts.is_empty() {
        return match plan.unchanged.len() {
            0 => "No changes: there is nothing.".to_owned(),
            count => format!("No changes: {count} unchanged."),
        };
    }
    if !plan.unchanged.is_empty() {
        parts.push(format!("{} unchanged", plan.unchanged.len()));
    }
    format!("Plan: {}.", parts.join(", "))
}

/// Writes an operation with its reasons and differences; with `details`, the complete inputs of what is made.
pub(super) fn write_operation(
    text: &mut String,
    operation: &Operation,
    heading: &Heading,
    details: bool,
    paint: Paint,
) {
    let action = operation.action;
    let head = format!("{} {:ACTION$}", sign(action), verb(action));
    let _ = write!(text, "  {}{}", paint.action(action, &head), subject(operation));
    let single = match operation.steps.as_slice() {
        [step] => Some(step),
        _ => None,
    };
    match single {
        Some(step) if !step.reason.is_empty() => {
            let _ = write!(text, "  {}", paint.dim(&format!("({})", step.reason)));
        }
        None => {
            let _ = write!(text, "  {}", paint.dim("(one request)"));
        }
        Some(_) => {}
    }
    let expected = expected(operation.expected_milliseconds);
    if !expected.is_empty() && heading.cloud == "gcp" {
        let _ = write!(text, "  {}", paint.dim(&expected));
    }
    text.push('\n');
    match single {
        Some(step) => write_body(text, action, step, details, "      ", paint),
        None => {
            for step in &operation.steps {
                let reason =
                    if step.reason.is_empty() { String::new() } else { format!("  ({})", step.reason) };
                let _ = writeln!(
                    text,
                    "      {} {}{}",
                    paint.action(action, sign(action)),
                    step.urn,
                    paint.dim(&reason)
                );
                write_body(text, action, step, details, "          ", paint);
            }
        }
    }
}

fn write_body(text: &mut String, action: Action, step: &Step, details: bool, indent: &str, paint: Paint) {
    for change in &step.changes {
        write_change(text, change, indent, paint);
    }
    if let (true, Action::Create | Action::Replace, Value::Map(inputs)) = (details, action, &step.inputs) {
        for (name, input) in inputs {
            write_input(text, name, input, indent);
        }
    }
}

/// Maps are spread over lines, everything else stands on one.
fn write_input(text: &mut String, name: &str, input: &Value, indent: &str) {
    match input {
        Value::Map(entries) if !entries.is_empty() => {
            let _ = writeln!(text, "{indent}{name}:");
            for (name, input) in entries {
                write_input(text, name, input, &format!("{indent}  "));
            }
        }
        other => {
            let _ = writeln!(text, "{indent}{name}: {}", value(other));
        }
    }
}

pub(super) fn write_change(text: &mut String, change: &Change, indent: &str, paint: Paint) {
    let path = &change.path;
    let forces = match change.kind {
        ChangeKind::Replace => format!("  {}", paint.careful("(replaces)")),
        ChangeKind::Update => String::new(),
    };
    match (&change.old, &change.new) {
        (Value::String(old), Value::String(new)) if old.contains('\n') && new.contains('\n') => {
            let _ = writeln!(text, "{indent}{path}:{forces}");
            for line in TextDiff::from_lines(old.as_str(), new.as_str()).iter_all_changes() {
                let shown = line.value().trim_end_matches('\n');
                let _ = match line.tag() {
                    ChangeTag::Insert => writeln!(text, "{indent}  {}", paint.good(&format!("+ {shown}"))),
                    ChangeTag::Delete => writeln!(text, "{indent}  {}", paint.bad(&format!("- {shown}"))),
                    ChangeTag::Equal => Ok(()),
                };
            }
        }
        (Value::Null, new) => {
            let _ = writeln!(text, "{indent}{} {path}: {}{forces}", paint.good("+"), value(new));
        }
        (old, Value::Null) => {
            let _ = writeln!(text, "{indent}{} {path}: {}{forces}", paint.bad("-"), value(old));
        }
        (Value::Secret(_), Value::Secret(_)) => {
            let _ = writeln!(text, "{indent}{path}: [secret] → another [secret]{forces}");
        }
        (old, new) => {
            let _ = writeln!(text, "{indent}{path}: {} → {}{forces}", value(old), value(new));
        }
    }
}
