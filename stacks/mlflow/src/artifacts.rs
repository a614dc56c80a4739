//! The bucket with the artifacts.

use mlflow_host_sdk::kinds::iam::ServiceAccountHandle;
use mlflow_host_sdk::kinds::storage::{
    Bucket, BucketHandle, BucketIamConfiguration, BucketIamConfigurationUniformBucketLevelAccess,
    BucketIamMember, BucketIamMemberHandle, BucketLifecycle, BucketLifecycleRule, BucketLifecycleRuleAction,
    BucketLifecycleRuleCondition, BucketSoftDeletePolicy, BucketVersioning,
};

use crate::MlflowServer;
use crate::accounts::member;
use crate::apis::Apis;
use crate::scope::Scope;

const DAY: i64 = 24 * 60 * 60;

pub(crate) struct Artifacts {
    pub(crate) bucket: BucketHandle,
    /// What must exist before the server can use the bucket.
    pub(crate) access: BucketIamMemberHandle,
}

impl Artifacts {
    pub(crate) fn declare(
        scope: &Scope,
        apis: &Apis,
        server: &MlflowServer,
        runtime: &ServiceAccountHandle,
    ) -> Self {
        let days = if server.protection { 30 } else { 0 };
        let mut bucket = private_bucket(scope, apis)
            .location(server.bucket_location.as_deref().unwrap_or(&scope.region))
            .versioning(BucketVersioning::new().enabled(server.protection))
            .soft_delete_policy(BucketSoftDeletePolicy::new().retention_duration_seconds(days * DAY))
            .protect(server.protection);
        bucket = if server.protection {
            bucket.lifecycle(superseded_after(90))
        } else {
            bucket.property("forceDestroy", true)
        };
        let bucket = bucket.declare(&scope.part("artifacts"));

        let access: BucketIamMember = scope.resource();
        let access = access
            .bucket(bucket.resource_id())
            .role("roles/storage.objectUser")
            .member(member(runtime))
            .declare(&scope.part("artifacts"));

        Self { bucket, access }
    }
}

/// A bucket that can never be public, with access by IAM alone.
pub(crate) fn private_bucket(scope: &Scope, apis: &Apis) -> Bucket {
    let uniform = BucketIamConfigurationUniformBucketLevelAccess::new().enabled(true);
    let access = BucketIamConfiguration::new()
        .uniform_bucket_level_access(uniform)
        .public_access_prevention("enforced");
    let bucket: Bucket = scope.resource();
    bucket.iam_configuration(access).depends_on(&apis.storage)
}

/// Deletes what has been overwritten or deleted this many days ago. Never by age alone: that would delete
/// artifacts that are in use.
fn superseded_after(days: i32) -> BucketLifecycle {
    BucketLifecycle::new().rule([BucketLifecycleRule::new()
        .action(BucketLifecycleRuleAction::new().type_("Delete"))
        .condition(BucketLifecycleRuleCondition::new().days_since_noncurrent_time(days))])
}
