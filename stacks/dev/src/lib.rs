//! A small MLflow for trying out: cheap, and gone without a trace when it is destroyed.

use mlflow::{MlflowServer, Size};
use mlflow_host_sdk::{Result, stack};

stack!(run);

fn run() -> Result<()> {
    MlflowServer::new("mlflow-dev").size(Size::Small).configured()?.declare()?.export();
    Ok(())
}
