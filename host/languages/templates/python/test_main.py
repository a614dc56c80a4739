"""What the stack declares."""

import unittest

from mlflow_host.testing import Fake

import main


class Stack(unittest.TestCase):
    def test_readers_may_read(self) -> None:
        recording = Fake(config={"readers": "group:data@example.com"}).run(main.run)
        grant = recording["storage.googleapis.com/BucketIamMember::reader-0"]
        self.assertEqual(grant.properties["member"], "group:data@example.com")
        self.assertEqual(recording.outputs["artifacts"], "gs://${storage.googleapis.com/Bucket::artifacts#name}")
