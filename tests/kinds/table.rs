//! One resource of each kind, and a second one where two can be read by one list.

use mlflow_host_tests::PROJECT;
use serde_json::json;

use crate::row::Row;

/// Kinds that no stack declares, since they are only looked up, and where that is tested.
pub(crate) const LOOKED_UP: [(&str, &str); 2] = [
    ("cloudresourcemanager.googleapis.com/Project", "tests/e2e/dev_stack.rs"),
    ("std/StackReference", "host/cli/tests/outputs/life.rs"),
];

fn row(kind: &'static str, name: &str, properties: serde_json::Value) -> Row {
    Row::new(kind, name, properties)
}

/// Every row, what is needed first.
pub(crate) fn rows() -> Vec<Row> {
    const APIS: [&str; 17] = [
        "artifactregistry",
        "billingbudgets",
        "cloudbuild",
        "cloudkms",
        "cloudresourcemanager",
        "cloudscheduler",
        "compute",
        "iam",
        "iap",
        "logging",
        "monitoring",
        "run",
        "secretmanager",
        "servicenetworking",
        "sqladmin",
        "storage",
        "vpcaccess",
    ];
    let mut rows: Vec<Row> = APIS.into_iter().map(Row::api).collect();
    rows.extend(standard());
    rows.extend(identities());
    rows.extend(networks());
    rows.extend(data());
    rows.extend(balancer());
    rows.extend(operations());
    rows.extend(containers());
    rows.into_iter().flat_map(Row::with_its_twin).collect()
}

fn identities() -> Vec<Row> {
    let member = "serviceAccount:{robot.email}";
    vec![
        row("iam.googleapis.com/ServiceAccount", "robot", json!({"displayName": "One"})).twin(json!({}))
            .updated("displayName", "Two"),
        row(
            "iam.googleapis.com/ServiceAccountIamMember",
            "robot-user",
            json!({"serviceAccount": "{robot.name}", "role": "roles/iam.serviceAccountUser", "member": member}),
        ).in_a_policy().twin(json!({"role": "roles/iam.serviceAccountTokenCreator"})),
        row(
            "iam.googleapis.com/CustomRole",
            "deployer",
            json!({"title": "One", "includedPermissions": ["run.jobs.run"]}),
        ).twin(json!({}))
        .updated("title", "Two"),
        row("iam.googleapis.com/WorkloadIdentityPool", "pool", json!({"displayName": "One"})).twin(json!({}))
            .updated("displayName", "Two"),
        row(
            "iam.googleapis.com/WorkloadIdentityPoolProvider",
            "github",
            json!({
                "workloadIdentityPool": "{pool.resourceId}", "displayName": "One",
                "attributeMapping": {"google.subject": "assertion.sub"},
                "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
            }),
        ).twin(json!({}))
        .updated("displayName", "Two"),
        row(
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            "robot-logs",
            json!({"role": "roles/logging.logWriter", "member": member}),
        ).in_a_policy().twin(json!({"role": "roles/monitoring.metricWriter"})),
        row(
            "cloudresourcemanager.googleapis.com/ProjectAuditConfig",
            "who-reads",
            json!({"service": "storage.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}),
        ).in_a_policy().twin(json!({"service": "secretmanager.googleapis.com"}))
        .updated("auditLogConfigs", json!([{"logType": "DATA_READ", "exemptedMembers": [member]}, {"logType": "DATA_WRITE"}])),
    ]
}

fn networks() -> Vec<Row> {
    let network = format!("projects/{PROJECT}/global/networks/{{net.name}}");
    vec![
        row("compute.googleapis.com/Network", "net", json!({"autoCreateSubnetworks": false, "routingConfig": {"routingMode": "REGIONAL"}})).twin(json!({}))
            .updated("routingConfig", json!({"routingMode": "GLOBAL"})),
        row(
            "compute.googleapis.com/Subnetwork",
            "sub",
            json!({"network": "{net.selfLink}", "ipCidrRange": "10.8.0.0/24", "privateIpGoogleAccess": false}),
        ).twin(json!({"ipCidrRange": "10.8.1.0/24"}))
        .updated("privateIpGoogleAccess", true),
        row(
            "compute.googleapis.com/GlobalAddress",
            "range",
            json!({"purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20, "network": "{net.selfLink}"}),
        ).updated("labels", json!({"a": "b"})).twin(json!({})),
        row("compute.googleapis.com/Address", "nat", json!({"labels": {"a": "1"}})).twin(json!({})).updated("labels", json!({"a": "2"})),
        row(
            "compute.googleapis.com/Firewall",
            "wall",
            json!({"network": "{net.selfLink}", "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}], "sourceRanges": ["10.0.0.0/8"], "priority": 900}),
        ).twin(json!({}))
        .updated("priority", 800),
        row(
            "compute.googleapis.com/Router",
            "router",
            json!({"network": "{net.selfLink}", "nats": [{
                "name": "nat", "natIpAllocateOption": "AUTO_ONLY",
                "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}]}),
        ).twin(json!({}))
        .updated("description", "Two"),
        row(
            "servicenetworking.googleapis.com/Connection",
            "services",
            json!({"network": network, "reservedPeeringRanges": ["{range.name}"]}),
        ).updated("reservedPeeringRanges", json!(["{range.name}", "{range-too.name}"])),
        row(
            "vpcaccess.googleapis.com/Connector",
            "way",
            json!({"network": "{net.name}", "ipCidrRange": "10.9.0.0/28", "minInstances": 2, "maxInstances": 3}),
        ).twin(json!({"ipCidrRange": "10.9.1.0/28"}))
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
        .twin(json!({}))
        .after(&["servicenetworking.googleapis.com/Connection::services"])
        .updated(
            "settings",
            json!({
            "tier": "db-f1-micro", "edition": "ENTERPRISE", "userLabels": {"a": "b"},
            "ipConfiguration": {"ipv4Enabled": false, "privateNetwork": network}}),
        ),
        row("sqladmin.googleapis.com/Database", "tracking", json!({"instance": "{pg.name}"})).twin(json!({})),
        row(
            "sqladmin.googleapis.com/User",
            "app",
            json!({"instance": "{pg.name}", "name": "app", "password": "correct horse"}),
        )
        .twin(json!({"name": "reader"}))
        .updated("password", "battery staple"),
        row("storage.googleapis.com/Bucket", "files", json!({"location": "EU", "forceDestroy": true}))
            .twin(json!({}))
            .updated("versioning", json!({"enabled": true})),
        row(
            "storage.googleapis.com/Object",
            "note",
            json!({"bucket": "{files.name}", "name": "note.txt", "content": "one"}),
        )
        .twin(json!({"name": "other.txt"}))
        .updated("content", "two"),
        row(
            "storage.googleapis.com/BucketIamMember",
            "robot-files",
            json!({"bucket": "{files.name}", "role": "roles/storage.objectViewer", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/storage.objectCreator"})),
        row("secretmanager.googleapis.com/Secret", "key", json!({"replication": {"automatic": {}}}))
            .twin(json!({}))
            .updated("labels", json!({"a": "b"})),
        row(
            "secretmanager.googleapis.com/SecretVersion",
            "key-one",
            json!({"secret": "{key.name}", "payload": {"data": "c2VjcmV0"}}),
        )
        .twin(json!({"payload": {"data": "b3RoZXI="}})),
        row(
            "secretmanager.googleapis.com/SecretIamMember",
            "robot-key",
            json!({"secret": "{key.name}", "role": "roles/secretmanager.secretAccessor", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/secretmanager.viewer"})),
        row(
            "artifactregistry.googleapis.com/Repository",
            "images",
            json!({"format": "DOCKER", "description": "One"}),
        )
        .twin(json!({}))
        .updated("description", "Two")
        .updated(
            "cleanupPolicies",
            json!({"recent": {"id": "recent", "action": "KEEP", "mostRecentVersions": {"keepCount": 5}}}),
        ),
        row(
            "artifactregistry.googleapis.com/RepositoryIamMember",
            "robot-images",
            json!({"repository": "{images.name}", "role": "roles/artifactregistry.reader", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/artifactregistry.writer"})),
        row("cloudkms.googleapis.com/KeyRing", "ring", json!({})).read_alone().twin(json!({})).kept().only(),
        row(
            "cloudkms.googleapis.com/CryptoKey",
            "lock",
            json!({"keyRing": "{ring.resourceId}", "purpose": "ENCRYPT_DECRYPT", "labels": {"a": "1"}}),
        )
        .read_alone()
        .twin(json!({}))
        .kept()
        .only()
        .updated("labels", json!({"a": "2"})),
    ]
}

fn balancer() -> Vec<Row> {
    vec![
        row(
            "compute.googleapis.com/RegionNetworkEndpointGroup",
            "group",
            json!({"networkEndpointType": "SERVERLESS", "cloudRun": {"service": "web"}}),
        ).twin(json!({})),
        row(
            "compute.googleapis.com/BackendService",
            "backend",
            json!({"loadBalancingScheme": "EXTERNAL_MANAGED", "protocol": "HTTPS", "backends": [{"group": "{group.selfLink}"}]}),
        ).twin(json!({}))
        .updated("timeoutSec", 60),
        row("compute.googleapis.com/UrlMap", "map", json!({"defaultService": "{backend.selfLink}", "description": "One"})).twin(json!({}))
            .updated("description", "Two"),
        row(
            "compute.googleapis.com/ManagedSslCertificate",
            "certificate",
            json!({"managed": {"domains": ["mlflow.example.com"]}}),
        ).twin(json!({})),
        row(
            "compute.googleapis.com/TargetHttpsProxy",
            "proxy",
            json!({"urlMap": "{map.selfLink}", "sslCertificates": ["{certificate.selfLink}"]}),
        ).updated("sslCertificates", json!(["{certificate-too.selfLink}"])).twin(json!({})),
        row(
            "compute.googleapis.com/GlobalForwardingRule",
            "rule",
            json!({"target": "{proxy.selfLink}", "portRange": "443", "loadBalancingScheme": "EXTERNAL_MANAGED", "labels": {"a": "1"}}),
        ).twin(json!({}))
        .updated("labels", json!({"a": "2"})),
    ]
}

fn operations() -> Vec<Row> {
    vec![
        row(
            "cloudbuild.googleapis.com/Connection",
            "hub",
            json!({"githubConfig": {"appInstallationId": "1"}}),
        ).twin(json!({}))
        .updated("disabled", true),
        row(
            "cloudbuild.googleapis.com/Repository",
            "code",
            json!({"connection": "{hub.resourceId}", "remoteUri": "https://github.com/example/mlflow.git"}),
        ).twin(json!({"remoteUri": "https://github.com/example/other.git"})),
        row(
            "cloudbuild.googleapis.com/BuildTrigger",
            "on-push",
            json!({
                "name": "on-push", "filename": "cloudbuild.yaml", "description": "One",
                "repositoryEventConfig": {"repository": "{code.name}", "push": {"branch": "main"}},
            }),
        ).twin(json!({"name": "on-push-too"}))
        .updated("description", "Two"),
        row(
            "monitoring.googleapis.com/NotificationChannel",
            "mail",
            json!({"type": "email", "displayName": "One", "labels": {"email_address": "a@example.org"}}),
        ).twin(json!({}))
        .updated("displayName", "Two"),
        row(
            "monitoring.googleapis.com/UptimeCheckConfig",
            "alive",
            json!({
                "displayName": "One", "httpCheck": {"path": "/health", "port": 443, "useSsl": true}, "timeout": "10s",
                "monitoredResource": {"type": "uptime_url", "labels": {"host": "example.org", "project_id": PROJECT}},
            }),
        ).twin(json!({}))
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
        ).twin(json!({}))
        .updated("displayName", "Two"),
        row("monitoring.googleapis.com/Dashboard", "board", json!({"displayName": "One", "gridLayout": {}})).twin(json!({}))
            .updated("displayName", "Two"),
        row("logging.googleapis.com/LogMetric", "errors", json!({"filter": "severity>=ERROR"})).twin(json!({}))
            .updated("filter", "severity>=WARNING"),
        row(
            "logging.googleapis.com/LogSink",
            "sink",
            json!({"destination": "storage.googleapis.com/{files.name}", "filter": "severity>=ERROR"}),
        ).twin(json!({}))
        .updated("filter", "severity>=WARNING"),
        row(
            "cloudscheduler.googleapis.com/Job",
            "nightly",
            json!({"schedule": "0 4 * * *", "timeZone": "UTC", "httpTarget": {"uri": "https://example.org/run", "httpMethod": "POST"}}),
        ).twin(json!({}))
        .updated("schedule", "5 4 * * *"),
        row(
            "billingbudgets.googleapis.com/Budget",
            "month",
            json!({"billingAccount": "012345-6789AB-CDEF01", "displayName": "One", "amount": {"specifiedAmount": {"units": "100", "currencyCode": "EUR"}}}),
        ).twin(json!({}))
        .updated("displayName", "Two"),
    ]
}

/// What the state alone knows.
fn standard() -> Vec<Row> {
    vec![
        row("std/Value", "value", json!({"value": {"a": 1}})).updated("value", json!({"a": 2})),
        row("std/RandomId", "id", json!({})),
        row("std/RandomPassword", "password", json!({})),
    ]
}

/// An image that is built from a directory beside the stack, and what runs it.
fn containers() -> Vec<Row> {
    const PATH: &str = "europe-west1-docker.pkg.dev/test-project/{images.resourceId}/web";
    let image = format!("{PATH}@{{image.results.images[0].digest}}");
    let tag = format!("{PATH}:one");
    vec![
        row(
            "storage.googleapis.com/Object",
            "source",
            json!({"bucket": "{files.name}", "name": "source.tar.gz", "content": "{context.archive}"}),
        ),
        row(
            "cloudbuild.googleapis.com/Build",
            "image",
            json!({
                "source": {"storageSource": {"bucket": "{files.name}", "object": "{source.resourceId}"}},
                "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "--tag", tag, "."]}],
                "images": [tag], "timeout": "600s", "serviceAccount": "{robot.name}",
                "options": {"logging": "CLOUD_LOGGING_ONLY"},
            }),
        ).read_alone()
        .kept()
        .after(&[
            "storage.googleapis.com/BucketIamMember::robot-files",
            "artifactregistry.googleapis.com/RepositoryIamMember::robot-images-too",
            "cloudresourcemanager.googleapis.com/ProjectIamMember::robot-logs",
        ]),
        row(
            "run.googleapis.com/Service",
            "web",
            json!({"description": "One", "template": {"serviceAccount": "{robot.email}", "containers": [{"image": image}]}}),
        )
        .twin(json!({}))
        .updated("description", "Two"),
        row(
            "run.googleapis.com/ServiceIamMember",
            "web-robot",
            json!({"service": "{web.resourceId}", "role": "roles/run.invoker", "member": "serviceAccount:{robot.email}"}),
        ).in_a_policy()
        .twin(json!({"role": "roles/run.viewer"})),
        row(
            "run.googleapis.com/Job",
            "task",
            json!({"labels": {"a": "1"}, "template": {"template": {
                "serviceAccount": "{robot.email}",
                "containers": [{"image": image, "command": ["python"], "args": ["-c", "print('done')"]}]}}}),
        )
        .twin(json!({}))
        .updated("labels", json!({"a": "2"})),
        row(
            "run.googleapis.com/JobIamMember",
            "task-robot",
            json!({"job": "{task.resourceId}", "role": "roles/run.invoker", "member": "serviceAccount:{robot.email}"}),
        ).in_a_policy()
        .twin(json!({"role": "roles/run.viewer"})),
        row("run.googleapis.com/Execution", "once", json!({"job": "{task.resourceId}"})).read_alone().kept(),
        row(
            "iap.googleapis.com/CloudRunServiceSettings",
            "web-settings",
            json!({"service": "{web.resourceId}", "applicationSettings": {"cookieDomain": "one.example.com"}}),
        ).read_alone()
        .kept()
        .updated("applicationSettings", json!({"cookieDomain": "two.example.com"})),
        row(
            "iap.googleapis.com/CloudRunServiceIamMember",
            "web-visitors",
            json!({
                "service": "{web.resourceId}", "role": "roles/iap.httpsResourceAccessor",
                "member": "serviceAccount:{robot.email}",
            }),
        ).in_a_policy()
        .twin(json!({"role": "roles/iap.admin"})),
    ]
}
