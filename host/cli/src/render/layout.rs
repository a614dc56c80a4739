//! Where the resources of a graph stand: in columns, each to the right of all that it needs.

use std::collections::BTreeMap;

use mlflow_host_graph::{Graph, Urn};

/// The place of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) row: usize,
}

/// The positions of what each resource needs, both by position in the graph.
pub(super) fn needs(graph: &Graph) -> Vec<Vec<usize>> {
    let positions: BTreeMap<&Urn, usize> =
        graph.resources.iter().enumerate().map(|(position, resource)| (&resource.urn, position)).collect();
    graph
        .resources
        .iter()
        .map(|resource| {
            let needed = resource.dependencies();
            needed.iter().filter_map(|urn| positions.get(urn).copied()).collect()
        })
        .collect()
}

/// The places of all resources, by position in the graph, from what each needs.
pub(super) fn layout(needs: &[Vec<usize>]) -> Vec<Place> {
    let mut columns = vec![None; needs.len()];
    for position in 0..needs.len() {
        settle(position, needs, &mut columns);
    }
    let columns: Vec<usize> = columns.into_iter().map(Option::unwrap_or_default).collect();

    let mut rows: Vec<usize> = vec![0; needs.len()];
    for column in 0..=columns.iter().copied().max().unwrap_or(0) {
        let mut members: Vec<usize> =
            (0..needs.len()).filter(|position| columns[*position] == column).collect();
        // Near what it needs, so that lines are short; otherwise in the order of the program.
        members.sort_by_key(|position| {
            let above = &needs[*position];
            let sum: usize = above.iter().map(|need| rows[*need] * 1000).sum();
            (sum.checked_div(above.len()).unwrap_or(0), *position)
        });
        for (row, position) in members.into_iter().enumerate() {
            rows[position] = row;
        }
    }
    columns.into_iter().zip(rows).map(|(column, row)| Place { column, row }).collect()
}

/// Finds the column of a resource and of all that it needs, without recursion: chains can be long.
fn settle(position: usize, needs: &[Vec<usize>], columns: &mut [Option<usize>]) {
    let mut stack = vec![position];
    while let Some(&top) = stack.last() {
        let open: Vec<usize> =
            needs[top].iter().copied().filter(|need| *need != top && columns[*need].is_none()).collect();
        if open.is_empty() {
            let last = needs[top].iter().filter_map(|need| columns[*need]).max();
            columns[top] = Some(last.map_or(0, |column| column + 1));
            stack.pop();
        } else {
            stack.extend(open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stands_to_the_left() {
        let places = layout(&[vec![1, 2], vec![2], vec![], vec![]]);
        let columns: Vec<_> = places.iter().map(|place| place.column).collect();
        assert_eq!(columns, [2, 1, 0, 0]);
        let mut cells: Vec<_> = places.iter().map(|place| (place.column, place.row)).collect();
        cells.sort_unstable();
        cells.dedup();
        assert_eq!(cells.len(), 4, "each has a place of its own");
    }
}
