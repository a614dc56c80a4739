"""A bucket for artifacts, and who may read them."""

from mlflow_host import config, output
from mlflow_host.kinds import storage


def run() -> None:
    stack = config.stack()
    bucket = storage.Bucket("artifacts", location=stack.region, protect=stack.name == "prod")
    for index, reader in enumerate(config.strings("readers") or []):
        storage.BucketIamMember(
            f"reader-{index}",
            bucket=bucket.resource_id,
            role="roles/storage.objectViewer",
            member=reader,
        )
    output("artifacts", f"gs://{bucket.name}")
