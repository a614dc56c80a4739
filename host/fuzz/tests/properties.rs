//! Properties: whatever a program sends as JSON, it is declared or refused with a place.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mlflow_host_fuzz::campaign;
use mlflow_host_gcp_api::kinds;
use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role};
use mlflow_host_program::{Catalogue, Inputs, ProgramError, ProgramHost, ProgramHostConfig, is_opaque};
use serde_json::{Value as Json, json};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// Google's kinds.
struct Kinds;

impl Catalogue for Kinds {
    fn check(&self, kind: &Kind, properties: &Json, role: Role) -> Vec<Diagnostic> {
        let check = if role == Role::Lookup { kinds::check_lookup } else { kinds::check };
        let problems = check(kinds::kind(kind.as_str()).unwrap(), properties, &is_opaque);
        let diagnostic = |problem: mlflow_host_gcp_api::validate::Problem| {
            Diagnostic::error(problem.code.as_str(), problem.message).at(problem.path)
        };
        problems.into_iter().map(diagnostic).collect()
    }

    fn check_attribute(&self, _: &Kind, _: &PropertyPath) -> Option<Diagnostic> {
        None
    }
}

/// What is declared: which of them follows from the bytes of a case, so that it can be repeated.
const KINDS: &[&str] = &[
    "run.googleapis.com/Service",
    "storage.googleapis.com/Bucket",
    "sqladmin.googleapis.com/Instance",
    "compute.googleapis.com/Network",
    "monitoring.googleapis.com/AlertPolicy",
];

/// What a program can do with a JSON document; which of them follows from the bytes, too.
const ROLES: &[&str] = &["properties", "options", "lookup", "operands", "output"];

/// Hands over the document of the configuration in the role of the configuration. Before that it puts the key of the run
/// and a colon in the place of 17 `@` in a row: with `U+E000` before them, and a number and `U+E001` behind, they are a
/// reference (0 is a secret, 1 the result of a function), until damage has made something else of it.
fn guest() -> Vec<u8> {
    let text = r#"(module
            (import "mlflow-host:stack/config@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "mlflow-host:stack/config@0.1.0" "secret" (func $secret (param i32 i32 i32)))
            (import "mlflow-host:stack/graph@0.1.0" "call" (func $call (param i32 i32 i32 i32 i32)))
            (import "mlflow-host:stack/graph@0.1.0" "output" (func $output (param i32 i32 i32 i32 i32)))
            (import "mlflow-host:stack/graph@0.1.0" "lookup" (func $lookup (param i32 i32 i32 i32 i32 i32 i32)))
            (import "mlflow-host:stack/graph@0.1.0" "declare"
                (func $declare (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
            (memory (export "memory") 64)
            (data (i32.const 1024) "document")
            (data (i32.const 1040) "kind")
            (data (i32.const 1056) "role")
            (data (i32.const 1072) "token")
            (data (i32.const 1088) "it")
            (data (i32.const 1104) "{}")
            (data (i32.const 1120) "lower")
            (data (i32.const 1136) "[\"X\"]")
            (data (i32.const 1152) "join")
            (global $free (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $start i32)
                (local.set $start (global.get $free))
                (global.set $free (i32.and (i32.add (i32.add (local.get $start) (local.get 3)) (i32.const 7)) (i32.const -8)))
                (local.get $start))
            (func $fill (param $at i32) (param $length i32) (param $mark i32)
                (local $end i32) (local $run i32)
                (local.set $end (i32.add (local.get $at) (local.get $length)))
                (loop $next
                    (if (i32.ge_u (local.get $at) (local.get $end)) (then return))
                    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 64))
                        (then
                            (if (i32.lt_u (local.get $run) (i32.const 17)) (then
                                (i32.store8 (local.get $at)
                                    (i32.load8_u (i32.add (local.get $mark) (local.get $run))))))
                            (local.set $run (i32.add (local.get $run) (i32.const 1))))
                        (else (local.set $run (i32.const 0))))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br $next)))
            (func (export "run") (result i32)
                (local $text i32) (local $length i32) (local $kind i32) (local $kind-length i32) (local $role i32)
                (call $get (i32.const 1024) (i32.const 8) (i32.const 0))
                (local.set $text (i32.load (i32.const 4)))
                (local.set $length (i32.load (i32.const 8)))
                (call $get (i32.const 1040) (i32.const 4) (i32.const 0))
                (local.set $kind (i32.load (i32.const 4)))
                (local.set $kind-length (i32.load (i32.const 8)))
                (call $get (i32.const 1056) (i32.const 4) (i32.const 0))
                (local.set $role (i32.sub (i32.load8_u (i32.load (i32.const 4))) (i32.const 48)))
                (call $secret (i32.const 1072) (i32.const 5) (i32.const 0))
                ;; Behind U+E000.
                (call $fill (local.get $text) (local.get $length) (i32.add (i32.load (i32.const 4)) (i32.const 3)))
                (call $call (i32.const 1120) (i32.const 5) (i32.const 1136) (i32.const 5) (i32.const 64))
                (if (i32.eq (local.get $role) (i32.const 0)) (then
                    (call $declare (local.get $kind) (local.get $kind-length) (i32.const 1088) (i32.const 2)
                        (local.get $text) (local.get $length) (i32.const 1104) (i32.const 2) (i32.const 64))))
                (if (i32.eq (local.get $role) (i32.const 1)) (then
                    (call $declare (local.get $kind) (local.get $kind-length) (i32.const 1088) (i32.const 2)
                        (i32.const 1104) (i32.const 2) (local.get $text) (local.get $length) (i32.const 64))))
                (if (i32.eq (local.get $role) (i32.const 2)) (then
                    (call $lookup (local.get $kind) (local.get $kind-length) (i32.const 1088) (i32.const 2)
                        (local.get $text) (local.get $length) (i32.const 64))))
                (if (i32.eq (local.get $role) (i32.const 3)) (then
                    (call $call (i32.const 1152) (i32.const 4) (local.get $text) (local.get $length) (i32.const 64))))
                (if (i32.eq (local.get $role) (i32.const 4)) (then
                    (call $output (i32.const 1088) (i32.const 2) (local.get $text) (local.get $length) (i32.const 64))))
                (i32.store (i32.const 512) (i32.const 0))
                (i32.const 512)))"#;
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("stack")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

#[test]
fn odd_properties_are_refused_with_a_place() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let config =
        ProgramHostConfig { cache_directory: Some(cache.path().into()), ..ProgramHostConfig::default() };
    let host = ProgramHost::new(config).unwrap();
    let guest = guest();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/properties");
    let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let run = |kind: &str, role: usize, document: &str| {
        let entry = |name: &str, value: &str| (name.to_owned(), json!(value));
        let config = [entry("document", document), entry("kind", kind), entry("role", &role.to_string())];
        let inputs = Inputs {
            stack: "dev".to_owned(),
            config: config.into(),
            secret_keys: ["token".to_owned()].into(),
            ..Inputs::default()
        };
        runtime.block_on(host.run(guest.clone().into(), &inputs, Arc::new(Kinds)))
    };
    // References do arrive: a secret in a text, and the result of a function.
    let bucket = fs::read_to_string(directory.join("bucket.json")).unwrap();
    let resource = run(KINDS[1], 0, &bucket).unwrap().graph.resources.remove(0);
    assert_eq!(
        resource.properties.get("labels").unwrap().to_shown_json(),
        json!({"secret": {"$concatenation": ["of ", {"$secretConfig": "token"}]}, "lower": {"$call": "lower", "arguments": ["X"]}})
    );
    campaign(&seeds, 400, |bytes| {
        let document = String::from_utf8_lossy(bytes);
        let sum = bytes.iter().fold(0, |sum, &byte| sum + usize::from(byte));
        let (kind, number) = (KINDS[sum % KINDS.len()], sum / KINDS.len() % ROLES.len());
        let role = ROLES[number];
        match run(kind, number, &document) {
            Ok(outcome) => {
                let expected = match role {
                    "operands" => (0, 0),
                    "output" => (0, 1),
                    _ => (1, 0),
                };
                let graph = outcome.graph;
                assert_eq!((graph.resources.len(), graph.outputs.len()), expected, "{role}");
            }
            Err(failure) => match failure.error {
                ProgramError::Invalid(problems) => {
                    let placed = problems.iter().all(|problem| problem.subject.is_some());
                    assert!(placed, "{role}: {problems:#?}");
                }
                other => panic!("{role}: {other}"),
            },
        }
    });
}
