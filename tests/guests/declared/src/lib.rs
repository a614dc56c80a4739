//! Declares what the configuration key `resources` asks for: a list, as JSON, of objects with `kind`, `name`,
//! `properties` and, if need be, `dependsOn` (URNs) and `import` (a full name). In a text of the properties,
//! `{name.path}` stands for the attribute `path` of the resource `name`, which must stand before it in the list.
//!
//! An object with `directory` in the place of a kind stands for a directory beside the stack, with the attributes
//! `archive` and `digest`.

use std::collections::BTreeMap;

use mlflow_host_sdk::{Error, Kind, Resource, Result, assets, config, stack};
use serde_json::Value as Json;

stack!(run);

/// The attributes of what has been declared, by logical name.
type Declared = BTreeMap<String, Box<dyn Fn(&str) -> String>>;

macro_rules! kinds {
    ($($marker:ident: $kind:literal,)*) => {
        $(
            struct $marker;

            impl Kind for $marker {
                const NAME: &'static str = $kind;
            }
        )*

        fn declare(declared: &mut Declared, resource: &Json) -> Result<()> {
            match text(resource, "kind")? {
                $($kind => declare_as::<$marker>(declared, resource),)*
                other => Err(Error::new(format!("The guest does not know the kind {other}."))),
            }
        }
    };
}

kinds! {
    ArtifactregistryRepository: "artifactregistry.googleapis.com/Repository",
    ArtifactregistryRepositoryIamMember: "artifactregistry.googleapis.com/RepositoryIamMember",
    BillingbudgetsBudget: "billingbudgets.googleapis.com/Budget",
    CloudbuildBuild: "cloudbuild.googleapis.com/Build",
    CloudbuildBuildTrigger: "cloudbuild.googleapis.com/BuildTrigger",
    CloudbuildConnection: "cloudbuild.googleapis.com/Connection",
    CloudbuildRepository: "cloudbuild.googleapis.com/Repository",
    CloudkmsKeyRing: "cloudkms.googleapis.com/KeyRing",
    CloudkmsCryptoKey: "cloudkms.googleapis.com/CryptoKey",
    CloudresourcemanagerProjectAuditConfig: "cloudresourcemanager.googleapis.com/ProjectAuditConfig",
    CloudresourcemanagerProjectIamMember: "cloudresourcemanager.googleapis.com/ProjectIamMember",
    CloudschedulerJob: "cloudscheduler.googleapis.com/Job",
    ComputeNetwork: "compute.googleapis.com/Network",
    ComputeSubnetwork: "compute.googleapis.com/Subnetwork",
    ComputeGlobalAddress: "compute.googleapis.com/GlobalAddress",
    ComputeAddress: "compute.googleapis.com/Address",
    ComputeFirewall: "compute.googleapis.com/Firewall",
    ComputeRouter: "compute.googleapis.com/Router",
    ComputeRegionNetworkEndpointGroup: "compute.googleapis.com/RegionNetworkEndpointGroup",
    ComputeBackendService: "compute.googleapis.com/BackendService",
    ComputeUrlMap: "compute.googleapis.com/UrlMap",
    ComputeTargetHttpsProxy: "compute.googleapis.com/TargetHttpsProxy",
    ComputeGlobalForwardingRule: "compute.googleapis.com/GlobalForwardingRule",
    ComputeManagedSslCertificate: "compute.googleapis.com/ManagedSslCertificate",
    IamServiceAccount: "iam.googleapis.com/ServiceAccount",
    IamServiceAccountIamMember: "iam.googleapis.com/ServiceAccountIamMember",
    IamCustomRole: "iam.googleapis.com/CustomRole",
    IamWorkloadIdentityPool: "iam.googleapis.com/WorkloadIdentityPool",
    IamWorkloadIdentityPoolProvider: "iam.googleapis.com/WorkloadIdentityPoolProvider",
    IapCloudRunServiceSettings: "iap.googleapis.com/CloudRunServiceSettings",
    IapCloudRunServiceIamMember: "iap.googleapis.com/CloudRunServiceIamMember",
    LoggingLogMetric: "logging.googleapis.com/LogMetric",
    LoggingLogSink: "logging.googleapis.com/LogSink",
    MonitoringAlertPolicy: "monitoring.googleapis.com/AlertPolicy",
    MonitoringNotificationChannel: "monitoring.googleapis.com/NotificationChannel",
    MonitoringUptimeCheckConfig: "monitoring.googleapis.com/UptimeCheckConfig",
    MonitoringDashboard: "monitoring.googleapis.com/Dashboard",
    RunService: "run.googleapis.com/Service",
    RunJob: "run.googleapis.com/Job",
    RunExecution: "run.googleapis.com/Execution",
    RunServiceIamMember: "run.googleapis.com/ServiceIamMember",
    RunJobIamMember: "run.googleapis.com/JobIamMember",
    SecretmanagerSecret: "secretmanager.googleapis.com/Secret",
    SecretmanagerSecretVersion: "secretmanager.googleapis.com/SecretVersion",
    SecretmanagerSecretIamMember: "secretmanager.googleapis.com/SecretIamMember",
    ServicenetworkingConnection: "servicenetworking.googleapis.com/Connection",
    ServiceusageService: "serviceusage.googleapis.com/Service",
    SqladminInstance: "sqladmin.googleapis.com/Instance",
    SqladminDatabase: "sqladmin.googleapis.com/Database",
    SqladminUser: "sqladmin.googleapis.com/User",
    StorageBucket: "storage.googleapis.com/Bucket",
    StorageObject: "storage.googleapis.com/Object",
    StorageBucketIamMember: "storage.googleapis.com/BucketIamMember",
    VpcaccessConnector: "vpcaccess.googleapis.com/Connector",
    StdValue: "std/Value",
    StdRandomId: "std/RandomId",
    StdRandomPassword: "std/RandomPassword",
}

fn run() -> Result<()> {
    let text = config::require("resources")?;
    let resources: Vec<Json> = serde_json::from_str(&text).map_err(|error| Error::new(error.to_string()))?;
    let mut declared = Declared::new();
    resources.iter().try_for_each(|resource| match resource["directory"].as_str() {
        Some(path) => pack(&mut declared, resource, path),
        None => declare(&mut declared, resource),
    })
}

fn pack(declared: &mut Declared, entry: &Json, path: &str) -> Result<()> {
    let packed = assets::directory(path)?;
    let attribute = move |name: &str| match name {
        "archive" => packed.archive.to_string(),
        _ => packed.digest.clone(),
    };
    declared.insert(text(entry, "name")?.to_owned(), Box::new(attribute));
    Ok(())
}

fn declare_as<K: Kind + 'static>(declared: &mut Declared, resource: &Json) -> Result<()> {
    let name = text(resource, "name")?;
    let mut wanted = Resource::<K>::new();
    for (field, value) in resource["properties"].as_object().into_iter().flatten() {
        let mut value = value.clone();
        fill(&mut value, declared);
        wanted = wanted.property(field, value);
    }
    for other in resource["dependsOn"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        wanted = wanted.depends_on(other);
    }
    if let Some(full_name) = resource["import"].as_str() {
        wanted = wanted.import(full_name);
    }
    let handle = wanted.declare(name);
    declared.insert(name.to_owned(), Box::new(move |path| handle.attribute(path).to_string()));
    Ok(())
}

fn text<'a>(resource: &'a Json, field: &str) -> Result<&'a str> {
    resource[field].as_str().ok_or_else(|| Error::new(format!("A resource has no `{field}`: {resource}")))
}

/// Puts attributes in the place of `{name.path}`.
fn fill(value: &mut Json, declared: &Declared) {
    match value {
        Json::Object(fields) => fields.values_mut().for_each(|value| fill(value, declared)),
        Json::Array(elements) => elements.iter_mut().for_each(|value| fill(value, declared)),
        Json::String(text) => *text = filled(text, declared),
        _ => {}
    }
}

fn filled(text: &str, declared: &Declared) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, inner, after)) = rest
        .split_once('{')
        .and_then(|(before, rest)| rest.split_once('}').map(|(inner, after)| (before, inner, after)))
    {
        result.push_str(before);
        match inner.split_once('.').and_then(|(name, path)| Some((declared.get(name)?, path))) {
            Some((attribute, path)) => result.push_str(&attribute(path)),
            None => result.push_str(&format!("{{{inner}}}")),
        }
        rest = after;
    }
    result + rest
}
