use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Harness, PROJECT, message};

fn instance() -> Value {
    json!({
        "name": "pg", "region": "us-central1", "databaseVersion": "POSTGRES_16", "rootPassword": "root-secret",
        "settings": {"tier": "db-custom-1-3840", "ipConfiguration": {
            "ipv4Enabled": false, "privateNetwork": format!("projects/{PROJECT}/global/networks/net"),
        }},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_lives_and_its_name_stays_taken() {
    let mut cloud = Harness::with(&["compute", "servicenetworking", "sqladmin"]).await;
    let instances = format!("sqladmin.googleapis.com/v1/projects/{PROJECT}/instances");
    cloud.private_network().await;
    let (_, begun) = cloud.post(&instances, instance()).await;
    assert_eq!((&begun["status"], &begun["operationType"]), (&json!("PENDING"), &json!("CREATE")));
    assert_eq!(cloud.get(&format!("{instances}/pg")).await.1["state"], "PENDING_CREATE");
    let busy = cloud.post(&format!("{instances}/pg/databases"), json!({"name": "early"})).await;
    let poll = format!(
        "sqladmin.googleapis.com/v1/projects/{PROJECT}/operations/{}",
        begun["name"].as_str().unwrap()
    );
    while cloud.get(&poll).await.1["status"] != "DONE" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (_, created) = cloud.get(&format!("{instances}/pg")).await;
    assert_eq!(created["state"], "RUNNABLE", "{created:#}");
    assert!(created.get("rootPassword").is_none());
    assert_eq!(created["ipAddresses"][0]["type"], "PRIVATE");
    let address = created["ipAddresses"][0]["ipAddress"].as_str().unwrap().to_owned();
    assert!(address.starts_with("127.64."), "{address}");

    cloud.operate(Method::POST, &format!("{instances}/pg/databases"), json!({"name": "mlflow"})).await;
    let user = json!({"name": "mlflow", "password": "p@ss:w/rd"});
    let (_, done) = cloud.post(&format!("{instances}/pg/users"), user).await;
    assert_eq!(done["status"], "DONE");
    let mut settings = tokio_postgres::Config::new();
    settings.host(&address).port(5432).user("mlflow").password("p@ss:w/rd").dbname("mlflow");
    let (client, connection) = settings.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("create table t (x int)").await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();

    cloud.restart().await;
    assert_eq!(
        cloud.get(&format!("{instances}/pg")).await.1["ipAddresses"][0]["ipAddress"],
        address.as_str()
    );
    let (client, connection) = settings.connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("insert into t values (1)").await.unwrap();

    let patched = cloud
        .operate(Method::PATCH, &format!("{instances}/pg"), json!({"settings": {"userLabels": {"a": "b"}}}))
        .await;
    assert_eq!(patched["operationType"], "UPDATE");
    cloud
        .operate(
            Method::PATCH,
            &format!("{instances}/pg"),
            json!({"settings": {"deletionProtectionEnabled": true}}),
        )
        .await;
    let users = format!("{instances}/pg/users");
    let link = format!("projects/{PROJECT}/global/networks/net");
    let peering = "servicenetworking.googleapis.com/v1/services/servicenetworking.googleapis.com/connections/servicenetworking-googleapis-com";
    let kept = cloud.finish(Method::POST, peering, json!({"consumerNetwork": link})).await;
    let mut answers = vec![
        message(&busy),
        message(&cloud.delete(&format!("{instances}/pg")).await),
        message(&cloud.delete(&format!("{users}?name=mlflow")).await),
        message(&cloud.get(&format!("{instances}/other")).await),
        message(
            &cloud.patch(&format!("{instances}/pg"), json!({"settings": {"settingsVersion": "1"}})).await,
        ),
        kept["error"].to_string(),
    ];
    let (_, listed) = cloud.get(&users).await;
    assert!(!listed.to_string().contains("p@ss"));
    drop(client);
    connection.abort();

    // Stopped, an instance is as runnable as before, but nothing in it can be read or changed.
    let policy = |policy: &str| json!({"settings": {"activationPolicy": policy}});
    cloud.operate(Method::PATCH, &format!("{instances}/pg"), policy("NEVER")).await;
    assert_eq!(cloud.get(&format!("{instances}/pg")).await.1["state"], "RUNNABLE");
    answers.extend([
        message(&cloud.get(&users).await),
        message(&cloud.post(&users, json!({"name": "second", "password": "p"})).await),
        message(&cloud.get(&format!("{instances}/pg/databases/mlflow")).await),
    ]);
    cloud.operate(Method::PATCH, &format!("{instances}/pg"), policy("ALWAYS")).await;
    assert_eq!(cloud.get(&users).await.0, 200);

    cloud
        .operate(
            Method::PATCH,
            &format!("{instances}/pg"),
            json!({"settings": {"deletionProtectionEnabled": false}}),
        )
        .await;
    cloud.operate(Method::DELETE, &format!("{instances}/pg"), Value::Null).await;
    answers.push(message(&cloud.get(&format!("{instances}/pg")).await));
    answers.push(message(&cloud.post(&instances, instance()).await));
    insta::assert_snapshot!(answers.join("\n"), @r#"
    409 Operation failed because another operation was already in progress.
    400 The instance is protected. Please disable the deletion protection and try again. To disable deletion protection, update the instance settings with deletionProtectionEnabled set to false.
    400 Invalid request: failed to delete user mlflow. Detail: pq: role "mlflow" cannot be dropped because some objects depend on it
    404 The Cloud SQL instance does not exist.
    412 The settings version given is not the current one.
    {"code":9,"message":"Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using this connection."}
    400 Invalid request: Invalid request since instance is not running.
    400 Invalid request: Invalid request since instance is not running.
    400 Invalid request: Invalid request since instance is not running.
    404 The Cloud SQL instance does not exist.
    409 The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted instance until one week from the deletion date.
    "#);
    cloud.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_needs() {
    let cloud = Harness::with(&["compute", "servicenetworking", "sqladmin"]).await;
    let instances = format!("sqladmin.googleapis.com/sql/v1beta4/projects/{PROJECT}/instances");
    let mut wrong = vec![instance(), instance(), instance(), instance()];
    wrong[1]["databaseVersion"] = "MYSQL_8_0".into();
    wrong[2]["settings"]["tier"] = "huge".into();
    wrong[3]["name"] = "Pg".into();
    let mut answers = Vec::new();
    for body in wrong {
        answers.push(message(&cloud.post(&instances, body).await));
    }
    let compute = format!("compute.googleapis.com/compute/v1/projects/{PROJECT}/global/networks");
    cloud.operate(Method::POST, &compute, json!({"name": "net"})).await;
    answers.push(message(&cloud.post(&instances, instance()).await));
    insta::assert_snapshot!(answers.join("\n"), @r"
    400 Invalid request: The network 'projects/demo-project/global/networks/net' does not exist.
    400 Invalid request: databaseVersion must be one of POSTGRES_… (the local cloud runs PostgreSQL only), not 'MYSQL_8_0'.
    400 Invalid request: Invalid Tier (huge) for (ENTERPRISE) Edition.
    400 Invalid request: Invalid instance name (Pg): it must be lower-case letters, digits and dashes, begin with a letter and not end with a dash.
    400 Invalid request: Incorrect Service Networking config for instance: demo-project:pg:SERVICE_NETWORKING_NOT_ENABLED.
    ");
    cloud.stop().await;
}
