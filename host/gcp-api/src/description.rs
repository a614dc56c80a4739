//! Google's APIs as data: methods, parameters and schemas, parsed on first use.
//!
//! The data come from Google's discovery documents (see `scripts/generate-gcp-api`). Each API is
//! parsed when somebody first asks for it, and so is each of its messages: a program that touches two
//! pays for two.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

mod discovery;
mod lazy;
mod route;
mod schema;

use lazy::Lazy;

pub use discovery::DiscoveryError;
pub use route::{Channel, MethodMatch, find_method};
pub use schema::{Schema, SchemaType};

/// One version of one API, such as `run.v2`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// Where the data come from and under which licence.
    pub licence: String,
    /// `service.version` as discovery names it, e.g. `sqladmin.v1`.
    pub name: String,
    /// Revision of the discovery document, `YYYYMMDD`.
    pub revision: String,
    /// Production base address with a trailing slash, e.g. `https://run.googleapis.com/`.
    pub root_url: String,
    /// Query parameters that every method takes (`alt`, `fields`, …).
    pub parameters: BTreeMap<String, Parameter>,
    methods: Lazy<BTreeMap<String, Method>>,
    schemas: BTreeMap<String, Lazy<Schema>>,
}

impl Api {
    /// The host of [`Api::root_url`], e.g. `run.googleapis.com`.
    pub fn host(&self) -> &str {
        self.root_url.trim_start_matches("https://").trim_end_matches('/')
    }

    /// Methods with their full ids, e.g. `run.projects.locations.services.create`, sorted.
    pub fn methods(&self) -> impl Iterator<Item = (&str, &Method)> {
        self.methods.get().into_iter().flatten().map(|(id, method)| (id.as_str(), method))
    }

    /// A method by its full id.
    pub fn method(&self, id: &str) -> Option<&Method> {
        self.methods.get()?.get(id)
    }

    /// The names of all message types, sorted.
    pub fn schema_names(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(String::as_str)
    }

    /// A message type by name.
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.get(name)?.get()
    }

    /// Follows `reference` until a schema with a shape of its own; `None` for a dangling reference.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> Option<&'a Schema> {
        match &schema.reference {
            Some(name) => self.resolve(self.schema(name)?),
            None => Some(schema),
        }
    }

    /// The schema at `path` below the message `schema`; `[]` enters a list, `{}` a map:
    /// `template.containers[].env[].name`, `labels{}`. The result carries the flags of the field.
    pub fn at(&self, schema: &str, path: &str) -> Option<&Schema> {
        let mut current = self.schema(schema)?;
        for step in path.split('.') {
            let name_end = step.find(['[', '{']).unwrap_or(step.len());
            let (name, mut rest) = step.split_at(name_end);
            current = self.resolve(current)?.properties.get(name)?;
            while !rest.is_empty() {
                let shape = self.resolve(current)?;
                (current, rest) = if let Some(tail) = rest.strip_prefix("[]") {
                    (shape.items.as_deref()?, tail)
                } else {
                    (shape.additional_properties.as_deref()?, rest.strip_prefix("{}")?)
                };
            }
        }
        Some(current)
    }

    /// The method that answers `verb` on `path` (percent-encoded, with or without a leading slash,
    /// without query), and the decoded values of its path variables.
    pub fn route(&'static self, verb: &str, path: &str) -> Option<MethodMatch> {
        route::route(self, verb, path)
    }
}

/// One method of an API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Method {
    /// HTTP verb in capitals.
    pub verb: String,
    /// Full path below the host, without leading slash: `v2/projects/{project}/…/{service}:wait`.
    /// `{name}` stands for one segment, `{+name}` for one or more.
    pub path: String,
    /// Query parameters of this method; those of every method are in [`Api::parameters`].
    #[serde(default)]
    pub query: BTreeMap<String, Parameter>,
    /// Name of the request message, if the method takes a body.
    pub request: Option<String>,
    /// Name of the response message; absent when the answer is empty (204).
    pub response: Option<String>,
    /// Further paths that take the same request as a media upload (simple, multipart, resumable).
    #[serde(default)]
    pub upload: Vec<String>,
    /// Further path that serves the content instead of the metadata (`alt=media`).
    pub download: Option<String>,
}

/// One query parameter.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Type of one value.
    #[serde(rename = "type")]
    pub kind: SchemaType,
    /// Format within the type, e.g. `int64`, `google-fieldmask`.
    pub format: Option<String>,
    /// Allowed values; empty when any value is.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// Whether the parameter may be given several times.
    #[serde(default)]
    pub repeated: bool,
    /// Whether discovery marks it as required (servers require more than discovery says).
    #[serde(default)]
    pub required: bool,
}

/// An embedded document: name, host, first path segments (to parse only what may match), text.
struct Source {
    name: &'static str,
    host: &'static str,
    prefix: &'static str,
    text: &'static str,
    parsed: OnceLock<Option<Api>>,
}

macro_rules! sources {
    ($($name:literal, $host:literal, $prefix:literal;)*) => {
        static SOURCES: [Source; 23] = [$(Source {
            name: $name,
            host: $host,
            prefix: $prefix,
            text: include_str!(concat!("../data/", $name, ".json")),
            parsed: OnceLock::new(),
        }),*];
    };
}

sources! {
    "artifactregistry.v1", "artifactregistry.googleapis.com", "v1/";
    "billingbudgets.v1", "billingbudgets.googleapis.com", "v1/";
    "cloudbuild.v1", "cloudbuild.googleapis.com", "v1/";
    "cloudbuild.v2", "cloudbuild.googleapis.com", "v2/";
    "cloudkms.v1", "cloudkms.googleapis.com", "v1/";
    "cloudresourcemanager.v1", "cloudresourcemanager.googleapis.com", "v1/";
    "cloudresourcemanager.v3", "cloudresourcemanager.googleapis.com", "v3/";
    "cloudscheduler.v1", "cloudscheduler.googleapis.com", "v1/";
    "compute.v1", "compute.googleapis.com", "compute/v1/";
    "iam.v1", "iam.googleapis.com", "v1/";
    "iap.v1", "iap.googleapis.com", "v1/";
    "logging.v2", "logging.googleapis.com", "v2/";
    "monitoring.v1", "monitoring.googleapis.com", "v1/";
    "monitoring.v3", "monitoring.googleapis.com", "v3/";
    "run.v2", "run.googleapis.com", "v2/";
    "secretmanager.v1", "secretmanager.googleapis.com", "v1/";
    "servicenetworking.v1", "servicenetworking.googleapis.com", "v1/";
    "serviceusage.v1", "serviceusage.googleapis.com", "v1/";
    "serviceusage.v1beta1", "serviceusage.googleapis.com", "v1beta1/";
    "sqladmin.v1", "sqladmin.googleapis.com", "v1/";
    "sqladmin.v1beta4", "sqladmin.googleapis.com", "sql/v1beta4/";
    "storage.v1", "storage.googleapis.com", "storage/v1/";
    "vpcaccess.v1", "vpcaccess.googleapis.com", "v1/";
}

impl Source {
    /// The document is embedded and a test parses each, so `None` cannot happen in a build that
    /// passed its tests.
    fn api(&'static self) -> Option<&'static Api> {
        self.parsed.get_or_init(|| serde_json::from_str(self.text).ok()).as_ref()
    }
}

/// The API of that name (`run.v2`), parsed on first use.
pub fn api(name: &str) -> Option<&'static Api> {
    SOURCES.iter().find(|source| source.name == name)?.api()
}

/// The names of all APIs, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|source| source.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_parses_and_matches_its_row() {
        for source in &SOURCES {
            let api: Api =
                serde_json::from_str(source.text).unwrap_or_else(|error| panic!("{}: {error}", source.name));
            assert_eq!(api.name, source.name);
            assert_eq!(api.host(), source.host, "{}", source.name);
            assert!(api.methods().next().is_some() && api.schema_names().next().is_some());
            for (id, method) in api.methods() {
                assert!(method.path.starts_with(source.prefix), "{id}: {}", method.path);
                for message in method.request.iter().chain(&method.response) {
                    assert!(api.schema(message).is_some(), "{id}: {message}");
                }
            }
        }
        assert!(names().is_sorted());
    }

    #[test]
    fn no_schema_reference_dangles() {
        fn walk(api: &Api, schema: &Schema) {
            if let Some(name) = &schema.reference {
                assert!(api.schema(name).is_some(), "{}: {name}", api.name);
            }
            schema.items.iter().chain(&schema.additional_properties).for_each(|s| walk(api, s));
            schema.properties.values().for_each(|s| walk(api, s));
        }
        for name in names() {
            let api = api(name).unwrap();
            for message in api.schema_names() {
                walk(api, api.schema(message).unwrap_or_else(|| panic!("{name}: {message}")));
            }
        }
    }

    #[test]
    fn paths_lead_to_schemas() {
        let run = api("run.v2").unwrap();
        let service = "GoogleCloudRunV2Service";
        assert!(run.at(service, "template.containers[].image").unwrap().required);
        assert!(run.at(service, "conditions").unwrap().output_only);
        assert_eq!(run.at(service, "labels{}").unwrap().kind, SchemaType::String);
        assert!(run.at(service, "template.containers.image").is_none());
        let compute = api("compute.v1").unwrap();
        assert!(compute.at("Network", "selfLink").unwrap().output_only, "flag from prose");
    }
}
