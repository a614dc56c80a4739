//! `mlflow-host cloud log`

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value as Json;

use super::ask::Asked;
use crate::failure::Result;
use crate::render::Reporter;

/// How often new requests are looked for.
const EVERY: Duration = Duration::from_millis(250);

/// Show the requests that the local cloud has had since its start
///
/// A line each: when it was answered (UTC), with which status (`---` when the
/// connection was dropped on request), and what it asked. A request that breaks
/// Google's description of its API, or whose answer does, is followed by how.
/// Without --follow, the last 5000 are at hand; all are in requests.jsonl beside
/// the cloud's data.
///
/// Examples:
///   mlflow-host cloud log --last 20
///   mlflow-host cloud log --follow
///   mlflow-host cloud log --violations --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Log {
    /// Only those that break Google's description of its API, or whose answer does
    #[arg(long)]
    violations: bool,

    /// Only the last so many
    #[arg(long, value_name = "N")]
    last: Option<usize>,

    /// Go on with each new one, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
}

impl Log {
    pub(super) async fn run(self, directory: &Path, reporter: &dyn Reporter) -> Result<()> {
        let cloud = Asked::running(directory).await?;
        let mut seen = 0;
        let requests = self.requests(&cloud, &mut seen).await?;
        let skipped = requests.len().saturating_sub(self.last.unwrap_or(usize::MAX));
        show(&requests[skipped..], reporter);
        if !self.follow {
            if requests.is_empty() {
                let what = if self.violations {
                    "No request has broken"
                } else {
                    "No request has come since the start"
                };
                let rest = if self.violations { " Google's description of its API." } else { "." };
                reporter.notice(&format!("{what}{rest}"));
            }
            return Ok(());
        }
        loop {
            tokio::select! {
                // Without a signal handler there is nothing to wait for but the process's end.
                _ = tokio::signal::ctrl_c() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            show(&self.requests(&cloud, &mut seen).await?, reporter);
        }
    }

    /// The requests after number `seen`, which becomes that of the last one.
    async fn requests(&self, cloud: &Asked, seen: &mut u64) -> Result<Vec<Json>> {
        let mut answer = cloud.json(Method::GET, &format!("requests?after={seen}"), None).await?;
        let Json::Array(mut requests) = answer["requests"].take() else { return Ok(Vec::new()) };
        if let Some(last) = requests.last().and_then(|request| request["number"].as_u64()) {
            *seen = last;
        }
        if self.violations {
            requests.retain(|request| request["violation"].is_string());
        }
        Ok(requests)
    }
}

fn show(requests: &[Json], reporter: &dyn Reporter) {
    for request in requests {
        reporter.answer("request", request.clone(), &line(request));
    }
}

/// A request as people read it.
fn line(request: &Json) -> String {
    let text = |field: &str| request[field].as_str().unwrap_or_default();
    let time = text("time").split_once('T').map_or("", |(_, time)| time).get(..8).unwrap_or_default();
    let status = request["status"].as_u64().map_or("---".to_owned(), |status| status.to_string());
    let mut line = format!("{time}  {status}  {:6}  {}{}\n", text("method"), text("host"), text("path"));
    for violation in text("violation").lines() {
        line.push_str(&format!("{:15}! {violation}\n", ""));
    }
    line
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_stands_below() {
        let request = json!({"number": 1, "time": "2026-01-02T03:04:05.678Z", "method": "POST", "status": 400,
            "host": "run.googleapis.com", "path": "/v2/x", "violation": "Unknown name \"a\".\nUnknown name \"b\"."});
        assert_snapshot!(line(&request), @r#"
        03:04:05  400  POST    run.googleapis.com/v2/x
                       ! Unknown name "a".
                       ! Unknown name "b".
        "#);
        let dropped = json!({"time": "2026-01-02T03:04:05Z", "method": "GET", "status": null, "host": "h", "path": "/"});
        assert_snapshot!(line(&dropped), @"03:04:05  ---  GET     h/");
    }
}
