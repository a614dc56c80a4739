//! What has changed in the cloud, for people.

use std::fmt::Write as _;

use mlflow_host_engine::{Difference, Drift};

use super::plan::write_change;
use super::{Heading, Paint};

/// Every resource that is different, and a sum.
pub(super) fn drift(heading: &Heading, drifts: &[Drift], recorded: usize, paint: Paint) -> String {
    let mut text = format!(
        "{} on {}, project {}, region {}\n\n",
        paint.bold(&format!("Drift of stack {}", heading.stack)),
        heading.cloud_title,
        heading.project,
        heading.region
    );
    let (mut changed, mut gone, mut unreadable) = (0, 0, 0);
    for Drift { urn, difference } in drifts {
        match difference {
            Difference::Changed(changes) => {
                changed += 1;
                let _ = writeln!(text, "  {}{urn}", paint.careful("~ changed     "));
                changes.iter().for_each(|change| write_change(&mut text, change, "      ", paint));
            }
            Difference::Gone => {
                gone += 1;
                let _ = writeln!(text, "  {}{urn}", paint.bad("- gone        "));
            }
            Difference::Unreadable(message) => {
                unreadable += 1;
                let _ = writeln!(text, "  {}{urn}", paint.bad("? unreadable  "));
                let _ = writeln!(text, "      {}", message.trim_end().replace('\n', "\n      "));
            }
        }
    }
    if !drifts.is_empty() {
        text.push('\n');
    }
    let counts = [(changed, "changed"), (gone, "gone"), (unreadable, "unreadable")];
    let mut parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let same = recorded.saturating_sub(drifts.len());
    let sum = if parts.is_empty() {
        format!("No drift: {same} as recorded.")
    } else {
        parts.push(format!("{same} as recorded"));
        format!("Drift: {}.", parts.join(", "))
    };
    let _ = writeln!(text, "{}", paint.bold(&sum));
    text
}
