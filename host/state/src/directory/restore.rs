//! What is damaged, and the commands that bring the last good state back.

use mlflow_host_engine::StoreError;

use super::Place;

impl Place {
    /// Damage in a line of the journal, from 1.
    pub(super) fn damaged_line(&self, line: usize, what: String) -> StoreError {
        let place = self.journal().display().to_string();
        let restore = format!(
            "Put the file back from a copy, or keep the lines before the damage: run `head -n {} journal.jsonl \
             > restored && mv restored journal.jsonl` in {}. What was done after that line is then not \
             recorded: look at `mlflow-host preview` before the next `up`.",
            line.saturating_sub(1),
            self.path.display()
        );
        StoreError::Damaged { place, what: format!("line {line}: {what}"), restore }
    }

    /// Damage in the snapshot. What it held is kept twice: the previous snapshot and journal make it again.
    pub(super) fn damaged_snapshot(&self, what: String) -> StoreError {
        let journals: Vec<_> = [self.previous_journal(), self.journal()]
            .iter()
            .filter(|path| path.exists())
            .filter_map(|path| Some(path.file_name()?.display().to_string()))
            .collect();
        let snapshot = if self.previous_snapshot().exists() {
            "mv snapshot.previous.json snapshot.json"
        } else {
            "rm snapshot.json"
        };
        let restore = if self.previous_journal().exists() {
            format!(
                "The state is kept a second time. Run `cat {} > restored && mv restored journal.jsonl && \
                 {snapshot}` in {}.",
                journals.join(" "),
                self.path.display()
            )
        } else {
            "Put the file back from a copy.".to_owned()
        };
        StoreError::Damaged { place: self.snapshot().display().to_string(), what, restore }
    }
}
