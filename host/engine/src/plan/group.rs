//! Grouping: operations that one request can serve, e.g., all new members of one IAM policy.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::plan::Action;
use crate::plan::order::{Draft, topological};

/// Partitions drafts into operations. Two drafts go together when they have the same group and action
/// and when neither waits, directly or through others, for the other.
pub(crate) fn group(drafts: &[Draft]) -> Vec<Vec<usize>> {
    let needs: Vec<BTreeSet<usize>> = drafts.iter().map(|draft| draft.needs.clone()).collect();
    let mut merged = Merged { group_of: vec![None; drafts.len()], needs: Vec::new() };
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut latest: BTreeMap<(&str, Action), usize> = BTreeMap::new();
    let mut placed = HashSet::new();
    let order = topological(&needs);
    let rest: Vec<usize> = {
        let ordered: HashSet<_> = order.iter().copied().collect();
        (0..drafts.len()).filter(|position| !ordered.contains(position)).collect()
    };
    for position in order.into_iter().chain(rest) {
        let draft = &drafts[position];
        let key = draft.group.as_deref().map(|group| (group, draft.action));
        let existing = key.and_then(|key| latest.get(&key).copied());
        let target = match existing {
            Some(candidate) if !merged.reaches(&draft.needs, candidate) => candidate,
            _ => {
                members.push(Vec::new());
                merged.needs.push(BTreeSet::new());
                let fresh = members.len() - 1;
                if let Some(key) = key {
                    latest.insert(key, fresh);
                }
                fresh
            }
        };
        members[target].push(position);
        merged.group_of[position] = Some(target);
        merged.needs[target].extend(&draft.needs);
        placed.insert(position);
    }
    members
}

/// The graph of operations made so far.
struct Merged {
    group_of: Vec<Option<usize>>,
    /// Drafts that each operation needs.
    needs: Vec<BTreeSet<usize>>,
}

impl Merged {
    /// Whether any of the drafts is, or waits for, a member of the operation.
    fn reaches(&self, from: &BTreeSet<usize>, operation: usize) -> bool {
        let mut seen = HashSet::new();
        let mut stack: Vec<usize> = from.iter().filter_map(|draft| self.group_of[*draft]).collect();
        while let Some(current) = stack.pop() {
            if current == operation {
                return true;
            }
            if seen.insert(current) {
                stack.extend(self.needs[current].iter().filter_map(|draft| self.group_of[*draft]));
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use mlflow_host_graph::Value;
    use mlflow_host_graph::value::Map;

    use super::*;
    use crate::plan::Step;

    fn draft(group: Option<&str>, needs: &[usize]) -> Draft {
        Draft {
            action: Action::Create,
            step: Step {
                urn: "std/Value::x".parse().unwrap(),
                generation: 0,
                reason: String::new(),
                changes: Vec::new(),
                inputs: Value::empty_map(),
                predicted: Map::new(),
                identity: None,
            },
            needs: needs.iter().copied().collect(),
            expected_milliseconds: 0,
            lock: None,
            group: group.map(str::to_owned),
        }
    }

    #[test]
    fn members_of_a_group_go_together() {
        let drafts = [draft(Some("p"), &[]), draft(None, &[]), draft(Some("p"), &[1]), draft(Some("q"), &[])];
        assert_eq!(group(&drafts), vec![vec![0, 2], vec![1], vec![3]]);
    }

    #[test]
    fn members_that_wait_for_each_other_do_not() {
        // 2 needs 1, which needs 0: the second member of `p` cannot be in one request with the first.
        let drafts = [draft(Some("p"), &[]), draft(None, &[0]), draft(Some("p"), &[1])];
        assert_eq!(group(&drafts), vec![vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn two_groups_never_wait_for_each_other() {
        // a1, b1 needs a1; b2, a2 needs b2: merging both pairs would make a circle.
        let drafts =
            [draft(Some("a"), &[]), draft(Some("b"), &[0]), draft(Some("b"), &[]), draft(Some("a"), &[2])];
        let groups = group(&drafts);
        assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 4);
        assert_eq!(groups.len(), 3);
    }
}
