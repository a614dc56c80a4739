/** Kinds without an API behind them. Written by hand: the host, not Google, describes them. */

import type { Input, Json, Output } from "../values.js";
import { type Options, Resource } from "../resource.js";

/** What a Value is declared with. */
export interface ValueProperties {
  value?: Json;
}

/** A value that becomes an attribute, e.g., to replace resources when it changes. */
export class Value extends Resource {
  constructor(name: string, properties?: ValueProperties, options?: Options);
  readonly value: Output;
}

/** What a RandomId is declared with. */
export interface RandomIdProperties {
  /** How many letters: 6 when not set. */
  length?: Input<number>;
  prefix?: Input<string>;
}

/** Random letters after a prefix, chosen once and known before anything is created. */
export class RandomId extends Resource {
  constructor(name: string, properties?: RandomIdProperties, options?: Options);
  readonly result: Output;
}

/** What a RandomPassword is declared with. */
export interface RandomPasswordProperties {
  /** How many characters: 32 when not set. */
  length?: Input<number>;
  /** Whether there are special characters among them, unless that is false. */
  special?: Input<boolean>;
}

/** A random password, made once and kept sealed in the state. */
export class RandomPassword extends Resource {
  constructor(name: string, properties?: RandomPasswordProperties, options?: Options);
  readonly result: Output;
}

/** What a StackReference is looked up with. */
export interface StackReferenceProperties {
  /** The name of the stack. */
  stack?: Input<string>;
}

/**
 * Another stack of the same cloud and project. Its attributes are the outputs that the stack's last run has recorded,
 * by their names: `StackReference.lookup("net", { stack: "network" }).attribute("name")`.
 */
export class StackReference extends Resource {
  private constructor();
  static lookup(name: string, properties?: StackReferenceProperties): StackReference;
}
