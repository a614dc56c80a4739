"""MLflow's own client: writes what a user would write, reads it back, byte for byte.

    mlflow_client.py write RECORD     create an experiment and a run; note in RECORD what must be found again
    mlflow_client.py read RECORD      find it

The server is MLFLOW_TRACKING_URI.
"""

import hashlib
import json
import pathlib
import random
import sys
import tempfile

import mlflow
from mlflow import MlflowClient

PARAMETERS = {"learning_rate": "0.01", "layers": "12", "name": "ünïcode ✓"}
METRICS = {"loss": [1.0 / (step + 1) for step in range(100)]}
# Under the size that the storage client sends in one piece, and far over it.
ARTIFACTS = {"small.txt": b"hello", "models/large.bin": random.Random(7).randbytes(45_000_000)}


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def write():
    experiment = mlflow.create_experiment("end to end")
    with mlflow.start_run(experiment_id=experiment, run_name="referee") as run:
        mlflow.log_params(PARAMETERS)
        for name, values in METRICS.items():
            for step, value in enumerate(values):
                mlflow.log_metric(name, value, step=step, synchronous=step % 10 != 0)
        mlflow.set_tag("judge", "mlflow")
        mlflow.flush_async_logging()
        with tempfile.TemporaryDirectory() as directory:
            for path, content in ARTIFACTS.items():
                local = pathlib.Path(directory, pathlib.PurePosixPath(path).name)
                local.write_bytes(content)
                folder = str(pathlib.PurePosixPath(path).parent)
                mlflow.log_artifact(str(local), artifact_path=None if folder == "." else folder)
    return {
        "experiment": experiment,
        "run": run.info.run_id,
        "artifacts": {path: {"bytes": len(content), "sha256": sha256(content)} for path, content in ARTIFACTS.items()},
    }


def read(record):
    client = MlflowClient()
    experiment = client.get_experiment_by_name("end to end")
    assert experiment is not None and experiment.experiment_id == record["experiment"], experiment
    run = client.get_run(record["run"])
    assert run.info.status == "FINISHED", run.info.status
    assert run.info.artifact_uri.startswith("mlflow-artifacts:"), f"artifacts are not proxied: {run.info.artifact_uri}"
    assert run.data.params == PARAMETERS, run.data.params
    assert run.data.tags["judge"] == "mlflow", run.data.tags
    for name, values in METRICS.items():
        history = sorted(client.get_metric_history(record["run"], name), key=lambda metric: metric.step)
        assert [metric.value for metric in history] == values, f"{name}: {len(history)} values"
    listed = {item.path: item.file_size for folder in (None, "models")
              for item in client.list_artifacts(record["run"], folder) if not item.is_dir}
    assert listed == {path: expected["bytes"] for path, expected in record["artifacts"].items()}, listed
    with tempfile.TemporaryDirectory() as directory:
        for path, expected in record["artifacts"].items():
            content = pathlib.Path(client.download_artifacts(record["run"], path, directory)).read_bytes()
            assert sha256(content) == expected["sha256"], f"{path} came back changed: {len(content)} bytes"


def main():
    verb, record = sys.argv[1], pathlib.Path(sys.argv[2])
    if verb == "write":
        record.write_text(json.dumps(write()))
    read(json.loads(record.read_text()))
    print(f"{verb}: experiment, run, {len(PARAMETERS)} parameters, metrics and {len(ARTIFACTS)} artifacts agree")


if __name__ == "__main__":
    main()
