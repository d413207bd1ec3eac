/**
 * The HTTP API on http_server's port: requests are handed to the primary by bounded calls. It answers all of them where
 * both have one port, as SRS does, and those few that SRS has on either port else.
 */
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import type { RefusalSink } from "../../protocol/control/refusal-counts.ts";
import { API_PATH_BYTES_MAX, API_QUERY_BYTES_MAX } from "../../protocol/limits.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import type { HttpService } from "./http-service.ts";

/** Requests that wait for the primary at a time. Reaction: answered with 503. */
const CALLS_MAX = 64;
const PATH = /^\/(api(\/|$)|metrics\/?$|rtc\/v1\/[a-z-]+\/?$|gb\/v1\/publish\/?$)/;

/** Who answers. */
export interface ApiServiceHost {
  /** null: the API has no such path here. @throws ControlError */
  api(question: ApiQuestion): Promise<ApiAnswer | null>;
}

/** Hands requests to the API on. */
export class ApiService implements HttpService {
  readonly #host: ApiServiceHost;
  readonly #refused: RefusalSink;
  #calls = 0;

  constructor(host: ApiServiceHost, refused: RefusalSink = () => undefined) {
    this.#host = host;
    this.#refused = refused;
  }

  take(request: HttpRequest, reply: HttpReply, next: () => void): void {
    const { path, query } = request;
    if (request.isUpgrade || !PATH.test(path)) {
      next();
    } else if (path.length > API_PATH_BYTES_MAX || query.length > API_QUERY_BYTES_MAX) {
      this.#refused("http_bad_request");
      reply.send(400, [], "");
    } else if (this.#calls >= CALLS_MAX) {
      this.#refused("http_busy");
      reply.send(503, [["Retry-After", "1"]], "");
    } else {
      void this.#ask(questionOf(request), reply, next);
    }
  }

  async #ask(question: ApiQuestion, reply: HttpReply, next: () => void): Promise<void> {
    this.#calls += 1;
    try {
      const answer = await this.#host.api(question);
      if (answer === null) {
        next();
      } else if (reply.isOpen) {
        reply.send(answer.status, Object.entries(answer.headers) as HeaderList, answer.body);
      }
    } catch {
      // The primary does not answer in time; it tells about that itself.
      this.#refused("http_no_answer");
      if (reply.isOpen) {
        reply.send(503, [["Retry-After", "1"]], "");
      }
    } finally {
      this.#calls -= 1;
    }
  }
}

/** No request to the API needs its body. */
function questionOf(request: HttpRequest): ApiQuestion {
  const { method, path, query, ip } = request;
  const header = (name: string): string => request.header(name);
  return {
    method,
    path,
    query,
    headers: {
      host: header("host"),
      origin: header("origin"),
      authorization: header("authorization"),
    },
    body: "",
    ip,
  };
}
