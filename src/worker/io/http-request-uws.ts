/**
 * Requests as uWebSockets.js gives them. The library's own is there until its handler returns: most requests are answered
 * by then, and of headers they need Host at most. All of them are copied only where somebody may still ask afterwards.
 */
import type * as uws from "uWebSockets.js";
import type { HttpRequest } from "./http-backend.ts";

/** One request, for as long as it is wanted. */
export class UwsRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly isSecure: boolean;
  readonly isUpgrade: boolean;
  /** The library's, until {@link keep} or {@link drop}. */
  #source: { readonly response: uws.HttpResponse; readonly request: uws.HttpRequest } | undefined;
  #host: string | undefined;
  #ip: string | undefined;
  #headers: ReadonlyMap<string, string> | undefined;

  constructor(
    response: uws.HttpResponse,
    request: uws.HttpRequest,
    about: { readonly isSecure: boolean; readonly isUpgrade: boolean },
  ) {
    this.method = request.getMethod().toUpperCase();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? "";
    this.isSecure = about.isSecure;
    this.isUpgrade = about.isUpgrade;
    this.#source = { response, request };
  }

  get ip(): string {
    const source = this.#source;
    this.#ip ??= source === undefined ? "" : addressOf(source.response);
    return this.#ip;
  }

  header(name: string): string {
    const source = this.#source;
    if (name === "host") {
      this.#host ??= source?.request.getHeader("host") ?? "";
      return this.#host;
    }
    if (this.#headers === undefined && source !== undefined) {
      this.#headers = headersOf(source.request);
    }
    return this.#headers?.get(name) ?? "";
  }

  /** The handler returns and somebody may still ask: all is copied. */
  keep(): void {
    const source = this.#source;
    if (source !== undefined) {
      this.#ip ??= addressOf(source.response);
      this.#host ??= source.request.getHeader("host");
      this.#headers ??= headersOf(source.request);
      this.#source = undefined;
    }
  }

  /** The handler returns and the request is answered: nobody asks any more. */
  drop(): void {
    this.#source = undefined;
  }
}

function headersOf(request: uws.HttpRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  request.forEach((name, value) => {
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  });
  return headers;
}

/** The peer's address. */
function addressOf(response: uws.HttpResponse): string {
  return plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString());
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
