/** Listening sockets by the addresses of a configuration. */
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { TransportError } from "../../protocol/errors.ts";
import { listenShared } from "./native.ts";

/** `1.2.3.4:1935`, `[::]:1935`, `*:1935`. */
export function addressOf({ host, port }: ListenEndpoint): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${name === "" ? "*" : name}:${port}`;
}

/** A socket that listens; others may listen on the same address. @throws TransportError that names the address */
export function listenOn(endpoint: ListenEndpoint): number {
  try {
    return listenShared(endpoint.host, endpoint.port);
  } catch (error) {
    if (!(error instanceof TransportError)) {
      throw error;
    }
    const text = `cannot listen on ${addressOf(endpoint)}: ${error.message}`;
    throw new TransportError(error.code, text, error);
  }
}
