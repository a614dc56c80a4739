//! Ways out of the sandbox that are none: forged references, secrets, sizes.

use std::io::ErrorKind;
use std::net::TcpListener;

use crate::common::{guest, host, hostile, inputs, message, problems, run, run_on};
use mlflow_host_program::Inputs;
use serde_json::json;

const MANGLED: &str = "It holds a reference that was cut, changed, escaped or made up: put references into strings whole, and use \
             the SDK's function `json` for JSON in a string.";

#[test]
fn a_reference_cannot_be_made_up_cut_or_mixed() {
    let forged = problems("forged");
    assert!(forged.len() == 5, "{forged:#?}");
    let sliced = problems("sliced");
    assert!(sliced.len() > 10, "{sliced:#?}");
    let swapped = problems("swapped");
    assert_eq!(swapped.len(), 1, "{swapped:#?}");
    for problem in forged.iter().chain(&sliced).chain(&swapped) {
        assert!(problem.ends_with(MANGLED), "{problem}");
    }
}

#[test]
fn a_reference_with_another_number_is_another_reference() {
    // Harmless, and meant so: whatever the number can be made into is a reference of this run, which the program has
    // got already. What is kept from programs is what no reference holds: a value.
    let graph = run(hostile(), &inputs("renumbered")).unwrap().graph;
    let value = graph.resources[2].properties.get("value").unwrap().to_shown_json();
    assert_eq!(value, json!({"$attribute": "std/Value::second#value"}));
}

#[test]
fn a_reference_of_another_run_is_none() {
    let other = message(hostile(), &inputs("make-token"));
    let token = other.strip_prefix("The program failed: ").unwrap().to_owned();
    assert!(token.len() > 20 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{token}");
    let mut carried = inputs("carried");
    carried.config.insert("carried".to_owned(), json!(token));
    let failure = message(hostile(), &carried);
    assert!(failure.contains(MANGLED), "{failure}");
}

#[test]
fn a_secret_is_a_name_wherever_a_program_puts_it() {
    // The host does not give the sandbox more than the name of a secret: there is nothing to leak.
    let said = run(hostile(), &inputs("secret-log")).unwrap().logs;
    assert_eq!(said[0].message, "The secret is ${secret:token}.");
    assert_eq!(message(hostile(), &inputs("secret-error")), "The program failed: It is ${secret:token}!");
    let key = problems("secret-key");
    assert!(key[0].contains("references may be values, not keys"), "{key:#?}");
    for case in ["secret-name", "secret-kind"] {
        let found = problems(case);
        assert!(found.iter().all(|problem| !problem.contains('\u{E000}')), "{found:#?}");
    }
    let outcome = run(hostile(), &inputs("secret-length")).unwrap();
    let length = outcome.graph.outputs["length"].to_shown_json();
    assert!(length.as_str().unwrap().parse::<usize>().unwrap() < 100, "{length}");
}

#[test]
fn a_file_of_500_megabytes_is_not_looked_at() {
    let mut huge = vec![0; 500 << 20];
    huge[..8].copy_from_slice(b"\0asm\x0d\0\x01\0");
    assert_eq!(
        message(&huge, &inputs("good")),
        "The file is larger than 128 MiB, so it is not read: leave data out of the program."
    );
}

#[test]
fn there_is_no_way_to_the_network() {
    // Somebody whom a way would lead to.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut inputs = inputs("");
    inputs.config.insert("port".to_owned(), json!(listener.local_addr().unwrap().port()));
    assert_eq!(
        message(&guest("network"), &inputs),
        "The program failed: TCP: access-denied; UDP: access-denied; looking up a name: \
         permanent-resolver-failure; looking up an address: permanent-resolver-failure"
    );
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_same_run_costs_the_same_and_gives_the_same_bytes() {
    let outcome = |inputs: &Inputs| {
        // A host of its own each time: nothing is left over from the run before.
        let outcome = run_on(&host(Some(1 << 40)), hostile(), inputs).unwrap();
        (format!("{:?}", outcome.graph), outcome.fuel.unwrap())
    };
    let first = outcome(&inputs("good"));
    assert_eq!(outcome(&inputs("good")), first);
    assert!(first.1 > 1000, "{}", first.1);
}

#[test]
fn json_that_nests_deeply_is_refused() {
    let cases = [
        ("deep", "the output `deep`: "),
        ("deep-properties", "std/Value::deep: "),
        ("deep-options", "std/Value::deep: "),
        ("deep-call", "the call of `json`: "),
    ];
    for (case, subject) in cases {
        let found = problems(case);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with(subject) && found[0].contains("recursion limit"), "{found:#?}");
    }
}
