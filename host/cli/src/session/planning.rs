//! Planning `up`: what is wished for, what the cloud says of it, and the plan.

use std::collections::{BTreeMap, BTreeSet};

use mlflow_host_engine::{
    Difference, Entry, Plan, PlanContext, Refreshed, Selection, adoptable, plan, refresh, standard_kinds,
};
use mlflow_host_graph::{Urn, Value};
use serde::{Deserialize, Serialize};

use super::Session;
use crate::failure::{Failure, Result};
use crate::render::Heading;

/// What is asked for besides what the program declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wishes {
    /// Only these resources; all when empty.
    pub(crate) targets: BTreeSet<Urn>,
    /// None of these.
    pub(crate) excludes: BTreeSet<Urn>,
    /// Also what needs the targets.
    pub(crate) dependents: bool,
    /// To be replaced whatever has changed.
    pub(crate) replace: BTreeSet<Urn>,
    /// Whether to look first what has changed in the cloud.
    pub(crate) refresh: bool,
    /// Whether to take over what exists already.
    pub(crate) adopt: bool,
}

impl Wishes {
    /// Whether the cloud has to answer for them.
    pub(crate) fn need_cloud(&self) -> bool {
        self.refresh || self.adopt
    }

    fn selection(&self) -> Selection {
        Selection {
            targets: self.targets.clone(),
            excludes: self.excludes.clone(),
            dependents: self.dependents,
            replace: self.replace.clone(),
            except_protected: false,
        }
    }
}

/// A plan, and what it was made with.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// What was looked up for it.
    pub(crate) lookups: BTreeMap<Urn, Value>,
    /// What a refresh has found. The state in memory says so already.
    pub(crate) observed: Vec<Entry>,
}

impl Session<'_> {
    /// Plans `up`. Nothing is written, neither to the cloud nor to the state.
    pub(crate) async fn plan(&mut self, wishes: &Wishes, heading: &Heading) -> Result<Planned> {
        self.check_kinds()?;
        self.complete().await?;
        let observed = if wishes.refresh { self.observe(heading).await? } else { Vec::new() };
        let lookups = self.lookups().await?;
        let selection = wishes.selection();
        let of_stack = |problems| Failure::of_stack(&self.config.stack, problems);
        let mut adopted = BTreeMap::new();
        let plan = loop {
            let context = PlanContext::new(self.provider()?, &self.secrets, &lookups)
                .adopting(&adopted)
                .selecting(&selection);
            let plan = plan(&self.graph, &self.state, &context).map_err(of_stack)?;
            if !self.is_online {
                break plan;
            }
            let found = adoptable(&self.graph, &self.state, &plan, self.provider()?, wishes.adopt)
                .await
                .map_err(of_stack)?;
            if found.is_empty() {
                break plan;
            }
            // What is adopted can tell the names of others.
            adopted.extend(found);
        };
        if !self.is_online && self.graph.resources.iter().any(|resource| resource.options.import.is_some()) {
            self.reporter.notice("What the stack imports cannot be looked at now: it is shown as created.");
        }
        Ok(Planned { plan, lookups, observed })
    }

    /// Has the provider complete what the program declared.
    async fn complete(&mut self) -> Result<()> {
        let provider =
            self.provider.as_deref().ok_or_else(|| Failure::new("The state has not been read."))?;
        for warning in provider.complete(&mut self.graph).await {
            self.reporter.log(Some(warning.severity), &warning.to_string());
        }
        Ok(())
    }

    /// Makes sure that every recorded resource is of a kind that there is: it may be of one that the stack brought
    /// along and does not name any more.
    pub(super) fn check_kinds(&self) -> Result<()> {
        let is_known =
            |kind: &str| self.config.kinds.get(kind).is_some() || standard_kinds().any(|known| known == kind);
        match self.state.resources.keys().find(|urn| !is_known(urn.kind().as_str())) {
            None => Ok(()),
            Some(urn) => {
                Err(Failure::new(format!("`{urn}` is recorded, but there is no kind `{}`.", urn.kind()))
                    .with_hint("Name the file of the kind in `[kinds]`, or with `--kinds FILE.toml`."))
            }
        }
    }

    /// Reads every recorded resource as it is now. Nothing is recorded.
    pub(crate) async fn refresh(&self) -> Result<Refreshed> {
        self.check_kinds()?;
        if !self.is_online {
            return Err(Failure::new("The cloud cannot be asked, so there is nothing to refresh from.")
                .with_hint("See `mlflow-host cloud status`."));
        }
        Ok(refresh(&self.state, self.provider()?).await)
    }

    /// Brings the state in memory up to date and shows what has drifted.
    async fn observe(&mut self, heading: &Heading) -> Result<Vec<Entry>> {
        let Refreshed { drifts, entries } = self.refresh().await?;
        if !drifts.is_empty() {
            self.reporter.drift(heading, &drifts, self.state.resources.len());
        }
        let unreadable = |difference: &Difference| matches!(difference, Difference::Unreadable(_));
        if drifts.iter().any(|drift| unreadable(&drift.difference)) {
            self.reporter.notice("What could not be read is planned for as it is recorded.");
        }
        entries.iter().cloned().for_each(|entry| self.state.apply(entry));
        Ok(entries)
    }
}
