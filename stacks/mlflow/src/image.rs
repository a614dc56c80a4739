//! The image of the server: built by Cloud Build when its directory changes, and only then.

use mlflow_host_sdk::kinds::artifactregistry::{Repository, RepositoryIamMember};
use mlflow_host_sdk::kinds::cloudbuild::{Build, BuildOptions, BuildStep, Source, StorageSource};
use mlflow_host_sdk::kinds::cloudresourcemanager::ProjectIamMember;
use mlflow_host_sdk::kinds::iam::ServiceAccountHandle;
use mlflow_host_sdk::kinds::storage::{BucketIamMember, BucketSoftDeletePolicy, Object};
use mlflow_host_sdk::{Output, Result, assets};

use crate::accounts::member;
use crate::apis::Apis;
use crate::artifacts::private_bucket;
use crate::scope::Scope;

pub(crate) struct Image {
    /// The image by its digest: what is deployed can never change behind a tag.
    pub(crate) reference: String,
    pub(crate) digest: Output,
}

impl Image {
    pub(crate) fn declare(
        scope: &Scope,
        apis: &Apis,
        directory: &str,
        builder: &ServiceAccountHandle,
    ) -> Result<Self> {
        let context = assets::directory(directory)?;

        let repository: Repository = scope.resource();
        let repository = repository
            .format("DOCKER")
            .description("Images of the MLflow server")
            .depends_on(&apis.artifact_registry)
            .declare(&scope.part("images"));
        let may_push: RepositoryIamMember = scope.resource();
        let may_push = may_push
            .repository(repository.resource_id())
            .role("roles/artifactregistry.writer")
            .member(member(builder))
            .declare(&scope.part("build"));

        let bucket = private_bucket(scope, apis)
            .location(&scope.region)
            // Sources can be packed again at any time.
            .soft_delete_policy(BucketSoftDeletePolicy::new().retention_duration_seconds(0))
            .property("forceDestroy", true)
            .declare(&scope.part("sources"));
        let may_read: BucketIamMember = scope.resource();
        let may_read = may_read
            .bucket(bucket.resource_id())
            .role("roles/storage.objectViewer")
            .member(member(builder))
            .declare(&scope.part("build"));
        let source: Object = scope.resource();
        let source = source
            .bucket(bucket.resource_id())
            .name(format!("image-{}.tar.gz", context.digest))
            .content(&context.archive)
            .declare(&scope.part("image"));

        let may_log: ProjectIamMember = scope.resource();
        let may_log = may_log
            .role("roles/logging.logWriter")
            .member(member(builder))
            .depends_on(&apis.resource_manager)
            .depends_on(&apis.logging)
            .declare(&scope.part("build"));

        let path =
            format!("{}-docker.pkg.dev/{}/{}/mlflow", scope.region, scope.project, repository.resource_id());
        // A tag for people to find a build by; the digest of the sources makes it unique.
        let tag = format!("{path}:{}", &context.digest[..12]);
        let build: Build = scope.resource();
        let build = build
            .source(Source::new().storage_source(
                StorageSource::new().bucket(bucket.resource_id()).object(source.resource_id()),
            ))
            .steps([BuildStep::new().name("gcr.io/cloud-builders/docker").args([
                "build",
                "--tag",
                tag.as_str(),
                ".",
            ])])
            .images([tag.as_str()])
            .timeout("1800s")
            .service_account(builder.name())
            // An account of one's own needs its own place for logs, or none but Cloud Logging.
            .options(BuildOptions::new().logging("CLOUD_LOGGING_ONLY"))
            // Google keeps the records of builds; the image goes with its repository.
            .retain_on_delete(true)
            .depends_on(&apis.build)
            .depends_on(&may_push)
            .depends_on(&may_read)
            .depends_on(&may_log)
            .declare(&scope.part("image"));

        let digest = build.attribute("results.images[0].digest");
        Ok(Self { reference: format!("{path}@{digest}"), digest })
    }
}
