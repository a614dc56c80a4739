// The SDK against its fake host: `node --test test/`.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { assets, component, config, functions, log, output } from "mlflow-host";
import { Project } from "mlflow-host/kinds/cloudresourcemanager";
import { Service } from "mlflow-host/kinds/run";
import { Instance } from "mlflow-host/kinds/sqladmin";
import { RandomId, RandomPassword, StackReference, Value } from "mlflow-host/kinds/standard";
import { Bucket } from "mlflow-host/kinds/storage";
import { Fake } from "mlflow-host/testing";

import { NOTHING, Refused } from "../contract.js";
import { start } from "../program.js";

test("a stack is recorded", () => {
  const recording = new Fake({ config: { greeting: "hello" } }).run(() => {
    const group = component("test:group", "all");
    const inner = group.component("test:part", "one");
    const id = new RandomId("id", { length: 8 });
    const password = new RandomPassword("password", {}, { parent: inner });
    const greeting = new Value(
      "greeting",
      { value: { text: `${config.require("greeting")} ${id.result}` } },
      {
        dependsOn: [password, "std/Value::other"],
        replaceOn: [functions.sha256(password.result)],
        ignoreChanges: ["value.text"],
        deleteFirst: true,
        retainOnDelete: true,
        protect: true,
      },
    );
    output("greeting", greeting.value);
    log.warning("done");
  });
  const greeting = recording.resource("std/Value::greeting");
  assert.deepEqual(greeting.properties, { value: { text: "hello ${std/RandomId::id#result}" } });
  assert.deepEqual(greeting.options, {
    dependsOn: ["std/RandomPassword::password", "std/Value::other"],
    replaceOn: ['${sha256["${std/RandomPassword::password#result}"]}'],
    ignoreChanges: ["value.text"],
    deleteFirst: true,
    retainOnDelete: true,
    protect: true,
  });
  assert.deepEqual(recording.resource("std/RandomPassword::password").options, { parent: "test:part::one" });
  assert.deepEqual(recording.components, ["test:group::all", "test:part::one"]);
  assert.deepEqual(recording.outputs, { greeting: "${std/Value::greeting#value}" });
  assert.deepEqual(recording.logs, [{ level: "warning", message: "done" }]);
  assert.throws(() => recording.resource("std/Value::absent"), /std\/Value::absent is not among std\/RandomId::id/);
});

test("properties become JSON as Google writes it", () => {
  const recording = new Fake().run(() => {
    const settings = { dataDiskSizeGb: 10n, ipConfiguration: { ipv4Enabled: false }, tier: undefined };
    new Instance("database", { settings }, { properties: { rootPassword: "x" } });
    new Service("service", { template: { containers: [{ env: [{ name: "A", value: "1" }, undefined] }] } });
  });
  assert.deepEqual(recording.resource("sqladmin.googleapis.com/Instance::database").properties, {
    settings: { dataDiskSizeGb: "10", ipConfiguration: { ipv4Enabled: false } },
    rootPassword: "x",
  });
  assert.deepEqual(recording.resource("run.googleapis.com/Service::service").properties, {
    template: { containers: [{ env: [{ name: "A", value: "1" }] }] },
  });
});

test("what JSON does not know is refused", () => {
  const declare = (value) => () => new Fake().run(() => void new Value("v", { value }));
  assert.throws(declare(Number.NaN), /`value` cannot be NaN/);
  assert.throws(declare([() => 1]), /`0` cannot be a function/);
});

test("a lookup is no declaration", () => {
  const recording = new Fake().run(() => {
    output("number", Project.lookup("project", { project: "x" }).projectNumber);
  });
  const project = recording.resource("cloudresourcemanager.googleapis.com/Project::project");
  assert.equal(project.lookup, true);
  assert.deepEqual(project.properties, { project: "x" });
  assert.equal(recording.outputs.number, "${cloudresourcemanager.googleapis.com/Project::project#projectNumber}");
});

test("a resource may come from elsewhere", () => {
  const recording = new Fake().run(() => {
    const network = StackReference.lookup("net", { stack: "network" });
    const options = { aliases: ["std/Value::old"], import: "projects/p/x", timeoutMinutes: 90 };
    new Value("new", { value: network.attribute("name") }, options);
  });
  assert.deepEqual(recording.resource("std/StackReference::net").properties, { stack: "network" });
  assert.equal(recording.resource("std/StackReference::net").lookup, true);
  const value = recording.resource("std/Value::new");
  assert.deepEqual(value.properties, { value: "${std/StackReference::net#name}" });
  assert.deepEqual(value.options, { aliases: ["std/Value::old"], import: "projects/p/x", timeoutMinutes: 90 });
});

test("calls carry their operands", () => {
  const recording = new Fake().run(() => {
    const name = new RandomId("id").result;
    output("all", [
      functions.base64(name),
      functions.join(",", ["a", name]),
      functions.json({ a: name }),
      functions.lower("A"),
      functions.urlEncode(name),
    ]);
    const packed = assets.directory("image", { ignore: ["*.log"] });
    output("packed", [packed.digest, packed.archive, packed.files]);
  });
  const token = "${std/RandomId::id#result}";
  assert.deepEqual(recording.outputs.all, [
    `\${base64["${token}"]}`,
    `\${join[",","a","${token}"]}`,
    `\${json[{"a":"${token}"}]}`,
    '${lower["A"]}',
    `\${url-encode["${token}"]}`,
  ]);
  assert.deepEqual(recording.outputs.packed, ["0".repeat(64), "${asset:image}", 1]);
});

test("values are read by type", () => {
  const values = { count: "3", rate: "0.5", open: "true", hosts: '["a","b"]', names: "c, d" };
  new Fake({ config: values, secrets: ["token"], region: "us-east1" }).run(() => {
    assert.equal(config.integer("count"), 3);
    assert.equal(config.number("rate"), 0.5);
    assert.deepEqual([config.boolean("open"), config.boolean("shut")], [true, undefined]);
    assert.deepEqual([config.strings("hosts"), config.strings("names")], [["a", "b"], ["c", "d"]]);
    assert.equal(`${config.requireSecret("token")}`, "${secret:token}");
    assert.equal(config.secret("count"), undefined);
    assert.deepEqual(config.stack(), { name: "test", project: "test-project", region: "us-east1" });
  });
});

test("what is missing or ill-typed is named", () => {
  const cases = [
    [() => config.integer("count"), "The configuration key `count` must be a whole number, not `many`."],
    [() => config.number("count"), "The configuration key `count` must be a number, not `many`."],
    [() => config.boolean("count"), "The configuration key `count` must be `true` or `false`, not `many`."],
    [() => config.strings("list"), "The configuration key `list` must be a list of strings, not `[1]`."],
    [() => config.strings("cut"), "The configuration key `cut` must be a list of strings, not `[`."],
    [
      () => config.require("location"),
      "The configuration key `location` is not set: run `mlflow-host config set STACK.wasm location VALUE`.",
    ],
    [
      () => config.requireSecret("token"),
      "The secret `token` is not set: run `mlflow-host config set STACK.wasm --secret token env:NAME`.",
    ],
  ];
  for (const [call, message] of cases) {
    assert.throws(() => new Fake({ config: { count: "many", list: "[1]", cut: "[" } }).run(call), { message });
  }
  assert.throws(() => config.get("x"), /inside of `run`/);
});

/** A host that refuses every bucket. */
const refusing = {
  declare(kind) {
    if (kind === "storage.googleapis.com/Bucket") {
      throw new Refused("unknown-field", "There is no such property.", "locatin");
    }
    return 0;
  },
  get: () => undefined,
};

/** The lines of a failure, with the numbers of lines as distances from the first of this function. */
const failure = (run) => start(refusing, run)?.replace(/sdk\.test\.js:\d+/g, "sdk.test.js:LINE").split("\n");

/** The number of the line that calls this. */
const line = () => Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split("\n")[2])[1]);

test("refusals name the line and go on", () => {
  let at;
  const wrong = start(refusing, function stack() {
    at = line();
    const bucket = new Bucket("bad");
    assert.equal(`${bucket.name}`, NOTHING);
    new Value("v", { value: `gs://${bucket.name}` }, { dependsOn: [bucket] });
    new Bucket("worse");
  });
  assert.deepEqual(wrong.split("\n"), [
    "the host refused what these lines declare",
    `    sdk.test.js:${at + 1} in stack: storage.googleapis.com/Bucket::bad \`locatin\` (unknown-field)`,
    `    sdk.test.js:${at + 4} in stack: storage.googleapis.com/Bucket::worse \`locatin\` (unknown-field)`,
  ]);
});

test("errors name the lines on their way", () => {
  function helper() {
    config.require("absent");
  }
  const [message, ...places] = failure(function stack() {
    new Bucket("bad");
    helper();
  });
  assert.match(message, /`absent` is not set/);
  assert.deepEqual(places.slice(0, 2), ["    sdk.test.js:LINE in helper", "    sdk.test.js:LINE in stack"]);
  assert.equal(
    places.at(-1),
    "    before that, the host refused sdk.test.js:LINE in stack: storage.googleapis.com/Bucket::bad `locatin` " +
      "(unknown-field)",
  );
});

test("other exceptions keep their name", () => {
  assert.equal(failure(() => null.x)[0], "TypeError: Cannot read properties of null (reading 'x')");
  assert.equal(failure(() => { throw "words"; })[0], "words");
  assert.match(failure(async () => {})[0], /must not be `async`/);
  assert.equal(failure(() => {}), undefined);
});

test("code and types of every kind agree", async () => {
  const directory = new URL("../kinds/", import.meta.url);
  for (const file of readdirSync(directory).filter((name) => name.endsWith(".js"))) {
    const types = readFileSync(new URL(file.replace(/\.js$/, ".d.ts"), directory), "utf8");
    const typed = [...types.matchAll(/export class (\w+) extends Resource \{(.*?)\n\}/gs)].map(([, name, body]) => [
      name,
      [...body.matchAll(/readonly (\w+): Output/g)].map(([, member]) => member).sort(),
    ]);
    const coded = Object.entries(await import(new URL(file, directory))).map(([name, kind]) => [
      name,
      Object.getOwnPropertyNames(kind.prototype).filter((member) => member !== "constructor").sort(),
    ]);
    assert.deepEqual(Object.fromEntries(coded), Object.fromEntries(typed), file);
  }
});
