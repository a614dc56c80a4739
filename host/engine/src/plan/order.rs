//! The draft of a plan: operations on single resources, with the order between them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::plan::{Action, Operation, OperationId, Plan, Step};

/// An operation on one resource, before operations are grouped.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) action: Action,
    pub(crate) step: Step,
    /// Positions of the drafts that must come before.
    pub(crate) needs: BTreeSet<usize>,
    pub(crate) expected_milliseconds: u64,
    pub(crate) lock: Option<String>,
    pub(crate) group: Option<String>,
}

/// Puts operations into an order in which each follows those it needs, the earliest drafted first.
///
/// `operations` refer to each other by their positions. Returns the positions in order; shorter than
/// the input when the operations wait for each other in a circle.
pub(crate) fn topological(needs: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut dependents = vec![Vec::new(); needs.len()];
    for (position, needed) in needs.iter().enumerate() {
        for need in needed {
            dependents[*need].push(position);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = waiting
        .iter()
        .enumerate()
        .filter(|(_, count)| **count == 0)
        .map(|(position, _)| Reverse(position))
        .collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(position)) = ready.pop() {
        order.push(position);
        for dependent in &dependents[position] {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    order
}

/// Turns grouped drafts into the operations of a plan. `groups` lists the drafts of each operation.
///
/// # Errors
/// The operations that wait for each other in a circle.
pub(crate) fn operations(
    drafts: Vec<Draft>,
    groups: Vec<Vec<usize>>,
    plan: &mut Plan,
) -> Result<(), Vec<Step>> {
    let mut group_of = vec![0; drafts.len()];
    for (position, members) in groups.iter().enumerate() {
        for member in members {
            group_of[*member] = position;
        }
    }
    let needs: Vec<BTreeSet<usize>> = groups
        .iter()
        .enumerate()
        .map(|(position, members)| {
            let needed = members.iter().flat_map(|member| &drafts[*member].needs);
            needed.map(|need| group_of[*need]).filter(|need| *need != position).collect()
        })
        .collect();
    let order = topological(&needs);
    if order.len() < groups.len() {
        let ordered: BTreeSet<_> = order.into_iter().collect();
        let stuck = (0..groups.len()).filter(|position| !ordered.contains(position));
        return Err(stuck
            .flat_map(|position| groups[position].iter().map(|member| drafts[*member].step.clone()))
            .collect());
    }
    let mut rank = vec![0; groups.len()];
    for (place, position) in order.iter().enumerate() {
        rank[*position] = place;
    }
    let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
    for (place, position) in order.into_iter().enumerate() {
        let members: Vec<Draft> =
            groups[position].iter().filter_map(|member| drafts[*member].take()).collect();
        let Some(first) = members.first() else { continue };
        plan.operations.push(Operation {
            id: OperationId(place),
            action: first.action,
            needs: needs[position].iter().map(|need| OperationId(rank[*need])).collect(),
            expected_milliseconds: members.iter().map(|draft| draft.expected_milliseconds).max().unwrap_or(0),
            lock: first.lock.clone(),
            steps: members.into_iter().map(|draft| draft.step).collect(),
        });
    }
    Ok(())
}

/// Whether a draft is, or waits for, another.
pub(crate) fn reaches(drafts: &[Draft], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(current) = stack.pop() {
        if current == to {
            return true;
        }
        if seen.insert(current) {
            stack.extend(&drafts[current].needs);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_operation_follows_those_it_needs(raw in prop::collection::vec(prop::collection::vec(0usize..1000, 0..4), 1..60)) {
            let count = raw.len();
            // Needs point to later drafts, as deletions do, so that the order must really change.
            let needs: Vec<BTreeSet<usize>> = raw.iter().enumerate()
                .map(|(position, edges)| edges.iter().map(|edge| position + 1 + edge % count).filter(|need| *need < count).collect())
                .collect();
            let order = topological(&needs);
            prop_assert_eq!(order.len(), count);
            let mut seen = BTreeSet::new();
            for position in order {
                prop_assert!(needs[position].iter().all(|need| seen.contains(need)));
                seen.insert(position);
            }
        }
    }

    #[test]
    fn a_circle_is_left_out() {
        let needs = vec![BTreeSet::new(), BTreeSet::from([2]), BTreeSet::from([1])];
        assert_eq!(topological(&needs), vec![0]);
    }
}
