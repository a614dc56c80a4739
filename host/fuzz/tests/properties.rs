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
    fn check(&self, kind: &Kind, properties: &Json, _: Role) -> Vec<Diagnostic> {
        let problems = kinds::check(kinds::kind(kind.as_str()).unwrap(), properties, &is_opaque);
        let diagnostic = |problem: mlflow_host_gcp_api::validate::Problem| {
            Diagnostic::error(problem.code.as_str(), problem.message).at(problem.path)
        };
        problems.into_iter().map(diagnostic).collect()
    }

    fn check_attribute(&self, _: &Kind, _: &PropertyPath) -> Option<Diagnostic> {
        None
    }
}

const KIND: &str = "run.googleapis.com/Service";

/// Declares a service with the properties, and with the options, that the configuration holds as text.
fn guest() -> Vec<u8> {
    let length = KIND.len();
    let text = format!(
        r#"(module
            (import "mlflow-host:stack/config@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "mlflow-host:stack/graph@0.1.0" "declare"
                (func $declare (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
            (memory (export "memory") 64)
            (data (i32.const 1024) "{KIND}")
            (data (i32.const 2048) "properties")
            (data (i32.const 2064) "options")
            (data (i32.const 2080) "it")
            (data (i32.const 2090) "{{}}")
            (global $free (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $start i32)
                (local.set $start (global.get $free))
                (global.set $free (i32.and (i32.add (i32.add (local.get $start) (local.get 3)) (i32.const 7)) (i32.const -8)))
                (local.get $start))
            (func (export "run") (result i32)
                (call $get (i32.const 2048) (i32.const 10) (i32.const 0))
                (call $declare (i32.const 1024) (i32.const {length}) (i32.const 2080) (i32.const 2)
                    (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 2090) (i32.const 2) (i32.const 64))
                (call $declare (i32.const 1024) (i32.const {length}) (i32.const 2081) (i32.const 1)
                    (i32.const 2090) (i32.const 2) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 64))
                (i32.store (i32.const 512) (i32.const 0))
                (i32.const 512)))"#
    );
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
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    campaign(&seeds, 300, |bytes| {
        let properties = String::from_utf8_lossy(bytes).into_owned();
        let inputs = Inputs {
            stack: "dev".to_owned(),
            config: [("properties".to_owned(), json!(properties))].into(),
            ..Inputs::default()
        };
        match runtime.block_on(host.run(guest.clone().into(), &inputs, Arc::new(Kinds))) {
            Ok(outcome) => assert_eq!(outcome.graph.resources.len(), 2),
            Err(failure) => match failure.error {
                ProgramError::Invalid(problems) => {
                    assert!(problems.iter().all(|problem| problem.subject.is_some()), "{problems:#?}");
                }
                other => panic!("{other}"),
            },
        }
    });
}
