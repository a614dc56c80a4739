// Compiles a stack in TypeScript or JavaScript to a component: `node build.mjs DIRECTORY SDK WIT OUTPUT`. It lies
// beside the installed tools; `mlflow-host build` runs it.

import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import process from "node:process";

import { TraceMap, eachMapping } from "@jridgewell/trace-mapping";
import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const [directory, sdk, wit, output] = process.argv.slice(2).map((path) => resolve(path));
const entry = ["main.ts", "main.js"].find((name) => existsSync(join(directory, name)));
if (entry === undefined) {
  console.error(`${directory} has neither main.ts nor main.js: export a function \`run\` from one of them.`);
  process.exit(1);
}

const bundle = await build({
  stdin: {
    contents: `import { exported } from "mlflow-host/component";
      import { run as stack } from "./${entry}";
      export const run = exported(stack);`,
    resolveDir: directory,
  },
  bundle: true,
  format: "esm",
  target: "es2022",
  external: ["mlflow-host:*"],
  alias: { "mlflow-host": sdk },
  outfile: "stack.js",
  sourcemap: "external",
  write: false,
  logLevel: "warning",
}).catch(() => process.exit(1));

const text = (suffix) => bundle.outputFiles.find(({ path }) => path.endsWith(suffix)).text;
const lines = JSON.stringify(authorsLines(JSON.parse(text(".map"))));
const source = `${text(".js")}\nglobalThis[Symbol.for("mlflow-host.lines")] = ${lines};\n`;

const temporary = await mkdtemp(join(tmpdir(), "mlflow-host-"));
try {
  const sourcePath = join(temporary, "stack.js");
  await writeFile(sourcePath, source);
  const { component } = await componentize({
    sourcePath,
    witPath: wit,
    worldName: "stack",
    // Standard output stays, so that `console.log` and crashes reach the log of the host.
    disableFeatures: ["random", "clocks", "http", "fetch-event"],
  });
  await writeFile(output, component);
} finally {
  await rm(temporary, { recursive: true });
}

/** `file:line` of the author's, by the line of the bundle. The SDK's own lines are left out. */
function authorsLines(map) {
  const found = {};
  const carriedOver = new Set();
  eachMapping(new TraceMap(map), ({ generatedLine, generatedColumn, source, originalLine }) => {
    // At the beginning of a line esbuild repeats where the line before it came from: what follows knows better.
    if (source === null || (generatedLine in found && !carriedOver.delete(generatedLine))) return;
    if (generatedColumn === 0) carriedOver.add(generatedLine);
    const path = relative(directory, resolve(source));
    const own = source !== "<stdin>" && !/^(\.\.|sdk\/)|node_modules/.test(path);
    found[generatedLine] = own ? `${path}:${originalLine}` : null;
  });
  return Object.fromEntries(Object.entries(found).filter(([, place]) => place !== null));
}
