//! What can be done with a state besides running a stack on it.

use std::sync::Arc;

use async_trait::async_trait;
use mlflow_host_engine::{Entry, Holder, State, Store, StoreError};

use crate::keys::{KeyRing, KeySource, Wrap};

/// A store that its owner can look after. Whoever changes something holds the lock.
#[async_trait]
pub trait StateStore: Store {
    /// Where the state is, for messages: a path, or `gs://…`.
    fn place(&self) -> String;

    /// Who holds the lock.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn holder(&self) -> Result<Option<Holder>, StoreError>;

    /// Gives back the lock that this process holds, before its guard is dropped: for a process that ends at
    /// once. Nothing is written afterwards. In a directory the operating system sees to it.
    ///
    /// # Errors
    /// [`StoreError`]; then the lock goes by itself.
    async fn release(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Takes the lock away from whoever holds it, and says who that was. The holder then writes nothing
    /// more.
    ///
    /// # Errors
    /// [`StoreError`]; in a directory, whenever somebody holds it, since the operating system releases the
    /// lock of a process that has ended.
    async fn unlock(&self) -> Result<Option<Holder>, StoreError>;

    /// Goes back to the snapshot before the last one, and forward again through the journal as far as it
    /// is whole. Returns what was left out.
    ///
    /// # Errors
    /// [`StoreError`], when there is nothing to go back to.
    async fn restore(&self) -> Result<Vec<String>, StoreError>;

    /// Takes the state away from here, and says where it can still be found.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn retire(&self) -> Result<String, StoreError>;

    /// The state as a document that [`crate::import`] reads, with its secrets sealed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn export(&self, state: &State) -> Result<String, StoreError>;

    /// Seals everything with a new data key, wrapped as `wrap` says or as before. Nothing that is left
    /// can be opened with the old key.
    ///
    /// # Errors
    /// [`StoreError`]. Interrupted, it leaves a state that opens with either key.
    async fn rekey(&self, state: &State, wrap: Option<Wrap>) -> Result<(), StoreError>;
}

/// What a store must offer for its keys to be changed.
#[async_trait]
pub(crate) trait Vault: Store {
    /// What opens keys.
    fn source(&self) -> &KeySource;
    /// The data keys, made if there are none.
    async fn ring_or_new(&self) -> Result<Arc<KeyRing>, StoreError>;
    /// Writes `keys.json` and uses these keys from now on.
    async fn change_ring(&self, ring: KeyRing) -> Result<(), StoreError>;
    /// Removes every copy but the snapshot.
    async fn drop_copies(&self) -> Result<(), StoreError>;
}

/// See [`StateStore::rekey`].
pub(crate) async fn rekey(vault: &dyn Vault, state: &State, wrap: Option<Wrap>) -> Result<(), StoreError> {
    let old = vault.ring_or_new().await?;
    let old = if old.is_changing {
        // An earlier change was interrupted: with a third key nobody could tell what is sealed with which.
        finish(vault, state, KeyRing::clone(&old)).await?
    } else {
        old
    };
    let wrap = match wrap {
        Some(wrap) => wrap,
        None => vault.source().same_wrap(&old.stored)?,
    };
    let new = vault.source().create_with(&wrap).await?;
    let both = new.clone().beside(&old);
    vault.change_ring(both.clone()).await?;
    finish(vault, state, both).await?;
    Ok(())
}

/// Seals everything with the first key of a ring, and throws the others away.
async fn finish(vault: &dyn Vault, state: &State, ring: KeyRing) -> Result<Arc<KeyRing>, StoreError> {
    vault.compact(state).await?;
    vault.drop_copies().await?;
    vault.change_ring(ring.first_alone()).await?;
    vault.ring_or_new().await
}

/// Puts a state into a store that has none, or in place of the one that it has.
///
/// # Errors
/// [`StoreError`].
pub async fn replace(store: &dyn Store, state: &State) -> Result<(), StoreError> {
    let mut entries = Vec::new();
    if store.load().await?.is_none() {
        entries.push(state.genesis());
    }
    entries.push(Entry::Replaced { state: Box::new(state.clone()) });
    store.append(&entries).await
}
