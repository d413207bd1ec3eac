/** An HTTP server that gives a clip as a live HTTP-FLV stream, over and over in real time. */
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { encodeFlvHeader, encodeFlvTag } from "../../src/protocol/flv/tag.ts";
import type { Frame } from "./flv-file.ts";
import { isMedia, roundMsOf } from "./rtmp-peer.ts";

const TURN_MS = 10;

/** One such server. */
export class FlvOrigin {
  readonly #clip: readonly Frame[];
  readonly #server: Server;
  readonly #startedAt = performance.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Request lines and headers, as they came. */
  readonly requests: { readonly url: string; readonly path: string }[] = [];

  /** @param tls Key and certificate of an HTTPS server. */
  constructor(clip: readonly Frame[], tls?: { readonly key: string; readonly cert: string }) {
    this.#clip = clip;
    const answer: RequestListener = (request, response) => {
      const { "x-weir-path": path } = request.headers;
      this.requests.push({ url: request.url ?? "", path: String(path) });
      if (request.url?.startsWith("/live/missing.flv")) {
        response.writeHead(404).end("no such stream");
      } else {
        this.#serve(response);
      }
    };
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  }

  /** Begins to listen. @returns its port. */
  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) {
      clearInterval(timer);
    }
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(response: ServerResponse): void {
    const media = this.#clip.filter(isMedia);
    const roundMs = roundMsOf(this.#clip);
    response.writeHead(200, { "content-type": "video/x-flv", connection: "close" });
    response.write(encodeFlvHeader({ hasAudio: true, hasVideo: true }));
    for (const { type, payload } of this.#clip.filter((frame) => !isMedia(frame))) {
      response.write(encodeFlvTag({ type, timestamp: 0, payload }));
    }
    const elapsed = (): number => performance.now() - this.#startedAt;
    // A newcomer starts at the last keyframe, as at a server with a GOP cache.
    let next = this.#keyframeBefore(media, elapsed(), roundMs);
    const turn = (): void => {
      for (;;) {
        const frame = media[next % media.length];
        const due = (frame?.timestamp ?? 0) + Math.floor(next / media.length) * roundMs;
        if (frame === undefined || due > elapsed() || response.destroyed) {
          return;
        }
        response.write(encodeFlvTag({ type: frame.type, timestamp: due, payload: frame.payload }));
        next += 1;
      }
    };
    const timer = setInterval(turn, TURN_MS);
    this.#timers.add(timer);
    response.on("close", () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    });
    turn();
  }

  #keyframeBefore(media: readonly Frame[], elapsed: number, roundMs: number): number {
    const round = Math.floor(elapsed / roundMs);
    const within = elapsed - round * roundMs;
    let found = 0;
    for (const [index, frame] of media.entries()) {
      if (frame.kind === "key" && frame.timestamp <= within) {
        found = index;
      }
    }
    return round * media.length + found;
  }
}
