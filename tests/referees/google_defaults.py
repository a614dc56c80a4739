"""Google's own Python clients as anybody writes them: no address, no credentials, only what the environment says.

    eval "$(mlflow-host cloud env --libraries)"; google_defaults.py PROJECT REGION SECRET BUCKET

SECRET is how the name begins. A client that reaches anything but the local cloud fails: there is no such project.
"""

import sys

import google.auth
from google.cloud import run_v2, secretmanager_v1, storage
from googleapiclient import discovery

PROJECT, REGION, SECRET, BUCKET = sys.argv[1:5]

credentials, _ = google.auth.default()
compute = discovery.build("compute", "v1", static_discovery=True)
(network,) = compute.networks().list(project=PROJECT).execute()["items"]
sql = discovery.build("sqladmin", "v1", static_discovery=True)
(instance,) = sql.instances().list(project=PROJECT).execute()["items"]
assert network["selfLink"].endswith(instance["settings"]["ipConfiguration"]["privateNetwork"].split("/")[-1]), instance

(service,) = run_v2.ServicesClient(transport="rest").list_services(parent=f"projects/{PROJECT}/locations/{REGION}")
assert service.template.service_account, service

secrets = secretmanager_v1.SecretManagerServiceClient(transport="rest")
(secret,) = [item for item in secrets.list_secrets(parent=f"projects/{PROJECT}")
             if item.name.split("/")[-1].startswith(SECRET)]
assert len(secrets.access_secret_version(name=f"{secret.name}/versions/1").payload.data) == 32

assert storage.Client(project=PROJECT).bucket(BUCKET).exists()
assert credentials.token or credentials.refresh_token
print("google-cloud-run, google-cloud-secret-manager, google-cloud-storage and googleapiclient: find what was built "
      "by the environment alone")
