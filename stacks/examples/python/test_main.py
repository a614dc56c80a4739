"""What the stack declares. Run with `python3 -m unittest` and the SDK on the path."""

import unittest

import main
from mlflow_host.testing import Fake


class Stack(unittest.TestCase):
    def test_the_server_finds_its_database(self) -> None:
        recording = Fake(config={"invokers": "allUsers"}).run(main.run)
        service = recording["run.googleapis.com/Service::mlflow"]
        self.assertEqual(
            service.properties["template"]["containers"][0]["env"][0]["value"],
            "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::mlflow#ipAddresses[0].ipAddress}:5432/"
            "${sqladmin.googleapis.com/Database::mlflow#resourceId}",
        )
        self.assertEqual(
            recording["run.googleapis.com/ServiceIamMember::invoker-allUsers"].properties["member"], "allUsers"
        )
