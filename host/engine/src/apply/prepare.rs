//! From a declaration to what is sent, with what is known by the time its turn has come.

use std::borrow::Cow;
use std::collections::HashMap;

use mlflow_host_graph::{Resource, Role, Urn};

use crate::apply::journal::Journal;
use crate::apply::{Apply, ApplyError};
use crate::plan::{Known, StateScope, evaluate_resource, hints};
use crate::provider::{Declaration, RecordHints, Resolved};
use crate::record::Recorded;

/// The declared resources, by URN.
pub(crate) type Resources<'a> = HashMap<&'a Urn, &'a Resource>;

/// A resource whose needs are there, ready to be sent.
pub(crate) struct Prepared {
    pub(crate) resolved: Resolved,
    pub(crate) hints: RecordHints,
}

/// Evaluates a resource against what is recorded by now. `None` when the provider refuses it, which
/// planning has already told.
pub(crate) fn prepare(
    context: &Apply<'_>,
    journal: &Journal<'_>,
    resources: &Resources<'_>,
    resource: &Resource,
    recorded: Option<&Recorded>,
    generation: u32,
) -> Result<Option<Prepared>, ApplyError> {
    let evaluated = {
        let known = |urn: &Urn| match resources.get(urn) {
            Some(needed) if needed.role == Role::Lookup => lookup(context, urn).map(Cow::Owned),
            _ => known(context, journal, urn).map(Cow::Owned),
        };
        let scope = StateScope { known: &known, secrets: context.secrets };
        evaluate_resource(resource, recorded, &scope)
            .map_err(|source| ApplyError::Evaluate { urn: resource.urn.clone(), source })?
    };
    let suffix = journal.state().suffix(generation);
    let existing = journal.state().resources.get(&resource.urn).cloned();
    // A renamed resource keeps the name that was generated for it.
    let named_after = existing.as_ref().and_then(|recorded| recorded.hints.named_after.as_ref());
    let urn = named_after.unwrap_or(&resource.urn);
    let declaration = Declaration { urn, properties: &evaluated.properties, suffix: &suffix };
    let Ok(resolved) = context.provider.resolve(&declaration) else { return Ok(None) };
    let managed = |urn: &Urn| resources.get(urn).is_none_or(|needed| needed.role == Role::Managed);
    let hints = hints(resource, existing.as_ref(), generation, &evaluated, &resolved, &managed);
    Ok(Some(Prepared { resolved, hints }))
}

/// What is known of a resource by now, managed or read.
pub(crate) fn known(context: &Apply<'_>, journal: &Journal<'_>, urn: &Urn) -> Option<Known> {
    let recorded = journal.state().resources.get(urn).map(Known::from);
    recorded.or_else(|| lookup(context, urn))
}

fn lookup(context: &Apply<'_>, urn: &Urn) -> Option<Known> {
    Some(Known::read(context.lookups.get(urn)?.clone()))
}
