/** Messages for the person who runs the stack. `console.log` reaches them too. */

/** Writes a message that is shown when asked for. */
export function debug(message: unknown): void;

/** Writes a message that is good to know. */
export function info(message: unknown): void;

/** Writes a message that is worth a look. */
export function warning(message: unknown): void;

/** Writes a message that something failed. The run goes on; throw an `Error` to end it. */
export function error(message: unknown): void;
