//! What the tests of this crate share: a host, a catalogue of few kinds, and guests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mlflow_host_graph::{Diagnostic, Kind, PropertyPath, Role};
use mlflow_host_program::{
    Catalogue, Failure, Inputs, Outcome, ProgramError, ProgramHost, ProgramHostConfig, is_opaque,
};
use serde_json::{Value as Json, json};

/// Knows `std/Value` with the property `value`, and `std/RandomPassword` with a numeric `length`.
pub(crate) struct FewKinds;

impl Catalogue for FewKinds {
    fn check(&self, kind: &Kind, properties: &Json, _role: Role) -> Vec<Diagnostic> {
        let known = match kind.as_str() {
            "std/Value" => "value",
            "std/RandomPassword" => "length",
            other => {
                let message = format!("There is no kind `{other}`. Did you mean `std/Value`?");
                return vec![Diagnostic::error("unknown-kind", message)];
            }
        };
        let properties = properties.as_object().cloned().unwrap_or_default();
        let unknown = properties.keys().filter(|name| *name != known).map(|name| {
            let message = format!("There is no property `{name}`. Did you mean `{known}`?");
            Diagnostic::error("unknown-property", message).at(name)
        });
        let ill_typed = properties
            .get("length")
            .filter(|length| !length.is_number() && !is_opaque(length))
            .map(|_| Diagnostic::error("wrong-type", "It must be a number.").at("length"));
        unknown.chain(ill_typed).collect()
    }

    fn check_attribute(&self, _: &Kind, _: &PropertyPath) -> Option<Diagnostic> {
        None
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The guest of many cases, compiled if need be.
pub(crate) fn hostile() -> &'static [u8] {
    static GUEST: LazyLock<Vec<u8>> = LazyLock::new(|| guest("hostile"));
    &GUEST
}

/// A guest of `tests/guests`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
        let directory = root().join("target/guests/for-tests");
        let status = Command::new(root().join("scripts/wasm-cargo"))
            .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
            .arg(root().join("tests/guests/Cargo.toml"))
            .env("GUEST_TARGET_DIR", &directory)
            .status()
            .expect("scripts/wasm-cargo runs");
        assert!(status.success(), "the guests of the tests compile: see scripts/wasm-cargo");
        directory
    });
    let file = format!("wasm32-unknown-unknown/release/{name}.wasm");
    std::fs::read(DIRECTORY.join(&file))
        .or_else(|_| std::fs::read(DIRECTORY.join("debian").join(&file)))
        .expect("scripts/wasm-cargo makes all of them")
}

/// Inputs that choose a case of the hostile guest.
pub(crate) fn inputs(case: &str) -> Inputs {
    Inputs {
        stack: "dev".to_owned(),
        project: "a-project".to_owned(),
        region: "europe-west1".to_owned(),
        config: [("case".to_owned(), json!(case))].into(),
        secret_keys: ["token".to_owned()].into(),
        assets_root: root(),
        private: Vec::new(),
    }
}

/// A host with little memory and patience.
pub(crate) fn host(fuel: Option<u64>) -> ProgramHost {
    let limits = mlflow_host_program::Limits { nodes: 2000, total: 64 << 20, ..Default::default() };
    let config = ProgramHostConfig {
        memory: 128 << 20,
        deadline: Duration::from_secs(5),
        cache_directory: Some(root().join("target/program-cache")),
        fuel,
        limits,
    };
    ProgramHost::new(config).expect("the sandbox can be set up")
}

/// Runs a program on a host.
pub(crate) fn run_on(host: &ProgramHost, program: &[u8], inputs: &Inputs) -> Result<Outcome, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(host.run(
        program.to_vec().into(),
        inputs,
        Arc::new(FewKinds),
    ))
}

/// Runs a program on a host that all tests share.
pub(crate) fn run(program: &[u8], inputs: &Inputs) -> Result<Outcome, Failure> {
    static HOST: LazyLock<ProgramHost> = LazyLock::new(|| host(None));
    run_on(&HOST, program, inputs)
}

/// The message of a run that fails, without the program's own lines, which its SDK adds.
pub(crate) fn message(program: &[u8], inputs: &Inputs) -> String {
    let said = run(program, inputs).expect_err("the run fails").to_string();
    let of_the_host: Vec<_> = said.lines().filter(|line| !line.starts_with("    ")).collect();
    of_the_host.join("\n")
}

/// All that is wrong with a case of the hostile guest, the last by its SDK.
pub(crate) fn all_problems(case: &str) -> Vec<String> {
    match run(hostile(), &inputs(case)).expect_err("the run fails").error {
        ProgramError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other}"),
    }
}

/// What the host finds wrong with a case of the hostile guest.
pub(crate) fn problems(case: &str) -> Vec<String> {
    let mut problems = all_problems(case);
    problems.retain(|problem| !problem.starts_with(REFUSED));
    problems
}

/// What the SDK adds to the problems, before its lines.
pub(crate) const REFUSED: &str = "The program failed: the host refused what these lines declare\n";
