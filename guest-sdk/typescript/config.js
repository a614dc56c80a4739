import { host } from "./contract.js";
import { Output } from "./values.js";

export const stack = () => host().stack();

export const get = (key) => host().get(key);

export function require(key) {
  return get(key) ?? missing(key, "configuration key", `${key} VALUE`);
}

export function integer(key) {
  return parsed(key, "a whole number", (text) => (/^[+-]?\d+$/.test(text) ? safe(Number(text)) : undefined));
}

export function number(key) {
  return parsed(key, "a number", (text) => {
    const value = Number(text);
    return text !== "" && Number.isFinite(value) ? value : undefined;
  });
}

export function boolean(key) {
  return parsed(key, "`true` or `false`", (text) => ({ true: true, false: false })[text]);
}

export function strings(key) {
  return parsed(key, "a list of strings", (text) => {
    if (!text.startsWith("[")) return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
    const items = JSON.parse(text);
    return items.every((item) => typeof item === "string") ? items : undefined;
  });
}

export function secret(key) {
  const token = host().secret(key);
  return token === undefined ? undefined : new Output(token);
}

export function requireSecret(key) {
  return secret(key) ?? missing(key, "secret", `--secret ${key} env:NAME`);
}

function missing(key, what, rest) {
  throw new Error(`The ${what} \`${key}\` is not set: run \`mlflow-host config set STACK.wasm ${rest}\`.`);
}

const safe = (value) => (Number.isSafeInteger(value) ? value : undefined);

function parsed(key, expected, parse) {
  const text = get(key);
  if (text === undefined) return undefined;
  let value;
  try {
    value = parse(text.trim());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (value === undefined) throw new Error(`The configuration key \`${key}\` must be ${expected}, not \`${text}\`.`);
  return value;
}
