//! Create, read, update, delete of regular kinds, through operations of all three styles.

use std::time::Duration;

use mlflow_host_engine::{Progress, Provider as _, Recovery, RequestAction};
use serde_json::{Value as Json, json};

use super::{Cloud, error, labels, lost, provider, recorded, reply, request, run, status, target};

const SERVICES: &str = "/run.googleapis.com/v2/projects/p/locations/europe-west1/services";
const WEB: &str = "projects/p/locations/europe-west1/services/web-ab12";
const POST_WEB: &str =
    "POST /run.googleapis.com/v2/projects/p/locations/europe-west1/services?serviceId=web-ab12";
const GET_WEB: &str = "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/services/web-ab12";
const GET_OPERATION: &str = "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/operations/o";

fn run_operation(done: bool) -> Json {
    json!({"name": "projects/p/locations/europe-west1/operations/o", "done": done})
}

fn web(observed: &str, state: &str) -> Json {
    json!({"name": WEB, "generation": "1", "observedGeneration": observed, "labels": labels(), "etag": "\"e1\"",
        "terminalCondition": {"state": state, "message": "Revision 'web-00001' is not ready."}, "uri": "https://web.a.run.app",
        "template": {"containers": [{"image": "a"}]}})
}

fn properties() -> Json {
    json!({"template": {"containers": [{"image": "a"}]}})
}

#[tokio::test(start_paused = true)]
async fn a_service_is_created_and_settles() {
    assert!(POST_WEB.ends_with(&format!("{SERVICES}?serviceId=web-ab12")));
    let cloud = Cloud::expecting([
        (POST_WEB, reply(run_operation(false))),
        (GET_OPERATION, error(404, "NOT_FOUND", "not there yet")),
        (GET_OPERATION, reply(run_operation(false))),
        (GET_OPERATION, reply(run_operation(true))),
        (GET_WEB, reply(web("0", "CONDITION_PENDING"))),
        (GET_WEB, reply(web("1", "CONDITION_SUCCEEDED"))),
    ]);
    let provider = provider(&cloud);
    let request = request(
        RequestAction::Create,
        vec![target(&provider, "run.googleapis.com/Service::web", properties())],
    );
    let (outcomes, _) = run(&provider, &request).await;
    let outcomes = outcomes.unwrap();
    cloud.finished();
    assert_eq!(outcomes[0].identity, WEB);
    let outputs = outcomes[0].outputs.to_shown_json();
    assert_eq!(
        (&outputs["uri"], &outputs["resourceId"]),
        (&json!("https://web.a.run.app"), &json!("web-ab12"))
    );
    assert_eq!(cloud.body(0), json!({"labels": labels(), "template": {"containers": [{"image": "a"}]}}));
}

#[tokio::test(start_paused = true)]
async fn a_failed_creation_leaves_the_service_and_the_next_run_puts_it_right() {
    let failed = || reply(web("1", "CONDITION_FAILED"));
    let refused = json!({"name": "projects/p/locations/europe-west1/operations/o", "done": true,
        "error": {"code": 9, "message": "Revision 'web-00001' is not ready and cannot serve traffic."}});
    let cloud = Cloud::expecting([(POST_WEB, reply(refused)), (GET_WEB, failed())]);
    let provider = provider(&cloud);
    let mut target = target(&provider, "run.googleapis.com/Service::web", properties());
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![target.clone()])).await;
    let failure = outcomes.unwrap_err();
    cloud.finished();
    insta::assert_snapshot!(failure, @"cannot create run.googleapis.com/Service `projects/p/locations/europe-west1/services/web-ab12`: Revision 'web-00001' is not ready and cannot serve traffic.");
    assert_eq!(failure.left[0].identity, WEB);

    // What the engine does with a resource that is recorded as unsettled.
    let recorded = recorded(target.clone());
    target.recorded = recorded.recorded;
    cloud.then([
        (GET_WEB, failed()),
        (GET_WEB, failed()),
        (GET_WEB, failed()),
        (GET_WEB, failed()),
        (
            "PATCH /run.googleapis.com/v2/projects/p/locations/europe-west1/services/web-ab12?updateMask=template&forceNewRevision=true",
            reply(run_operation(true)),
        ),
        (GET_WEB, reply(web("1", "CONDITION_SUCCEEDED"))),
    ]);
    let (outcomes, _) = run(&provider, &request(RequestAction::Update, vec![target])).await;
    assert_eq!(outcomes.unwrap().len(), 1);
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_update_sends_what_changed_under_the_current_etag() {
    let cloud = Cloud::expecting([
        (GET_WEB, reply(web("1", "CONDITION_SUCCEEDED"))),
        (
            "PATCH /run.googleapis.com/v2/projects/p/locations/europe-west1/services/web-ab12?updateMask=template",
            error(
                409,
                "ABORTED",
                "Conflict for resource 'web-ab12': version '1' was specified but current version is '2'.",
            ),
        ),
        (GET_WEB, reply(json!({"etag": "\"e2\""}))),
        (
            "PATCH /run.googleapis.com/v2/projects/p/locations/europe-west1/services/web-ab12?updateMask=template",
            reply(run_operation(true)),
        ),
        (GET_WEB, reply(web("1", "CONDITION_SUCCEEDED"))),
    ]);
    let provider = provider(&cloud);
    let mut target = target(&provider, "run.googleapis.com/Service::web", properties());
    target.changed = vec!["template.containers[0].image".parse().unwrap()];
    let (outcomes, _) = run(&provider, &request(RequestAction::Update, vec![target])).await;
    outcomes.unwrap();
    cloud.finished();
    assert_eq!(cloud.body(1), json!({"etag": "\"e1\"", "template": {"containers": [{"image": "a"}]}}));
    assert_eq!(cloud.body(3)["etag"], "\"e2\"");
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_taken_over_if_it_is_ours() {
    let exists = || error(409, "ALREADY_EXISTS", "Resource 'web-ab12' already exists.");
    let ours = || reply(web("1", "CONDITION_SUCCEEDED"));
    let cloud =
        Cloud::expecting([(POST_WEB, exists()), (GET_WEB, ours()), (GET_WEB, ours()), (GET_WEB, ours())]);
    let provider = provider(&cloud);
    let create = |provider| {
        request(
            RequestAction::Create,
            vec![target(provider, "run.googleapis.com/Service::web", properties())],
        )
    };
    // Nothing differs, so nothing is sent.
    cloud.then([(GET_WEB, ours()), (GET_WEB, ours())]);
    let (outcomes, _) = run(&provider, &create(&provider)).await;
    assert_eq!(outcomes.unwrap()[0].identity, WEB);
    cloud.finished();

    let mut said = Vec::new();
    for labels in [
        json!({}),
        json!({"mlflow-host-stack": "prod", "mlflow-host-seed": "other"}),
        json!({"mlflow-host-stack": "dev", "mlflow-host-seed": "other"}),
    ] {
        let mut foreign = web("1", "CONDITION_SUCCEEDED");
        foreign["labels"] = labels;
        cloud.then([(POST_WEB, exists()), (GET_WEB, reply(foreign))]);
        let (outcomes, _) = run(&provider, &create(&provider)).await;
        let error = outcomes.unwrap_err();
        said.push(format!("{error}\n{}", error.hint.as_deref().unwrap_or_default()));
        cloud.finished();
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    cannot create run.googleapis.com/Service `projects/p/locations/europe-west1/services/web-ab12`: it exists already, and is not managed by this stack.
    Take it over by running `mlflow-host up` with `--adopt`, give it another name, or look it up instead of declaring it.
    cannot create run.googleapis.com/Service `projects/p/locations/europe-west1/services/web-ab12`: it exists already, and its labels say that it belongs to the stack `prod`.
    Give it another name, or look it up instead of declaring it.
    cannot create run.googleapis.com/Service `projects/p/locations/europe-west1/services/web-ab12`: it exists already, and its labels say that it belongs to a stack `dev` too, whose state is not the one that is used here.
    If the state was lost, take over what the stack has made: run `mlflow-host up` with `--adopt`. If there are two stacks of that name, rename one of them.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_of_what_is_gone_is_done() {
    let cloud = Cloud::expecting([(
        "DELETE /run.googleapis.com/v2/projects/p/locations/europe-west1/services/web-ab12",
        error(404, "NOT_FOUND", "Resource 'web-ab12' of kind 'SERVICE' does not exist."),
    )]);
    let provider = provider(&cloud);
    let target = recorded(target(&provider, "run.googleapis.com/Service::web", properties()));
    let (outcomes, _) = run(&provider, &request(RequestAction::Delete, vec![target])).await;
    assert_eq!(outcomes.unwrap(), []);
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_gone_may_be_forbidden() {
    let unauthorised = || {
        let said = "The client is not authorized to make this request.";
        status(403, json!({"error": {"code": 403, "message": said, "errors": [{"reason": "notAuthorized"}]}}))
    };
    let cloud = Cloud::expecting([(
        "DELETE /sqladmin.googleapis.com/v1/projects/p/instances/main-ab12",
        unauthorised(),
    )]);
    let provider = provider(&cloud);
    let target = target(&provider, "sqladmin.googleapis.com/Instance::main", json!({}));
    let delete = request(RequestAction::Delete, vec![recorded(target)]);
    assert_eq!(run(&provider, &delete).await.0.unwrap(), []);
    cloud.then([("GET /sqladmin.googleapis.com/v1/projects/p/instances/main-ab12", unauthorised())]);
    assert_eq!(provider.recover(&delete).await.unwrap(), Recovery::Reached(Progress::Done(Vec::new())));
    cloud.finished();
}

const POST_NETWORK: &str = "POST /compute.googleapis.com/compute/v1/projects/p/global/networks?requestId=5ca1ab1e-0000-4000-8000-000000000000";

#[tokio::test(start_paused = true)]
async fn a_network_is_waited_for_and_a_lost_answer_is_asked_for_again() {
    let get = "GET /compute.googleapis.com/compute/v1/projects/p/global/operations/operation-1";
    let operation =
        |status: &str| reply(json!({"kind": "compute#operation", "name": "operation-1", "status": status}));
    let cloud = Cloud::expecting([
        (POST_NETWORK, lost()),
        (POST_NETWORK, error(503, "UNAVAILABLE", "The service is currently unavailable.")),
        (POST_NETWORK, operation("PENDING")),
        (get, operation("RUNNING")),
        (get, operation("DONE")),
        (
            "GET /compute.googleapis.com/compute/v1/projects/p/global/networks/net-ab12",
            reply(json!({"name": "net-ab12", "id": "7"})),
        ),
    ]);
    let provider = provider(&cloud);
    let request = request(
        RequestAction::Create,
        vec![target(
            &provider,
            "compute.googleapis.com/Network::net",
            json!({"autoCreateSubnetworks": false}),
        )],
    );
    let (outcomes, _) = run(&provider, &request).await;
    assert_eq!(outcomes.unwrap()[0].identity, "projects/p/global/networks/net-ab12");
    cloud.finished();
    let body = cloud.body(2);
    assert_eq!((&body["name"], &body["autoCreateSubnetworks"]), (&json!("net-ab12"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn a_subnetwork_is_changed_part_by_part_with_fresh_fingerprints() {
    let subnet = "/compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12";
    let operation = || reply(json!({"name": "op", "status": "DONE"}));
    let cloud = Cloud::expecting([
        (
            "POST /compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12/expandIpCidrRange?requestId=4c9be61e-e848-59e0-a600-d51dbfa523a1",
            operation(),
        ),
        (
            "GET /compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12",
            reply(json!({"fingerprint": "f2"})),
        ),
        (
            "PATCH /compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12?requestId=15f704bb-773b-5bad-bbef-d7c8cc9dddd8",
            operation(),
        ),
        (
            "GET /compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12",
            reply(json!({"name": "sub-ab12"})),
        ),
    ]);
    let provider = provider(&cloud);
    let mut target = target(
        &provider,
        "compute.googleapis.com/Subnetwork::sub",
        json!({"network": "n", "ipCidrRange": "10.0.0.0/20", "stackType": "IPV4_ONLY"}),
    );
    target.changed = vec!["ipCidrRange".parse().unwrap(), "stackType".parse().unwrap()];
    let (outcomes, _) = run(&provider, &request(RequestAction::Update, vec![target])).await;
    outcomes.unwrap();
    cloud.finished();
    assert!(subnet.ends_with("sub-ab12"));
    assert_eq!(cloud.body(0), json!({"ipCidrRange": "10.0.0.0/20"}));
    assert_eq!(cloud.body(2), json!({"stackType": "IPV4_ONLY", "fingerprint": "f2"}));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_cloud_run_holds_defer_the_subnetwork() {
    let message = "The subnetwork resource 'projects/p/regions/europe-west1/subnetworks/sub-ab12' is already being used by 'projects/p/regions/europe-west1/addresses/serverless-ipv4-1700000000'";
    let failed = json!({"name": "op", "status": "DONE", "httpErrorStatusCode": 400,
        "error": {"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": message}]}});
    let cloud = Cloud::expecting([(
        "DELETE /compute.googleapis.com/compute/v1/projects/p/regions/europe-west1/subnetworks/sub-ab12?requestId=5ca1ab1e-0000-4000-8000-000000000000",
        reply(failed),
    )]);
    let provider = provider(&cloud);
    let target = recorded(target(
        &provider,
        "compute.googleapis.com/Subnetwork::sub",
        json!({"network": "n", "ipCidrRange": "10.0.0.0/20"}),
    ));
    let (_, notes) = run(&provider, &request(RequestAction::Delete, vec![target])).await;
    cloud.finished();
    insta::assert_snapshot!(notes.join("\n"), @"deferred for 60 minutes: Cloud Run still holds addresses in the subnetwork; it gives them back one to two hours after the service is gone.");
}

#[tokio::test(start_paused = true)]
async fn a_busy_instance_is_waited_for_and_a_failed_operation_is_not_believed() {
    let post = "POST /sqladmin.googleapis.com/v1/projects/p/instances";
    let get = "GET /sqladmin.googleapis.com/v1/projects/p/instances/main-ab12";
    let busy = status(
        409,
        json!({"error": {"code": 409, "message": "Operation failed because another operation was already in progress.",
        "errors": [{"reason": "operationInProgress", "domain": "global"}]}}),
    );
    let failed = json!({"kind": "sql#operation", "name": "op", "status": "DONE", "error": {"errors": [{"code": "INTERNAL_ERROR", "message": ""}]}});
    let cloud = Cloud::expecting([
        (post, busy),
        (post, reply(json!({"kind": "sql#operation", "name": "op", "status": "PENDING"}))),
        ("GET /sqladmin.googleapis.com/v1/projects/p/operations/op", reply(failed)),
        (get, reply(json!({"name": "main-ab12", "state": "PENDING_CREATE"}))),
        (
            get,
            reply(
                json!({"name": "main-ab12", "state": "RUNNABLE", "ipAddresses": [{"ipAddress": "10.0.0.3"}]}),
            ),
        ),
    ]);
    let provider = provider(&cloud);
    let target = target(
        &provider,
        "sqladmin.googleapis.com/Instance::main",
        json!({"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-f1-micro"}}),
    );
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![target])).await;
    assert_eq!(outcomes.unwrap()[0].outputs.to_shown_json()["ipAddresses"][0]["ipAddress"], "10.0.0.3");
    cloud.finished();
    assert_eq!(notes, ["waiting for another operation on the instance", "PENDING_CREATE"]);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_name_is_not_waited_for() {
    let message = "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted instance until one week from the deletion date.";
    let cloud = Cloud::expecting([
        (
            "POST /sqladmin.googleapis.com/v1/projects/p/instances",
            status(
                409,
                json!({"error": {"code": 409, "message": message, "errors": [{"reason": "instanceAlreadyExists"}]}}),
            ),
        ),
        (
            "GET /sqladmin.googleapis.com/v1/projects/p/instances/main-ab12",
            status(
                404,
                json!({"error": {"code": 404, "message": "The Cloud SQL instance does not exist.", "errors": [{"reason": "instanceDoesNotExist"}]}}),
            ),
        ),
    ]);
    let provider = provider(&cloud);
    let target = target(&provider, "sqladmin.googleapis.com/Instance::main", json!({}));
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![target])).await;
    cloud.finished();
    assert!(outcomes.unwrap_err().hint.unwrap().contains("stays blocked for a week"));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_creation_is_found_again() {
    let cloud = Cloud::default();
    let provider = provider(&cloud);
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "run.googleapis.com/Service::web", properties())],
    );

    cloud.then([(GET_WEB, error(404, "NOT_FOUND", "no"))]);
    assert_eq!(provider.recover(&create).await.unwrap(), Recovery::NotReached);
    cloud.then([(GET_WEB, reply(web("1", "CONDITION_SUCCEEDED")))]);
    assert!(
        matches!(provider.recover(&create).await.unwrap(), Recovery::Reached(Progress::Done(done)) if done.len() == 1)
    );
    cloud.then([(GET_WEB, reply(web("0", "CONDITION_PENDING")))]);
    let Recovery::Reached(Progress::Running { handle, after, .. }) = provider.recover(&create).await.unwrap()
    else {
        panic!("not running")
    };
    assert_eq!(after, Duration::from_millis(150));
    cloud.then([(GET_WEB, reply(web("1", "CONDITION_SUCCEEDED")))]);
    assert!(matches!(provider.advance(&create, &handle).await.unwrap(), Progress::Done(_)));

    let delete = request(RequestAction::Delete, vec![recorded(create.targets[0].clone())]);
    cloud.then([(GET_WEB, error(404, "NOT_FOUND", "no"))]);
    assert_eq!(provider.recover(&delete).await.unwrap(), Recovery::Reached(Progress::Done(Vec::new())));
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn a_project_is_looked_up() {
    let cloud = Cloud::expecting([(
        "GET /cloudresourcemanager.googleapis.com/v1/projects/p",
        reply(json!({"projectId": "p", "projectNumber": "42"})),
    )]);
    let provider = provider(&cloud);
    let urn = "cloudresourcemanager.googleapis.com/Project::this".parse().unwrap();
    let found = provider.lookup(&urn, &Default::default()).await.unwrap();
    assert_eq!(
        found.to_shown_json(),
        json!({"project": "p", "projectId": "p", "projectNumber": "42", "resourceId": "p"})
    );
    let secret = "secretmanager.googleapis.com/Secret::s".parse().unwrap();
    cloud.then([(
        "GET /secretmanager.googleapis.com/v1/projects/p/secrets/token",
        error(404, "NOT_FOUND", "no"),
    )]);
    let missing = provider.lookup(&secret, &[("name".to_owned(), "token".into())].into()).await.unwrap_err();
    insta::assert_snapshot!(missing, @"cannot look up `secretmanager.googleapis.com/Secret::s`: there is no secretmanager.googleapis.com/Secret `projects/p/secrets/token`.");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn what_a_resource_was_looked_up_by_is_among_its_attributes() {
    let name = "projects/p/locations/us-central1/services/web";
    let get = "GET /run.googleapis.com/v2/projects/p/locations/us-central1/services/web";
    let cloud = Cloud::expecting([(get, reply(json!({"name": name, "uri": "https://web"})))]);
    let urn = "run.googleapis.com/Service::web".parse().unwrap();
    let given = [("name".to_owned(), "web".into()), ("location".to_owned(), "us-central1".into())].into();
    let found = provider(&cloud).lookup(&urn, &given).await.unwrap();
    let shown = found.to_shown_json();
    assert_eq!((&shown["location"], &shown["project"]), (&json!("us-central1"), &json!("p")));
    assert_eq!(shown["name"], name, "Google's own word is kept");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn labels_that_a_creation_does_not_take_follow_it() {
    let addresses = "compute/v1/projects/p/global/addresses";
    let operation = || reply(json!({"name": "o", "status": "DONE"}));
    let address = || reply(json!({"name": "a-ab12", "labelFingerprint": "f1"}));
    let request_id = "5ca1ab1e-0000-4000-8000-000000000000";
    let post = format!("POST /compute.googleapis.com/{addresses}?requestId={request_id}");
    let get = "GET /compute.googleapis.com/compute/v1/projects/p/global/addresses/a-ab12";
    let set = "POST /compute.googleapis.com/compute/v1/projects/p/global/addresses/a-ab12/setLabels";
    let cloud = Cloud::expecting([
        (post.leak() as &'static str, operation()),
        (get, address()),
        (set, operation()),
        (get, address()),
    ]);
    let provider = provider(&cloud);
    let target = target(
        &provider,
        "compute.googleapis.com/GlobalAddress::a",
        json!({"purpose": "VPC_PEERING", "labels": {"team": "ml"}}),
    );
    run(&provider, &request(RequestAction::Create, vec![target])).await.0.unwrap();
    cloud.finished();
    assert_eq!(cloud.body(0).get("labels"), None);
    assert_eq!(cloud.body(2), json!({"labels": {"team": "ml"}, "labelFingerprint": "f1"}));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_names_is_found_by_its_mark_and_content() {
    let policies = "/monitoring.googleapis.com/v3/projects/p/alertPolicies";
    let policy = |name: &str, text: &str, labels: Json| {
        json!({"name": format!("projects/p/alertPolicies/{name}"), "displayName": text, "combiner": "OR",
            "userLabels": labels, "enabled": true})
    };
    let list: &'static str = format!("GET {policies}?pageSize=200").leak();
    let post: &'static str = format!("POST {policies}").leak();
    let listed = json!({"alertPolicies": [
        policy("1", "full", json!({})), policy("2", "slow", labels()), policy("3", "full", labels()),
    ]});
    let cloud = Cloud::expecting([(post, lost()), (list, reply(listed))]);
    cloud.then([(
        "GET /monitoring.googleapis.com/v3/projects/p/alertPolicies/3",
        reply(policy("3", "full", labels())),
    )]);
    let provider = provider(&cloud);
    let properties = json!({"displayName": "full", "combiner": "OR", "enabled": true});
    let target = target(&provider, "monitoring.googleapis.com/AlertPolicy::full", properties);
    let outcome = run(&provider, &request(RequestAction::Create, vec![target])).await.0.unwrap().remove(0);
    assert_eq!(outcome.identity, "projects/p/alertPolicies/3");
    assert_eq!(outcome.outputs.to_shown_json()["resourceId"], "3");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn settings_that_are_always_there_are_sent_again() {
    let path =
        "PATCH /iap.googleapis.com/v1/projects/p/iap_web/cloud_run-europe-west1/services/web:iapSettings";
    let body = json!({"name": "projects/42/iap_web/cloud_run-europe-west1/services/web"});
    let cloud = Cloud::expecting([(path, reply(body))]);
    let provider = provider(&cloud);
    let properties = json!({"service": "web", "applicationSettings": {"cookieDomain": "example.com"}});
    let target = target(&provider, "iap.googleapis.com/CloudRunServiceSettings::web", properties);
    let create = request(RequestAction::Create, vec![target]);
    assert_eq!(provider.recover(&create).await.unwrap(), Recovery::NotReached);
    run(&provider, &create).await.0.unwrap();
    cloud.finished();
    assert_eq!(
        cloud.body(0),
        json!({"name": "projects/p/iap_web/cloud_run-europe-west1/services/web",
            "applicationSettings": {"cookieDomain": "example.com"}})
    );
}
