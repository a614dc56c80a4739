//! The traps, and how each is sprung.

use std::path::Path;

use anyhow::{Result, ensure};
use mlflow_host_tests::Place;
use serde_json::{Value as Json, json};

use crate::stacks::{account, bucket, connected, database, network, secret, server, with};

/// When the local cloud begins to misbehave.
pub(crate) enum When {
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
pub(crate) enum Outcome {
    /// The command ends well as if nothing had been.
    Copes,
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
    stack: Vec<Json>,
    when: When,
    faults: Vec<Json>,
    outcome: Outcome,
}

impl Trap {
    /// Springs the trap and looks what comes of it.
    pub(crate) fn spring(self, guest: &Path) -> Result<()> {
        let place = Place::new(guest)?;
        place.bench.lighten()?;
        place.declare(&self.stack)?;
        if !matches!(self.when, When::Up) {
            let run = place.run("up")?;
            ensure!(run.code == 0, "{}", run.report());
        }
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
        place.cloud.ensure_struck(&run)?;
        let (code, text) = match self.outcome {
            Outcome::Copes => (0, ""),
            Outcome::Fails(text) => (3, text),
            Outcome::Defers(text) => (4, text),
        };
        ensure!(run.code == code, "expected exit code {code}\n{}", run.report());
        ensure!(run.stdout.contains(text), "it does not say “{text}”\n{}", run.report());
        place.cloud.without_faults()?;
        if code != 0 {
            let again = place.run(command)?;
            ensure!(again.code == 0, "the next run does not finish\n{}", again.report());
        }
        if command == "up" {
            place.ensure_settled()?;
            place.ensure_as_recorded()?;
        }
        place.ensure_destroyed()?;
        place.cloud.ensure_valid_requests()
    }
}

/// A trap of the local cloud's own list, at the first `up`.
fn trap(name: &'static str, stack: Vec<Json>, outcome: Outcome) -> Trap {
    Trap { name, stack, when: When::Up, faults: vec![json!({"trap": name})], outcome }
}

/// Every trap.
pub(crate) fn traps() -> Vec<Trap> {
    use Outcome::{Copes, Defers, Fails};
    let slow = json!({"trap": "operation-stalls", "path": "/networks"});
    vec![
        // Service Usage
        trap("service-late", network(), Copes),
        trap("activation-in-progress", network(), Copes),
        trap("activation-fails", network(), Copes),
        trap("activation-quota", network(), Copes),
        // IAM
        trap("account-late", account(), Copes),
        trap("policy-conflict", account(), Copes),
        trap("bucket-policy-conflict", bucket(), Copes),
        // Networks
        trap("network-not-ready", network(), Copes),
        trap("quota-403", network(), Copes),
        Trap { faults: vec![slow], ..trap("operation-stalls", network(), Copes) },
        Trap {
            when: When::Change(with(network(), "sub", "enableFlowLogs", json!(true))),
            ..trap("fingerprint-race", network(), Copes)
        },
        Trap {
            faults: vec![json!({"trap": "peering-in-progress", "id": "services.connections.patch"})],
            ..trap("peering-in-progress", connected(), Copes)
        },
        Trap { when: When::Destroy, ..trap("connection-in-use", connected(), Copes) },
        // The host asks in the one way that Google does not refuse then: the fault has nothing to strike.
        Trap {
            when: When::Abandoned("servicenetworking.googleapis.com/Connection::services", {
                let mut other = connected();
                let mut range = other[4].clone();
                range["name"] = json!("other-range");
                other.insert(5, range);
                with(other, "services", "reservedPeeringRanges", json!(["{other-range.name}"]))
            }),
            faults: vec![json!({"trap": "ranges-fixed", "from": 0, "times": 1000})],
            ..trap("ranges-fixed", connected(), Copes)
        },
        // Cloud SQL
        trap("sql-busy", database(), Copes),
        trap("sql-false-alarm", database(), Copes),
        trap("sql-operation-unknown", database(), Copes),
        trap("sql-name-held", database(), Fails("the name of a deleted instance stays blocked for a week")),
        // Cloud Build and Cloud Run
        Trap {
            faults: vec![json!({"trap": "build-account", "times": 1})],
            ..trap("build-account", server(), Fails("CLOUD_LOGGING_ONLY / NONE logging options"))
        },
        trap("run-create-fails", server(), Fails("failed the configured startup probe checks")),
        // Cloud Storage and Secret Manager
        trap("bucket-late", bucket(), Copes),
        trap("unavailable", secret(), Copes),
        Trap {
            faults: vec![json!({"trap": "answer-lost", "path": "secretmanager.googleapis.com/"})],
            ..trap("answer-lost", secret(), Copes)
        },
        Trap {
            faults: vec![json!({"trap": "request-lost", "path": "secretmanager.googleapis.com/"})],
            ..trap("request-lost", secret(), Copes)
        },
        Trap {
            when: When::Destroy,
            faults: vec![json!({
                "id": "subnetworks.delete", "times": 1,
                "action": {"answer": {"status": 400, "body": {"error": {
                    "code": 400,
                    "message": "The subnetwork resource 'projects/p/regions/r/subnetworks/s' is already being used by 'projects/p/regions/r/addresses/serverless-ipv4-1'",
                    "errors": [{"reason": "resourceInUseByAnotherResource", "domain": "global", "message": "in use"}],
                }}}},
            })],
            ..trap("addresses-held", network(), Defers("addresses in the subnetwork"))
        },
    ]
}
