// The way into a stack.

import { trace } from "./author.js";
import { connected } from "./contract.js";

/** Runs a stack; gives what is wrong, with the author's lines, or `undefined`. */
export function start(host, run) {
  const refusals = [];
  try {
    const result = connected(host, refusals, run);
    if (typeof result?.then === "function") return "`run` must not be `async`: a stack has nothing to wait for.";
  } catch (error) {
    const earlier = refusals.map((refusal) => `before that, the host refused ${refusal}`);
    return lines(words(error), [...trace(error), ...earlier]);
  }
  return refusals.length > 0 ? lines("the host refused what these lines declare", refusals) : undefined;
}

function words(error) {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
}

const lines = (first, rest) => [first, ...rest.map((line) => `    ${line}`)].join("\n");
