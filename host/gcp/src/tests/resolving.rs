//! Names, places, predictions and marks of ownership.

use mlflow_host_engine::{Declaration, Provider as _, Resolved};
use mlflow_host_graph::Value;
use serde_json::{Value as Json, json};

use super::{Cloud, config, labels, provider, provider_with};

fn resolve(urn: &str, properties: impl Into<Value>) -> Resolved {
    try_resolve(urn, properties).unwrap()
}

fn try_resolve(urn: &str, properties: impl Into<Value>) -> Result<Resolved, String> {
    let urn = urn.parse().unwrap();
    let properties = properties.into().as_map().unwrap().clone();
    let declaration = Declaration { urn: &urn, properties: &properties, suffix: "ab12" };
    provider(&Cloud::default()).resolve(&declaration).map_err(|error| error.message)
}

fn predicted(resolved: &Resolved) -> Json {
    Value::Map(resolved.predicted.clone()).to_shown_json()
}

#[test]
fn a_service_gets_name_place_labels_and_predictions() {
    let resolved =
        resolve("run.googleapis.com/Service::web", json!({"labels": {"team": "ml"}, "template": {}}));
    assert_eq!(resolved.identity.as_deref(), Some("projects/p/locations/europe-west1/services/web-ab12"));
    let mut expected = labels();
    expected["team"] = json!("ml");
    assert_eq!(
        resolved.inputs.to_shown_json(),
        json!({"project": "p", "location": "europe-west1", "name": "web-ab12", "labels": expected, "template": {}})
    );
    assert_eq!(
        predicted(&resolved),
        json!({"name": "projects/p/locations/europe-west1/services/web-ab12", "resourceId": "web-ab12",
            "urls": ["https://web-ab12-42.europe-west1.run.app"]})
    );
    assert!(!resolved.name_is_fixed);
    assert!(resolve("run.googleapis.com/Service::web", json!({"name": "mine"})).name_is_fixed);
}

#[test]
fn a_child_knows_its_container_and_its_lock() {
    let resolved = resolve(
        "sqladmin.googleapis.com/Database::mlflow",
        json!({"instance": "https://sqladmin.googleapis.com/v1/projects/p/instances/main"}),
    );
    assert_eq!(resolved.identity.as_deref(), Some("projects/p/instances/main/databases/mlflow_ab12"));
    assert_eq!(resolved.container.as_deref(), Some("projects/p/instances/main"));
    assert_eq!(resolved.lock.as_deref(), Some("sqladmin.googleapis.com/projects/p/instances/main"));
    let instance = resolve("sqladmin.googleapis.com/Instance::main", json!({"name": "main"}));
    assert_eq!(instance.lock, resolved.lock, "instance and database never change at the same time");
    assert_eq!(predicted(&instance)["connectionName"], "p:europe-west1:main");
}

#[test]
fn what_is_not_known_stays_unknown() {
    let unknown = |name: &str| Value::Map([(name.to_owned(), Value::Unknown)].into());
    let resolved = resolve("sqladmin.googleapis.com/Database::mlflow", unknown("instance"));
    assert_eq!((resolved.identity, resolved.container, resolved.lock), (None, None, None));
    let resolved = resolve("run.googleapis.com/Service::web", unknown("name"));
    assert_eq!(resolved.identity, None);
    assert_eq!(predicted(&Resolved { predicted: resolved.predicted, ..Resolved::default() }), json!({}));

    let without_number =
        provider_with(crate::GcpConfig { project_number: None, ..config() }, &Cloud::default());
    let urn = "secretmanager.googleapis.com/Secret::s".parse().unwrap();
    let properties = Default::default();
    let declaration = Declaration { urn: &urn, properties: &properties, suffix: "ab12" };
    let resolved = without_number.resolve(&declaration).unwrap();
    assert_eq!(predicted(&resolved), json!({"resourceId": "s-ab12"}), "the name holds the project's number");
}

#[test]
fn members_of_one_policy_form_a_group() {
    let account = "web@p.iam.gserviceaccount.com";
    let grant = json!({"serviceAccount": format!("projects/p/serviceAccounts/{account}"), "role": "roles/iam.serviceAccountUser", "member": "user:a@example.com"});
    let resolved = resolve("iam.googleapis.com/ServiceAccountIamMember::user", grant);
    assert_eq!(
        resolved.group.as_deref(),
        Some("iam.googleapis.com/projects/p/serviceAccounts/web@p.iam.gserviceaccount.com")
    );
    assert_eq!(
        resolved.container.as_deref(),
        Some("projects/p/serviceAccounts/web@p.iam.gserviceaccount.com")
    );
    assert_eq!(
        resolved.identity.as_deref(),
        Some(
            "projects/p/serviceAccounts/web@p.iam.gserviceaccount.com roles/iam.serviceAccountUser user:a@example.com"
        )
    );
    let foreign = json!({"serviceAccount": "x@q.iam.gserviceaccount.com", "role": "r", "member": "m"});
    assert_eq!(resolve("iam.googleapis.com/ServiceAccountIamMember::user", foreign).container, None);
}

#[test]
fn without_labels_the_description_says_whose_it_is() {
    let resolved = resolve("compute.googleapis.com/Network::net", json!({"description": "for MLflow"}));
    assert_eq!(
        resolved.inputs.get("description").and_then(Value::as_str),
        Some("for MLflow (managed by mlflow-host, stack dev, seed x7k2)")
    );
    assert_eq!(
        predicted(&resolved)["selfLink"],
        "https://www.googleapis.com/compute/v1/projects/p/global/networks/net-ab12"
    );
}

#[test]
fn passwords_are_sealed_even_if_given_in_the_clear() {
    let resolved =
        resolve("sqladmin.googleapis.com/User::u", json!({"instance": "i", "password": "hunter2"}));
    assert_eq!(resolved.inputs.to_shown_json()["password"], "[secret]");
}

#[test]
fn mistakes_are_named() {
    insta::assert_snapshot!(try_resolve("run.googleapis.com/Srevice::web", json!({})).unwrap_err(), @"`run.googleapis.com/Srevice` is not a kind that this version knows.");
    insta::assert_snapshot!(try_resolve("run.googleapis.com/Service::web", json!({"name": "Web"})).unwrap_err(), @"The name of `run.googleapis.com/Service::web` is not possible: `Web` holds `W`; a name is made of a-z0-9-.");
    insta::assert_snapshot!(try_resolve("sqladmin.googleapis.com/Database::d", json!({})).unwrap_err(), @"`sqladmin.googleapis.com/Database::d` must say which `instance` it belongs to.");
    insta::assert_snapshot!(try_resolve("serviceusage.googleapis.com/Service::run", json!({})).unwrap_err(), @"`serviceusage.googleapis.com/Service::run` must have a `name`.");
}
