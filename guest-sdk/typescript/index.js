export { Component, Resource, component, output } from "./resource.js";
export { Output } from "./values.js";
export * as assets from "./assets.js";
export * as config from "./config.js";
export * as functions from "./functions.js";
export * as log from "./log.js";
