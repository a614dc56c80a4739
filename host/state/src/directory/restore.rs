//! What is damaged, and how the last good state comes back: by hand, or by [`Place::restore`].

use std::path::PathBuf;

use mlflow_host_engine::StoreError;

use super::{Place, locked};
use crate::replay::Replay;
use crate::seal::Key;
use crate::{envelope, files, journal};

impl Place {
    /// Goes back to the previous snapshot if the last one is damaged, and forward through the journal as far
    /// as it is whole. What is replaced is kept beside it, with `.damaged` at the end of its name.
    pub(super) fn restore(&self, keys: &[Key]) -> Result<Vec<String>, StoreError> {
        let nothing = || self.damaged_snapshot_file("there is no earlier one to go back to".to_owned());
        let current = files::read(&self.snapshot())?;
        let is_good = |content: &Vec<u8>| {
            content.strip_suffix(b"\n").is_some_and(|line| envelope::unwrap("state", line).is_some())
        };
        let goes_back = current.as_ref().is_some_and(|content| !is_good(content));
        let (base, mut content) = if goes_back {
            let earlier = files::read(&self.previous_journal())?.unwrap_or_default();
            (files::read(&self.previous_snapshot())?, earlier)
        } else {
            (current, Vec::new())
        };
        content.extend(files::read(&self.journal())?.unwrap_or_default());
        let good = journal::good_beginning(&content);
        let replay = Replay { owner: &self.owner, places: self, keys };
        replay.run(base.as_deref(), &[good])?.state.ok_or_else(nothing)?;

        let aside = |path: PathBuf| match path.exists() {
            true => files::rename(&path, &path.with_added_extension("damaged")),
            false => Ok(()),
        };
        if goes_back {
            aside(self.snapshot())?;
            if let Some(base) = &base {
                files::replace(&self.snapshot(), base)?;
            }
        }
        aside(self.journal())?;
        files::replace(&self.journal(), good)?;
        if goes_back {
            // The journal holds its entries now.
            files::remove(&self.previous_journal())?;
        }
        *locked(&self.tail) = None;
        Ok(match content.len() - good.len() {
            0 => Vec::new(),
            bytes => vec![format!("{bytes} bytes at the end of the journal, which are damaged")],
        })
    }

    /// Sets the whole directory aside.
    pub(super) fn retire(&self) -> Result<String, StoreError> {
        let aside = (1u32..)
            .map(|number| self.path.with_added_extension(format!("moved-{number}")))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.path.with_added_extension("moved"));
        files::rename(&self.path, &aside)?;
        *locked(&self.tail) = None;
        *locked(&self.ring) = None;
        Ok(aside.display().to_string())
    }

    /// Damage in a line of the journal, from 1.
    pub(super) fn damaged_journal_line(&self, line: usize, what: String) -> StoreError {
        let place = self.journal().display().to_string();
        let restore = format!(
            "Put the file back from a copy, or keep the lines before the damage: run `head -n {} journal.jsonl \
             > restored && mv restored journal.jsonl` in {}. What was done after that line is then not \
             recorded: look at `mlflow-host preview` before the next `up`. (`mlflow-host state restore` does this \
             for you.)",
            line.saturating_sub(1),
            self.path.display()
        );
        StoreError::Damaged { place, what: format!("line {line}: {what}"), restore }
    }

    /// Damage in the snapshot. What it held is kept twice: the previous snapshot and journal make it again.
    pub(super) fn damaged_snapshot_file(&self, what: String) -> StoreError {
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
                 {snapshot}` in {}. (`mlflow-host state restore` does this for you.)",
                journals.join(" "),
                self.path.display()
            )
        } else {
            "Put the file back from a copy.".to_owned()
        };
        StoreError::Damaged { place: self.snapshot().display().to_string(), what, restore }
    }
}
