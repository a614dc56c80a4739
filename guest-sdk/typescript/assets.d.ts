/** Files that go with a stack. */

import type { Output } from "./values.js";

/** A directory, packed by the host. */
export interface Directory {
  /** The SHA-256 of its content, 64 hexadecimal digits: it changes when a file does. */
  readonly digest: string;
  /** The packed files, for a property that takes an archive. */
  readonly archive: Output;
  /** How many files there are. */
  readonly files: number;
}

/**
 * Packs a directory beside the stack's file, without what the patterns match; they are written as in a `.gitignore`
 * file. Throws when it does not exist, or leads out of the stack's own directory.
 */
export function directory(path: string, options?: { readonly ignore?: readonly string[] }): Directory;
