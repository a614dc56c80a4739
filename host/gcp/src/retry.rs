//! Which errors pass by themselves. A table, tried from the top; the first rule that fits decides.
//!
//! An error is worth waiting for only when its cause is known to go away: either by its nature, or
//! because this very run caused it (enabled the API, made the account, granted the permission).
//! Everything else fails at once, with advice. Sources: Google's API documentation, and the retry
//! predicates of Terraform's Google provider.

use std::time::Duration;

use mlflow_host_gcp_api::template;

use crate::error::{CallError, Refusal};
use crate::run_facts::RunFacts;

/// What kind of call was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A GET.
    Read,
    /// Anything that changes something.
    Write,
    /// A long-running operation that ended in an error.
    Operation,
}

/// What must have happened for a rule to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    /// This run has just enabled the API.
    Enabled,
    /// This run has just made the service account that is missed, or enabled the API whose agent is.
    AccountCreated,
    /// This run has just changed who may do what.
    Granted,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Ask again within the call, as [`crate::client`] spaces it. For writes only when that is safe,
    /// unless `refused`: then the request had no effect.
    Retry {
        /// Whether the error says that nothing was done.
        refused: bool,
    },
    /// Ask again later, outside the call.
    Wait {
        /// How long from one attempt to the next.
        every: Duration,
        /// For how long altogether.
        patience: Duration,
        /// What is being waited for.
        note: &'static str,
    },
    /// What was sent rests on an old copy: read afresh, then send again.
    Conflict,
    /// Give up; a template of advice (variables: `service`, `project` and `ErrorInfo`'s metadata).
    Fail(&'static str),
}

struct Rule {
    /// Hosts; empty for all.
    services: &'static [&'static str],
    /// HTTP statuses; empty for all.
    statuses: &'static [u16],
    /// Reasons; empty for all.
    reasons: &'static [&'static str],
    /// Texts that all occur in message or path, in lower case.
    texts: &'static [&'static str],
    /// Purposes; empty for all.
    purposes: &'static [Purpose],
    when: Condition,
    class: Class,
}

const ANY: Rule = Rule {
    services: &[],
    statuses: &[],
    reasons: &[],
    texts: &[],
    purposes: &[],
    when: Condition::Always,
    class: Class::Fail(""),
};

const fn wait(every_seconds: u64, patience_minutes: u64, note: &'static str) -> Class {
    Class::Wait {
        every: Duration::from_secs(every_seconds),
        patience: Duration::from_secs(patience_minutes * 60),
        note,
    }
}

const SQL: &[&str] = &["sqladmin.googleapis.com"];
const IAM: &[&str] = &["iam.googleapis.com"];
const DISABLED: &[&str] = &["SERVICE_DISABLED", "accessNotConfigured"];
const RATE: &[&str] = &["RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
const RATE_NOTE: &str = "waiting for a request quota to refill";

const RULES: &[Rule] = &[
    // Service Usage
    Rule {
        statuses: &[403],
        reasons: DISABLED,
        when: Condition::Enabled,
        class: wait(5, 10, "waiting for the API to become active"),
        ..ANY
    },
    Rule {
        statuses: &[403],
        reasons: DISABLED,
        class: Class::Fail("Enable the API: gcloud services enable {service} --project={project}"),
        ..ANY
    },
    Rule {
        statuses: &[400],
        texts: &["another activation or deactivation is in progress"],
        class: wait(5, 10, "waiting for another activation of an API"),
        ..ANY
    },
    Rule {
        services: &["serviceusage.googleapis.com"],
        texts: &["160009"],
        class: wait(10, 10, "waiting for Google to enable the API"),
        ..ANY
    },
    // Cloud SQL: a taken name stays taken, a busy instance does not stay busy.
    Rule {
        services: SQL,
        statuses: &[409],
        reasons: &["instanceAlreadyExists"],
        class: Class::Fail(
            "Give the instance another name: the name of a deleted instance stays blocked for a week.",
        ),
        ..ANY
    },
    Rule {
        services: SQL,
        statuses: &[403, 409],
        reasons: &["operationInProgress"],
        class: wait(5, 60, "waiting for another operation on the instance"),
        ..ANY
    },
    Rule {
        services: SQL,
        statuses: &[400, 403, 409],
        texts: &["another operation was already in progress"],
        class: wait(5, 60, "waiting for another operation on the instance"),
        ..ANY
    },
    Rule {
        texts: &["cannot be dropped because some objects depend on it"],
        class: Class::Fail(
            "Drop or reassign what the role owns (psql: REASSIGN OWNED BY … TO postgres), then run it again.",
        ),
        ..ANY
    },
    Rule {
        texts: &["is being accessed by other users"],
        class: wait(5, 5, "waiting for connections to the database to close"),
        ..ANY
    },
    // Networks
    Rule {
        statuses: &[400],
        reasons: &["resourceNotReady"],
        class: wait(3, 10, "waiting for the network to be ready"),
        ..ANY
    },
    Rule {
        texts: &["there is a peering operation in progress"],
        class: wait(5, 20, "waiting for another peering operation"),
        ..ANY
    },
    Rule {
        texts: &["insufficient free ip addresses in the subnetwork"],
        class: Class::Fail(
            "Use a larger subnetwork: Cloud Run takes blocks of 16 addresses, two to four times as many as it has instances.",
        ),
        ..ANY
    },
    // IAM
    Rule { statuses: &[409], reasons: &["ABORTED"], class: Class::Conflict, ..ANY },
    Rule { statuses: &[409], texts: &["concurrent policy changes"], class: Class::Conflict, ..ANY },
    Rule {
        services: IAM,
        statuses: &[403, 404],
        texts: &["/serviceaccounts/"],
        purposes: &[Purpose::Read],
        when: Condition::AccountCreated,
        class: wait(1, 3, "waiting for the new service account to be visible"),
        ..ANY
    },
    Rule {
        statuses: &[400, 403, 404],
        texts: &["service account", "does not exist"],
        when: Condition::AccountCreated,
        class: wait(3, 7, "waiting for the new service account to be known everywhere"),
        ..ANY
    },
    Rule {
        statuses: &[400, 403],
        texts: &["iam.serviceaccounts.actas"],
        when: Condition::Granted,
        class: wait(5, 7, "waiting for a granted permission to take effect"),
        ..ANY
    },
    Rule {
        texts: &["permission denied on secret"],
        when: Condition::Granted,
        class: wait(5, 7, "waiting for a granted permission to take effect"),
        ..ANY
    },
    Rule {
        statuses: &[403],
        texts: &["does not have storage.objects."],
        when: Condition::Granted,
        class: wait(5, 7, "waiting for a granted permission to take effect"),
        ..ANY
    },
    Rule {
        statuses: &[400],
        texts: &["number of members in the policy"],
        class: Class::Fail("Put the members into a Google group and grant the role to the group."),
        ..ANY
    },
    Rule {
        statuses: &[403],
        texts: &["iam.serviceaccounts.actas"],
        class: Class::Fail("Grant yourself the role roles/iam.serviceAccountUser on that service account."),
        ..ANY
    },
    // Quotas. Compute answers 403 where others answer 429; both say that nothing was done.
    Rule {
        statuses: &[403],
        reasons: &["CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"],
        class: wait(10, 20, "waiting for other operations of the project"),
        ..ANY
    },
    Rule {
        statuses: &[403],
        texts: &["quota exceeded for quota metric", "per minute"],
        class: wait(15, 10, RATE_NOTE),
        ..ANY
    },
    Rule { statuses: &[403, 429], reasons: RATE, class: wait(15, 10, RATE_NOTE), ..ANY },
    Rule { statuses: &[429], class: Class::Retry { refused: true }, ..ANY },
    // Optimistic locks
    Rule { statuses: &[412], class: Class::Conflict, ..ANY },
    Rule { texts: &["fingerprint", "does not match"], class: Class::Conflict, ..ANY },
    Rule {
        services: &["monitoring.googleapis.com"],
        statuses: &[409],
        texts: &["too many concurrent edits"],
        class: Class::Retry { refused: true },
        ..ANY
    },
    Rule {
        services: &["cloudscheduler.googleapis.com"],
        statuses: &[409],
        texts: &["cannot be queued"],
        class: Class::Retry { refused: true },
        ..ANY
    },
    // Weather
    Rule {
        statuses: &[408, 500, 502, 503, 504],
        purposes: &[Purpose::Read, Purpose::Write],
        class: Class::Retry { refused: false },
        ..ANY
    },
    // Who is asking
    Rule {
        statuses: &[401],
        class: Class::Fail("Log in again: gcloud auth application-default login"),
        ..ANY
    },
    Rule {
        statuses: &[403],
        reasons: &["IAM_PERMISSION_DENIED"],
        class: Class::Fail("Ask for a role that holds the permission `{permission}` on {resource}."),
        ..ANY
    },
    Rule {
        statuses: &[403],
        reasons: &["BILLING_DISABLED"],
        class: Class::Fail(
            "Link a billing account: gcloud billing projects link {project} --billing-account=ACCOUNT",
        ),
        ..ANY
    },
    Rule {
        statuses: &[403],
        texts: &["billing"],
        class: Class::Fail(
            "Link a billing account: gcloud billing projects link PROJECT --billing-account=ACCOUNT",
        ),
        ..ANY
    },
];

impl Rule {
    fn fits(&self, refusal: &Refusal, subject: &str, purpose: Purpose, facts: &RunFacts) -> bool {
        (self.services.is_empty() || self.services.contains(&refusal.service.as_str()))
            && (self.statuses.is_empty() || self.statuses.contains(&refusal.status))
            && (self.reasons.is_empty()
                || self
                    .reasons
                    .iter()
                    .any(|reason| *reason == refusal.reason || *reason == refusal.status_name))
            && (self.purposes.is_empty() || self.purposes.contains(&purpose))
            && self.texts.iter().all(|text| subject.contains(text))
            && match self.when {
                Condition::Always => true,
                Condition::Enabled => {
                    facts.has_enabled(refusal.metadata.get("service").unwrap_or(&refusal.service))
                }
                Condition::AccountCreated => facts.has_created_account(subject),
                Condition::Granted => facts.has_granted(),
            }
    }
}

/// The class of an error, from the call's `path` on.
pub(crate) fn classify(refusal: &Refusal, path: &str, purpose: Purpose, facts: &RunFacts) -> Class {
    let subject = format!("{}\n/{path}", refusal.message).to_lowercase().replace("%40", "@");
    RULES
        .iter()
        .find(|rule| rule.fits(refusal, &subject, purpose, facts))
        .map_or(Class::Fail(""), |rule| rule.class)
}

/// The error that a class makes of a refusal, once it is not retried within the call.
pub(crate) fn error(refusal: Refusal, class: Class) -> CallError {
    let refusal = Box::new(refusal);
    match class {
        Class::Wait { every, patience, note } => CallError::NotYet { refusal, after: every, patience, note },
        Class::Conflict => CallError::Conflict { refusal },
        Class::Retry { .. } => CallError::Refused { refusal, hint: None },
        Class::Fail(advice) => {
            let hint = advice_for(&refusal, advice);
            CallError::Refused { refusal, hint }
        }
    }
}

/// Advice with its variables filled in, and the link that Google gave. `None` when there is neither.
fn advice_for(refusal: &Refusal, advice: &str) -> Option<String> {
    let variable = |name: &str| match name {
        "service" => Some(refusal.metadata.get("service").unwrap_or(&refusal.service).clone()),
        "project" => {
            let consumer = refusal.metadata.get("consumer").or_else(|| refusal.metadata.get("containerInfo"));
            Some(consumer.map_or("PROJECT", |name| name.trim_start_matches("projects/")).to_owned())
        }
        "resource" => {
            Some(refusal.metadata.get("resource").map_or("the resource", String::as_str).to_owned())
        }
        other => refusal.metadata.get(other).cloned(),
    };
    let filled = template::expand(advice, &variable).ok().filter(|text| !text.is_empty());
    match (filled, refusal.metadata.get("activationUrl")) {
        (Some(text), Some(link)) => Some(format!("{text} (or visit {link})")),
        (None, Some(link)) => Some(format!("Visit {link}")),
        (text, None) => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(service: &str, status: u16, reason: &str, message: &str) -> Refusal {
        Refusal {
            service: format!("{service}.googleapis.com"),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Refusal::default()
        }
    }

    fn class(refusal: &Refusal, path: &str, facts: &RunFacts) -> &'static str {
        match classify(refusal, path, Purpose::Write, facts) {
            Class::Retry { refused: true } => "retry, nothing was done",
            Class::Retry { refused: false } => "retry",
            Class::Wait { note, .. } => note,
            Class::Conflict => "conflict",
            Class::Fail(_) => "fail",
        }
    }

    const NAME_TAKEN: &str = "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted instance until one week from the deletion date.";

    #[tokio::test(start_paused = true)]
    async fn errors_that_pass_are_told_from_those_that_stay() {
        let nothing = RunFacts::default();
        let rows = [
            (refusal("sqladmin", 409, "instanceAlreadyExists", NAME_TAKEN), "fail"),
            (
                refusal(
                    "sqladmin",
                    409,
                    "operationInProgress",
                    "Operation failed because another operation was already in progress.",
                ),
                "waiting for another operation on the instance",
            ),
            (refusal("run", 409, "ALREADY_EXISTS", "Resource 'x' already exists."), "fail"),
            (
                refusal(
                    "cloudresourcemanager",
                    409,
                    "ABORTED",
                    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
                ),
                "conflict",
            ),
            (
                refusal(
                    "compute",
                    400,
                    "resourceNotReady",
                    "The resource 'projects/p/global/networks/n' is not ready",
                ),
                "waiting for the network to be ready",
            ),
            (
                refusal(
                    "servicenetworking",
                    400,
                    "FAILED_PRECONDITION",
                    "There is a peering operation in progress on the local or peer network. Try again later.",
                ),
                "waiting for another peering operation",
            ),
            (
                refusal(
                    "serviceusage",
                    400,
                    "FAILED_PRECONDITION",
                    "Another activation or deactivation is in progress for the service.",
                ),
                "waiting for another activation of an API",
            ),
            (
                refusal(
                    "compute",
                    403,
                    "rateLimitExceeded",
                    "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com'",
                ),
                RATE_NOTE,
            ),
            (
                refusal(
                    "compute",
                    412,
                    "conditionNotMet",
                    "Supplied fingerprint does not match current metadata fingerprint.",
                ),
                "conflict",
            ),
            (refusal("compute", 400, "invalid", "Supplied fingerprint does not match"), "conflict"),
            (refusal("run", 429, "RESOURCE_EXHAUSTED", "slow down"), "retry, nothing was done"),
            (refusal("run", 503, "UNAVAILABLE", "try again"), "retry"),
            (
                refusal(
                    "iam",
                    400,
                    "INVALID_ARGUMENT",
                    "Service account a@p.iam.gserviceaccount.com does not exist.",
                ),
                "fail",
            ),
            (
                refusal(
                    "run",
                    403,
                    "PERMISSION_DENIED",
                    "Permission 'iam.serviceaccounts.actAs' denied on service account a@p",
                ),
                "fail",
            ),
            (refusal("compute", 400, "resourceInUseByAnotherResource", "is already being used by"), "fail"),
        ];
        for (refusal, expected) in rows {
            assert_eq!(class(&refusal, "v1/x", &nothing), expected, "{refusal:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_this_run_caused_is_waited_for_and_not_for_ever() {
        let body = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Cloud SQL Admin API has not been used in project p before or it is disabled.",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
                "metadata": {"service": "sqladmin.googleapis.com", "consumer": "projects/p", "activationUrl": "https://console.example/x"}}]}});
        let disabled = Refusal::from_body("sqladmin.googleapis.com", 403, body.to_string().as_bytes());
        let missing = refusal(
            "cloudresourcemanager",
            400,
            "INVALID_ARGUMENT",
            "Service account Run@p.iam.gserviceaccount.com does not exist.",
        );
        let facts = RunFacts::default();

        let Class::Fail(advice) = classify(&disabled, "v1/x", Purpose::Write, &facts) else {
            panic!("waits")
        };
        assert_eq!(
            advice_for(&disabled, advice).unwrap(),
            "Enable the API: gcloud services enable sqladmin.googleapis.com --project=p (or visit https://console.example/x)"
        );
        facts.enabled("sqladmin.googleapis.com");
        facts.created_account("run@p.iam.gserviceaccount.com");
        assert_eq!(class(&disabled, "v1/x", &facts), "waiting for the API to become active");
        assert_eq!(
            class(&missing, "v1/x", &facts),
            "waiting for the new service account to be known everywhere"
        );
        tokio::time::advance(Duration::from_secs(11 * 60)).await;
        assert_eq!(class(&disabled, "v1/x", &facts), "fail");
        assert_eq!(class(&missing, "v1/x", &facts), "fail");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_account_may_read_as_forbidden() {
        let facts = RunFacts::default();
        facts.created_account("a@p.iam.gserviceaccount.com");
        let denied = refusal(
            "iam",
            403,
            "IAM_PERMISSION_DENIED",
            "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).",
        );
        let path = "v1/projects/p/serviceAccounts/a%40p.iam.gserviceaccount.com";
        assert!(matches!(classify(&denied, path, Purpose::Read, &facts), Class::Wait { .. }));
        let other = path.replace("/a%40", "/b%40");
        assert!(matches!(classify(&denied, &other, Purpose::Read, &facts), Class::Fail(_)));
    }
}
