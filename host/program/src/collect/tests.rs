use super::*;

/// Takes everything but the attribute `template.nmae`, and does not like the property `old`.
struct Anything;

impl Catalogue for Anything {
    fn check(&self, _: &Kind, properties: &Json, _: Role) -> Vec<Diagnostic> {
        let warning = Diagnostic::error("old", "it is no longer used").at("old");
        let warning = Diagnostic { severity: Severity::Warning, ..warning };
        properties.get("old").map(|_| warning).into_iter().collect()
    }

    fn check_attribute(&self, _: &Kind, path: &PropertyPath) -> Option<Diagnostic> {
        let is_wrong = path.to_string().starts_with("template.nmae");
        is_wrong.then(|| Diagnostic::error("unknown-field", "there is no such attribute").at("template.nmae"))
    }
}

fn collector(limits: Limits) -> Collector {
    Collector::new(Arc::new(Anything), Arc::new(Inputs::default()), limits, &[3; 32])
}

fn options_problem(options: &str) -> String {
    let mut collector = collector(Limits::default());
    collector.component("test:group", "group", None).unwrap();
    collector.declare("std/Value", "value", "{}", "{}").unwrap();
    collector.declare("std/Value", "other", "{}", options).unwrap_err().message
}

#[test]
fn wrong_options_are_named() {
    let cases = [
        (r#"{"dependOn": []}"#, "There is no option `dependOn`. Did you mean `dependsOn`?"),
        (r#"{"protect": "yes"}"#, "The option `protect` must be `true` or `false`."),
        (r#"{"dependsOn": 1}"#, "The option `dependsOn` must be a list."),
        (r#"{"dependsOn": [7]}"#, "There is no node 7 in this run."),
        (r#"{"dependsOn": [-1]}"#, "There is no node 18446744073709551615 in this run."),
        (r#"{"dependsOn": [0]}"#, "`group` is a component; a resource is needed here."),
        (
            r#"{"dependsOn": ["x"]}"#,
            "`x` is not a URN: write it as KIND::NAME, e.g., `run.googleapis.com/Service::mlflow`.",
        ),
        (r#"{"parent": 1}"#, "`std/Value::value` is a resource; a component is needed here."),
        (r#"{"ignoreChanges": ["a["]}"#, "`a[` is not a property path: an index does not end."),
        (r#"{"aliases": [1]}"#, "The option `aliases` must be a list of URNs."),
        (
            r#"{"aliases": ["x"]}"#,
            "`x` is not a URN: write it as KIND::NAME, e.g., `run.googleapis.com/Service::mlflow`.",
        ),
        (
            r#"{"import": true}"#,
            "The option `import` must be the full resource name of an existing resource.",
        ),
        (
            r#"{"timeoutMinutes": 0}"#,
            "The option `timeoutMinutes` must be a number of minutes, from above 0 to 10080.",
        ),
        (
            r#"{"timeoutMinutes": "5"}"#,
            "The option `timeoutMinutes` must be a number of minutes, from above 0 to 10080.",
        ),
        ("[]", "The options must be a JSON object."),
    ];
    for (options, expected) in cases {
        assert_eq!(options_problem(options), format!("std/Value::other: {expected}"));
    }
    assert!(options_problem("{").contains("The options cannot be read as JSON"));
}

#[test]
fn a_resource_may_have_had_other_names_exist_already_and_take_its_time() {
    let mut collector = collector(Limits::default());
    let options = r#"{"aliases": ["std/Value::old", "std/Value::older"], "import": "projects/p/x", "timeoutMinutes": 1.5}"#;
    collector.declare("std/Value", "new", "{}", options).unwrap();
    let (graph, _) = collector.finish().unwrap();
    let options = &graph.resources[0].options;
    let aliases: Vec<_> = options.aliases.iter().map(ToString::to_string).collect();
    assert_eq!(aliases, ["std/Value::old", "std/Value::older"]);
    assert_eq!(options.import.as_deref(), Some("projects/p/x"));
    assert_eq!(options.timeout_seconds, Some(90));
}

#[test]
fn a_dependency_on_what_is_not_declared_is_found_at_the_end() {
    let mut collector = collector(Limits::default());
    let options = r#"{"dependsOn": ["std/Value::absent"]}"#;
    collector.declare("std/Value", "value", "{}", options).unwrap();
    let problems = collector.finish().unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "std/Value::value: It depends on `std/Value::absent`, which is not declared."
    );
}

#[test]
fn what_a_refused_call_would_have_given_may_be_used_after_it_only() {
    let properties = r#"{"value": "x\ue000\ue001"}"#;
    let refusal = collector(Limits::default()).declare("std/Value", "a", properties, "{}").unwrap_err();
    assert_eq!(refusal.code, "mangled-reference");
    assert_eq!(refusal.path.as_deref(), Some("value"));
    let mut collector = collector(Limits::default());
    collector.attribute(9, "uri").unwrap_err();
    collector.declare("std/Value", "a", properties, "{}").unwrap();
    assert_eq!(collector.finish().unwrap_err().len(), 1);
}

#[test]
fn attributes_functions_and_outputs_are_checked() {
    let mut collector = collector(Limits::default());
    let node = collector.declare("std/Value", "a", "{}", "").unwrap();
    let message = |result: Result<String, Refusal>| result.unwrap_err().message;
    assert!(
        message(collector.attribute(node, "a[")).ends_with("is not a property path: an index does not end.")
    );
    assert_eq!(
        message(collector.attribute(node, "template.nmae.x")),
        "std/Value::a: `template.nmae`: there is no such attribute"
    );
    assert!(message(collector.attribute(node, "")).ends_with("An attribute needs a path, e.g., `uri`."));
    assert!(
        message(collector.call("rot13", "[]")).contains("There is no function `rot13`; there are `base64`")
    );
    assert!(message(collector.call("lower", "[]")).ends_with("`lower` takes 1 operand, not 0 operands."));
    assert!(message(collector.call("lower", "{}")).ends_with("The operands must be a JSON list."));
    assert_eq!(collector.output("a b", "1").unwrap_err().code, "bad-name");
    collector.output("a", "1").unwrap();
    assert_eq!(collector.output("a", "1").unwrap_err().code, "duplicate-name");
    assert_eq!(collector.component("k", "c", Some(node)).unwrap_err().code, "not-a-component");
    assert_eq!(collector.declare("Value", "b", "{}", "").unwrap_err().code, "bad-name");
    assert_eq!(collector.declare("std/Value", "b", "[]", "").unwrap_err().code, "bad-json");
}

#[test]
fn limits_hold() {
    let small = Limits { nodes: 3, json: 20, total: 2000, problems: 1, ..Limits::default() };
    let mut first = collector(small.clone());
    assert_eq!(
        first.declare("std/Value", "a", r#"{"value": "0123456789"}"#, "{}").unwrap_err().code,
        "too-large"
    );
    first.declare("std/Value", "b", "{}", "{}").unwrap();
    first.component("k", "c", None).unwrap();
    assert_eq!(first.declare("std/Value", "d", "{}", "{}").unwrap_err().code, "too-many-resources");
    let codes: Vec<_> = first.finish().unwrap_err().into_iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["too-large", "too-many-problems"]);

    // Each token holds the one before it twice: without a budget this would double without end.
    let mut second = collector(small);
    let refused = refused_while_joining(&mut second, 40, |collector, token| {
        let operands = json!(["", token, token]).to_string();
        collector.limits.json = operands.len();
        operands
    });
    assert_eq!(refused.as_deref(), Some("too-large"));
}

/// The code with which one of so many calls is refused, each of which joins what the one before has given.
fn refused_while_joining(
    collector: &mut Collector,
    times: usize,
    operands: impl Fn(&mut Collector, &str) -> String,
) -> Option<String> {
    let mut token = collector.call("lower", r#"["x"]"#).unwrap();
    (0..times).find_map(|_| {
        let operands = operands(collector, &token);
        match collector.call("join", &operands) {
            Ok(next) => {
                token = next;
                None
            }
            Err(refusal) => Some(refusal.code),
        }
    })
}

#[test]
fn words_of_the_program_are_safe_to_print() {
    let mut collector = collector(Limits::default());
    let refusal = collector.declare("\u{1b}[2J", &"x".repeat(5000), "{}", "{}").unwrap_err();
    assert!(!refusal.message.contains('\u{1b}'));
    assert!(refusal.message.len() < 4000);
}

/// The code of a refusal.
fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    result.unwrap_err().code
}

#[test]
fn every_text_of_a_program_is_bounded() {
    let limits = Limits::default();
    let large = format!(r#"{{"value": "{}"}}"#, "x".repeat(limits.json));
    let long = "x".repeat(limits.name + 1);
    let mut collector = collector(limits);
    let node = collector.declare("std/Value", "a", "{}", "{}").unwrap();
    assert_eq!(code(collector.declare("std/Value", "b", &large, "{}")), "too-large");
    assert_eq!(code(collector.declare("std/Value", "c", "{}", &large)), "too-large");
    assert_eq!(code(collector.declare(&format!("std/{long}"), "d", "{}", "{}")), "too-large");
    assert_eq!(code(collector.declare("std/Value", &long, "{}", "{}")), "too-large");
    assert_eq!(code(collector.lookup("std/Value", "e", &large)), "too-large");
    assert_eq!(code(collector.call("lower", &large)), "too-large");
    assert_eq!(code(collector.output("f", &large)), "too-large");
    assert_eq!(code(collector.attribute(node, &long)), "too-large");
    assert!(collector.directory(&long, "{}").unwrap_err().contains("at most 500 are allowed"));
    assert!(collector.directory("src", &large).unwrap_err().contains("bytes of JSON"));
    assert!(collector.describe(&large).len() <= 1 << 20);
}

#[test]
fn patterns_are_few_and_short() {
    let mut collector = collector(Limits::default());
    let mut message = |ignore: Json| collector.directory("src", &json!({ "ignore": ignore }).to_string());
    assert_eq!(
        message(json!(vec!["x"; 501])).unwrap_err(),
        "the directory `src`: The option `ignore` has 501 patterns; at most 500 are allowed."
    );
    assert_eq!(
        message(json!(["x".repeat(501)])).unwrap_err(),
        "the directory `src`: The pattern has 501 bytes; at most 500 are allowed."
    );
    assert!(message(json!(vec!["x"; 500])).is_ok());
}

#[test]
fn what_options_hold_counts() {
    // Short texts, each of which means something longer: nodes, and paths of many steps.
    let limits = Limits { total: 15_000, ..Limits::default() };
    let node = |collector: &mut Collector, name: &str| {
        collector.declare("std/Value", name, "{}", "{}").unwrap();
    };
    let mut first = collector(limits.clone());
    (0..50).for_each(|index| node(&mut first, &format!("{index}-{}", "x".repeat(90))));
    let nodes: Vec<_> = (0..50).collect();
    let options = json!({ "dependsOn": nodes }).to_string();
    let refused = (0..10)
        .find_map(|index| first.declare("std/Value", &format!("dependent-{index}"), "{}", &options).err());
    assert_eq!(refused.unwrap().code, "too-large");
    let path = vec!["a"; 1000].join(".");
    let mut second = collector(limits);
    assert_eq!(
        code(second.declare("std/Value", "a", "{}", &json!({ "ignoreChanges": [path] }).to_string())),
        "too-large"
    );
}

#[test]
fn what_tokens_mean_is_weighed_before_it_is_copied() {
    // A hundred thousand tokens in a text, each of which stands for as many: copied, that would be 10^20 bytes.
    let mut collector = collector(Limits::default());
    let refused = refused_while_joining(&mut collector, 4, |_, token| {
        json!(["", token.repeat((1 << 20) / token.len() - 1)]).to_string()
    });
    assert_eq!(refused.as_deref(), Some("too-large"));
}

#[test]
fn problems_of_one_value_are_few() {
    // Each of the cut references is named by a path that is 25 KB long.
    let mut collector = collector(Limits::default());
    let key = "k".repeat(500);
    let cut = json!(vec!["\u{E000}"; 80_000]);
    let properties = (0..50).fold(cut, |inner, _| json!({ &key: inner })).to_string();
    assert_eq!(code(collector.declare("std/Value", "a", &properties, "{}")), "mangled-reference");
    assert!(collector.finish().unwrap_err().len() <= 51);
}

#[test]
fn what_is_refused_counts_as_well() {
    let mut collector = collector(Limits { nodes: 6, ..Limits::default() });
    assert_eq!(code(collector.declare("std/Value", "a", "[]", "{}")), "bad-json");
    assert_eq!(code(collector.declare("std/Value", "", "{}", "{}")), "bad-name");
    assert_eq!(code(collector.component("no kind", "a", None)), "bad-name");
    assert_eq!(code(collector.component("kind", "a", Some(7))), "unknown-node");
    assert_eq!(code(collector.output("a", "no JSON")), "bad-json");
    assert_eq!(code(collector.lookup("std/Value", "b", "no JSON")), "bad-json");
    for index in 0..10 {
        let name = format!("later-{index}");
        assert_eq!(code(collector.declare("std/Value", &name, "{}", "{}")), "too-many-resources");
        assert_eq!(code(collector.component("kind", &name, None)), "too-many-resources");
        assert_eq!(code(collector.output(&name, "1")), "too-many-resources");
    }
    assert_eq!((collector.names.len(), collector.component_names.len()), (2, 0));
}

#[test]
fn warnings_are_kept_up_to_a_number() {
    let mut collector = collector(Limits { problems: 2, ..Limits::default() });
    for name in ["a", "b", "c", "d", "e"] {
        collector.declare("std/Value", name, r#"{"old": 1}"#, "{}").unwrap();
    }
    let (_, warnings) = collector.finish().unwrap();
    let warnings: Vec<_> = warnings.iter().map(|warning| (warning.severity, warning.to_string())).collect();
    assert_eq!(
        warnings,
        [
            (Severity::Warning, "std/Value::a: `old`: it is no longer used".to_owned()),
            (Severity::Warning, "std/Value::b: `old`: it is no longer used".to_owned()),
            (Severity::Warning, "There are 3 more.".to_owned()),
        ]
    );
}

#[test]
fn keys_are_short() {
    // Google's description has maps of messages: each unknown field would be named by a path that holds the key.
    let mut collector = collector(Limits::default());
    let properties = json!({"cleanupPolicies": {"k".repeat(501): {"x": 1}}}).to_string();
    let refusal = collector.declare("std/Value", "a", &properties, "{}").unwrap_err();
    assert_eq!(refusal.message, "std/Value::a: The key has 501 bytes; at most 500 are allowed.");
    assert_eq!(collector.finish().unwrap_err().len(), 1);
}
