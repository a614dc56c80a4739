import { host } from "./contract.js";

export const debug = (message) => host().log("debug", String(message));

export const info = (message) => host().log("info", String(message));

export const warning = (message) => host().log("warning", String(message));

export const error = (message) => host().log("error", String(message));
