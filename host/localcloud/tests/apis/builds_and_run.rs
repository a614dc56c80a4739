use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, REGION, message};

const SERVER: &str = r#"
import http.server, os, sys, json
if os.environ.get("BREAK"):
    print("I refuse to start", flush=True)
    sys.exit(7)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"greeting": os.environ.get("GREETING"), "secret": os.environ.get("SECRET"),
            "revision": os.environ["K_REVISION"], "headers": {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        left = int(self.headers["Content-Length"]); seen = 0
        while left:
            piece = self.rfile.read(min(left, 65536)); seen += len(piece); left -= len(piece)
        body = str(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"#;

const IMAGE: &str = "us-central1-docker.pkg.dev/demo-project/images/app:one";

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

async fn upload(cloud: &Harness, files: &[(&str, &str)]) {
    let address = format!("{}/upload/storage/v1/b/sources/o?uploadType=media&name=source.tgz", cloud.base());
    let sent = cloud.client.post(address).body(archive(files)).send().await.unwrap();
    assert_eq!(sent.status(), 200);
}

fn build(account: &str) -> Value {
    json!({
        "source": {"storageSource": {"bucket": "sources", "object": "source.tgz"}},
        "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "-t", IMAGE, "."]}],
        "images": [IMAGE],
        "serviceAccount": format!("projects/{PROJECT}/serviceAccounts/{account}"),
        "options": {"logging": "CLOUD_LOGGING_ONLY"},
    })
}

fn builds() -> String {
    format!("cloudbuild.googleapis.com/v1/projects/{PROJECT}/locations/{REGION}/builds")
}

async fn grant(cloud: &Harness, get: (Method, &str), set: (Method, &str), role: &str, member: &str) {
    let read = cloud.ok(get.0, get.1, Value::Null).await;
    let mut policy = read.clone();
    let mut bindings = policy["bindings"].as_array().cloned().unwrap_or_default();
    bindings.push(json!({"role": role, "members": [member]}));
    policy["bindings"] = bindings.into();
    let body = if set.0 == Method::PUT { policy } else { json!({"policy": policy}) };
    cloud.ok(set.0, set.1, body).await;
}

fn repositories() -> String {
    format!("artifactregistry.googleapis.com/v1/projects/{PROJECT}/locations/{REGION}/repositories")
}

/// Accounts, a bucket with a source and a repository; returns the builder's and the runtime's address.
async fn prepared() -> (Harness, String, String) {
    let cloud =
        Harness::with(&["storage", "iam", "artifactregistry", "cloudbuild", "run", "secretmanager"]).await;
    let builder = cloud.account("builder").await;
    let runtime = cloud.account("runtime").await;
    let buckets = format!("storage.googleapis.com/storage/v1/b?project={PROJECT}");
    cloud.ok(Method::POST, &buckets, json!({"name": "sources"})).await;
    let dockerfile = "FROM python:3-slim\nWORKDIR /app\nCOPY server.py .\nCMD [\"python\", \"server.py\"]\n";
    upload(&cloud, &[("Dockerfile", dockerfile), ("server.py", SERVER)]).await;
    let create = format!("{}?repositoryId=images", repositories());
    cloud.operate(Method::POST, &create, json!({"format": "DOCKER"})).await;
    (cloud, builder, runtime)
}

async fn may_read(cloud: &Harness, account: &str) {
    let iam = "storage.googleapis.com/storage/v1/b/sources/iam";
    let member = format!("serviceAccount:{account}");
    grant(cloud, (Method::GET, iam), (Method::PUT, iam), "roles/storage.objectViewer", &member).await;
}

async fn may_write(cloud: &Harness, account: &str) {
    let repository = format!("{}/images", repositories());
    grant(
        cloud,
        (Method::GET, &format!("{repository}:getIamPolicy")),
        (Method::POST, &format!("{repository}:setIamPolicy")),
        "roles/artifactregistry.writer",
        &format!("serviceAccount:{account}"),
    )
    .await;
}

/// Everything up to an image in a repository; returns the image by digest and the runtime account.
pub(crate) async fn with_image() -> (Harness, String, String) {
    let (cloud, builder, runtime) = prepared().await;
    may_read(&cloud, &builder).await;
    may_write(&cloud, &builder).await;
    let done = cloud.operate(Method::POST, &builds(), build(&builder)).await;
    let digest = done["response"]["results"]["images"][0]["digest"].as_str().unwrap().to_owned();
    let image = format!("us-central1-docker.pkg.dev/{PROJECT}/images/app@{digest}");
    let (_, images) = cloud.get(&format!("{}/images/dockerImages", repositories())).await;
    assert_eq!(images["dockerImages"][0]["uri"], image.as_str());
    assert_eq!(images["dockerImages"][0]["tags"], json!(["one"]));
    (cloud, image, runtime)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_needs_its_rights() {
    let (cloud, builder, _) = prepared().await;
    let mut unlogged = build(&builder);
    unlogged["options"] = json!({});
    let unreadable = cloud.finish(Method::POST, &builds(), build(&builder)).await;
    may_read(&cloud, &builder).await;
    let unwritable = cloud.finish(Method::POST, &builds(), build(&builder)).await;
    let stranger = build("nobody@demo-project.iam.gserviceaccount.com");
    let answers = [
        message(&cloud.post(&builds(), unlogged).await),
        message(&cloud.post(&builds(), stranger).await),
        unreadable["error"]["message"].to_string(),
        unwritable["error"]["message"].to_string(),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    400 if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use either CLOUD_LOGGING_ONLY / NONE logging options
    404 service account nobody@demo-project.iam.gserviceaccount.com was not found
    "Build failed; check build logs for details: could not resolve source: googleapi: Error 403: builder@demo-project.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)., forbidden"
    "Build failed; check build logs for details: failed to push us-central1-docker.pkg.dev/demo-project/images/app:one: denied: Permission \"artifactregistry.repositories.uploadArtifacts\" denied on resource \"projects/demo-project/locations/us-central1/repositories/images\" (or it may not exist) for builder@demo-project.iam.gserviceaccount.com"
    "#);
    cloud.stop().await;
}

fn service(image: &str, account: &str, env: Value) -> Value {
    json!({"template": {
        "serviceAccount": account,
        "containers": [{"image": image, "env": env, "startupProbe": {"httpGet": {"path": "/"}, "periodSeconds": 1, "failureThreshold": 30}}],
    }})
}

async fn call(cloud: &Harness, uri: &str) -> (u16, Value) {
    let (_, endpoints) = cloud.get("_local/endpoints").await;
    let url = endpoints[uri]["url"].as_str().unwrap().to_owned();
    let response = cloud.client.get(url).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_built_and_served_and_survives() {
    let (mut cloud, image, runtime) = with_image().await;
    let services = format!("run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}/services");
    let secrets = format!("secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets");
    cloud
        .ok(Method::POST, &format!("{secrets}?secretId=key"), json!({"replication": {"automatic": {}}}))
        .await;
    cloud
        .ok(Method::POST, &format!("{secrets}/key:addVersion"), json!({"payload": {"data": "aHVzaA=="}}))
        .await;
    let env = json!([
        {"name": "GREETING", "value": "hello"},
        {"name": "SECRET", "valueSource": {"secretKeyRef": {"secret": "key", "version": "1"}}},
    ]);
    let number = project_number(&cloud).await;
    let stranger = service(&image, "nobody@demo-project.iam.gserviceaccount.com", json!([]));
    let unknown = service("us-central1-docker.pkg.dev/demo-project/images/app:two", &runtime, json!([]));
    let mut answers = vec![message(&cloud.post(&format!("{services}?serviceId=app"), stranger).await)];
    let absent = cloud.finish(Method::POST, &format!("{services}?serviceId=absent"), unknown).await;
    answers.push(absent["error"].to_string());
    // Without the right to read the secret the service is there but not ready.
    let refused = cloud
        .finish(Method::POST, &format!("{services}?serviceId=app"), service(&image, &runtime, env.clone()))
        .await;
    answers.push(refused["error"].to_string());
    answers.push(message(
        &cloud.post(&format!("{services}?serviceId=app"), service(&image, &runtime, env.clone())).await,
    ));
    let (_, failed) = cloud.get(&format!("{services}/app")).await;
    assert_eq!(failed["terminalCondition"]["state"], "CONDITION_FAILED");
    let secret = format!("{secrets}/key");
    grant(
        &cloud,
        (Method::GET, &format!("{secret}:getIamPolicy")),
        (Method::POST, &format!("{secret}:setIamPolicy")),
        "roles/secretmanager.secretAccessor",
        &format!("serviceAccount:{runtime}"),
    )
    .await;

    let done = cloud
        .operate(Method::PATCH, &format!("{services}/app"), service(&image, &runtime, env.clone()))
        .await;
    let ready = &done["response"];
    assert_eq!(ready["@type"], "type.googleapis.com/google.cloud.run.v2.Service");
    assert_eq!(ready["terminalCondition"]["state"], "CONDITION_SUCCEEDED");
    assert_eq!((&ready["generation"], &ready["observedGeneration"]), (&json!("2"), &json!("2")));
    assert!(ready.get("reconciling").is_none());
    let uri = ready["uri"].as_str().unwrap().to_owned();
    assert_eq!(uri, format!("https://app-{number}.us-central1.run.app"));
    assert_eq!(call(&cloud, &uri).await.0, 403, "nobody may call it yet");
    grant(
        &cloud,
        (Method::GET, &format!("{services}/app:getIamPolicy")),
        (Method::POST, &format!("{services}/app:setIamPolicy")),
        "roles/run.invoker",
        "allUsers",
    )
    .await;
    let (status, body) = call(&cloud, &uri).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["greeting"], &body["secret"]), (&json!("hello"), &json!("hush")));
    assert_eq!(body["headers"]["host"], uri.strip_prefix("https://").unwrap());
    assert_eq!(body["headers"]["x-forwarded-proto"], "https");

    // 45 MB go through the front end.
    let (_, endpoints) = cloud.get("_local/endpoints").await;
    let url = endpoints[&uri]["url"].as_str().unwrap().to_owned();
    let sent = cloud.client.post(&url).body(vec![7_u8; 45_000_000]).send().await.unwrap();
    assert_eq!(sent.text().await.unwrap(), "45000000");

    // A broken revision leaves the old one serving.
    let mut broken = env.clone();
    broken.as_array_mut().unwrap().push(json!({"name": "BREAK", "value": "1"}));
    let failure =
        cloud.finish(Method::PATCH, &format!("{services}/app"), service(&image, &runtime, broken)).await;
    let text = failure["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("is not ready and cannot serve traffic") && text.contains("I refuse to start"),
        "{text}"
    );
    assert_eq!(failure["error"]["code"], 9);
    let (_, state) = cloud.get(&format!("{services}/app")).await;
    assert_ne!(state["latestReadyRevision"], state["latestCreatedRevision"]);
    assert_eq!(call(&cloud, &uri).await.0, 200);

    // A change of environment is a new revision; the same again is not.
    let mut other = env.clone();
    other[0]["value"] = "moin".into();
    cloud.operate(Method::PATCH, &format!("{services}/app"), service(&image, &runtime, other.clone())).await;
    let (_, body) = call(&cloud, &uri).await;
    assert_eq!(body["greeting"], "moin");
    let revision = body["revision"].clone();
    cloud.operate(Method::PATCH, &format!("{services}/app"), service(&image, &runtime, other)).await;
    assert_eq!(call(&cloud, &uri).await.1["revision"], revision);

    cloud.restart().await;
    let (status, body) = call(&cloud, &uri).await;
    assert_eq!((status, &body["revision"], &body["secret"]), (200, &revision, &json!("hush")));
    let (_, again) = cloud.get("_local/endpoints").await;
    assert_eq!(again[&uri]["url"], url.as_str(), "the port is kept");
    let (_, knative) = cloud
        .get(&format!("run.googleapis.com/apis/serving.knative.dev/v1/namespaces/{PROJECT}/services/app"))
        .await;
    assert_eq!((&knative["status"]["url"], &knative["kind"]), (&json!(uri), &json!("Service")));

    cloud.operate(Method::DELETE, &format!("{services}/app"), Value::Null).await;
    answers.push(message(&cloud.get(&format!("{services}/app")).await));
    insta::assert_snapshot!(without_suffixes(&answers.join("\n")).replace(&number, "[number]"), @r#"
    403 Permission 'iam.serviceaccounts.actAs' denied on service account nobody@demo-project.iam.gserviceaccount.com (or it may not exist).
    {"code":5,"message":"Revision 'absent-00001-xxx' is not ready and cannot serve traffic. Image 'us-central1-docker.pkg.dev/demo-project/images/app:two' not found."}
    {"code":7,"message":"Revision 'app-00001-xxx' is not ready and cannot serve traffic. spec.template.spec.containers[0].env[1].value_from.secret_key_ref.name: Permission denied on secret: projects/[number]/secrets/key/versions/1 for Revision service account runtime@demo-project.iam.gserviceaccount.com. The service account used must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level."}
    409 Resource 'app' already exists.
    404 Resource 'app' of kind 'SERVICE' in region 'us-central1' in project 'demo-project' does not exist.
    "#);
    assert!(cloud.client.get(&url).timeout(Duration::from_secs(5)).send().await.is_err());
    cloud.stop().await;
}

/// Revision names with their random ends replaced.
fn without_suffixes(text: &str) -> String {
    let mut parts = text.split("-00001-");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "-00001-xxx" + &part[3..])
}

async fn project_number(cloud: &Harness) -> String {
    let (_, project) = cloud.get(&format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}")).await;
    project["projectNumber"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_to_completion_and_tell_why_they_did_not() {
    let (cloud, image, runtime) = with_image().await;
    let jobs = format!("run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}/jobs");
    let job = |program: &str| {
        json!({"template": {"template": {
            "serviceAccount": runtime, "maxRetries": 1,
            "containers": [{"image": image, "command": ["python", "-c", program]}],
        }}})
    };
    let done = cloud.operate(Method::POST, &format!("{jobs}?jobId=work"), job("print('done')")).await;
    assert_eq!(done["response"]["template"]["taskCount"], 1);
    let ran = cloud.operate(Method::POST, &format!("{jobs}/work:run"), json!({})).await;
    assert_eq!(ran["response"]["succeededCount"], 1);
    assert_eq!(ran["response"]["conditions"][0]["state"], "CONDITION_SUCCEEDED");
    let (_, after) = cloud.get(&format!("{jobs}/work")).await;
    assert_eq!(after["latestCreatedExecution"]["completionStatus"], "EXECUTION_SUCCEEDED");

    cloud
        .operate(Method::PATCH, &format!("{jobs}/work"), job("print('no such table'); raise SystemExit(3)"))
        .await;
    let failed = cloud.finish(Method::POST, &format!("{jobs}/work:run"), json!({})).await;
    let text = failed["error"]["message"].as_str().unwrap();
    assert!(text.contains("exit code 3") && text.contains("no such table"), "{text}");
    assert_eq!(
        (&failed["metadata"]["failedCount"], &failed["metadata"]["retriedCount"]),
        (&json!(1), &json!(1))
    );
    cloud.operate(Method::DELETE, &format!("{jobs}/work"), Value::Null).await;
    assert_eq!(cloud.get(&format!("{jobs}/work")).await.0, 404);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_operation_fails_on_request_has_ended() {
    let (cloud, builder, _) = prepared().await;
    let failure = json!({"failOperation": {"code": 13, "message": "Out of machines."}});
    cloud.post("_local/faults", json!({"id": "builds.create", "action": failure})).await;
    let failed = cloud.finish(Method::POST, &builds(), build(&builder)).await;
    assert_eq!(failed["error"]["message"], "Out of machines.");
    let ended = &failed["metadata"]["build"];
    assert_eq!(
        (&ended["status"], &ended["statusDetail"]),
        (&json!("INTERNAL_ERROR"), &json!("Out of machines."))
    );
    let id = ended["id"].as_str().unwrap();
    assert_eq!(cloud.get(&format!("{}/{id}", builds())).await.1["status"], "INTERNAL_ERROR");
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_shows_its_log() {
    let (cloud, _, _) = with_image().await;
    upload(&cloud, &[("Dockerfile", "FROM python:3-slim\nRUN echo cannot go on && exit 4\n")]).await;
    let builder = format!("builder@{PROJECT}.iam.gserviceaccount.com");
    let failed = cloud.finish(Method::POST, &builds(), build(&builder)).await;
    let build = &failed["metadata"]["build"];
    assert_eq!(build["status"], "FAILURE");
    assert!(build["failureInfo"]["detail"].as_str().unwrap().contains("cannot go on"), "{build:#}");
    let id = build["id"].as_str().unwrap();
    let (status, log) = cloud.get(&format!("_local/builds/{id}/log")).await;
    assert_eq!(status, 200);
    assert!(log.as_str().unwrap().contains("cannot go on"));
    assert_eq!(cloud.get("_local/builds/..%2Fx/log").await.0, 404);
    let wanted = json!({
        "resourceNames": [format!("projects/{PROJECT}")], "orderBy": "timestamp desc", "pageSize": 100,
        "filter": format!("resource.type=\"build\" AND resource.labels.build_id=\"{id}\""),
    });
    let (_, listed) = cloud.post("logging.googleapis.com/v2/entries:list", wanted).await;
    let lines: Vec<_> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| entry["textPayload"].as_str().unwrap())
        .collect();
    assert_eq!(lines.join("\n"), log.as_str().unwrap().trim_end());
    cloud.stop().await;
}
