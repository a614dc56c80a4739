// A small MLflow, declared resource by resource. The examples in the other languages declare the same graph.

import { component, config, functions, output } from "mlflow-host";
import { Project } from "mlflow-host/kinds/cloudresourcemanager";
import { GlobalAddress, Network, Subnetwork } from "mlflow-host/kinds/compute";
import { ServiceAccount } from "mlflow-host/kinds/iam";
import { Service, ServiceIamMember } from "mlflow-host/kinds/run";
import { Secret, SecretIamMember, SecretVersion } from "mlflow-host/kinds/secretmanager";
import { Connection } from "mlflow-host/kinds/servicenetworking";
import { Service as Api } from "mlflow-host/kinds/serviceusage";
import { Database, Instance, User } from "mlflow-host/kinds/sqladmin";
import { RandomPassword } from "mlflow-host/kinds/standard";
import { Bucket, BucketIamMember } from "mlflow-host/kinds/storage";

export function run(): void {
  const stack = config.stack();
  const parent = component("example:mlflow", "mlflow");
  const enable = (api: string) => new Api(api, { name: `${api}.googleapis.com` }, { parent });
  const compute = enable("compute");
  const iam = enable("iam");
  const cloudRun = enable("run");
  const secrets = enable("secretmanager");
  const networking = enable("servicenetworking");
  const sql = enable("sqladmin");
  const storage = enable("storage");

  // A network through which the server reaches the database.
  const network = new Network("mlflow", { autoCreateSubnetworks: false }, { parent, dependsOn: [compute] });
  const subnetwork = new Subnetwork(
    "mlflow",
    { network: network.selfLink, ipCidrRange: "10.8.0.0/24", privateIpGoogleAccess: true },
    { parent },
  );
  const range = new GlobalAddress(
    "services",
    { network: network.selfLink, purpose: "VPC_PEERING", addressType: "INTERNAL", prefixLength: 20 },
    { parent },
  );
  const path = `projects/${stack.project}/global/networks/${network.resourceId}`;
  const connection = new Connection(
    "services",
    { network: path, reservedPeeringRanges: [range.resourceId] },
    { parent, dependsOn: [networking] },
  );

  // The database, and a password that nobody types or sees.
  const instance = new Instance(
    "mlflow",
    {
      databaseVersion: "POSTGRES_17",
      settings: {
        tier: "db-f1-micro",
        edition: "ENTERPRISE",
        dataDiskSizeGb: 10n,
        ipConfiguration: { ipv4Enabled: false, privateNetwork: path, sslMode: "ENCRYPTED_ONLY" },
      },
    },
    { parent, dependsOn: [sql, connection] },
  );
  const database = new Database("mlflow", { instance: instance.resourceId, name: "mlflow" }, { parent });
  const password = new RandomPassword("password", { length: 32, special: false }, { parent });
  const user = new User(
    "mlflow",
    { instance: instance.resourceId, name: "mlflow", password: password.result },
    { parent },
  );
  const secret = new Secret("password", { replication: { automatic: {} } }, { parent, dependsOn: [secrets] });
  const version = new SecretVersion(
    "password",
    { secret: secret.resourceId, payload: { data: password.result } },
    { parent },
  );

  // The artifacts, and who may touch them.
  const account = new ServiceAccount("server", { displayName: "Runs MLflow" }, { parent, dependsOn: [iam] });
  const member = `serviceAccount:${account.email}`;
  const bucket = new Bucket(
    "artifacts",
    {
      location: stack.region,
      labels: { purpose: "artifacts" },
      softDeletePolicy: { retentionDurationSeconds: 0n },
    },
    { parent, dependsOn: [storage], properties: { forceDestroy: true } },
  );
  const bucketAccess = new BucketIamMember(
    "artifacts",
    { bucket: bucket.resourceId, role: "roles/storage.objectUser", member },
    { parent },
  );
  const secretAccess = new SecretIamMember(
    "password",
    { secret: secret.resourceId, role: "roles/secretmanager.secretAccessor", member },
    { parent },
  );

  // The server.
  const number = Project.lookup("project").projectNumber;
  const hosts = [`mlflow-${number}.${stack.region}.run.app`, "localhost:*"];
  const address = instance.attribute("ipAddresses[0].ipAddress");
  const uri = `postgresql+psycopg2://mlflow@${address}:5432/${database.resourceId}`;
  const service = new Service(
    "mlflow",
    {
      name: "mlflow",
      ingress: "INGRESS_TRAFFIC_ALL",
      template: {
        containers: [
          {
            image: config.get("image") ?? "us-docker.pkg.dev/cloudrun/container/hello",
            env: [
              { name: "MLFLOW_BACKEND_STORE_URI", value: uri },
              { name: "MLFLOW_ARTIFACTS_DESTINATION", value: `gs://${bucket.name}` },
              { name: "MLFLOW_SERVER_ALLOWED_HOSTS", value: functions.join(",", hosts) },
              {
                name: "PGPASSWORD",
                valueSource: { secretKeyRef: { secret: secret.resourceId, version: version.resourceId } },
              },
            ],
          },
        ],
        serviceAccount: account.email,
        scaling: { maxInstanceCount: config.integer("maximum-instances") ?? 1 },
        vpcAccess: {
          networkInterfaces: [{ network: network.resourceId, subnetwork: subnetwork.resourceId }],
          egress: "PRIVATE_RANGES_ONLY",
        },
      },
    },
    { parent, dependsOn: [cloudRun, user, bucketAccess, secretAccess], protect: stack.name === "prod" },
  );
  for (const invoker of config.strings("invokers") ?? []) {
    new ServiceIamMember(
      `invoker-${invoker.replace(/[:@]/g, "-")}`,
      { service: service.resourceId, role: "roles/run.invoker", member: invoker },
      { parent },
    );
  }

  output("url", service.uri);
  output("artifacts", `gs://${bucket.name}`);
  output("database", { connection: instance.connectionName, address });
}
