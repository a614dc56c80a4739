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

    let Class::Fail(advice) = classify(&disabled, "v1/x", Purpose::Write, &facts) else { panic!("waits") };
    assert_eq!(
        advice_for(&disabled, advice).unwrap(),
        "Enable the API: gcloud services enable sqladmin.googleapis.com --project=p (or visit https://console.example/x)"
    );
    facts.enabled("sqladmin.googleapis.com");
    facts.created_account("run@p.iam.gserviceaccount.com");
    assert_eq!(class(&disabled, "v1/x", &facts), "waiting for the API to become active");
    assert_eq!(class(&missing, "v1/x", &facts), "waiting for the new service account to be known everywhere");
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

#[tokio::test(start_paused = true)]
async fn a_new_bucket_may_be_unknown_for_a_moment() {
    let facts = RunFacts::default();
    facts.created_bucket("files");
    let missing = refusal("storage", 404, "notFound", "The specified bucket does not exist.");
    let at = |path: &str| class(&missing, path, &facts);
    assert_eq!(at("storage/v1/b/files/iam"), "waiting for the new bucket to be visible");
    assert_eq!(at("storage/v1/b/files-of-others/iam"), "fail");
    tokio::time::advance(Duration::from_secs(4 * 60)).await;
    assert_eq!(at("storage/v1/b/files/iam"), "fail");
}

/// What the user is told to do.
fn advice(refusal: &Refusal) -> String {
    match classify(refusal, "v1/x", Purpose::Write, &RunFacts::default()) {
        Class::Fail(advice) => advice_for(refusal, advice).unwrap_or_default(),
        class => panic!("{refusal:?} is {class:?}"),
    }
}

#[test]
fn what_stays_comes_with_advice() {
    let rows = [
        refusal("sqladmin", 409, "instanceAlreadyExists", NAME_TAKEN),
        refusal(
            "sqladmin",
            400,
            "invalid",
            "role \"app\" cannot be dropped because some objects depend on it",
        ),
        refusal(
            "sqladmin",
            400,
            "invalid",
            "The instance is protected. Please disable the deletion protection.",
        ),
        refusal(
            "run",
            400,
            "FAILED_PRECONDITION",
            "There are insufficient free IP addresses in the subnetwork.",
        ),
        refusal(
            "storage",
            400,
            "invalid",
            "The number of members in the policy (1,501) is larger than the maximum allowed size 1,500.",
        ),
        refusal("compute", 403, "quotaExceeded", "Quota 'NETWORKS' exceeded.  Limit: 30.0 globally."),
        refusal("run", 403, "PERMISSION_DENIED", "Permission 'iam.serviceaccounts.actAs' denied on a@p"),
        refusal("compute", 403, "forbidden", "This API method requires billing to be enabled."),
        refusal("run", 401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    ];
    insta::assert_snapshot!(rows.iter().map(advice).collect::<Vec<_>>().join("\n"), @r"
    Give the instance another name: the name of a deleted instance stays blocked for a week.
    Drop or reassign what the role owns (psql: REASSIGN OWNED BY … TO postgres), then run it again.
    Set `settings.deletionProtectionEnabled` to false, run `up`, and then delete it.
    Use a larger subnetwork: Cloud Run takes blocks of 16 addresses, two to four times as many as it has instances.
    Put the members into a Google group and grant the role to the group.
    Delete what is no longer needed of these in the project, or ask for more: https://console.cloud.google.com/iam-admin/quotas
    Grant yourself the role roles/iam.serviceAccountUser on that service account.
    Link a billing account: gcloud billing projects link PROJECT --billing-account=ACCOUNT
    Log in again: gcloud auth application-default login
    ");
}

#[tokio::test(start_paused = true)]
async fn what_google_makes_on_the_side_is_waited_for() {
    let agent = refusal(
        "cloudresourcemanager",
        400,
        "INVALID_ARGUMENT",
        "Service account service-42@gcp-sa-vpcaccess.iam.gserviceaccount.com does not exist.",
    );
    let secret = refusal(
        "run",
        0,
        "",
        "Permission denied on secret: projects/42/secrets/s/versions/1 for Revision service account a@p",
    );
    let source =
        refusal("cloudbuild", 403, "forbidden", "a@p does not have storage.objects.get access to it.");
    let activation = refusal(
        "serviceusage",
        0,
        "INTERNAL",
        "Encountered internal error (160009) with failed services [run.googleapis.com]",
    );
    let busy =
        refusal("compute", 403, "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", "Too many operations in progress.");
    let open = refusal("sqladmin", 400, "invalid", "database \"mlflow\" is being accessed by other users");
    let facts = RunFacts::default();
    for refusal in [&agent, &secret, &source] {
        assert_eq!(class(refusal, "v1/x", &facts), "fail", "this run has not caused it: {refusal:?}");
    }
    facts.enabled("vpcaccess.googleapis.com");
    facts.granted();
    assert_eq!(class(&agent, "v1/x", &facts), "waiting for the new service account to be known everywhere");
    assert_eq!(class(&secret, "v1/x", &facts), "waiting for a granted permission to take effect");
    assert_eq!(class(&source, "v1/x", &facts), "waiting for a granted permission to take effect");
    assert_eq!(class(&activation, "", &facts), "waiting for Google to enable the API");
    assert_eq!(class(&busy, "v1/x", &facts), "waiting for other operations of the project");
    assert_eq!(class(&open, "v1/x", &facts), "waiting for connections to the database to close");
}
