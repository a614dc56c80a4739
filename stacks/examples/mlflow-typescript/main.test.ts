// What the stack asks of the component, for which `server.fake.ts` stands.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fake } from "mlflow-host/testing";

import { run } from "./main.ts";
import { declared } from "./server.fake.ts";

test("only production is protected", () => {
  new Fake({ name: "dev" }).run(run);
  assert.deepEqual(declared.get("mlflow-dev"), {});
  new Fake({ name: "prod" }).run(run);
  assert.equal(declared.get("mlflow-prod")?.protection, true);
  assert.deepEqual(declared.get("mlflow-prod")?.backups, { nights: 14, logDays: 7 });
});
