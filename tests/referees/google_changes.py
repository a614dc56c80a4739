"""Google's own Python clients change by hand what a stack has built.

    google_changes.py ENDPOINT PROJECT BUCKET REGION
"""

import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2, storage
from google.cloud.run_v2.services.services.transports import ServicesRestTransport

ENDPOINT, PROJECT, BUCKET, REGION = sys.argv[1:5]

CREDENTIALS = AnonymousCredentials()

client = storage.Client(project=PROJECT, credentials=CREDENTIALS,
                        client_options={"api_endpoint": f"{ENDPOINT}/storage.googleapis.com"})
bucket = client.get_bucket(BUCKET)
assert not bucket.versioning_enabled
bucket.versioning_enabled = True
bucket.patch()
print(f"google-cloud-storage: turned on the versioning of {BUCKET}")

run = run_v2.ServicesClient(
    transport=ServicesRestTransport(host=f"{ENDPOINT}/run.googleapis.com", credentials=CREDENTIALS))
(service,) = run.list_services(parent=f"projects/{PROJECT}/locations/{REGION}")
# What gcloud leaves behind when it deploys, and one thing that the stack has declared otherwise.
service.client, service.client_version = "gcloud", "555.0.0"
service.ingress = run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY
changed = run.update_service(service=service, update_mask={"paths": ["client", "client_version", "ingress"]}).result()
assert changed.client == "gcloud" and changed.ingress == service.ingress, changed
print(f"google-cloud-run: closed {service.name} to the internet")
