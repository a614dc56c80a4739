// The stack as a component: what the build wraps around it, never imported elsewhere.

import * as assets from "mlflow-host:stack/assets@0.1.0";
import * as config from "mlflow-host:stack/config@0.1.0";
import * as graph from "mlflow-host:stack/graph@0.1.0";
import * as log from "mlflow-host:stack/log@0.1.0";

import { Refused } from "./contract.js";
import { start } from "./program.js";

/** The same function, with refusals as the SDK knows them. */
const answered =
  (call) =>
  (...operands) => {
    try {
      return call(...operands);
    } catch (error) {
      const problem = error?.payload;
      if (typeof problem === "string") throw new Refused("asset", problem);
      if (problem === undefined) throw error;
      throw new Refused(problem.code, problem.message, problem.path);
    }
  };

const host = {
  declare: answered(graph.declare),
  lookup: answered(graph.lookup),
  component: answered(graph.component),
  attribute: answered(graph.attribute),
  call: answered(graph.call),
  output: answered(graph.output),
  get: config.get,
  secret: config.secret,
  stack: config.stack,
  directory: answered(assets.directory),
  log: log.write,
};

/** The function that a component exports as `run`. */
export const exported = (run) => () => {
  const wrong = start(host, run);
  // A string is the error of a `result<_, string>`.
  if (wrong !== undefined) throw wrong;
};
