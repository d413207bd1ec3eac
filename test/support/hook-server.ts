/** A server of callbacks that notes what it is told and answers as it is bidden. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a callback is answered. */
export const HOOK_ANSWERS = [
  "0",
  "code 0",
  "code 1",
  "code text",
  "201",
  "204",
  "403",
  "500",
  "hang",
  "half",
  "garbage",
  "10 MB",
  "redirect",
  "reset",
] as const;
export type HookAnswer = (typeof HOOK_ANSWERS)[number];

/** What callbacks carry. */
export interface HookFields {
  readonly [name: string]: unknown;
  readonly action?: unknown;
  readonly client_id?: unknown;
  readonly cwd?: unknown;
  readonly duration?: unknown;
  readonly file?: unknown;
  readonly ip?: unknown;
  readonly m3u8?: unknown;
  readonly m3u8_url?: unknown;
  readonly pageUrl?: unknown;
  readonly param?: unknown;
  readonly recv_bytes?: unknown;
  readonly send_bytes?: unknown;
  readonly seq_no?: unknown;
  readonly stream_id?: unknown;
  readonly url?: unknown;
  readonly stream?: unknown;
  readonly tcUrl?: unknown;
}

/** A callback that came. */
export interface HookNote {
  readonly action: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** Of its JSON; empty without. */
  readonly fields: HookFields;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** By `performance.now()`. */
  readonly at: number;
}

const HUGE = Buffer.alloc(10 * 1024 * 1024, 0x20);

const REPLIES: Readonly<
  Record<Exclude<HookAnswer, "hang" | "half" | "reset">, readonly [number, string | Buffer]>
> = {
  "0": [200, "0"],
  "code 0": [200, '{"code":0,"data":null}'],
  "code 1": [200, '{"code":1}'],
  "code text": [200, '{"code":"0"}'],
  "201": [201, "0"],
  "204": [204, ""],
  "403": [403, "0"],
  "500": [500, "0"],
  garbage: [200, "<html>0</html>"],
  "10 MB": [200, HUGE],
  redirect: [302, "0"],
};

/** One on a free loopback port. */
export class HookServer {
  readonly notes: HookNote[] = [];
  /** By action, or by action and stream (`on_hls a`) where they differ; what is not named is answered with 0. */
  readonly answers: Map<string, HookAnswer | { readonly body: string }> = new Map();
  /** Before each answer, in milliseconds. */
  delayMs = 0;
  /** Requests that are not answered yet, and the most there were at one time. */
  open = 0;
  openMost = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#take(request, response));
    this.#server.on("connection", (socket) => socket.on("error", () => undefined));
  }

  static async start(): Promise<HookServer> {
    const server = new HookServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** URL of a callback. */
  url(action: string): string {
    return `http://127.0.0.1:${this.port}/${action}`;
  }

  /** The directives that name it for these actions. */
  directives(actions: readonly string[], more = ""): string {
    const urls = actions.map((action) => `${action} ${this.url(action)};`);
    return `http_hooks { enabled on; ${urls.join(" ")} ${more} }`;
  }

  /** Notes of one action, oldest first; of those that came again only the first. */
  of(action: string): HookNote[] {
    const keys = new Set<unknown>();
    return this.notes.filter((note) => {
      const key = note.headers["idempotency-key"];
      const isNew = note.action === action && !keys.has(key);
      keys.add(key);
      return isNew;
    });
  }

  /** Breaks all that are there. */
  closeConnections(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.closeConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.open += 1;
    this.openMost = Math.max(this.openMost, this.open);
    response.on("close", () => {
      this.open -= 1;
    });
    const parts: Buffer[] = [];
    request.on("error", () => undefined);
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("utf8");
      const url = request.url ?? "";
      const action = /^\/(\w+)/.exec(url)?.[1] ?? "";
      const fields = body === "" ? {} : (JSON.parse(body) as HookFields);
      const { method = "", headers } = request;
      this.notes.push({ action, method, url, fields, body, headers, at: performance.now() });
      const own = this.answers.get(`${action} ${String(fields.stream)}`);
      const answer = own ?? this.answers.get(action) ?? "0";
      setTimeout(() => this.#answer(answer, response), this.delayMs);
    });
  }

  #answer(answer: HookAnswer | { readonly body: string }, response: ServerResponse): void {
    if (typeof answer === "object") {
      response.end(answer.body);
      return;
    }
    if (answer === "hang") {
      return;
    }
    if (answer === "reset") {
      response.destroy();
      return;
    }
    if (answer === "half") {
      response.writeHead(200, { "content-length": "10" });
      response.write("0");
      return;
    }
    const [status, body] = REPLIES[answer];
    response.writeHead(status, status === 302 ? { location: this.url("elsewhere") } : {});
    response.end(body);
  }
}
