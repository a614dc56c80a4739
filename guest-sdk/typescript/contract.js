// The calls of the contract, to whichever host runs the stack: the real one in Wasm, a fake one in tests.

import { location } from "./author.js";

/** Stands for the value that a refused call would have given. The host accepts it in a run that fails anyway. */
export const NOTHING = "\ue000\ue001";

/** The host's answer to a call that it does not accept. */
export class Refused extends Error {
  constructor(code, message, path) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

const sessions = [];

/** Runs `work` with all calls sent to `host`; collects the places of the calls that the host refuses. */
export function connected(host, refusals, work) {
  sessions.push({ host, refusals });
  try {
    return work();
  } finally {
    sessions.pop();
  }
}

function session() {
  const current = sessions.at(-1);
  if (current === undefined) {
    throw new Error(
      "There is no host yet: declare resources and read the configuration inside of `run`, not while the module is " +
        "loaded. In tests, run the stack with `Fake` of `mlflow-host/testing`.",
    );
  }
  return current;
}

/** The host that runs the stack. */
export const host = () => session().host;

/** The answer of the host; `undefined` when it refuses. It remembers why, and here is remembered where. */
export function attempt(what, call) {
  const { host, refusals } = session();
  try {
    return call(host);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const path = error.path === undefined ? "" : ` \`${error.path}\``;
    refusals.push(`${location()}: ${what}${path} (${error.code})`);
    return undefined;
  }
}
