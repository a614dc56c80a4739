//! Reading what is there: few requests, the same attributes as after a creation, and only real drift.

use mlflow_host_engine::{
    Difference, Found, Outcome, Owner, Provider as _, ProviderError, Recorded, RequestAction, State,
    StateTarget, Target, Wanted, refresh,
};
use serde_json::{Value as Json, json};

use super::{Cloud, config, error, labels, provider, provider_with, reply, request, run, status, target};
use crate::{GcpConfig, GcpProvider};

const GET_BUCKET: &str = "GET /storage.googleapis.com/storage/v1/b/b-ab12";
const GET_USERS: &str = "GET /sqladmin.googleapis.com/v1/projects/p/instances/main/users";
const USERS: &str = "sqladmin.googleapis.com/User";
const GET_POLICY: &str = "POST /cloudresourcemanager.googleapis.com/v1/projects/p:getIamPolicy";

fn bucket() -> Json {
    json!({"name": "b-ab12", "id": "b-ab12", "location": "EUROPE-WEST1", "labels": labels(), "etag": "CAE=",
        "versioning": {"enabled": true}, "storageClass": "STANDARD"})
}

fn user(name: &str, host: &str) -> Json {
    json!({"kind": "sql#user", "name": name, "host": host, "instance": "main", "project": "p", "etag": "e"})
}

fn wanted(target: &Target) -> Wanted {
    Wanted {
        urn: target.urn.clone(),
        identity: target.identity.clone().unwrap(),
        inputs: target.inputs.clone(),
    }
}

async fn observe(provider: &GcpProvider, targets: &[&Target]) -> Vec<Result<Option<Found>, ProviderError>> {
    let wanted: Vec<Wanted> = targets.iter().map(|target| wanted(target)).collect();
    provider.observe(&wanted).await
}

fn state(made: Vec<(Target, Outcome)>) -> State {
    let target = StateTarget { cloud: "local".into(), project: "p".into() };
    let mut state = State::new("dev", target, "x7k2".into());
    for (target, outcome) in made {
        let recorded = Recorded {
            urn: target.urn.clone(),
            identity: outcome.identity,
            inputs: target.inputs,
            outputs: outcome.outputs,
            hints: Default::default(),
            unsettled: false,
            deferred: None,
        };
        state.resources.insert(target.urn, recorded);
    }
    state
}

#[tokio::test(start_paused = true)]
async fn a_refresh_after_a_creation_finds_nothing() {
    let operation = || json!({"name": "o", "status": "DONE", "operationType": "CREATE"});
    let one = |name: &str| reply(user(name, ""));
    let policy = || json!({"etag": "a", "bindings": [{"role": "roles/viewer", "members": ["user:a@example.com", "user:b@example.com"]}]});
    let post_user = "POST /sqladmin.googleapis.com/v1/projects/p/instances/main/users";
    let get_user = "GET /sqladmin.googleapis.com/v1/projects/p/instances/main/users/a-ab12";
    let get_other = "GET /sqladmin.googleapis.com/v1/projects/p/instances/main/users/b-ab12";
    let cloud = Cloud::expecting([
        ("POST /storage.googleapis.com/storage/v1/b?project=p", reply(bucket())),
        (post_user, reply(operation())),
        (get_user, one("a-ab12")),
        (post_user, reply(operation())),
        (get_other, one("b-ab12")),
        (GET_POLICY, reply(policy())),
    ]);
    let provider = provider(&cloud);
    let mut made = Vec::new();
    let mut make = async |targets: Vec<Target>| {
        let (outcomes, _) = run(&provider, &request(RequestAction::Create, targets.clone())).await;
        made.extend(targets.into_iter().zip(outcomes.unwrap()));
    };
    let versioned = json!({"versioning": {"enabled": true}, "storageClass": "standard"});
    make(vec![target(&provider, "storage.googleapis.com/Bucket::b", versioned)]).await;
    for name in ["a", "b"] {
        let properties = json!({"instance": "main", "password": "hunter2"});
        make(vec![target(&provider, &format!("{USERS}::{name}"), properties)]).await;
    }
    let grant = |name: &str| {
        let urn = format!("cloudresourcemanager.googleapis.com/ProjectIamMember::{name}");
        target(&provider, &urn, json!({"role": "roles/viewer", "member": format!("user:{name}@example.com")}))
    };
    make(vec![grant("a"), grant("b")]).await;
    cloud.finished();

    // Seven resources, three requests: one policy, one bucket, one list of users.
    let state = state(made);
    let users = reply(json!({"items": [user("a-ab12", ""), user("b-ab12", ""), user("postgres", "")]}));
    cloud.then([(GET_POLICY, reply(policy())), (GET_USERS, users), (GET_BUCKET, reply(bucket()))]);
    let refreshed = refresh(&state, &provider).await;
    cloud.finished();
    assert_eq!(refreshed.drifts, []);
    assert_eq!(refreshed.entries, [], "nothing to write down either");

    // The same again, after somebody has been there.
    let revoked =
        json!({"etag": "b", "bindings": [{"role": "roles/viewer", "members": ["user:A@example.com"]}]});
    let mut changed = bucket();
    changed["versioning"]["enabled"] = json!(false);
    changed["labels"]["added"] = json!("by somebody");
    changed["website"] = json!({"mainPageSuffix": "index.html"});
    let users = reply(json!({"items": [user("a-ab12", "")]}));
    cloud.then([(GET_POLICY, reply(revoked)), (GET_USERS, users), (GET_BUCKET, reply(changed))]);
    let drifts: Vec<String> = refresh(&state, &provider)
        .await
        .drifts
        .into_iter()
        .map(|drift| match drift.difference {
            Difference::Changed(changes) => {
                let change = &changes[0];
                let (old, new) = (change.old.to_shown_json(), change.new.to_shown_json());
                format!("{} {}: {old} -> {new} and {} more", drift.urn, change.path, changes.len() - 1)
            }
            other => format!("{} {other:?}", drift.urn),
        })
        .collect();
    cloud.finished();
    insta::assert_snapshot!(drifts.join("\n"), @r#"
cloudresourcemanager.googleapis.com/ProjectIamMember::b Gone
sqladmin.googleapis.com/User::b Gone
storage.googleapis.com/Bucket::b versioning.enabled: true -> false and 0 more
"#);
}

#[tokio::test(start_paused = true)]
async fn pages_are_followed_and_numbers_stand_for_projects() {
    let list = "GET /secretmanager.googleapis.com/v1/projects/p/secrets?pageSize=250";
    let next = "GET /secretmanager.googleapis.com/v1/projects/p/secrets?pageSize=250&pageToken=t";
    let secret = |name: &str| json!({"name": format!("projects/42/secrets/{name}"), "labels": labels()});
    let cloud = Cloud::expecting([
        (list, reply(json!({"secrets": [secret("a-ab12"), secret("c")], "nextPageToken": "t"}))),
        (next, reply(json!({"secrets": [secret("b-ab12")]}))),
    ]);
    let provider = provider(&cloud);
    let secrets = ["a", "b", "gone"].map(|name| {
        let automatic = json!({"replication": {"automatic": {}}});
        target(&provider, &format!("secretmanager.googleapis.com/Secret::{name}"), automatic)
    });
    let answers = observe(&provider, &secrets.iter().collect::<Vec<_>>()).await;
    cloud.finished();
    let found: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().map(|found| found.owner)).collect();
    assert_eq!(found, [Some(Owner::Ours), Some(Owner::Ours), None]);
}

#[tokio::test(start_paused = true)]
async fn a_full_name_may_begin_with_another_owner_than_a_project() {
    let budgets = "/billingbudgets.googleapis.com/v1/billingAccounts/A/budgets";
    let list: &'static str = format!("GET {budgets}?pageSize=200").leak();
    let named = |id: &str| json!({"name": format!("billingAccounts/A/budgets/{id}"), "displayName": id});
    let cloud = Cloud::expecting([(list, reply(json!({"budgets": [named("1"), named("2")]})))]);
    let provider = provider(&cloud);
    let amount = json!({"specifiedAmount": {"units": "1", "currencyCode": "EUR"}});
    let wanted = ["1", "2", "3"].map(|id| Wanted {
        urn: format!("billingbudgets.googleapis.com/Budget::b{id}").parse().unwrap(),
        identity: format!("billingAccounts/A/budgets/{id}"),
        inputs: json!({"billingAccount": "A", "displayName": id, "amount": amount}).into(),
    });
    let found: Vec<_> =
        provider.observe(&wanted).await.into_iter().map(|answer| answer.unwrap().is_some()).collect();
    cloud.finished();
    assert_eq!(found, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_kept_and_what_is_gone_takes_its_content_along() {
    let stopped = || {
        let said = "Invalid request: Invalid request since instance is not running.";
        status(400, json!({"error": {"code": 400, "message": said, "errors": [{"reason": "invalid"}]}}))
    };
    let refused = || {
        let said = "The client is not authorized to make this request.";
        status(403, json!({"error": {"code": 403, "message": said, "errors": [{"reason": "notAuthorized"}]}}))
    };
    let cloud = Cloud::default();
    let provider = provider(&cloud);
    let users =
        ["a", "b"].map(|name| target(&provider, &format!("{USERS}::{name}"), json!({"instance": "main"})));
    let instance = target(&provider, "sqladmin.googleapis.com/Instance::i", json!({"name": "main"}));
    let all = [&instance, &users[0], &users[1]];
    let get = "GET /sqladmin.googleapis.com/v1/projects/p/instances/main";
    let list = "GET /sqladmin.googleapis.com/v1/projects/p/instances";

    let body = json!({"name": "main", "state": "RUNNABLE", "settings": {"activationPolicy": "NEVER"}});
    cloud.then([(get, reply(body)), (GET_USERS, stopped())]);
    let answers = observe(&provider, &all).await;
    cloud.finished();
    assert_eq!(answers[0].as_ref().unwrap().as_ref().unwrap().owner, Owner::Nobody);
    insta::assert_snapshot!(answers[1].as_ref().unwrap_err(), @"cannot read sqladmin.googleapis.com/User `projects/p/instances/main/users/a-ab12`: Invalid request: Invalid request since instance is not running.");

    // Cloud SQL says 403 of what does not exist; the list knows.
    cloud.then([(get, refused()), (list, reply(json!({}))), (GET_USERS, refused())]);
    assert!(observe(&provider, &all).await.iter().all(|answer| *answer == Ok(None)));
    cloud.finished();

    // Who may not list either knows nothing.
    cloud.then([(get, refused()), (list, refused()), (GET_USERS, refused())]);
    let answers = observe(&provider, &all).await;
    cloud.finished();
    assert!(answers.iter().all(Result::is_err));
}

#[tokio::test(start_paused = true)]
async fn an_import_is_read_by_its_full_name() {
    let body = json!({"name": "old", "description": "managed by mlflow-host, stack other, seed q"});
    let get = "GET /compute.googleapis.com/compute/v1/projects/q/global/networks/old";
    let cloud = Cloud::expecting([(get, reply(body)), (get, error(404, "NOT_FOUND", "no"))]);
    let provider = provider(&cloud);
    let network = target(&provider, "compute.googleapis.com/Network::net", json!({}));
    let import = |name: &str| Wanted { identity: name.to_owned(), ..wanted(&network) };
    let name = "//compute.googleapis.com/projects/q/global/networks/old";
    let found = provider.observe(&[import(name)]).await.remove(0).unwrap().unwrap();
    assert_eq!(found.identity, "projects/q/global/networks/old");
    assert_eq!(found.owner, Owner::Other("other".into()));
    let outputs = found.outputs.to_shown_json();
    assert_eq!(outputs["resourceId"], "old");
    let drift = provider.drift(network.urn.kind(), &network.inputs, &found.outputs);
    assert_eq!(drift[1].path.to_string(), "name", "it would need another name: {drift:?}");
    assert_eq!(provider.observe(&[import(name)]).await, [Ok(None)]);
    let wrong = provider.observe(&[import("projects/q/networks/old")]).await.remove(0).unwrap_err();
    insta::assert_snapshot!(format!("{wrong} {}", wrong.hint.as_deref().unwrap()), @"`projects/q/networks/old` is not the full name of a `compute.googleapis.com/Network`. It looks like `projects/{project}/global/networks/{id}`.");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn the_number_of_the_own_project_is_remembered() {
    let get = "GET /cloudresourcemanager.googleapis.com/v1/projects/p";
    let cloud = Cloud::expecting([(get, reply(json!({"projectId": "p", "projectNumber": "77"})))]);
    let provider = provider_with(GcpConfig { project_number: None, ..config() }, &cloud);
    let urls = |provider: &GcpProvider| {
        let service = "run.googleapis.com/Service::web".parse().unwrap();
        let properties = Default::default();
        let declaration =
            mlflow_host_engine::Declaration { urn: &service, properties: &properties, suffix: "ab12" };
        provider.resolve(&declaration).unwrap().predicted.get("urls").cloned()
    };
    assert_eq!(urls(&provider), None);
    let project = "cloudresourcemanager.googleapis.com/Project::p".parse().unwrap();
    provider.lookup(&project, &Default::default()).await.unwrap();
    assert_eq!(urls(&provider).unwrap().to_shown_json(), json!(["https://web-ab12-77.europe-west1.run.app"]));
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_there_is_looked_up() {
    let link = "https://www.googleapis.com/compute/v1/projects/p/global/networks/shared";
    let cloud = Cloud::expecting([(
        "GET /compute.googleapis.com/compute/v1/projects/p/global/networks/shared",
        reply(json!({"name": "shared", "selfLink": link})),
    )]);
    let urn = "compute.googleapis.com/Network::shared".parse().unwrap();
    let given = [("name".to_owned(), "shared".into())].into();
    let found = provider(&cloud).lookup(&urn, &given).await.unwrap();
    assert_eq!(found.to_shown_json()["selfLink"], link);
    cloud.finished();
}
