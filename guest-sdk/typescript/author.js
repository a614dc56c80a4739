// Which line of the author's own is at work.

/** Set by the build: file and line of the author's, or nothing for the SDK's own, by the line of the bundle. */
const LINES = Symbol.for("mlflow-host.lines");

/** The line that called the SDK, e.g., `main.ts:12 in run`. */
export function location() {
  return trace(new Error())[0] ?? "an unknown line";
}

/** The author's lines on the way to an error, the innermost first. */
export function trace(error) {
  const stack = typeof error?.stack === "string" ? error.stack : "";
  return stack.split("\n").map(place).filter((found) => found !== undefined);
}

/** The place in one line of a stack: `name@file:line:column`, or in V8 `    at name (file:line:column)`. */
function place(text) {
  const found = /^(?:\s*at (?:(.*) \()?|(.*)@)(.*):(\d+):\d+\)?$/.exec(text);
  if (!found) return undefined;
  const [, theirs, ours, file, line] = found;
  const name = (theirs ?? ours ?? "").split("/")[0];
  const lines = globalThis[LINES];
  const mapped = lines ? lines[line] : outside(file, line);
  return mapped && (name ? `${mapped} in ${name}` : mapped);
}

/** This package, for tests, where nothing is bundled. In Wasm there is no `import.meta.url` to tell. */
const HERE = /[^(\s]*\/(?=author\.js:)/.exec(new Error().stack)?.[0];

/** A file is the author's when it is no module of this package. */
function outside(file, line) {
  const [directory, name] = [file.replace(/[^/]*$/, ""), file.replace(/^.*\//, "")];
  const own = directory === HERE || directory === `${HERE}kinds/` || file.startsWith("node:");
  return own ? undefined : `${name}:${line}`;
}
