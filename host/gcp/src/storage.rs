//! Objects of one bucket, with preconditions: for whoever keeps something in Cloud Storage for itself, as
//! the shared state does, and not as a resource of a stack.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use crate::client::{Body, Call, Client};
use crate::config::GcpConfig;
use crate::error::CallError;
use crate::operations::{self, Stage, Style};
use crate::tree::json_text;

const STORAGE: &str = "storage.googleapis.com";
const USAGE: &str = "serviceusage.googleapis.com";
/// Looks at the operation that enables an API; each waits for seconds.
const LOOKS: usize = 60;

/// Why a bucket or an object cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The precondition does not hold.
    #[error("the object is not as it was expected to be")]
    Precondition,
    /// There is no such bucket.
    #[error("there is no such bucket")]
    NoBucket,
    /// The bucket belongs to somebody else.
    #[error("the name of the bucket is taken by somebody else")]
    Taken,
    /// The caller may not do it.
    #[error("{0}")]
    Denied(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<CallError> for StorageError {
    fn from(error: CallError) -> Self {
        let said = || error.refusal().map_or_else(|| error.to_string(), |refusal| refusal.message.clone());
        match error.refusal().map_or(0, |refusal| refusal.status) {
            412 => Self::Precondition,
            404 if said().contains("bucket does not exist") => Self::NoBucket,
            401 | 403 => Self::Denied(said()),
            _ => Self::Failed(said()),
        }
    }
}

/// What [`Bucket::create`] has found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The bucket is new.
    New,
    /// The project had it already. What it lacks of what a new one would have, each as a clause.
    AlreadyThere(Vec<String>),
}

/// A bucket.
pub struct Bucket {
    client: Client,
    project: String,
    name: String,
}

impl Bucket {
    /// A bucket, which need not exist. Asks nobody anything.
    pub fn new(config: &GcpConfig, name: &str) -> Self {
        Self::over(Client::new(config), config, name)
    }

    /// A bucket behind any client.
    pub(crate) fn over(client: Client, config: &GcpConfig, name: &str) -> Self {
        Self { client, project: config.project.clone(), name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads an object: its generation and its content.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn read(&self, object: &str) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let call = Call::new(STORAGE, "GET", self.path(object)).query("alt", "media");
        match self.client.send(&call).await {
            Ok(answer) => match answer.generation {
                Some(generation) => Ok(Some((generation, answer.body))),
                None => Err(StorageError::Failed("the answer does not say which generation it is".into())),
            },
            Err(error) if error.is_status(404) => match StorageError::from(error) {
                StorageError::NoBucket => Err(StorageError::NoBucket),
                _ => Ok(None),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Writes an object if it has that generation; 0 stands for an object that is not there. A request whose
    /// answer is lost is sent again: then the precondition fails although the object has been written.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn write(&self, object: &str, content: &[u8], generation: u64) -> Result<u64, StorageError> {
        let mut call = Call::new(STORAGE, "POST", format!("upload/storage/v1/b/{}/o", self.name))
            .query("uploadType", "media")
            .query("name", object)
            .query("ifGenerationMatch", generation.to_string())
            .repeatable();
        call.body = Body::Media {
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            bytes: content.to_vec(),
        };
        let written = self.client.json(&call).await?;
        json_text(&written, "generation")
            .parse()
            .map_err(|_| StorageError::Failed("the answer does not say which generation it wrote".into()))
    }

    /// The names below a prefix, in the order of their bytes.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let items = self.items(prefix, &[("fields", "items(name),nextPageToken")]).await?;
        Ok(items.iter().map(|item| json_text(item, "name").to_owned()).collect())
    }

    /// Deletes an object that need not be there; with a generation, only if it has that one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn delete(&self, object: &str, generation: Option<u64>) -> Result<(), StorageError> {
        let mut call = Call::new(STORAGE, "DELETE", self.path(object));
        if let Some(generation) = generation {
            call = call.query("ifGenerationMatch", generation.to_string());
        }
        self.gone(&call).await
    }

    /// Deletes for good what the bucket keeps of earlier versions below a prefix.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn purge(&self, prefix: &str) -> Result<(), StorageError> {
        let query = [("versions", "true"), ("fields", "items(name,generation,timeDeleted),nextPageToken")];
        for item in self.items(prefix, &query).await? {
            if json_text(&item, "timeDeleted").is_empty() {
                continue;
            }
            let call = Call::new(STORAGE, "DELETE", self.path(json_text(&item, "name")))
                .query("generation", json_text(&item, "generation"));
            self.gone(&call).await?;
        }
        Ok(())
    }

    /// Makes the bucket for what nobody may lose and nobody else may read: versioned, with access by
    /// policies on the bucket only, never public. Earlier versions are kept for 30 days.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn create(&self, location: &str) -> Result<Created, StorageError> {
        let call = Call::new(STORAGE, "POST", "storage/v1/b").query("project", &self.project).json(json!({
            "name": self.name,
            "location": location,
            "versioning": {"enabled": true},
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": true},
                "publicAccessPrevention": "enforced",
            },
            // Versions are what brings things back; what is purged is to be gone.
            "softDeletePolicy": {"retentionDurationSeconds": "0"},
            "lifecycle": {"rule": [
                {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 30}},
            ]},
            "labels": {"managed-by": "mlflow-host"},
        }));
        let made = match self.client.send(&call).await {
            Err(error) if is_disabled(&error) => {
                self.enable().await?;
                self.client.send(&call).await
            }
            made => made,
        };
        match made {
            Ok(_) => Ok(Created::New),
            Err(error) if error.is_status(409) => self.own().await,
            Err(error) => Err(error.into()),
        }
    }

    /// What a bucket of this project lacks.
    async fn own(&self) -> Result<Created, StorageError> {
        let call = Call::new(STORAGE, "GET", "storage/v1/b")
            .query("project", &self.project)
            .query("prefix", &self.name);
        let own = self.client.json(&call).await?;
        let items = own.get("items").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let bucket = items.iter().find(|item| json_text(item, "name") == self.name);
        let bucket = bucket.ok_or(StorageError::Taken)?;
        const WANTED: [(&str, Json, &str); 2] = [
            ("/versioning/enabled", Json::Bool(true), "it is not versioned"),
            (
                "/iamConfiguration/uniformBucketLevelAccess/enabled",
                Json::Bool(true),
                "objects may have access lists of their own",
            ),
        ];
        let mut lacks: Vec<_> = WANTED
            .iter()
            .filter(|(pointer, wanted, _)| bucket.pointer(pointer) != Some(wanted))
            .map(|(.., clause)| (*clause).to_owned())
            .collect();
        if bucket.pointer("/iamConfiguration/publicAccessPrevention") != Some(&json!("enforced")) {
            lacks.push("it can be made public".to_owned());
        }
        Ok(Created::AlreadyThere(lacks))
    }

    async fn enable(&self) -> Result<(), StorageError> {
        let path = format!("v1/projects/{}/services/{STORAGE}:enable", self.project);
        let begun = self.client.json(&Call::new(USAGE, "POST", path).json(json!({})).repeatable()).await?;
        let operation = format!("v1/{}", json_text(&begun, "name"));
        let mut stage = operations::stage(Style::LongRunning, USAGE, &begun);
        for _ in 0..LOOKS {
            match stage {
                Stage::Done(_) => return Ok(()),
                Stage::Failed(refusal) => return Err(StorageError::Failed(refusal.message)),
                Stage::Running => {}
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let read = self.client.json(&Call::new(USAGE, "GET", operation.clone())).await?;
            stage = operations::stage(Style::LongRunning, USAGE, &read);
        }
        Err(StorageError::Failed(format!("{STORAGE} is still being enabled")))
    }

    async fn gone(&self, call: &Call) -> Result<(), StorageError> {
        match self.client.send(call).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_status(404) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn items(&self, prefix: &str, query: &[(&str, &str)]) -> Result<Vec<Json>, StorageError> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut call = Call::new(STORAGE, "GET", format!("storage/v1/b/{}/o", self.name));
            call = call.query("prefix", prefix);
            for (name, value) in query {
                call = call.query(name, *value);
            }
            if !token.is_empty() {
                call = call.query("pageToken", &token);
            }
            let mut page = self.client.json(&call).await?;
            token = json_text(&page, "nextPageToken").to_owned();
            if let Some(Json::Array(more)) = page.get_mut("items").map(Json::take) {
                items.extend(more);
            }
            if token.is_empty() {
                return Ok(items);
            }
        }
    }

    fn path(&self, object: &str) -> String {
        format!("storage/v1/b/{}/o/{}", self.name, utf8_percent_encode(object, NON_ALPHANUMERIC))
    }
}

/// Whether the project has the API not enabled.
fn is_disabled(error: &CallError) -> bool {
    error
        .refusal()
        .is_some_and(|refusal| ["SERVICE_DISABLED", "accessNotConfigured"].contains(&refusal.reason.as_str()))
}
