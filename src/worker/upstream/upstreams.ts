/** All upstream connections of a shard: pulls and forwards by order of the primary, pushes by its publishers. */
import type { RingLease, StreamSettings, TimelineEnd } from "../../protocol/control/calls.ts";
import type {
  OriginAnswer,
  OriginQuestion,
  PullOrder,
  UpstreamSettings,
} from "../../protocol/control/upstream.ts";
import type { LiveStream } from "../stream/live-stream.ts";
import type { NewStream, StreamOwner } from "../stream/live-streams.ts";
import { EdgePull } from "./edge-pull.ts";
import { EdgePush, type EdgePushSink } from "./edge-push.ts";
import { Forwards, type ForwardsHost } from "./forwards.ts";

/** What upstream connections ask of their shard. */
export interface UpstreamsHost extends ForwardsHost {
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  openStream(owner: StreamOwner, what: NewStream): LiveStream;
  closeStream(stream: LiveStream): TimelineEnd;
}

/** A shard's pulls, pushes and forwards. */
export class Upstreams {
  readonly #host: UpstreamsHost;
  readonly forwards: Forwards;
  readonly #pulls = new Map<number, EdgePull>();
  /** By stream: one publisher has it. */
  readonly #pushes = new Map<number, EdgePush>();

  constructor(host: UpstreamsHost) {
    this.#host = host;
    this.forwards = new Forwards(host);
  }

  /** Takes the duty to pull. */
  pull(order: PullOrder, settings: StreamSettings | undefined): void {
    const { pullId, streamId } = order;
    if (settings?.upstream == null) {
      this.#host.post({ kind: "pull-ended", pullId, streamId });
      return;
    }
    const pull = new EdgePull(order, settings, {
      now: () => this.#host.now(),
      nextOrigin: (question) => this.#host.nextOrigin(question),
      openStream: (owner, what) => this.#host.openStream(owner, what),
      closeStream: (stream) => this.#host.closeStream(stream),
      ringReleased: (ringId) => this.#host.post({ kind: "ring-released", ringId }),
      works: (id) => this.#host.post({ kind: "upstream-works", streamId: id }),
      ended: () => {
        this.#pulls.delete(pullId);
        this.#host.post({ kind: "pull-ended", pullId, streamId });
      },
    });
    this.#pulls.set(pullId, pull);
  }

  /** Ends a pull, if it still runs. */
  stopPull(pullId: number): void {
    this.#pulls.get(pullId)?.stop();
  }

  /** Sends a publisher's stream on; it is told when an origin has accepted. */
  push(
    { streamId, settings }: NewStream,
    upstream: UpstreamSettings,
    sink: EdgePushSink,
  ): EdgePush {
    const { chunkSize } = settings;
    const push = new EdgePush(
      { streamId, chunkSize, upstream },
      {
        now: () => this.#host.now(),
        nextOrigin: (question) => this.#host.nextOrigin(question),
        works: (id) => this.#host.post({ kind: "upstream-works", streamId: id }),
      },
      sink,
    );
    this.#pushes.set(streamId, push);
    return push;
  }

  /** A publisher has left its stream. */
  endPush(push: EdgePush): void {
    push.close();
    if (this.#pushes.get(push.streamId) === push) {
      this.#pushes.delete(push.streamId);
    }
  }

  /** A stream's ring is another one from now on. */
  ringOpened(streamId: number, lease: RingLease): void {
    this.#pushes.get(streamId)?.attach(lease);
    this.forwards.ringOpened(streamId, lease);
  }

  /** A stream's ring has grown. */
  wake(streamId: number): void {
    this.#pushes.get(streamId)?.advance();
    this.forwards.wake(streamId);
  }

  /** Every 100 ms. */
  tick(now: number): void {
    for (const pull of this.#pulls.values()) {
      pull.tick(now);
    }
    for (const push of this.#pushes.values()) {
      push.tick(now);
    }
    this.forwards.tick(now);
  }

  /** Ends all. */
  stop(): void {
    for (const pull of [...this.#pulls.values()]) {
      pull.stop();
    }
    for (const push of [...this.#pushes.values()]) {
      this.endPush(push);
    }
    this.forwards.stop();
  }
}
