//! Prints how long a stack takes from its bytes to its graph: compiled anew, from the cache, and in a
//! fresh host each time, as the command line does it. Then how much fuel it uses, twice: it must be the same.
//!
//! `cargo run --release -p mlflow-host-program --example start stacks/examples/hello.wasm`

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role};
use mlflow_host_program::{Catalogue, Inputs, ProgramHost, ProgramHostConfig};
use serde_json::Value as Json;

struct Anything;

impl Catalogue for Anything {
    fn check(&self, _: &Kind, _: &Json, _: Role) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn check_attribute(&self, _: &Kind, _: &PropertyPath) -> Option<Diagnostic> {
        None
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: start STACK.wasm")?;
    let program = std::fs::read(&file)?;
    let inputs = Inputs {
        stack: "dev".to_owned(),
        region: "europe-west1".to_owned(),
        assets_root: std::path::Path::new(&file).parent().map(Into::into).unwrap_or_default(),
        ..Inputs::default()
    };
    let cache = tempfile::tempdir()?;
    for round in ["compiled", "cached", "cached"] {
        let config = ProgramHostConfig { cache_directory: Some(cache.path().into()), ..Default::default() };
        let start = Instant::now();
        let host = ProgramHost::new(config)?;
        let ready = start.elapsed();
        let outcome = host.run(program.clone().into(), &inputs, Arc::new(Anything)).await?;
        println!(
            "{round}: host {:.1} ms, program {:.1} ms, {} resources",
            ready.as_secs_f64() * 1e3,
            (start.elapsed() - ready).as_secs_f64() * 1e3,
            outcome.graph.resources.len()
        );
        // The cache is written in the background.
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let config = ProgramHostConfig {
        cache_directory: Some(cache.path().into()),
        fuel: Some(u64::MAX / 2),
        ..Default::default()
    };
    let host = ProgramHost::new(config)?;
    for _ in 0..2 {
        let outcome = host.run(program.clone().into(), &inputs, Arc::new(Anything)).await?;
        println!("fuel: {} units", outcome.fuel.unwrap_or_default());
    }
    Ok(())
}
