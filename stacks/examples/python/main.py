"""A small MLflow, declared resource by resource. The examples in the other languages declare the same graph."""

from mlflow_host import component, config, functions, output
from mlflow_host.kinds import (
    cloudresourcemanager,
    compute,
    iam,
    run as cloudrun,
    secretmanager,
    servicenetworking,
    serviceusage,
    sqladmin,
    standard,
    storage,
)

APIS = ["compute", "iam", "run", "secretmanager", "servicenetworking", "sqladmin", "storage"]


def run() -> None:
    stack = config.stack()
    group = component("example:mlflow", "mlflow")
    apis = {api: serviceusage.Service(api, name=f"{api}.googleapis.com", parent=group) for api in APIS}

    # A network through which the server reaches the database.
    network = compute.Network("mlflow", auto_create_subnetworks=False, parent=group, depends_on=[apis["compute"]])
    subnetwork = compute.Subnetwork(
        "mlflow",
        network=network.self_link,
        ip_cidr_range="10.8.0.0/24",
        private_ip_google_access=True,
        parent=group,
    )
    addresses = compute.GlobalAddress(
        "services",
        network=network.self_link,
        purpose="VPC_PEERING",
        address_type="INTERNAL",
        prefix_length=20,
        parent=group,
    )
    path = f"projects/{stack.project}/global/networks/{network.resource_id}"
    connection = servicenetworking.Connection(
        "services",
        network=path,
        reserved_peering_ranges=[addresses.resource_id],
        parent=group,
        depends_on=[apis["servicenetworking"]],
    )

    # The database, and a password that nobody types or sees.
    instance = sqladmin.Instance(
        "mlflow",
        database_version="POSTGRES_17",
        settings=sqladmin.Settings(
            tier="db-f1-micro",
            edition="ENTERPRISE",
            data_disk_size_gb=10,
            ip_configuration=sqladmin.IpConfiguration(
                ipv4_enabled=False, private_network=path, ssl_mode="ENCRYPTED_ONLY"
            ),
        ),
        parent=group,
        depends_on=[apis["sqladmin"], connection],
    )
    database = sqladmin.Database("mlflow", instance=instance.resource_id, name="mlflow", parent=group)
    password = standard.RandomPassword("password", length=32, special=False, parent=group)
    user = sqladmin.User(
        "mlflow", instance=instance.resource_id, name="mlflow", password=password.result, parent=group
    )
    secret = secretmanager.Secret(
        "password",
        replication=secretmanager.Replication(automatic=secretmanager.Automatic()),
        parent=group,
        depends_on=[apis["secretmanager"]],
    )
    version = secretmanager.SecretVersion(
        "password",
        secret=secret.resource_id,
        payload=secretmanager.SecretPayload(data=password.result),
        parent=group,
    )

    # The artifacts, and who may touch them.
    account = iam.ServiceAccount("server", display_name="Runs MLflow", parent=group, depends_on=[apis["iam"]])
    member = f"serviceAccount:{account.email}"
    bucket = storage.Bucket(
        "artifacts",
        location=stack.region,
        labels={"purpose": "artifacts"},
        soft_delete_policy=storage.BucketSoftDeletePolicy(retention_duration_seconds=0),
        properties={"forceDestroy": True},
        parent=group,
        depends_on=[apis["storage"]],
    )
    bucket_access = storage.BucketIamMember(
        "artifacts", bucket=bucket.resource_id, role="roles/storage.objectUser", member=member, parent=group
    )
    secret_access = secretmanager.SecretIamMember(
        "password",
        secret=secret.resource_id,
        role="roles/secretmanager.secretAccessor",
        member=member,
        parent=group,
    )

    # The server.
    number = cloudresourcemanager.Project.lookup("project").project_number
    hosts = [f"mlflow-{number}.{stack.region}.run.app", "localhost:*"]
    address = instance.attribute("ipAddresses[0].ipAddress")
    uri = f"postgresql+psycopg2://mlflow@{address}:5432/{database.resource_id}"
    selector = cloudrun.SecretKeySelector(secret=secret.resource_id, version=version.resource_id)
    container = cloudrun.Container(
        image=config.get("image") or "us-docker.pkg.dev/cloudrun/container/hello",
        env=[
            cloudrun.EnvVar(name="MLFLOW_BACKEND_STORE_URI", value=uri),
            cloudrun.EnvVar(name="MLFLOW_ARTIFACTS_DESTINATION", value=f"gs://{bucket.name}"),
            cloudrun.EnvVar(name="MLFLOW_SERVER_ALLOWED_HOSTS", value=functions.join(",", hosts)),
            cloudrun.EnvVar(name="PGPASSWORD", value_source=cloudrun.EnvVarSource(secret_key_ref=selector)),
        ],
    )
    interface = cloudrun.NetworkInterface(network=network.resource_id, subnetwork=subnetwork.resource_id)
    maximum = config.integer("maximum-instances")
    service = cloudrun.Service(
        "mlflow",
        name="mlflow",
        ingress="INGRESS_TRAFFIC_ALL",
        template=cloudrun.RevisionTemplate(
            containers=[container],
            service_account=account.email,
            scaling=cloudrun.RevisionScaling(max_instance_count=1 if maximum is None else maximum),
            vpc_access=cloudrun.VpcAccess(network_interfaces=[interface], egress="PRIVATE_RANGES_ONLY"),
        ),
        parent=group,
        depends_on=[apis["run"], user, bucket_access, secret_access],
        protect=stack.name == "prod",
    )
    for invoker in config.strings("invokers") or []:
        cloudrun.ServiceIamMember(
            f"invoker-{invoker.replace(':', '-').replace('@', '-')}",
            service=service.resource_id,
            role="roles/run.invoker",
            member=invoker,
            parent=group,
        )

    output("url", service.uri)
    output("artifacts", f"gs://{bucket.name}")
    output("database", {"connection": instance.connection_name, "address": address})
