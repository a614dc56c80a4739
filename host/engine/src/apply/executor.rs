//! One loop over what is ready.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::future::Future;
use futures::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use mlflow_host_graph::{Resource, Urn, Value};
use tokio::sync::watch;

use crate::apply::journal::{Journal, open};
use crate::apply::operation::{End, carry_out};
use crate::apply::prepare::{Prepared, Resources, known, prepare};
use crate::apply::{Apply, ApplyError, Summary};
use crate::event::Event;
use crate::plan::{Action, Operation, OperationId, StateScope};
use crate::provider::RecordHints;
use crate::record::{Entry, Recorded, State};
use crate::standard;

/// How many operations that send nothing are carried out before the writer of the journal gets its turn. As many
/// again may be under way to the disk: it is written while the next ones are carried out.
const PACE: usize = 2000;

/// How long operations may still write to the journal after the run has been stopped.
const GRACE: Duration = Duration::from_millis(500);

/// Carries a plan out. Operations begin as soon as those they need have ended well; the longest
/// remaining chain goes first. When `stop` turns true nothing more is begun and the call returns within
/// a second; operations that run in the cloud are taken up by the next run.
///
/// # Errors
/// [`ApplyError`] when the journal cannot be written. Failures of single operations are counted in the
/// summary and told to the observer.
pub async fn apply(
    context: Apply<'_>,
    state: &mut State,
    stop: watch::Receiver<bool>,
) -> Result<Summary, ApplyError> {
    let summary = {
        let (journal, writer) = open(state, context.store);
        let resources = context.graph.resources.iter().map(|resource| (&resource.urn, resource)).collect();
        let (context, resources) = (&context, &resources);
        // The writer ends when the journal is dropped, which the executor's block does.
        let execute = async move {
            let journal = journal;
            Executor::new(context, &journal, resources, stop).run().await
        };
        let write = async { writer.run().await.map_err(ApplyError::from) };
        tokio::try_join!(execute, write)?.0
    };
    context.store.compact(state).await?;
    Ok(summary)
}

struct Executor<'a, 's> {
    context: &'a Apply<'a>,
    journal: &'a Journal<'s>,
    resources: &'a Resources<'a>,
    stop: watch::Receiver<bool>,
    dependents: Vec<Vec<usize>>,
    waiting: Vec<usize>,
    /// Operations that will not be begun in this run.
    skipped: Vec<bool>,
    /// The longest chain from each operation to the end, in milliseconds.
    remaining: Vec<u64>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    /// Ready operations whose lock is held by another.
    blocked: Vec<usize>,
    held: HashSet<&'a str>,
    summary: Summary,
}

impl<'a, 's> Executor<'a, 's> {
    fn new(
        context: &'a Apply<'a>,
        journal: &'a Journal<'s>,
        resources: &'a Resources<'a>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let operations = &context.plan.operations;
        let mut dependents = vec![Vec::new(); operations.len()];
        for (position, operation) in operations.iter().enumerate() {
            for OperationId(need) in &operation.needs {
                dependents[*need].push(position);
            }
        }
        let mut remaining = vec![0; operations.len()];
        for (position, operation) in operations.iter().enumerate().rev() {
            let after = dependents[position].iter().map(|dependent| remaining[*dependent]).max().unwrap_or(0);
            remaining[position] = after + operation.expected_milliseconds;
        }
        let waiting: Vec<usize> = operations.iter().map(|operation| operation.needs.len()).collect();
        let ready = waiting
            .iter()
            .enumerate()
            .filter(|(_, count)| **count == 0)
            .map(|(position, _)| (remaining[position], Reverse(position)))
            .collect();
        Self {
            context,
            journal,
            resources,
            stop,
            dependents,
            skipped: vec![false; waiting.len()],
            waiting,
            remaining,
            ready,
            blocked: Vec::new(),
            held: HashSet::new(),
            summary: Summary::default(),
        }
    }

    async fn run(mut self) -> Result<Summary, ApplyError> {
        self.journal.commit(Entry::Begin { run: self.context.run.clone() }).await;
        for (from, to) in &self.context.plan.renamed {
            self.journal.record(Entry::Rename { from: from.clone(), to: to.clone() });
        }
        self.keep_books()?;
        let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
        let context = self.context;
        let journal = self.journal;
        let resources = self.resources;
        let (mut recorded, mut behind) = (0, journal.mark());
        loop {
            while let Some(position) = self.next_ready() {
                let operation = &context.plan.operations[position];
                context.observer.observe(Event::Started { id: operation.id });
                if is_local(operation) {
                    let started = Instant::now();
                    self.change_state_alone(operation)?;
                    self.finished(operation, started.elapsed(), false);
                    recorded += 1;
                    if recorded % PACE == 0 {
                        // The entries would pile up in memory. An error of the writer ends the run by itself.
                        let _ = std::mem::replace(&mut behind, journal.mark()).await;
                    }
                } else {
                    if let Some(lock) = &operation.lock {
                        self.held.insert(lock);
                    }
                    running.push(Box::pin(async move {
                        let started = Instant::now();
                        let end = carry_out(context, journal, resources, operation).await;
                        (position, started.elapsed(), end)
                    }));
                }
            }
            if running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some((position, elapsed, end)) = running.next() => {
                    self.ended(&context.plan.operations[position], elapsed, end?);
                }
                () = stopped(&mut self.stop) => {
                    self.summary.interrupted = true;
                    let _ = tokio::time::timeout(GRACE, async {
                        while let Some((position, elapsed, end)) = running.next().await {
                            self.ended(&context.plan.operations[position], elapsed, end?);
                        }
                        Ok::<_, ApplyError>(())
                    }).await;
                    break;
                }
            }
        }
        self.close().await
    }

    fn next_ready(&mut self) -> Option<usize> {
        if *self.stop.borrow() {
            self.summary.interrupted = true;
            return None;
        }
        let free = |held: &HashSet<&str>, operation: &Operation| {
            operation.lock.as_deref().is_none_or(|lock| !held.contains(lock))
        };
        let operations = &self.context.plan.operations;
        if let Some(index) = self.blocked.iter().position(|position| free(&self.held, &operations[*position]))
        {
            return Some(self.blocked.remove(index));
        }
        while let Some((_, Reverse(position))) = self.ready.pop() {
            if free(&self.held, &operations[position]) {
                return Some(position);
            }
            self.blocked.push(position);
        }
        None
    }

    fn ended(&mut self, operation: &'a Operation, elapsed: Duration, end: End) {
        if let Some(lock) = &operation.lock {
            self.held.remove(lock.as_str());
        }
        match end {
            End::Done { unchanged } => self.finished(operation, elapsed, unchanged),
            End::Failed { message, hint } => {
                self.summary.failed += 1;
                let id = operation.id;
                self.context.observer.observe(Event::Failed { id, elapsed, message, hint });
                self.skip_dependents(operation, "failed");
            }
            End::Deferred { reason, retry_at } => {
                self.summary.deferred += operation.steps.len();
                self.context.observer.observe(Event::Deferred { id: operation.id, reason, retry_at });
                self.defer_dependents(operation);
            }
        }
    }

    fn finished(&mut self, operation: &Operation, elapsed: Duration, unchanged: bool) {
        if !unchanged {
            *self.summary.done.entry(operation.action).or_default() += operation.steps.len();
        }
        self.context.observer.observe(Event::Finished { id: operation.id, elapsed, unchanged });
        let OperationId(position) = operation.id;
        for dependent in &self.dependents[position] {
            self.waiting[*dependent] -= 1;
            if self.waiting[*dependent] == 0 && !self.skipped[*dependent] {
                self.ready.push((self.remaining[*dependent], Reverse(*dependent)));
            }
        }
    }

    /// Everything that waits, directly or through others, for an operation.
    fn all_dependents(&self, operation: &Operation) -> BTreeSet<usize> {
        let OperationId(position) = operation.id;
        let mut found = BTreeSet::new();
        let mut stack = self.dependents[position].clone();
        while let Some(dependent) = stack.pop() {
            if found.insert(dependent) {
                stack.extend(&self.dependents[dependent]);
            }
        }
        found
    }

    fn skip_dependents(&mut self, operation: &Operation, what: &str) {
        let because = format!("It needs {}, which {what}.", describe(operation));
        for position in self.all_dependents(operation) {
            if !std::mem::replace(&mut self.skipped[position], true) {
                self.summary.skipped += 1;
                let id = OperationId(position);
                self.context.observer.observe(Event::Skipped { id, because: because.clone() });
            }
        }
    }

    /// What waits for a deferred deletion has to wait with it.
    fn defer_dependents(&mut self, operation: &Operation) {
        let because = format!("It waits for {}, which the cloud still holds.", describe(operation));
        for position in self.all_dependents(operation) {
            if !std::mem::replace(&mut self.skipped[position], true) {
                self.summary.deferred += self.context.plan.operations[position].steps.len();
                let id = OperationId(position);
                self.context.observer.observe(Event::Skipped { id, because: because.clone() });
            }
        }
    }

    /// Records what has changed of resources besides inputs and outputs. Where a resource needs another that is
    /// not made yet, the rest of it is for a later call.
    fn keep_books(&self) -> Result<(), ApplyError> {
        for urn in &self.context.plan.bookkeeping {
            let Some(resource) = self.resources.get(urn) else { continue };
            let recorded = self.journal.state().resources.get(urn).cloned();
            let Some(recorded) = recorded else { continue };
            let generation = recorded.hints.generation;
            let Some(prepared) = self.prepare(resource, Some(&recorded), generation)? else { continue };
            let (there, missing) = {
                let state = self.journal.state();
                let is_there = |needed: &Urn| state.resources.contains_key(needed);
                prepared.hints.dependencies.iter().cloned().partition::<BTreeSet<_>, _>(is_there)
            };
            let hints = if missing.is_empty() {
                prepared.hints
            } else {
                RecordHints { dependencies: there, ..recorded.hints.clone() }
            };
            if hints != recorded.hints {
                self.journal.record(Entry::Hints { urn: urn.clone(), hints });
            }
        }
        Ok(())
    }

    fn prepare(
        &self,
        resource: &Resource,
        recorded: Option<&Recorded>,
        generation: u32,
    ) -> Result<Option<Prepared>, ApplyError> {
        prepare(self.context, self.journal, self.resources, resource, recorded, generation)
    }

    /// Carries out an operation that sends nothing.
    fn change_state_alone(&self, operation: &Operation) -> Result<(), ApplyError> {
        for step in &operation.steps {
            let kept =
                matches!(operation.action, Action::Create | Action::Replace | Action::Update | Action::Adopt);
            let Some(resource) = self.resources.get(&step.urn).filter(|_| kept) else {
                self.journal.record(Entry::Forget { resources: vec![(step.urn.clone(), step.generation)] });
                continue;
            };
            let recorded = self.journal.state().resources.get(&step.urn).cloned();
            let recorded = recorded.filter(|_| operation.action == Action::Update);
            let Some(Prepared { resolved, hints }) =
                self.prepare(resource, recorded.as_ref(), step.generation)?
            else {
                continue;
            };
            if operation.action == Action::Replace {
                self.journal.record(Entry::Condemn { urn: step.urn.clone() });
            }
            let adopted = operation.action == Action::Adopt;
            let (identity, outputs) = if adopted {
                (step.identity.clone(), Value::Map(step.predicted.clone()))
            } else {
                let outputs = standard::outputs(&step.urn, &resolved.inputs, &resolved.predicted);
                (resolved.identity, outputs)
            };
            self.journal.record(Entry::Set {
                resources: vec![Recorded {
                    urn: step.urn.clone(),
                    identity: identity.unwrap_or_default(),
                    inputs: resolved.inputs,
                    outputs,
                    hints,
                    // Where an adopted resource differs, the update that follows settles it.
                    unsettled: adopted && self.is_updated_after(operation),
                    deferred: None,
                }],
            });
        }
        Ok(())
    }

    /// Whether an update of the same resource waits for the operation.
    fn is_updated_after(&self, operation: &Operation) -> bool {
        let OperationId(position) = operation.id;
        self.dependents[position].iter().map(|dependent| &self.context.plan.operations[*dependent]).any(
            |next| {
                next.action == Action::Update
                    && next.steps.iter().any(|step| operation.steps[0].urn == step.urn)
            },
        )
    }

    async fn close(mut self) -> Result<Summary, ApplyError> {
        self.keep_books()?;
        let left =
            self.waiting.iter().zip(&self.skipped).filter(|(count, skipped)| **count > 0 && !**skipped);
        let left = left.count();
        self.summary.skipped += left + self.ready.len() + self.blocked.len();
        let complete = self.summary.failed == 0 && self.summary.skipped == 0 && self.summary.deferred == 0;
        if complete && !self.context.plan.partial {
            self.journal.record(Entry::Outputs { outputs: self.outputs()? });
        }
        let counts: BTreeMap<String, usize> =
            self.summary.done.iter().map(|(action, count)| (action.to_string(), *count)).collect();
        self.journal.record(Entry::End { run: self.context.run.id.clone(), counts });
        let graph = self.context.graph;
        let declares_nothing = graph.resources.is_empty() && graph.outputs.is_empty();
        let emptied = complete && declares_nothing && self.journal.state().is_empty();
        if emptied {
            // The next `up` gets new names: those of what is gone may be blocked for a while.
            let state = self.journal.state();
            let genesis = State::new(&state.stack, state.target.clone(), State::fresh_seed()).genesis();
            drop(state);
            self.journal.record(genesis);
        }
        Ok(self.summary)
    }

    fn outputs(&self) -> Result<Value, ApplyError> {
        let known = |urn: &Urn| known(self.context, self.journal, urn).map(Cow::Owned);
        let scope = StateScope { known: &known, secrets: self.context.secrets };
        let mut outputs = mlflow_host_graph::value::Map::new();
        for (name, expression) in &self.context.graph.outputs {
            let value = expression
                .evaluate(&scope)
                .map_err(|source| ApplyError::Output { name: name.clone(), source })?;
            outputs.insert(name.clone(), value);
        }
        Ok(Value::Map(outputs))
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = (usize, Duration, Result<End, ApplyError>)> + Send + 'a>>;

fn is_local(operation: &Operation) -> bool {
    matches!(operation.action, Action::Forget | Action::Adopt)
        || operation.steps.iter().all(|step| step.urn.kind().is_standard())
}

fn describe(operation: &Operation) -> String {
    operation.steps.first().map_or_else(String::new, |step| format!("`{}`", step.urn))
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A point in time some while from now, RFC 3339.
pub(crate) fn time_from_now(after: Duration) -> String {
    let after = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second().saturating_add(after)).unwrap_or(now).to_string()
}
