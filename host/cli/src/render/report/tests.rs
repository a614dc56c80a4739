use insta::assert_snapshot;
use mlflow_host_graph::{Options, Resource, Role};

use super::*;
use crate::config::PolicyLevel;
use crate::render::tests::{everything, heading};

fn graph(resources: &[(&str, &[&str])]) -> Graph {
    let resource = |(urn, needs): &(&str, &[&str])| Resource {
        urn: urn.parse().unwrap(),
        role: Role::Managed,
        parent: None,
        properties: mlflow_host_graph::PropertyMap::new(),
        options: Options {
            depends_on: needs.iter().map(|urn| urn.parse().unwrap()).collect(),
            ..Options::default()
        },
    };
    Graph { resources: resources.iter().map(resource).collect(), ..Graph::default() }
}

fn with_report<T>(message: &str, use_it: impl FnOnce(&Report<'_>) -> T) -> T {
    let text = |text: &str| text.to_owned();
    let digests = PlanDigests {
        tool: text("0.1.0"),
        stack: text("dev on gcp/mlflow-dev/europe-west1"),
        program: text("aaaa"),
        configuration: text("bbbb"),
        state: text("abcde#7"),
        sources: text("cccc"),
    };
    let violation = mlflow_host_program::Violation {
        urn: Some(text("storage.googleapis.com/Bucket::artifacts")),
        path: Some(text("location")),
        message: text(message),
    };
    let finding = Finding {
        policy: text("place"),
        level: PolicyLevel::Mandatory,
        digest: text("dd"),
        violations: vec![violation],
        more: 0,
    };
    let network = "compute.googleapis.com/Network::main";
    let bucket = "storage.googleapis.com/Bucket::artifacts";
    let service = "run.googleapis.com/Service::mlflow";
    let user = "sqladmin.googleapis.com/User::mlflow";
    let graph = graph(&[(service, &[bucket, user]), (network, &[]), (bucket, &[]), (user, &[network])]);
    let (heading, plan) = (heading(), everything());
    use_it(&Report { heading: &heading, plan: &plan, findings: &[finding], digests: &digests, graph: &graph })
}

#[test]
fn a_report_in_markdown() {
    assert_snapshot!(with_report("It belongs to the EU.", markdown::markdown));
}

#[test]
fn a_report_in_html() {
    assert_snapshot!(with_report("It belongs to the EU.", html::html));
}

#[test]
fn nothing_in_a_report_can_leave_its_place() {
    let hostile = "````\n# All is well\n<script>alert(1)</script><img src=x onerror=alert(1)>";
    let html = with_report(hostile, html::html);
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    let markdown = with_report(hostile, markdown::markdown);
    let fence = markdown.lines().find(|line| line.starts_with("`````")).map(str::to_owned);
    assert_eq!(fence.as_deref(), Some("`````"), "{markdown}");
    assert_eq!(markdown.lines().filter(|line| Some(*line) == fence.as_deref()).count(), 2);
}

#[test]
fn no_secret_is_in_a_report() {
    for text in [with_report("", markdown::markdown), with_report("", html::html)] {
        assert!(text.contains("[secret]") && !text.contains("hunter2"), "{text}");
    }
}
