/** Listening sockets by the addresses of a configuration. */
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import { TransportError } from "../../protocol/errors.ts";
import { isNative, listenShared } from "./native.ts";
import { plainListening } from "./plain-sockets.ts";

/**
 * A socket that listens; others may listen on the same address. Without koffi it does so a moment later, and nobody else
 * may: see {@link whenListening}. @throws TransportError that names the address
 */
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

/** All that were opened by now do listen. @throws TransportError that names an address that cannot be had */
export async function whenListening(): Promise<void> {
  if (!isNative) {
    await plainListening();
  }
}
