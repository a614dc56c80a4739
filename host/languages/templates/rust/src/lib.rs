//! A bucket for artifacts, and who may read them.

use mlflow_host_sdk::kinds::storage::{Bucket, BucketIamMember};
use mlflow_host_sdk::{Result, config, output, stack};

stack!(run);

fn run() -> Result<()> {
    let stack = config::stack();
    let bucket = Bucket::new().location(&stack.region).protect(stack.name == "prod").declare("artifacts");
    for (index, reader) in config::list("readers")?.unwrap_or_default().into_iter().enumerate() {
        BucketIamMember::new()
            .bucket(bucket.resource_id())
            .role("roles/storage.objectViewer")
            .member(reader)
            .declare(&format!("reader-{index}"));
    }
    output("artifacts", format!("gs://{}", bucket.name()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use mlflow_host_sdk::testing::Fake;

    #[test]
    fn readers_may_read() {
        let recording = Fake::default().config("readers", "group:data@example.com").run(super::run).unwrap();
        let grant = recording.resource("storage.googleapis.com/BucketIamMember::reader-0").unwrap();
        assert_eq!(grant.properties["member"], "group:data@example.com");
        assert_eq!(recording.outputs["artifacts"], "gs://${storage.googleapis.com/Bucket::artifacts#name}");
    }
}
