"""Google's own Python clients change by hand what a stack has built.

    google_changes.py ENDPOINT PROJECT BUCKET
"""

import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

ENDPOINT, PROJECT, BUCKET = sys.argv[1:4]

client = storage.Client(project=PROJECT, credentials=AnonymousCredentials(),
                        client_options={"api_endpoint": f"{ENDPOINT}/storage.googleapis.com"})
bucket = client.get_bucket(BUCKET)
assert not bucket.versioning_enabled
bucket.versioning_enabled = True
bucket.patch()
print(f"google-cloud-storage: turned on the versioning of {BUCKET}")
