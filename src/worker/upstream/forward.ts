/**
 * One destination of a stream (SRS: forward): reads the publisher's own ring and writes its messages as they stand there.
 * The publisher does not notice it: a destination that refuses, dies or hangs is tried again, one that is slow goes on at
 * the newest keyframe, and what it missed is gone. Edges, who may not lose anything, push otherwise: edge-push.ts.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import type { ForwardEvent, ForwardOrder } from "../../protocol/control/forward.ts";
import type { AttemptEnd, UpstreamSettings } from "../../protocol/control/upstream.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { PushSource } from "./push-source.ts";
import { RtmpAttempt } from "./rtmp-attempt.ts";
import { attemptEnd, sendAll, type UpstreamSink } from "./upstream.ts";

/** Bytes given to the socket ahead of the kernel. */
const BACKLOG_BYTES = 256 * 1024;
/** Pause before an attempt, doubled up to SRS's. */
const PAUSE_MIN_MS = 750;
const PAUSE_MAX_MS = 3000;
/** Up to so much of it more or less. */
const JITTER = 0.25;
/** A destination that took media for so long is tried again at once. */
const STABLE_MS = 10_000;

/** Limits of an attempt. SRS: 3 s to connect, 30 s for everything else. */
const FORWARD_LIMITS: UpstreamSettings = {
  connectTimeoutMs: 3000,
  replyTimeoutMs: 10_000,
  firstMediaTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
  holdMs: 0,
  holdBytes: 0,
};

/** What a forward asks of its shard. */
export interface ForwardHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  /** A destination further behind than this goes on at a keyframe. */
  queueLengthMs(): number;
  tell(event: ForwardEvent): void;
}

/** One forward, from the ring's opening on. */
export class Forward implements UpstreamSink {
  readonly #order: ForwardOrder;
  readonly #host: ForwardHost;
  readonly #source = new PushSource();
  #attempt: RtmpAttempt | undefined;
  #isClosed = false;
  /** The destination takes media. */
  #isReady = false;
  /** It has got the headers, and gets all that follows the cursor. */
  #isJoined = false;
  /** The first attempt begins where the publisher did, as far as the ring has it still; later ones at a keyframe. */
  #isFirst = true;
  #retryAt = 0;
  /** Pauses since the destination was well. */
  #step = 0;
  #acknowledged = 0;
  #skips = 0;

  constructor(order: ForwardOrder, lease: RingLease, host: ForwardHost) {
    this.#order = order;
    this.#host = host;
    this.#source.attach(lease);
    this.#connect();
  }

  /** The ring that took the place of the one before. */
  attach(lease: RingLease): void {
    this.#source.attach(lease);
  }

  /** The ring has grown. */
  advance(): void {
    const attempt = this.#attempt;
    if (attempt === undefined || !(this.#isReady && (this.#isJoined || this.#join(attempt)))) {
      return;
    }
    while (attempt.backlogBytes < BACKLOG_BYTES && this.#source.hasMore) {
      const bytes = this.#source.collect(attempt.messageStream);
      if (bytes === null) {
        // The writer has passed it.
        this.#skip(attempt);
        return;
      }
      attempt.sendWire(bytes);
    }
  }

  /** Every 100 ms: deadlines, pauses that are over, and destinations that lag. */
  tick(now: number): void {
    const attempt = this.#attempt;
    if (attempt === undefined) {
      if (!this.#isClosed && now >= this.#retryAt) {
        this.#connect();
      }
      return;
    }
    if (this.#isReady) {
      this.#noteProgress(attempt, now);
      const takesMore = this.#isJoined && attempt.backlogBytes < BACKLOG_BYTES;
      if (takesMore && this.#source.lagMs() > this.#host.queueLengthMs()) {
        this.#skip(attempt);
      }
      this.advance();
    }
    if (this.#skips > 0) {
      this.#host.tell({ kind: "skipped", times: this.#skips });
      this.#skips = 0;
    }
    attempt.tick(now);
  }

  /** Ends it: what was sent goes out, then the destination hears that it was all. Reads the ring no more. */
  close(): void {
    this.#isClosed = true;
    this.#attempt?.close();
    this.#attempt = undefined;
  }

  // --- UpstreamSink ---

  ready(): void {
    this.#isReady = true;
    this.#attempt?.clock.moved(this.#host.now());
    this.#host.tell({ kind: "works" });
    this.advance();
  }

  media(): void {
    // A destination sends none to a publisher.
  }

  readDone(): void {
    // As for media.
  }

  drained(): void {
    this.advance();
  }

  ended(end: AttemptEnd): void {
    this.#attempt = undefined;
    this.#isFirst = false;
    this.#isReady = false;
    this.#isJoined = false;
    this.#step = end.mediaMs >= STABLE_MS ? 0 : this.#step;
    this.#retryAt = this.#host.now() + pauseOf(this.#step, this.#host.random());
    this.#step += 1;
    this.#host.tell({ kind: "lost", end });
  }

  // --- inside ---

  /** Begins with the headers, before a keyframe. @returns false while there is none. */
  #join(attempt: RtmpAttempt): boolean {
    if (!this.#source.hasKeyframe) {
      return false;
    }
    this.#isJoined = true;
    const { cursor } = this.#source;
    sendAll(attempt, this.#isFirst ? this.#source.rewind(cursor) : this.#source.skip());
    return true;
  }

  /** Goes on at the newest keyframe, or at the next one: never back. */
  #skip(attempt: RtmpAttempt): void {
    if (this.#source.hasKeyframeAhead) {
      this.#skips += 1;
      sendAll(attempt, this.#source.skip());
    } else if (!this.#source.isThere) {
      this.#skips += 1;
      this.#isFirst = false;
      this.#isJoined = false;
    }
  }

  /** What its kernel takes is all that a destination need tell. */
  #noteProgress(attempt: RtmpAttempt, now: number): void {
    const { acknowledgedBytes } = attempt;
    if (attempt.outstandingBytes === 0 || acknowledgedBytes !== this.#acknowledged) {
      attempt.clock.moved(now);
    }
    this.#acknowledged = acknowledgedBytes;
  }

  #connect(): void {
    const { target } = this.#order;
    try {
      this.#attempt = new RtmpAttempt("publish", {
        target: { ...target, chunkSize: this.#source.chunkSize ?? target.chunkSize },
        settings: FORWARD_LIMITS,
        sink: this,
        now: () => this.#host.now(),
        announces: true,
      });
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      this.ended(attemptEnd("refused", error.message, 0));
    }
  }
}

function pauseOf(step: number, random: number): number {
  const pause = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(step, 10));
  return pause * (1 - JITTER + 2 * JITTER * random);
}
