//! The component against the SDK's fake host, which records what is declared and checks nothing.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_sdk::testing::{Declared, Fake, Recording};
use serde_json::{Value as Json, json};

use super::*;

const PASSWORD: &str = "${std/RandomPassword::m-database-password#result}";

fn record(fake: Fake, change: impl FnOnce(MlflowServer) -> MlflowServer) -> Recording {
    fake.run(|| {
        change(MlflowServer::new("m")).configured()?.declare()?.export();
        Ok(())
    })
    .unwrap()
}

fn small() -> Recording {
    record(Fake::default(), |server| server)
}

fn protected() -> Recording {
    record(Fake::default(), |server| {
        server
            .size(Size::Large)
            .availability(Availability::Regional)
            .backups(Backups { nights: 14, log_days: 7 })
            .protection(true)
    })
}

fn resource<'a>(recording: &'a Recording, urn: &str) -> &'a Declared {
    recording.resource(urn).unwrap_or_else(|| panic!("{urn} is not declared"))
}

fn environment(recording: &Recording, urn: &str, pointer: &str) -> BTreeMap<String, Json> {
    let container = resource(recording, urn).properties.pointer(pointer).unwrap();
    let variables = container["env"].as_array().unwrap();
    variables
        .iter()
        .map(|variable| {
            let value = variable.get("value").or_else(|| variable.pointer("/valueSource/secretKeyRef"));
            (variable["name"].as_str().unwrap().to_owned(), value.unwrap().clone())
        })
        .collect()
}

fn server_environment(recording: &Recording) -> BTreeMap<String, Json> {
    environment(recording, "run.googleapis.com/Service::m", "/template/containers/0")
}

/// All that a resource waits for: through properties, options and other resources.
fn needs<'a>(recording: &'a Recording, urn: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![urn.to_owned()];
    while let Some(urn) = open.pop() {
        let resource: &'a Declared = resource(recording, &urn);
        let text = format!("{}{}", resource.properties, resource.options);
        for other in &recording.resources {
            let other = format!("{}::{}", other.kind, other.name);
            let referred = text.contains(&format!("${{{other}#")) || text.contains(&format!("\"{other}\""));
            if referred && found.insert(other.clone()) {
                open.push(other);
            }
        }
    }
    found
}

#[test]
fn every_part_is_declared() {
    let declared: Vec<_> = small()
        .resources
        .iter()
        .filter(|resource| !resource.kind.starts_with("serviceusage"))
        .map(|resource| format!("{}::{}", resource.kind, resource.name))
        .collect();
    assert_eq!(
        declared,
        [
            "cloudresourcemanager.googleapis.com/Project::project",
            "iam.googleapis.com/ServiceAccount::m-runtime",
            "iam.googleapis.com/ServiceAccount::m-build",
            "compute.googleapis.com/Network::m-network",
            "compute.googleapis.com/Subnetwork::m-subnetwork",
            "compute.googleapis.com/GlobalAddress::m-services",
            "servicenetworking.googleapis.com/Connection::m-services",
            "storage.googleapis.com/Bucket::m-artifacts",
            "storage.googleapis.com/BucketIamMember::m-artifacts",
            "artifactregistry.googleapis.com/Repository::m-images",
            "artifactregistry.googleapis.com/RepositoryIamMember::m-build",
            "storage.googleapis.com/Bucket::m-sources",
            "storage.googleapis.com/BucketIamMember::m-build",
            "storage.googleapis.com/Object::m-image",
            "cloudresourcemanager.googleapis.com/ProjectIamMember::m-build",
            "cloudbuild.googleapis.com/Build::m-image",
            "sqladmin.googleapis.com/Instance::m-database",
            "sqladmin.googleapis.com/Database::m-mlflow",
            "std/RandomPassword::m-database-password",
            "secretmanager.googleapis.com/Secret::m-database-password",
            "secretmanager.googleapis.com/SecretVersion::m-database-password",
            "secretmanager.googleapis.com/SecretIamMember::m-database-password",
            "sqladmin.googleapis.com/User::m-mlflow",
            "run.googleapis.com/Job::m-migrate",
            "run.googleapis.com/Execution::m-migrate",
            "run.googleapis.com/Service::m",
        ]
    );
    assert_eq!(
        small().outputs.keys().collect::<Vec<_>>(),
        ["bucket", "image", "image-digest", "sql-connection-name", "url"]
    );
}

#[test]
fn every_resource_waits_for_its_api() {
    let recording = small();
    for resource in &recording.resources {
        let Some((service, _)) = resource.kind.split_once(".googleapis.com/") else { continue };
        if service == "serviceusage" || resource.lookup {
            continue;
        }
        let urn = format!("{}::{}", resource.kind, resource.name);
        let api = format!("serviceusage.googleapis.com/Service::{service}");
        assert!(needs(&recording, &urn).contains(&api), "{urn} does not wait for {api}");
    }
}

#[test]
fn the_server_starts_after_all_it_needs() {
    let recording = small();
    let before = needs(&recording, "run.googleapis.com/Service::m");
    for needed in [
        "run.googleapis.com/Execution::m-migrate",
        "sqladmin.googleapis.com/User::m-mlflow",
        "sqladmin.googleapis.com/Database::m-mlflow",
        "servicenetworking.googleapis.com/Connection::m-services",
        "secretmanager.googleapis.com/SecretIamMember::m-database-password",
        "storage.googleapis.com/BucketIamMember::m-artifacts",
        "artifactregistry.googleapis.com/RepositoryIamMember::m-build",
        "cloudresourcemanager.googleapis.com/ProjectIamMember::m-build",
    ] {
        assert!(before.contains(needed), "the service does not wait for {needed}");
    }
}

/// No property of the database says so.
#[test]
fn the_database_waits_for_the_connection() {
    let recording = small();
    let instance = resource(&recording, "sqladmin.googleapis.com/Instance::m-database");
    let connection = "servicenetworking.googleapis.com/Connection::m-services";
    assert!(!instance.properties.to_string().contains(connection));
    assert!(instance.options["dependsOn"].as_array().unwrap().contains(&json!(connection)));
}

/// The only grants to the account of builds, which the build runs as and waits for.
#[test]
fn builds_have_an_account_of_their_own_with_three_narrow_roles() {
    let recording = small();
    let account = "iam.googleapis.com/ServiceAccount::m-build";
    let build = resource(&recording, "cloudbuild.googleapis.com/Build::m-image");
    assert_eq!(build.properties["serviceAccount"], format!("${{{account}#name}}"));
    let member = format!("serviceAccount:${{{account}#email}}");
    let grants: Vec<_> = recording
        .resources
        .iter()
        .filter(|resource| resource.properties["member"] == member)
        .map(|grant| {
            let on = ["repository", "bucket"].iter().find_map(|on| grant.properties[on].as_str());
            (grant.kind.as_str(), on, grant.properties["role"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        grants,
        [
            (
                "artifactregistry.googleapis.com/RepositoryIamMember",
                Some("${artifactregistry.googleapis.com/Repository::m-images#resourceId}"),
                "roles/artifactregistry.writer"
            ),
            (
                "storage.googleapis.com/BucketIamMember",
                Some("${storage.googleapis.com/Bucket::m-sources#resourceId}"),
                "roles/storage.objectViewer"
            ),
            ("cloudresourcemanager.googleapis.com/ProjectIamMember", None, "roles/logging.logWriter"),
        ]
    );
    for (kind, _, _) in grants {
        let grant = json!(format!("{kind}::m-build"));
        assert!(build.options["dependsOn"].as_array().unwrap().contains(&grant), "no waiting for {grant}");
    }
}

#[test]
fn the_password_is_in_the_secret_and_the_user_only() {
    let recording = small();
    let holders: Vec<_> = recording
        .resources
        .iter()
        .filter(|resource| resource.properties.to_string().contains(PASSWORD))
        .map(|resource| resource.kind.as_str())
        .collect();
    assert_eq!(holders, ["secretmanager.googleapis.com/SecretVersion", "sqladmin.googleapis.com/User"]);
    let selector = json!({
        "secret": "${secretmanager.googleapis.com/Secret::m-database-password#resourceId}",
        "version": "${secretmanager.googleapis.com/SecretVersion::m-database-password#resourceId}",
    });
    assert_eq!(server_environment(&recording)["PGPASSWORD"], selector);
}

#[test]
fn mlflow_is_told_the_right_things() {
    let environment = server_environment(&small());
    let host = "m-${cloudresourcemanager.googleapis.com/Project::project#projectNumber}.europe-west1.run.app";
    assert_eq!(environment["MLFLOW_SERVER_ALLOWED_HOSTS"], host);
    assert_eq!(environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"], format!("https://{host}"));
    assert_eq!(environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"], "false");
    assert_eq!(environment["MLFLOW_WORKERS"], "1");
    assert_eq!(
        environment["MLFLOW_ARTIFACTS_DESTINATION"],
        "gs://${storage.googleapis.com/Bucket::m-artifacts#name}"
    );
    assert_eq!(
        environment["MLFLOW_BACKEND_STORE_URI"],
        "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::m-database#ipAddresses[0].ipAddress}\
         :5432/${sqladmin.googleapis.com/Database::m-mlflow#resourceId}"
    );
}

#[test]
fn the_image_is_deployed_by_its_digest() {
    let recording = small();
    let image = "europe-west1-docker.pkg.dev/test-project/\
                 ${artifactregistry.googleapis.com/Repository::m-images#resourceId}/mlflow@\
                 ${cloudbuild.googleapis.com/Build::m-image#results.images[0].digest}";
    for (urn, pointer) in [
        ("run.googleapis.com/Service::m", "/template/containers/0/image"),
        ("run.googleapis.com/Job::m-migrate", "/template/template/containers/0/image"),
    ] {
        assert_eq!(resource(&recording, urn).properties.pointer(pointer).unwrap(), image);
    }
    assert_eq!(recording.outputs["image"], image);
}

#[test]
fn the_database_has_a_private_address_only() {
    let recording = small();
    let settings =
        &resource(&recording, "sqladmin.googleapis.com/Instance::m-database").properties["settings"];
    assert_eq!(settings["ipConfiguration"]["ipv4Enabled"], false);
    assert_eq!(settings["ipConfiguration"]["sslMode"], "ENCRYPTED_ONLY");
    assert_eq!(settings["edition"], "ENTERPRISE");
    assert_eq!(settings["availabilityType"], "ZONAL");
    assert_eq!(settings["backupConfiguration"], json!({ "enabled": false }));
}

#[test]
fn protection_covers_what_holds_data_and_nothing_else() {
    let recording = protected();
    let protected: Vec<_> = recording
        .resources
        .iter()
        .filter(|resource| resource.options["protect"] == true)
        .map(|resource| format!("{}::{}", resource.kind, resource.name))
        .collect();
    assert_eq!(
        protected,
        [
            "storage.googleapis.com/Bucket::m-artifacts",
            "sqladmin.googleapis.com/Instance::m-database",
            "sqladmin.googleapis.com/Database::m-mlflow",
            "sqladmin.googleapis.com/User::m-mlflow",
        ]
    );
    let settings =
        &resource(&recording, "sqladmin.googleapis.com/Instance::m-database").properties["settings"];
    assert_eq!(settings["deletionProtectionEnabled"], true);
    assert_eq!(settings["availabilityType"], "REGIONAL");
    assert_eq!(settings["backupConfiguration"]["pointInTimeRecoveryEnabled"], true);
    let bucket = &resource(&recording, "storage.googleapis.com/Bucket::m-artifacts").properties;
    assert_eq!(bucket["versioning"]["enabled"], true);
    assert!(bucket.get("forceDestroy").is_none());
    assert!(bucket["lifecycle"]["rule"][0]["condition"].get("age").is_none());
}

#[test]
fn basic_authentication_gets_its_own_database_and_passwords() {
    let recording = record(Fake::default().config("authentication", "basic"), |server| server);
    assert_eq!(
        recording.outputs["administrator-secret"],
        "${secretmanager.googleapis.com/Secret::m-administrator-password#name}"
    );
    let server = server_environment(&recording);
    for name in ["MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"] {
        assert!(server[name]["secret"].is_string(), "{name} is not from Secret Manager");
    }
    let migration =
        environment(&recording, "run.googleapis.com/Job::m-migrate", "/template/template/containers/0");
    assert_eq!(migration["MLFLOW_AUTH_DATABASE_URI"], server["MLFLOW_AUTH_DATABASE_URI"]);
    let execution = resource(&recording, "run.googleapis.com/Execution::m-migrate");
    assert_eq!(
        execution.options["replaceOn"][2], server["MLFLOW_AUTH_DATABASE_URI"],
        "switching it on migrates its database"
    );
    let before = needs(&recording, "run.googleapis.com/Service::m");
    assert!(before.contains("secretmanager.googleapis.com/SecretIamMember::m-session-key"));
    assert!(before.contains("sqladmin.googleapis.com/Database::m-authentication"));
}

#[test]
fn configuration_wins_over_the_program() {
    let fake = Fake::default()
        .config("environment", r#"{"MLFLOW_WORKERS":"2","EXTRA":"yes"}"#)
        .config("bucket-location", "EU")
        .config("invokers", r#"["allUsers","group:data@example.com"]"#)
        .config("sql-tier", "db-g1-small")
        .config("maximum-instances", "7");
    let recording = record(fake, |server| server.environment("EXTRA", "no").bucket_location("US"));
    let environment = server_environment(&recording);
    assert_eq!((&environment["MLFLOW_WORKERS"], &environment["EXTRA"]), (&json!("2"), &json!("yes")));
    let property = |urn: &str, pointer: &str| resource(&recording, urn).properties.pointer(pointer).cloned();
    assert_eq!(property("storage.googleapis.com/Bucket::m-artifacts", "/location"), Some(json!("EU")));
    assert_eq!(
        property("sqladmin.googleapis.com/Instance::m-database", "/settings/tier"),
        Some(json!("db-g1-small"))
    );
    assert_eq!(
        property("run.googleapis.com/Service::m", "/template/scaling"),
        Some(json!({ "minInstanceCount": 0, "maxInstanceCount": 7 }))
    );
    let invoker = "run.googleapis.com/ServiceIamMember::m-invoker-group-data-example.com";
    assert_eq!(property(invoker, "/member"), Some(json!("group:data@example.com")));
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let refusal = |fake: Fake, change: fn(MlflowServer) -> MlflowServer| {
        let result = fake.run(|| change(MlflowServer::new("m")).configured()?.declare().map(|_| ()));
        result.unwrap_err().message().to_owned()
    };
    assert_eq!(
        refusal(Fake::default().config("authentication", "ldap"), |server| server),
        "The configuration key `authentication` must be `none` or `basic`, not `ldap`."
    );
    assert_eq!(
        refusal(Fake::default().config("environment", r#"{"A":1}"#), |server| server),
        r#"The configuration key `environment` must be a table of strings, not `{"A":1}`."#
    );
    assert_eq!(
        refusal(Fake::default().config("minimum-instances", "5"), |server| server),
        "There cannot be between 5 and 2 instances: set `minimum-instances` and `maximum-instances` to \
         numbers that fit."
    );
    assert_eq!(
        refusal(Fake::default(), |server| server.availability(Availability::Regional)),
        "A database that survives the loss of a zone needs backups: add `.backups(…)`."
    );
}
