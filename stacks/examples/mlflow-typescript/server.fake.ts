// Stands for the component in tests: esbuild puts it in its place (package.json).

import type * as server from "mlflow-host:mlflow/server@0.1.0";

/** What the stack has declared, as far as it sets it. */
export const declared = new Map<string, server.Settings>();

export const defaults: typeof server.defaults = () => ({}) as server.Settings;

export const declare: typeof server.declare = (name, settings) => {
  declared.set(name, settings);
  return {} as server.Mlflow;
};
