/** The values of a `listen` directive. */
import { ConfigError } from "../errors.ts";
import { decodeListenEndpoint, type ListenEndpoint } from "./endpoint.ts";
import type { SectionReader } from "./section-reader.ts";

/** One address of a section's `listen`. @throws ConfigError ERR_CONF_LISTEN */
export function listenEndpoint(section: SectionReader, text: string): ListenEndpoint {
  const endpoint = decodeListenEndpoint(text);
  if (endpoint === undefined) {
    const message = `listen "${text}" is not a port from 1 to 65535, address:port or [v6]:port`;
    throw new ConfigError("ERR_CONF_LISTEN", message, section.placeOf("listen"));
  }
  return endpoint;
}
