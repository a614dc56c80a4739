//! The component `mlflow` for stacks in every language: what the crate of that name does, behind `wit/mlflow.wit`.
//!
//! A stack imports `mlflow-host:mlflow/server`, and `mlflow-host build` puts this module and the stack's own
//! together in one file. Attributes cross between the two as the host's tokens, which are strings to both.

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
        contract::Settings {
            image: "mlflow/image".to_owned(),
            size: contract::Size::Small,
            sql_tier: None,
            availability: contract::Availability::Zonal,
            backups: None,
            protection: false,
            minimum_instances: 0,
            maximum_instances: 2,
            invokers: Vec::new(),
            authentication: contract::Authentication::None,
            environment: Vec::new(),
            bucket_location: None,
            configured: true,
            outputs: true,
        }
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

fn server(name: &str, settings: contract::Settings) -> MlflowServer {
    let mut server = MlflowServer::new(name)
        .image(&settings.image)
        .size(match settings.size {
            contract::Size::Small => Size::Small,
            contract::Size::Large => Size::Large,
        })
        .availability(match settings.availability {
            contract::Availability::Zonal => Availability::Zonal,
            contract::Availability::Regional => Availability::Regional,
        })
        .authentication(match settings.authentication {
            contract::Authentication::None => Authentication::None,
            contract::Authentication::Basic => Authentication::Basic,
        })
        .protection(settings.protection)
        .instances(Instances { minimum: settings.minimum_instances, maximum: settings.maximum_instances })
        .invokers(settings.invokers);
    if let Some(contract::Backups { nights, log_days }) = settings.backups {
        server = server.backups(Backups { nights, log_days });
    }
    if let Some(tier) = settings.sql_tier {
        server = server.sql_tier(&tier);
    }
    if let Some(location) = settings.bucket_location {
        server = server.bucket_location(&location);
    }
    settings.environment.iter().fold(server, |server, (name, value)| server.environment(name, value))
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
