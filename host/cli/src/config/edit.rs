//! Changes to the TOML file beside a stack. Comments, order and spacing stay as they are.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::document::Document;
use super::{CLOUD_SECTIONS, Cloud, SECTIONS, check_shape, is_project, is_region};
use crate::failure::{Failure, Result};
use crate::files;

/// Where a key stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    section: Vec<&'static str>,
    key: String,
}

impl Slot {
    /// The place of a key of the configuration, or of its secrets. With `cloud`, it holds on that cloud only.
    /// `cloud`, `project` and `region` are the target, as for `--set`.
    ///
    /// # Errors
    /// For the cloud of a cloud.
    pub(crate) fn new(key: &str, is_secret: bool, cloud: Option<Cloud>) -> Result<Self> {
        if key.is_empty() {
            return Err(Failure::usage("The name of a key is empty."));
        }
        if key == "cloud" && !is_secret && cloud.is_some() {
            return Err(Failure::usage(
                "`cloud` says which cloud is used, so it cannot depend on the cloud.",
            )
            .with_hint("Leave `--cloud` out."));
        }
        let last = match key {
            _ if is_secret => "secrets",
            "cloud" | "project" | "region" => "target",
            _ => "config",
        };
        Ok(Self { section: cloud.map(Cloud::name).into_iter().chain([last]).collect(), key: key.to_owned() })
    }

    /// As it is written at the head of a table, e.g., `local.config`.
    pub(crate) fn section(&self) -> String {
        self.section.join(".")
    }

    /// What the value of a target must look like.
    fn check(&self, value: &str) -> Result<()> {
        match (self.section.last(), self.key.as_str()) {
            (Some(&"target"), "project") => {
                check_shape("project", value, is_project, "6 to 30 lower-case letters, digits and `-`")
            }
            (Some(&"target"), "region") => check_shape("region", value, is_region, "as in `europe-west1`"),
            (Some(&"target"), _) if Cloud::parse(value).is_none() => {
                Err(Failure::usage(format!("`{value}` is not a cloud: use `local` or `gcp`.")))
            }
            _ => Ok(()),
        }
    }
}

/// Where a secret comes from. The secret itself is never written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The name of an environment variable.
    Variable(String),
    /// A path, from the directory of the TOML file.
    File(String),
}

impl Source {
    /// Reads `env:NAME` or `file:PATH`.
    ///
    /// # Errors
    /// For anything else, which may be the secret itself: it is not repeated.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable(name) => Ok(Self::Variable(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.to_owned())),
            _ => Err(Failure::usage(
                "A secret is not written into the file, which others may read. Nothing has been changed.",
            )
            .with_hint("Say where it is found: `env:NAME` for a variable of the environment, `file:PATH` for a file.")),
        }
    }

    fn into_value(self) -> Value {
        let (word, place) = match self {
            Self::Variable(name) => ("env", name),
            Self::File(path) => ("file", path),
        };
        Value::InlineTable(InlineTable::from_iter([(word, place)]))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A file that is being changed.
pub(crate) struct Edit {
    path: PathBuf,
    document: DocumentMut,
}

impl Edit {
    /// Reads the file; one that is not there is begun.
    ///
    /// # Errors
    /// When it cannot be read, or says something that has no meaning.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let known = Document::read(path, false)?;
        known.check_keys(&[], SECTIONS)?;
        for cloud in ["local", "gcp"] {
            known.check_keys(&[cloud], CLOUD_SECTIONS)?;
        }
        let document = known.text_of_file().parse::<DocumentMut>().map_err(|error| {
            Failure::new(format!("{}: this is not TOML: {}.", path.display(), error.message()))
        })?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a key is set.
    pub(crate) fn has(&self, slot: &Slot) -> bool {
        let tables =
            slot.section.iter().try_fold(self.document.as_table() as &dyn TableLike, |table, name| {
                table.get(name)?.as_table_like()
            });
        tables.is_some_and(|table| table.contains_key(&slot.key))
    }

    /// Sets a key: to what the text means as TOML, or to the text itself.
    ///
    /// # Errors
    /// When the target cannot have that value, or something that is no table stands in the way.
    pub(crate) fn set(&mut self, slot: &Slot, text: &str) -> Result<()> {
        slot.check(text)?;
        let is_target = slot.section.last() == Some(&"target");
        let value = match text.parse::<Value>() {
            Ok(value) if !is_target => value,
            _ => Value::from(text),
        };
        self.put(slot, value)
    }

    /// Sets where a secret comes from.
    ///
    /// # Errors
    /// When something that is no table stands in the way.
    pub(crate) fn set_source(&mut self, slot: &Slot, source: Source) -> Result<()> {
        self.put(slot, source.into_value())
    }

    /// Takes a key out, and says whether it was there.
    ///
    /// # Errors
    /// When something that is no table stands in the way.
    pub(crate) fn unset(&mut self, slot: &Slot) -> Result<bool> {
        if !self.has(slot) {
            return Ok(false);
        }
        Ok(self.table(slot)?.remove(&slot.key).is_some())
    }

    fn put(&mut self, slot: &Slot, mut value: Value) -> Result<()> {
        let table = self.table(slot)?;
        match table.get_mut(&slot.key) {
            Some(Item::Value(old)) => {
                // The comment after the old value is about the key.
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            Some(old) => *old = Item::Value(value),
            None => {
                value.decor_mut().clear();
                // In a table of one line, the space after the last value belongs before the brace.
                if let Some((_, Item::Value(last))) = table.iter_mut().last()
                    && let Some(space) = last.decor().suffix().and_then(|suffix| suffix.as_str())
                    && space.trim().is_empty()
                {
                    let space = space.to_owned();
                    last.decor_mut().set_suffix("");
                    value.decor_mut().set_suffix(space);
                }
                table.insert(&slot.key, Item::Value(value));
            }
        }
        Ok(())
    }

    /// The table of a section, made where it is missing.
    fn table(&mut self, slot: &Slot) -> Result<&mut dyn TableLike> {
        let Self { path, document } = self;
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for (depth, name) in slot.section.iter().enumerate() {
            let item = table.entry(name).or_insert_with(|| {
                let mut made = Table::new();
                made.set_implicit(depth + 1 < slot.section.len());
                Item::Table(made)
            });
            table = item.as_table_like_mut().ok_or_else(|| {
                let keys = slot.section[..=depth].join(".");
                Failure::new(format!("{}: `{keys}`: a table belongs here.", path.display()))
            })?;
        }
        Ok(table)
    }

    /// Writes the file: as a whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn save(&self) -> Result<()> {
        files::replace(&self.path, self.document.to_string().as_bytes())
            .map_err(|error| Failure::new(format!("Cannot write {}: {error}.", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;
    use tempfile::TempDir;

    use super::*;

    fn edited(text: &str, change: impl FnOnce(&mut Edit)) -> String {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("dev.toml");
        fs::write(&path, text).unwrap();
        let mut edit = Edit::open(&path).unwrap();
        change(&mut edit);
        edit.save().unwrap();
        fs::read_to_string(&path).unwrap()
    }

    fn slot(key: &str) -> Slot {
        Slot::new(key, false, None).unwrap()
    }

    const FILE: &str = r#"# The team's stack.

[config]
# How big.
tier   = "small"   # on purpose
workers = 2

[target]
project = "my-project"
"#;

    #[test]
    fn everything_else_stays_as_it_was() {
        assert_snapshot!(edited(FILE, |edit| {
            edit.set(&slot("tier"), "large").unwrap();
            edit.set(&slot("tags"), r#"["a", "b"]"#).unwrap();
            edit.set(&slot("region"), "us-central1").unwrap();
            edit.set(&Slot::new("tier", false, Some(Cloud::Local)).unwrap(), "tiny").unwrap();
            edit.set_source(&Slot::new("admin", true, None).unwrap(), Source::parse("env:ADMIN").unwrap()).unwrap();
            assert!(edit.unset(&slot("workers")).unwrap());
            assert!(!edit.unset(&slot("nothing")).unwrap());
        }), @r#"
        # The team's stack.

        [config]
        # How big.
        tier   = "large"   # on purpose
        tags = ["a", "b"]

        [target]
        project = "my-project"
        region = "us-central1"

        [local.config]
        tier = "tiny"

        [secrets]
        admin = { env = "ADMIN" }
        "#);
    }

    #[test]
    fn a_file_may_be_empty_and_a_section_in_one_line() {
        assert_snapshot!(edited("", |edit| edit.set(&slot("a b"), "1").unwrap()), @r#"
        [config]
        "a b" = 1
        "#);
        assert_snapshot!(edited("config = { a = 1 }\n", |edit| edit.set(&slot("b"), "true").unwrap()), @"config = { a = 1, b = true }");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let said = |key: &str, value: &str| {
            let directory = TempDir::new().unwrap();
            let mut edit = Edit::open(&directory.path().join("dev.toml")).unwrap();
            edit.set(&slot(key), value).unwrap_err().message
        };
        assert_eq!(said("cloud", "aws"), "`aws` is not a cloud: use `local` or `gcp`.");
        assert_eq!(said("region", "Mars"), "`Mars` is not a region: as in `europe-west1`.");
        assert!(said("project", "7").starts_with("`7` is not a project"));
        for secret in ["hunter2", "env:", "env:A B", "file:", "vault:x"] {
            let failure = Source::parse(secret).unwrap_err();
            assert!(!failure.message.contains(secret) && failure.message.contains("not written into"));
        }
        assert!(Slot::new("cloud", false, Some(Cloud::Gcp)).is_err());
    }
}
