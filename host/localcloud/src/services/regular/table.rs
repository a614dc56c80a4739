//! The regular collections: one row each, beside what Google's description says about them.

/// Where a new resource's id comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Id {
    /// A query parameter, e.g. `connectorId`.
    Query(&'static str),
    /// The last segment of the body's `name`; made up when there is none.
    Name,
    /// A field of the request message, which holds the resource in another: `roleId`, `role`.
    Message(&'static str, &'static str),
    /// The server makes up a number.
    Number,
    /// The server makes up a UUID.
    Uuid,
}

/// What the field `name` of a resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// The full name: `projects/P/locations/L/connectors/C`.
    Full,
    /// The same with the project's number.
    Numbered,
    /// The last segment.
    Short,
    /// What the client says; the full name is in `resourceName`.
    Free,
}

/// One collection.
#[derive(Debug)]
pub(super) struct Row {
    /// The methods of the collection without their last part: `vpcaccess.projects.locations.connectors`.
    pub(super) collection: &'static str,
    /// The resource's kind, as Cloud Asset Inventory calls it.
    pub(super) kind: &'static str,
    /// Where a new resource's id comes from.
    pub(super) id: Id,
    /// What the field `name` holds.
    pub(super) name: Name,
    /// Package of the messages, for the `@type` of operation responses; empty where no method has an operation.
    pub(super) package: &'static str,
    /// What a resource has when the client does not say otherwise, as JSON. `$name` stands for its full
    /// name, `$id` for its id, `$number` for the project's number.
    pub(super) defaults: &'static str,
    /// What marks a deleted resource that stays visible and keeps its name, as JSON; empty where
    /// deletion is final.
    pub(super) tombstone: &'static str,
}

/// A regular row: full names, no defaults, final deletion.
const fn row(collection: &'static str, kind: &'static str, id: Id) -> Row {
    Row { collection, kind, id, name: Name::Full, package: "", defaults: "{}", tombstone: "" }
}

/// A row of Compute Engine.
const fn compute(collection: &'static str, kind: &'static str, defaults: &'static str) -> Row {
    Row { name: Name::Short, defaults, ..row(collection, kind, Id::Name) }
}

/// Every regular collection.
pub(super) const ROWS: &[Row] = &[
    compute(
        "compute.addresses",
        "compute.googleapis.com/Address",
        r#"{"description": "", "addressType": "EXTERNAL", "networkTier": "PREMIUM", "status": "RESERVED",
            "labelFingerprint": "42WmSpB8rSM="}"#,
    ),
    compute(
        "compute.firewalls",
        "compute.googleapis.com/Firewall",
        r#"{"description": "", "direction": "INGRESS", "priority": 1000, "disabled": false,
            "logConfig": {"enable": false}}"#,
    ),
    compute("compute.routers", "compute.googleapis.com/Router", "{}"),
    compute(
        "compute.regionNetworkEndpointGroups",
        "compute.googleapis.com/NetworkEndpointGroup",
        r#"{"size": 0}"#,
    ),
    compute(
        "compute.backendServices",
        "compute.googleapis.com/BackendService",
        r#"{"description": "", "protocol": "HTTP", "port": 80, "portName": "http", "timeoutSec": 30,
            "sessionAffinity": "NONE", "affinityCookieTtlSec": 0, "loadBalancingScheme": "EXTERNAL",
            "enableCDN": false, "connectionDraining": {"drainingTimeoutSec": 0}, "logConfig": {"enable": false}}"#,
    ),
    compute("compute.urlMaps", "compute.googleapis.com/UrlMap", "{}"),
    compute(
        "compute.targetHttpsProxies",
        "compute.googleapis.com/TargetHttpsProxy",
        r#"{"quicOverride": "NONE"}"#,
    ),
    compute(
        "compute.globalForwardingRules",
        "compute.googleapis.com/GlobalForwardingRule",
        r#"{"description": "", "IPProtocol": "TCP", "networkTier": "PREMIUM",
            "loadBalancingScheme": "EXTERNAL", "labelFingerprint": "42WmSpB8rSM="}"#,
    ),
    compute("compute.sslCertificates", "compute.googleapis.com/SslCertificate", "{}"),
    Row {
        package: "google.cloud.vpcaccess.v1",
        defaults: r#"{"state": "READY", "machineType": "e2-micro", "minInstances": 2, "maxInstances": 3,
                      "minThroughput": 200, "maxThroughput": 300}"#,
        ..row(
            "vpcaccess.projects.locations.connectors",
            "vpcaccess.googleapis.com/Connector",
            Id::Query("connectorId"),
        )
    },
    Row {
        name: Name::Free,
        defaults: r#"{"id": "$id", "resourceName": "$name"}"#,
        ..row("cloudbuild.projects.locations.triggers", "cloudbuild.googleapis.com/BuildTrigger", Id::Uuid)
    },
    Row {
        package: "google.devtools.cloudbuild.v2",
        defaults: r#"{"installationState": {"stage": "COMPLETE"}}"#,
        ..row(
            "cloudbuild.projects.locations.connections",
            "cloudbuild.googleapis.com/Connection",
            Id::Query("connectionId"),
        )
    },
    Row {
        package: "google.devtools.cloudbuild.v2",
        ..row(
            "cloudbuild.projects.locations.connections.repositories",
            "cloudbuild.googleapis.com/Repository",
            Id::Query("repositoryId"),
        )
    },
    Row {
        tombstone: r#"{"deleted": true}"#,
        ..row("iam.projects.roles", "iam.googleapis.com/Role", Id::Message("roleId", "role"))
    },
    Row {
        name: Name::Numbered,
        package: "google.iam.v1",
        defaults: r#"{"state": "ACTIVE"}"#,
        tombstone: r#"{"state": "DELETED"}"#,
        ..row(
            "iam.projects.locations.workloadIdentityPools",
            "iam.googleapis.com/WorkloadIdentityPool",
            Id::Query("workloadIdentityPoolId"),
        )
    },
    Row {
        name: Name::Numbered,
        package: "google.iam.v1",
        defaults: r#"{"state": "ACTIVE"}"#,
        tombstone: r#"{"state": "DELETED"}"#,
        ..row(
            "iam.projects.locations.workloadIdentityPools.providers",
            "iam.googleapis.com/WorkloadIdentityPoolProvider",
            Id::Query("workloadIdentityPoolProviderId"),
        )
    },
    Row {
        defaults: r#"{"enabled": true}"#,
        ..row("monitoring.projects.alertPolicies", "monitoring.googleapis.com/AlertPolicy", Id::Number)
    },
    Row {
        defaults: r#"{"enabled": true}"#,
        ..row(
            "monitoring.projects.notificationChannels",
            "monitoring.googleapis.com/NotificationChannel",
            Id::Number,
        )
    },
    Row {
        defaults: r#"{"period": "60s", "timeout": "10s"}"#,
        ..row(
            "monitoring.projects.uptimeCheckConfigs",
            "monitoring.googleapis.com/UptimeCheckConfig",
            Id::Number,
        )
    },
    row("monitoring.projects.dashboards", "monitoring.googleapis.com/Dashboard", Id::Name),
    Row {
        name: Name::Short,
        ..row("logging.projects.metrics", "logging.googleapis.com/LogMetric", Id::Name)
    },
    Row {
        name: Name::Short,
        defaults: r#"{"writerIdentity": "serviceAccount:service-$number@gcp-sa-logging.iam.gserviceaccount.com",
                      "resourceName": "$name"}"#,
        ..row("logging.projects.sinks", "logging.googleapis.com/LogSink", Id::Name)
    },
    Row {
        defaults: r#"{"state": "ENABLED", "timeZone": "UTC"}"#,
        ..row("cloudscheduler.projects.locations.jobs", "cloudscheduler.googleapis.com/Job", Id::Name)
    },
    row("billingbudgets.billingAccounts.budgets", "billingbudgets.googleapis.com/Budget", Id::Uuid),
    row("iap.projects.brands", "iap.googleapis.com/Brand", Id::Number),
];

/// Methods that only set fields: the end of the method's id, and the fields as JSON.
pub(super) const SETTERS: &[(&str, &str)] = &[
    ("cloudscheduler.projects.locations.jobs.pause", r#"{"state": "PAUSED"}"#),
    ("cloudscheduler.projects.locations.jobs.resume", r#"{"state": "ENABLED"}"#),
    ("iam.projects.roles.undelete", r#"{"deleted": null}"#),
    ("workloadIdentityPools.undelete", r#"{"state": "ACTIVE"}"#),
    ("providers.undelete", r#"{"state": "ACTIVE"}"#),
];

/// The row of a collection.
pub(super) fn find(collection: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.collection == collection)
}
