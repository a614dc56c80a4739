//! A small map on disk: every change is durable before it is reported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::file::{self, FileError};

/// A persistent map from names to values, kept in one JSON file.
#[derive(Debug)]
pub(crate) struct Table<V> {
    path: PathBuf,
    rows: Mutex<BTreeMap<String, V>>,
}

impl<V> Table<V>
where
    V: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Opens the table in the file `path`, which need not exist yet.
    pub(crate) async fn open(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        let file = path.clone();
        let rows = file::blocking(move || file::read_json(&file)).await?;
        Ok(Self { path, rows: Mutex::new(rows.unwrap_or_default()) })
    }

    /// The value under `key`.
    pub(crate) async fn get(&self, key: &str) -> Option<V> {
        self.rows.lock().await.get(key).cloned()
    }

    /// All rows, by name.
    pub(crate) async fn rows(&self) -> BTreeMap<String, V> {
        self.rows.lock().await.clone()
    }

    /// Changes the rows under a lock and writes them if they differ. When `change` or the writing
    /// fails, nothing has changed.
    pub(crate) async fn update<R, E>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, V>) -> Result<R, E>,
    ) -> Result<R, E>
    where
        E: From<FileError>,
    {
        let mut rows = self.rows.lock().await;
        let mut changed = rows.clone();
        let result = change(&mut changed)?;
        if changed != *rows {
            let path = self.path.clone();
            let content = changed.clone();
            file::blocking::<_, FileError, _>(move || file::write_json(&path, &content)).await?;
            *rows = changed;
        }
        Ok(result)
    }

    /// Removes the row `key`, and returns what it held.
    pub(crate) async fn remove(&self, key: &str) -> Result<Option<V>, FileError> {
        self.update(|rows| Ok(rows.remove(key))).await
    }
}
