//! Which part of a stack is wanted.

use std::collections::BTreeSet;

use mlflow_host_engine::Selection;
use mlflow_host_graph::Urn;

use crate::session::Wishes;

/// What narrows a plan and what widens it, for `up` and `preview`.
#[derive(Debug, clap::Args)]
pub(crate) struct SelectionArguments {
    #[command(flatten)]
    part: PartArguments,

    /// Also take what needs the targets
    #[arg(long, requires = "targets")]
    dependents: bool,

    /// Replace this resource even though nothing has changed, e.g.,
    /// `sqladmin.googleapis.com/Instance::main`. May be repeated
    #[arg(long, value_name = "URN")]
    replace: Vec<Urn>,

    /// First bring the record up to date with what is in the cloud: what was changed or deleted there
    /// is shown, and put right by the plan
    #[arg(long)]
    refresh: bool,

    /// Take over resources that exist already and bear no mark of another stack, instead of failing to
    /// create them. What a program imports by name is taken over without this
    #[arg(long)]
    adopt: bool,
}

/// What narrows a plan.
#[derive(Debug, clap::Args)]
pub(crate) struct PartArguments {
    /// Only this resource, e.g., `run.googleapis.com/Service::mlflow`, and what has to be done before
    /// it. May be repeated
    #[arg(long = "target", value_name = "URN")]
    targets: Vec<Urn>,

    /// Not this resource, and nothing that has to be done after it. May be repeated
    #[arg(long = "exclude", value_name = "URN")]
    excludes: Vec<Urn>,
}

impl SelectionArguments {
    /// The same, for a plan.
    pub(crate) fn wishes(self) -> Wishes {
        let set = |urns: Vec<Urn>| urns.into_iter().collect::<BTreeSet<_>>();
        Wishes {
            targets: set(self.part.targets),
            excludes: set(self.part.excludes),
            dependents: self.dependents,
            replace: set(self.replace),
            refresh: self.refresh,
            adopt: self.adopt,
        }
    }
}

impl PartArguments {
    /// The same, for a destruction.
    pub(crate) fn selection(self, except_protected: bool) -> Selection {
        Selection {
            targets: self.targets.into_iter().collect(),
            excludes: self.excludes.into_iter().collect(),
            except_protected,
            ..Selection::default()
        }
    }
}
