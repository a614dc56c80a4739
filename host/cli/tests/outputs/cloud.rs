//! The commands that look into the local cloud and make it misbehave.

use insta::assert_snapshot;
use serde_json::json;

use crate::bench::Bench;

/// The text without times of day.
fn undated(text: &str) -> String {
    let line = |line: &str| match line.get(..8) {
        Some(time) if time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') => {
            format!("HH:MM:SS{}", &line[8..])
        }
        _ => match line
            .split_once("\"time\":\"")
            .and_then(|(before, rest)| Some((before, rest.split_once('"')?)))
        {
            Some((before, (_, after))) => format!("{before}\"time\":\"TIME\"{after}"),
            None => line.to_owned(),
        },
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn requests_are_shown_with_what_is_wrong_with_them() {
    let bench = Bench::new();
    bench.run(&["cloud", "start"]);
    assert_snapshot!(bench.run(&["cloud", "log"]), @r"
    exit 0
    --- err
    · No request has come since the start.
    ");
    bench.ask_in_vain("GET", "secretmanager.googleapis.com/v1/projects/p/secrets");
    bench.ask_wrongly("GET", "secretmanager.googleapis.com/v1/projects/p/secrets?colour=red");
    bench.ask_wrongly("GET", "secretmanager.googleapis.com/v9/none");
    assert_snapshot!(undated(&bench.run(&["cloud", "log"])), @r#"
    exit 0
    --- out
    HH:MM:SS  403  GET     secretmanager.googleapis.com/v1/projects/p/secrets
    HH:MM:SS  400  GET     secretmanager.googleapis.com/v1/projects/p/secrets?colour=red
                   ! Invalid JSON payload received. Unknown name "colour": Cannot bind query parameter. Field 'colour' could not be found in request message.
    HH:MM:SS  404  GET     secretmanager.googleapis.com/v9/none
                   ! There is no such method.
    "#);
    assert_snapshot!(undated(&bench.run(&["cloud", "log", "--last", "1"])), @r"
    exit 0
    --- out
    HH:MM:SS  404  GET     secretmanager.googleapis.com/v9/none
                   ! There is no such method.
    ");
    assert_snapshot!(undated(&bench.run(&["cloud", "log", "--violations", "--json"])), @r#"
    exit 0
    --- out
    {"event":"request","host":"secretmanager.googleapis.com","id":"secretmanager.projects.secrets.list","method":"GET","mutating":false,"number":2,"path":"/v1/projects/p/secrets?colour=red","status":400,"time":"TIME","version":1,"via":"prefix","violation":"Invalid JSON payload received. Unknown name \"colour\": Cannot bind query parameter. Field 'colour' could not be found in request message."}
    {"event":"request","host":"secretmanager.googleapis.com","id":null,"method":"GET","mutating":false,"number":3,"path":"/v9/none","status":404,"time":"TIME","version":1,"via":"prefix","violation":"There is no such method."}
    {"command":"cloud","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
}

#[test]
fn faults_are_listed_set_and_ended() {
    let bench = Bench::new();
    assert_snapshot!(bench.run(&["cloud", "faults"]), @r"
    exit 1
    --- err
    error: The local cloud does not run.
    hint: Run `mlflow-host cloud start`.
    ");
    bench.run(&["cloud", "start"]);
    assert_snapshot!(bench.run(&["cloud", "faults"]), @r"
    exit 0
    --- out
    No fault is in force.

    Traps
      service-late            A service that was just enabled answers 403 `SERVICE_DISABLED` for the next three requests to it.
      activation-in-progress  Enabling services is refused once with 400, as another activation is in progress.
      activation-fails        The operation that enables services ends once with an internal error.
      activation-quota        Enabling services is refused once with 429 for too many changes per minute.
      account-late            A service account that was just created is not found three times, by whoever asks for it or names it.
      grant-late              A change of an IAM policy is in the policy at once, but counts only after the permission was needed three times in vain.
      policy-conflict         A change of an IAM policy is refused once with 409, as somebody else changed the policy.
      bucket-policy-conflict  A change of a bucket's IAM policy is refused once with 412, as somebody else changed the policy.
      peering-in-progress     Connecting a network to Google's services is refused once with 400, as a peering operation is in progress.
      ranges-fixed            Connecting a network to Google's services is refused once with 400, as an abandoned connection has other ranges.
      connection-in-use       Deleting the connection of a network fails with code 9 each time, as the producer still holds on to it.
      network-not-ready       Creating a subnetwork is refused once with 400 `resourceNotReady`, as its network is not ready.
      fingerprint-race        Changing a subnetwork is refused once with 412, as its fingerprint is no longer the current one.
      addresses-held          Once a Cloud Run service is deleted, its subnetwork stays in use for an hour (or until the faults are cleared).
      sql-busy                Creating a database is refused once with 409 `operationInProgress`, as the instance is busy.
      sql-name-held           Creating a Cloud SQL instance is refused with 409, as an instance of that name was deleted less than a week ago.
      sql-false-alarm         The operation that creates a Cloud SQL instance reports an internal error, and the instance comes up all the same.
      sql-operation-unknown   A Cloud SQL operation is not found when it is first asked for.
      sql-gone                Deleting a Cloud SQL instance is refused with 403 `notAuthorized` each time, which is what Google also answers for one that is gone.
      run-create-conflict     Creating a Cloud Run service is refused once with 409, as one of that name is still being deleted.
      etag-race               Changing a service is refused once with 409, as its etag is no longer the current one.
      run-create-fails        Creating a Cloud Run service ends with an error, and the service is there all the same.
      subnetwork-too-small    Creating a Cloud Run service ends with an error, as its subnetwork has too few addresses left, and the service is there all the same.
      build-account           A build is refused with 400, as a build with its own service account must say where its logs go.
      bucket-late             The IAM policy of a bucket is not found when it is first asked for, as the bucket was just created.
      quota-403               A request to Compute Engine is refused once with 403 for too many requests per minute.
      operations-quota        A request to Compute Engine is refused once with 403, as too many operations of the project are running.
      quota-429               A request to Cloud Run is refused once with 429 and `Retry-After`.
      unavailable             A request is refused once with 503.
      answer-lost             A mutating request takes effect, but the connection breaks before its answer.
      request-lost            The connection breaks before a mutating request takes effect.
      operation-stalls        The next operation that begins is pending for ten polls.
    ");
    let differing = r#"addresses-held={"action": {"late": {"milliseconds": 5000}}}"#;
    assert_snapshot!(bench.run(&["cloud", "faults", "--set", "unavailable", "--set", differing]), @r"
    exit 0
    --- out
    In force
      unavailable     has seen 0, struck 0 times
      addresses-held  has seen 0, struck 0 times
    ");
    bench.ask_in_vain("GET", "secretmanager.googleapis.com/v1/projects/p/secrets");
    let rules = json!([{"id": "networks.insert", "times": 2, "action": "dropBefore"}]);
    bench.write("faults.json", rules.to_string());
    assert_snapshot!(bench.run(&["cloud", "faults", "--file", "faults.json", "--json"]), @r#"
    exit 0
    --- out
    {"event":"faults","faults":[{"action":{"answer":{"body":{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}},"retryAfter":null,"status":503}},"from":1,"id":null,"method":null,"path":null,"seen":1,"struck":1,"times":1,"trap":"unavailable"},{"action":{"late":{"milliseconds":5000,"uses":0}},"from":1,"id":"projects.locations.services.delete","method":"DELETE","path":null,"seen":0,"struck":0,"times":1,"trap":"addresses-held"},{"action":"dropBefore","from":1,"id":"networks.insert","method":null,"path":null,"seen":0,"struck":0,"times":2}],"version":1}
    {"command":"cloud","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
    assert_snapshot!(bench.run(&["cloud", "faults", "--set", "no-such"]), @r"
    exit 1
    --- err
    error: The local cloud refuses: The body is no fault rule: there is no trap `no-such`; there are: service-late, activation-in-progress, activation-fails, activation-quota, account-late, grant-late, policy-conflict, bucket-policy-conflict, peering-in-progress, ranges-fixed, connection-in-use, network-not-ready, fingerprint-race, addresses-held, sql-busy, sql-name-held, sql-false-alarm, sql-operation-unknown, sql-gone, run-create-conflict, etag-race, run-create-fails, subnetwork-too-small, build-account, bucket-late, quota-403, operations-quota, quota-429, unavailable, answer-lost, request-lost, operation-stalls
    ");
    bench.write("faults.json", "{}");
    assert_snapshot!(bench.run(&["cloud", "faults", "--file", "faults.json"]), @r"
    exit 1
    --- err
    error: faults.json is no list of rules: invalid type: map, expected a sequence at line 1 column 0.
    hint: Write rules as docs/local-cloud-faults.md describes them, between `[` and `]`.
    ");
    assert_snapshot!(bench.run(&["cloud", "faults", "--clear"]), @r"
    exit 0
    --- out
    No fault is in force.
    ");
}

#[test]
fn what_is_in_the_cloud_is_shown_by_project() {
    let bench = Bench::new();
    bench.write("dev.wasm", "").run(&["cloud", "start"]);
    assert_snapshot!(bench.run(&["cloud", "resources"]), @r"
    exit 0
    --- err
    · The local cloud is empty.
    ");
    assert!(bench.run(&["state", "init", "gs://team-state", "dev.wasm"]).starts_with("exit 0\n"));
    assert_snapshot!(bench.run(&["cloud", "resources"]), @r"
    exit 0
    --- out
    mlflow-local: 2
      iam.googleapis.com/Policy
        //storage.googleapis.com/team-state
      storage.googleapis.com/Bucket
        team-state
    ");
    assert_snapshot!(bench.run(&["cloud", "resources", "--project", "nobody"]), @r"
    exit 1
    --- err
    error: Nothing is in the project `nobody`.
    hint: There is something in mlflow-local.
    ");
    assert_snapshot!(bench.run(&["cloud", "resources", "--json"]), @r#"
    exit 0
    --- out
    {"count":2,"event":"cloud-resources","project":"mlflow-local","resources":{"iam.googleapis.com/Policy":["//storage.googleapis.com/team-state"],"storage.googleapis.com/Bucket":["team-state"]},"version":1}
    {"command":"cloud","counts":{},"deferred":0,"elapsedMilliseconds":0,"event":"summary","exitCode":0,"failed":0,"interrupted":false,"retryAt":null,"skipped":0,"unchanged":0,"version":1}
    "#);
}
