// What the stack declares.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fake } from "mlflow-host/testing";

import { run } from "./main.ts";

test("the server finds its database", () => {
  const recording = new Fake({ config: { invokers: "allUsers" } }).run(run);
  const service = recording.resource("run.googleapis.com/Service::mlflow");
  assert.equal(
    service.properties.template.containers[0].env[0].value,
    "postgresql+psycopg2://mlflow@${sqladmin.googleapis.com/Instance::mlflow#ipAddresses[0].ipAddress}:5432/" +
      "${sqladmin.googleapis.com/Database::mlflow#resourceId}",
  );
  const grant = recording.resource("run.googleapis.com/ServiceIamMember::invoker-allUsers");
  assert.equal(grant.properties.member, "allUsers");
});
