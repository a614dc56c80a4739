//! Resumable uploads: a session is a description and a growing file, so it survives a restart.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::{self, Checksums, Summary};
use super::{NewObject, Object, ObjectError, Objects, Upload};
use crate::data::file::{self, FileError};

/// Cloud Storage forgets a session after a week.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// What is kept about a session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    bucket: String,
    object: NewObject,
    begun: Timestamp,
    /// The result, once complete: a client that missed the answer asks again.
    written: Option<Object>,
}

impl Objects {
    /// Begins a resumable upload; returns its session id (URL-safe).
    pub(crate) async fn begin_upload(&self, bucket: &str, object: NewObject) -> Result<String, ObjectError> {
        object.conditions.check(self.live(bucket, &object.name).as_ref())?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.write_session(
            &id,
            Session { bucket: bucket.to_owned(), object, begun: Timestamp::now(), written: None },
        )
        .await?;
        Ok(id)
    }

    /// Appends a chunk that begins at `offset`. `total` is the whole length where known: when it is
    /// reached the object is written. Bytes sent again are skipped, and what arrived before a
    /// broken stream is kept, so the client goes on from [`Upload::Incomplete`].
    pub(crate) async fn append<E: std::fmt::Display>(
        &self,
        session: &str,
        offset: u64,
        total: Option<u64>,
        content: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<Upload, ObjectError> {
        let lock = self.session_lock(session);
        let _lock = lock.lock().await;
        let mut found = self.read_session(session).await?;
        if let Some(object) = found.written {
            return Ok(Upload::Complete(Box::new(object)));
        }
        let received = self.received(session).await;
        if offset > received {
            return Err(ObjectError::Gap { offset, received });
        }
        let path = self.part_path(session);
        let mut checksums = Checksums::default();
        content::append(&path, content, received - offset, total, &mut checksums).await?;
        let received = self.received(session).await;
        if total != Some(received) {
            return Ok(Upload::Incomplete { received });
        }
        // One request brought everything: its checksums are those of the object.
        let summary =
            if checksums.size() == received { checksums.finish() } else { Summary::of_file(&path).await? };
        let object = self.commit(&found.bucket, found.object.clone(), &path, summary).await?;
        found.written = Some(object.clone());
        self.write_session(session, found).await?;
        Ok(Upload::Complete(Box::new(object)))
    }

    /// How far an upload has come.
    pub(crate) async fn upload(&self, session: &str) -> Result<Upload, ObjectError> {
        match self.read_session(session).await?.written {
            Some(object) => Ok(Upload::Complete(Box::new(object))),
            None => Ok(Upload::Incomplete { received: self.received(session).await }),
        }
    }

    /// The bucket an upload goes to.
    pub(crate) async fn upload_bucket(&self, session: &str) -> Result<String, ObjectError> {
        Ok(self.read_session(session).await?.bucket)
    }

    /// Cancels an upload and drops its bytes.
    pub(crate) async fn cancel_upload(&self, session: &str) -> Result<(), ObjectError> {
        self.read_session(session).await?;
        file::remove_file(&self.part_path(session))?;
        file::remove_file(&self.session_path(session))?;
        self.forget_session_lock(session);
        Ok(())
    }

    /// Deletes sessions that are older than a week; called when the store is opened.
    pub(super) async fn expire_uploads(&self) -> Result<(), ObjectError> {
        let directory = self.uploads_directory();
        for id in file::names_with_suffix(&directory, ".json")? {
            let session = self.read_session(&id).await;
            let age = session.map(|session| Timestamp::now().duration_since(session.begun));
            if !age.is_ok_and(|age| age.unsigned_abs() < LIFETIME) {
                file::remove_file(&self.part_path(&id))?;
                file::remove_file(&self.session_path(&id))?;
            }
        }
        Ok(())
    }

    async fn received(&self, session: &str) -> u64 {
        tokio::fs::metadata(self.part_path(session)).await.map_or(0, |metadata| metadata.len())
    }

    async fn read_session(&self, id: &str) -> Result<Session, ObjectError> {
        let unknown = || ObjectError::NoSession(id.to_owned());
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown());
        }
        let path = self.session_path(id);
        file::blocking::<_, FileError, _>(move || file::read_json(&path)).await?.ok_or_else(unknown)
    }

    async fn write_session(&self, id: &str, session: Session) -> Result<(), ObjectError> {
        let path = self.session_path(id);
        Ok(file::blocking::<_, FileError, _>(move || file::write_json(&path, &session)).await?)
    }

    fn session_path(&self, id: &str) -> PathBuf {
        self.uploads_directory().join(format!("{id}.json"))
    }

    fn part_path(&self, id: &str) -> PathBuf {
        self.uploads_directory().join(format!("{id}.part"))
    }
}
