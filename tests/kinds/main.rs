//! Every verb on every kind, through the host, on the local cloud: one stack with a resource of each kind lives
//! from nothing to nothing. The last step prints what was done with each.
//!
//! A verb that a kind does not have is a dash: members of policies and builds do not change, keys are for ever.

mod reading;
mod row;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use mlflow_host_tests::{PROJECT, Place, Run, Steps, guest};
use serde_json::{Value as Json, json};

use row::{Row, SERVICE};
use table::{LOOKED_UP, rows};

/// A member of many policies.
const ROBOT: &str = "iam.googleapis.com/ServiceAccount::robot";

fn main() -> ExitCode {
    Steps::begin("every_kind_is_in_the_table", Story::begin)
        .then("each_is_created", Story::create)
        .then("each_is_read_and_listed", Story::refresh)
        .then("each_is_updated", Story::update)
        .then("what_cannot_be_changed_would_be_replaced", Story::foresee)
        .then("each_is_replaced", Story::replace)
        .then("each_is_taken_over_from_another_state", Story::import)
        .then("each_is_deleted", Story::delete)
        .then("no_request_and_no_answer_was_wrong", |story| story.place.cloud.ensure_as_described())
        .then("the_table", Story::print)
        .run()
}

struct Story {
    place: Place,
    rows: Vec<Row>,
    /// What the host says about the properties of each kind.
    properties: BTreeMap<&'static str, Vec<Json>>,
    /// The full names to take over, by URN.
    imports: BTreeMap<String, String>,
    /// What was done with each kind.
    done: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl Story {
    fn begin() -> Result<Self> {
        let place = Place::new(&guest("declared")?)?;
        let rows = rows();
        let listed = place.bench.succeeds(&["schema", "list", "--json"])?;
        let known: BTreeSet<String> =
            listed.events()?.iter().filter_map(|event| event["kind"].as_str().map(str::to_owned)).collect();
        let here = rows.iter().map(|row| row.kind).chain(LOOKED_UP.iter().map(|(kind, _)| *kind));
        let covered: BTreeSet<String> = here.map(str::to_owned).collect();
        ensure!(known == covered, "{known:#?} are the kinds, not {covered:#?}");
        let mut properties = BTreeMap::new();
        for row in &rows {
            if !properties.contains_key(row.kind) {
                let shown = place.bench.succeeds(&["schema", "show", row.kind, "--json"])?.event("kind")?;
                let list = shown["properties"].as_array().context("no properties")?;
                properties.insert(row.kind, list.clone());
            }
        }
        place.bench.lighten()?;
        Ok(Self { place, rows, properties, imports: BTreeMap::new(), done: BTreeMap::new() })
    }

    fn create(&mut self) -> Result<()> {
        self.declare()?;
        let run = self.place.run("up")?;
        self.took_place(&run, "create", |_| true)?;
        self.place.ensure_settled()
    }

    fn refresh(&mut self) -> Result<()> {
        let before = reading::count(&self.place.cloud)?;
        self.place.ensure_as_recorded()?;
        let paths = reading::since(&self.place.cloud, before)?;
        let recorded = self.recorded()?;
        for row in self.rows.iter().filter(|row| row.is_in_the_cloud()) {
            let identity =
                recorded.get(&row.urn()).with_context(|| format!("{} is not recorded", row.urn()))?;
            let ways = reading::ways(&paths, identity);
            let wanted = BTreeSet::from([row.read]);
            ensure!(ways == wanted, "{identity} was read by {ways:?}, not {wanted:?}: {paths:#?}");
        }
        self.note("refresh", Row::is_in_the_cloud);
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        for row in &mut self.rows {
            for (property, value) in &row.updates {
                row.properties[*property] = value.clone();
            }
        }
        self.declare()?;
        let run = self.place.run("up")?;
        self.took_place(&run, "update", |row| !row.updates.is_empty())?;
        self.place.ensure_settled()?;
        self.refresh()
    }

    /// Whatever a kind has that cannot be changed needs another resource, and a plan says so of that very property.
    fn foresee(&mut self) -> Result<()> {
        let fixed: BTreeSet<_> =
            self.rows.iter().filter(|row| !row.fixed.is_empty()).map(|row| row.kind).collect();
        let is_fixed = |property: &Json| {
            property["flags"].as_array().is_some_and(|flags| flags.contains(&json!("replaces")))
        };
        for (kind, properties) in &self.properties {
            let can_be = properties.iter().any(is_fixed);
            ensure!(
                !can_be || fixed.contains(kind),
                "the table does not say what cannot be changed of {kind}"
            );
        }
        self.declare_as(Row::otherwise)?;
        let run = self.place.run_with(&["preview"], &[])?;
        ensure!(run.code == 0, "{}", run.report());
        let plan = run.plan()?;
        let actions: BTreeSet<_> = plan.actions().into_iter().collect();
        let mut missed = Vec::new();
        for row in &self.rows {
            let changes = plan.resource(&row.urn()).map_or(&Json::Null, |resource| &resource["changes"]);
            for (path, _) in &row.fixed {
                let names = |change: &&Json| {
                    let rest = change["path"].as_str().and_then(|changed| changed.strip_prefix(path));
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let mut named = changes.as_array().into_iter().flatten().filter(names).peekable();
                let is_replaced = actions.contains(&("replace".to_owned(), row.urn()))
                    && named.peek().is_some()
                    && named.all(|change| change["needs"] == "replace");
                if !is_replaced {
                    missed.push(format!("{path} of {}: {changes}", row.urn()));
                }
            }
        }
        ensure!(missed.is_empty(), "nothing is replaced for {missed:#?}");
        self.declare()
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

    /// The state forgets everything, which stays in the cloud; the program takes it over by its full name. What had
    /// a name made up for it is declared with that name from then on.
    fn import(&mut self) -> Result<()> {
        let recorded = self.recorded()?;
        for row in self.rows.iter().filter(|row| row.kind == SERVICE) {
            if self.recorded()?.contains_key(&row.urn()) {
                let forget = ["--dependents", "--yes"];
                let run = self
                    .place
                    .run_with(&["state", "forget"], &[&[row.urn().as_str()], &forget[..]].concat())?;
                ensure!(run.code == 0, "{}", run.report());
            }
        }
        let cloud: Vec<_> = self.rows.iter().filter(|row| row.is_in_the_cloud()).map(Row::urn).collect();
        let left = self.recorded()?;
        ensure!(cloud.iter().all(|urn| !left.contains_key(urn)), "still recorded: {left:#?}");
        for row in &mut self.rows {
            let generated = Self::has_generated_name(&self.properties, row);
            if let Some(identity) = recorded.get(&row.urn()).filter(|_| generated) {
                let id = identity.rsplit('/').next().unwrap_or_default();
                row.properties["name"] = id.split('@').next().unwrap_or_default().into();
            }
        }
        self.imports = recorded;
        self.declare()?;
        let before = self.place.cloud.mutations()?;
        let run = self.place.run("up")?;
        self.took_place(&run, "adopt", Row::is_in_the_cloud)?;
        let after = self.place.cloud.mutations()?;
        ensure!(after == before, "{} changes were made\n{}", after - before, run.report());
        self.place.ensure_settled()?;
        self.imports.clear();
        self.declare()?;
        self.place.ensure_settled()?;
        self.refresh()
    }

    fn delete(&mut self) -> Result<()> {
        let enabled = self.enabled_apis()?;
        let declared = self.rows.iter().filter(|row| row.kind == SERVICE).count();
        ensure!(enabled.len() >= declared, "only these APIs are enabled: {enabled:#?}");
        let robot = self.recorded()?.remove(ROBOT).context("the account is not recorded")?;
        let before = reading::count(&self.place.cloud)?;
        let run = self.place.run("destroy")?;
        ensure!(run.code == 0, "{}", run.report());
        let now = self.enabled_apis()?;
        ensure!(now == enabled, "others may use the APIs: {enabled:#?} became {now:#?}");
        self.ensure_membership_ends_before(&robot, before)?;
        self.note("delete", |row| row.deletes);
        let left = self.place.cloud.resources(PROJECT)?;
        // Keys and key rings cannot be deleted, by nobody.
        let left: Vec<_> = left.into_iter().filter(|name| !name.contains("/keyRings/")).collect();
        ensure!(left.is_empty(), "left in the project: {left:#?}\n{}", run.report());
        Ok(())
    }

    /// The names of the APIs that are enabled in the project.
    fn enabled_apis(&self) -> Result<BTreeSet<String>> {
        let path =
            format!("/serviceusage.googleapis.com/v1/projects/{PROJECT}/services?filter=state:ENABLED");
        let list = self.place.cloud.get(&path)?;
        let names = list["services"].as_array().into_iter().flatten().filter_map(|api| api["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Requires that an account has left the project's policy before it was deleted, after request number `after`: what
    /// stays behind of a deleted account would stand in the way of its successor.
    fn ensure_membership_ends_before(&self, account: &str, after: u64) -> Result<()> {
        let requests = reading::answered(&self.place.cloud, after)?;
        let last = |wanted: &str| requests.iter().rposition(|request| request.ends_with(wanted));
        let left =
            last(&format!("POST cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}:setIamPolicy"));
        let deleted = last(&format!("DELETE iam.googleapis.com/v1/{account}"));
        ensure!(
            left.is_some() && left < deleted,
            "{account} did not leave the policy first ({left:?}, {deleted:?}): {requests:#?}"
        );
        Ok(())
    }

    fn print(&mut self) -> Result<()> {
        const VERBS: [&str; 6] = ["create", "refresh", "update", "replace", "adopt", "delete"];
        let line = |kind: &str, marks: &[String], read: &str| {
            let marks: String = marks.iter().map(|mark| format!("{mark:9}")).collect();
            eprintln!("      {kind:56}{marks}{read}");
        };
        line("", &VERBS.map(str::to_owned), "read by");
        for (kind, done) in &self.done {
            let marks = VERBS.map(|verb| if done.contains(verb) { "x" } else { "-" }.to_owned());
            let row = self.rows.iter().find(|row| row.kind == *kind && row.is_in_the_cloud());
            line(kind, &marks, &row.map_or(String::new(), |row| format!("{:?}", row.read).to_lowercase()));
        }
        for (kind, test) in LOOKED_UP {
            line(kind, &[format!("only looked up: {test}")], "");
        }
        Ok(())
    }

    fn declare(&self) -> Result<()> {
        self.declare_as(|row| row.properties.clone())
    }

    fn declare_as(&self, properties: impl Fn(&Row) -> Json) -> Result<()> {
        let mut entries = vec![json!({"directory": "mlflow/image", "name": "context"})];
        entries.extend(self.rows.iter().map(|row| {
            let import = self.imports.get(&row.urn()).filter(|_| row.is_in_the_cloud());
            json!({
                "kind": row.kind, "name": row.name, "properties": properties(row), "dependsOn": row.needs(),
                "import": import,
            })
        }));
        self.place.declare(&entries)
    }

    /// Whether the host has made up the name of a resource.
    fn has_generated_name(properties: &BTreeMap<&'static str, Vec<Json>>, row: &Row) -> bool {
        let is_made_up =
            |property: &Json| property["path"] == "name" && property["note"] == "made up when left out";
        row.is_in_the_cloud()
            && row.properties["name"].is_null()
            && properties.get(row.kind).is_some_and(|properties| properties.iter().any(is_made_up))
    }

    /// The full names of what is recorded, by URN.
    fn recorded(&self) -> Result<BTreeMap<String, String>> {
        let run = self.place.run_with(&["state", "list"], &[])?;
        let state = run.event("state")?;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let resources = state["resources"].as_array().into_iter().flatten();
        Ok(resources.map(|resource| (text(&resource["urn"]), text(&resource["identity"]))).collect())
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
            self.done.entry(row.kind).or_default().insert(verb);
        }
    }
}
