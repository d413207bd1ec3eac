/** Requests as uWebSockets.js gives them, copied: the library's own is gone when the handler returns. */
import type * as uws from "uWebSockets.js";
import type { HttpRequest } from "./http-backend.ts";

/** Copies a request. */
export function requestOf(
  response: uws.HttpResponse,
  request: uws.HttpRequest,
  isSecure: boolean,
  isUpgrade: boolean,
): HttpRequest {
  const headers = new Map<string, string>();
  request.forEach((name, value) => {
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery() ?? "",
    ip: plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString()),
    isSecure,
    isUpgrade,
    header: (name) => headers.get(name) ?? "",
  };
}

/** IPv4 peers of a socket for both show as mapped addresses, spelled out. */
function plainAddress(text: string): string {
  const mapped =
    /^0000:0000:0000:0000:0000:ffff:([0-9a-f]{2})([0-9a-f]{2}):([0-9a-f]{2})([0-9a-f]{2})$/;
  const parts = mapped.exec(text);
  return parts === null
    ? text
    : parts
        .slice(1)
        .map((part) => Number.parseInt(part, 16))
        .join(".");
}
