//! The table.

use std::time::Duration;

use super::{Class, Purpose};

/// What must have happened for a rule to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    /// This run has just enabled the API.
    Enabled,
    /// This run has just made the service account that is missed, or enabled the API whose agent is.
    AccountCreated,
    /// This run has just made the bucket that is missed.
    BucketCreated,
    /// This run has just changed who may do what.
    Granted,
}

/// What a refusal must be like, and the class that it then has.
pub(super) struct Rule {
    /// Hosts; empty for all.
    pub(super) services: &'static [&'static str],
    /// HTTP statuses; empty for all.
    pub(super) statuses: &'static [u16],
    /// Reasons; empty for all.
    pub(super) reasons: &'static [&'static str],
    /// Texts that all occur in message or path, in lower case.
    pub(super) texts: &'static [&'static str],
    /// Purposes; empty for all.
    pub(super) purposes: &'static [Purpose],
    pub(super) when: Condition,
    pub(super) class: Class,
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
const STORAGE: &[&str] = &["storage.googleapis.com"];
const IAM: &[&str] = &["iam.googleapis.com"];
const DISABLED: &[&str] = &["SERVICE_DISABLED", "accessNotConfigured"];
const RATE: &[&str] = &["RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
pub(super) const RATE_NOTE: &str = "waiting for a request quota to refill";

/// The table, most specific first.
pub(super) const RULES: &[Rule] = &[
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
    Rule {
        texts: &["deletion protection"],
        class: Class::Fail(
            "Set `settings.deletionProtectionEnabled` to false, run `up`, and then delete it.",
        ),
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
    // Cloud Storage: a bucket is there before all of its servers know it.
    Rule {
        services: STORAGE,
        statuses: &[404],
        texts: &["bucket does not exist"],
        when: Condition::BucketCreated,
        class: wait(1, 3, "waiting for the new bucket to be visible"),
        ..ANY
    },
    // Quotas: those of things stay used up until somebody deletes some, whatever their reason says.
    Rule {
        texts: &["quota '", "' exceeded."],
        class: Class::Fail(
            "Delete what is no longer needed of these in the project, or ask for more: https://console.cloud.google.com/iam-admin/quotas",
        ),
        ..ANY
    },
    // Compute answers 403 where others answer 429; both say that nothing was done.
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
