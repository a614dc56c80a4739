//! What every language's typed layer is made from: kinds, messages and enumerations with unique names.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_gcp_api::description::{Api, Schema, SchemaType};
use mlflow_host_gcp_api::kinds::{self, Input, Kind};

use crate::names;

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Any,
    Boolean,
    Integer,
    /// A string of digits in JSON.
    LongInteger,
    Number,
    Text,
    List(Box<Type>),
    Map(Box<Type>),
    /// A message or enumeration of the module, by name.
    Named(String),
}

/// A field, by its name in JSON.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Type,
}

#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) summary: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) attributes: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Enumeration {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// The kinds of one service and all that their properties hold.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) resources: Vec<Resource>,
    pub(crate) messages: Vec<Message>,
    pub(crate) enumerations: Vec<Enumeration>,
}

impl Module {
    /// One module a service, in order of names.
    pub(crate) fn all() -> Vec<Self> {
        let mut services: BTreeMap<&str, Vec<&'static Kind>> = BTreeMap::new();
        for kind in kinds::all() {
            services.entry(service(kind)).or_default().push(kind);
        }
        services.into_iter().map(|(service, kinds)| Builder::new(&kinds).build(service, &kinds)).collect()
    }
}

fn service(kind: &Kind) -> &str {
    kind.name.split_once('/').map_or("", |(service, _)| service)
}

fn short(kind: &Kind) -> &str {
    kind.name.split_once('/').map_or("", |(_, short)| short)
}

/// Names that the languages or the SDKs give another meaning.
const RESERVED: &[&str] = &[
    "Any", "Handle", "Input", "Kind", "List", "Map", "Message", "Option", "Output", "Resource", "Result",
    "String",
];

#[derive(Default)]
struct Builder {
    taken: BTreeSet<String>,
    /// Messages by API and schema; present as soon as a name is chosen, so that cycles end.
    known: BTreeMap<(String, String), String>,
    messages: Vec<Message>,
    enumerations: Vec<Enumeration>,
}

impl Builder {
    fn new(kinds: &[&'static Kind]) -> Self {
        let own = |kind: &&Kind| ["", "Kind", "Handle"].map(|suffix| format!("{}{suffix}", short(kind)));
        let words = RESERVED.iter().map(ToString::to_string);
        Self { taken: kinds.iter().flat_map(own).chain(words).collect(), ..Self::default() }
    }

    fn build(mut self, service: &str, kinds: &[&'static Kind]) -> Module {
        let resources = kinds.iter().filter_map(|kind| self.resource(kind)).collect();
        Module {
            name: service.split('.').next().unwrap_or_default().to_owned(),
            service: service.to_owned(),
            resources,
            messages: self.messages,
            enumerations: self.enumerations,
        }
    }

    fn resource(&mut self, kind: &'static Kind) -> Option<Resource> {
        let api = kind.api()?;
        let name = short(kind).to_owned();
        let mut fields = Vec::new();
        for (field, input) in kind.inputs() {
            let field_type = match input {
                Input::Name(_) | Input::Parent(_) => Type::Text,
                Input::Field(schema) => self.field_type(api, schema, &name, field),
                Input::Extra(extra) => {
                    let schema =
                        Schema { kind: extra.kind, reference: extra.schema.clone(), ..Schema::default() };
                    self.field_type(api, &schema, &name, field)
                }
            };
            fields.push(Field { name: field.to_owned(), kind: field_type });
        }
        let mut attributes: BTreeSet<String> = match kind.attribute_schema() {
            Some(schema) => schema.properties.keys().cloned().collect(),
            None => kind.inputs().keys().map(ToString::to_string).collect(),
        };
        attributes.insert("resourceId".to_owned());
        let attributes = attributes.into_iter().collect();
        Some(Resource { name, kind: kind.name.clone(), summary: kind.summary.clone(), fields, attributes })
    }

    /// The type of a field of `owner`; what has no name of its own is named after both.
    fn field_type(&mut self, api: &Api, schema: &Schema, owner: &str, field: &str) -> Type {
        if let Some(reference) = &schema.reference {
            let Some(target) = api.schema(reference) else { return Type::Any };
            if target.properties.is_empty() {
                return self.field_type(api, target, owner, field);
            }
            let key = (api.name.clone(), reference.clone());
            if let Some(name) = self.known.get(&key) {
                return Type::Named(name.clone());
            }
            let name = self.unused(names::schema(reference));
            self.known.insert(key, name.clone());
            return self.message(api, target, name);
        }
        let inner = |schema: &Option<Box<Schema>>, builder: &mut Self| {
            Box::new(
                schema.as_deref().map_or(Type::Any, |inner| builder.field_type(api, inner, owner, field)),
            )
        };
        match schema.kind {
            SchemaType::Any => Type::Any,
            SchemaType::Boolean => Type::Boolean,
            SchemaType::Integer => Type::Integer,
            SchemaType::Number => Type::Number,
            SchemaType::Array => Type::List(inner(&schema.items, self)),
            SchemaType::Object if !schema.properties.is_empty() => {
                let name = self.unused(format!("{owner}{}", names::camel(field)));
                self.message(api, schema, name)
            }
            SchemaType::Object => Type::Map(inner(&schema.additional_properties, self)),
            SchemaType::String if !schema.values.is_empty() => {
                let name = self.unused(format!("{owner}{}", names::camel(field)));
                self.enumerations.push(Enumeration { name: name.clone(), values: schema.values.clone() });
                Type::Named(name)
            }
            SchemaType::String => match schema.format.as_deref() {
                Some("int64" | "uint64") => Type::LongInteger,
                _ => Type::Text,
            },
        }
    }

    fn message(&mut self, api: &Api, schema: &Schema, name: String) -> Type {
        let fields = schema
            .properties
            .iter()
            .filter(|(_, field)| !field.output_only)
            .map(|(field, schema)| Field {
                name: field.clone(),
                kind: self.field_type(api, schema, &name, field),
            })
            .collect();
        self.messages.push(Message { name: name.clone(), fields });
        Type::Named(name)
    }

    fn unused(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut count = 1;
        while !self.taken.insert(candidate.clone()) {
            count += 1;
            // The first clash is with a kind; more are with fields of the same name.
            candidate = if count == 2 { format!("{name}Message") } else { format!("{name}{count}") };
        }
        candidate
    }
}
