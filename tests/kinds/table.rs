//! One resource of each kind.

use mlflow_host_tests::PROJECT;
use serde_json::{Value as Json, json};

/// Kinds that have no resource here: those of images and builds, whose whole life is in the test of the dev
/// stack, what is only looked up, and what has no cloud.
pub(crate) const ELSEWHERE: &[&str] = &[
    "cloudbuild.googleapis.com/Build",
    "cloudresourcemanager.googleapis.com/Project",
    "iap.googleapis.com/CloudRunServiceIamMember",
    "iap.googleapis.com/CloudRunServiceSettings",
    "run.googleapis.com/Execution",
    "run.googleapis.com/Job",
    "run.googleapis.com/JobIamMember",
    "run.googleapis.com/Service",
    "run.googleapis.com/ServiceIamMember",
    "std/RandomId",
    "std/RandomPassword",
    "std/StackReference",
    "std/Value",
];

/// A resource, and what can be done with it.
pub(crate) struct Row {
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) properties: Json,
    /// A property that can be changed in place, and its other value.
    pub(crate) update: Option<(&'static str, Json)>,
    pub(crate) replaces: bool,
    /// Whether it is deleted rather than forgotten.
    pub(crate) deletes: bool,
    needs: &'static [&'static str],
}

impl Row {
    pub(crate) fn urn(&self) -> String {
        format!("{}::{}", self.kind, self.name)
    }

    /// The URNs that the properties do not say: its API, at least.
    pub(crate) fn needs(&self) -> Vec<String> {
        let mut urns: Vec<_> = self.needs.iter().map(|urn| (*urn).to_owned()).collect();
        if self.kind != SERVICE {
            let api = self.kind.split('.').next().unwrap_or_default();
            urns.push(format!("{SERVICE}::{api}"));
        }
        urns
    }

    fn updated(self, property: &'static str, value: impl Into<Json>) -> Self {
        Self { update: Some((property, value.into())), ..self }
    }

    fn after(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
}

/// The kind of an enabled API.
const SERVICE: &str = "serviceusage.googleapis.com/Service";

fn row(kind: &'static str, name: &'static str, properties: Json) -> Row {
    Row { kind, name, properties, update: None, replaces: true, deletes: true, needs: &[] }
}

/// An enabled API, which stays enabled.
fn api(name: &'static str) -> Row {
    let properties = json!({"name": format!("{name}.googleapis.com")});
    Row { replaces: false, deletes: false, ..row(SERVICE, name, properties) }
}

/// Every row, what is needed first.
pub(crate) fn rows() -> Vec<Row> {
    const APIS: [&str; 16] = [
        "artifactregistry",
        "billingbudgets",
        "cloudbuild",
        "cloudkms",
        "cloudresourcemanager",
        "cloudscheduler",
        "compute",
        "iam",
        "logging",
        "monitoring",
        "run",
        "secretmanager",
        "servicenetworking",
        "sqladmin",
        "storage",
        "vpcaccess",
    ];
    let mut rows: Vec<Row> = APIS.into_iter().map(api).collect();
    rows.extend(identities());
    rows.extend(networks());
    rows.extend(data());
    rows.extend(balancer());
    rows.extend(operations());
    rows
}

fn identities() -> Vec<Row> {
    let member = "serviceAccount:{robot.email}";
    vec![
        row("iam.googleapis.com/ServiceAccount", "robot", json!({"displayName": "One"}))
            .updated("displayName", "Two"),
        row(
            "iam.googleapis.com/ServiceAccountIamMember",
            "robot-user",
            json!({"serviceAccount": "{robot.name}", "role": "roles/iam.serviceAccountUser", "member": member}),
        ),
        row(
            "iam.googleapis.com/CustomRole",
            "deployer",
            json!({"title": "One", "includedPermissions": ["run.jobs.run"]}),
        )
        .updated("title", "Two"),
        row("iam.googleapis.com/WorkloadIdentityPool", "pool", json!({"displayName": "One"}))
            .updated("displayName", "Two"),
        row(
            "iam.googleapis.com/WorkloadIdentityPoolProvider",
            "github",
            json!({
                "workloadIdentityPool": "{pool.resourceId}", "displayName": "One",
                "attributeMapping": {"google.subject": "assertion.sub"},
                "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
            }),
        )
        .updated("displayName", "Two"),
        row(
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            "robot-logs",
            json!({"role": "roles/logging.logWriter", "member": member}),
        ),
    ]
}

fn networks() -> Vec<Row> {
    let network = format!("projects/{PROJECT}/global/networks/{{net.name}}");
    vec![
        row("compute.googleapis.com/Network", "net", json!({"autoCreateSubnetworks": false, "routingConfig": {"routingMode": "REGIONAL"}}))
            .updated("routingConfig", json!({"routingMode": "GLOBAL"})),
        row(
            "compute.googleapis.com/Subnetwork",
            "sub",
            json!({"network": "{net.selfLink}", "ipCidrRange": "10.8.0.0/24", "privateIpGoogleAccess": false}),
        )
        .updated("privateIpGoogleAccess", true),
        row(
            "compute.googleapis.com/GlobalAddress",
            "range",
            json!({"purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20, "network": "{net.selfLink}"}),
        ),
        row("compute.googleapis.com/Address", "nat", json!({"labels": {"a": "1"}})).updated("labels", json!({"a": "2"})),
        row(
            "compute.googleapis.com/Firewall",
            "wall",
            json!({"network": "{net.selfLink}", "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}], "sourceRanges": ["10.0.0.0/8"], "priority": 900}),
        )
        .updated("priority", 800),
        row(
            "compute.googleapis.com/Router",
            "router",
            json!({"network": "{net.selfLink}", "nats": [{
                "name": "nat", "natIpAllocateOption": "AUTO_ONLY",
                "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}]}),
        )
        .updated("description", "Two"),
        row(
            "servicenetworking.googleapis.com/Connection",
            "services",
            json!({"network": network, "reservedPeeringRanges": ["{range.name}"]}),
        ),
        row(
            "vpcaccess.googleapis.com/Connector",
            "way",
            json!({"network": "{net.name}", "ipCidrRange": "10.9.0.0/28", "minInstances": 2, "maxInstances": 3}),
        )
        .updated("maxInstances", 4),
    ]
}

fn data() -> Vec<Row> {
    let network = format!("projects/{PROJECT}/global/networks/{{net.name}}");
    let member = "serviceAccount:{robot.email}";
    vec![
        row(
            "sqladmin.googleapis.com/Instance",
            "pg",
            json!({"databaseVersion": "POSTGRES_17", "settings": {
                "tier": "db-f1-micro", "edition": "ENTERPRISE",
                "ipConfiguration": {"ipv4Enabled": false, "privateNetwork": network}}}),
        )
        .after(&["servicenetworking.googleapis.com/Connection::services"]),
        row("sqladmin.googleapis.com/Database", "tracking", json!({"instance": "{pg.name}"})),
        row(
            "sqladmin.googleapis.com/User",
            "app",
            json!({"instance": "{pg.name}", "name": "app", "password": "correct horse"}),
        )
        .updated("password", "battery staple"),
        row("storage.googleapis.com/Bucket", "files", json!({"location": "EU", "forceDestroy": true}))
            .updated("versioning", json!({"enabled": true})),
        row(
            "storage.googleapis.com/Object",
            "note",
            json!({"bucket": "{files.name}", "name": "note.txt", "content": "one"}),
        )
        .updated("content", "two"),
        row(
            "storage.googleapis.com/BucketIamMember",
            "robot-files",
            json!({"bucket": "{files.name}", "role": "roles/storage.objectViewer", "member": member}),
        ),
        row("secretmanager.googleapis.com/Secret", "key", json!({"replication": {"automatic": {}}}))
            .updated("labels", json!({"a": "b"})),
        row(
            "secretmanager.googleapis.com/SecretVersion",
            "key-one",
            json!({"secret": "{key.name}", "payload": {"data": "c2VjcmV0"}}),
        ),
        row(
            "secretmanager.googleapis.com/SecretIamMember",
            "robot-key",
            json!({"secret": "{key.name}", "role": "roles/secretmanager.secretAccessor", "member": member}),
        ),
        row(
            "artifactregistry.googleapis.com/Repository",
            "images",
            json!({"format": "DOCKER", "description": "One"}),
        )
        .updated("description", "Two"),
        row(
            "artifactregistry.googleapis.com/RepositoryIamMember",
            "robot-images",
            json!({"repository": "{images.name}", "role": "roles/artifactregistry.reader", "member": member}),
        ),
        Row { replaces: false, deletes: false, ..row("cloudkms.googleapis.com/KeyRing", "ring", json!({})) },
        Row {
            replaces: false,
            deletes: false,
            ..row(
                "cloudkms.googleapis.com/CryptoKey",
                "lock",
                json!({"keyRing": "{ring.resourceId}", "purpose": "ENCRYPT_DECRYPT", "labels": {"a": "1"}}),
            )
        }
        .updated("labels", json!({"a": "2"})),
    ]
}

fn balancer() -> Vec<Row> {
    vec![
        row(
            "compute.googleapis.com/RegionNetworkEndpointGroup",
            "group",
            json!({"networkEndpointType": "SERVERLESS", "cloudRun": {"service": "web"}}),
        ),
        row(
            "compute.googleapis.com/BackendService",
            "backend",
            json!({"loadBalancingScheme": "EXTERNAL_MANAGED", "protocol": "HTTPS", "backends": [{"group": "{group.selfLink}"}]}),
        )
        .updated("timeoutSec", 60),
        row("compute.googleapis.com/UrlMap", "map", json!({"defaultService": "{backend.selfLink}", "description": "One"}))
            .updated("description", "Two"),
        row(
            "compute.googleapis.com/ManagedSslCertificate",
            "certificate",
            json!({"managed": {"domains": ["mlflow.example.com"]}}),
        ),
        row(
            "compute.googleapis.com/TargetHttpsProxy",
            "proxy",
            json!({"urlMap": "{map.selfLink}", "sslCertificates": ["{certificate.selfLink}"]}),
        ),
        row(
            "compute.googleapis.com/GlobalForwardingRule",
            "rule",
            json!({"target": "{proxy.selfLink}", "portRange": "443", "loadBalancingScheme": "EXTERNAL_MANAGED", "labels": {"a": "1"}}),
        )
        .updated("labels", json!({"a": "2"})),
    ]
}

fn operations() -> Vec<Row> {
    vec![
        row(
            "cloudbuild.googleapis.com/Connection",
            "hub",
            json!({"githubConfig": {"appInstallationId": "1"}}),
        )
        .updated("disabled", true),
        row(
            "cloudbuild.googleapis.com/Repository",
            "code",
            json!({"connection": "{hub.resourceId}", "remoteUri": "https://github.com/example/mlflow.git"}),
        ),
        row(
            "cloudbuild.googleapis.com/BuildTrigger",
            "on-push",
            json!({
                "name": "on-push", "filename": "cloudbuild.yaml", "description": "One",
                "repositoryEventConfig": {"repository": "{code.name}", "push": {"branch": "main"}},
            }),
        )
        .updated("description", "Two"),
        row(
            "monitoring.googleapis.com/NotificationChannel",
            "mail",
            json!({"type": "email", "displayName": "One", "labels": {"email_address": "a@example.org"}}),
        )
        .updated("displayName", "Two"),
        row(
            "monitoring.googleapis.com/UptimeCheckConfig",
            "alive",
            json!({
                "displayName": "One", "httpCheck": {"path": "/health", "port": 443, "useSsl": true}, "timeout": "10s",
                "monitoredResource": {"type": "uptime_url", "labels": {"host": "example.org", "project_id": PROJECT}},
            }),
        )
        .updated("displayName", "Two"),
        row(
            "monitoring.googleapis.com/AlertPolicy",
            "down",
            json!({
                "displayName": "One", "combiner": "OR", "notificationChannels": ["{mail.name}"],
                "conditions": [{"displayName": "c", "conditionThreshold": {
                    "filter": "metric.type=\"run.googleapis.com/request_count\"", "comparison": "COMPARISON_GT",
                    "duration": "60s", "thresholdValue": 1}}],
            }),
        )
        .updated("displayName", "Two"),
        row("monitoring.googleapis.com/Dashboard", "board", json!({"displayName": "One", "gridLayout": {}}))
            .updated("displayName", "Two"),
        row("logging.googleapis.com/LogMetric", "errors", json!({"filter": "severity>=ERROR"}))
            .updated("filter", "severity>=WARNING"),
        row(
            "logging.googleapis.com/LogSink",
            "sink",
            json!({"destination": "storage.googleapis.com/{files.name}", "filter": "severity>=ERROR"}),
        )
        .updated("filter", "severity>=WARNING"),
        row(
            "cloudscheduler.googleapis.com/Job",
            "nightly",
            json!({"schedule": "0 4 * * *", "timeZone": "UTC", "httpTarget": {"uri": "https://example.org/run", "httpMethod": "POST"}}),
        )
        .updated("schedule", "5 4 * * *"),
        row(
            "billingbudgets.googleapis.com/Budget",
            "month",
            json!({"billingAccount": "012345-6789AB-CDEF01", "displayName": "One", "amount": {"specifiedAmount": {"units": "100", "currencyCode": "EUR"}}}),
        )
        .updated("displayName", "Two"),
    ]
}
