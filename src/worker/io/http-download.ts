/** One GET over HTTP or HTTPS whose body is read as it comes. */
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";

/** Who uses the download. */
export interface HttpDownloadSink {
  connected(): void;
  /** Status line and headers. @param location Of a redirect, or "". */
  answered(status: number, location: string): void;
  /** Bytes of the body, **borrowed**. */
  read(bytes: Uint8Array): void;
  /** Nothing follows. */
  closed(error: Error | undefined): void;
}

/** One download. */
export class HttpDownload {
  readonly #request: ClientRequest;
  #response: IncomingMessage | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>>, sink: HttpDownloadSink) {
    let failure: Error | undefined;
    let isOver = false;
    const over = (): void => {
      if (!isOver) {
        isOver = true;
        sink.closed(failure);
      }
    };
    const fail = (error: Error): void => {
      failure = error;
    };
    const open = url.startsWith("https:") ? getSecurely : get;
    this.#request = open(url, { headers, agent: false }, (response) => {
      this.#response = response;
      response.on("error", fail);
      response.on("close", over);
      sink.answered(response.statusCode ?? 0, response.headers.location ?? "");
      response.on("data", (bytes: Buffer) => {
        // A plain array: `slice` of a Buffer would not copy.
        sink.read(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
      });
    });
    this.#request.on("socket", (socket) => {
      const event = url.startsWith("https:") ? "secureConnect" : "connect";
      socket.once(event, () => sink.connected());
    });
    this.#request.on("error", fail);
    this.#request.on("close", () => {
      // An answered request's end is its body's.
      if (this.#response === undefined) {
        over();
      }
    });
  }

  pause(): void {
    this.#response?.pause();
  }

  resume(): void {
    this.#response?.resume();
  }

  /** Closes at once. */
  destroy(): void {
    this.#request.destroy();
    this.#response?.destroy();
  }
}
