//! Against a real server. Where PostgreSQL is missing these fail with the command that installs it.

use super::*;

struct Machine {
    _directory: tempfile::TempDir,
    data: PathBuf,
    processes: Processes,
}

impl Machine {
    async fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        // Temporary directories are private; the server's user must get through.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let processes = Processes::open(directory.path().join("processes")).await.unwrap();
        Self { data: directory.path().join("sql"), processes, _directory: directory }
    }

    async fn clusters(&self) -> Clusters {
        Clusters::open(self.data.clone(), self.processes.clone()).await.unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for name in self.processes.names().unwrap_or_default() {
            if let Ok(Some(pid)) = self.processes.running(&name) {
                let _ = crate::data::process::signal_group(&name, pid, rustix::process::Signal::KILL);
            }
        }
    }
}

async fn customer(endpoint: Endpoint, user: &str, password: &str, database: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host(endpoint.address.to_string())
        .port(endpoint.port)
        .user(user)
        .password(password)
        .dbname(database)
        .connect(tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

fn refusal(result: Result<(), PostgresError>) -> (String, String) {
    match result.unwrap_err() {
        PostgresError::Refused { code, message, .. } => (code, message),
        other => panic!("{other}"),
    }
}

const PASSWORD: &str = "p%@:/ 'x\" \\";

#[tokio::test(flavor = "multi_thread")]
async fn data_survives_a_stop_a_crash_and_a_new_daemon() {
    let machine = Machine::new().await;
    let clusters = machine.clusters().await;
    let flags = BTreeMap::from([("max_connections".to_owned(), "37".to_owned())]);
    let endpoint = clusters.start("project:one", &flags).await.unwrap();
    assert!(clusters.is_running("project:one").unwrap());
    let version = clusters.version("project:one").await.unwrap();
    assert!(version.as_bytes()[0].is_ascii_digit(), "{version}");

    clusters.create_role("project:one", "mlflow", Some(PASSWORD)).await.unwrap();
    let database = clusters.create_database("project:one", "mlflow", Some("UTF8"), None).await.unwrap();
    assert_eq!((database.name.as_str(), database.charset.as_str()), ("mlflow", "UTF8"));

    let client = customer(endpoint, "mlflow", PASSWORD, "mlflow").await;
    client.batch_execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (1)").await.unwrap();
    let row = client.query_one("SHOW max_connections", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "37");

    // A stop with a client still connected.
    clusters.stop("project:one").await.unwrap();
    assert!(!clusters.is_running("project:one").unwrap());
    let error = clusters.databases("project:one").await.unwrap_err();
    insta::assert_snapshot!(error, @"instance project:one is not running");

    // A crash: the whole server is killed.
    assert_eq!(clusters.start("project:one", &flags).await.unwrap(), endpoint);
    let client = customer(endpoint, "mlflow", PASSWORD, "mlflow").await;
    client.batch_execute("INSERT INTO kept VALUES (2)").await.unwrap();
    machine.processes.stop("postgres-project:one", Duration::ZERO).await.unwrap();
    assert!(!clusters.is_running("project:one").unwrap());
    clusters.start("project:one", &flags).await.unwrap();

    // A new daemon takes the running server over, and ends it.
    let later = machine.clusters().await;
    assert!(later.is_running("project:one").unwrap());
    assert_eq!(later.start("project:one", &flags).await.unwrap(), endpoint);
    let client = customer(endpoint, "mlflow", PASSWORD, "mlflow").await;
    let rows = client.query("SELECT value FROM kept ORDER BY value", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [1, 2]);
    later.stop_all().await.unwrap();
    assert!(!later.is_running("project:one").unwrap());
    later.delete("project:one").await.unwrap();
    assert_eq!(later.endpoint("project:one").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_databases_are_refused_in_the_servers_own_words() {
    let machine = Machine::new().await;
    let clusters = machine.clusters().await;
    let endpoint = clusters.start("two", &BTreeMap::new()).await.unwrap();
    clusters.create_role("two", "owner", Some("first")).await.unwrap();
    clusters.create_role("two", "owner", Some(PASSWORD)).await.unwrap();
    clusters.create_database("two", "store", None, None).await.unwrap();
    assert_eq!(clusters.roles("two").await.unwrap(), ["owner", "postgres"]);
    let names: Vec<String> =
        clusters.databases("two").await.unwrap().into_iter().map(|database| database.name).collect();
    assert_eq!(names, ["postgres", "store"]);

    let client = customer(endpoint, "owner", PASSWORD, "store").await;
    client.batch_execute("CREATE TABLE mine (value int)").await.unwrap();

    let (code, message) = refusal(clusters.drop_database("two", "store").await);
    insta::assert_snapshot!(format!("{code} {message}"), @r#"55006 database "store" is being accessed by other users"#);
    let (code, message) = refusal(clusters.drop_role("two", "owner").await);
    insta::assert_snapshot!(format!("{code} {message}"), @r#"2BP01 role "owner" cannot be dropped because some objects depend on it"#);
    let again = clusters.create_database("two", "store", None, None).await.map(drop);
    let (code, message) = refusal(again);
    insta::assert_snapshot!(format!("{code} {message}"), @r#"42P04 database "store" already exists"#);
    let odd = clusters.create_database("two", "odd", None, Some("xx_YY")).await.map(drop);
    let (_, message) = refusal(odd);
    assert!(message.contains("xx_YY"), "{message}");

    client.batch_execute("DROP TABLE mine").await.unwrap();
    clusters.drop_role("two", "owner").await.unwrap();
    assert_eq!(clusters.roles("two").await.unwrap(), ["postgres"]);

    // The administrator's and the customers' passwords never reach the log.
    let log = std::fs::read_to_string(machine.data.join("two/server.log")).unwrap();
    assert!(!log.contains(PASSWORD) && !log.contains("SCRAM"), "{log}");
    clusters.stop_all().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_flag_fails_the_start_with_the_servers_log() {
    let machine = Machine::new().await;
    let clusters = machine.clusters().await;
    let flags = BTreeMap::from([("max_connections".to_owned(), "many".to_owned())]);
    let error = clusters.start("three", &flags).await.unwrap_err().to_string();
    assert!(error.contains("PostgreSQL does not start on 127.64."), "{error}");
    assert!(error.contains(r#"invalid value for parameter "max_connections": "many""#), "{error}");
    assert!(!clusters.is_running("three").unwrap());
    assert_eq!(machine.processes.names().unwrap(), Vec::<String>::new());
}

#[test]
fn a_missing_installation_is_told_with_the_command() {
    insta::assert_snapshot!(PostgresError::NotInstalled { major: None }, @"PostgreSQL is not installed: run `apt-get install postgresql`, or point MLFLOW_HOST_POSTGRES_BIN at the directory that holds initdb and postgres");
    insta::assert_snapshot!(PostgresError::NotInstalled { major: Some(16) }, @"PostgreSQL 16 is not installed: run `apt-get install postgresql-16`, or point MLFLOW_HOST_POSTGRES_BIN at the directory that holds initdb and postgres");
}
