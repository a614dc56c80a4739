//! Discovery documents as Google serves them (`https://HOST/$discovery/rest?version=V`), for APIs that the
//! embedded data do not have. `scripts/generate-gcp-api` reads the same documents by the same rules.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Api, Method, Parameter, Schema, SchemaType};

/// A document that does not describe an API.
#[derive(Debug, thiserror::Error)]
#[error("this is not a discovery document: {0}")]
pub struct DiscoveryError(#[from] serde_json::Error);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    name: String,
    version: String,
    #[serde(default)]
    revision: String,
    root_url: String,
    #[serde(default)]
    service_path: String,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(flatten)]
    root: Resource,
    #[serde(default)]
    schemas: BTreeMap<String, RawSchema>,
}

/// A collection with its methods, and the collections in it.
#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    methods: BTreeMap<String, RawMethod>,
    #[serde(default)]
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMethod {
    id: String,
    http_method: String,
    path: String,
    flat_path: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, RawParameter>,
    request: Option<Message>,
    response: Option<Message>,
}

#[derive(Deserialize)]
struct RawParameter {
    #[serde(default)]
    location: String,
    #[serde(default)]
    pattern: String,
    #[serde(flatten)]
    parameter: Parameter,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "$ref")]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSchema {
    #[serde(default, rename = "type")]
    kind: SchemaType,
    #[serde(rename = "$ref")]
    reference: Option<String>,
    format: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    items: Option<Box<RawSchema>>,
    #[serde(default)]
    properties: BTreeMap<String, RawSchema>,
    additional_properties: Option<Box<RawSchema>>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(default)]
    required: Vec<String>,
}

impl Api {
    /// Reads a discovery document. Uploads and downloads of media are left out.
    ///
    /// # Errors
    /// When the text is not such a document.
    pub fn from_discovery(text: &str) -> Result<Self, DiscoveryError> {
        let document: Document = serde_json::from_str(text)?;
        let mut methods = BTreeMap::new();
        collect(document.root, &document.service_path, &mut methods);
        let schemas = document.schemas.into_iter();
        Ok(Self {
            licence: "A document that was given to the host.".to_owned(),
            name: format!("{}.{}", document.name, document.version),
            revision: document.revision,
            root_url: document.root_url,
            parameters: document.parameters,
            methods: methods.into(),
            schemas: schemas.map(|(name, schema)| (name, Schema::from(schema).into())).collect(),
        })
    }
}

fn collect(resource: Resource, service_path: &str, methods: &mut BTreeMap<String, Method>) {
    for method in resource.methods.into_values() {
        let path = format!("{service_path}{}", template(&method));
        let query = method.parameters.into_iter().filter(|(_, value)| value.location == "query");
        let entry = Method {
            verb: method.http_method,
            path,
            query: query.map(|(name, value)| (name, value.parameter)).collect(),
            request: method.request.map(|message| message.name),
            response: method.response.map(|message| message.name),
            upload: Vec::new(),
            download: None,
        };
        methods.insert(method.id, entry);
    }
    for inner in resource.resources.into_values() {
        collect(inner, service_path, methods);
    }
}

/// The path with one named variable a segment, or `{+name}` where nothing says what the segments are.
fn template(method: &RawMethod) -> String {
    let path = method.flat_path.as_ref().unwrap_or(&method.path);
    let segments = path.split('/').map(|segment| {
        let Some((before, rest)) = segment.split_once('{') else { return segment.to_owned() };
        let Some((name, after)) = rest.split_once('}') else { return segment.to_owned() };
        let name = match name.strip_suffix("Id") {
            Some(collection) if !method.parameters.contains_key(name) => singular(collection),
            _ => name.to_owned(),
        };
        format!("{before}{{{name}}}{after}")
    });
    let named = segments.collect::<Vec<_>>().join("/");
    let Some(reserved) = method.path.split_once("{+").and_then(|(_, rest)| rest.split_once('}')) else {
        return named;
    };
    if is_numbered(path) {
        // The variable of `path` stands for any number of segments.
        return method.path.clone();
    }
    // Names of operations may hold slashes: the last segment then stands for the rest.
    let open = method.parameters.get(reserved.0).is_some_and(|parameter| parameter.pattern.ends_with("/.*$"));
    match named.rsplit_once('{') {
        Some((before, last)) if open && !last.contains('/') => format!("{before}{{+{last}"),
        _ => named,
    }
}

/// Whether the variables of a flat path are numbered (`{v1Id}`) rather than called after what they name.
fn is_numbered(path: &str) -> bool {
    path.split('{').skip(1).any(|rest| {
        let name = rest.split('}').next().unwrap_or_default();
        name.strip_prefix('v')
            .and_then(|rest| rest.split_once("Id"))
            .is_some_and(|(version, _)| version.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// One element of a collection: `policies` → `policy`.
fn singular(collection: &str) -> String {
    if let Some(stem) = collection.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match collection.strip_suffix("sses") {
        Some(stem) => format!("{stem}ss"),
        None => collection.strip_suffix('s').unwrap_or(collection).to_owned(),
    }
}

impl From<RawSchema> for Schema {
    /// Flags that the document carries as fields, or only as the first words of its prose.
    fn from(raw: RawSchema) -> Self {
        let prose = raw.description.trim_start().to_lowercase();
        let words = prose.trim_start_matches("identifier. ");
        let past_immutable = words.trim_start_matches("immutable. ");
        let output = prose.trim_start_matches('[');
        let second =
            prose.split_once(". ").map_or("", |(first, rest)| if first.contains(' ') { "" } else { rest });
        let mut required_by = raw.annotations.required;
        required_by.sort();
        Self {
            kind: raw.kind,
            reference: raw.reference,
            format: raw.format,
            values: raw.values,
            items: raw.items.map(|items| Box::new(Schema::from(*items))),
            properties: raw.properties.into_iter().map(|(name, field)| (name, field.into())).collect(),
            additional_properties: raw.additional_properties.map(|values| Box::new(Schema::from(*values))),
            output_only: raw.read_only || begins(output, &["output only", "output-only"]),
            required: begins(past_immutable, &["required.", "required;"]),
            required_by,
            immutable: begins(&prose, &["immutable."]) || begins(second, &["immutable."]),
            deprecated: raw.deprecated,
        }
    }
}

fn begins(prose: &str, words: &[&str]) -> bool {
    words.iter().any(|word| prose.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_get_a_variable_for_each_segment_and_flags_come_from_fields_or_prose() {
        let document = r#"{
            "name": "shop", "version": "v1", "rootUrl": "https://shop.googleapis.com/", "servicePath": "shop/",
            "schemas": {"Order": {"id": "Order", "type": "object", "properties": {
                "uid": {"type": "string", "readOnly": true},
                "state": {"type": "string", "description": "Output only. The state."},
                "size": {"type": "integer", "description": "Identifier. Required. The size."},
                "shop": {"$ref": "Order", "description": "Immutable. Where."}
            }}},
            "resources": {"orders": {
                "methods": {
                    "get": {"id": "shop.orders.get", "httpMethod": "GET", "path": "v1/{+name}",
                        "flatPath": "v1/projects/{projectsId}/policies/{policiesId}",
                        "parameters": {"name": {"location": "path", "type": "string", "pattern": "^projects/[^/]+/policies/[^/]+$"},
                            "view": {"location": "query", "type": "string"}},
                        "response": {"$ref": "Order"}},
                    "wait": {"id": "shop.orders.wait", "httpMethod": "POST", "path": "v1/{+name}:wait",
                        "flatPath": "v1/operations/{operationsId}:wait",
                        "parameters": {"name": {"location": "path", "type": "string", "pattern": "^operations/.*$"}}},
                    "find": {"id": "shop.orders.find", "httpMethod": "GET", "path": "v1/{+name}",
                        "flatPath": "v1/{v1Id}/{v1Id1}"}
                },
                "resources": {"classes": {"methods": {
                    "get": {"id": "shop.orders.classes.get", "httpMethod": "GET", "path": "v1/classes/{classId}",
                        "parameters": {"classId": {"location": "path", "type": "string"}}}
                }}}
            }}
        }"#;
        let api = Api::from_discovery(document).unwrap();
        let paths: Vec<_> =
            api.methods().map(|(id, method)| format!("{id}: {} {}", method.verb, method.path)).collect();
        insta::assert_snapshot!(paths.join("\n"), @r"
        shop.orders.classes.get: GET shop/v1/classes/{classId}
        shop.orders.find: GET shop/v1/{+name}
        shop.orders.get: GET shop/v1/projects/{project}/policies/{policy}
        shop.orders.wait: POST shop/v1/operations/{+operation}:wait
        ");
        let get = api.method("shop.orders.get").unwrap();
        assert_eq!(get.query.keys().collect::<Vec<_>>(), ["view"]);
        assert_eq!((api.name.as_str(), get.response.as_deref()), ("shop.v1", Some("Order")));
        let order = &api.schema("Order").unwrap().properties;
        assert!(order["uid"].output_only && order["state"].output_only && !order["size"].output_only);
        assert!(order["size"].required && order["shop"].immutable && !order["state"].required);
    }
}
