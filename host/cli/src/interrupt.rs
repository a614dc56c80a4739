//! Ctrl-C and SIGTERM: the first one stops the run in good order, the second one at once. Before a run begins, the
//! first one ends the process.

use std::sync::Arc;
use std::time::Duration;

use mlflow_host_state::StateStore;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::failure::{Failure, Result};
use crate::render::Reporter;

/// How long the work may go on after the first signal. The engine takes less; what takes longer, e.g., a
/// store that does not answer, is left as it is. Whatever was begun is in the journal.
const PATIENCE: Duration = Duration::from_millis(750);

/// What shells add to the number of the signal that has ended a process.
const SHELL: i32 = 128;

/// How long after a signal the process has ended, whatever is still on its way.
const PROMISE: Duration = Duration::from_secs(1);

/// Listens from now on. The receiver turns true with the first signal.
///
/// # Errors
/// When the operating system does not let the process listen.
pub(crate) fn listen(reporter: &dyn Reporter) -> Result<(watch::Receiver<bool>, Listener<'_>)> {
    let (stop, stopped) = watch::channel(false);
    let (interrupt, terminate) = signals()?;
    Ok((stopped, Listener { interrupt, terminate, stop, reporter }))
}

fn signals() -> Result<(Signal, Signal)> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(format!("Cannot listen for signals: {error}.")));
    Ok((listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
}

/// Minds the signals while a lock is held and nothing has been begun, e.g., while somebody is asked. It ends
/// when it is dropped.
pub(crate) struct Watch(AbortHandle);

impl Watch {
    /// Begins: a signal gives the lock back and ends the process, as it would have ended it.
    ///
    /// # Errors
    /// When the operating system does not let the process listen.
    pub(crate) fn over(store: Arc<dyn StateStore>) -> Result<Self> {
        let (mut interrupt, mut terminate) = signals()?;
        let watch = tokio::spawn(async move {
            let number = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            };
            // What does not answer in time lets the lock go by itself.
            let _ = tokio::time::timeout(PROMISE, store.release()).await;
            std::process::exit(SHELL + number.as_raw_value());
        });
        Ok(Self(watch.abort_handle()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
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
    /// Does `work` and minds the signals meanwhile.
    ///
    /// # Errors
    /// When the work was left as it is: by then the process has to end. What is on its way is in the journal,
    /// and the next run takes it up.
    pub(crate) async fn mind<T>(mut self, work: impl Future<Output = T>) -> Result<T, Instant> {
        tokio::pin!(work);
        tokio::select! {
            result = &mut work => return Ok(result),
            () = signalled(&mut self.interrupt, &mut self.terminate) => {}
        }
        self.reporter.notice("Stopping: nothing new is begun. Press Ctrl-C again to leave at once.");
        // The receiver is gone when the work has just ended.
        let _ = self.stop.send(true);
        let first = Instant::now();
        tokio::select! {
            result = &mut work => Ok(result),
            () = signalled(&mut self.interrupt, &mut self.terminate) => Err(Instant::now() + PROMISE),
            () = tokio::time::sleep(PATIENCE) => Err(first + PROMISE),
        }
    }
}
