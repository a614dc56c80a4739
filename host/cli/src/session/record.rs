//! Recording what a refresh has found.

use std::collections::BTreeMap;

use mlflow_host_engine::{Difference, Entry, Refreshed};

use super::{Session, run};
use crate::failure::{Failure, Result};

impl Session<'_> {
    /// Whether there is something to work on.
    ///
    /// # Errors
    /// When the stack has never been brought up.
    pub(crate) async fn must_exist(&mut self) -> Result<()> {
        if self.exists().await? {
            return Ok(());
        }
        let config = &self.config;
        Err(Failure::new(format!(
            "Stack `{}` has never been brought up on {}, project {}.",
            config.stack,
            config.cloud.title(),
            config.project
        ))
        .with_hint(format!("Run `mlflow-host up {}`.", config.program.display())))
    }

    /// Brings the state up to date, as a run of its own. Without anything to record, nothing is written.
    pub(crate) async fn record(&mut self, refreshed: &Refreshed) -> Result<()> {
        if refreshed.entries.is_empty() {
            return Ok(());
        }
        let run = run::begin("refresh", None);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for drift in &refreshed.drifts {
            let word = match drift.difference {
                Difference::Gone => "gone",
                Difference::Changed(_) => "changed",
                Difference::Unreadable(_) => "unreadable",
            };
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        let end = Entry::End { run: run.id.clone(), counts };
        let mut entries = vec![Entry::Begin { run }];
        entries.extend(refreshed.entries.iter().cloned());
        entries.push(end);
        self.store.append(&entries).await?;
        entries.into_iter().for_each(|entry| self.state.apply(entry));
        Ok(())
    }
}
