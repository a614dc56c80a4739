//! PostgreSQL: the instance, its databases, and the one user that the server is.

use mlflow_host_sdk::kinds::iam::ServiceAccountHandle;
use mlflow_host_sdk::kinds::sqladmin;
use mlflow_host_sdk::kinds::sqladmin::{
    BackupConfiguration, BackupRetentionSettings, DatabaseHandle, InsightsConfig, Instance, InstanceHandle,
    IpConfiguration, Settings, User, UserHandle,
};
use mlflow_host_sdk::{Kind, Resource};

use crate::apis::Apis;
use crate::credential::Credential;
use crate::network::PrivateNetwork;
use crate::scope::Scope;
use crate::{Authentication, Availability, Backups, MlflowServer};

/// The login of the server.
const USER: &str = "mlflow";

pub(crate) struct Database {
    pub(crate) instance: InstanceHandle,
    /// Experiments, runs, models.
    pub(crate) tracking: DatabaseHandle,
    /// Users and permissions, where MLflow asks for a password.
    pub(crate) authentication: Option<DatabaseHandle>,
    pub(crate) user: UserHandle,
    pub(crate) password: Credential,
}

impl Database {
    pub(crate) fn declare(
        scope: &Scope,
        apis: &Apis,
        server: &MlflowServer,
        network: &PrivateNetwork,
        reader: &ServiceAccountHandle,
    ) -> Self {
        let instance: Instance = scope.resource();
        let instance = instance
            .database_version("POSTGRES_17")
            .settings(settings(scope, server, network))
            .protect(server.protection)
            .depends_on(&apis.sql)
            // The order is Google's, though no property says so: without the peering there is no address.
            .depends_on(&network.connection)
            .declare(&scope.part("database"));

        let database = |name: &str| {
            in_instance(scope, &instance, |it: sqladmin::Database, id| it.instance(id))
                .name(name)
                .protect(server.protection)
                .declare(&scope.part(name))
        };
        let tracking = database("mlflow");
        let authentication =
            (server.authentication == Authentication::Basic).then(|| database("authentication"));

        let password = Credential::declare(scope, apis, "database-password", reader);
        let user = in_instance(scope, &instance, |it: User, id| it.instance(id))
            .name(USER)
            .password(password.password.result())
            // It owns the tables: PostgreSQL does not let go of it before they are gone.
            .protect(server.protection)
            .declare(&scope.part("mlflow"));

        Self { instance, tracking, authentication, user, password }
    }

    /// Where the server finds a database. The password is not in it: libpq takes it from PGPASSWORD.
    pub(crate) fn uri(&self, database: &DatabaseHandle) -> String {
        let address = self.instance.attribute("ipAddresses[0].ipAddress");
        format!("postgresql+psycopg2://{USER}@{address}:5432/{}", database.resource_id())
    }
}

fn in_instance<K: Kind>(
    scope: &Scope,
    instance: &InstanceHandle,
    place: impl FnOnce(Resource<K>, String) -> Resource<K>,
) -> Resource<K> {
    place(scope.resource(), instance.resource_id().into())
}

fn settings(scope: &Scope, server: &MlflowServer, network: &PrivateNetwork) -> Settings {
    let address = IpConfiguration::new()
        .ipv4_enabled(false)
        .private_network(format!(
            "projects/{}/global/networks/{}",
            scope.project,
            network.network.resource_id()
        ))
        // libpq encrypts when it can; this makes the instance refuse whoever does not.
        .ssl_mode("ENCRYPTED_ONLY");
    Settings::new()
        .tier(server.sql_tier.as_deref().unwrap_or(server.size.sql_tier()))
        // From version 16 on Google would choose the dearer edition, which has no small machines.
        .edition("ENTERPRISE")
        .availability_type(match server.availability {
            Availability::Zonal => "ZONAL",
            Availability::Regional => "REGIONAL",
        })
        .data_disk_type("PD_SSD")
        .data_disk_size_gb(10)
        .storage_auto_resize(true)
        .ip_configuration(address)
        .backup_configuration(backup_configuration(server.backups))
        .insights_config(InsightsConfig::new().query_insights_enabled(true))
        .deletion_protection_enabled(server.protection)
}

fn backup_configuration(backups: Option<Backups>) -> BackupConfiguration {
    let Some(backups) = backups else { return BackupConfiguration::new().enabled(false) };
    BackupConfiguration::new()
        .enabled(true)
        .start_time("02:00")
        .point_in_time_recovery_enabled(true)
        .transaction_log_retention_days(backups.log_days)
        .backup_retention_settings(
            BackupRetentionSettings::new().retained_backups(backups.nights).retention_unit("COUNT"),
        )
}
