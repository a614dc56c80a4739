"""MLflow on Google Cloud, all of it, from Python: stacks/dev and stacks/prod in one, by means of their component."""

from mlflow_host import config
from wit_world.imports import server


def run() -> None:
    stack = config.stack().name
    settings = server.defaults()
    if stack == "prod":
        settings.size = server.Size.LARGE
        settings.availability = server.Availability.REGIONAL
        settings.backups = server.Backups(nights=14, log_days=7)
        settings.minimum_instances = 1
        settings.maximum_instances = 5
        settings.protection = True
    server.declare(f"mlflow-{stack}", settings)
