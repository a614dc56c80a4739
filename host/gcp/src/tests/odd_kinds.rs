//! Kinds with code of their own.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlflow_host_engine::{Progress, Provider as _, Recovery, RequestAction};
use mlflow_host_graph::{AssetDigest, Value};
use serde_json::{Value as Json, json};

use super::{
    Cloud, config, error, lost, provider, provider_with, recorded, reply, request, run, status, target,
};
use crate::{Assets, GcpConfig};

#[tokio::test(start_paused = true)]
async fn a_connection_is_made_by_patch_and_deleted_by_whatever_works() {
    let cloud = Cloud::expecting([
        (
            "PATCH /servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/-?force=true&updateMask=reservedPeeringRanges",
            reply(json!({"name": "operations/pssn.p24-42-x", "done": true})),
        ),
        (
            "GET /servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections?network=projects%2F42%2Fglobal%2Fnetworks%2Fnet",
            reply(
                json!({"connections": [{"peering": "other"}, {"peering": "servicenetworking-googleapis-com", "network": "projects/42/global/networks/net"}]}),
            ),
        ),
    ]);
    let provider = provider(&cloud);
    let properties = json!({"network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/net", "reservedPeeringRanges": ["range"]});
    let target = target(&provider, "servicenetworking.googleapis.com/Connection::c", properties);
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![target.clone()])).await;
    assert_eq!(
        outcomes.unwrap()[0].identity,
        "projects/p/global/networks/net/connections/servicenetworking-googleapis-com"
    );
    cloud.finished();
    assert_eq!(
        cloud.body(0),
        json!({"network": "projects/42/global/networks/net", "reservedPeeringRanges": ["range"]})
    );

    let held = "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using this connection.";
    cloud.then([
        (
            "POST /servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/servicenetworking-googleapis-com",
            reply(json!({"name": "operations/pssn.p24-42-y"})),
        ),
        (
            "GET /servicenetworking.googleapis.com/v1/operations/pssn.p24-42-y",
            reply(json!({"name": "operations/pssn.p24-42-y", "done": true, "error": {"code": 9, "message": held}})),
        ),
        (
            "POST /compute.googleapis.com/compute/v1/projects/p/global/networks/net/removePeering?requestId=5ca1ab1e-0000-4000-8000-000000000000",
            reply(json!({"name": "operation-9", "status": "RUNNING"})),
        ),
        ("GET /compute.googleapis.com/compute/v1/projects/p/global/operations/operation-9", reply(json!({"name": "operation-9", "status": "DONE"}))),
    ]);
    let (outcomes, _) = run(&provider, &request(RequestAction::Delete, vec![recorded(target)])).await;
    assert_eq!(outcomes.unwrap(), []);
    cloud.finished();
    assert_eq!(cloud.body(2), json!({"consumerNetwork": "projects/42/global/networks/net"}));
    assert_eq!(cloud.body(4), json!({"name": "servicenetworking-googleapis-com"}));
}

#[tokio::test(start_paused = true)]
async fn a_version_is_added_once_even_if_the_answer_is_lost() {
    let add = "POST /secretmanager.googleapis.com/v1/projects/p/secrets/s:addVersion";
    let list = "GET /secretmanager.googleapis.com/v1/projects/p/secrets/s/versions?pageSize=250";
    let one = json!({"name": "projects/42/secrets/s/versions/1", "state": "ENABLED"});
    let cloud = Cloud::expecting([
        (add, lost()),
        (list, reply(json!({"versions": [one]}))),
        (
            "GET /secretmanager.googleapis.com/v1/projects/42/secrets/s/versions/1:access",
            reply(json!({"payload": {"data": STANDARD.encode("hunter2")}})),
        ),
        ("GET /secretmanager.googleapis.com/v1/projects/p/secrets/s/versions/1", reply(one.clone())),
    ]);
    let provider = provider(&cloud);
    let secret = Value::from(json!({"data": "hunter2"})).into_secret();
    let properties = Value::Map(
        [("secret".to_owned(), "projects/42/secrets/s".into()), ("payload".to_owned(), secret)].into(),
    );
    let mut target = target(&provider, "secretmanager.googleapis.com/SecretVersion::v", properties);
    let (outcomes, _) = run(&provider, &request(RequestAction::Create, vec![target.clone()])).await;
    let outcome = outcomes.unwrap().remove(0);
    cloud.finished();
    assert_eq!(outcome.identity, "projects/p/secrets/s/versions/1");
    assert_eq!(cloud.body(0), json!({"payload": {"data": STANDARD.encode("hunter2")}}));

    target.identity = Some(outcome.identity);
    let get = "GET /secretmanager.googleapis.com/v1/projects/p/secrets/s/versions/1";
    cloud.then([
        (get, reply(one.clone())),
        (
            "POST /secretmanager.googleapis.com/v1/projects/p/secrets/s/versions/1:destroy",
            reply(json!({"state": "DESTROYED"})),
        ),
    ]);
    let delete = request(RequestAction::Delete, vec![recorded(target)]);
    assert_eq!(run(&provider, &delete).await.0.unwrap(), []);
    cloud.then([(get, reply(json!({"name": "projects/42/secrets/s/versions/1", "state": "DESTROYED"})))]);
    assert_eq!(provider.recover(&delete).await.unwrap(), Recovery::Reached(Progress::Done(Vec::new())));
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_emptied_only_if_that_was_declared() {
    let delete_bucket = "DELETE /storage.googleapis.com/storage/v1/b/b-ab12";
    let not_empty = || {
        status(
            409,
            json!({"error": {"code": 409, "message": "The bucket you tried to delete is not empty.", "errors": [{"reason": "conflict"}]}}),
        )
    };
    let cloud = Cloud::expecting([(delete_bucket, not_empty())]);
    let provider = provider(&cloud);
    let delete = |force: bool| {
        let target = target(&provider, "storage.googleapis.com/Bucket::b", json!({"forceDestroy": force}));
        request(RequestAction::Delete, vec![recorded(target)])
    };
    let failure = run(&provider, &delete(false)).await.0.unwrap_err();
    insta::assert_snapshot!(format!("{failure}\n{}", failure.hint.as_deref().unwrap_or_default()), @r#"
cannot delete storage.googleapis.com/Bucket `b/b-ab12`: The bucket you tried to delete is not empty.
Empty it, or set its `forceDestroy` to true, run `up`, and then delete it.
"#);
    cloud.finished();

    let list = "GET /storage.googleapis.com/storage/v1/b/b-ab12/o?versions=true&maxResults=1000&fields=items%28name%2Cgeneration%29";
    cloud.then([
        (delete_bucket, not_empty()),
        (list, reply(json!({"items": [{"name": "a/b c", "generation": "1"}]}))),
        (
            "DELETE /storage.googleapis.com/storage/v1/b/b-ab12/o/a%2Fb%20c?generation=1",
            status(204, json!("")),
        ),
        (delete_bucket, reply(json!({}))),
    ]);
    assert_eq!(run(&provider, &delete(true)).await.0.unwrap(), []);
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_older_object_of_the_same_name_is_not_taken_for_ours() {
    let cloud = Cloud::default();
    let provider = provider(&cloud);
    let properties = json!({"bucket": "b", "name": "note.txt", "content": "hello"});
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "storage.googleapis.com/Object::note", properties)],
    );
    let get = "GET /storage.googleapis.com/storage/v1/b/b/o/note.txt";
    cloud.then([(get, reply(json!({"name": "note.txt", "md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="})))]);
    assert_eq!(provider.recover(&create).await.unwrap(), Recovery::NotReached);
    cloud.then([(get, reply(json!({"name": "note.txt", "md5Hash": "XUFAKrxLKna5cZ2REBfFkg=="})))]);
    assert!(matches!(provider.recover(&create).await.unwrap(), Recovery::Reached(Progress::Done(_))));
    cloud.finished();
}

struct Files(AssetDigest, Arc<[u8]>);

impl Assets for Files {
    fn bytes(&self, digest: &AssetDigest) -> Option<Arc<[u8]>> {
        (*digest == self.0).then(|| self.1.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_is_uploaded_and_checked() {
    let upload = "POST /storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=multipart&name=note.txt";
    let cloud = Cloud::expecting([(
        upload,
        reply(json!({"name": "note.txt", "md5Hash": "XUFAKrxLKna5cZ2REBfFkg==", "crc32c": "mnG7TA=="})),
    )]);
    let provider = provider(&cloud);
    let create = request(
        RequestAction::Create,
        vec![target(
            &provider,
            "storage.googleapis.com/Object::note",
            json!({"bucket": "b", "name": "note.txt", "content": "hello"}),
        )],
    );
    let outcome = run(&provider, &create).await.0.unwrap().remove(0);
    assert_eq!(outcome.identity, "b/b/o/note.txt");
    let sent = cloud.text(0);
    assert!(
        sent.contains("\"md5Hash\":\"XUFAKrxLKna5cZ2REBfFkg==\"") && sent.contains("\r\n\r\nhello\r\n--"),
        "{sent}"
    );

    cloud.then([
        (upload, reply(json!({"name": "note.txt", "md5Hash": "AAAAAAAAAAAAAAAAAAAAAA=="}))),
        ("GET /storage.googleapis.com/storage/v1/b/b/o/note.txt", error(404, "NOT_FOUND", "no")),
    ]);
    let failure = run(&provider, &create).await.0.unwrap_err();
    assert!(failure.message.contains("instead of"), "{failure}");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn a_large_asset_goes_in_chunks_and_survives_a_lost_one() {
    let digest: AssetDigest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
    let bytes: Arc<[u8]> = vec![7; 17 * 1024 * 1024].into();
    let session =
        |address: &'static str| reply(json!({})).incoming(|answer| answer.location = Some(address.into()));
    let put = "PUT /storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=1";
    let arrived = |last: usize| status(308, json!({})).incoming(|answer| answer.range_end = Some(last));
    let cloud = Cloud::expecting([
        (
            "POST /storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=resumable&name=src.tgz",
            session(
                "http://cloud/storage.googleapis.com/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=1",
            ),
        ),
        (put, arrived(8 * 1024 * 1024 - 1)),
        (put, lost()),
        (put, arrived(8 * 1024 * 1024 - 1)),
        (put, arrived(16 * 1024 * 1024 - 1)),
        (put, reply(json!({"name": "src.tgz"}))),
    ]);
    let provider =
        provider_with(GcpConfig { assets: Arc::new(Files(digest.clone(), bytes)), ..config() }, &cloud);
    let properties = Value::Map(
        [
            ("bucket".to_owned(), "b".into()),
            ("name".to_owned(), "src.tgz".into()),
            ("content".to_owned(), Value::Asset(digest)),
        ]
        .into(),
    );
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "storage.googleapis.com/Object::src", properties)],
    );
    run(&provider, &create).await.0.unwrap();
    cloud.finished();
    assert_eq!(cloud.text(5).len(), 1024 * 1024);
}

const BUILDS: &str = "POST /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds";
const GET_BUILD: &str = "GET /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds/b1";
const TAG: &str = "mlflow-host-5ca1ab1e-0000-4000-8000-000000000000";

fn build(status: &str) -> Json {
    json!({"id": "b1", "status": status, "tags": [TAG], "results": {"images": [{"digest": "sha256:d"}]}})
}

#[tokio::test(start_paused = true)]
async fn a_build_is_tagged_followed_and_found_again() {
    let started = json!({"name": "operations/build/p/x", "metadata": {"build": {"id": "b1"}}});
    let cloud = Cloud::expecting([
        (BUILDS, reply(started)),
        (GET_BUILD, reply(build("WORKING"))),
        (GET_BUILD, reply(build("SUCCESS"))),
    ]);
    let provider = provider(&cloud);
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "cloudbuild.googleapis.com/Build::image", json!({"tags": ["mine"]}))],
    );
    let (outcomes, notes) = run(&provider, &create).await;
    let outcome = outcomes.unwrap().remove(0);
    assert_eq!(outcome.identity, "projects/p/locations/europe-west1/builds/b1");
    assert_eq!(outcome.outputs.to_shown_json()["results"]["images"][0]["digest"], "sha256:d");
    assert_eq!(notes, ["WORKING"]);
    assert_eq!(cloud.body(0), json!({"tags": ["mine", TAG]}));

    let list = "GET /cloudbuild.googleapis.com/v1/projects/p/locations/europe-west1/builds?pageSize=200&filter=tags%3D%22mlflow-host-5ca1ab1e-0000-4000-8000-000000000000%22";
    cloud.then([(list, reply(json!({"builds": [{"id": "other", "tags": ["mine"]}, build("WORKING")]})))]);
    assert!(matches!(provider.recover(&create).await.unwrap(), Recovery::Reached(Progress::Running { .. })));
    cloud.then([(list, reply(json!({})))]);
    assert_eq!(provider.recover(&create).await.unwrap(), Recovery::NotReached);
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn a_failed_build_shows_its_log_and_leaves_nothing() {
    let failed = json!({"id": "b1", "status": "FAILURE", "failureInfo": {"detail": "step 0 exited with 1"}, "logsBucket": "gs://logs"});
    let log = reply(json!({}))
        .incoming(|answer| answer.body = b"Step 1/2 : FROM python\nERROR: no matching distribution".to_vec());
    let cloud = Cloud::expecting([
        (BUILDS, reply(json!({"name": "operations/build/p/x", "metadata": {"build": {"id": "b1"}}}))),
        (GET_BUILD, reply(failed)),
        ("GET /storage.googleapis.com/storage/v1/b/logs/o/log-b1.txt?alt=media", log),
    ]);
    let provider = provider(&cloud);
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "cloudbuild.googleapis.com/Build::image", json!({}))],
    );
    let failure = run(&provider, &create).await.0.unwrap_err();
    cloud.finished();
    assert_eq!(failure.left, []);
    insta::assert_snapshot!(failure, @r#"
cannot create cloudbuild.googleapis.com/Build `image`: FAILURE: step 0 exited with 1
The end of its log:
Step 1/2 : FROM python
ERROR: no matching distribution
"#);
}

#[tokio::test(start_paused = true)]
async fn an_execution_runs_to_its_end() {
    let name = "projects/p/locations/europe-west1/jobs/migrate/executions/migrate-x";
    let get =
        "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate/executions/migrate-x";
    let post = "POST /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate:run";
    let started = || {
        reply(json!({"name": "projects/p/locations/europe-west1/operations/o", "metadata": {"name": name}}))
    };
    let list =
        "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate/executions?pageSize=200";
    let before =
        || reply(json!({"executions": [{"name": "an older one", "createTime": "2026-01-01T00:00:00Z"}]}));
    let cloud = Cloud::expecting([
        (list, before()),
        (list, before()),
        (post, started()),
        (get, reply(json!({"name": name, "runningCount": 1}))),
        (get, reply(json!({"name": name, "completionTime": "t", "succeededCount": 1}))),
    ]);
    let provider = provider(&cloud);
    let create = request(
        RequestAction::Create,
        vec![target(&provider, "run.googleapis.com/Execution::m", json!({"job": "migrate"}))],
    );
    assert_eq!(run(&provider, &create).await.0.unwrap()[0].identity, name);
    assert_eq!(cloud.body(2), json!({}));

    let failed = json!({"name": name, "completionTime": "t", "failedCount": 1,
        "conditions": [{"type": "Completed", "state": "CONDITION_FAILED", "message": "Task migrate-task0 failed with exit code 1."}]});
    cloud.then([(list, before()), (list, before()), (post, started()), (get, reply(failed))]);
    let failure = run(&provider, &create).await.0.unwrap_err();
    insta::assert_snapshot!(failure, @"cannot create run.googleapis.com/Execution `m`: Task migrate-task0 failed with exit code 1.");
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_could_not_read_its_secret_yet_is_started_again() {
    let policy = "/cloudresourcemanager.googleapis.com/v1/projects/p";
    let get_policy = format!("POST {policy}:getIamPolicy").leak();
    let set_policy = format!("POST {policy}:setIamPolicy").leak();
    let post = "POST /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate:run";
    let name = |id: &str| format!("projects/p/locations/europe-west1/jobs/migrate/executions/{id}");
    let get = |id: &str| &*format!("GET /run.googleapis.com/v2/{}", name(id)).leak();
    let list =
        "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate/executions?pageSize=200";
    let started = |id: &str| reply(json!({"name": "operations/o", "metadata": {"name": name(id)}}));
    let none = || reply(json!({}));
    let denied = json!({"name": name("a"), "createTime": "2026-01-01T00:00:00Z", "completionTime": "t", "failedCount": 1, "conditions": [
        {"type": "Completed", "state": "CONDITION_FAILED", "message": "Permission denied on secret: projects/1/secrets/s"}]});
    let cloud = Cloud::expecting([
        (&*get_policy, reply(json!({"etag": "BwXe"}))),
        (&*set_policy, reply(json!({"etag": "BwXf"}))),
        (list, none()),
        (list, none()),
        (post, started("a")),
        (get("a"), reply(denied.clone())),
        (list, reply(json!({"executions": [denied]}))),
        (post, started("b")),
        (get("b"), reply(json!({"name": name("b"), "completionTime": "t", "succeededCount": 1}))),
    ]);
    let provider = provider(&cloud);
    let member = json!({"role": "roles/viewer", "member": "user:a@example.com"});
    let grant = target(&provider, "cloudresourcemanager.googleapis.com/ProjectIamMember::m", member);
    run(&provider, &request(RequestAction::Create, vec![grant])).await.0.unwrap();
    let execution = target(&provider, "run.googleapis.com/Execution::m", json!({"job": "migrate"}));
    let (outcomes, notes) = run(&provider, &request(RequestAction::Create, vec![execution])).await;
    assert_eq!(outcomes.unwrap()[0].identity, name("b"));
    assert_eq!(notes, ["waiting for a granted permission to take effect"]);
    cloud.finished();
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_start_nobody_saw_is_found_even_when_it_is_over() {
    let list =
        "GET /run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/migrate/executions?pageSize=200";
    let name = |id: &str| format!("projects/p/locations/europe-west1/jobs/migrate/executions/{id}");
    let execution = |id: &str, at: &str| json!({"name": name(id), "createTime": at, "completionTime": at, "succeededCount": 1});
    let old = execution("old", "2026-01-01T00:00:00.5Z");
    let new = execution("new", "2026-01-01T00:00:01Z");
    let cloud = Cloud::expecting([(list, reply(json!({"executions": [old]})))]);
    let provider = provider(&cloud);
    let target = target(&provider, "run.googleapis.com/Execution::m", json!({"job": "migrate"}));
    let create = request(RequestAction::Create, vec![target]);
    // Nothing has been sent when this goes into the journal; then it is sent, and the host dies.
    let Progress::Running { handle, .. } = provider.begin(&create).await.unwrap() else {
        panic!("it was sent before it could be told from others");
    };
    cloud.finished();
    let get = &*format!("GET /run.googleapis.com/v2/{}", name("new")).leak();
    cloud.then([(list, reply(json!({"executions": [new, old]}))), (get, reply(new))]);
    let Progress::Done(outcomes) = provider.advance(&create, &handle).await.unwrap() else {
        panic!("it is over");
    };
    assert_eq!(outcomes[0].identity, name("new"));
    cloud.finished();
    // Without a word in the journal nothing was sent.
    assert!(matches!(provider.recover(&create).await.unwrap(), Recovery::NotReached));
    cloud.finished();
}
