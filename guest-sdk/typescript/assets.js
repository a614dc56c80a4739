import { Refused, host } from "./contract.js";
import { Output, toJson } from "./values.js";

export function directory(path, { ignore = [] } = {}) {
  try {
    const { digest, archive, files } = JSON.parse(host().directory(path, toJson({ ignore })));
    return { digest, archive: new Output(archive), files };
  } catch (error) {
    throw error instanceof Refused ? new Error(error.message) : error;
  }
}
