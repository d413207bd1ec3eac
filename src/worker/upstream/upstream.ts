/** An attempt at an origin as pulls and pushes see it, whatever the protocol. */
import type {
  AttemptEnd,
  AttemptFault,
  OriginTarget,
  UpstreamSettings,
} from "../../protocol/control/upstream.ts";
import type { Message } from "../../protocol/rtmp/message.ts";

/** Who made the attempt. */
export interface UpstreamSink {
  /** The origin has said Start. */
  ready(): void;
  /** One message of the pulled stream; its payload is **borrowed**. */
  media(message: Message): void;
  /** After the messages of one read. */
  readDone(): void;
  /** The connection takes bytes again. */
  drained(): void;
  /** The origin has read up to the ping of this number. */
  pong?(value: number): void;
  /** The origin says how many bytes it has read, modulo 2^32. */
  acknowledged?(bytes: number): void;
  /** The attempt is over; called once, and not after `close`. */
  ended(end: AttemptEnd): void;
}

/** What an attempt is made with. */
export interface AttemptOptions {
  readonly target: OriginTarget;
  readonly settings: UpstreamSettings;
  readonly sink: UpstreamSink;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Of a publish: says FCPublish and FCUnpublish too, as encoders do and SRS's edges do not. */
  readonly announces?: boolean;
}

/** A running attempt to pull. */
export interface PullAttempt {
  /** Every 100 ms: deadlines. */
  tick(now: number): void;
  pause(): void;
  resume(): void;
  /** Ends it without a word. */
  close(): void;
}

/** Makes an {@link AttemptEnd}; `detail` is cut. */
export function attemptEnd(
  fault: AttemptFault,
  detail: string,
  mediaMs: number,
  redirect?: AttemptEnd["redirect"],
): AttemptEnd {
  const end = { fault, detail: detail.slice(0, DETAIL_CHARACTERS_MAX), mediaMs };
  return redirect === undefined ? end : { ...end, redirect };
}

/** Sends messages, one after the other. */
export function sendAll(to: { send(message: Message): void }, messages: readonly Message[]): void {
  for (const message of messages) {
    to.send(message);
  }
}

/** What an origin says goes to the log: not all of it. */
const DETAIL_CHARACTERS_MAX = 120;
