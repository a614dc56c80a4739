//! From a container of a template to a process: environment, secrets, probe.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::checks;
use crate::cloud::Cloud;
use crate::common::identifiers;
use crate::common::json::{at, list, text};
use crate::common::operations::Failure;
use crate::data::containers::{Check, ContainerSpec, Probe};
use crate::services::secrets;

/// A template's container ready to start. `own` is what Cloud Run itself sets, `label` the
/// container's unique name.
pub(super) async fn specification(
    cloud: &Cloud,
    project: &str,
    template: &Value,
    own: BTreeMap<String, String>,
    label: &str,
) -> Result<ContainerSpec, Failure> {
    let container = &template["containers"][0];
    let image = checks::image(cloud, text(container, "image").unwrap_or_default()).await?;
    let account = text(template, "serviceAccount").unwrap_or_default();
    let mut environment = own;
    // These two stand for the metadata server, which tells Google's libraries where they are.
    environment.insert("STORAGE_EMULATOR_HOST".to_owned(), cloud.base_url().to_owned());
    environment.insert("GOOGLE_CLOUD_PROJECT".to_owned(), project.to_owned());
    // A container of Cloud Run has a network of its own, and may listen on all of it; these may not.
    environment.insert("MLFLOW_HOST_BIND_ADDRESS".to_owned(), "127.0.0.1".to_owned());
    for (index, variable) in list(container, "env").enumerate() {
        let name = text(variable, "name").unwrap_or_default().to_owned();
        let value = match text(variable, "valueSource.secretKeyRef.secret") {
            None => variable["value"].as_str().unwrap_or_default().to_owned(),
            Some(secret) => {
                let version = text(variable, "valueSource.secretKeyRef.version").unwrap_or("latest");
                let payload = secrets::read_for(cloud, project, secret, version, account).map_err(|problem| {
                    Failure::new(7, format!("spec.template.spec.containers[0].env[{index}].value_from.secret_key_ref.name: {problem}"))
                })?;
                String::from_utf8(payload).map_err(|_| {
                    Failure::new(
                        9,
                        format!("The secret {secret} for the variable {name} is not valid UTF-8."),
                    )
                })?
            }
        };
        environment.insert(name, value);
    }
    let words = |path: &str| list(container, path).filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(ContainerSpec {
        id: container_id(label),
        image,
        command: words("command"),
        arguments: words("args"),
        environment,
        port: None,
        working_directory: text(container, "workingDir").map(str::to_owned),
        log: cloud.directory.join("logs").join(format!("{}.log", container_id(label))),
    })
}

/// A resource name as the id of a container: its last parts, readable, and a digest to tell apart
/// what is in other projects.
pub(super) fn container_id(name: &str) -> String {
    let last: Vec<_> = name.rsplit('/').take(1).collect();
    format!("{}-{}", last.first().copied().unwrap_or_default(), identifiers::digest(name, 8))
}

/// The startup probe of a container, on the port that the process really has.
pub(super) fn startup_probe(container: &Value, port: u16) -> Probe {
    let probe = &container["startupProbe"];
    let number = |field: &str, default: u64| at(probe, field).and_then(Value::as_u64).unwrap_or(default);
    let check = if probe["httpGet"].is_object() {
        Check::Http {
            port,
            path: text(probe, "httpGet.path").unwrap_or("/").to_owned(),
            headers: list(probe, "httpGet.httpHeaders")
                .filter_map(|header| {
                    Some((text(header, "name")?.to_owned(), header["value"].as_str()?.to_owned()))
                })
                .collect(),
        }
    } else {
        Check::Tcp(port)
    };
    Probe {
        check,
        initial_delay: Duration::from_secs(number("initialDelaySeconds", 0)),
        period: Duration::from_secs(number("periodSeconds", 240)),
        timeout: Duration::from_secs(number("timeoutSeconds", 240)),
        failure_threshold: u32::try_from(number("failureThreshold", 1)).unwrap_or(1),
    }
}
