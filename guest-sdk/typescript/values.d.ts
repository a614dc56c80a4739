/**
 * A value that is known only later: an attribute of a resource, a secret, the result of a function.
 *
 * It goes into any property, and into any string: `https://${service.uri}/health`. What it holds meanwhile is a token
 * of the host; do not cut it or change its case.
 */
export class Output {
  private constructor();
  toString(): string;
  toJSON(): string;
}

/** A literal, or an `Output` of whatever type. */
export type Input<T> = T | Output;

/** A 64-bit integer: `10n`, or its digits. Google's JSON writes it as a string. */
export type LongInteger = bigint | `${bigint}`;

/** Whatever JSON can hold, with outputs anywhere. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Output
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };
