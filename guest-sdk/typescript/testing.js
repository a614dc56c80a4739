import { connected } from "./contract.js";

class Recording {
  resources = [];
  components = [];
  outputs = {};
  logs = [];

  resource(urn) {
    const found = this.resources.find(({ kind, name }) => `${kind}::${name}` === urn);
    if (found !== undefined) return found;
    const known = this.resources.map(({ kind, name }) => `${kind}::${name}`).join(", ");
    throw new Error(`${urn} is not among ${known || "the resources: there are none"}.`);
  }
}

export class Fake {
  #config;
  #secrets;
  #stack;

  constructor({ config = {}, secrets = [], ...stack } = {}) {
    this.#config = config;
    this.#secrets = secrets;
    this.#stack = { name: "test", project: "test-project", region: "europe-west1", ...stack };
  }

  run(run) {
    const recording = new Recording();
    connected(this.#host(recording), [], run);
    return recording;
  }

  #host(recording) {
    const urns = [];
    const node = (urn) => urns.push(urn) - 1;
    const record = (kind, name, properties, options, lookup) => {
      recording.resources.push({ kind, name, properties: JSON.parse(properties), options, lookup });
      return node(`${kind}::${name}`);
    };
    return {
      declare: (kind, name, properties, text) => {
        const options = JSON.parse(text);
        if (options.parent !== undefined) options.parent = urns[options.parent];
        options.dependsOn = options.dependsOn?.map((other) => (typeof other === "number" ? urns[other] : other));
        if (options.dependsOn === undefined) delete options.dependsOn;
        return record(kind, name, properties, options, false);
      },
      lookup: (kind, name, properties) => record(kind, name, properties, {}, true),
      component: (kind, name) => {
        recording.components.push(`${kind}::${name}`);
        return node(`${kind}::${name}`);
      },
      attribute: (of, path) => `\${${urns[of]}#${path}}`,
      call: (name, operands) => `\${${name}${operands}}`,
      output: (name, value) => {
        recording.outputs[name] = JSON.parse(value);
      },
      get: (key) => this.#config[key],
      secret: (key) => (this.#secrets.includes(key) ? `\${secret:${key}}` : undefined),
      stack: () => this.#stack,
      directory: (path) => JSON.stringify({ digest: "0".repeat(64), archive: `\${asset:${path}}`, files: 1 }),
      log: (level, message) => {
        recording.logs.push({ level, message });
      },
    };
  }
}
