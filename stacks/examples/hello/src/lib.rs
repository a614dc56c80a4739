//! The smallest stack.

use mlflow_host_sdk::kinds::standard::{RandomId, Value};
use mlflow_host_sdk::{Result, config, output, stack};

stack!(run);

fn run() -> Result<()> {
    let id = RandomId::new().byte_length(3).declare("id");
    let greeting = Value::new()
        .value(format!("Hello from {}, {}", config::stack().name, id.hexadecimal()))
        .declare("greeting");
    output("greeting", greeting.value());
    Ok(())
}
