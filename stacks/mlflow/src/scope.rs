//! What every part of the component needs to know.

use mlflow_host_sdk::kinds::cloudresourcemanager::Project;
use mlflow_host_sdk::{Component, Kind, Output, Resource, component, config};

/// The component and the stack around it.
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) region: String,
    /// Google's number of the project: part of the address of every Cloud Run service.
    pub(crate) project_number: Output,
    component: Component,
}

impl Scope {
    pub(crate) fn new(name: &str) -> Self {
        let stack = config::stack();
        Self {
            name: name.to_owned(),
            project_number: Project::new().lookup("project").project_number(),
            project: stack.project,
            region: stack.region,
            component: component("mlflow:server", name),
        }
    }

    /// A resource of the component.
    pub(crate) fn resource<K: Kind>(&self) -> Resource<K> {
        Resource::new().parent(&self.component)
    }

    /// The logical name of a part of the component.
    pub(crate) fn part(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }
}
