/** One RTMP connection to an origin, to play or to publish there. */
import type { AmfObject, AmfValue } from "../../protocol/amf/amf-value.ts";
import { amfEntries } from "../../protocol/amf/amf-value.ts";
import type { AttemptEnd, AttemptFault, OriginTarget } from "../../protocol/control/upstream.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import { ClientSession, type ClientSessionSink } from "../../protocol/rtmp/client-session.ts";
import type { Message } from "../../protocol/rtmp/message.ts";
import { parseRtmpUrl, type RtmpTarget } from "../../protocol/rtmp/stream-url.ts";
import { UpstreamSocket, type UpstreamSocketSink } from "../io/upstream-socket.ts";
import { sessionHost } from "../session/session-host.ts";
import { AttemptClock } from "./attempt-clock.ts";
import {
  type AttemptOptions,
  attemptEnd,
  type PullAttempt,
  type UpstreamSink,
} from "./upstream.ts";

const NOT_FOUND_CODES: ReadonlySet<string> = new Set([
  "NetStream.Play.StreamNotFound",
  "NetStream.Play.FileNotFound",
]);
/** Acknowledgement window of a push: what an origin has read is to be known soon. */
const PUSH_WINDOW_BYTES = 64 * 1024;
/** How SRS's edges name themselves. */
const SIGNATURE = "SRS";

/** One attempt. */
export class RtmpAttempt implements PullAttempt, ClientSessionSink, UpstreamSocketSink {
  readonly clock: AttemptClock;
  readonly #target: RtmpTarget;
  readonly #options: AttemptOptions;
  readonly #mode: "publish" | "play";
  readonly #socket: UpstreamSocket;
  readonly #sink: UpstreamSink;
  #session: ClientSession | undefined;
  /** The last thing that the origin said no with. */
  #refusal: { readonly fault: AttemptFault; readonly detail: string } | undefined;
  #isOver = false;

  /** @throws RejectedError when the URL cannot be. */
  constructor(mode: "publish" | "play", options: AttemptOptions) {
    this.#mode = mode;
    this.#options = options;
    this.#sink = options.sink;
    this.clock = new AttemptClock(options.settings, options.now());
    this.#target = parseRtmpUrl(options.target.url);
    const { schema, host, port } = this.#target;
    const tls = schema === "rtmps" ? { isVerified: options.target.tlsVerify } : null;
    this.#socket = new UpstreamSocket({ host, port, tls }, this);
  }

  /** The message stream that the origin gave. */
  get messageStream(): number {
    return this.#session?.streamId ?? 0;
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.backlogBytes;
  }

  /** Bytes that the origin has not acknowledged yet. */
  get outstandingBytes(): number {
    return this.#socket.outstandingBytes;
  }

  /** Bytes that it has. */
  get acknowledgedBytes(): number {
    return this.#socket.acknowledgedBytes;
  }

  /** Bytes given to the connection so far, from its first one. */
  get sentBytes(): number {
    return this.#socket.sentBytes;
  }

  /** Asks for a sign that all this was read. */
  ping(value: number): void {
    this.#session?.ping(value, this);
  }

  tick(now: number): void {
    const fault = this.clock.overdue(now);
    if (fault !== undefined) {
      this.#over(attemptEnd(fault, "timeout", this.clock.mediaMs));
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#session === undefined) {
      // There is no connection yet that could be told.
      this.#socket.destroy();
      return;
    }
    this.#session.close(this);
    this.#socket.end();
  }

  /** Sends one message of the published stream. */
  send(message: Message): void {
    this.#session?.sendMedia(message, this);
  }

  /** Sends messages in wire form, on {@link messageStream}. **Owned** by the connection from now on. */
  sendWire(bytes: Uint8Array): void {
    this.#socket.writeOwned(bytes);
  }

  // --- UpstreamSocketSink ---

  connected(): void {
    const { now, settings, target } = this.#options;
    this.clock.connected(now());
    if (this.#mode === "publish") {
      this.#socket.limitSilence(settings.stallTimeoutMs);
    }
    this.#session = new ClientSession(sessionHost, {
      url: this.#target,
      mode: this.#mode,
      chunkSizeOut: target.chunkSize,
      ...(this.#mode === "publish" ? { windowAckSizeOut: PUSH_WINDOW_BYTES } : {}),
      announce: this.#options.announces ?? false,
      connectArgs: [identityOf(target, this.#target.tcUrl, this.#socket.localIp)],
    });
    this.#session.start(this);
  }

  read(bytes: Uint8Array): void {
    if (this.#isOver || this.#session === undefined) {
      return;
    }
    this.clock.heard(this.#options.now());
    try {
      this.#session.push(bytes, this);
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RejectedError)) {
        throw error;
      }
      this.#over(attemptEnd("garbage", error.code, this.clock.mediaMs));
      return;
    }
    this.#sink.readDone();
  }

  drained(): void {
    if (!this.#isOver) {
      this.#sink.drained();
    }
  }

  // --- both sinks: the socket's end and the dialogue's ---

  closed(reason: string | Error | undefined): void {
    const { mediaMs, endFault } = this.clock;
    const text = reason instanceof Error ? reason.message : (reason ?? "closed by origin");
    const { fault, detail } = this.#refusal ?? { fault: endFault, detail: text };
    this.#over(attemptEnd(fault, detail, mediaMs));
  }

  // --- ClientSessionSink ---

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  ready(): void {
    this.clock.ready(this.#options.now());
    // Some servers do not know releaseStream or FCPublish and say so: that was none.
    this.#refusal = undefined;
    this.#sink.ready();
  }

  media(message: Message): void {
    if (!this.#isOver) {
      this.#sink.media(message);
    }
  }

  pong(value: number): void {
    this.#sink.pong?.(value);
  }

  acknowledged(bytes: number): void {
    this.#sink.acknowledged?.(bytes);
  }

  status(level: string, code: string, description: string, info: AmfObject): void {
    if (level !== "error") {
      return;
    }
    const redirect = redirectOf(info);
    if (redirect !== undefined) {
      const to = `to ${redirect.host}:${redirect.port}`;
      this.#over(attemptEnd("redirect", to, this.clock.mediaMs, redirect));
      return;
    }
    const fault = NOT_FOUND_CODES.has(code) ? "not found" : "refused";
    this.#refusal = { fault, detail: `${code} ${description}` };
  }

  #over(end: AttemptEnd): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#socket.destroy();
      this.#sink.ended(end);
    }
  }
}

/** The argument after the connect object by which SRS's origins know who asks, with weir's path in it. */
function identityOf(target: OriginTarget, tcUrl: string, localIp: string): AmfObject {
  const { identity, path } = target;
  const entries: [string, AmfValue][] = [["weir_path", path]];
  if (identity !== null) {
    entries.unshift(
      ["srs_sig", SIGNATURE],
      ["srs_server", identity.server],
      ["srs_license", "MIT"],
      ["srs_url", tcUrl],
      ["srs_version", identity.version],
      ["srs_pid", identity.pid],
      ["srs_id", identity.id],
      ["srs_server_ip", localIp],
    );
  }
  return new Map(entries);
}

function redirectOf(info: AmfObject): { host: string; port: number } | undefined {
  const extra = amfEntries(info.get("ex"));
  const url = extra?.get("redirect2") ?? extra?.get("redirect");
  if (typeof url !== "string") {
    return undefined;
  }
  try {
    const { host, port } = parseRtmpUrl(url);
    return { host, port };
  } catch (error) {
    if (error instanceof RejectedError) {
      return undefined;
    }
    throw error;
  }
}
