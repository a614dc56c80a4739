//! The component `mlflow` for stacks that are not in Rust: what the crate of that name does, behind `wit/mlflow.wit`.
//!
//! A stack imports `mlflow-host:mlflow/server`, and `mlflow-host build --with` puts this module and the stack's
//! own together in one file. Attributes cross between the two as the host's tokens, which are strings to both.

#![cfg(target_family = "wasm")]

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "component" });
}

use bindings::exports::mlflow_host::mlflow::server as contract;
use mlflow::{Authentication, Availability, Backups, Instances, Mlflow, MlflowServer, Size};
use mlflow_host_sdk::Result;

struct Component;

impl contract::Guest for Component {
    fn defaults() -> contract::Settings {
        settings(MlflowServer::new(""))
    }

    fn declare(name: String, settings: contract::Settings) -> std::result::Result<contract::Mlflow, String> {
        declare(&name, settings).map_err(|error| error.message().to_owned())
    }
}

bindings::export!(Component with_types_in bindings);

fn declare(name: &str, settings: contract::Settings) -> Result<contract::Mlflow> {
    let (configured, outputs) = (settings.configured, settings.outputs);
    let mut server = server(name, settings);
    if configured {
        server = server.configured()?;
    }
    let mlflow = server.declare()?;
    if outputs {
        mlflow.export();
    }
    Ok(declared(mlflow))
}

/// What a server is set to; of `configured` and `outputs`, which a server does not have, that both are wanted.
fn settings(server: MlflowServer) -> contract::Settings {
    contract::Settings {
        image: server.image,
        size: match server.size {
            Size::Small => contract::Size::Small,
            Size::Large => contract::Size::Large,
        },
        sql_tier: server.sql_tier,
        availability: match server.availability {
            Availability::Zonal => contract::Availability::Zonal,
            Availability::Regional => contract::Availability::Regional,
        },
        backups: server.backups.map(|Backups { nights, log_days }| contract::Backups { nights, log_days }),
        protection: server.protection,
        minimum_instances: server.instances.minimum,
        maximum_instances: server.instances.maximum,
        invokers: server.invokers,
        authentication: match server.authentication {
            Authentication::None => contract::Authentication::None,
            Authentication::Basic => contract::Authentication::Basic,
        },
        environment: server.environment.into_iter().collect(),
        bucket_location: server.bucket_location,
        configured: true,
        outputs: true,
    }
}

fn server(name: &str, settings: contract::Settings) -> MlflowServer {
    MlflowServer {
        name: name.to_owned(),
        image: settings.image,
        size: match settings.size {
            contract::Size::Small => Size::Small,
            contract::Size::Large => Size::Large,
        },
        sql_tier: settings.sql_tier,
        availability: match settings.availability {
            contract::Availability::Zonal => Availability::Zonal,
            contract::Availability::Regional => Availability::Regional,
        },
        backups: settings.backups.map(|contract::Backups { nights, log_days }| Backups { nights, log_days }),
        protection: settings.protection,
        instances: Instances { minimum: settings.minimum_instances, maximum: settings.maximum_instances },
        invokers: settings.invokers,
        authentication: match settings.authentication {
            contract::Authentication::None => Authentication::None,
            contract::Authentication::Basic => Authentication::Basic,
        },
        environment: settings.environment.into_iter().collect(),
        bucket_location: settings.bucket_location,
    }
}

fn declared(mlflow: Mlflow) -> contract::Mlflow {
    contract::Mlflow {
        url: mlflow.url.into(),
        bucket: mlflow.bucket.into(),
        image: mlflow.image,
        image_digest: mlflow.image_digest.into(),
        sql_connection_name: mlflow.sql_connection_name.into(),
        administrator_secret: mlflow.administrator_secret.map(Into::into),
    }
}
