// Declaring resources, components and outputs.

import { attempt } from "./contract.js";
import { Output, toJson } from "./values.js";

export class Component {
  #node;

  constructor(node) {
    this.#node = node;
  }

  component(kind, name) {
    return declareComponent(kind, name, this.#node);
  }

  toJSON() {
    return this.#node;
  }
}

export function component(kind, name) {
  return declareComponent(kind, name, undefined);
}

function declareComponent(kind, name, parent) {
  return new Component(attempt(`${kind}::${name}`, (host) => host.component(kind, name, parent)));
}

/** Marks options of what is looked up, not managed. */
const LOOKUP = Symbol("lookup");

export class Resource {
  #node;
  #name;

  constructor(name, properties = {}, options = {}) {
    const { kind } = new.target;
    const { properties: more, ...shape } = options === LOOKUP ? {} : options;
    const body = toJson({ ...properties, ...more });
    const text = toJson(shape);
    this.#name = name;
    // Undefined: the host refused the declaration, and the run fails when it ends.
    this.#node = attempt(this.urn, (host) =>
      options === LOOKUP ? host.lookup(kind, name, body) : host.declare(kind, name, body, text),
    );
  }

  static lookup(name, properties = {}) {
    return new this(name, properties, LOOKUP);
  }

  get urn() {
    return `${this.constructor.kind}::${this.#name}`;
  }

  attribute(path) {
    const node = this.#node;
    if (node === undefined) return new Output();
    return new Output(attempt(this.urn, (host) => host.attribute(node, path)));
  }

  /** As `dependsOn` takes it. */
  toJSON() {
    return this.#node;
  }
}

/** A class for a kind, with a member for each attribute. */
export function kind(name, attributes) {
  const declared = class extends Resource {
    static kind = name;
  };
  for (const [member, path] of Object.entries(attributes)) {
    Object.defineProperty(declared.prototype, member, {
      get() {
        return this.attribute(path);
      },
    });
  }
  return declared;
}

export function output(name, value) {
  const json = toJson(value);
  if (json !== undefined) attempt(`the output \`${name}\``, (host) => host.output(name, json));
}
