// A bucket for artifacts, and who may read them.

import { config, output } from "mlflow-host";
import { Bucket, BucketIamMember } from "mlflow-host/kinds/storage";

export function run(): void {
  const stack = config.stack();
  const bucket = new Bucket("artifacts", { location: stack.region }, { protect: stack.name === "prod" });
  for (const [index, member] of (config.strings("readers") ?? []).entries()) {
    const role = "roles/storage.objectViewer";
    new BucketIamMember(`reader-${index}`, { bucket: bucket.resourceId, role, member });
  }
  output("artifacts", `gs://${bucket.name}`);
}
