//! Changes that are sent together.

use mlflow_host_engine::RequestAction;
use serde_json::{Value as Json, json};

use super::{Cloud, error, provider, recorded, reply, request, run, status, target};

const GET_POLICY: &str = "POST /cloudresourcemanager.googleapis.com/v1/projects/p:getIamPolicy";
const SET_POLICY: &str = "POST /cloudresourcemanager.googleapis.com/v1/projects/p:setIamPolicy";

fn policy(etag: &str, members: &[&str]) -> Json {
    json!({"version": 1, "etag": etag, "bindings": [{"role": "roles/viewer", "members": members}]})
}

#[tokio::test(start_paused = true)]
async fn members_of_a_policy_are_written_at_once_and_a_conflict_starts_over() {
    let conflict = "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.";
    let cloud = Cloud::expecting([
        (GET_POLICY, reply(policy("BwXa", &["user:boss@example.com"]))),
        (SET_POLICY, error(409, "ABORTED", conflict)),
        (GET_POLICY, reply(policy("BwXb", &["user:boss@example.com", "user:new@example.com"]))),
        (SET_POLICY, reply(json!({}))),
    ]);
    let provider = provider(&cloud);
    let member = |name: &str, member: &str| {
        let urn = format!("cloudresourcemanager.googleapis.com/ProjectIamMember::{name}");
        target(&provider, &urn, json!({"role": "roles/viewer", "member": member}))
    };
    let targets = vec![member("a", "user:a@example.com"), member("b", "user:b@example.com")];
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, targets.clone())).await;
    let outcomes = outcomes.unwrap();
    cloud.finished();
    assert_eq!(cloud.body(0), json!({"options": {"requestedPolicyVersion": 3}}));
    let expected = json!({"policy": {"version": 3, "etag": "BwXb", "bindings": [{"role": "roles/viewer",
        "members": ["user:boss@example.com", "user:new@example.com", "user:a@example.com", "user:b@example.com"]}]}});
    assert_eq!(cloud.body(3), expected);
    assert_eq!(outcomes[1].identity, "projects/p roles/viewer user:b@example.com");
    assert_eq!(outcomes[1].outputs.to_shown_json()["member"], "user:b@example.com");

    cloud.then([
        (
            GET_POLICY,
            reply(policy("BwXc", &["user:boss@example.com", "user:a@example.com", "user:b@example.com"])),
        ),
        (SET_POLICY, reply(json!({}))),
    ]);
    let (outcomes, _) =
        run(&provider, &request(RequestAction::Delete, targets.into_iter().map(recorded).collect())).await;
    assert_eq!(outcomes.unwrap(), []);
    cloud.finished();
    assert_eq!(cloud.body(5)["policy"]["bindings"][0]["members"], json!(["user:boss@example.com"]));
}

#[tokio::test(start_paused = true)]
async fn a_new_account_is_waited_for_where_it_is_needed() {
    let unknown = "Service account web-ab12@p.iam.gserviceaccount.com does not exist.";
    let cloud = Cloud::expecting([(
        "POST /iam.googleapis.com/v1/projects/p/serviceAccounts",
        reply(json!({"email": "web-ab12@p.iam.gserviceaccount.com", "uniqueId": "1"})),
    )]);
    let provider = provider(&cloud);
    let grant = || {
        target(
            &provider,
            "cloudresourcemanager.googleapis.com/ProjectIamMember::m",
            json!({"role": "r", "member": "serviceAccount:web-ab12@p.iam.gserviceaccount.com"}),
        )
    };
    let account = target(&provider, "iam.googleapis.com/ServiceAccount::web", json!({}));
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![account])).await;
    assert_eq!(outcomes.unwrap()[0].outputs.to_shown_json()["uniqueId"], "1");

    cloud.then([
        (GET_POLICY, reply(policy("BwXa", &[]))),
        (SET_POLICY, error(400, "INVALID_ARGUMENT", unknown)),
        (GET_POLICY, reply(policy("BwXa", &[]))),
        (SET_POLICY, reply(json!({}))),
    ]);
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![grant()])).await;
    outcomes.unwrap();
    cloud.finished();
    assert_eq!(notes, ["waiting for the new service account to be known everywhere"]);

    // An account that this run has not made is not waited for.
    let other = target(
        &provider,
        "cloudresourcemanager.googleapis.com/ProjectIamMember::m",
        json!({"role": "r", "member": "serviceAccount:x@p"}),
    );
    cloud.then([
        (GET_POLICY, reply(policy("BwXa", &[]))),
        (SET_POLICY, error(400, "INVALID_ARGUMENT", "Service account x@p does not exist.")),
    ]);
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![other])).await;
    insta::assert_snapshot!(outcomes.unwrap_err(), @"cannot grant `r` to `serviceAccount:x@p`: Service account x@p does not exist.");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_agent_of_google_is_asked_for_when_a_policy_misses_it() {
    const AGENT: &str = "service-42@gcp-sa-iap.iam.gserviceaccount.com";
    const GENERATE: &str = "POST /serviceusage.googleapis.com/v1beta1/projects/42/services/iap.googleapis.com:generateServiceIdentity";
    let unknown = || error(400, "INVALID_ARGUMENT", &format!("Service account {AGENT} does not exist."));
    let cloud = Cloud::expecting([
        (GET_POLICY, reply(policy("BwXa", &[]))),
        (SET_POLICY, unknown()),
        (GENERATE, reply(json!({"name": "operations/finished.1", "done": true}))),
        (GET_POLICY, reply(policy("BwXa", &[]))),
        // It is not known everywhere at once.
        (SET_POLICY, unknown()),
        (GET_POLICY, reply(policy("BwXa", &[]))),
        (SET_POLICY, reply(json!({}))),
    ]);
    let provider = provider(&cloud);
    let grant = target(
        &provider,
        "cloudresourcemanager.googleapis.com/ProjectIamMember::m",
        json!({"role": "r", "member": format!("serviceAccount:{AGENT}")}),
    );
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![grant])).await;
    outcomes.unwrap();
    cloud.finished();
    assert_eq!(notes, ["waiting for the new service account to be known everywhere"]);
}

#[tokio::test(start_paused = true)]
async fn apis_are_enabled_together_and_their_first_calls_wait() {
    let enable = "POST /serviceusage.googleapis.com/v1/projects/p/services:batchEnable";
    let cloud = Cloud::default();
    let provider = provider(&cloud);
    let names: Vec<String> = (0..21)
        .map(|index| format!("api{index}.googleapis.com"))
        .chain(["run.googleapis.com".into()])
        .collect();
    let targets = names
        .iter()
        .map(|name| {
            target(&provider, &format!("serviceusage.googleapis.com/Service::{name}"), json!({"name": name}))
        })
        .collect::<Vec<_>>();
    let list = |names: &[String]| -> Vec<Json> {
        names
            .iter()
            .map(|name| json!({"name": format!("projects/42/services/{name}"), "state": "ENABLED"}))
            .collect()
    };
    cloud.then([
        (enable, reply(json!({"name": "operations/acat.1"}))),
        ("GET /serviceusage.googleapis.com/v1/operations/acat.1", reply(json!({"name": "operations/acat.1", "done": true}))),
        (enable, reply(json!({"name": "operations/noop", "done": true}))),
        (
            "GET /serviceusage.googleapis.com/v1/projects/p/services?filter=state%3AENABLED&pageSize=200",
            reply(json!({"services": list(&names[..20]), "nextPageToken": "t"})),
        ),
        (
            "GET /serviceusage.googleapis.com/v1/projects/p/services?filter=state%3AENABLED&pageSize=200&pageToken=t",
            reply(json!({"services": list(&names[20..])})),
        ),
    ]);
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, targets.clone())).await;
    assert_eq!(outcomes.unwrap().len(), 22);
    cloud.finished();
    assert_eq!(cloud.body(0)["serviceIds"].as_array().unwrap().len(), 20);
    assert_eq!(cloud.body(2)["serviceIds"], json!(names[20..]));

    let disabled = |service: &str| {
        status(
            403,
            json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "The API is disabled.",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
                "metadata": {"service": service, "consumer": "projects/p"}}]}}),
        )
    };
    let post = "POST /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs?jobId=job-ab12";
    let job = json!({"name": "x", "generation": "1", "observedGeneration": "1", "terminalCondition": {"state": "CONDITION_SUCCEEDED"}});
    cloud.then([
        (post, disabled("run.googleapis.com")),
        (post, reply(json!({"name": "projects/p/locations/europe-west1/operations/o", "done": true}))),
        ("GET /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/job-ab12", reply(job)),
    ]);
    let job = target(&provider, "run.googleapis.com/Job::job", json!({}));
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![job])).await;
    outcomes.unwrap();
    assert_eq!(notes, ["waiting for the API to become active"]);

    // What cannot be sent twice is looked for first, and that may be refused for the same reason.
    let list = "GET /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds?pageSize=200&filter=tags%3D%22mlflow-host-5ca1ab1e-0000-4000-8000-000000000000%22";
    let post = "POST /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds";
    let read = "GET /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds/b";
    let build = json!({"id": "b", "status": "SUCCESS", "name": "projects/p/locations/europe-west1/builds/b"});
    cloud.then([
        (post, disabled("run.googleapis.com")),
        (list, disabled("run.googleapis.com")),
        (list, reply(json!({}))),
        (post, reply(json!({"name": "operations/x", "metadata": {"build": {"id": "b"}}}))),
        (read, reply(build)),
    ]);
    let build = target(&provider, "cloudbuild.googleapis.com/Build::image", json!({}));
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![build])).await;
    outcomes.unwrap();
    assert_eq!(notes, ["waiting for the API to become active"]);

    cloud.then([("POST /storage.googleapis.com/storage/v1/b?project=p", disabled("storage.googleapis.com"))]);
    let bucket = target(&provider, "storage.googleapis.com/Bucket::b", json!({}));
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![bucket])).await;
    let failure = outcomes.unwrap_err();
    insta::assert_snapshot!(format!("{failure}\n{}", failure.hint.as_deref().unwrap_or_default()), @r#"
cannot create storage.googleapis.com/Bucket `b/b-ab12`: The API is disabled.
Enable the API: gcloud services enable storage.googleapis.com --project=p
"#);

    // Deleting forgets: nothing is sent.
    let (outcomes, _) =
        run(&provider, &request(RequestAction::Delete, targets.into_iter().map(recorded).collect())).await;
    assert_eq!(outcomes.unwrap(), []);
    cloud.finished();
}

/// What has to be enabled before the host can enable anything, or read a project's policy, is not waited for.
#[tokio::test(start_paused = true)]
async fn what_must_be_enabled_by_hand_comes_with_the_command() {
    let disabled = |title: &str, service: &str| {
        let message = format!("{title} has not been used in project p before or it is disabled.");
        let link = format!("https://console.example/{service}");
        status(
            403,
            json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": message,
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
                "metadata": {"service": service, "consumer": "projects/p", "activationUrl": link}}]}}),
        )
    };
    let cloud = Cloud::expecting([
        (
            "POST /serviceusage.googleapis.com/v1/projects/p/services:batchEnable",
            disabled("Service Usage API", "serviceusage.googleapis.com"),
        ),
        (GET_POLICY, disabled("Cloud Resource Manager API", "cloudresourcemanager.googleapis.com")),
    ]);
    let provider = provider(&cloud);
    let api = target(
        &provider,
        "serviceusage.googleapis.com/Service::serviceusage",
        json!({"name": "serviceusage.googleapis.com"}),
    );
    let grant = target(
        &provider,
        "cloudresourcemanager.googleapis.com/ProjectIamMember::m",
        json!({"role": "roles/viewer", "member": "user:a@example.com"}),
    );
    let mut said = Vec::new();
    for target in [api, grant] {
        let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![target])).await;
        let failure = outcomes.unwrap_err();
        assert_eq!(notes, Vec::<String>::new(), "it has waited");
        said.push(format!("{failure}\n{}", failure.hint.as_deref().unwrap_or_default()));
    }
    cloud.finished();
    insta::assert_snapshot!(said.join("\n"), @r"
    cannot enable serviceusage.googleapis.com: Service Usage API has not been used in project p before or it is disabled.
    Enable the API: gcloud services enable serviceusage.googleapis.com --project=p (or visit https://console.example/serviceusage.googleapis.com)
    cannot grant `roles/viewer` to `user:a@example.com`: Cloud Resource Manager API has not been used in project p before or it is disabled.
    Enable the API: gcloud services enable cloudresourcemanager.googleapis.com --project=p (or visit https://console.example/cloudresourcemanager.googleapis.com)
    ");
}

#[tokio::test(start_paused = true)]
async fn audit_configurations_are_changed_in_place_and_leave_the_grants_alone() {
    let logs = |service: &str, kinds: &[&str]| {
        let logs: Vec<_> = kinds.iter().map(|kind| json!({"logType": kind})).collect();
        json!({"service": service, "auditLogConfigs": logs})
    };
    let all = |etag: &str, configs: Json| {
        let mut all = policy(etag, &["user:boss@example.com"]);
        all["auditConfigs"] = configs;
        all
    };
    let others = logs("allServices", &["ADMIN_READ"]);
    let cloud =
        Cloud::expecting([(GET_POLICY, reply(all("BwXa", json!([others])))), (SET_POLICY, reply(json!({})))]);
    let provider = provider(&cloud);
    let urn = "cloudresourcemanager.googleapis.com/ProjectAuditConfig::reads";
    let declared = |kinds: &[&str]| target(&provider, urn, logs("storage.googleapis.com", kinds));
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![declared(&["DATA_READ"])])).await;
    let outcome = outcomes.unwrap().remove(0);
    cloud.finished();
    assert_eq!(outcome.identity, "projects/p storage.googleapis.com");
    let mut sent = all("BwXa", json!([others, logs("storage.googleapis.com", &["DATA_READ"])]));
    sent["version"] = json!(3);
    assert_eq!(cloud.body(1), json!({"policy": sent, "updateMask": "auditConfigs,etag"}));

    let more = declared(&["DATA_READ", "DATA_WRITE"]);
    let facts =
        mlflow_host_gcp_api::kinds::kind("cloudresourcemanager.googleapis.com/ProjectAuditConfig").unwrap();
    let changes = crate::compare::compare(facts, &declared(&["DATA_READ"]).inputs, &more.inputs);
    assert!(changes.iter().any(|change| change.path.to_string().starts_with("auditLogConfigs")));
    assert!(
        changes.iter().all(|change| change.kind == mlflow_host_engine::ChangeKind::Update),
        "{changes:?}"
    );
    cloud.then([(GET_POLICY, reply(sent)), (SET_POLICY, reply(json!({})))]);
    run(&provider, &request(RequestAction::Update, vec![more.clone()])).await.0.unwrap();
    cloud.finished();
    let full = logs("storage.googleapis.com", &["DATA_READ", "DATA_WRITE"]);
    assert_eq!(cloud.body(3)["policy"]["auditConfigs"], json!([others, full]));

    // Somebody else's decision is not overwritten by a new declaration.
    cloud.then([(GET_POLICY, reply(all("BwXb", json!([full]))))]);
    let refused =
        run(&provider, &request(RequestAction::Create, vec![declared(&["DATA_READ"])])).await.0.unwrap_err();
    cloud.finished();
    assert!(refused.to_string().contains("exists already"), "{refused}");

    cloud.then([(GET_POLICY, reply(all("BwXc", json!([others, full])))), (SET_POLICY, reply(json!({})))]);
    assert_eq!(run(&provider, &request(RequestAction::Delete, vec![recorded(more)])).await.0.unwrap(), []);
    cloud.finished();
    assert_eq!(cloud.body(6)["policy"]["auditConfigs"], json!([others]));
}
