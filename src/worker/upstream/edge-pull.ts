/**
 * The duty to pull one stream: asks the primary for an origin, connects, and writes what comes into a ring as a
 * publisher does, until told to stop. When an origin is lost its ring ends and the next one's goes on with the time
 * line; players stay and start at its first keyframe.
 */
import type { RingLease, StreamSettings, TimelineEnd } from "../../protocol/control/calls.ts";
import type {
  AttemptEnd,
  OriginAnswer,
  OriginQuestion,
  OriginTarget,
  PullOrder,
} from "../../protocol/control/upstream.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { type Message, MessageType } from "../../protocol/rtmp/message.ts";
import type { LiveStream } from "../stream/live-stream.ts";
import type { NewStream, StreamOwner } from "../stream/live-streams.ts";
import { FlvAttempt } from "./flv-attempt.ts";
import { RtmpAttempt } from "./rtmp-attempt.ts";
import { attemptEnd, type PullAttempt, type UpstreamSink } from "./upstream.ts";

/** The primary did not answer: asked again after this. */
const ASK_AGAIN_MS = 1000;
/** Data messages kept until the stream is known to be there: metadata comes before media. */
const EARLY_MAX = 8;

/** What a pull asks of its shard. */
export interface EdgePullHost {
  /** Milliseconds, monotonic. */
  now(): number;
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  openStream(owner: StreamOwner, what: NewStream): LiveStream;
  closeStream(stream: LiveStream): TimelineEnd;
  /** A lease that is not used. */
  ringReleased(ringId: number): void;
  /** The running attempt brings media. */
  works(streamId: number): void;
  /** The pull is over. */
  ended(): void;
}

/** One pull. */
export class EdgePull implements UpstreamSink, StreamOwner {
  readonly pullId: number;
  readonly streamId: number;
  readonly #settings: StreamSettings;
  readonly #host: EdgePullHost;
  #previous: TimelineEnd | null;
  #lease: RingLease | undefined;
  #stream: LiveStream | undefined;
  #attempt: PullAttempt | undefined;
  #clock: RtmpAttempt["clock"] | undefined;
  #isAsking = false;
  #isStopped = false;
  #askAt = 0;
  #isPaused = false;
  /** **Owned**: data that came before any media. */
  readonly #early: Message[] = [];

  /** @param settings One object for all that works for the stream: a reload changes it in place. */
  constructor(order: PullOrder, settings: StreamSettings, host: EdgePullHost) {
    this.pullId = order.pullId;
    this.streamId = order.streamId;
    this.#previous = order.previous;
    this.#settings = settings;
    this.#host = host;
    this.#ask(null);
  }

  /** Every 100 ms: deadlines, and pauses that are over. */
  tick(now: number): void {
    if (this.#attempt !== undefined) {
      this.#attempt.tick(now);
    } else if (!this.#isAsking && now >= this.#askAt) {
      this.#ask(null);
    }
  }

  /** Ends the pull, its connection and its ring. */
  stop(): void {
    if (this.#isStopped) {
      return;
    }
    this.#isStopped = true;
    this.#attempt?.close();
    this.#closeStream();
    if (this.#lease !== undefined) {
      this.#host.ringReleased(this.#lease.ringId);
      this.#lease = undefined;
    }
    this.#host.ended();
  }

  ringInstalled(): void {
    if (this.#isPaused && this.#stream?.isFull === false) {
      this.#isPaused = false;
      this.#attempt?.resume();
    }
  }

  // --- UpstreamSink ---

  ready(): void {
    // Media says whether the stream is there.
  }

  media(message: Message): void {
    const { type } = message;
    if (type === MessageType.DataAmf0) {
      this.#data(message);
    } else if (type === MessageType.Audio || type === MessageType.Video) {
      if (this.#clock?.moved(this.#host.now()) === true) {
        this.#host.works(this.streamId);
      }
      this.#opened()?.append(message);
    }
  }

  readDone(): void {
    this.#stream?.flush();
    if (this.#stream?.isFull === true) {
      this.#isPaused = true;
      this.#attempt?.pause();
    }
  }

  drained(): void {
    // Nothing is sent but answers.
  }

  ended(end: AttemptEnd): void {
    this.#attempt = undefined;
    this.#clock = undefined;
    this.#isPaused = false;
    this.#early.length = 0;
    this.#closeStream();
    this.#ask(end);
  }

  // --- inside ---

  /** An origin talks of streams that it does not have as well: players would wait for one that seems to be live. */
  #data(message: Message): void {
    if (this.#stream !== undefined) {
      this.#stream.append(message);
    } else if (this.#early.length < EARLY_MAX) {
      this.#early.push({ ...message, payload: message.payload.slice() });
    }
  }

  #opened(): LiveStream | undefined {
    if (this.#stream === undefined && this.#lease !== undefined) {
      const { streamId } = this;
      const [settings, lease, previous] = [this.#settings, this.#lease, this.#previous];
      this.#lease = undefined;
      this.#stream = this.#host.openStream(this, { streamId, settings, lease, previous });
      for (const early of this.#early.splice(0)) {
        this.#stream.append(early);
      }
    }
    return this.#stream;
  }

  #closeStream(): void {
    if (this.#stream !== undefined) {
      this.#previous = this.#host.closeStream(this.#stream);
      this.#stream = undefined;
    }
  }

  #ask(last: AttemptEnd | null): void {
    this.#isAsking = true;
    const { streamId, pullId } = this;
    const needsRing = this.#lease === undefined;
    this.#host.nextOrigin({ streamId, pullId, last, needsRing }).then(
      (answer) => this.#answered(answer),
      () => this.#answered({ kind: "wait", ms: ASK_AGAIN_MS, lease: null }),
    );
  }

  #answered(answer: OriginAnswer): void {
    this.#isAsking = false;
    const lease = answer.kind === "stop" ? null : answer.lease;
    if (this.#isStopped) {
      if (lease !== null) {
        this.#host.ringReleased(lease.ringId);
      }
      return;
    }
    this.#lease ??= lease ?? undefined;
    if (answer.kind === "stop") {
      this.stop();
    } else if (answer.kind === "wait") {
      this.#askAt = this.#host.now() + answer.ms;
    } else {
      this.#connect(answer.target);
    }
  }

  #connect(target: OriginTarget): void {
    const { upstream } = this.#settings;
    if (upstream === null) {
      // No edge any more.
      this.stop();
      return;
    }
    const options = {
      target,
      settings: upstream,
      sink: this,
      now: (): number => this.#host.now(),
    };
    try {
      const attempt =
        target.protocol === "rtmp" ? new RtmpAttempt("play", options) : new FlvAttempt(options);
      this.#attempt = attempt;
      this.#clock = attempt.clock;
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      this.#ask(attemptEnd("refused", error.message, 0));
    }
  }
}
