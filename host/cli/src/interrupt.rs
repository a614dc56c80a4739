//! Ctrl-C and SIGTERM: the first one stops the run in good order, the second one at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{Code, Failure, Result};
use crate::render::Reporter;

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

/// Waits for signals.
pub(crate) struct Listener<'a> {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    stop: watch::Sender<bool>,
    reporter: &'a dyn Reporter,
}

impl Listener<'_> {
    /// Does `work` and minds the signals meanwhile.
    pub(crate) async fn mind<T>(mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let mut asked = false;
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            if asked {
                // What is on its way is in the journal: the next run takes it up.
                std::process::exit(i32::from(Code::Failed.number()));
            }
            asked = true;
            self.reporter.notice("Stopping: nothing new is begun. Press Ctrl-C again to leave at once.");
            // The receiver is gone when the work has just ended.
            let _ = self.stop.send(true);
        }
    }
}
