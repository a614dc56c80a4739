//! Signals: the host leaves within a second, and the next run finishes.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::guest::Guest;

/// A stack with one API to enable, whose answer takes far longer than anybody would wait.
fn slow(bench: &Bench) {
    let service = r#"{"name": "storage.googleapis.com"}"#;
    let stack =
        Guest::default().declare("serviceusage.googleapis.com/Service", "storage", service, "{}").build();
    bench.write("dev.wasm", stack);
    assert!(bench.run(&["cloud", "start"]).starts_with("exit 0\n"));
}

/// A fault: making the resource of that stack takes for ever.
fn delay() -> Json {
    json!({"method": "POST", "path": "batchEnable", "action": {"delay": {"milliseconds": 60_000}}})
}

const UP: &[&str] = &["up", "dev.wasm", "--yes", "--json"];

/// The host at work on that stack, with the request on its way that the fault holds up.
fn at_work(bench: &Bench, arguments: &[&str], rule: Json, begun: impl Fn() -> bool) -> Child {
    bench.ask("POST", "_local/faults", Some(rule));
    let mut host = Command::new(env!("CARGO_BIN_EXE_mlflow-host"))
        .args(arguments)
        .current_dir(bench.path())
        .env_clear()
        .envs(bench.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !begun() {
        assert!(host.try_wait().unwrap().is_none(), "the host ended by itself");
        assert!(Instant::now() < deadline, "the host never sent anything");
        std::thread::sleep(Duration::from_millis(20));
    }
    host
}

/// Whether the fault has held up a request.
fn has_struck(bench: &Bench) -> bool {
    bench.ask("GET", "_local/faults", None)["faults"][0]["seen"].as_u64().unwrap() > 0
}

/// The exit code and the last event.
fn ended(host: Child) -> (Option<i32>, Json) {
    let output = host.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), serde_json::from_str(text.lines().last().unwrap()).unwrap())
}

#[test]
fn the_second_signal_ends_the_host_at_once_and_gives_the_lock_back() {
    let bench = Bench::new();
    slow(&bench);
    assert!(bench.run(&["state", "init", "gs://team-state", "dev.wasm"]).starts_with("exit 0\n"));
    bench.write("dev.toml", "[state]\nstore = \"gs://team-state\"\n");
    let objects = "storage.googleapis.com/storage/v1/b/team-state/o";
    let host = at_work(&bench, UP, delay(), || has_struck(&bench));
    assert!(bench.ask("GET", objects, None).to_string().contains("lock.json"));
    for _ in 0..2 {
        kill_process(Pid::from_child(&host), Signal::INT).unwrap();
        // Two signals at the same moment are one.
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, last) = ended(host);
    assert_eq!(code, Some(3));
    assert_eq!(
        (&last["event"], &last["interrupted"], &last["exitCode"]),
        (&json!("summary"), &json!(true), &json!(3))
    );
    assert!(!bench.ask("GET", objects, None).to_string().contains("lock.json"), "the lock is free");
    bench.ask("DELETE", "_local/faults", None);
    // Nobody has to wait for a lease to end, and the work is taken up.
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
}

#[test]
fn a_signal_before_anything_has_begun_gives_the_lock_back() {
    let bench = Bench::new();
    slow(&bench);
    assert!(bench.run(&["state", "init", "gs://team-state", "dev.wasm"]).starts_with("exit 0\n"));
    bench.write("dev.toml", "[state]\nstore = \"gs://team-state\"\n");
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    let objects = "storage.googleapis.com/storage/v1/b/team-state/o";
    let before = bench.ask("GET", objects, None);
    // Looking at the cloud takes for ever.
    let rule =
        json!({"method": "GET", "path": "serviceusage", "action": {"delay": {"milliseconds": 60_000}}});
    let host = at_work(&bench, &["refresh", "dev.wasm", "--yes"], rule, || has_struck(&bench));
    assert!(bench.ask("GET", objects, None).to_string().contains("lock.json"));
    kill_process(Pid::from_child(&host), Signal::INT).unwrap();
    assert_eq!(host.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(names(&bench.ask("GET", objects, None)), names(&before), "nothing has changed");
}

#[test]
fn the_first_signal_ends_the_host_within_a_second() {
    let bench = Bench::new();
    slow(&bench);
    for signal in [Signal::INT, Signal::TERM] {
        // It has begun when the request is in the journal of the stack.
        let host = at_work(&bench, UP, delay(), || bench.journals().contains("\"intent\""));
        let asked = Instant::now();
        kill_process(Pid::from_child(&host), signal).unwrap();
        let (code, last) = ended(host);
        assert_eq!((code, &last["event"], &last["interrupted"]), (Some(3), &json!("summary"), &json!(true)));
        // The bound is a promise to users: it is generous here, for machines with much else to do.
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        println!("ended {} ms after {signal:?}", asked.elapsed().as_millis());
        bench.ask("DELETE", "_local/faults", None);
        assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
        assert!(bench.run(&["destroy", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    }
}

/// The objects of a listing, with their generations, but for fences: whoever takes the lock leaves one.
fn names(listing: &Json) -> Vec<(String, String)> {
    let text = |object: &Json, key: &str| object[key].as_str().unwrap().to_owned();
    let objects = listing["items"].as_array().unwrap();
    let named = objects.iter().map(|object| (text(object, "name"), text(object, "generation")));
    named.filter(|(name, _)| !name.ends_with(".fence")).collect()
}

#[test]
fn a_signal_ends_the_wait_for_an_api_that_is_not_active_yet() {
    let bench = Bench::new();
    let service = r#"{"name": "secretmanager.googleapis.com"}"#;
    let needs = r#"{"dependsOn": ["serviceusage.googleapis.com/Service::secretmanager"]}"#;
    let stack = Guest::default()
        .declare("serviceusage.googleapis.com/Service", "secretmanager", service, "{}")
        .declare("secretmanager.googleapis.com/Secret", "key", r#"{"replication": {"automatic": {}}}"#, needs)
        .build();
    bench.write("dev.wasm", stack);
    assert!(bench.run(&["cloud", "start"]).starts_with("exit 0\n"));
    // The API would be refused for as long as the host is willing to wait for it.
    let late = json!({"trap": "service-late", "action": {"late": {"uses": 1_000_000}}});
    let refused = || {
        let log = bench.ask("GET", "_local/requests", None);
        let requests = log["requests"].as_array().unwrap();
        requests.iter().any(|request| request["method"] == "POST" && request["status"] == 403)
    };
    let host = at_work(&bench, UP, late, refused);
    let asked = Instant::now();
    kill_process(Pid::from_child(&host), Signal::TERM).unwrap();
    let (code, last) = ended(host);
    assert_eq!((code, &last["event"], &last["interrupted"]), (Some(3), &json!("summary"), &json!(true)));
    // The bound is a promise to users: it is generous here, for machines with much else to do.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    println!("ended {} ms after the signal", asked.elapsed().as_millis());

    bench.ask("DELETE", "_local/faults", None);
    assert!(bench.run(&["up", "dev.wasm", "--yes"]).starts_with("exit 0\n"));
    let log = bench.ask("GET", "_local/requests", None);
    let made = |request: &&Json| {
        request["id"] == "secretmanager.projects.secrets.create" && request["status"] == 200
    };
    assert_eq!(log["requests"].as_array().unwrap().iter().filter(made).count(), 1);
}
