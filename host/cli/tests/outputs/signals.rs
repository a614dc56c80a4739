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

/// The host at work on that stack, with the request on its way.
fn at_work(bench: &Bench, begun: impl Fn() -> bool) -> Child {
    let rule =
        json!({"method": "POST", "path": "batchEnable", "action": {"delay": {"milliseconds": 60_000}}});
    bench.ask("POST", "_local/faults", Some(rule));
    let mut host = Command::new(env!("CARGO_BIN_EXE_mlflow-host"))
        .args(["up", "dev.wasm", "--yes", "--json"])
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
    // It has begun when the journal in the bucket has more than its first entry.
    let begun = || {
        let named = bench.ask("GET", objects, None).to_string();
        named.contains("lock.json") && bench.ask("GET", "_local/faults", None)[0]["seen"] != json!(0)
    };
    let host = at_work(&bench, begun);
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
fn the_first_signal_ends_the_host_within_a_second() {
    let bench = Bench::new();
    slow(&bench);
    for signal in [Signal::INT, Signal::TERM] {
        // It has begun when the request is in the journal of the stack.
        let host = at_work(&bench, || bench.journals().contains("\"intent\""));
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
