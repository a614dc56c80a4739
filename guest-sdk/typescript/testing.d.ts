/**
 * Runs a stack against a fake host that records what it is told. For unit tests of stacks.
 *
 *     const recording = new Fake({ config: { whom: "Ada" } }).run(run);
 *     assert.equal(recording.resource("std/Value::greeting").properties.value, "Hello Ada");
 *
 * The fake checks nothing; `mlflow-host preview --offline` does. Tokens read `${URN#path}`, `${secret:KEY}`,
 * `${asset:PATH}` and `${FUNCTION[OPERANDS]}`.
 */

/** A declaration that the fake host received. */
export interface Declared {
  /** The kind, e.g., `run.googleapis.com/Service`. */
  readonly kind: string;
  /** The logical name. */
  readonly name: string;
  /** The properties, by their names in Google's REST body. */
  readonly properties: any;
  /** The options, with URNs in place of nodes. */
  readonly options: any;
  /** Whether it is only looked up. */
  readonly lookup: boolean;
}

/** What a stack declared. */
export interface Recording {
  /** The resources, in order of declaration. */
  readonly resources: readonly Declared[];
  /** The components as `KIND::NAME`, in order of declaration. */
  readonly components: readonly string[];
  /** The outputs, by name. */
  readonly outputs: { readonly [name: string]: any };
  /** The messages. */
  readonly logs: readonly { readonly level: string; readonly message: string }[];
  /** The resource with this URN, e.g., `std/Value::greeting`. Throws when there is none. */
  resource(urn: string): Declared;
}

/** A fake host with a configuration. */
export class Fake {
  constructor(settings?: {
    /** Keys of the configuration, as text. */
    readonly config?: { readonly [key: string]: string };
    /** Names of secrets. They need no values, for a stack never sees one. */
    readonly secrets?: readonly string[];
    /** The stack's name: `test` when not set. */
    readonly name?: string;
    /** The project: `test-project` when not set. */
    readonly project?: string;
    /** The region: `europe-west1` when not set. */
    readonly region?: string;
  });
  /** Runs the stack and gives what it declared. What it throws comes through. */
  run(run: () => void): Recording;
}
