//! The values of template variables for one resource.

use mlflow_host_gcp_api::kinds::{IdOrigin, Kind, ParentForm, TargetValue};
use mlflow_host_gcp_api::template::{self, TemplateError, last_segment};
use mlflow_host_graph::{PropertyPath, Value};

use crate::config::GcpConfig;

/// Where `{variables}` of a kind's templates come from.
pub(crate) struct Variables<'a> {
    kind: &'a Kind,
    inputs: &'a Value,
    id: Option<String>,
    number: Option<String>,
    operation: Option<&'a str>,
}

impl<'a> Variables<'a> {
    /// The variables of a resource with these (resolved) inputs. `identity` supplies the id that a
    /// server has assigned, `number` is that of the project, where known.
    pub(crate) fn new(
        kind: &'a Kind,
        inputs: &'a Value,
        identity: Option<&str>,
        number: Option<String>,
    ) -> Self {
        let mut variables = Self { kind, inputs, id: None, number, operation: None };
        variables.id = match &kind.id.origin {
            IdOrigin::Client(_) => variables.input("name"),
            IdOrigin::Server(_) => identity.map(|identity| last_segment(identity).to_owned()),
            IdOrigin::Fixed(template) => template::expand(template, &|name| variables.get(name)).ok(),
        };
        variables
    }

    /// The same with the name of an operation.
    #[must_use]
    pub(crate) fn with_operation(mut self, name: &'a str) -> Self {
        self.operation = Some(name);
        self
    }

    /// The same with another id.
    #[must_use]
    pub(crate) fn with_id(mut self, id: String) -> Self {
        self.id = Some(id);
        self
    }

    /// The short id of the resource, if it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The value of a variable, if it is known.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match name {
            "id" => self.id.clone(),
            "number" => self.number.clone(),
            "operation" => self.operation.map(str::to_owned),
            other => self.input(other),
        }
    }

    /// Fills in a template, values as they are; `None` when something is not known.
    pub(crate) fn expand(&self, template: &str) -> Option<String> {
        template::expand(template, &|name| self.get(name)).ok()
    }

    /// Fills in the template of a path.
    pub(crate) fn expand_path(&self, template: &str) -> Result<String, TemplateError> {
        template::expand_path(template, &|name| self.get(name))
    }

    /// The full resource name, if every part of it is known.
    pub(crate) fn identity(&self) -> Option<String> {
        self.expand(&self.kind.resource)
    }

    fn input(&self, path: &str) -> Option<String> {
        let path: PropertyPath = path.parse().ok()?;
        match self.inputs.at(&path)?.reveal() {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }
}

/// The value that the target supplies.
pub(crate) fn target_value(config: &GcpConfig, value: TargetValue) -> Value {
    Value::string(match value {
        TargetValue::Project => config.project.clone(),
        TargetValue::Region => config.region.clone(),
    })
}

/// A parent as it stands in a path, from an id, a full name or a link.
pub(crate) fn parent_in_path(form: ParentForm, given: &str, project: &str) -> String {
    let last = last_segment(given);
    match form {
        ParentForm::Id => last.to_owned(),
        ParentForm::Email if last.contains('@') => last.to_owned(),
        ParentForm::Email => format!("{last}@{project}.iam.gserviceaccount.com"),
    }
}
