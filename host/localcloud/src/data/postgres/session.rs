//! SQL on a running cluster, as its superuser.

use tokio_postgres::{Client, Config, NoTls};

use super::{Endpoint, PostgresError};

/// The superuser's name, as on Cloud SQL; customers never get it.
pub(super) const ADMINISTRATOR: &str = "cloudsqladmin";

/// The group role that stands in for the superuser, as on Cloud SQL.
pub(super) const CUSTOMERS: &str = "cloudsqlsuperuser";

/// Connects to the database `postgres` as the superuser.
pub(super) async fn connect(endpoint: Endpoint, password: &str) -> Result<Client, PostgresError> {
    let (client, connection) = Config::new()
        .host(endpoint.address.to_string())
        .port(endpoint.port)
        .user(ADMINISTRATOR)
        .password(password)
        .dbname("postgres")
        .application_name("mlflow-host")
        // A refused statement would be logged, and a role's statement holds its password's hash.
        .options("-c log_min_error_statement=panic")
        .connect_timeout(std::time::Duration::from_secs(5))
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an administrator's connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

/// Gives a new cluster the roles that Cloud SQL has. Does nothing the second time.
pub(super) async fn prepare(client: &Client) -> Result<(), PostgresError> {
    let known = client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = 'postgres'", &[]).await?;
    if known.is_none() {
        client
            .batch_execute(&format!(
                "BEGIN;
                 CREATE ROLE {CUSTOMERS} NOLOGIN CREATEDB CREATEROLE;
                 GRANT pg_monitor, pg_signal_backend TO {CUSTOMERS};
                 CREATE ROLE postgres LOGIN CREATEDB CREATEROLE IN ROLE {CUSTOMERS};
                 ALTER DATABASE postgres OWNER TO {CUSTOMERS};
                 COMMIT;"
            ))
            .await?;
    }
    Ok(())
}

/// `name` as an SQL identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as an SQL string, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\\', "\\\\").replace('\'', "''");
    format!(" E'{quoted}'")
}

/// The PASSWORD clause: hashed here, so that no statement, and so no server log, holds a password.
pub(super) fn password_clause(password: &str) -> String {
    let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
    format!("PASSWORD{}", literal(&verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_escaped_from() {
        assert_eq!(identifier("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal("it's \\"), " E'it''s \\\\'");
    }

    #[test]
    fn a_password_clause_does_not_hold_the_password() {
        let clause = password_clause("hunter2");
        assert!(clause.starts_with("PASSWORD E'SCRAM-SHA-256$4096:"), "{clause}");
        assert!(!clause.contains("hunter2"));
    }
}
