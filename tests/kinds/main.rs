//! Every verb on every kind, through the host, on the local cloud: one stack with a resource of each kind lives
//! from nothing to nothing. The last step prints what was done with each.
//!
//! Kinds that need an image or a build live in the end-to-end test of the dev stack: see [`ELSEWHERE`].

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use mlflow_host_tests::{PROJECT, Place, Run, Steps, guest};
use serde_json::json;

use table::{ELSEWHERE, Row, rows};

fn main() -> ExitCode {
    Steps::begin("every_kind_is_in_the_table_or_elsewhere", Story::begin)
        .then("each_is_created", Story::create)
        .then("each_is_read_and_listed", Story::refresh)
        .then("each_is_updated", Story::update)
        .then("each_is_replaced", Story::replace)
        .then("each_is_deleted", Story::delete)
        .then("no_request_was_wrong", |story| story.place.cloud.ensure_valid_requests())
        .then("the_table", Story::print)
        .run()
}

struct Story {
    place: Place,
    rows: Vec<Row>,
    /// What was done with each kind.
    done: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Story {
    fn begin() -> Result<Self> {
        let place = Place::new(&guest("declared")?)?;
        let rows = rows();
        let listed = place.bench.succeeds(&["schema", "list", "--json"])?;
        let known: BTreeSet<String> =
            listed.events()?.iter().filter_map(|event| event["kind"].as_str().map(str::to_owned)).collect();
        let here = rows.iter().map(|row| row.kind).chain(ELSEWHERE.iter().copied());
        let covered: BTreeSet<String> = here.map(str::to_owned).collect();
        ensure!(known == covered, "{known:#?} are the kinds, not {covered:#?}");
        Ok(Self { place, rows, done: BTreeMap::new() })
    }

    fn create(&mut self) -> Result<()> {
        self.declare()?;
        let run = self.place.run("up")?;
        self.took_place(&run, "create", |_| true)?;
        self.place.ensure_settled()
    }

    fn refresh(&mut self) -> Result<()> {
        let run = self.place.run_with(&["refresh"], &["--exit-code"])?;
        ensure!(run.code == 0, "something is not as it was made\n{}", run.report());
        self.note("refresh", |_| true);
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        for row in &mut self.rows {
            if let Some((property, value)) = &row.update {
                row.properties[*property] = value.clone();
            }
        }
        self.declare()?;
        let run = self.place.run("up")?;
        self.took_place(&run, "update", |row| row.update.is_some())?;
        self.place.ensure_settled()?;
        self.refresh()
    }

    fn replace(&mut self) -> Result<()> {
        let urns: Vec<String> = self.rows.iter().filter(|row| row.replaces).map(Row::urn).collect();
        let mut options = vec!["--yes"];
        urns.iter().for_each(|urn| options.extend(["--replace", urn]));
        let run = self.place.run_with(&["up"], &options)?;
        self.took_place(&run, "replace", |row| row.replaces)?;
        self.place.ensure_settled()?;
        self.refresh()
    }

    fn delete(&mut self) -> Result<()> {
        let run = self.place.run("destroy")?;
        ensure!(run.code == 0, "{}", run.report());
        self.note("delete", |row| row.deletes);
        let left = self.place.cloud.resources(PROJECT)?;
        // Keys and key rings cannot be deleted, by nobody.
        let left: Vec<_> = left.into_iter().filter(|name| !name.contains("/keyRings/")).collect();
        ensure!(left.is_empty(), "left in the project: {left:#?}\n{}", run.report());
        Ok(())
    }

    fn print(&mut self) -> Result<()> {
        const VERBS: [&str; 5] = ["create", "refresh", "update", "replace", "delete"];
        eprintln!("      {:56}{}", "", VERBS.map(|verb| format!("{verb:9}")).concat());
        for (kind, done) in &self.done {
            let marks = VERBS.map(|verb| format!("{:9}", if done.contains(verb) { "x" } else { "-" }));
            eprintln!("      {kind:56}{}", marks.concat());
        }
        Ok(())
    }

    fn declare(&self) -> Result<()> {
        let declared = |row: &Row| json!({"kind": row.kind, "name": row.name, "properties": row.properties, "dependsOn": row.needs()});
        self.place.declare(&self.rows.iter().map(declared).collect::<Vec<_>>())
    }

    /// Requires that the run ended well and did `action` to each row that is meant.
    fn took_place(&mut self, run: &Run, action: &'static str, is_meant: impl Fn(&Row) -> bool) -> Result<()> {
        ensure!(run.code == 0, "{}", run.report());
        let mut acted = BTreeSet::new();
        for event in run.events()?.iter().filter(|event| event["event"] == "operation-finished") {
            if event["action"] == action {
                let resources = event["resources"].as_array().into_iter().flatten();
                acted.extend(resources.filter_map(|urn| urn.as_str().map(str::to_owned)));
            }
        }
        let missed: Vec<_> = self
            .rows
            .iter()
            .filter(|row| is_meant(row))
            .map(Row::urn)
            .filter(|urn| !acted.contains(urn))
            .collect();
        ensure!(missed.is_empty(), "no {action} of {missed:#?}\n{}", run.report());
        self.note(action, is_meant);
        Ok(())
    }

    fn note(&mut self, verb: &'static str, is_meant: impl Fn(&Row) -> bool) {
        for row in self.rows.iter().filter(|row| is_meant(row)) {
            self.done.entry(row.kind.to_owned()).or_default().insert(verb);
        }
    }
}
