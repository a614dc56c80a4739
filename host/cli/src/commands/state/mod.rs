//! `mlflow-host state`: one module a subcommand.

mod export;
mod forget;
mod history;
mod import;
mod init;
mod list;
mod migrate;
mod rekey;
mod rename;
mod restore;
mod show;
mod unlock;

use std::time::Duration;

use mlflow_host_engine::{Entry, Guard, Recorded};
use mlflow_host_graph::Urn;

use super::stack::StackArguments;
use crate::arguments::Global;
use crate::config::StackConfig;
use crate::failure::{Code, Failure, Result, nearest};
use crate::render::Reporter;
use crate::session::Session;

/// Look at, look after and move what is recorded of a stack.
///
/// The state says what a stack has made, and how it is found in the cloud. It is
/// kept in the directory .mlflow-host/state beside the stack, or, for a team, in
/// a bucket:
///
///   [state]
///   store = "gs://my-team-state/mlflow"
///   key = "projects/…/cryptoKeys/…"      # optional: Cloud KMS wraps the key that seals the secrets
///
/// Nothing here changes a resource in the cloud.
///
/// Examples:
///   mlflow-host state list stacks/dev.wasm
///   mlflow-host state init gs://my-team-state stacks/prod.wasm
///   mlflow-host state migrate stacks/prod.wasm --to gs://my-team-state/mlflow
#[derive(Debug, clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum StateCommand {
    List(list::List),
    Show(show::Show),
    Move(rename::Move),
    Forget(forget::Forget),
    History(history::History),
    Export(export::Export),
    Import(import::Import),
    Unlock(unlock::Unlock),
    Restore(restore::Restore),
    Rekey(rekey::Rekey),
    Init(init::Init),
    Migrate(migrate::Migrate),
}

impl StateCommand {
    pub(crate) async fn run(self, global: Global, reporter: &dyn Reporter) -> Result<Code> {
        match self {
            Self::List(it) => it.run(reporter).await,
            Self::Show(it) => it.run(reporter).await,
            Self::Move(it) => it.run(reporter).await,
            Self::Forget(it) => it.run(global, reporter).await,
            Self::History(it) => it.run(reporter).await,
            Self::Export(it) => it.run(reporter).await,
            Self::Import(it) => it.run(global, reporter).await,
            Self::Unlock(it) => it.run(global, reporter).await,
            Self::Restore(it) => it.run(global, reporter).await,
            Self::Rekey(it) => it.run(reporter).await,
            Self::Init(it) => it.run(reporter).await,
            Self::Migrate(it) => it.run(global, reporter).await,
        }?;
        Ok(Code::Done)
    }
}

/// The session of a stack with its state read.
async fn read<'a>(stack: &StackArguments, reporter: &'a dyn Reporter) -> Result<Session<'a>> {
    let mut session = Session::without_program(stack.config()?, reporter);
    session.must_exist().await?;
    session.load().await?;
    Ok(session)
}

/// The same under the lock, which lives as long as the guard.
async fn hold<'a>(
    stack: &StackArguments,
    command: &str,
    reporter: &'a dyn Reporter,
) -> Result<(Session<'a>, Box<dyn Guard>)> {
    hold_with(stack.config()?, command, reporter).await
}

async fn hold_with<'a>(
    config: StackConfig,
    command: &str,
    reporter: &'a dyn Reporter,
) -> Result<(Session<'a>, Box<dyn Guard>)> {
    let mut session = Session::without_program(config, reporter);
    session.must_exist().await?;
    let guard = session.lock(command, Duration::ZERO).await?;
    session.load().await?;
    Ok((session, guard))
}

/// Writes an entry, and takes it in.
async fn record(session: &mut Session<'_>, entry: Entry) -> Result<()> {
    session.store().append(std::slice::from_ref(&entry)).await?;
    session.state.apply(entry);
    Ok(())
}

/// A recorded resource, or which one may have been meant.
fn find<'a>(session: &'a Session<'_>, urn: &Urn) -> Result<&'a Recorded> {
    session.state.all().find(|recorded| recorded.urn == *urn).ok_or_else(|| {
        let failure =
            Failure::usage(format!("`{urn}` is not in the state of stack `{}`.", session.config.stack));
        let known: Vec<_> = session.state.all().map(|recorded| recorded.urn.to_string()).collect();
        match nearest(&urn.to_string(), known.iter().map(String::as_str)) {
            Some(near) => failure.with_hint(format!("Did you mean `{near}`?")),
            None => failure.with_hint("See `mlflow-host state list`."),
        }
    })
}

/// Refuses while an interrupted run has left something open: what becomes of it is not known yet.
fn refuse_open(session: &Session<'_>) -> Result<()> {
    match session.state.open.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "An interrupted run has left {count} operations open, and what has become of them is not known \
             yet. Nothing has been changed."
        ))
        .with_hint(format!("Run `mlflow-host up {}` first.", session.config.program.display()))),
    }
}

/// `1 resource`, `2 resources`.
fn resources(count: usize) -> String {
    match count {
        1 => "1 resource".to_owned(),
        count => format!("{count} resources"),
    }
}
