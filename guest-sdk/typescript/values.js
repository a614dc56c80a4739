// What a property accepts: a literal, or a value that is known only later.

import { NOTHING } from "./contract.js";

export class Output {
  #token;

  constructor(token) {
    this.#token = token ?? NOTHING;
  }

  toString() {
    return this.#token;
  }

  toJSON() {
    return this.#token;
  }
}

/** The value as JSON. Google's JSON writes 64-bit integers as strings; what is absent is left out of lists. */
export function toJson(value) {
  return JSON.stringify(value, (key, item) => {
    switch (typeof item) {
      case "bigint":
        return item.toString();
      case "function":
      case "symbol":
        throw new TypeError(`\`${key}\` cannot be a ${typeof item}.`);
      case "number":
        if (!Number.isFinite(item)) throw new TypeError(`\`${key}\` cannot be ${item}.`);
        return item;
      default:
        return Array.isArray(item) ? item.filter((part) => part !== undefined) : item;
    }
  });
}
