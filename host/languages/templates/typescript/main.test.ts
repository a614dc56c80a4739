// What the stack declares.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fake } from "mlflow-host/testing";

import { run } from "./main.ts";

test("readers may read", () => {
  const recording = new Fake({ config: { readers: "group:data@example.com" } }).run(run);
  const grant = recording.resource("storage.googleapis.com/BucketIamMember::reader-0");
  assert.equal(grant.properties.member, "group:data@example.com");
  assert.equal(recording.outputs.artifacts, "gs://${storage.googleapis.com/Bucket::artifacts#name}");
});
