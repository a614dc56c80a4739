//! The journal as the executor sees it: entries take effect in memory at once and on disk in order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::record::{Entry, State};
use crate::store::{Store, StoreError};

/// Called when an entry, and with it every earlier one, is durable.
type Acknowledgement = oneshot::Sender<()>;

/// An entry on its way to the writer. Without an entry, only a wish to know when the earlier ones are durable.
type Sent = (Option<Entry>, Option<Acknowledgement>);

/// Writes entries through a [`Writer`]. Entries are durable in the order in which they were recorded, so
/// one that is waited for vouches for all before it.
pub(crate) struct Journal<'a> {
    state: Mutex<&'a mut State>,
    sender: mpsc::UnboundedSender<Sent>,
}

/// Writes what a [`Journal`] records, many entries at a time.
pub(crate) struct Writer<'a> {
    store: &'a dyn Store,
    receiver: mpsc::UnboundedReceiver<Sent>,
}

/// A journal over a state, and the writer that must run beside it.
pub(crate) fn open<'a>(state: &'a mut State, store: &'a dyn Store) -> (Journal<'a>, Writer<'a>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Journal { state: Mutex::new(state), sender }, Writer { store, receiver })
}

impl Journal<'_> {
    /// The state with everything recorded so far.
    pub(crate) fn state(&self) -> MutexGuard<'_, impl std::ops::DerefMut<Target = State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an entry without waiting for it.
    pub(crate) fn record(&self, entry: Entry) {
        self.send(entry, None);
    }

    /// Records an entry and waits until it is durable. Waits for ever when the writer has failed: the
    /// writer's error ends the run.
    pub(crate) async fn commit(&self, entry: Entry) {
        let (acknowledgement, durable) = oneshot::channel();
        self.send(entry, Some(acknowledgement));
        if durable.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells when everything recorded so far is durable.
    pub(crate) fn mark(&self) -> oneshot::Receiver<()> {
        let (acknowledgement, durable) = oneshot::channel();
        let _ = self.sender.send((None, Some(acknowledgement)));
        durable
    }

    fn send(&self, entry: Entry, acknowledgement: Option<Acknowledgement>) {
        self.state().apply(entry.clone());
        // The receiver is gone only when the writer has failed, and then the run is over.
        let _ = self.sender.send((Some(entry), acknowledgement));
    }
}

impl Writer<'_> {
    /// Writes until the journal is dropped.
    pub(crate) async fn run(mut self) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        while self.receiver.recv_many(&mut batch, 10_000).await > 0 {
            let (entries, acknowledgements): (Vec<Option<Entry>>, Vec<_>) = batch.drain(..).unzip();
            let entries: Vec<Entry> = entries.into_iter().flatten().collect();
            if !entries.is_empty() {
                self.store.append(&entries).await?;
            }
            for acknowledgement in acknowledgements.into_iter().flatten() {
                // Nobody waits any more when the run was stopped.
                let _ = acknowledgement.send(());
            }
        }
        Ok(())
    }
}
