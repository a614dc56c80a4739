//! The loader: whatever is in a file, the host says what is wrong with it, and goes on living.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mlflow_host_fuzz::campaign;
use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role};
use mlflow_host_program::{Catalogue, Inputs, ProgramHost, ProgramHostConfig, compose};
use serde_json::{Value as Json, json};
use wit_component::StringEncoding;
use wit_parser::Resolve;

struct Anything;

impl Catalogue for Anything {
    fn check(&self, _: &Kind, _: &Json, _: Role) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn check_attribute(&self, _: &Kind, _: &PropertyPath) -> Option<Diagnostic> {
        None
    }
}

/// The seeds, and the modules among them once more with the type of a stack and of a policy.
fn seeds() -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    let mut files: Vec<_> =
        fs::read_dir(here.join("seeds/loader")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let bytes = wat::parse_file(&file).unwrap();
        for world in ["stack", "policy"] {
            if bytes[4..8] != [1, 0, 0, 0] {
                continue;
            }
            let mut module = bytes.clone();
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_dir(here.join("../../wit")).unwrap();
            let world = resolve.select_world(&[package], Some(world)).unwrap();
            wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
                .unwrap();
            seeds.push(module);
        }
        seeds.push(bytes);
    }
    seeds
}

/// Says in words why a file is refused, and safely.
fn refused(message: &str) {
    assert!(message.ends_with('.') || message.contains('\n'), "{message}");
    assert!(!message.contains('\u{1b}') && message.len() < 100_000, "{message}");
}

#[test]
fn a_damaged_program_is_refused_in_words() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProgramHostConfig {
        memory: 16 << 20,
        deadline: Duration::from_millis(100),
        fuel: Some(1_000_000),
        ..ProgramHostConfig::default()
    };
    let host = ProgramHost::new(config).unwrap();
    let inputs = Inputs { stack: "dev".to_owned(), ..Inputs::default() };
    let seeds = seeds();
    let component = |name: &str| {
        wat::parse_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/loader").join(name)).unwrap()
    };
    // The first exports what the second imports.
    let (part, whole) = (component("nested.wat"), component("wasi.wat"));
    compose(&whole, &[("part.wasm", &part)]).unwrap();
    campaign(&seeds, 300, |bytes| {
        if let Err(failure) = runtime.block_on(host.run(bytes.to_vec().into(), &inputs, Arc::new(Anything))) {
            refused(&failure.to_string());
        }
        if let Err(failure) = runtime.block_on(host.review(bytes.to_vec().into(), &json!({}), &json!({}))) {
            assert!(!failure.to_string().is_empty());
        }
        for composed in [compose(bytes, &[("part.wasm", &part)]), compose(&whole, &[("part.wasm", bytes)])] {
            match composed {
                Ok(composed) => assert_eq!(composed[..4], *b"\0asm"),
                Err(error) => refused(&error.to_string()),
            }
        }
    });
}
