//! Deletions that Google cannot do yet, for longer than anybody would wait.

use std::time::Duration;

use mlflow_host_engine::Progress;

use crate::error::Refusal;

struct Row {
    /// Texts that all occur in the message, in lower case.
    texts: &'static [&'static str],
    reason: &'static str,
    retry_minutes: u64,
}

const ROWS: &[Row] = &[
    // The clock starts when the service is gone; 77 and more than 85 minutes have been measured.
    Row {
        texts: &["already being used by", "/addresses/serverless-"],
        reason: "Cloud Run still holds addresses in the subnetwork; it gives them back one to two hours after the service is gone.",
        retry_minutes: 60,
    },
    Row {
        texts: &["producer services", "still using this connection"],
        reason: "Google's services still use the connection; after a Cloud SQL instance is gone that can last for days.",
        retry_minutes: 90,
    },
];

/// The answer to the engine, if this refusal of a deletion is one of those.
pub(crate) fn deferred(refusal: &Refusal) -> Option<Progress> {
    let said = refusal.message.to_lowercase();
    let row = ROWS.iter().find(|row| row.texts.iter().all(|text| said.contains(text)))?;
    Some(Progress::Deferred {
        reason: row.reason.to_owned(),
        retry_after: Duration::from_secs(refusal.retry_after.unwrap_or(row.retry_minutes * 60)),
    })
}
