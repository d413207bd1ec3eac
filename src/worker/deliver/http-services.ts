/** The services of a gateway in their order, and what is answered where none of them does. */
import type { RefusalSink } from "../../protocol/control/refusal-counts.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import type { HttpService } from "./http-service.ts";

const CORS: HeaderList = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"],
  ["Access-Control-Allow-Headers", "*"],
];
const ALLOWED = "GET, HEAD, OPTIONS";

/** Headers of every answer. @param crossdomain Pages of other origins may read it. */
export function corsHeaders(crossdomain: boolean): HeaderList {
  return crossdomain ? CORS : [];
}

/** Offers requests to services, first to last. */
export class HttpServices {
  readonly #services: readonly HttpService[];
  readonly #cors: HeaderList;
  readonly #preflight: HttpService | null;
  readonly #refused: RefusalSink;

  /** @param preflight Answers OPTIONS of its own paths. */
  constructor(
    services: readonly HttpService[],
    cors: HeaderList,
    preflight: HttpService | null = null,
    refused: RefusalSink = () => undefined,
  ) {
    this.#services = services;
    this.#cors = cors;
    this.#preflight = preflight;
    this.#refused = refused;
  }

  /** Answers one request, now or later. */
  take(request: HttpRequest, reply: HttpReply): void {
    if (request.method !== "OPTIONS") {
      this.#offer(0, request, reply);
    } else if (this.#preflight === null) {
      this.#answerOptions(reply);
    } else {
      this.#preflight.take(request, reply, () => this.#answerOptions(reply));
    }
  }

  #answerOptions(reply: HttpReply): void {
    if (reply.isOpen) {
      reply.send(204, this.#cors, "");
    }
  }

  #offer(index: number, request: HttpRequest, reply: HttpReply): void {
    // A service may hand on much later: nobody works for a client that left meanwhile.
    if (!reply.isOpen) {
      return;
    }
    const service = this.#services[index];
    if (service === undefined) {
      this.#decline(request.method, reply);
    } else {
      service.take(request, reply, () => this.#offer(index + 1, request, reply));
    }
  }

  #decline(method: string, reply: HttpReply): void {
    const headers: HeaderList = [...this.#cors, ["Content-Type", "text/plain"]];
    if (method === "GET" || method === "HEAD") {
      this.#refused("http_not_found");
      reply.send(404, headers, "Not found\n");
    } else {
      this.#refused("http_bad_method");
      reply.send(405, [...headers, ["Allow", ALLOWED]], "Method not allowed\n");
    }
  }
}
