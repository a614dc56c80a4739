//! Progress: bars and spinners on a terminal, one line an event elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlflow_host_engine::{Action, Event, Observer, OperationId, Plan};

use super::text::{expected, sign, subject, verb};
use super::{Paint, duration, print_error};

/// What is said about an operation.
#[derive(Debug)]
struct Label {
    action: Action,
    subject: String,
    expected: String,
}

/// Turns events into lines.
#[derive(Debug)]
struct Lines {
    labels: Vec<Label>,
    paint: Paint,
}

impl Lines {
    fn new(plan: &Plan, timed: bool, paint: Paint) -> Self {
        let label = |operation: &mlflow_host_engine::Operation| Label {
            action: operation.action,
            subject: subject(operation),
            expected: if timed { expected(operation.expected_milliseconds) } else { String::new() },
        };
        Self { labels: plan.operations.iter().map(label).collect(), paint }
    }

    /// `+ create storage.googleapis.com/Bucket::artifacts`
    fn name(&self, OperationId(id): OperationId) -> String {
        self.labels.get(id).map_or_else(String::new, |label| {
            let head = format!("{} {:<10}", sign(label.action), verb(label.action));
            format!("{} {}", self.paint.action(label.action, &head), label.subject)
        })
    }

    fn expected(&self, OperationId(id): OperationId) -> &str {
        self.labels.get(id).map_or("", |label| label.expected.as_str())
    }

    /// The lines that say what happened; those that stay on the screen.
    fn of(&self, event: &Event) -> Option<String> {
        let paint = self.paint;
        Some(match event {
            Event::Recovering { what } => format!("{} taking up again: {what}\n", paint.careful("↻")),
            Event::Notice { message } => format!("{} {message}\n", paint.dim("·")),
            Event::Started { .. } | Event::Running { .. } => return None,
            Event::Finished { id, elapsed, unchanged } => {
                let unchanged = if *unchanged { ", nothing to do after all" } else { "" };
                let took = paint.dim(&format!("{}{unchanged}", duration(*elapsed)));
                format!("{} {}  {took}\n", paint.good("✓"), self.name(*id))
            }
            Event::Failed { id, elapsed, message, hint } => {
                let took = paint.dim(&format!("after {}", duration(*elapsed)));
                let hint = hint.as_ref().map_or_else(String::new, |hint| format!("    hint: {hint}\n"));
                let message = message.trim_end().replace('\n', "\n    ");
                format!("{} {}  {took}\n    {message}\n{hint}", paint.bad("✗"), self.name(*id))
            }
            Event::Deferred { id, reason, retry_at } => format!(
                "{} {}  has to wait\n    {reason}\n    Come back after {retry_at}.\n",
                paint.careful("…"),
                self.name(*id)
            ),
            Event::Skipped { id, because } => {
                format!(
                    "{} {}  {}\n",
                    paint.dim("○"),
                    self.name(*id),
                    paint.dim(&format!("not begun: {because}"))
                )
            }
        })
    }
}

/// Whoever shows progress. `live` says whether standard error is a terminal.
pub(super) fn progress(plan: &Plan, timed: bool, paint: Paint, live: bool) -> Box<dyn Observer> {
    let lines = Lines::new(plan, timed, paint);
    if live { Box::new(Bars::new(lines)) } else { Box::new(Plain { lines, notes: Mutex::default() }) }
}

/// Every event is a line of its own.
struct Plain {
    lines: Lines,
    /// The last note of each operation: a note that is repeated is not news.
    notes: Mutex<HashMap<OperationId, String>>,
}

impl Plain {
    fn text(&self, event: &Event) -> Option<String> {
        match event {
            Event::Started { id } => {
                let expected = self.lines.expected(*id);
                let usually =
                    if expected.is_empty() { String::new() } else { format!("  usually {expected}") };
                Some(format!("  {} …{usually}\n", self.lines.name(*id)))
            }
            Event::Running { note, .. } if note.is_empty() => None,
            Event::Running { id, note } => {
                let last = locked(&self.notes).insert(*id, note.clone());
                (last.as_ref() != Some(note)).then(|| format!("  {}: {note}\n", self.lines.name(*id)))
            }
            event => self.lines.of(event),
        }
    }
}

impl Observer for Plain {
    fn observe(&self, event: Event) {
        if let Some(text) = self.text(&event) {
            print_error(&text);
        }
    }
}

/// A bar for every operation at work and one for the whole; what has ended moves up as a line.
struct Bars {
    lines: Lines,
    screen: MultiProgress,
    whole: ProgressBar,
    running: Mutex<HashMap<OperationId, ProgressBar>>,
}

const TICK: Duration = Duration::from_millis(120);

impl Bars {
    fn new(lines: Lines) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let whole = screen.add(ProgressBar::new(lines.labels.len() as u64));
        whole.set_style(style("  {pos} of {len} done · {elapsed}"));
        if !lines.labels.is_empty() {
            whole.enable_steady_tick(TICK);
        }
        Self { lines, screen, whole, running: Mutex::default() }
    }

    fn start(&self, id: OperationId) {
        let bar = self.screen.insert_before(&self.whole, ProgressBar::new_spinner());
        let expected = self.lines.expected(id);
        let of = if expected.is_empty() { String::new() } else { format!(" of {expected}") };
        bar.set_style(style("{spinner} {prefix}  {elapsed}{msg}"));
        bar.set_prefix(self.lines.name(id));
        bar.set_message(of);
        bar.enable_steady_tick(TICK);
        locked(&self.running).insert(id, bar);
    }

    fn note(&self, id: OperationId, note: &str) {
        if let Some(bar) = locked(&self.running).get(&id) {
            let expected = self.lines.expected(id);
            let of = if expected.is_empty() { String::new() } else { format!(" of {expected}") };
            let note = if note.is_empty() { String::new() } else { format!(" · {note}") };
            bar.set_message(format!("{of}{note}"));
        }
    }

    fn end(&self, id: OperationId) {
        if let Some(bar) = locked(&self.running).remove(&id) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        self.whole.inc(1);
    }
}

impl Observer for Bars {
    fn observe(&self, event: Event) {
        match &event {
            Event::Started { id } => self.start(*id),
            Event::Running { id, note } => self.note(*id, note),
            Event::Finished { id, .. }
            | Event::Failed { id, .. }
            | Event::Deferred { id, .. }
            | Event::Skipped { id, .. } => self.end(*id),
            Event::Recovering { .. } | Event::Notice { .. } => {}
        }
        if let Some(text) = self.lines.of(&event) {
            // The screen may have gone; the run goes on.
            let _ = self.screen.println(text.trim_end());
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in locked(&self.running).values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}

/// Something that takes a while. What a terminal shows of it goes when this is dropped.
pub(crate) struct Busy(Option<ProgressBar>);

impl Busy {
    /// A line that moves, with the time that has gone by.
    pub(super) fn on_terminal(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {msg}  {elapsed}"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(TICK);
        Self(Some(bar))
    }

    /// Nothing to see: it has been said already.
    pub(super) fn said() -> Self {
        Self(None)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a wrong one falls back to the plain style.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) fn plain_text(plan: &Plan, events: &[Event]) -> String {
    let plain = Plain { lines: Lines::new(plan, true, Paint::new(false)), notes: Mutex::default() };
    events.iter().filter_map(|event| plain.text(event)).collect()
}
