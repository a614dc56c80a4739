//! `mlflow-host state init`

use mlflow_host_gcp::{Bucket, Created, StorageError};
use serde_json::json;

use super::StackArguments;
use crate::config::BucketPath;
use crate::failure::{Failure, Result};
use crate::render::Reporter;
use crate::session::Session;

/// Make a bucket that states can be kept in
///
/// It is versioned, so that what is overwritten can be had back for 30 days;
/// never public; and access is given on the bucket, not on objects. It is made in
/// the project and region that the stack goes to. A bucket that the project has
/// already is left as it is.
///
/// Examples:
///   mlflow-host state init gs://my-team-state stacks/prod.wasm
///   mlflow-host state init gs://my-team-state/mlflow stacks/prod.wasm --cloud gcp --set project=my-project
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Init {
    /// The bucket, and where in it: gs://BUCKET[/PREFIX]
    #[arg(value_name = "gs://BUCKET", value_parser = parse)]
    path: BucketPath,

    #[command(flatten)]
    stack: StackArguments,
}

/// Reads a path in a bucket, for clap.
pub(super) fn parse(text: &str) -> Result<BucketPath, String> {
    BucketPath::parse(text).unwrap_or_else(|| Err("write it as gs://BUCKET/PREFIX".to_owned()))
}

impl Init {
    pub(super) async fn run(self, reporter: &dyn Reporter) -> Result<()> {
        let Self { path, stack } = self;
        let mut session = Session::without_program(stack.config()?, reporter);
        session.connect(true).await?;
        let access = session.access().ok_or_else(|| Failure::new("The local cloud does not run."))?;
        let (bucket, project) = (&path.bucket, &session.config.project);
        let made = Bucket::new(&access, bucket).create(&session.config.region).await;
        let (is_new, lacks) = match made {
            Ok(Created::New) => (true, Vec::new()),
            Ok(Created::AlreadyThere(lacks)) => (false, lacks),
            Err(StorageError::Taken) => {
                return Err(Failure::new(format!(
                    "The bucket `{bucket}` belongs to somebody else: names of buckets are shared by all users \
                     of Cloud Storage."
                ))
                .with_hint(format!("Choose another name, e.g., gs://{project}-{bucket}.")));
            }
            Err(StorageError::Denied(said)) => {
                return Err(Failure::new(format!(
                    "You may not make buckets in project {project}: {}.",
                    said.trim_end_matches('.')
                ))
                .with_hint(format!(
                    "Ask its owner to run `gcloud projects add-iam-policy-binding {project} \
                     --role=roles/storage.admin --member=user:YOU`, and see with `gcloud auth list` who you are."
                )));
            }
            Err(error) => {
                let said = error.to_string();
                return Err(Failure::new(format!(
                    "The bucket `{bucket}` cannot be made: {}.",
                    said.trim_end_matches('.')
                )));
            }
        };
        for clause in &lacks {
            reporter.notice(&format!("`{bucket}` is there already, but {clause}."));
        }
        let head = if is_new { "Made" } else { "There already:" };
        let text = format!(
            "{head} gs://{bucket}. To keep the state of the stack there, write into {}:\n\n    [state]\n    \
             store = \"{path}\"\n\nand, if it has a state already, before that: `mlflow-host state migrate {} \
             --to {path}`.\nWhoever shares the state needs its key: set MLFLOW_HOST_PASSPHRASE, or name a key \
             of Cloud KMS (`key = …` in `[state]`).\n",
            session.config.program.with_extension("toml").display(),
            session.config.program.display(),
        );
        let fields = json!({"bucket": bucket, "prefix": path.prefix, "isNew": is_new, "lacks": lacks});
        reporter.answer("bucket", fields, &text);
        Ok(())
    }
}
