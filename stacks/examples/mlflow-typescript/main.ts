// MLflow on Google Cloud, all of it, from TypeScript: stacks/dev and stacks/prod in one, by means of their component.

import { config } from "mlflow-host";
import { declare, defaults } from "mlflow-host:mlflow/server@0.1.0";

export function run(): void {
  const stack = config.stack().name;
  const settings = defaults();
  if (stack === "prod") {
    settings.size = "large";
    settings.availability = "regional";
    settings.backups = { nights: 14, logDays: 7 };
    settings.minimumInstances = 1;
    settings.maximumInstances = 5;
    settings.protection = true;
  }
  declare(`mlflow-${stack}`, settings);
}
