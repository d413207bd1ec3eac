/**
 * A publish at an edge, sent on to an origin: reads the publisher's own ring and writes its messages as they stand
 * there. The encoder is told Start only after the origin's. When an origin is lost the encoder stays; the next origin
 * gets everything from the last keyframe before that which was not read, headers first. An origin that gives signs of
 * what it has read is judged by them, another one by what its kernel takes.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import type {
  AttemptEnd,
  OriginAnswer,
  OriginQuestion,
  OriginTarget,
  UpstreamSettings,
} from "../../protocol/control/upstream.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { Confirmations } from "./confirmations.ts";
import { PushSource } from "./push-source.ts";
import { RtmpAttempt } from "./rtmp-attempt.ts";
import { attemptEnd, sendAll, type UpstreamSink } from "./upstream.ts";

/** The primary did not answer: asked again after this. */
const ASK_AGAIN_MS = 500;
/** Bytes given to the socket ahead of the kernel. */
const BACKLOG_BYTES = 256 * 1024;
/** An origin that gives no sign for this share of the stall limit may be lost: a ring that keeps more is asked for. */
const STUCK_SHARE = 0.4;
/** A ring always keeps as much behind what was read as comes in this share of the stall limit. */
const KEPT_SHARE = 0.5;
/** What a push asks of its shard. */
export interface EdgePushHost {
  /** Milliseconds, monotonic. */
  now(): number;
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  /** The running attempt's publish was accepted. */
  works(streamId: number): void;
}

/** The publisher whose stream is sent on. */
export interface EdgePushSink {
  /** An origin has said Start, for the first time. */
  accepted(): void;
  /** No origin takes it. */
  refused(status: string, description: string): void;
  /** It was accepted, and the hold ran out without an origin. */
  lost(detail: string): void;
}

/** What is sent on. */
export interface PushedStream {
  readonly streamId: number;
  /** Of the ring that will be attached. */
  readonly chunkSize: number;
  readonly upstream: UpstreamSettings;
}

/** One push. */
export class EdgePush implements UpstreamSink {
  readonly streamId: number;
  readonly #chunkSize: number;
  readonly #settings: UpstreamSettings;
  readonly #host: EdgePushHost;
  readonly #sink: EdgePushSink;
  #attempt: RtmpAttempt | undefined;
  /** The origin takes media. */
  #isReady = false;
  #isAccepted = false;
  #isClosed = false;
  #isAsking = false;
  #askAt = 0;
  /** Since when there is no origin. */
  #aloneSince: number;
  readonly #source = new PushSource();
  /** Of the attempt that takes media. */
  #confirmed: Confirmations | undefined;
  /** Begin of what the next origin gets, at the latest; undefined: at the cursor. */
  #replayFrom: number | undefined;
  #acknowledged = 0;
  /** Kernels had taken everything before it a moment ago. */
  #taken = 0;
  /** Times that the origin was too slow and media was left out. */
  skips = 0;

  constructor(what: PushedStream, host: EdgePushHost, sink: EdgePushSink) {
    this.streamId = what.streamId;
    this.#chunkSize = what.chunkSize;
    this.#settings = what.upstream;
    this.#host = host;
    this.#sink = sink;
    this.#aloneSince = host.now();
    this.#ask(null);
  }

  /** The publisher's ring, or the one that took its place. */
  attach(lease: RingLease): void {
    const by = this.#source.attach(lease);
    this.#confirmed?.shift(by);
    this.#taken = (this.#taken + by) | 0;
    if (this.#replayFrom !== undefined) {
      this.#replayFrom = (this.#replayFrom + by) | 0;
    }
  }

  /** The ring has grown. */
  advance(): void {
    const attempt = this.#attempt;
    if (attempt === undefined || !this.#isReady) {
      return;
    }
    while (attempt.backlogBytes < BACKLOG_BYTES && this.#source.hasMore) {
      const bytes = this.#source.collect(attempt.messageStream);
      if (bytes === null) {
        // Too slow: it goes on at the newest keyframe.
        this.skips += 1;
        sendAll(attempt, this.#source.skip());
        return;
      }
      attempt.sendWire(bytes);
      this.#noteSent(attempt);
    }
  }

  /** Every 100 ms: deadlines, pauses that are over, and the hold. */
  tick(now: number): void {
    if (this.#isClosed) {
      return;
    }
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      if (this.#isReady) {
        this.#noteProgress(attempt, now);
        this.advance();
        this.#markWhenDue(attempt, now);
      }
      attempt.tick(now);
    } else if (!this.#isAsking && now >= this.#askAt) {
      this.#ask(null);
    }
    if (!this.#isReady && now - this.#aloneSince > this.#settings.holdMs) {
      this.#giveUp();
    }
  }

  /** The publisher has left: what it sent goes out, then the connection ends. */
  close(): void {
    if (!this.#isClosed) {
      this.advance();
      this.#isClosed = true;
      this.#attempt?.close();
    }
  }

  // --- UpstreamSink ---

  ready(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) {
      return;
    }
    const now = this.#host.now();
    this.#isReady = true;
    attempt.clock.moved(now);
    this.#host.works(this.streamId);
    const isFirst = !this.#isAccepted;
    this.#isAccepted = true;
    if (!isFirst) {
      sendAll(attempt, this.#source.rewind(this.#replayFrom ?? this.#source.cursor));
      this.#replayFrom = undefined;
    }
    this.#taken = this.#source.cursor;
    const { sentBytes } = attempt;
    const start = { position: this.#source.cursor, sentBytes, now };
    this.#confirmed = new Confirmations(this.#settings.stallTimeoutMs, start);
    if (isFirst) {
      this.#sink.accepted();
    } else {
      this.advance();
    }
  }

  media(): void {
    // An origin sends none to a publisher.
  }

  readDone(): void {
    // As for media.
  }

  drained(): void {
    this.advance();
  }

  pong(value: number): void {
    this.#confirmed?.pong(value, this.#host.now());
  }

  acknowledged(bytes: number): void {
    this.#confirmed?.acknowledged(bytes, this.#attempt?.sentBytes ?? 0, this.#host.now());
  }

  ended(end: AttemptEnd): void {
    this.#attempt = undefined;
    if (this.#isClosed) {
      return;
    }
    if (this.#isReady) {
      const now = this.#host.now();
      this.#isReady = false;
      this.#aloneSince = now;
      this.#replayFrom = this.#readUpTo(now);
      this.#confirmed = undefined;
      this.#enlarge(this.#replayFrom);
    }
    if (!this.#isAccepted && end.fault === "refused") {
      // What the origin says no to, another one would not be right to take.
      const [status = "", ...words] = end.detail.split(" ");
      const isStatus = status.startsWith("NetStream.Publish.");
      this.#isClosed = true;
      this.#sink.refused(isStatus ? status : "NetStream.Publish.Failed", words.join(" "));
      return;
    }
    this.#ask(end);
  }

  // --- inside ---

  /** Up to where the origin has read, as far as can be known. */
  #readUpTo(now: number): number {
    const confirmed = this.#confirmed;
    return confirmed === undefined || confirmed.isSilent(now) ? this.#taken : confirmed.position;
  }

  /** Asks for a ring that can keep what may be needed again until the hold is over. */
  #enlarge(readUpTo: number): void {
    const { holdMs, stallTimeoutMs, holdBytes } = this.#settings;
    this.#source.keep(readUpTo, holdMs + stallTimeoutMs, holdBytes);
  }

  #noteSent(attempt: RtmpAttempt): void {
    const now = this.#host.now();
    if (this.#confirmed?.sent(attempt.sentBytes, now) === true) {
      this.#mark(attempt, this.#confirmed, now);
    }
  }

  #markWhenDue(attempt: RtmpAttempt, now: number): void {
    const confirmed = this.#confirmed;
    if (confirmed?.isMarkDue(now) === true) {
      this.#mark(attempt, confirmed, now);
      const { stallTimeoutMs, holdBytes } = this.#settings;
      this.#source.keep(this.#readUpTo(now), stallTimeoutMs * KEPT_SHARE, holdBytes);
    }
  }

  #mark(attempt: RtmpAttempt, confirmed: Confirmations, now: number): void {
    const ping = confirmed.mark(this.#source.cursor, attempt.sentBytes, now);
    if (ping !== 0) {
      attempt.ping(ping);
    }
  }

  #noteProgress(attempt: RtmpAttempt, now: number): void {
    const confirmed = this.#confirmed;
    const { acknowledgedBytes } = attempt;
    const isAllTaken = attempt.outstandingBytes === 0;
    if (isAllTaken) {
      this.#taken = this.#source.cursor;
    }
    if (confirmed?.hasAnswered === true) {
      attempt.clock.moved(confirmed.aliveAt(now));
    } else if (isAllTaken || acknowledgedBytes !== this.#acknowledged) {
      attempt.clock.moved(now);
    }
    this.#acknowledged = acknowledgedBytes;
    if (now - attempt.clock.since > this.#settings.stallTimeoutMs * STUCK_SHARE) {
      this.#enlarge(this.#readUpTo(now));
    }
  }

  #giveUp(): void {
    this.#isClosed = true;
    this.#attempt?.close();
    const text = `no origin for ${this.#settings.holdMs} ms`;
    if (this.#isAccepted) {
      this.#sink.lost(text);
    } else {
      this.#sink.refused("NetStream.Publish.Failed", text);
    }
  }

  #ask(last: AttemptEnd | null): void {
    this.#isAsking = true;
    const { streamId } = this;
    this.#host.nextOrigin({ streamId, pullId: 0, last, needsRing: false }).then(
      (answer) => this.#answered(answer),
      () => this.#answered({ kind: "wait", ms: ASK_AGAIN_MS, lease: null }),
    );
  }

  #answered(answer: OriginAnswer): void {
    this.#isAsking = false;
    if (this.#isClosed) {
      return;
    }
    if (answer.kind === "go") {
      this.#connect(answer.target);
    } else {
      this.#askAt = this.#host.now() + (answer.kind === "wait" ? answer.ms : ASK_AGAIN_MS);
    }
  }

  #connect(target: OriginTarget): void {
    try {
      this.#attempt = new RtmpAttempt("publish", {
        target: { ...target, chunkSize: this.#source.chunkSize ?? this.#chunkSize },
        settings: this.#settings,
        sink: this,
        now: () => this.#host.now(),
      });
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      this.ended(attemptEnd("refused", error.message, 0));
    }
  }
}
