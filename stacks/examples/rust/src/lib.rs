//! A small MLflow, declared resource by resource. The examples in the other languages declare the same graph.

use mlflow_host_sdk::kinds::cloudresourcemanager::Project;
use mlflow_host_sdk::kinds::compute::{GlobalAddress, Network, Subnetwork};
use mlflow_host_sdk::kinds::iam::ServiceAccount;
use mlflow_host_sdk::kinds::run::{
    Container, EnvVar, EnvVarSource, NetworkInterface, RevisionScaling, RevisionTemplate, SecretKeySelector,
    Service, ServiceIamMember, VpcAccess,
};
use mlflow_host_sdk::kinds::secretmanager::{
    Automatic, Replication, Secret, SecretIamMember, SecretPayload, SecretVersion,
};
use mlflow_host_sdk::kinds::servicenetworking::Connection;
use mlflow_host_sdk::kinds::serviceusage;
use mlflow_host_sdk::kinds::sqladmin::{Database, Instance, IpConfiguration, Settings, User};
use mlflow_host_sdk::kinds::standard::RandomPassword;
use mlflow_host_sdk::kinds::storage::{Bucket, BucketIamMember, BucketSoftDeletePolicy};
use mlflow_host_sdk::{Result, component, config, functions, output, stack};

stack!(run);

const APIS: [&str; 7] =
    ["compute", "iam", "run", "secretmanager", "servicenetworking", "sqladmin", "storage"];

fn run() -> Result<()> {
    let stack = config::stack();
    let group = component("example:mlflow", "mlflow");
    let [compute, iam, run, secrets, networking, sql, storage] = APIS.map(|api| {
        serviceusage::Service::new().name(format!("{api}.googleapis.com")).parent(&group).declare(api)
    });

    // A network through which the server reaches the database.
    let network =
        Network::new().auto_create_subnetworks(false).parent(&group).depends_on(&compute).declare("mlflow");
    let subnetwork = Subnetwork::new()
        .network(network.self_link())
        .ip_cidr_range("10.8.0.0/24")
        .private_ip_google_access(true)
        .parent(&group)
        .declare("mlflow");
    let range = GlobalAddress::new()
        .network(network.self_link())
        .purpose("VPC_PEERING")
        .address_type("INTERNAL")
        .prefix_length(20)
        .parent(&group)
        .declare("services");
    let path = format!("projects/{}/global/networks/{}", stack.project, network.resource_id());
    let connection = Connection::new()
        .network(&path)
        .reserved_peering_ranges([range.resource_id()])
        .parent(&group)
        .depends_on(&networking)
        .declare("services");

    // The database, and a password that nobody types or sees.
    let address =
        IpConfiguration::new().ipv4_enabled(false).private_network(&path).ssl_mode("ENCRYPTED_ONLY");
    let instance = Instance::new()
        .database_version("POSTGRES_17")
        .settings(
            Settings::new()
                .tier("db-f1-micro")
                .edition("ENTERPRISE")
                .data_disk_size_gb(10)
                .ip_configuration(address),
        )
        .parent(&group)
        .depends_on(&sql)
        .depends_on(&connection)
        .declare("mlflow");
    let database =
        Database::new().instance(instance.resource_id()).name("mlflow").parent(&group).declare("mlflow");
    let password = RandomPassword::new().length(32).special(false).parent(&group).declare("password");
    let user = User::new()
        .instance(instance.resource_id())
        .name("mlflow")
        .password(password.result())
        .parent(&group)
        .declare("mlflow");
    let secret = Secret::new()
        .replication(Replication::new().automatic(Automatic::new()))
        .parent(&group)
        .depends_on(&secrets)
        .declare("password");
    let version = SecretVersion::new()
        .secret(secret.resource_id())
        .payload(SecretPayload::new().data(password.result()))
        .parent(&group)
        .declare("password");

    // The artifacts, and who may touch them.
    let account =
        ServiceAccount::new().display_name("Runs MLflow").parent(&group).depends_on(&iam).declare("server");
    let member = format!("serviceAccount:{}", account.email());
    let bucket = Bucket::new()
        .location(&stack.region)
        .labels([("purpose", "artifacts")])
        .soft_delete_policy(BucketSoftDeletePolicy::new().retention_duration_seconds(0))
        .property("forceDestroy", true)
        .parent(&group)
        .depends_on(&storage)
        .declare("artifacts");
    let bucket_access = BucketIamMember::new()
        .bucket(bucket.resource_id())
        .role("roles/storage.objectUser")
        .member(&member)
        .parent(&group)
        .declare("artifacts");
    let secret_access = SecretIamMember::new()
        .secret(secret.resource_id())
        .role("roles/secretmanager.secretAccessor")
        .member(&member)
        .parent(&group)
        .declare("password");

    // The server.
    let number = Project::new().lookup("project").project_number();
    let hosts = [format!("mlflow-{number}.{}.run.app", stack.region), "localhost:*".to_owned()];
    let address = instance.attribute("ipAddresses[0].ipAddress");
    let uri = format!("postgresql+psycopg2://mlflow@{address}:5432/{}", database.resource_id());
    let selector = SecretKeySelector::new().secret(secret.resource_id()).version(version.resource_id());
    let container = Container::new()
        .image(
            config::get("image").unwrap_or_else(|| "us-docker.pkg.dev/cloudrun/container/hello".to_owned()),
        )
        .env([
            EnvVar::new().name("MLFLOW_BACKEND_STORE_URI").value(uri),
            EnvVar::new().name("MLFLOW_ARTIFACTS_DESTINATION").value(format!("gs://{}", bucket.name())),
            EnvVar::new().name("MLFLOW_SERVER_ALLOWED_HOSTS").value(functions::join(",", hosts)),
            EnvVar::new().name("PGPASSWORD").value_source(EnvVarSource::new().secret_key_ref(selector)),
        ]);
    let interface =
        NetworkInterface::new().network(network.resource_id()).subnetwork(subnetwork.resource_id());
    let maximum = config::integer("maximum-instances")?.unwrap_or(1);
    let template = RevisionTemplate::new()
        .containers([container])
        .service_account(account.email())
        .scaling(RevisionScaling::new().max_instance_count(maximum))
        .vpc_access(VpcAccess::new().network_interfaces([interface]).egress("PRIVATE_RANGES_ONLY"));
    let service = Service::new()
        .name("mlflow")
        .ingress("INGRESS_TRAFFIC_ALL")
        .template(template)
        .parent(&group)
        .depends_on(&run)
        .depends_on(&user)
        .depends_on(&bucket_access)
        .depends_on(&secret_access)
        .protect(stack.name == "prod")
        .declare("mlflow");
    for invoker in config::list("invokers")?.unwrap_or_default() {
        let name = format!("invoker-{}", invoker.replace([':', '@'], "-"));
        ServiceIamMember::new()
            .service(service.resource_id())
            .role("roles/run.invoker")
            .member(invoker)
            .parent(&group)
            .declare(&name);
    }

    output("url", service.uri());
    output("artifacts", format!("gs://{}", bucket.name()));
    output(
        "database",
        [
            ("connection", instance.connection_name()),
            ("address", instance.attribute("ipAddresses[0].ipAddress")),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use mlflow_host_sdk::testing::Fake;

    #[test]
    fn the_server_finds_its_database() {
        let recording = Fake::default().config("invokers", "allUsers").run(super::run).unwrap();
        let service = recording.resource("run.googleapis.com/Service::mlflow").unwrap();
        assert_eq!(
            service.properties["template"]["containers"][0]["env"][0]["value"],
            "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::mlflow#ipAddresses[0].ipAddress}:5432/\
             ${sqladmin.googleapis.com/Database::mlflow#resourceId}"
        );
        assert!(recording.resource("run.googleapis.com/ServiceIamMember::invoker-allUsers").is_some());
    }
}
