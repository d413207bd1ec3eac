/** The addresses of a block that listens. */
import { ConfigError } from "../errors.ts";
import { decodeListenEndpoint, type ListenEndpoint } from "./endpoint.ts";
import type { SectionReader } from "./section-reader.ts";

/** Decode `listen` of a block. @throws ConfigError `ERR_CONF_LISTEN` */
export function decodeEndpoints(section: SectionReader): ListenEndpoint[] {
  return section.list("listen").map((text) => {
    const endpoint = decodeListenEndpoint(text);
    if (endpoint === undefined) {
      const message = `listen "${text}" is not a port from 1 to 65535, address:port or [v6]:port`;
      throw new ConfigError("ERR_CONF_LISTEN", message, section.placeOf("listen"));
    }
    return endpoint;
  });
}
