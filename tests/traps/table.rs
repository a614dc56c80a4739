//! The traps, and how each is sprung.

use std::path::Path;

use anyhow::{Result, ensure};
use mlflow_host_tests::Place;
use serde_json::{Value as Json, json};

use crate::stacks::{account, bucket, connected, database, network, secret, server, with};

/// When the local cloud begins to misbehave.
enum When {
    /// Before the first `up`.
    Up,
    /// Before an `up` with these resources, when the stack is up.
    Change(Vec<Json>),
    /// Before an `up` with these resources, when the stack is up and its state has forgotten this one (URN),
    /// which stays in the cloud.
    Abandoned(&'static str, Vec<Json>),
    /// Before `destroy`, when the stack is up.
    Destroy,
}

/// What has to come of it.
#[derive(Clone, Copy)]
enum Outcome {
    /// The command ends well as if nothing had been.
    Copes,
    /// The command ends well, and has asked for nothing that the fault could strike.
    Avoids,
    /// The command fails with this text in what it says (exit code 3); when the trouble is over the next
    /// one finishes.
    Fails(&'static str),
    /// The command leaves something for later and says so with this text (exit code 4); when the time has come
    /// the next one finishes.
    Defers(&'static str),
}

/// One trap.
pub(crate) struct Trap {
    pub(crate) name: &'static str,
    when: When,
    faults: Vec<Json>,
    outcome: Outcome,
}

/// A stack, and the traps that it meets in its life, one after the other.
pub(crate) struct Life {
    stack: Vec<Json>,
    pub(crate) traps: Vec<Trap>,
}

impl Life {
    /// The names of its traps.
    pub(crate) fn title(&self) -> String {
        let mut names: Vec<_> = self.traps.iter().map(|trap| trap.name).collect();
        names.dedup();
        names.join("+")
    }

    /// Lives it, and looks what comes of each trap.
    pub(crate) fn live(self, guest: &Path) -> Result<()> {
        let place = Place::new(guest)?;
        place.bench.lighten()?;
        place.declare(&self.stack)?;
        let mut is_up = false;
        let mut last = "up";
        for trap in self.traps {
            if !matches!(trap.when, When::Up) && !is_up {
                succeeds(&place, "up")?;
            }
            (last, is_up) = trap.spring(&place)?;
        }
        if last == "up" {
            if !is_up {
                succeeds(&place, "up")?;
            }
            place.ensure_settled()?;
            place.ensure_as_recorded()?;
        }
        place.ensure_destroyed()?;
        place.cloud.ensure_as_described()
    }
}

/// Runs a command that has nothing in its way any more.
fn succeeds(place: &Place, command: &str) -> Result<()> {
    let run = place.run(command)?;
    ensure!(run.code == 0, "{}", run.report());
    Ok(())
}

impl Trap {
    /// Springs the trap and looks what comes of it. Says which command ran, and whether all is up afterwards.
    fn spring(self, place: &Place) -> Result<(&'static str, bool)> {
        if let When::Abandoned(urn, _) = self.when {
            let run = place.run_with(&["state", "forget"], &[urn, "--yes"])?;
            ensure!(run.code == 0, "{}", run.report());
        }
        self.faults.iter().try_for_each(|fault| place.cloud.fault(fault))?;
        let command = match &self.when {
            When::Destroy => "destroy",
            When::Change(changed) | When::Abandoned(_, changed) => {
                place.declare(changed)?;
                "up"
            }
            When::Up => "up",
        };
        let run = place.run(command)?;
        match self.outcome {
            Outcome::Avoids => place.cloud.ensure_avoided(&run)?,
            _ => place.cloud.ensure_struck(&run)?,
        }
        let (code, text) = match self.outcome {
            Outcome::Copes | Outcome::Avoids => (0, ""),
            Outcome::Fails(text) => (3, text),
            Outcome::Defers(text) => (4, text),
        };
        ensure!(run.code == code, "{}: expected exit code {code}\n{}", self.name, run.report());
        ensure!(run.stdout.contains(text), "it does not say “{text}”\n{}", run.report());
        place.cloud.without_faults()?;
        Ok((command, command == "up" && code == 0))
    }

    fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    fn faults(mut self, faults: impl IntoIterator<Item = Json>) -> Self {
        self.faults = faults.into_iter().collect();
        self
    }
}

/// A trap of the local cloud's own list, at the first `up`.
fn trap(name: &'static str, outcome: Outcome) -> Trap {
    Trap { name, when: When::Up, faults: vec![json!({"trap": name})], outcome }
}

fn life(stack: Vec<Json>, traps: impl IntoIterator<Item = Trap>) -> Life {
    Life { stack, traps: traps.into_iter().collect() }
}

/// Every trap, in the lives that meet them.
pub(crate) fn lives() -> Vec<Life> {
    use Outcome::{Avoids, Copes, Defers, Fails};
    use When::{Abandoned, Change, Destroy};
    let at_up = |stack: fn() -> Vec<Json>, name| life(stack(), [trap(name, Copes)]);
    vec![
        // Service Usage
        at_up(network, "service-late"),
        at_up(network, "activation-in-progress"),
        at_up(network, "activation-fails"),
        at_up(network, "activation-quota"),
        // IAM
        at_up(account, "account-late"),
        at_up(account, "policy-conflict"),
        at_up(bucket, "bucket-policy-conflict"),
        // Networks
        at_up(network, "network-not-ready"),
        at_up(network, "quota-403"),
        at_up(network, "operations-quota"),
        life(
            network(),
            [trap("operation-stalls", Copes).faults([json!({"trap": "operation-stalls", "path": "/networks"})])],
        ),
        life(
            network(),
            [trap("fingerprint-race", Copes).when(Change(with(network(), "sub", "enableFlowLogs", json!(true))))],
        ),
        life(
            connected(),
            [trap("peering-in-progress", Copes)
                .faults([json!({"trap": "peering-in-progress", "id": "services.connections.patch"})])],
        ),
        life(connected(), [trap("connection-in-use", Copes).when(Destroy)]),
        life(
            connected(),
            [trap("ranges-fixed", Avoids)
                .faults([json!({"trap": "ranges-fixed", "times": 1000})])
                .when(Abandoned("servicenetworking.googleapis.com/Connection::services", {
                    let mut other = connected();
                    let mut range = other[4].clone();
                    range["name"] = json!("other-range");
                    other.insert(5, range);
                    with(other, "services", "reservedPeeringRanges", json!(["{other-range.name}"]))
                }))],
        ),
        // Cloud SQL
        life(
            database(),
            [
                trap("sql-busy", Copes).faults(
                    ["databases.insert", "users.insert"].map(|id| json!({"trap": "sql-busy", "id": id})),
                ),
                trap("sql-busy", Copes)
                    .faults(
                        ["instances.patch", "users.update"].map(|id| json!({"trap": "sql-busy", "id": id})),
                    )
                    .when(Change({
                        let stack = with(database(), "app", "password", json!("battery staple"));
                        with(stack, "pg", "settings.userLabels", json!({"team": "one"}))
                    })),
                trap("sql-busy", Copes)
                    .faults([json!({"trap": "sql-busy", "id": "instances.delete"})])
                    .when(Destroy),
            ],
        ),
        at_up(database, "sql-false-alarm"),
        at_up(database, "sql-operation-unknown"),
        life(
            database(),
            [trap("sql-name-held", Fails("the name of a deleted instance stays blocked for a week"))],
        ),
        // Cloud Build and Cloud Run
        life(
            server(),
            [
                trap("build-account", Fails("CLOUD_LOGGING_ONLY / NONE logging options"))
                    .faults([json!({"trap": "build-account", "times": 1})]),
                trap("run-create-fails", Fails("failed the configured startup probe checks")),
                trap("subnetwork-too-small", Fails("Use a larger subnetwork"))
                    .faults([json!({"trap": "subnetwork-too-small", "id": "projects.locations.services.patch"})])
                    .when(Change(with(server(), "web", "labels", json!({"team": "one"})))),
                trap("etag-race", Copes)
                    .when(Change(with(server(), "web", "labels", json!({"team": "two"})))),
            ],
        ),
        // Cloud Storage and Secret Manager
        at_up(bucket, "bucket-late"),
        at_up(secret, "unavailable"),
        life(
            secret(),
            [trap("answer-lost", Copes)
                .faults([json!({"trap": "answer-lost", "path": "secretmanager.googleapis.com/"})])],
        ),
        life(
            secret(),
            [trap("request-lost", Copes)
                .faults([json!({"trap": "request-lost", "path": "secretmanager.googleapis.com/"})])],
        ),
        life(
            network(),
            [trap("addresses-held", Defers("addresses in the subnetwork")).when(Destroy).faults([json!({
                "id": "subnetworks.delete", "times": 1,
                "action": {"answer": {"status": 400, "body": {"error": {
                    "code": 400,
                    "message": "The subnetwork resource 'projects/p/regions/r/subnetworks/s' is already being used by 'projects/p/regions/r/addresses/serverless-ipv4-1'",
                    "errors": [{"reason": "resourceInUseByAnotherResource", "domain": "global", "message": "in use"}],
                }}}},
            })])],
        ),
    ]
}
