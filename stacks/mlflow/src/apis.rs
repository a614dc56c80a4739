//! The APIs that have to be enabled. The host enables all of them with one request, before anything else.

use mlflow_host_sdk::kinds::serviceusage::{Service, ServiceHandle};

use crate::scope::Scope;

/// One enabled API a field.
pub(crate) struct Apis {
    pub(crate) artifact_registry: ServiceHandle,
    pub(crate) build: ServiceHandle,
    pub(crate) compute: ServiceHandle,
    pub(crate) iam: ServiceHandle,
    pub(crate) logging: ServiceHandle,
    pub(crate) resource_manager: ServiceHandle,
    pub(crate) run: ServiceHandle,
    pub(crate) secret_manager: ServiceHandle,
    pub(crate) service_networking: ServiceHandle,
    pub(crate) sql: ServiceHandle,
    pub(crate) storage: ServiceHandle,
}

impl Apis {
    pub(crate) fn declare(scope: &Scope) -> Self {
        let enable = |name: &str| {
            let service: Service = scope.resource();
            // Others in the project may have come to need it.
            service.name(format!("{name}.googleapis.com")).retain_on_delete(true).declare(name)
        };
        Self {
            artifact_registry: enable("artifactregistry"),
            build: enable("cloudbuild"),
            compute: enable("compute"),
            iam: enable("iam"),
            logging: enable("logging"),
            resource_manager: enable("cloudresourcemanager"),
            run: enable("run"),
            secret_manager: enable("secretmanager"),
            service_networking: enable("servicenetworking"),
            sql: enable("sqladmin"),
            storage: enable("storage"),
        }
    }
}
