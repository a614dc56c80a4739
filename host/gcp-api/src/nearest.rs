//! "Did you mean": the closest of a set of names.

/// The candidate nearest to `name`, if it is near enough to be a likely misspelling.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let folded = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let score = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            (score, candidate)
        })
        // A third of the letters may differ, and at least one transposition is always forgiven.
        .filter(|(score, candidate)| *score <= (candidate.chars().count().max(folded.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_misspellings_and_wrong_case_but_nothing_unrelated() {
        let names = ["ingress", "labels", "template", "timeoutSeconds"];
        assert_eq!(nearest("lables", names).as_deref(), Some("labels"));
        assert_eq!(nearest("timeout_seconds", names).as_deref(), Some("timeoutSeconds"));
        assert_eq!(nearest("Ingress", names).as_deref(), Some("ingress"));
        assert_eq!(nearest("zone", names), None);
    }
}
