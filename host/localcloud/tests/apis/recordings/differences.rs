//! The table of what the local cloud answers otherwise than Google did, and the comparison by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::support::Answer;

/// The whole table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rewriting: Vec<Rewriting>,
    difference: Vec<Difference>,
}

/// A text that stands for another one throughout a recording, in requests and answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rewriting {
    recordings: Vec<String>,
    recorded: String,
    /// May refer to a fact of the running local cloud: `{number}`.
    replayed: String,
    reason: String,
}

/// A field that differs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    recordings: Vec<String>,
    /// In which answers; in all where it is absent.
    answer: Option<Kind>,
    /// In the answers of which host; of all where it is absent.
    host: Option<String>,
    /// Path of the field: from the answer's root if it begins with a slash, else the end of a path.
    path: String,
    how: How,
    reason: String,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Operation,
    Resource,
}

impl Kind {
    fn of(answer: &Value) -> Self {
        let is_operation = answer.get("operationType").is_some()
            || answer["name"].as_str().is_some_and(|name| name.contains("operations/"));
        if is_operation { Self::Operation } else { Self::Resource }
    }
}

/// How a field differs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// The server makes the value up. From its first occurrence on, the one stands for the other.
    Generated,
    /// A time, written in the same form.
    Time,
    /// Google's answer alone has it.
    GoogleOnly,
    /// The local cloud's answer alone has it.
    LocalOnly,
}

/// A field whose values differ; `None` where it is absent.
#[derive(Debug)]
struct Found {
    path: String,
    recorded: Option<Value>,
    replayed: Option<Value>,
}

/// The comparison of one recording.
pub(super) struct Differences {
    rewritings: Vec<Rewriting>,
    differences: Vec<Difference>,
    /// Recorded texts and what stands for them.
    stands_for: BTreeMap<String, String>,
    used: BTreeSet<String>,
    /// By what differs: once is enough.
    problems: BTreeMap<String, String>,
}

impl Differences {
    /// The part of the table for a recording.
    pub(super) fn of(table: &str, recording: &str, facts: &[(&str, &str)]) -> Self {
        let mut table: Table = toml::from_str(table).unwrap();
        let concerns = |recordings: &[String]| recordings.iter().any(|name| name == recording);
        table.rewriting.retain(|row| concerns(&row.recordings));
        table.difference.retain(|row| concerns(&row.recordings));
        let reasons = table.rewriting.iter().map(|row| &row.reason);
        for reason in reasons.chain(table.difference.iter().map(|row| &row.reason)) {
            assert!(reason.ends_with('.'), "A reason is a sentence: {reason}");
        }
        let filled = |text: &str| {
            facts
                .iter()
                .fold(text.to_owned(), |text, (name, fact)| text.replace(&format!("{{{name}}}"), fact))
        };
        let stands_for =
            table.rewriting.iter().map(|row| (row.recorded.clone(), filled(&row.replayed))).collect();
        Self {
            rewritings: table.rewriting,
            differences: table.difference,
            stands_for,
            used: BTreeSet::new(),
            problems: BTreeMap::new(),
        }
    }

    /// A recorded value with everything replaced that something else stands for.
    pub(super) fn rewritten(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.rewritten_text(text).into(),
            Value::Array(elements) => elements.iter().map(|element| self.rewritten(element)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), self.rewritten(value)));
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    fn rewritten_text(&mut self, text: &str) -> String {
        // In one go, the longest first: what was put in is not replaced again.
        let mut rest = text;
        let mut result = String::new();
        while let Some(letter) = rest.chars().next() {
            let known = self.stands_for.iter().filter(|(recorded, _)| rest.starts_with(recorded.as_str()));
            match known.max_by_key(|(recorded, _)| recorded.len()) {
                Some((recorded, replayed)) => {
                    self.used.insert(recorded.clone());
                    result.push_str(replayed);
                    rest = &rest[recorded.len()..];
                }
                None => {
                    result.push(letter);
                    rest = &rest[letter.len_utf8()..];
                }
            }
        }
        result
    }

    /// Notes a status that is not the recorded one. Of a refusal, the recordings have nothing else.
    pub(super) fn check_status(&mut self, place: &str, recorded: u16, (status, answer): &Answer) {
        if *status != recorded || (recorded >= 400 && answer["error"]["code"] != recorded) {
            let problem = format!("{recorded} was recorded, not {status} {answer:#}");
            self.problems.insert(place.to_owned(), problem);
        }
    }

    /// Notes every difference of an answer that the table does not have.
    pub(super) fn check(&mut self, place: &str, host: &str, recorded: &Value, replayed: &Value) {
        let kind = Kind::of(recorded);
        let answer = (host, kind);
        for found in differing(recorded, replayed) {
            self.learn(answer, &found);
        }
        let expected = self.rewritten(recorded);
        for found in differing(&expected, replayed) {
            if !self.is_known(answer, &found) {
                let (recorded, replayed) = (shown(found.recorded.as_ref()), shown(found.replayed.as_ref()));
                let problem = format!("recorded {recorded}, replayed {replayed} ({place})");
                self.problems.entry(format!("{kind:?} {}", found.path)).or_insert(problem);
            }
        }
    }

    /// Notes which text stands for a recorded one, if the field is one that the server makes up. Both must be
    /// new: where Google gives the same value twice, or two values, the local cloud must as well.
    fn learn(&mut self, answer: (&str, Kind), found: &Found) {
        let Some(Value::String(recorded)) = &found.recorded else { return };
        let Some(Value::String(replayed)) = &found.replayed else { return };
        let is_new = self.rewritten_text(recorded) != *replayed
            && !self.stands_for.iter().any(|(one, other)| one == recorded || other == replayed);
        if is_new && let Some(row) = self.row(answer, found, How::Generated) {
            self.used.insert(row);
            self.stands_for.insert(recorded.clone(), replayed.clone());
        }
    }

    fn is_known(&mut self, answer: (&str, Kind), found: &Found) -> bool {
        let how = match (&found.recorded, &found.replayed) {
            (Some(_), None) => How::GoogleOnly,
            (None, Some(_)) => How::LocalOnly,
            (Some(Value::String(recorded)), Some(Value::String(replayed)))
                if form(recorded) == form(replayed) =>
            {
                How::Time
            }
            _ => return false,
        };
        let row = self.row(answer, found, how);
        let is_known = row.is_some();
        self.used.extend(row);
        is_known
    }

    /// The row of the table for a difference, as a text that names it.
    fn row(&self, (host, kind): (&str, Kind), found: &Found, how: How) -> Option<String> {
        let fits = |path: &str| match path.strip_prefix('/') {
            Some(path) => found.path == path,
            None => found.path == path || found.path.ends_with(&format!(".{path}")),
        };
        let row = self.differences.iter().find(|row| {
            row.how == how
                && row.answer.is_none_or(|answer| answer == kind)
                && row.host.as_ref().is_none_or(|known| known == host)
                && fits(&row.path)
        });
        row.map(name)
    }

    /// Fails with all that was noted, and with the rows of the table that no answer needed.
    pub(super) fn finish(mut self) {
        let rewritings = self.rewritings.iter().map(|row| row.recorded.clone());
        for row in rewritings.chain(self.differences.iter().map(name)) {
            if !self.used.contains(&row) {
                self.problems.insert(row, "nothing differs any more".to_owned());
            }
        }
        let lines: Vec<_> = self.problems.iter().map(|(what, how)| format!("{what}: {how}")).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

fn name(row: &Difference) -> String {
    format!("{} {:?}", row.path, row.how)
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

/// A text with its digits made equal: times of one form have the same.
fn form(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
}

/// The leaves in which two values differ.
fn differing(recorded: &Value, replayed: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    compare("", Some(recorded), Some(replayed), &mut found);
    found
}

fn compare(path: &str, recorded: Option<&Value>, replayed: Option<&Value>, found: &mut Vec<Found>) {
    match (recorded, replayed) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            for field in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                compare(&path, one.get(field), other.get(field), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                compare(&format!("{path}[{index}]"), one.get(index), other.get(index), found);
            }
        }
        (recorded, replayed) if recorded == replayed => {}
        (recorded, replayed) => found.push(Found {
            path: path.to_owned(),
            recorded: recorded.cloned(),
            replayed: replayed.cloned(),
        }),
    }
}
