//! Ctrl-C and SIGTERM: the first one stops the run in good order, the second one at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// How long the work may go on after the first signal. The engine takes less; what takes longer, e.g., a
/// store that does not answer, is left as it is. Whatever was begun is in the journal.
const PATIENCE: Duration = Duration::from_millis(750);

/// How long giving back the lock may take when the work was left as it is: with [`PATIENCE`], a second.
pub(crate) const FAREWELL: Duration = Duration::from_millis(250);

/// Listens from now on. The receiver turns true with the first signal.
///
/// # Errors
/// When the operating system does not let the process listen.
pub(crate) fn listen(reporter: &dyn Reporter) -> Result<(watch::Receiver<bool>, Listener<'_>)> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(format!("Cannot listen for signals: {error}.")));
    let (stop, stopped) = watch::channel(false);
    let listener = Listener {
        interrupt: listen(SignalKind::interrupt())?,
        terminate: listen(SignalKind::terminate())?,
        stop,
        reporter,
    };
    Ok((stopped, listener))
}

async fn signalled(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Waits for signals.
pub(crate) struct Listener<'a> {
    interrupt: Signal,
    terminate: Signal,
    stop: watch::Sender<bool>,
    reporter: &'a dyn Reporter,
}

impl Listener<'_> {
    /// Does `work` and minds the signals meanwhile. `None` when it was left as it is: what is on its way is in
    /// the journal, and the next run takes it up.
    pub(crate) async fn mind<T>(mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            result = &mut work => return Some(result),
            () = signalled(&mut self.interrupt, &mut self.terminate) => {}
        }
        self.reporter.notice("Stopping: nothing new is begun. Press Ctrl-C again to leave at once.");
        // The receiver is gone when the work has just ended.
        let _ = self.stop.send(true);
        tokio::select! {
            result = &mut work => Some(result),
            () = signalled(&mut self.interrupt, &mut self.terminate) => None,
            () = tokio::time::sleep(PATIENCE) => None,
        }
    }
}
