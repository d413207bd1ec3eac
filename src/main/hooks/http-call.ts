/**
 * One HTTP request with bounds: an absolute time, so many bytes of an answer, no redirect, no cookie, no decoding. The
 * connections stay open for the next one.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as requestPlain,
} from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { messageOf, TransportError } from "../../protocol/errors.ts";
import { Names } from "./names.ts";

/** A request. */
export interface HttpCall {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From now until the last byte of the answer. */
  readonly timeoutMs: number;
  /** Longer answers are none. */
  readonly replyBytesMax: number;
  /** Stop reading there instead, and take the answer for whole; its body is not kept. */
  readonly isCut: boolean;
  readonly tlsVerify: boolean;
}

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Idle connections kept to one server. */
const IDLE_SOCKETS_MAX = 16;
/** Servers close idle connections after some seconds: before that is better than in the middle of a request. */
const IDLE_MS = 4000;
const HEADER_BYTES_MAX = 16 * 1024;

/** Makes requests. */
export class HttpCaller {
  readonly #agents = new Map<string, PlainAgent>();
  readonly #running = new Set<ClientRequest>();
  readonly #names: Names;

  constructor(names: Names = new Names()) {
    this.#names = names;
  }

  /** @throws TransportError `ERR_HOOK_TIMEOUT`, `ERR_HOOK_REPLY` or `ERR_HOOK_CONNECTION` */
  async call(call: HttpCall): Promise<HttpAnswer> {
    const until = performance.now() + call.timeoutMs;
    try {
      return await this.#attempt(call, call.timeoutMs);
    } catch (error) {
      const leftMs = until - performance.now();
      // The server closed a kept connection just when it was used again: that is no answer of its own.
      if (!(error instanceof StaleConnection) || leftMs <= 0) {
        throw error instanceof StaleConnection ? error.reason : error;
      }
      return await this.#attempt(call, leftMs, true);
    }
  }

  /** Ends every request and connection. */
  close(): void {
    for (const request of this.#running) {
      request.destroy(new TransportError("ERR_HOOK_CLOSED", "the server stops"));
    }
    for (const agent of this.#agents.values()) {
      agent.destroy();
    }
  }

  #attempt(call: HttpCall, timeoutMs: number, isFresh: boolean = false): Promise<HttpAnswer> {
    return new Promise<HttpAnswer>((resolve, reject) => {
      const { method, headers } = call;
      const url = new URL(call.url);
      const isTls = url.protocol === "https:";
      const request = (isTls ? requestTls : requestPlain)(url, {
        method,
        agent: isFresh ? false : this.#agentOf(isTls, call.tlsVerify),
        rejectUnauthorized: call.tlsVerify,
        maxHeaderSize: HEADER_BYTES_MAX,
        lookup: this.#names.lookup,
        headers: {
          ...headers,
          ...(method === "POST" ? { "content-length": Buffer.byteLength(call.body) } : {}),
        },
      });
      this.#running.add(request);
      const wasUnheard = watchConnection(request);
      const timer = setTimeout(() => {
        request.destroy(
          new TransportError("ERR_HOOK_TIMEOUT", `no answer in ${call.timeoutMs} ms`),
        );
      }, timeoutMs);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#running.delete(request);
        finish();
      };
      request.on("response", (response) => {
        readBody(response, call).then(
          (body) => settle(() => resolve({ status: response.statusCode ?? 0, body })),
          (error: unknown) => {
            request.destroy();
            settle(() => reject(asTransport(error)));
          },
        );
      });
      request.on("error", (error) => {
        const reason = asTransport(error);
        const isStale = reason.code === "ERR_HOOK_CONNECTION" && wasUnheard();
        settle(() => reject(isStale ? new StaleConnection(reason) : reason));
      });
      request.end(method === "POST" ? call.body : undefined);
    });
  }

  #agentOf(isTls: boolean, tlsVerify: boolean): PlainAgent {
    const name = `${isTls} ${tlsVerify}`;
    let agent = this.#agents.get(name);
    if (agent === undefined) {
      const options = { keepAlive: true, maxFreeSockets: IDLE_SOCKETS_MAX, timeout: IDLE_MS };
      agent = isTls ? new TlsAgent(options) : new PlainAgent(options);
      this.#agents.set(name, agent);
    }
    return agent;
  }
}

/** The connection that was kept is gone. */
class StaleConnection extends Error {
  readonly reason: TransportError;

  constructor(reason: TransportError) {
    super(reason.message);
    this.name = "StaleConnection";
    this.reason = reason;
  }
}

/** @returns whether a kept connection ended without a byte for this request. */
function watchConnection(request: ClientRequest): () => boolean {
  let before = 0;
  request.on("socket", ({ bytesRead }) => {
    before = bytesRead;
  });
  return () => request.reusedSocket && request.socket?.bytesRead === before;
}

function asTransport(error: unknown): TransportError {
  if (error instanceof TransportError) {
    return error;
  }
  const text = messageOf(error);
  return new TransportError("ERR_HOOK_CONNECTION", text, error);
}

/** @throws TransportError when it is too long or cut short. */
function readBody(response: IncomingMessage, { replyBytesMax, isCut }: HttpCall): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const take = (part?: Buffer): void => {
      bytes += part?.length ?? 0;
      if (isCut) {
        // What it says makes no difference: it is read away, and no more of it than was asked for.
        if (bytes >= replyBytesMax) {
          response.destroy();
          resolve("");
        }
      } else if (bytes > replyBytesMax) {
        reject(new TransportError("ERR_HOOK_REPLY", `answer of more than ${replyBytesMax} bytes`));
      } else if (part !== undefined) {
        parts.push(part);
      }
    };
    response.on("data", take);
    response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
    response.on("error", reject);
    response.on("close", () => {
      if (!response.complete) {
        reject(new TransportError("ERR_HOOK_CONNECTION", "answer is cut short"));
      }
    });
    // Nothing may be asked for.
    take();
  });
}
