//! What Cloud SQL adds to an instance that a client declares.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::json::{at, fill, set, text};
use crate::common::{clock, identifiers};
use crate::services::networking;

/// The settings that a new instance gets.
pub(super) fn settings(settings: &mut Value) {
    fill(
        settings,
        json!({
            "kind": "sql#settings",
            "activationPolicy": "ALWAYS",
            "authorizedGaeApplications": [],
            "availabilityType": "ZONAL",
            "backupConfiguration": {
                "kind": "sql#backupConfiguration",
                "enabled": false,
                "startTime": "12:00",
                "transactionLogRetentionDays": 7,
                "backupRetentionSettings": {"retainedBackups": 7, "retentionUnit": "COUNT"},
            },
            "connectorEnforcement": "NOT_REQUIRED",
            "dataDiskSizeGb": "10",
            "dataDiskType": "PD_SSD",
            "deletionProtectionEnabled": false,
            "edition": "ENTERPRISE",
            "ipConfiguration": {
                "authorizedNetworks": [],
                "ipv4Enabled": true,
                "requireSsl": false,
                "sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
            },
            "pricingPlan": "PER_USE",
            "replicationType": "SYNCHRONOUS",
            "storageAutoResize": true,
            "storageAutoResizeLimit": "0",
        }),
    );
}

/// The instance as it is from the moment of its creation.
pub(super) fn instance(
    cloud: &Cloud,
    project: &str,
    body: &Value,
    network: Option<&str>,
    base: &str,
) -> Value {
    let id = text(body, "name").unwrap_or_default();
    let number = identifiers::project_number(project);
    let version = text(body, "databaseVersion").unwrap_or_default().to_owned();
    let mut instance = body.clone();
    // Passwords never come back.
    crate::common::json::remove(&mut instance, "rootPassword");
    fill(&mut instance, json!({"settings": {}, "region": "us-central1"}));
    settings(&mut instance["settings"]);
    let region = text(&instance, "region").unwrap_or_default().to_owned();
    fill(
        &mut instance["settings"],
        json!({"locationPreference": {"kind": "sql#locationPreference", "zone": format!("{region}-a")}}),
    );
    set(&mut instance, "settings.settingsVersion", "1");
    if let Some(network) = network {
        let range = networking::first_range(cloud, network).unwrap_or_default();
        fill(
            &mut instance["settings"]["ipConfiguration"],
            json!({
                "allocatedIpRange": range,
                "enablePrivatePathForGoogleCloudServices": false,
            }),
        );
    }
    let own = json!({
        "kind": "sql#instance",
        "state": "PENDING_CREATE",
        "project": project,
        "backendType": "SECOND_GEN",
        "instanceType": "CLOUD_SQL_INSTANCE",
        "connectionName": format!("{project}:{region}:{id}"),
        "selfLink": format!("{base}projects/{project}/instances/{id}"),
        "gceZone": at(&instance, "settings.locationPreference.zone"),
        "serviceAccountEmailAddress": format!(
            "p{number}-{}@gcp-sa-cloud-sql.iam.gserviceaccount.com",
            &identifiers::digest(id, 6)
        ),
        "sqlNetworkArchitecture": "NEW_NETWORK_ARCHITECTURE",
        "satisfiesPzi": true,
        "databaseVersion": version,
        "createTime": clock::now(),
        "etag": identifiers::digest(&identifiers::uuid(), 64),
        "geminiConfig": {
            "entitled": false, "googleVacuumMgmtEnabled": false, "oomSessionCancelEnabled": false,
            "activeQueryEnabled": false, "indexAdvisorEnabled": false, "flagRecommenderEnabled": false,
        },
    });
    crate::common::json::merge(&mut instance, &own);
    instance
}
