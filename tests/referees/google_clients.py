"""Google's own Python clients: read back, through the local cloud's API, what a stack has built.

    google_clients.py ENDPOINT PROJECT REGION OUTPUTS RECORD

ENDPOINT is the local cloud (`http://127.0.0.1:PORT`), OUTPUTS a file with the stack's outputs, RECORD what
mlflow_client.py wrote. The clients are typed and strict: an unknown enumeration or a wrong type is an error.
"""

import hashlib
import json
import pathlib
import sys

import psycopg2
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, secretmanager_v1, storage
from google.cloud.run_v2.services.services.transports import ServicesRestTransport
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceRestTransport
from googleapiclient import discovery

ENDPOINT, PROJECT, REGION = sys.argv[1:4]
OUTPUTS, RECORD = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[4:6])
CREDENTIALS = AnonymousCredentials()


def host(api):
    return f"{ENDPOINT}/{api}.googleapis.com"


def service(api, version):
    return discovery.build(api, version, credentials=CREDENTIALS, static_discovery=True,
                           client_options={"api_endpoint": host(api) + ("/compute/v1/" if api == "compute" else "/")})


def cloud_run():
    client = run_v2.ServicesClient(transport=ServicesRestTransport(host=host("run"), credentials=CREDENTIALS))
    services = list(client.list_services(parent=f"projects/{PROJECT}/locations/{REGION}"))
    assert len(services) == 1, [item.name for item in services]
    (found,) = services
    assert found.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED, found.terminal_condition
    assert found.generation == found.observed_generation and not found.reconciling
    assert found.latest_ready_revision == found.latest_created_revision
    container = found.template.containers[0]
    assert container.image == OUTPUTS["image"], container.image
    assert container.image.endswith("@" + OUTPUTS["image-digest"])
    environment = {variable.name: variable for variable in container.env}
    password = environment["PGPASSWORD"]
    assert not password.value and password.value_source.secret_key_ref.version == "1", password
    assert found.template.vpc_access.network_interfaces, "no Direct VPC egress"
    return found.template.service_account, password.value_source.secret_key_ref.secret


def secret(name):
    client = secretmanager_v1.SecretManagerServiceClient(
        transport=SecretManagerServiceRestTransport(host=host("secretmanager"), credentials=CREDENTIALS))
    version = f"projects/{PROJECT}/secrets/{name.rsplit('/', 1)[-1]}/versions/1"
    return client.access_secret_version(name=version).payload.data.decode()


def bucket():
    client = storage.Client(project=PROJECT, credentials=CREDENTIALS, client_options={"api_endpoint": host("storage")})
    found = client.get_bucket(OUTPUTS["bucket"].removeprefix("gs://"))
    assert found.iam_configuration.uniform_bucket_level_access_enabled
    assert found.iam_configuration.public_access_prevention == "enforced"
    digests = {hashlib.sha256(blob.download_as_bytes()).hexdigest(): blob.name for blob in found.list_blobs()}
    for path, expected in RECORD["artifacts"].items():
        name = digests.get(expected["sha256"], "")
        assert name.endswith(path), f"{path} is not in the bucket; there are {sorted(digests.values())}"


def sql(password):
    instances = service("sqladmin", "v1").instances().list(project=PROJECT).execute()["items"]
    assert [item["connectionName"] for item in instances] == [OUTPUTS["sql-connection-name"]], instances
    (instance,) = instances
    assert instance["state"] == "RUNNABLE", instance["state"]
    assert [address["type"] for address in instance["ipAddresses"]] == ["PRIVATE"], instance["ipAddresses"]
    address = instance["ipAddresses"][0]["ipAddress"]
    with psycopg2.connect(host=address, dbname="mlflow", user="mlflow", password=password) as connection:
        with connection.cursor() as cursor:
            cursor.execute("select status from runs where run_uuid = %s", (RECORD["run"],))
            assert cursor.fetchall() == [("FINISHED",)]
            cursor.execute("select count(*) from metrics where run_uuid = %s", (RECORD["run"],))
            assert cursor.fetchone() == (100,)
    try:
        psycopg2.connect(host=address, dbname="mlflow", user="mlflow", password="wrong")
    except psycopg2.OperationalError:
        return
    raise AssertionError("PostgreSQL accepts any password")


def network():
    compute = service("compute", "v1")
    networks = compute.networks().list(project=PROJECT).execute()["items"]
    peerings = [peering["name"] for item in networks for peering in item.get("peerings", [])]
    assert peerings == ["servicenetworking-googleapis-com"], networks
    ranges = compute.globalAddresses().list(project=PROJECT).execute()["items"]
    assert [item["purpose"] for item in ranges] == ["VPC_PEERING"], ranges


def identities(runtime):
    iam = service("iam", "v1")
    accounts = iam.projects().serviceAccounts().list(name=f"projects/{PROJECT}").execute()["accounts"]
    addresses = {account["email"] for account in accounts}
    assert runtime in addresses and len(addresses) == 2, addresses


runtime_account, secret_name = cloud_run()
bucket()
sql(secret(secret_name))
network()
identities(runtime_account)
print("Cloud Run, Secret Manager, Cloud Storage, Cloud SQL, PostgreSQL, VPC and IAM agree")
