//! Whether a resource, as Google returns it, can be used.

use mlflow_host_gcp_api::kinds::Readiness;
use serde_json::Value as Json;

use crate::tree::{json_at, json_text};

/// What a resource says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It can be used.
    Ready,
    /// Not yet; what it is doing, in a few words.
    Waiting(String),
    /// It never will without a change; what it says.
    Failed(String),
}

/// Reads the state of a resource.
pub(crate) fn condition(readiness: &Readiness, body: &Json) -> Condition {
    match readiness {
        Readiness::None => Condition::Ready,
        Readiness::CloudRun => cloud_run(body),
        Readiness::Execution => execution(body),
        Readiness::State { path, ready, failed } => {
            let state = json_text(body, path).to_owned();
            if ready.contains(&state) {
                Condition::Ready
            } else if failed.contains(&state) {
                Condition::Failed(explained(body, &state))
            } else {
                Condition::Waiting(state)
            }
        }
    }
}

fn cloud_run(body: &Json) -> Condition {
    let generation = json_text(body, "generation");
    let observed = json_text(body, "observedGeneration");
    if body.get("reconciling") == Some(&Json::Bool(true)) || generation != observed {
        let condition = json_text(body, "terminalCondition.message");
        return Condition::Waiting(if condition.is_empty() {
            "reconciling".to_owned()
        } else {
            first_line(condition)
        });
    }
    match json_text(body, "terminalCondition.state") {
        "CONDITION_SUCCEEDED" => Condition::Ready,
        "CONDITION_FAILED" => Condition::Failed(run_message(body)),
        state => Condition::Waiting(state.trim_start_matches("CONDITION_").to_lowercase()),
    }
}

fn execution(body: &Json) -> Condition {
    let count = |name: &str| body.get(name).and_then(Json::as_i64).unwrap_or(0);
    if json_text(body, "completionTime").is_empty() {
        return Condition::Waiting(match (count("runningCount"), count("retriedCount")) {
            (0, _) => "starting".to_owned(),
            (_, 0) => "running".to_owned(),
            (_, retried) => format!("running, {retried} retried"),
        });
    }
    if count("failedCount") > 0 || count("cancelledCount") > 0 {
        return Condition::Failed(run_message(body));
    }
    Condition::Ready
}

/// What Cloud Run says about a failure: the terminal condition, or else the first condition that failed.
fn run_message(body: &Json) -> String {
    let conditions = body.get("conditions").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let candidates = json_at(body, "terminalCondition").into_iter().chain(conditions);
    let said = candidates
        .filter(|condition| json_text(condition, "state") == "CONDITION_FAILED")
        .map(|condition| json_text(condition, "message"))
        .find(|message| !message.is_empty());
    let mut text = said.unwrap_or("it failed without a message").to_owned();
    let log = json_text(body, "logUri");
    if !log.is_empty() && !text.contains(log) {
        text.push_str(&format!(" Its log: {log}"));
    }
    text
}

/// A failed state with what a build or an instance says about it.
fn explained(body: &Json, state: &str) -> String {
    let said = ["failureInfo.detail", "statusDetail"]
        .iter()
        .map(|path| json_text(body, path))
        .find(|text| !text.is_empty());
    let mut text = match said {
        Some(said) => format!("{state}: {said}"),
        None => format!("its state is {state}"),
    };
    let log = json_text(body, "logUrl");
    if !log.is_empty() {
        text.push_str(&format!(" (log: {log})"));
    }
    text
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_service_is_ready_when_its_last_change_is() {
        let of = |generation: &str, reconciling: bool, state: &str| {
            condition(
                &Readiness::CloudRun,
                &json!({"generation": generation, "observedGeneration": "2", "reconciling": reconciling,
                    "terminalCondition": {"state": state, "message": "Revision 'x' is not ready and cannot serve traffic."}}),
            )
        };
        assert_eq!(of("2", false, "CONDITION_SUCCEEDED"), Condition::Ready);
        assert!(
            matches!(of("3", false, "CONDITION_FAILED"), Condition::Waiting(_)),
            "the failure is an old one"
        );
        assert!(matches!(of("2", true, "CONDITION_SUCCEEDED"), Condition::Waiting(_)));
        assert_eq!(
            of("2", false, "CONDITION_FAILED"),
            Condition::Failed("Revision 'x' is not ready and cannot serve traffic.".into())
        );
    }

    #[test]
    fn an_execution_fails_with_what_it_says() {
        let of = |body: Json| condition(&Readiness::Execution, &body);
        assert_eq!(of(json!({"runningCount": 1})), Condition::Waiting("running".into()));
        assert_eq!(of(json!({"completionTime": "t", "succeededCount": 1})), Condition::Ready);
        let failed = json!({"completionTime": "t", "failedCount": 1, "logUri": "https://log",
            "conditions": [{"type": "Completed", "state": "CONDITION_FAILED", "message": "Task x failed with exit code 3."}]});
        assert_eq!(
            of(failed),
            Condition::Failed("Task x failed with exit code 3. Its log: https://log".into())
        );
    }

    #[test]
    fn a_build_fails_with_its_detail() {
        let readiness = Readiness::State {
            path: "status".into(),
            ready: vec!["SUCCESS".into()],
            failed: vec!["FAILURE".into()],
        };
        let failed = json!({"status": "FAILURE", "failureInfo": {"detail": "step 0 exited with 1"}, "logUrl": "https://log"});
        assert_eq!(
            condition(&readiness, &failed),
            Condition::Failed("FAILURE: step 0 exited with 1 (log: https://log)".into())
        );
        assert_eq!(
            condition(&readiness, &json!({"status": "WORKING"})),
            Condition::Waiting("WORKING".into())
        );
    }
}
