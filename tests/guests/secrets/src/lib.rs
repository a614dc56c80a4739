//! Everything that can be done with a secret: an MLflow server with its generated password, and the secret
//! `token` of the configuration in Secret Manager, in the environment of a job, in strings, functions,
//! standard values and outputs.
//!
//! At its end the guest looks through its whole memory. What it looks for it must not know: the keys `masked`
//! (texts that must not be there) and `masked-canary` (one that must, the value of `canary`) hold them as
//! hexadecimal digits with every bit of the bytes flipped.

use mlflow::MlflowServer;
use mlflow_host_sdk::kinds::iam::ServiceAccount;
use mlflow_host_sdk::kinds::run::{
    Container, EnvVar, EnvVarSource, Execution, ExecutionTemplate, Job, SecretKeySelector, TaskTemplate,
};
use mlflow_host_sdk::kinds::secretmanager::{
    Automatic, Replication, Secret, SecretIamMember, SecretPayload, SecretVersion,
};
use mlflow_host_sdk::kinds::standard::Value;
use mlflow_host_sdk::{Error, Result, config, functions, log, output, stack};

stack!(run);

fn run() -> Result<()> {
    let server = MlflowServer::new("mlflow-dev").configured()?.declare()?;
    server.export();

    let token = config::require_secret("token")?;
    let secret = Secret::new()
        .replication(Replication::new().automatic(Automatic::new()))
        .depends_on("serviceusage.googleapis.com/Service::secretmanager")
        .declare("token");
    let version = SecretVersion::new()
        .secret(secret.resource_id())
        .payload(SecretPayload::new().data(token.to_string()))
        .declare("token");

    let account =
        ServiceAccount::new().depends_on("serviceusage.googleapis.com/Service::iam").declare("reader");
    let access = SecretIamMember::new()
        .secret(secret.resource_id())
        .role("roles/secretmanager.secretAccessor")
        .member(format!("serviceAccount:{}", account.email()))
        .declare("token");
    let selector = SecretKeySelector::new().secret(secret.resource_id()).version(version.resource_id());
    let variable = EnvVar::new().name("TOKEN").value_source(EnvVarSource::new().secret_key_ref(selector));
    let container =
        Container::new().image(&server.image).command(["sh", "-c", "test -n \"$TOKEN\""]).env([variable]);
    let task = TaskTemplate::new().containers([container]).service_account(account.email()).max_retries(0);
    let job = Job::new()
        .template(ExecutionTemplate::new().template(task))
        .depends_on("serviceusage.googleapis.com/Service::run")
        .depends_on(&access)
        .declare("token");
    Execution::new().job(job.resource_id()).declare("token");

    Value::new()
        .value([
            ("part", format!("https://user:{token}@example.com/")),
            ("url", functions::url_encode(&token).to_string()),
            ("base64", functions::base64(&token).to_string()),
            ("json", functions::json([("token", token.to_string())]).to_string()),
        ])
        .replace_on(&token)
        .declare("forms");
    output("token", &token);
    output("token-part", format!("Bearer {token}"));
    log::info(format!("The token is {token}."));

    // In the memory for as long as it is looked for.
    let canary = config::require("canary")?;
    let masked = config::list("masked")?.unwrap_or_default();
    let found = masked.iter().map(|text| occurrences(text)).sum::<Result<usize>>()?;
    output("secrets-in-memory", found.to_string());
    output("canaries-in-memory", occurrences(&config::require("masked-canary")?)?.to_string());
    output("canary", canary);
    Ok(())
}

/// How often a text is in the memory.
fn occurrences(masked: &str) -> Result<usize> {
    let bytes = (0..masked.len()).step_by(2).map(|at| u8::from_str_radix(&masked[at..at + 2], 16));
    let masked: Vec<u8> = bytes.collect::<Result<_, _>>()?;
    let Some(last) = memory_size().checked_sub(masked.len()).filter(|_| !masked.is_empty()) else {
        return Err(Error::new("There is nothing to look for."));
    };
    // Address 0 cannot be read in Rust; nothing is ever kept there.
    let at = |start: usize| masked.iter().enumerate().all(|(offset, byte)| !memory(start + offset) == *byte);
    Ok((1..=last).filter(|start| at(*start)).count())
}

#[cfg(target_arch = "wasm32")]
fn memory_size() -> usize {
    core::arch::wasm32::memory_size::<0>() << 16
}

#[cfg(target_arch = "wasm32")]
fn memory(address: usize) -> u8 {
    // SAFETY: the address is below the memory's size; every byte of it can be read.
    unsafe { core::ptr::read_volatile(address as *const u8) }
}

#[cfg(not(target_arch = "wasm32"))]
fn memory_size() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn memory(_: usize) -> u8 {
    0
}
