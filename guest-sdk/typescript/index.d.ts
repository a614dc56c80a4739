/**
 * Write mlflow-host stacks in TypeScript and JavaScript.
 *
 * A stack is a function `run` exported from `main.ts` that declares resources. It runs once, in a sandbox, before any
 * call to the cloud; what it may know is its configuration. What it cannot know yet, such as the address of a service,
 * is an `Output`: it can be put into any property and any template literal.
 *
 * A declaration never throws on the spot: the host remembers what is wrong with it, and reports all problems of a run
 * together, with the lines that they come from.
 */
export { Component, type Options, Resource, component, output } from "./resource.js";
export { type Input, type Json, type LongInteger, Output } from "./values.js";
export * as assets from "./assets.js";
export * as config from "./config.js";
export * as functions from "./functions.js";
export * as log from "./log.js";
