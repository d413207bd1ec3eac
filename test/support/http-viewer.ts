/** A viewer by HTTP that keeps all that it gets. */
import { type ClientRequest, type IncomingHttpHeaders, request } from "node:http";
import { waitUntil } from "./scratch.ts";

/** One request, answered or not yet. Closed with the test process at the latest. */
export class HttpViewer {
  /** 0 before the answer begins. */
  status = 0;
  headers: IncomingHttpHeaders = {};
  /** The server ended the body in order, or the connection broke. */
  isOver = false;
  readonly #request: ClientRequest;
  readonly #parts: Buffer[] = [];
  #bytes = Buffer.alloc(0);

  constructor(url: string, method = "GET") {
    this.#request = request(url, { method, agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      response.on("data", (part: Buffer) => this.#parts.push(part));
      response.on("error", () => undefined);
      response.on("close", () => {
        this.isOver = true;
      });
    });
    this.#request.on("error", () => {
      this.isOver = true;
    });
    this.#request.end();
  }

  /** The body so far. */
  get bytes(): Buffer {
    if (this.#parts.length > 0) {
      this.#bytes = Buffer.concat([this.#bytes, ...this.#parts.splice(0)]);
    }
    return this.#bytes;
  }

  /** Waits for the head of the answer. */
  async answered(timeoutMs: number): Promise<this> {
    const isThere = (): boolean => this.status !== 0 || this.isOver;
    await waitUntil("the server answers", isThere, timeoutMs);
    return this;
  }

  /** Waits until the body is what is wanted. */
  async waitBody(
    what: string,
    isEnough: (bytes: Buffer) => boolean,
    timeoutMs: number,
  ): Promise<Buffer> {
    await waitUntil(what, () => isEnough(this.bytes), timeoutMs).catch((error: unknown) => {
      const text = `${String(error)}: status ${this.status}, ${this.bytes.length} bytes`;
      throw new Error(text, { cause: error });
    });
    return this.bytes;
  }

  close(): void {
    this.#request.destroy();
  }
}
