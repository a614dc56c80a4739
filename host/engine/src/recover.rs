//! Taking up what an interrupted run left open.

use std::collections::BTreeMap;

use mlflow_host_graph::Graph;

use crate::apply::operation::{End, follow};
use crate::apply::{Apply, ApplyError, journal};
use crate::event::{Event, Observer};
use crate::plan::Plan;
use crate::provider::{Progress, Provider, Recovery, Request, RequestAction};
use crate::record::{Entry, OpenOperation, Run, State};
use crate::store::Store;

/// Finishes every open request of earlier runs: those that the cloud has taken up are followed to their
/// end; of the others the provider finds out whether they arrived. Returns how many there were.
///
/// # Errors
/// [`ApplyError`] when the journal cannot be written. A request whose fate cannot be found out stays
/// open, and the observer is told.
pub async fn recover(
    state: &mut State,
    provider: &dyn Provider,
    store: &dyn Store,
    observer: &dyn Observer,
) -> Result<usize, ApplyError> {
    let open: Vec<OpenOperation> = state.open.values().cloned().collect();
    if open.is_empty() {
        return Ok(0);
    }
    let (plan, graph, empty) = (Plan::default(), Graph::default(), BTreeMap::new());
    let lookups = BTreeMap::new();
    let run = Run::default();
    let context = Apply {
        plan: &plan,
        graph: &graph,
        provider,
        secrets: &empty,
        lookups: &lookups,
        store,
        observer,
        run: &run,
    };
    let (journal, writer) = journal::open(state, store);
    let count = open.len();
    let work = async {
        let journal = journal;
        futures::future::join_all(
            open.into_iter().map(|operation| recover_one(&context, &journal, operation)),
        )
        .await;
        Ok::<_, ApplyError>(())
    };
    tokio::try_join!(work, async { writer.run().await.map_err(ApplyError::from) })?;
    Ok(count)
}

async fn recover_one(context: &Apply<'_>, journal: &journal::Journal<'_>, operation: OpenOperation) {
    let OpenOperation { request, handle } = operation;
    let what = describe(&request);
    context.observer.observe(Event::Recovering { what: what.clone() });
    let progress = match &handle {
        Some(handle) => context.provider.advance(&request, handle).await,
        None => match context.provider.recover(&request).await {
            Ok(Recovery::Reached(progress)) => Ok::<Progress, _>(progress),
            Ok(Recovery::NotReached) => {
                journal.commit(Entry::Abandoned { request: request.id.clone() }).await;
                return;
            }
            // Whoever cannot be asked now may answer the next run.
            Err(error) => Err(error.with_uncertain_fate()),
        },
    };
    let ignore = |_: String| {};
    let end = follow(context, journal, &request, progress, handle, &ignore).await;
    if let End::Failed { message, .. } = end {
        context
            .observer
            .observe(Event::Notice { message: format!("An earlier run's {what} has failed: {message}") });
    }
}

fn describe(request: &Request) -> String {
    let action = match request.action {
        RequestAction::Create => "create",
        RequestAction::Update => "update",
        RequestAction::Delete => "delete",
    };
    let names: Vec<_> = request.targets.iter().map(|target| format!("`{}`", target.urn)).collect();
    format!("{action} {}", names.join(", "))
}
