//! The smallest stack: a bucket, the API that it needs, and a greeting that names it.

use mlflow_host_sdk::kinds::serviceusage::Service;
use mlflow_host_sdk::kinds::standard::Value;
use mlflow_host_sdk::kinds::storage::Bucket;
use mlflow_host_sdk::{Result, config, output, stack};

stack!(run);

fn run() -> Result<()> {
    let storage = Service::new().name("storage.googleapis.com").retain_on_delete(true).declare("storage");
    let bucket = Bucket::new()
        .location(config::stack().region)
        .labels([("made-by", "hello")])
        .depends_on(&storage)
        .declare("box");
    let whom = config::get("whom").unwrap_or_else(|| "world".to_owned());
    let greeting = Value::new()
        .value(format!("Hello {whom}, your bucket is gs://{}", bucket.name()))
        .declare("greeting");
    output("greeting", greeting.value());
    Ok(())
}

#[cfg(test)]
mod tests {
    use mlflow_host_sdk::testing::Fake;

    #[test]
    fn the_greeting_names_the_bucket() {
        let recording = Fake::default().config("whom", "Ada").run(super::run).unwrap();
        let greeting = &recording.resource("std/Value::greeting").unwrap().properties["value"];
        assert_eq!(greeting, "Hello Ada, your bucket is gs://${storage.googleapis.com/Bucket::box#name}");
    }
}
