import { attempt } from "./contract.js";
import { Output, toJson } from "./values.js";

export const base64 = (text) => call("base64", text);

export const join = (separator, parts) => call("join", separator, ...parts);

export const json = (value) => call("json", value);

export const lower = (text) => call("lower", text);

export const sha256 = (text) => call("sha256", text);

export const urlEncode = (text) => call("url-encode", text);

function call(name, ...operands) {
  const json = toJson(operands);
  return new Output(attempt(`the call of \`${name}\``, (host) => host.call(name, json)));
}
