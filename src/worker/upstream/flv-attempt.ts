/** One pull from an origin by HTTP-FLV. */
import type { AttemptEnd, AttemptFault } from "../../protocol/control/upstream.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import { type FlvTag, FlvTagDecoder } from "../../protocol/flv/tag.ts";
import { ChunkStream, type Message, MessageType } from "../../protocol/rtmp/message.ts";
import { HttpDownload, type HttpDownloadSink } from "../io/http-download.ts";
import { AttemptClock } from "./attempt-clock.ts";
import { type AttemptOptions, attemptEnd, type PullAttempt } from "./upstream.ts";

/** Servers that a request has passed. */
const PATH_HEADER = "x-weir-path";
/** Of the schemes that a redirect may name. */
const PORTS: Readonly<Record<string, number | undefined>> = { "http:": 80, "https:": 443 };
/** Longest address that a redirect may name. */
const URL_CHARACTERS_MAX = 4096;
const LOOP_DETECTED = 508;

/** One attempt. */
export class FlvAttempt implements PullAttempt, HttpDownloadSink {
  readonly clock: AttemptClock;
  readonly #options: AttemptOptions;
  readonly #download: HttpDownload;
  readonly #decoder = new FlvTagDecoder();
  #isOver = false;

  /** @throws RejectedError when the URL cannot be. */
  constructor(options: AttemptOptions) {
    this.#options = options;
    this.clock = new AttemptClock(options.settings, options.now());
    const { target } = options;
    const headers = { "user-agent": "weir", [PATH_HEADER]: target.path };
    const { url, tlsVerify } = target;
    try {
      this.#download = new HttpDownload({ url, headers, tlsVerify }, this);
    } catch {
      throw new RejectedError("ERR_RTMP_URL", "", "The origin's URL cannot be.");
    }
  }

  tick(now: number): void {
    const fault = this.clock.overdue(now);
    if (fault !== undefined) {
      // Servers answer a request for a live stream with its first media: that none comes says nothing against them.
      const isWaiting = fault === "reply";
      this.#over(attemptEnd(isWaiting ? "no media" : fault, "timeout", this.clock.mediaMs));
    }
  }

  pause(): void {
    this.#download.pause();
  }

  resume(): void {
    this.#download.resume();
  }

  close(): void {
    this.#isOver = true;
    this.#download.destroy();
  }

  // --- HttpDownloadSink ---

  connected(): void {
    this.clock.connected(this.#options.now());
  }

  answered(status: number, location: string): void {
    if (this.#isOver) {
      return;
    }
    if (status === 200) {
      this.clock.ready(this.#options.now());
      this.#options.sink.ready();
      return;
    }
    const redirect = status >= 300 && status < 400 ? this.#redirect(location) : undefined;
    if (redirect === undefined) {
      this.#over(attemptEnd(faultOf(status), `HTTP ${status}`, 0));
    } else {
      this.#over(attemptEnd("redirect", `to ${redirect.host}:${redirect.port}`, 0, redirect));
    }
  }

  read(bytes: Uint8Array): void {
    if (this.#isOver) {
      return;
    }
    try {
      this.#decoder.push(bytes, this.#tags);
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#over(attemptEnd("garbage", error.code, this.clock.mediaMs));
      return;
    }
    this.#options.sink.readDone();
  }

  closed(error: Error | undefined): void {
    const { endFault, mediaMs } = this.clock;
    const isGarbage =
      error !== undefined && "code" in error && String(error.code).startsWith("HPE_");
    const fault = isGarbage ? "garbage" : endFault;
    this.#over(attemptEnd(fault, error?.message ?? "closed by origin", mediaMs));
  }

  readonly #tags = {
    tag: ({ type, timestamp, payload }: FlvTag): void => {
      if (payload.length > 0 && !this.#isOver) {
        this.#options.sink.media(messageOf(type, timestamp, payload));
      }
    },
  };

  /** Path and query are the redirect's own, as SRS takes them; names and passwords in it are not. */
  #redirect(location: string): { host: string; port: number; url: string } | undefined {
    let url: URL;
    try {
      url = new URL(location, this.#options.target.url);
    } catch {
      return undefined;
    }
    const port = PORTS[url.protocol];
    if (port === undefined || url.href.length > URL_CHARACTERS_MAX) {
      return undefined;
    }
    url.username = "";
    url.password = "";
    return {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? port : Number(url.port),
      url: url.href,
    };
  }

  #over(end: AttemptEnd): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#download.destroy();
      this.#options.sink.ended(end);
    }
  }
}

function messageOf(type: number, timestamp: number, payload: Uint8Array): Message {
  const chunkStreamId = type === MessageType.Audio ? ChunkStream.Audio : ChunkStream.Video;
  return { chunkStreamId, type, streamId: 1, timestamp, payload };
}

/** A server that has trouble is at fault itself; one that says no means the request. */
function faultOf(status: number): AttemptFault {
  if (status === 404) {
    return "not found";
  }
  return (status >= 400 && status < 500) || status === LOOP_DETECTED ? "refused" : "reply";
}
