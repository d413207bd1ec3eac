/** One GET over HTTP or HTTPS whose body is read as it comes. */
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";

/** What is asked for. */
export interface HttpDownloadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of HTTPS: the server's certificate is checked. */
  readonly tlsVerify: boolean;
}

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

  constructor({ url, headers, tlsVerify }: HttpDownloadRequest, sink: HttpDownloadSink) {
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
    const options = { headers, agent: false as const, rejectUnauthorized: tlsVerify };
    this.#request = open(url, options, (response) => {
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
