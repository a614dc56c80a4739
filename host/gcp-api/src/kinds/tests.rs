//! The table against Google's description, and what the checks say.

use serde_json::json;

use super::*;
use crate::template;
use crate::validate::Problem;

/// Every call of a kind, with a word for it.
fn calls(kind: &Kind) -> Vec<(&'static str, &Call)> {
    let single = [
        ("create", &kind.create),
        ("read", &kind.read),
        ("list", &kind.list),
        ("update", &kind.update),
        ("delete", &kind.delete),
    ];
    let mut calls: Vec<_> =
        single.into_iter().filter_map(|(word, call)| Some((word, call.as_ref()?))).collect();
    calls.extend(kind.special_updates.iter().map(|special| ("special update", &special.call)));
    if let Some(operation) = &kind.operation {
        calls.push(("operation", &operation.read));
        calls.extend(operation.wait.iter().map(|call| ("wait", call)));
    }
    if let Some(iam) = &kind.iam {
        calls.extend([("get policy", &iam.get), ("set policy", &iam.set)]);
    }
    calls
}

/// A value for a template variable that has the shape that routing needs.
fn sample(kind: &Kind, variable: &str) -> Option<String> {
    Some(match (variable, kind.operation.as_ref().map(|operation| operation.style)) {
        ("operation", Some(OperationStyle::LongRunning)) => match kind.api.as_str() {
            "cloudbuild.v1" => "operations/build/p/b".into(),
            "serviceusage.v1" | "servicenetworking.v1" => "operations/o".into(),
            "iam.v1" => "projects/p/locations/global/workloadIdentityPools/w/operations/o".into(),
            _ => "projects/p/locations/l/operations/o".into(),
        },
        _ => format!("some-{variable}"),
    })
}

#[test]
fn every_file_parses_and_names_are_unique() {
    for file in &FILES {
        let entries: Entries =
            toml::from_str(file.text).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        for kind in &entries.kind {
            let expected = format!("{}.googleapis.com/", file.service());
            assert!(kind.name.starts_with(&expected), "{} is in the wrong file", kind.name);
        }
    }
    let mut names: Vec<_> = all().map(|kind| &kind.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_call_is_a_method_that_takes_what_is_sent() {
    for kind in all() {
        let api = kind.api().unwrap_or_else(|| panic!("{}: no API {}", kind.name, kind.api));
        for (word, call) in calls(kind) {
            let place = format!("{} {word}: {} {}", kind.name, call.verb, call.path);
            let path = template::expand_path(&call.path, &|name| sample(kind, name)).unwrap();
            let found = api.route(&call.verb, &path).unwrap_or_else(|| panic!("{place}: no method"));
            for parameter in call.query.keys().chain(&call.request_id) {
                let known =
                    found.method.query.contains_key(parameter) || api.parameters.contains_key(parameter);
                assert!(known, "{place}: no query parameter {parameter}");
            }
            let request = found.method.request.as_deref();
            for field in call.body.keys().chain(&call.wrap) {
                let request = request.unwrap_or_else(|| panic!("{place}: takes no body"));
                assert!(api.at(request, field).is_some(), "{place}: no field {field} in {request}");
            }
            let response = found.method.response.as_deref();
            if let Some(items) = &call.items {
                let list = api.at(response.unwrap(), items).unwrap_or_else(|| panic!("{place}: {items}"));
                let element = list.items.as_ref().unwrap().reference.as_deref();
                assert_eq!(element, kind.schema.as_deref(), "{place}");
                for field in call.filter.keys() {
                    assert!(api.at(element.unwrap(), field).is_some(), "{place}: {field}");
                }
            }
        }
    }
}

#[test]
fn request_and_response_messages_agree_with_the_table() {
    for kind in all() {
        let Some(api) = kind.api() else { panic!("{}", kind.name) };
        let route = |call: &Call| {
            let path = template::expand_path(&call.path, &|name| sample(kind, name)).unwrap();
            api.route(&call.verb, &path).unwrap().method
        };
        if let (Some(create), Some(schema)) = (&kind.create, &kind.schema) {
            let declared = kind.create_schema.as_ref().unwrap_or(schema);
            let request = route(create).request.as_deref().unwrap();
            match &create.wrap {
                Some(field) => {
                    let wrapped = api.at(request, field).unwrap().reference.as_deref();
                    assert_eq!(wrapped, Some(declared.as_str()), "{}", kind.name);
                }
                None => assert_eq!(request, declared, "{}", kind.name),
            }
        }
        if let (Some(read), Some(schema)) = (&kind.read, &kind.schema)
            && read.items.is_none()
        {
            assert_eq!(route(read).response.as_ref(), Some(schema), "{}", kind.name);
        }
        // The operation style follows from what the method answers.
        for (word, call) in calls(kind) {
            if !matches!(word, "create" | "update" | "delete" | "special update") {
                continue;
            }
            let answers = route(call).response.as_deref().unwrap_or("nothing");
            let immediate = OperationStyle::Immediate;
            let style = kind.operation.as_ref().map_or(immediate, |operation| operation.style);
            let style = call.operation.unwrap_or(style);
            let is_operation = answers.ends_with("Operation");
            assert_eq!(style != immediate, is_operation, "{} {word} answers {answers}", kind.name);
        }
        if let Some(iam) = &kind.iam {
            let request = route(&iam.set).request.as_deref().unwrap();
            let wrapped = api.at(request, "policy").is_some();
            assert_eq!(wrapped, iam.style == PolicyStyle::Wrapped, "{}", kind.name);
        }
        let mask = kind.update.as_ref().is_some_and(|c| route(c).query.contains_key("updateMask"));
        assert_eq!(mask, kind.update_style == UpdateStyle::Mask, "{}", kind.name);
        assert_eq!(kind.update.is_some(), kind.update_style != UpdateStyle::None, "{}", kind.name);
    }
}

#[test]
fn every_path_leads_somewhere() {
    for kind in all() {
        let api = kind.api().unwrap();
        let body = kind.create_schema.as_deref().or(kind.schema.as_deref());
        let in_body = |path: &str| {
            kind.properties.contains_key(path) || body.is_some_and(|s| api.at(s, path).is_some())
        };
        let in_attributes = |path: &str| kind.schema.as_deref().is_some_and(|s| api.at(s, path).is_some());
        let lists = [
            ("immutable", &kind.immutable),
            ("immutable_presence", &kind.immutable_presence),
            ("server_defaulted", &kind.server_defaulted),
            ("output_only", &kind.output_only),
            ("required", &kind.required),
            ("sensitive", &kind.sensitive),
            ("write_only", &kind.write_only),
            ("unordered", &kind.unordered),
            ("caseless", &kind.caseless),
            ("links", &kind.links),
            ("base64_paths", &kind.base64_paths),
        ];
        let special = kind.special_updates.iter().flat_map(|special| &special.paths);
        let conditional = kind.conditional_immutable.iter().map(|rule| &rule.path);
        let single = kind.labels.iter().chain(&kind.description).chain(&kind.content);
        let inputs = lists
            .into_iter()
            .flat_map(|(word, paths)| paths.iter().map(move |path| (word, path)))
            .chain(special.map(|path| ("special_updates", path)))
            .chain(conditional.map(|path| ("conditional_immutable", path)))
            .chain(single.map(|path| ("labels, description or content", path)))
            .chain(kind.defaults.keys().map(|path| ("defaults", path)))
            .chain(kind.target_defaults.keys().map(|path| ("target_defaults", path)))
            .chain(kind.one_of.iter().flatten().map(|path| ("one_of", path)));
        for (word, path) in inputs {
            assert!(in_body(path), "{} {word}: {path}", kind.name);
        }

        let indexed = kind.predicted.keys().map(|path| path.replace("[0]", "[]"));
        let from = match &kind.id.origin {
            IdOrigin::Server(path) => Some(path.clone()),
            _ => None,
        };
        let state = match &kind.readiness {
            Readiness::State { path, .. } => Some(path.clone()),
            _ => None,
        };
        let attributes = indexed
            .chain(kind.volatile.iter().cloned())
            .chain(kind.concurrency.iter().map(|c| c.path.clone()))
            .chain(kind.special_updates.iter().filter_map(|special| special.fingerprint.clone()))
            .chain(kind.absent.iter().map(|absent| absent.path.clone()))
            .chain(from)
            .chain(state);
        for path in attributes {
            assert!(in_attributes(&path), "{}: no attribute {path}", kind.name);
        }
        if let Some(absent) = &kind.absent {
            let field = api.at(kind.schema.as_deref().unwrap(), &absent.path).unwrap();
            for value in &absent.values {
                let is_flag = field.kind == crate::description::SchemaType::Boolean && value == "true";
                assert!(is_flag || field.values.contains(value), "{}: {value}", kind.name);
            }
        }
        if let Readiness::State { path, ready, failed } = &kind.readiness {
            let values = &api.at(kind.schema.as_deref().unwrap(), path).unwrap().values;
            for state in ready.iter().chain(failed) {
                assert!(values.contains(state), "{}: {state}", kind.name);
            }
        }
    }
}

#[test]
fn every_variable_has_a_source() {
    for kind in all() {
        let known = |variable: &str| {
            let first = variable.split(['.', '[']).next().unwrap_or(variable);
            matches!(first, "project" | "number" | "id") || kind.input(first).is_some()
        };
        let sent = calls(kind).into_iter().filter(|(word, _)| !matches!(*word, "operation" | "wait"));
        let mut templates: Vec<&str> = vec![&kind.collection, &kind.resource];
        templates.extend(kind.lock.as_deref());
        templates.extend(kind.group.as_ref().map(|group| group.key.as_str()));
        templates.extend(kind.predicted.values().map(String::as_str));
        for (_, call) in sent {
            templates.push(&call.path);
            templates.extend(call.query.values().map(String::as_str));
            templates.extend(call.body.values().filter_map(Value::as_str));
        }
        for template in templates {
            for variable in template::variables(template) {
                assert!(known(variable), "{}: {{{variable}}} in {template}", kind.name);
            }
        }
    }
}

#[test]
fn the_table_does_not_contradict_itself() {
    for kind in all() {
        for parent in &kind.parents {
            let listed = kind.output_only.contains(&parent.name) || kind.required.contains(&parent.name);
            assert!(!listed, "{}: {} is a parent", kind.name, parent.name);
            if let Some(referred) = &parent.kind {
                assert!(super::kind(referred).is_some(), "{}: {referred}", kind.name);
            }
        }
        if let Some(container) = &kind.container {
            let parent = kind.parents.iter().find(|parent| parent.name == container.property);
            assert_eq!(parent.unwrap().kind.as_ref(), Some(&container.kind), "{}", kind.name);
        }
        for path in kind.required.iter().chain(&kind.immutable).chain(&kind.sensitive) {
            assert!(!kind.output_only.contains(path), "{}: {path}", kind.name);
        }
        for path in kind.target_defaults.keys() {
            assert!(!kind.required.contains(path), "{}: {path} has a default", kind.name);
        }
        for path in &kind.base64_paths {
            let schema = kind.create_schema.as_deref().or(kind.schema.as_deref()).unwrap();
            let field = kind.api().unwrap().at(schema, path).unwrap();
            assert_eq!(field.format.as_deref(), Some("byte"), "{}: {path}", kind.name);
        }
        if kind.create.is_some() || kind.iam.is_some() {
            assert!(kind.seconds.create > 0 && kind.timeout_minutes.create > 0, "{}", kind.name);
        }
        assert!(kind.create.is_none() || kind.read.is_some(), "{} cannot be read", kind.name);
    }
}

#[test]
fn secrets_are_marked() {
    let sensitive = |name: &str| &kind(name).unwrap().sensitive;
    assert_eq!(sensitive("sqladmin.googleapis.com/User"), &["password"]);
    assert_eq!(sensitive("secretmanager.googleapis.com/SecretVersion"), &["payload.data"]);
    assert!(sensitive("sqladmin.googleapis.com/Instance").contains(&"rootPassword".to_owned()));
}

#[test]
fn unknown_kinds_are_suggested() {
    assert_eq!(nearest("run.googleapis.com/Servise"), Some("run.googleapis.com/Service"));
    assert_eq!(nearest("Bucket"), Some("storage.googleapis.com/Bucket"));
    assert_eq!(nearest("ec2.amazonaws.com/Instance"), None);
    assert!(kind("run.googleapis.com/service").is_none());
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{} {problem}", problem.code.as_str())).collect();
    lines.join("\n")
}

fn checked(name: &str, properties: Value) -> String {
    lines(&check(kind(name).unwrap(), &properties, &|value| value == "<opaque>"))
}

#[test]
fn good_declarations_pass() {
    let good = [
        (
            "run.googleapis.com/Service",
            json!({
                "location": "europe-west1",
                "template": {"containers": [{"image": "<opaque>"}], "vpcAccess": "<opaque>"},
            }),
        ),
        (
            "compute.googleapis.com/Subnetwork",
            json!({
                "name": "subnet", "network": "<opaque>", "ipCidrRange": "10.0.0.0/24",
                "privateIpGoogleAccess": true,
            }),
        ),
        (
            "compute.googleapis.com/GlobalAddress",
            json!({
                "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 16,
                "network": "<opaque>",
            }),
        ),
        (
            "servicenetworking.googleapis.com/Connection",
            json!({
                "network": "<opaque>", "reservedPeeringRanges": ["<opaque>"],
            }),
        ),
        (
            "sqladmin.googleapis.com/Instance",
            json!({
                "databaseVersion": "POSTGRES_16", "region": "<opaque>",
                "settings": {
                    "tier": "db-f1-micro", "edition": "ENTERPRISE", "dataDiskSizeGb": 10,
                    "ipConfiguration": {"ipv4Enabled": false, "privateNetwork": "<opaque>"},
                },
            }),
        ),
        ("sqladmin.googleapis.com/Database", json!({"instance": "<opaque>", "name": "mlflow"})),
        ("sqladmin.googleapis.com/User", json!({"instance": "<opaque>", "password": "<opaque>"})),
        ("secretmanager.googleapis.com/Secret", json!({"replication": {"automatic": {}}})),
        (
            "secretmanager.googleapis.com/SecretVersion",
            json!({
                "secret": "<opaque>", "payload": {"data": "plain text"},
            }),
        ),
        (
            "storage.googleapis.com/Bucket",
            json!({
                "location": "EU", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}},
            }),
        ),
        (
            "storage.googleapis.com/Object",
            json!({
                "bucket": "<opaque>", "name": "source/a.tar.gz", "content": {"anything": 1},
            }),
        ),
        ("artifactregistry.googleapis.com/Repository", json!({"format": "DOCKER"})),
        (
            "cloudbuild.googleapis.com/Build",
            json!({
                "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "."]}],
                "source": {"storageSource": {"bucket": "<opaque>", "object": "<opaque>"}},
                "images": ["<opaque>"], "serviceAccount": "<opaque>",
                "options": {"logging": "CLOUD_LOGGING_ONLY"},
            }),
        ),
        ("iam.googleapis.com/ServiceAccount", json!({"name": "mlflow", "displayName": "MLflow"})),
        (
            "run.googleapis.com/Job",
            json!({
                "template": {"template": {"containers": [{"image": "<opaque>"}], "maxRetries": 0}},
            }),
        ),
        ("run.googleapis.com/Execution", json!({"job": "<opaque>", "overrides": {"taskCount": 1}})),
        (
            "run.googleapis.com/ServiceIamMember",
            json!({
                "service": "<opaque>", "role": "roles/run.invoker", "member": "allUsers",
            }),
        ),
        (
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            json!({
                "role": "<opaque>", "member": "<opaque>",
                "condition": {"title": "t", "expression": "true"},
            }),
        ),
        ("serviceusage.googleapis.com/Service", json!({"name": "run.googleapis.com"})),
    ];
    for (name, properties) in good {
        assert_eq!(checked(name, properties), "", "{name}");
    }
}

#[test]
fn bad_declarations_are_told_where_and_why() {
    let bad = [
        (
            "run.googleapis.com/Service",
            json!({
                "name": "My_Service", "region": "x", "uri": "y", "etag": "z",
                "template": {"containers": [{"imag": "i"}], "volumes": [{"name": "v", "gcs": {}}]},
            }),
        ),
        ("run.googleapis.com/Service", json!({"location": 3})),
        ("sqladmin.googleapis.com/User", json!({"passwrod": "x", "type": "BUILT_INN"})),
        (
            "sqladmin.googleapis.com/Instance",
            json!({
                "databaseVersion": "POSTGRES_16", "settings": {"settingsVersion": "3"}, "connectionName": "c",
            }),
        ),
        (
            "secretmanager.googleapis.com/Secret",
            json!({
                "replication": {"automatic": {}, "userManaged": {"replicas": [{}]}},
            }),
        ),
        ("secretmanager.googleapis.com/SecretVersion", json!({"payload": {}})),
        ("serviceusage.googleapis.com/Service", json!({})),
        ("run.googleapis.com/ServiceIamMember", json!({"service": "s", "members": []})),
        (
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            json!({
                "role": "r", "member": "m", "condition": {"titel": "t"},
            }),
        ),
        ("compute.googleapis.com/Network", json!([])),
    ];
    let told: Vec<_> = bad
        .into_iter()
        .map(|(name, properties)| format!("# {name}\n{}", checked(name, properties)))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
# run.googleapis.com/Service
invalid-value name: `My_Service` holds `M`; a name is made of a-z0-9-
unknown-field region: there is no such property
unknown-field template.containers[0].imag: there is no such field; did you mean `image`?
missing-required template.containers[0].image: is required and missing
output-only uri: is set by Google and cannot be declared
output-only etag: is set by Google and cannot be declared
missing-required template.volumes[0].gcs.bucket: is required and missing
# run.googleapis.com/Service
wrong-type location: must be text, not a whole number
missing-required template: is required and missing
# sqladmin.googleapis.com/User
unknown-field passwrod: there is no such property; did you mean `password`?
unknown-enum type: `BUILT_INN` is not one of its values; did you mean `BUILT_IN`?
missing-required instance: is required and missing
# sqladmin.googleapis.com/Instance
output-only connectionName: is set by Google and cannot be declared
output-only settings.settingsVersion: is set by Google and cannot be declared
missing-required settings.tier: is required and missing
# secretmanager.googleapis.com/Secret
missing-required replication.userManaged.replicas[0].location: is required and missing
invalid-value replication.userManaged: cannot be declared together with `replication.automatic`
# secretmanager.googleapis.com/SecretVersion
missing-required secret: is required and missing
missing-required payload.data: is required and missing
# serviceusage.googleapis.com/Service
missing-required name: is required and missing
# run.googleapis.com/ServiceIamMember
unknown-field members: there is no such property; did you mean `member`?
missing-required member: is required and missing
missing-required role: is required and missing
# cloudresourcemanager.googleapis.com/ProjectIamMember
unknown-field condition.titel: there is no such field; did you mean `title`?
# compute.googleapis.com/Network
wrong-type the properties must be an object
"#);
}

#[test]
fn lookups_take_names_only() {
    let looked_up = |name: &str, properties: Value| {
        lines(&check_lookup(kind(name).unwrap(), &properties, &|value| value == "<opaque>"))
    };
    assert_eq!(looked_up("cloudresourcemanager.googleapis.com/Project", json!({})), "");
    assert_eq!(
        looked_up("sqladmin.googleapis.com/Database", json!({"name": "d", "instance": "<opaque>"})),
        ""
    );
    insta::assert_snapshot!(looked_up("run.googleapis.com/Service", json!({"nam": "s", "location": 1})), @r#"
wrong-type location: must be text
unknown-field nam: there is no such property to look it up by; did you mean `name`?
missing-required name: is required and missing
"#);
}

#[test]
fn attributes_are_googles_fields_the_inputs_and_what_is_predicted() {
    let problem = |name: &str, path: &[Step<'_>]| {
        check_attribute(kind(name).unwrap(), path).map(|problem| problem.to_string())
    };
    let (key, at) = (Step::Key, Step::Index);
    let service = "run.googleapis.com/Service";
    let fine: [(&str, &[Step<'_>]); 8] = [
        (service, &[key("uri")]),
        (service, &[key("resourceId")]),
        (service, &[key("location")]),
        (service, &[key("urls"), at(0)]),
        (service, &[key("labels"), key("team")]),
        (service, &[key("template"), key("containers"), at(0), key("image")]),
        ("sqladmin.googleapis.com/Instance", &[key("ipAddresses"), at(0), key("ipAddress")]),
        ("storage.googleapis.com/Bucket", &[key("name")]),
    ];
    for (name, path) in fine {
        assert_eq!(problem(name, path), None, "{name} {path:?}");
    }
    let wrong: [(&[Step<'_>], &str); 7] = [
        (&[key("url")], "url: there is no such attribute; did you mean `uri`?"),
        (&[key("zebra")], "zebra: there is no such attribute"),
        (
            &[key("template"), key("container"), at(0)],
            "template.container: there is no such attribute; did you mean `containers`?",
        ),
        (
            &[key("template"), key("containers"), key("image")],
            "template.containers: is a list: write `template.containers[0]` for its first element",
        ),
        (&[key("template"), at(0)], "template: is not a list"),
        (&[key("uri"), key("host")], "uri: is a plain value: there is nothing inside it"),
        (&[at(0)], "must begin with the name of an attribute"),
    ];
    for (path, expected) in wrong {
        assert_eq!(problem(service, path).as_deref(), Some(expected));
    }
}

#[test]
fn every_predicted_attribute_can_be_referred_to() {
    for kind in all() {
        for predicted in kind.predicted.keys() {
            let steps: Vec<_> = predicted
                .split(['.', '['])
                .map(|part| part.trim_end_matches(']'))
                .map(|part| part.parse().map_or(Step::Key(part), Step::Index))
                .collect();
            assert_eq!(check_attribute(kind, &steps), None, "{} {predicted}", kind.name);
        }
    }
}
