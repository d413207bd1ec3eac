/**
 * The HTTP API: from a request to its answer, wherever it came in. Spec: SRS compatibility §2: status 200 with a code
 * for errors of the API itself, an envelope around every answer, slashes at the end or not.
 */

import type { Config } from "../../protocol/conf/config.ts";
import type { ApiAuthConfig } from "../../protocol/conf/config-types.ts";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import { ControlError } from "../../protocol/errors.ts";
import { API_PATH_BYTES_MAX, API_QUERY_BYTES_MAX } from "../../protocol/limits.ts";
import type { Logger } from "../log/logger.ts";
import { ApiError } from "./api-error.ts";
import { type Credentials, challenge } from "./credentials.ts";
import { isOfForeignPage, mayForeignPageChange } from "./foreign-pages.ts";
import { encodeFields } from "./json-list.ts";
import type { PlainRoute, Route, RouteRequest } from "./route.ts";

const CALLBACK = /^[A-Za-z0-9_.-]{1,128}$/;
const OK = 200;
/** Characters of an Origin that a log line shows. */
const ORIGIN_SHOWN_MAX = 200;
/** Methods that any request may have. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]);

/** Who serves. */
export interface ApiHost {
  config(): Config;
  /** `server` of the envelope. */
  readonly serverId: string;
  /** `service` of the envelope: of this run. */
  readonly serviceId: string;
  readonly log: Logger;
  readonly credentials: Credentials;
}

/** Answers requests. */
export class Api {
  readonly #host: ApiHost;
  readonly #routes = new Map<string, Route | PlainRoute>();

  constructor(host: ApiHost, routes: readonly (Route | PlainRoute)[]) {
    this.#host = host;
    for (const route of routes) {
      this.#routes.set(route.path, route);
    }
  }

  /** True when one of the endpoints has the path, whatever its method. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** Never rejects. */
  async answer(question: ApiQuestion): Promise<ApiAnswer> {
    const { httpApi } = this.#host.config();
    const answer = await this.#answer(question);
    const isRead = httpApi.crossdomain && question.headers.origin !== "";
    const crossOrigin = mayChange(httpApi.auth, question, "DELETE") ? CROSS_ORIGIN : READ_ONLY;
    return {
      ...answer,
      headers: { ...answer.headers, ...COMMON, ...(isRead ? crossOrigin : {}) },
      body: question.method === "HEAD" ? "" : answer.body,
    };
  }

  async #answer(question: ApiQuestion): Promise<ApiAnswer> {
    const { path, query, method } = question;
    if (!path.startsWith("/") || tooLong(path, API_PATH_BYTES_MAX)) {
      return plain(400, "Bad request");
    }
    if (tooLong(query, API_QUERY_BYTES_MAX)) {
      return plain(400, "Bad request");
    }
    if (!METHODS.has(method)) {
      return notAllowed([...METHODS]);
    }
    if (method === "OPTIONS") {
      return plain(OK, "");
    }
    return this.#refusal(question) ?? (await this.#route(question));
  }

  /** What a client without the right credentials gets. */
  #refusal({ path, headers, ip }: ApiQuestion): ApiAnswer | undefined {
    const { httpApi, strict } = this.#host.config();
    if (!path.includes("/api/") && !strict) {
      return undefined;
    }
    const verdict = this.#host.credentials.check(httpApi.auth, headers.authorization, ip);
    if (verdict === "allowed") {
      return undefined;
    }
    if (verdict === "locked") {
      return { status: 429, headers: { "retry-after": "60" }, body: "" };
    }
    const refused = { "www-authenticate": challenge(httpApi.auth) };
    return { status: 401, headers: refused, body: "" };
  }

  async #route(question: ApiQuestion): Promise<ApiAnswer> {
    const found = this.#find(question.path);
    if (found === undefined) {
      return plain(404, "Not found");
    }
    const { route, id } = found;
    const query = new URLSearchParams(question.query);
    const callback = this.#host.config().httpApi.jsonp ? query.get("callback") : null;
    if (callback !== null && !CALLBACK.test(callback)) {
      return plain(400, "Bad request");
    }
    // A script cannot choose its method, and SRS's console has nothing else.
    const method = methodOf(question.method, callback === null ? null : query.get("method"));
    if (!route.methods.includes(method)) {
      return notAllowed(route.methods);
    }
    const who = this.#nameOf(question);
    const request: RouteRequest = { method, path: question.path, query, id, who, question };
    // Scripts of other hosts are what `jsonp on;` asks for.
    if (callback === null && !this.#isPermitted(route, request)) {
      return plain(403, "Pages of other hosts may not change anything here\n");
    }
    if ("reply" in route) {
      const reply = route.reply(request);
      return { ...reply, headers: { "content-type": route.type, ...reply.headers } };
    }
    return this.#json(callback, await this.#fields(route, request));
  }

  #isPermitted(route: Route | PlainRoute, request: RouteRequest): boolean {
    const { method, question, who } = request;
    const isChange = method === "DELETE" || ("changes" in route && route.changes?.(request));
    const { auth } = this.#host.config().httpApi;
    if (!isChange || mayChange(auth, question, method)) {
      return true;
    }
    const page = question.headers.origin.slice(0, ORIGIN_SHOWN_MAX);
    this.#host.log.info("api", `refused: ${method} of a page of another host (${page}), ${who}`);
    return false;
  }

  /** Who asks, for the log. */
  #nameOf({ ip }: ApiQuestion): string {
    const { enabled, type, username } = this.#host.config().httpApi.auth;
    return enabled && type === "basic" ? `ip=${ip}, user=${username}` : `ip=${ip}`;
  }

  #find(path: string): { route: Route | PlainRoute; id: string } | undefined {
    const plainPath = path.length > 1 ? path.replace(/\/$/, "") : path;
    const exact = this.#routes.get(plainPath);
    if (exact !== undefined) {
      return { route: exact, id: "" };
    }
    const slash = plainPath.lastIndexOf("/");
    const route = this.#routes.get(`${plainPath.slice(0, slash)}/{id}`);
    return route === undefined ? undefined : { route, id: plainPath.slice(slash + 1) };
  }

  /** Errors are as short as SRS's: neither a path nor a stack leaves the server. */
  async #fields(route: Route, request: RouteRequest): Promise<object> {
    try {
      const { serverId: server, serviceId: service } = this.#host;
      const fields = await route.answer(request);
      return { code: 0, server, service, pid: String(process.pid), ...fields };
    } catch (error) {
      if (error instanceof ApiError) {
        return { code: error.number, ...error.fields };
      }
      if (error instanceof ControlError) {
        this.#host.log.warn("api", `${route.path}: ${error.message}`, error.code);
        return { code: 1 };
      }
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#host.log.error("api", `${route.path}: ${text}`, "ERR_API");
      return { code: 1 };
    }
  }

  #json(callback: string | null, fields: object): ApiAnswer {
    const text = encodeFields(fields);
    return callback === null
      ? { status: OK, headers: { "content-type": "application/json" }, body: text }
      : {
          status: OK,
          headers: { "content-type": "text/javascript" },
          body: `${callback}(${text})`,
        };
  }
}

const COMMON: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

const CROSS_ORIGIN: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "*",
  // The asterisk does not stand for it.
  "access-control-allow-headers": "*, Authorization",
  "access-control-expose-headers": "*",
};

/** What pages of other hosts get where they may not change anything. */
const READ_ONLY: Readonly<Record<string, string>> = {
  ...CROSS_ORIGIN,
  "access-control-allow-methods": "GET, HEAD, OPTIONS",
};

function mayChange(auth: ApiAuthConfig, question: ApiQuestion, method: string): boolean {
  return !isOfForeignPage(question) || mayForeignPageChange(auth, method);
}

function plain(status: number, body: string): ApiAnswer {
  return { status, headers: { "content-type": "text/plain" }, body };
}

function notAllowed(methods: readonly string[]): ApiAnswer {
  const allow = [...methods, "HEAD", "OPTIONS"].join(", ");
  return { status: 405, headers: { "content-type": "text/plain", allow }, body: "Not allowed" };
}

function methodOf(method: string, instead: string | null): string {
  return instead ?? (method === "HEAD" ? "GET" : method);
}

function tooLong(text: string, bytesMax: number): boolean {
  return text.length > bytesMax || Buffer.byteLength(text) > bytesMax;
}
