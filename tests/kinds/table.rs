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
            .updated("displayName", "Two")
        .fixed("name", "another-robot"),
        row(
            "iam.googleapis.com/ServiceAccountIamMember",
            "robot-user",
            json!({"serviceAccount": "{robot.name}", "role": "roles/iam.serviceAccountUser", "member": member}),
        ).in_a_policy().twin(json!({"role": "roles/iam.serviceAccountTokenCreator"}))
        .fixed("role", "roles/iam.workloadIdentityUser"),
        row(
            "iam.googleapis.com/CustomRole",
            "deployer",
            json!({"title": "One", "includedPermissions": ["run.jobs.run"]}),
        ).twin(json!({}))
        .updated("title", "Two")
        .fixed("name", "another"),
        row("iam.googleapis.com/WorkloadIdentityPool", "pool", json!({"displayName": "One"})).twin(json!({}))
            .updated("displayName", "Two")
        .fixed("mode", "TRUST_DOMAIN"),
        row(
            "iam.googleapis.com/WorkloadIdentityPoolProvider",
            "github",
            json!({
                "workloadIdentityPool": "{pool.resourceId}", "displayName": "One",
                "attributeMapping": {"google.subject": "assertion.sub"},
                "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
            }),
        ).twin(json!({}))
        .updated("displayName", "Two")
        .fixed("workloadIdentityPool", "{pool-too.resourceId}"),
        row(
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            "robot-logs",
            json!({"role": "roles/logging.logWriter", "member": member}),
        ).in_a_policy().twin(json!({"role": "roles/monitoring.metricWriter"}))
        .fixed("role", "roles/logging.viewer"),
        row(
            "cloudresourcemanager.googleapis.com/ProjectAuditConfig",
            "who-reads",
            json!({"service": "storage.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}),
        ).in_a_policy().twin(json!({"service": "secretmanager.googleapis.com"}))
        .updated("auditLogConfigs", json!([{"logType": "DATA_READ", "exemptedMembers": [member]}, {"logType": "DATA_WRITE"}]))
        .fixed("service", "run.googleapis.com"),
    ]
}

fn networks() -> Vec<Row> {
    let network = format!("projects/{PROJECT}/global/networks/{{net.name}}");
    let another = format!("projects/{PROJECT}/global/networks/{{net-too.name}}");
    vec![
        row("compute.googleapis.com/Network", "net", json!({"autoCreateSubnetworks": false, "routingConfig": {"routingMode": "REGIONAL"}})).twin(json!({}))
            .updated("routingConfig", json!({"routingMode": "GLOBAL"}))
        .fixed("autoCreateSubnetworks", true)
        .fixed("description", "Another"),
        row(
            "compute.googleapis.com/Subnetwork",
            "sub",
            json!({"network": "{net.selfLink}", "ipCidrRange": "10.8.0.0/24", "privateIpGoogleAccess": false}),
        ).twin(json!({"ipCidrRange": "10.8.2.0/24"}))
        .updated("privateIpGoogleAccess", true)
        .updated("ipCidrRange", "10.8.0.0/23")
        .fixed("network", "{net-too.selfLink}")
        .fixed("ipCidrRange", "10.8.0.0/25"),
        row(
            "compute.googleapis.com/GlobalAddress",
            "range",
            json!({"purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20, "network": "{net.selfLink}"}),
        ).updated("labels", json!({"a": "b"})).twin(json!({}))
        .fixed("prefixLength", 24),
        row("compute.googleapis.com/Address", "nat", json!({"labels": {"a": "1"}})).twin(json!({})).updated("labels", json!({"a": "2"}))
        .fixed("networkTier", "STANDARD")
        .fixed("description", "Another"),
        row(
            "compute.googleapis.com/Firewall",
            "wall",
            json!({"network": "{net.selfLink}", "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}], "sourceRanges": ["10.0.0.0/8"], "priority": 900}),
        ).twin(json!({}))
        .updated("priority", 800)
        .fixed("direction", "EGRESS"),
        row(
            "compute.googleapis.com/Router",
            "router",
            json!({"network": "{net.selfLink}", "nats": [{
                "name": "nat", "natIpAllocateOption": "AUTO_ONLY",
                "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}]}),
        ).twin(json!({}))
        .updated("description", "Two")
        .fixed("network", "{net-too.selfLink}"),
        row(
            "servicenetworking.googleapis.com/Connection",
            "services",
            json!({"network": network, "reservedPeeringRanges": ["{range.name}"]}),
        ).updated("reservedPeeringRanges", json!(["{range.name}", "{range-too.name}"]))
        .fixed("network", another),
        row(
            "vpcaccess.googleapis.com/Connector",
            "way",
            json!({"network": "{net.name}", "ipCidrRange": "10.9.0.0/28", "minInstances": 2, "maxInstances": 3}),
        ).twin(json!({"ipCidrRange": "10.9.1.0/28"}))
        .updated("maxInstances", 4)
        .fixed("ipCidrRange", "10.9.2.0/28")
        .fixed("maxInstances", 3),
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
        )
        .fixed("region", "us-east1"),
        row("sqladmin.googleapis.com/Database", "tracking", json!({"instance": "{pg.name}"}))
            .twin(json!({}))
            .fixed("instance", "{pg-too.name}"),
        row(
            "sqladmin.googleapis.com/User",
            "app",
            json!({"instance": "{pg.name}", "name": "app", "password": "correct horse"}),
        )
        .twin(json!({"name": "reader"}))
        .updated("password", "battery staple")
        .fixed("type", "CLOUD_IAM_SERVICE_ACCOUNT"),
        row("storage.googleapis.com/Bucket", "files", json!({"location": "EU", "forceDestroy": true}))
            .twin(json!({}))
            .updated("versioning", json!({"enabled": true}))
            .fixed("location", "US"),
        row(
            "storage.googleapis.com/Object",
            "note",
            json!({"bucket": "{files.name}", "name": "note.txt", "content": "one"}),
        )
        .twin(json!({"name": "other.txt"}))
        .updated("content", "two")
        .fixed("storageClass", "NEARLINE"),
        row(
            "storage.googleapis.com/BucketIamMember",
            "robot-files",
            json!({"bucket": "{files.name}", "role": "roles/storage.objectViewer", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/storage.objectCreator"}))
        .fixed("role", "roles/storage.objectUser"),
        row("secretmanager.googleapis.com/Secret", "key", json!({"replication": {"automatic": {}}}))
            .twin(json!({}))
            .updated("labels", json!({"a": "b"}))
            .fixed("replication", json!({"userManaged": {"replicas": [{"location": "europe-west1"}]}})),
        row(
            "secretmanager.googleapis.com/SecretVersion",
            "key-one",
            json!({"secret": "{key.name}", "payload": {"data": "c2VjcmV0"}}),
        )
        .twin(json!({"payload": {"data": "b3RoZXI="}}))
        .fixed("payload.data", "YW5vdGhlcg=="),
        row(
            "secretmanager.googleapis.com/SecretIamMember",
            "robot-key",
            json!({"secret": "{key.name}", "role": "roles/secretmanager.secretAccessor", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/secretmanager.viewer"}))
        .fixed("role", "roles/secretmanager.admin"),
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
        )
        .fixed("format", "NPM")
        .fixed("mode", "VIRTUAL_REPOSITORY"),
        row(
            "artifactregistry.googleapis.com/RepositoryIamMember",
            "robot-images",
            json!({"repository": "{images.name}", "role": "roles/artifactregistry.reader", "member": member}),
        )
        .in_a_policy()
        .twin(json!({"role": "roles/artifactregistry.writer"}))
        .fixed("role", "roles/artifactregistry.repoAdmin"),
        row("cloudkms.googleapis.com/KeyRing", "ring", json!({}))
            .read_alone()
            .twin(json!({}))
            .kept()
            .only()
            .fixed("location", "us-east1"),
        row(
            "cloudkms.googleapis.com/CryptoKey",
            "lock",
            json!({"keyRing": "{ring.resourceId}", "purpose": "ENCRYPT_DECRYPT", "labels": {"a": "1"}}),
        )
        .read_alone()
        .twin(json!({}))
        .kept()
        .only()
        .updated("labels", json!({"a": "2"}))
        .fixed("purpose", "MAC"),
    ]
}

fn balancer() -> Vec<Row> {
    vec![
        row(
            "compute.googleapis.com/RegionNetworkEndpointGroup",
            "group",
            json!({"networkEndpointType": "SERVERLESS", "cloudRun": {"service": "web"}}),
        ).twin(json!({}))
        .fixed("cloudRun.service", "another"),
        row(
            "compute.googleapis.com/BackendService",
            "backend",
            json!({"loadBalancingScheme": "EXTERNAL_MANAGED", "protocol": "HTTPS", "backends": [{"group": "{group.selfLink}"}]}),
        ).twin(json!({}))
        .updated("timeoutSec", 60)
        .fixed("name", "another"),
        row("compute.googleapis.com/UrlMap", "map", json!({"defaultService": "{backend.selfLink}", "description": "One"})).twin(json!({}))
            .updated("description", "Two")
        .fixed("name", "another"),
        row(
            "compute.googleapis.com/ManagedSslCertificate",
            "certificate",
            json!({"managed": {"domains": ["mlflow.example.com"]}}),
        ).twin(json!({}))
        .fixed("managed.domains", json!(["other.example.com"])),
        row(
            "compute.googleapis.com/TargetHttpsProxy",
            "proxy",
            json!({"urlMap": "{map.selfLink}", "sslCertificates": ["{certificate.selfLink}"]}),
        ).updated("sslCertificates", json!(["{certificate-too.selfLink}"]))
        .updated("urlMap", "{map-too.selfLink}").twin(json!({}))
        .fixed("description", "Another"),
        row(
            "compute.googleapis.com/GlobalForwardingRule",
            "rule",
            json!({"target": "{proxy.selfLink}", "portRange": "443", "loadBalancingScheme": "EXTERNAL_MANAGED", "labels": {"a": "1"}}),
        ).twin(json!({}))
        .updated("labels", json!({"a": "2"}))
        .updated("target", "{proxy-too.selfLink}")
        .fixed("portRange", "8443"),
    ]
}

fn operations() -> Vec<Row> {
    vec![
        row(
            "cloudbuild.googleapis.com/Connection",
            "hub",
            json!({"githubConfig": {"appInstallationId": "1"}}),
        ).twin(json!({}))
        .updated("disabled", true)
        .fixed("location", "us-east1"),
        row(
            "cloudbuild.googleapis.com/Repository",
            "code",
            json!({"connection": "{hub.resourceId}", "remoteUri": "https://github.com/example/mlflow.git"}),
        ).twin(json!({"remoteUri": "https://github.com/example/other.git"}))
        .fixed("remoteUri", "https://github.com/example/third.git"),
        row(
            "cloudbuild.googleapis.com/BuildTrigger",
            "on-push",
            json!({
                "name": "on-push", "filename": "cloudbuild.yaml", "description": "One",
                "repositoryEventConfig": {"repository": "{code.name}", "push": {"branch": "main"}},
            }),
        ).twin(json!({"name": "on-push-too"}))
        .updated("description", "Two")
        .fixed("location", "us-east1"),
        row(
            "monitoring.googleapis.com/NotificationChannel",
            "mail",
            json!({"type": "email", "displayName": "One", "labels": {"email_address": "a@example.org"}}),
        ).twin(json!({}))
        .updated("displayName", "Two")
        .fixed("type", "pubsub"),
        row(
            "monitoring.googleapis.com/UptimeCheckConfig",
            "alive",
            json!({
                "displayName": "One", "httpCheck": {"path": "/health", "port": 443, "useSsl": true}, "timeout": "10s",
                "monitoredResource": {"type": "uptime_url", "labels": {"host": "example.org", "project_id": PROJECT}},
            }),
        ).twin(json!({}))
        .updated("displayName", "Two")
        .fixed("httpCheck.requestMethod", "POST")
        .fixed("monitoredResource.labels.host", "example.com"),
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
        .updated("displayName", "Two")
        .fixed("project", "other-project"),
        row("monitoring.googleapis.com/Dashboard", "board", json!({"displayName": "One", "gridLayout": {}})).twin(json!({}))
            .updated("displayName", "Two")
        .fixed("project", "other-project"),
        row("logging.googleapis.com/LogMetric", "errors", json!({"filter": "severity>=ERROR", "metricDescriptor": {"metricKind": "DELTA", "valueType": "INT64"}})).twin(json!({}))
            .updated("filter", "severity>=WARNING")
        .fixed("metricDescriptor.valueType", "DISTRIBUTION"),
        row(
            "logging.googleapis.com/LogSink",
            "sink",
            json!({"destination": "storage.googleapis.com/{files.name}", "filter": "severity>=ERROR"}),
        ).twin(json!({}))
        .updated("filter", "severity>=WARNING")
        .fixed("name", "another"),
        row(
            "cloudscheduler.googleapis.com/Job",
            "nightly",
            json!({"schedule": "0 4 * * *", "timeZone": "UTC", "httpTarget": {"uri": "https://example.org/run", "httpMethod": "POST"}}),
        ).updated("schedule", "5 4 * * *")
        .updated("paused", true)
        .fixed("location", "us-east1"),
        row(
            "cloudscheduler.googleapis.com/Job",
            "weekly",
            json!({"schedule": "0 4 * * 1", "timeZone": "UTC", "paused": true, "httpTarget": {"uri": "https://example.org/run"}}),
        ).updated("paused", false),
        row(
            "billingbudgets.googleapis.com/Budget",
            "month",
            json!({"billingAccount": "012345-6789AB-CDEF01", "displayName": "One", "amount": {"specifiedAmount": {"units": "100", "currencyCode": "EUR"}}}),
        ).twin(json!({}))
        .updated("displayName", "Two")
        .fixed("billingAccount", "000000-111111-222222"),
    ]
}

/// What the state alone knows.
fn standard() -> Vec<Row> {
    vec![
        row("std/Value", "value", json!({"value": {"a": 1}})).updated("value", json!({"a": 2})),
        row("std/RandomId", "id", json!({})).fixed("length", 20),
        row("std/RandomPassword", "password", json!({})).fixed("length", 40),
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
        ])
        .fixed("timeout", "700s"),
        row(
            "run.googleapis.com/Service",
            "web",
            json!({"description": "One", "template": {"serviceAccount": "{robot.email}", "containers": [{"image": image}]}}),
        )
        .twin(json!({}))
        .updated("description", "Two")
        .fixed("location", "us-east1"),
        row(
            "run.googleapis.com/ServiceIamMember",
            "web-robot",
            json!({"service": "{web.resourceId}", "role": "roles/run.invoker", "member": "serviceAccount:{robot.email}"}),
        ).in_a_policy()
        .twin(json!({"role": "roles/run.viewer"}))
        .fixed("role", "roles/run.developer"),
        row(
            "run.googleapis.com/Job",
            "task",
            json!({"labels": {"a": "1"}, "template": {"template": {
                "serviceAccount": "{robot.email}",
                "containers": [{"image": image, "command": ["python"], "args": ["-c", "print('done')"]}]}}}),
        )
        .twin(json!({}))
        .updated("labels", json!({"a": "2"}))
        .fixed("location", "us-east1"),
        row(
            "run.googleapis.com/JobIamMember",
            "task-robot",
            json!({"job": "{task.resourceId}", "role": "roles/run.invoker", "member": "serviceAccount:{robot.email}"}),
        ).in_a_policy()
        .twin(json!({"role": "roles/run.viewer"}))
        .fixed("role", "roles/run.developer"),
        row("run.googleapis.com/Execution", "once", json!({"job": "{task.resourceId}"})).read_alone().kept()
        .fixed("job", "{task-too.resourceId}"),
        row(
            "iap.googleapis.com/CloudRunServiceSettings",
            "web-settings",
            json!({"service": "{web.resourceId}", "applicationSettings": {"cookieDomain": "one.example.com"}}),
        ).read_alone()
        .kept()
        .updated("applicationSettings", json!({"cookieDomain": "two.example.com"}))
        .fixed("service", "{web-too.resourceId}"),
        row(
            "iap.googleapis.com/CloudRunServiceIamMember",
            "web-visitors",
            json!({
                "service": "{web.resourceId}", "role": "roles/iap.httpsResourceAccessor",
                "member": "serviceAccount:{robot.email}",
            }),
        ).in_a_policy()
        .twin(json!({"role": "roles/iap.admin"}))
        .fixed("role", "roles/iap.tunnelResourceAccessor"),
    ]
}
