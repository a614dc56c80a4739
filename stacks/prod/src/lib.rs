//! An MLflow that a team relies on: it survives the loss of a zone, can be restored to any second of a week,
//! always has an instance ready, and cannot be deleted by mistake.

use mlflow::{Availability, Backups, Instances, MlflowServer, Size};
use mlflow_host_sdk::{Result, stack};

stack!(run);

fn run() -> Result<()> {
    MlflowServer::new("mlflow-prod")
        .size(Size::Large)
        .availability(Availability::Regional)
        .backups(Backups { nights: 14, log_days: 7 })
        .instances(Instances { minimum: 1, maximum: 5 })
        .protection(true)
        .configured()?
        .declare()?
        .export();
    Ok(())
}
