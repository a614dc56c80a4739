/** What a stack may know: its configuration and its target. */

import type { Output } from "./values.js";

/** The stack and its target. */
export interface Stack {
  /** The stack's name, e.g., `dev`. */
  readonly name: string;
  /** The project's id. */
  readonly project: string;
  /** The region, e.g., `europe-west1`. */
  readonly region: string;
}

/** The stack and its target. */
export function stack(): Stack;

/** The value of a key, if it is set: a string as it is, anything else as its JSON text. */
export function get(key: string): string | undefined;

/** The value of a key that must be set. */
export function require(key: string): string;

/** A whole number, if the key is set. */
export function integer(key: string): number | undefined;

/** A number, if the key is set. */
export function number(key: string): number | undefined;

/** `true` or `false`, if the key is set. */
export function boolean(key: string): boolean | undefined;

/** A list of strings, if the key is set: a list in the file, or one string with commas. */
export function strings(key: string): string[] | undefined;

/** A secret, if it is set. The program never sees its value. */
export function secret(key: string): Output | undefined;

/** A secret that must be set. */
export function requireSecret(key: string): Output;
