// Kinds without an API behind them. Written by hand: the host, not Google, describes them.

import { kind } from "../resource.js";

export const Value = kind("std/Value", { value: "value" });

export const RandomId = kind("std/RandomId", { result: "result" });

export const RandomPassword = kind("std/RandomPassword", { result: "result" });

export const StackReference = kind("std/StackReference", {});
