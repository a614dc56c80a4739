/** Functions of values that are known only later. The host applies them. */

import type { Input, Json, Output } from "./values.js";

/** The text in base64, standard alphabet with padding. */
export function base64(text: Input<string>): Output;

/** The parts with the separator between them. A part that is a list counts as its items. */
export function join(separator: string, parts: Iterable<Json>): Output;

/** The value as compact JSON with sorted keys. */
export function json(value: Json): Output;

/** The text in lower case. */
export function lower(text: Input<string>): Output;

/** The SHA-256 of the text, in hexadecimal. */
export function sha256(text: Input<string>): Output;

/** The text as a component of a URL: every byte but letters, digits, `-`, `.`, `_` and `~` as `%XX`. */
export function urlEncode(text: Input<string>): Output;
