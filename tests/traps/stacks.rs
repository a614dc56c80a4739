//! Small stacks.

use mlflow_host_tests::PROJECT;
use serde_json::{Value as Json, json};

/// An enabled API.
pub(crate) fn api(name: &str) -> Json {
    json!({
        "kind": "serviceusage.googleapis.com/Service", "name": name,
        "properties": {"name": format!("{name}.googleapis.com")},
    })
}

/// A resource that needs an API.
pub(crate) fn resource(kind: &str, name: &str, properties: Json) -> Json {
    let service = kind.split('.').next().unwrap_or_default();
    json!({
        "kind": kind, "name": name, "properties": properties,
        "dependsOn": [format!("serviceusage.googleapis.com/Service::{service}")],
    })
}

/// A network with a subnetwork.
pub(crate) fn network() -> Vec<Json> {
    vec![
        api("compute"),
        resource("compute.googleapis.com/Network", "net", json!({"autoCreateSubnetworks": false})),
        resource(
            "compute.googleapis.com/Subnetwork",
            "sub",
            json!({"network": "{net.selfLink}", "ipCidrRange": "10.8.0.0/24"}),
        ),
    ]
}

/// A network that is connected with Google's services.
pub(crate) fn connected() -> Vec<Json> {
    let mut stack = network();
    stack.extend([
        api("servicenetworking"),
        resource(
            "compute.googleapis.com/GlobalAddress",
            "range",
            json!({
                "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20,
                "network": "{net.selfLink}",
            }),
        ),
        resource(
            "servicenetworking.googleapis.com/Connection",
            "services",
            json!({
                "network": format!("projects/{PROJECT}/global/networks/{{net.name}}"),
                "reservedPeeringRanges": ["{range.name}"],
            }),
        ),
    ]);
    stack
}

/// A database with a user on a private address.
pub(crate) fn database() -> Vec<Json> {
    let mut stack = connected();
    let mut instance = resource(
        "sqladmin.googleapis.com/Instance",
        "pg",
        json!({
            "databaseVersion": "POSTGRES_17",
            "settings": {"tier": "db-f1-micro", "edition": "ENTERPRISE", "ipConfiguration": {
                "ipv4Enabled": false,
                "privateNetwork": format!("projects/{PROJECT}/global/networks/{{net.name}}"),
            }},
        }),
    );
    instance["dependsOn"] = json!([
        "serviceusage.googleapis.com/Service::sqladmin",
        "servicenetworking.googleapis.com/Connection::services",
    ]);
    stack.extend([
        api("sqladmin"),
        instance,
        resource("sqladmin.googleapis.com/Database", "tracking", json!({"instance": "{pg.name}"})),
        resource(
            "sqladmin.googleapis.com/User",
            "app",
            json!({"instance": "{pg.name}", "name": "app", "password": "correct horse"}),
        ),
    ]);
    stack
}

/// A service account with a role on the project.
pub(crate) fn account() -> Vec<Json> {
    vec![
        api("iam"),
        resource("iam.googleapis.com/ServiceAccount", "runner", json!({})),
        json!({
            "kind": "cloudresourcemanager.googleapis.com/ProjectIamMember", "name": "runner-logs",
            "properties": {"role": "roles/logging.logWriter", "member": "serviceAccount:{runner.email}"},
        }),
    ]
}

/// A secret with a version.
pub(crate) fn secret() -> Vec<Json> {
    vec![
        api("secretmanager"),
        resource("secretmanager.googleapis.com/Secret", "key", json!({"replication": {"automatic": {}}})),
        resource(
            "secretmanager.googleapis.com/SecretVersion",
            "key",
            json!({"secret": "{key.name}", "payload": {"data": "c2VjcmV0"}}),
        ),
    ]
}

/// A bucket that a service account may read.
pub(crate) fn bucket() -> Vec<Json> {
    let mut stack = account();
    stack.extend([
        api("storage"),
        resource("storage.googleapis.com/Bucket", "files", json!({"location": "EU"})),
        resource(
            "storage.googleapis.com/BucketIamMember",
            "runner-files",
            json!({
                "bucket": "{files.name}", "role": "roles/storage.objectViewer",
                "member": "serviceAccount:{runner.email}",
            }),
        ),
    ]);
    stack
}

/// A service whose image is built by an account of its own.
pub(crate) fn server() -> Vec<Json> {
    const TAG: &str = "europe-west1-docker.pkg.dev/test-project/{images.resourceId}/web:one";
    let member = "serviceAccount:{runner.email}";
    let mut stack = bucket();
    let may_push = json!({"repository": "{images.resourceId}", "role": "roles/artifactregistry.writer", "member": member});
    let source = json!({"bucket": "{files.name}", "name": "source.tar.gz", "content": "{context.archive}"});
    let mut build = resource(
        "cloudbuild.googleapis.com/Build",
        "image",
        json!({
            "source": {"storageSource": {"bucket": "{files.name}", "object": "{source.resourceId}"}},
            "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "--tag", TAG, "."]}],
            "images": [TAG], "timeout": "600s", "serviceAccount": "{runner.name}",
            "options": {"logging": "CLOUD_LOGGING_ONLY"},
        }),
    );
    build["dependsOn"] = json!([
        "serviceusage.googleapis.com/Service::cloudbuild",
        "artifactregistry.googleapis.com/RepositoryIamMember::may-push",
        "storage.googleapis.com/BucketIamMember::runner-files",
        "cloudresourcemanager.googleapis.com/ProjectIamMember::runner-logs",
    ]);
    let template = json!({
        "serviceAccount": "{runner.email}",
        "containers": [{"image": TAG.replace(":one", "@{image.results.images[0].digest}")}],
    });
    stack.extend([
        json!({"directory": "mlflow/image", "name": "context"}),
        api("artifactregistry"),
        api("cloudbuild"),
        api("run"),
        resource("artifactregistry.googleapis.com/Repository", "images", json!({"format": "DOCKER"})),
        resource("artifactregistry.googleapis.com/RepositoryIamMember", "may-push", may_push),
        resource("storage.googleapis.com/Object", "source", source),
        build,
        resource("run.googleapis.com/Service", "web", json!({"template": template})),
    ]);
    stack
}

/// The same stack with another value of a property of those of a name, at a dotted path.
pub(crate) fn with(mut stack: Vec<Json>, name: &str, property: &str, value: Json) -> Vec<Json> {
    let named = |resource: &&mut Json| resource["name"] == name && resource["properties"].is_object();
    for resource in stack.iter_mut().filter(named) {
        let properties = &mut resource["properties"];
        *property.split('.').fold(properties, |properties, field| &mut properties[field]) = value.clone();
    }
    stack
}

/// The same stack without those of a name.
pub(crate) fn without(mut stack: Vec<Json>, name: &str) -> Vec<Json> {
    stack.retain(|resource| resource["name"] != name);
    stack
}
