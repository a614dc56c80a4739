//! What a bucket must be able to do. Whoever knows a provider implements it.

use std::io;

use async_trait::async_trait;
use mlflow_host_engine::StoreError;

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Changes whenever the object is written, and grows.
    pub generation: u64,
    /// Its content.
    pub content: Vec<u8>,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// There is no such object.
    Absent,
    /// The object has this generation.
    Generation(u64),
}

impl Precondition {
    /// That an object is as it was read.
    pub(crate) fn unchanged(object: Option<&Object>) -> Self {
        object.map_or(Self::Absent, |object| Self::Generation(object.generation))
    }
}

/// Why an object cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The precondition does not hold: nothing was written by this request, or by an earlier attempt of it.
    #[error("the object is not as it was expected to be")]
    Precondition,
    /// There is no such bucket.
    #[error("there is no such bucket")]
    NoBucket,
    /// The bucket lets this caller not do it.
    #[error("permission is denied: {0}")]
    Forbidden(String),
    /// Anything else. Whether a write has happened is not known.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// The objects of one bucket. Reads see every write that has ended before, as Cloud Storage's do.
#[async_trait]
pub trait ObjectAccess: Send + Sync {
    /// The bucket's name.
    fn bucket(&self) -> &str;

    /// Reads an object with its generation; `None` when there is none.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn get(&self, name: &str) -> Result<Option<Object>, ObjectError>;

    /// Writes an object, whole or not at all. Returns its new generation.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn put(&self, name: &str, content: &[u8], when: Precondition) -> Result<u64, ObjectError>;

    /// The names that begin with `prefix`, in the order of their bytes.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError>;

    /// Removes an object that need not be there; with a generation, only if it has that one.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn delete(&self, name: &str, generation: Option<u64>) -> Result<(), ObjectError>;

    /// Removes every earlier version that the bucket still keeps of the objects below `prefix`.
    ///
    /// # Errors
    /// [`ObjectError`].
    async fn purge(&self, prefix: &str) -> Result<(), ObjectError>;
}

/// An error in the words of the engine. `place` is `gs://…`.
pub(crate) fn failed(
    action: &'static str,
    objects: &dyn ObjectAccess,
    place: String,
) -> impl Fn(ObjectError) -> StoreError + use<> {
    let bucket = objects.bucket().to_owned();
    move |error| match error {
        ObjectError::NoBucket => StoreError::Unreachable {
            place: place.clone(),
            reason: format!("there is no bucket `{bucket}`"),
            remedy: format!("Make it with `mlflow-host state init gs://{bucket}`."),
        },
        ObjectError::Forbidden(said) => StoreError::Unreachable {
            place: place.clone(),
            reason: format!("you may not {action} there ({})", said.trim_end_matches('.')),
            remedy: format!(
                "Ask the owner of the bucket to run `gcloud storage buckets add-iam-policy-binding gs://{bucket} \
                 --role=roles/storage.objectUser --member=user:YOU`, and see with `gcloud auth list` who you \
                 are. If the bucket is not your team's, choose another name."
            ),
        },
        ObjectError::Precondition => StoreError::Io {
            action,
            place: place.clone(),
            source: io::Error::other("somebody else has written it a moment ago"),
        },
        ObjectError::Failed(source) => StoreError::Io { action, place: place.clone(), source },
    }
}
