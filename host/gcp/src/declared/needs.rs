//! Dependencies that Google has and no property shows, e.g., of a database with a private address on the peering that
//! the address comes out of.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_gcp_api::kinds::{Kind, Kinds};
use mlflow_host_gcp_api::template::last_segment;
use mlflow_host_graph::{Expression, Graph, Resource, Urn};

use super::{at, managed};

/// The kind of an enabled API; what belongs to an API needs it.
const API: &str = "serviceusage.googleapis.com/Service";

/// What a property is about: a resource of the stack, or something by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Resource(Urn),
    Name(String),
}

/// What a resource needs: resources of a kind with a property about the topic.
struct Wanted {
    by: usize,
    kind: &'static str,
    property: &'static str,
    topic: Topic,
}

/// Adds the dependencies that are not declared. If they contradict the declared ones, the program is taken at its
/// word, and none is added.
pub(super) fn add(kinds: Kinds, graph: &mut Graph) {
    let wanted = wanted(kinds, graph);
    let found = found(kinds, graph, &wanted);
    let mut additions: Vec<(usize, Urn)> = Vec::new();
    for Wanted { by, kind, property, topic } in wanted {
        let resource = &graph.resources[by];
        let needed = found.get(&(kind, property, topic)).into_iter().flatten();
        additions.extend(needed.filter(|urn| **urn != resource.urn).map(|urn| (by, urn.clone())));
    }
    additions.retain(|(by, urn)| graph.resources[*by].options.depends_on.insert(urn.clone()));
    if !additions.is_empty() && graph.order().is_err() {
        for (by, urn) in additions {
            graph.resources[by].options.depends_on.remove(&urn);
        }
    }
}

fn wanted(kinds: Kinds, graph: &Graph) -> Vec<Wanted> {
    let services: BTreeMap<&Urn, &str> = graph
        .resources
        .iter()
        .filter_map(|resource| Some((&resource.urn, managed(kinds, resource)?.service.as_str())))
        .collect();
    let mut wanted = Vec::new();
    for (by, resource) in graph.resources.iter().enumerate() {
        let Some(facts) = managed(kinds, resource) else { continue };
        let declared = resource.dependencies();
        for need in &facts.needs {
            let topics = topics(resource, &need.of);
            let wants = |topic| Wanted { by, kind: &need.kind, property: &need.property, topic };
            wanted.extend(topics.into_iter().map(wants));
        }
        // What needs another resource of the same API comes after that API with it.
        let comes_with_another =
            || declared.iter().any(|urn| services.get(urn) == Some(&facts.service.as_str()));
        if facts.name != API && !comes_with_another() {
            let topic = Topic::Name(facts.service.clone());
            wanted.push(Wanted { by, kind: API, property: "name", topic });
        }
    }
    wanted
}

/// The resources that something wanted may be, by kind, property and topic.
fn found(
    kinds: Kinds,
    graph: &Graph,
    wanted: &[Wanted],
) -> BTreeMap<(&'static str, &'static str, Topic), Vec<Urn>> {
    let looked_at: BTreeSet<_> = wanted.iter().map(|wanted| (wanted.kind, wanted.property)).collect();
    let mut found: BTreeMap<_, Vec<Urn>> = BTreeMap::new();
    for resource in &graph.resources {
        let Some(Kind { name, .. }) = managed(kinds, resource) else { continue };
        for &(kind, property) in looked_at.iter().filter(|(kind, _)| kind == name) {
            for topic in topics(resource, property) {
                found.entry((kind, property, topic)).or_default().push(resource.urn.clone());
            }
        }
    }
    found
}

/// What the property of a resource is about.
fn topics(resource: &Resource, path: &str) -> BTreeSet<Topic> {
    let mut topics = BTreeSet::new();
    for expression in at(&resource.properties, path) {
        match expression {
            Expression::String(text) => {
                topics.insert(Topic::Name(last_segment(text).to_owned()));
            }
            other => other.visit_references(&mut |reference| {
                topics.insert(Topic::Resource(reference.urn.clone()));
            }),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use mlflow_host_graph::{Options, PropertyMap, Reference, Role};
    use serde_json::{Value as Json, json};

    use super::*;

    const INSTANCE: &str = "sqladmin.googleapis.com/Instance::db";
    const CONNECTION: &str = "servicenetworking.googleapis.com/Connection::peering";
    const NETWORK: &str = "compute.googleapis.com/Network::net";

    /// Text that begins with `$` stands for an attribute of that resource.
    fn expression(json: &Json) -> Expression {
        match json {
            Json::String(text) => match text.strip_prefix('$') {
                Some(urn) => Expression::Attribute(Reference {
                    urn: urn.parse().unwrap(),
                    path: "selfLink".parse().unwrap(),
                }),
                None => Expression::String(text.clone()),
            },
            Json::Array(items) => Expression::List(items.iter().map(expression).collect()),
            Json::Object(_) => Expression::Map(properties(json)),
            other => panic!("{other}"),
        }
    }

    fn properties(json: &Json) -> PropertyMap<Expression> {
        json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), expression(value))).collect()
    }

    fn resource(urn: &str, declared: Json) -> Resource {
        Resource {
            urn: urn.parse().unwrap(),
            role: Role::Managed,
            parent: None,
            properties: properties(&declared),
            options: Options::default(),
        }
    }

    fn instance(network: &str) -> Resource {
        resource(INSTANCE, json!({"settings": {"ipConfiguration": {"privateNetwork": network}}}))
    }

    /// What the first resource depends on without saying so.
    fn added(resources: Vec<Resource>) -> Vec<String> {
        let before = resources[0].options.depends_on.clone();
        let mut graph = Graph { resources, ..Graph::default() };
        add(Kinds::default(), &mut graph);
        let after = &graph.resources[0].options.depends_on;
        after.difference(&before).map(ToString::to_string).collect()
    }

    #[test]
    fn a_private_database_needs_the_connection_of_its_network() {
        let network = resource(NETWORK, json!({}));
        let other =
            resource("servicenetworking.googleapis.com/Connection::other", json!({"network": "other"}));
        for said in [format!("${NETWORK}"), "projects/p/global/networks/default".to_owned()] {
            let theirs = if said.starts_with('$') { said.clone() } else { "default".to_owned() };
            let connection = resource(CONNECTION, json!({"network": theirs}));
            let resources = vec![instance(&said), network.clone(), connection, other.clone()];
            assert_eq!(added(resources), [CONNECTION]);
        }
    }

    #[test]
    fn what_runs_needs_the_right_to_read_its_secrets() {
        const SECRET: &str = "secretmanager.googleapis.com/Secret::password";
        const GRANT: &str = "secretmanager.googleapis.com/SecretIamMember::read";
        let secret = format!("${SECRET}");
        let containers = json!([{"env": [{"valueSource": {"secretKeyRef": {"secret": &secret}}}]}]);
        let service =
            resource("run.googleapis.com/Service::web", json!({"template": {"containers": containers}}));
        let grant = resource(GRANT, json!({"secret": &secret}));
        assert_eq!(added(vec![service, resource(SECRET, json!({})), grant]), [GRANT]);
    }

    #[test]
    fn the_api_comes_before_what_belongs_to_it_and_what_follows_that_is_left_alone() {
        const USER: &str = "sqladmin.googleapis.com/User::mlflow";
        let api =
            resource("serviceusage.googleapis.com/Service::sql", json!({"name": "sqladmin.googleapis.com"}));
        let user = resource(USER, json!({"instance": format!("${INSTANCE}")}));
        assert_eq!(
            added(vec![instance("default"), api.clone(), user.clone()]),
            ["serviceusage.googleapis.com/Service::sql"]
        );
        assert!(added(vec![user, api, instance("default")]).is_empty());
    }

    #[test]
    fn a_program_that_says_the_opposite_is_believed() {
        let mut connection = resource(CONNECTION, json!({"network": "default"}));
        connection.options.depends_on.insert(INSTANCE.parse().unwrap());
        assert!(added(vec![instance("default"), connection]).is_empty());
    }
}
