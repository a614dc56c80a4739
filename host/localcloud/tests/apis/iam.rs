use serde_json::json;

use crate::support::{Harness, PROJECT, message};

#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_and_go_and_policies_notice() {
    let cloud = Harness::with(&["iam"]).await;
    let accounts = format!("iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts");
    let project = format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}");
    let policy = |email: &str, etag: &str| {
        json!({"policy": {"etag": etag, "bindings": [
            {"role": "roles/viewer", "members": [format!("serviceAccount:{email}")]},
        ]}})
    };
    let missing = format!("run-me@{PROJECT}.iam.gserviceaccount.com");
    let mut answers = vec![
        message(&cloud.post(&format!("{project}:setIamPolicy"), policy(&missing, "ACAB")).await),
        message(&cloud.get(&format!("{accounts}/{missing}")).await),
        message(&cloud.post(&accounts, json!({"accountId": "x"})).await),
    ];
    let email = cloud.account("run-me").await;
    assert_eq!(email, missing);
    answers.push(message(&cloud.post(&accounts, json!({"accountId": "run-me"})).await));
    let (status, set) = cloud.post(&format!("{project}:setIamPolicy"), policy(&email, "ACAB")).await;
    assert_eq!(status, 200);
    assert_ne!(set["etag"], "ACAB");
    let mut stale = cloud.post(&format!("{project}:setIamPolicy"), policy(&email, "ACAB")).await;
    assert_eq!(stale.1["error"]["status"], "ABORTED");
    let etag = set["etag"].as_str().unwrap();
    stale.1 = serde_json::from_str(&stale.1.to_string().replace(etag, "[etag]")).unwrap();
    answers.push(message(&stale));
    let conditional = json!({"policy": {"version": 1, "bindings": [
        {"role": "roles/viewer", "members": ["user:a@b.c"], "condition": {"expression": "true", "title": "t"}},
    ]}});
    answers.push(message(&cloud.post(&format!("{project}:setIamPolicy"), conditional).await));
    insta::assert_snapshot!(answers.join("\n"), @r#"
    400 Service account run-me@demo-project.iam.gserviceaccount.com does not exist.
    404 Unknown service account: run-me@demo-project.iam.gserviceaccount.com
    400 Invalid service account ID "x": it must have 6 to 30 characters, be lower-case letters, digits and dashes, begin with a letter and not end with a dash.
    409 Service account run-me already exists within project projects/demo-project.
    409 There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag 'ACAB' did not match the current policy's ETag '[etag]'.
    400 Specified policy has conditional role bindings; its version must be 3.
    "#);

    let (_, account) = cloud.get(&format!("{accounts}/{email}")).await;
    let unique = account["uniqueId"].as_str().unwrap();
    assert_eq!(cloud.delete(&format!("{accounts}/{email}")).await.0, 200);
    let (_, read) = cloud.post(&format!("{project}:getIamPolicy"), json!({})).await;
    assert_eq!(read["bindings"][0]["members"][0], format!("deleted:serviceAccount:{email}?uid={unique}"));
    let (_, restored) = cloud.post(&format!("{accounts}/{unique}:undelete"), json!({})).await;
    assert_eq!(restored["restoredAccount"]["email"], email);
    cloud.stop().await;
}

/// `SetIamPolicyRequest.updateMask`: without one, Google takes the bindings and leaves the rest alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_keeps_what_the_mask_does_not_name() {
    let cloud = Harness::with(&[]).await;
    let project = format!("cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}");
    let set = async |body| {
        let (status, policy) = cloud.post(&format!("{project}:setIamPolicy"), body).await;
        assert_eq!(status, 200, "{policy}");
        policy
    };
    let bindings = json!([{"role": "roles/viewer", "members": ["user:a@b.c"]}]);
    let audit = json!([{"service": "allServices", "auditLogConfigs": [{"logType": "DATA_READ"}]}]);
    let both = set(json!({"policy": {"bindings": bindings, "auditConfigs": audit}})).await;
    assert_eq!((&both["bindings"], &both["auditConfigs"]), (&bindings, &json!(null)));
    let both =
        set(json!({"policy": {"bindings": [], "auditConfigs": audit}, "updateMask": "auditConfigs,etag"}))
            .await;
    assert_eq!((&both["bindings"], &both["auditConfigs"]), (&bindings, &audit));
    let both = set(json!({"policy": {"bindings": []}})).await;
    assert_eq!((&both["bindings"], &both["auditConfigs"]), (&json!([]), &audit));
    cloud.stop().await;
}

/// Default credentials (`GOOGLE_APPLICATION_CREDENTIALS`) are traded for a token before anything else is asked.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_gets_a_token() {
    let cloud = Harness::with(&[]).await;
    let ask = async |token: &str| {
        let form = format!("grant_type=refresh_token&client_id=c&client_secret=s&refresh_token={token}");
        let address = format!("{}/oauth2.googleapis.com/token", cloud.base());
        let answer = cloud.client.post(address).body(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let token = std::fs::read_to_string(cloud.path().join("cloud/token")).unwrap();
    let (status, refused) = ask("made-up").await;
    assert_eq!(status, 400, "{refused}");
    let (status, granted) = ask(&token).await;
    assert_eq!((status, &granted["token_type"]), (200, &json!("Bearer")), "{granted}");
    assert_eq!(granted["access_token"], token.as_str());
    cloud.stop().await;
}
