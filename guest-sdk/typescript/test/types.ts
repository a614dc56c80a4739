// What the types accept and refuse. Compiled, never run.

import { config, functions, output } from "mlflow-host";
import { Project } from "mlflow-host/kinds/cloudresourcemanager";
import { Service, type EnvVar } from "mlflow-host/kinds/run";
import { Instance } from "mlflow-host/kinds/sqladmin";
import { Value } from "mlflow-host/kinds/standard";
import { Bucket } from "mlflow-host/kinds/storage";

const bucket = new Bucket("box", { location: config.stack().region, labels: { a: "b", c: config.secret("c")! } });
const variable: EnvVar = { name: "A", value: bucket.name };
const text: string = `gs://${bucket.name}/${functions.lower("A")}`;
new Service("service", { template: { containers: [{ env: [variable, { value: text }] }] } }, { dependsOn: [bucket] });
new Instance("database", { settings: { dataDiskSizeGb: "10" } });
new Value("value", { value: [1, { nested: bucket.selfLink }, null] });
output("number", Project.lookup("project").projectNumber);

// @ts-expect-error: there is no such property
new Bucket("box", { locatin: "EU" });
// @ts-expect-error: a number is not text
new Bucket("box", { location: 1 });
// @ts-expect-error: a 64-bit integer is a bigint or digits
new Instance("database", { settings: { dataDiskSizeGb: 10 } });
// @ts-expect-error: no such value
new Service("service", { ingress: "OPEN" });
// @ts-expect-error: there is no such attribute
bucket.nam;
// @ts-expect-error: there is no such option
new Bucket("box", {}, { protected: true });
// @ts-expect-error: attributes cannot be set
bucket.name = "x";
