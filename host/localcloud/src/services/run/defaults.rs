//! What Cloud Run adds to a service or job that a client declares.

use serde_json::{Value, json};

use crate::common::identifiers;
use crate::common::json::{fill, text};

/// The account that containers run as when none is named.
fn default_account(project: &str) -> String {
    format!("{}-compute@developer.gserviceaccount.com", identifiers::project_number(project))
}

/// The defaults of a service.
pub(super) fn service(body: &mut Value, project: &str) {
    fill(
        body,
        json!({
            "ingress": "INGRESS_TRAFFIC_ALL",
            "launchStage": "GA",
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            "template": {
                "timeout": "300s",
                "serviceAccount": default_account(project),
                "maxInstanceRequestConcurrency": 80,
                "scaling": {"maxInstanceCount": 100},
            },
        }),
    );
    for container in containers(&mut body["template"]) {
        fill(
            container,
            json!({"ports": [{"name": "http1", "containerPort": 8080}], "resources": {"cpuIdle": true}}),
        );
        limits(container);
        let port = container["ports"][0]["containerPort"].as_u64().unwrap_or(8080);
        for port in container["ports"].as_array_mut().into_iter().flatten() {
            fill(port, json!({"name": "http1", "containerPort": 8080}));
        }
        startup_probe(container, port);
    }
}

/// The defaults of a job.
pub(super) fn job(body: &mut Value, project: &str) {
    fill(
        body,
        json!({
            "launchStage": "GA",
            "template": {
                "taskCount": 1,
                "template": {
                    "maxRetries": 3,
                    "timeout": "600s",
                    "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
                    "serviceAccount": default_account(project),
                },
            },
        }),
    );
    containers(&mut body["template"]["template"]).for_each(limits);
}

fn containers(template: &mut Value) -> impl Iterator<Item = &mut Value> {
    template.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten()
}

fn limits(container: &mut Value) {
    fill(container, json!({"resources": {"limits": {"memory": "512Mi", "cpu": "1000m"}}}));
}

/// Recorded: without a probe the port is tried for 240 seconds; a declared one gets the usual
/// numbers, and the container's port.
fn startup_probe(container: &mut Value, port: u64) {
    let declared = &container["startupProbe"];
    if declared.is_null() {
        fill(
            container,
            json!({"startupProbe": {
                "timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": port},
            }}),
        );
    }
    for probe in ["startupProbe", "livenessProbe"] {
        let probe = &mut container[probe];
        if !probe.is_object() {
            continue;
        }
        fill(probe, json!({"timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}));
        for check in ["tcpSocket", "httpGet", "grpc"] {
            if probe[check].is_object() {
                fill(&mut probe[check], json!({"port": port}));
            }
        }
        if probe["httpGet"].is_object() && text(probe, "httpGet.path").is_none() {
            probe["httpGet"]["path"] = "/".into();
        }
    }
    // Reading an absent probe above leaves a null behind.
    crate::common::json::without_nulls(container);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_defaults() {
        let mut body = json!({"template": {"containers": [{"image": "gcr.io/cloudrun/hello"}]}});
        service(&mut body, "p");
        insta::assert_snapshot!(body["template"]["containers"][0], @r#"{"image":"gcr.io/cloudrun/hello","ports":[{"containerPort":8080,"name":"http1"}],"resources":{"cpuIdle":true,"limits":{"cpu":"1000m","memory":"512Mi"}},"startupProbe":{"failureThreshold":1,"periodSeconds":240,"tcpSocket":{"port":8080},"timeoutSeconds":240}}"#);
        let mut body = json!({"template": {"containers": [{
            "image": "i", "ports": [{"containerPort": 5000}], "startupProbe": {"httpGet": {}},
        }]}});
        service(&mut body, "p");
        insta::assert_snapshot!(body["template"]["containers"][0]["startupProbe"], @r#"{"failureThreshold":3,"httpGet":{"path":"/","port":5000},"periodSeconds":10,"timeoutSeconds":1}"#);
    }
}
