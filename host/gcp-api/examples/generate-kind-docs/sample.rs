//! The least that can be declared of a kind, found by filling in what the check misses.

use mlflow_host_gcp_api::description::{Schema, SchemaType};
use mlflow_host_gcp_api::kinds::{self, Input, Kind};
use mlflow_host_gcp_api::validate::ProblemCode;
use serde_json::{Map, Value, json};

/// What an example should show besides what must be there, in order of depth.
const USEFUL: &[(&str, &[&str])] = &[
    ("artifactregistry.googleapis.com/Repository", &["format"]),
    ("cloudbuild.googleapis.com/Build", &["steps"]),
    (
        "cloudbuild.googleapis.com/BuildTrigger",
        &["filename", "repositoryEventConfig", "repositoryEventConfig.repository"],
    ),
    ("cloudbuild.googleapis.com/Connection", &["githubConfig", "githubConfig.appInstallationId"]),
    ("cloudresourcemanager.googleapis.com/Project", &["project"]),
    ("cloudscheduler.googleapis.com/Job", &["httpTarget", "httpTarget.uri", "httpTarget.oauthToken"]),
    ("compute.googleapis.com/Address", &["addressType"]),
    ("compute.googleapis.com/BackendService", &["backends", "backends[0].group"]),
    ("compute.googleapis.com/Firewall", &["allowed", "allowed[0].ports", "sourceRanges"]),
    ("compute.googleapis.com/GlobalForwardingRule", &["target", "portRange"]),
    ("compute.googleapis.com/ManagedSslCertificate", &["managed", "managed.domains"]),
    ("compute.googleapis.com/Network", &["autoCreateSubnetworks"]),
    (
        "compute.googleapis.com/RegionNetworkEndpointGroup",
        &["networkEndpointType", "cloudRun", "cloudRun.service"],
    ),
    ("compute.googleapis.com/Router", &["nats"]),
    ("compute.googleapis.com/TargetHttpsProxy", &["urlMap", "sslCertificates"]),
    ("compute.googleapis.com/UrlMap", &["defaultService"]),
    ("iam.googleapis.com/CustomRole", &["includedPermissions"]),
    ("iam.googleapis.com/WorkloadIdentityPoolProvider", &["oidc", "attributeMapping"]),
    (
        "iap.googleapis.com/CloudRunServiceSettings",
        &["applicationSettings", "applicationSettings.cookieDomain"],
    ),
    ("logging.googleapis.com/LogSink", &["destination"]),
    (
        "monitoring.googleapis.com/AlertPolicy",
        &["conditions", "conditions[0].conditionThreshold", "conditions[0].conditionThreshold.filter"],
    ),
    ("monitoring.googleapis.com/NotificationChannel", &["type", "labels"]),
    ("monitoring.googleapis.com/UptimeCheckConfig", &["httpCheck", "httpCheck.useSsl"]),
    ("run.googleapis.com/Job", &["template", "template.template", "template.template.containers"]),
    ("run.googleapis.com/Service", &["template", "template.containers"]),
    ("secretmanager.googleapis.com/Secret", &["replication", "replication.automatic"]),
    ("sqladmin.googleapis.com/User", &["password"]),
    ("storage.googleapis.com/Bucket", &["versioning"]),
    ("vpcaccess.googleapis.com/Connector", &["network", "ipCidrRange"]),
];

/// How often the check is asked; a level of nesting each time.
const ROUNDS: usize = 20;

/// Properties with which the kind can be declared.
pub(crate) fn properties(kind: &Kind) -> Value {
    let mut properties = json!({});
    let useful = USEFUL.iter().find(|(name, _)| *name == kind.name).map(|(_, paths)| *paths);
    // Of several possibilities Google wants one, as a rule.
    let firsts = kind.one_of.iter().filter_map(|set| set.first()).map(String::as_str);
    let wanted: Vec<&str> = match useful {
        Some(paths) => paths.to_vec(),
        None => firsts.filter(|path| !path.contains('.')).collect(),
    };
    for path in wanted {
        let value = value_at(kind, path);
        put(&mut properties, path, value);
    }
    for _ in 0..ROUNDS {
        let missing: Vec<String> = kinds::check(kind, &properties, &|_| false)
            .into_iter()
            .filter(|problem| problem.code == ProblemCode::MissingRequired)
            .map(|problem| problem.path)
            .collect();
        if missing.is_empty() {
            break;
        }
        for path in missing {
            let value = value_at(kind, &path);
            put(&mut properties, &path, value);
        }
    }
    properties
}

fn value_at(kind: &Kind, path: &str) -> Value {
    let pattern = path.replace("[0]", "[]");
    let last = pattern.rsplit('.').next().unwrap_or(&pattern).trim_end_matches("[]").to_owned();
    match kind.input(path) {
        Some(Input::Parent(_)) | Some(Input::Extra(_)) => return Value::String(example(kind, &last)),
        Some(Input::Name(id)) => return Value::String(id.generate("main", "")),
        _ => {}
    }
    let field = kind.api().and_then(|api| {
        let schema = kind.create_schema.as_deref().or(kind.schema.as_deref())?;
        api.at(schema, &pattern)
    });
    field.map_or(Value::Null, |field| sample(kind, field, &last))
}

fn sample(kind: &Kind, field: &Schema, name: &str) -> Value {
    let Some(shape) = kind.api().and_then(|api| api.resolve(field)) else { return Value::Null };
    if let Some(value) = shape.values.iter().find(|value| !value.ends_with("UNSPECIFIED")) {
        return json!(value);
    }
    match (shape.kind, shape.format.as_deref()) {
        (SchemaType::Boolean, _) => json!(true),
        (SchemaType::Integer | SchemaType::Number, _) | (SchemaType::Any, _) => json!(1),
        (SchemaType::Object, _) => Value::Object(Map::new()),
        (SchemaType::Array, _) => {
            Value::Array(shape.items.iter().map(|item| sample(kind, item, name)).collect())
        }
        (SchemaType::String, Some("int64" | "uint64")) => json!("1"),
        (SchemaType::String, Some("google-duration")) => json!("60s"),
        (SchemaType::String, Some("google-datetime" | "date-time")) => json!("2030-01-01T00:00:00Z"),
        (SchemaType::String, _) => json!(example(kind, name)),
    }
}

/// Text for a property of that name.
fn example(kind: &Kind, name: &str) -> String {
    let known = match name {
        "image" => "europe-west1-docker.pkg.dev/example/images/mlflow@sha256:…",
        "member" => "group:data@example.com",
        "role" => {
            let summary = kind.properties.get("role").map_or("", |role| role.summary.as_str());
            summary.rsplit(' ').next().unwrap_or_default().trim_end_matches('.')
        }
        "IPProtocol" => "tcp",
        "ports" => "443",
        "portRange" => "443",
        "sourceRanges" => "10.0.0.0/8",
        "domains" => "mlflow.example.com",
        "uri" => "https://run.googleapis.com/v2/projects/example/locations/europe-west1/jobs/main:run",
        "serviceAccountEmail" => "main@example.iam.gserviceaccount.com",
        "issuerUri" => "https://token.actions.githubusercontent.com",
        "includedPermissions" => "run.jobs.run",
        "destination" => "storage.googleapis.com/example-logs",
        "filename" => "cloudbuild.yaml",
        "type" => "email",
        "cookieDomain" => "example.com",
        "remoteUri" => "https://github.com/example/mlflow.git",
        "network" => "projects/example/global/networks/main",
        "ipCidrRange" => "10.0.0.0/24",
        "databaseVersion" => "POSTGRES_16",
        "tier" => "db-custom-1-3840",
        "content" => "text, or an asset of the stack",
        "schedule" => "0 4 * * *",
        "billingAccount" => "012345-6789AB-CDEF01",
        "displayName" | "title" => "MLflow",
        "filter" => "severity>=ERROR",
        "timeout" => "10s",
        "data" => "a secret, from the configuration or from std/RandomPassword",
        other => return format!("the-{}", hyphenated(other)),
    };
    known.to_owned()
}

fn hyphenated(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            text.push('-');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

/// Puts a value at a path like `template.containers[0].image`, whose parents are there.
fn put(root: &mut Value, path: &str, value: Value) {
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match root.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(name.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        _ => {}
    }
}
