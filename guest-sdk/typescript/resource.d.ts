import type { Json, Output } from "./values.js";

/** A named group of resources. */
export class Component {
  private constructor();
  /** Declares a component inside this one. */
  component(kind: string, name: string): Component;
}

/** Declares a component; `kind` is of your choice, e.g., `mlflow:server`. */
export function component(kind: string, name: string): Component;

/** How a resource is to be treated. */
export interface Options {
  /** The component that it belongs to. */
  parent?: Component;
  /** What must be there first, besides what the properties refer to: resources, or URNs (`KIND::NAME`). */
  dependsOn?: readonly (Resource | string)[];
  /** Refuse to delete or replace it. */
  protect?: boolean;
  /** Leave it in the cloud when it leaves the stack. */
  retainOnDelete?: boolean;
  /** Delete before creating when it must be replaced. */
  deleteFirst?: boolean;
  /** Replace it when one of these values changes. */
  replaceOn?: readonly Json[];
  /** Paths of properties that are left alone after creation, e.g., `settings.tier`. */
  ignoreChanges?: readonly string[];
  /** Earlier URNs of it: what is recorded under one of them is this resource. */
  aliases?: readonly string[];
  /** Take over an existing resource, by its full resource name, e.g., `projects/p/global/networks/main`. */
  import?: string;
  /** How long an operation on it may take before the run goes on without it. */
  timeoutMinutes?: number;
  /** Properties by their names in Google's REST body, where the typed ones do not reach. */
  properties?: { readonly [name: string]: Json };
}

/** A declared resource. */
export class Resource {
  protected constructor(name: string, properties?: object, options?: Options);
  /** The kind and logical name, e.g., `run.googleapis.com/Service::mlflow`. */
  readonly urn: string;
  /** An attribute by its path in Google's REST body, e.g., `ipAddresses[0].ipAddress`. */
  attribute(path: string): Output;
}

/** Sets an output of the stack. */
export function output(name: string, value: Json | undefined): void;
