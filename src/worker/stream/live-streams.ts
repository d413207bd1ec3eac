/** The live streams that a shard writes: who fills each, the rings they ask for, and who is woken. */
import type {
  FromShard,
  RingLease,
  StreamSettings,
  TimelineEnd,
} from "../../protocol/control/calls.ts";
import type { RingWriter } from "../../protocol/ring/ring-writer.ts";
import { LiveStream, type LiveStreamHost } from "./live-stream.ts";
import type { StreamTracks } from "./stream-figures.ts";

/** A stream that the primary has admitted. */
export interface NewStream {
  readonly streamId: number;
  readonly settings: StreamSettings;
  readonly lease: RingLease;
  /** The end of the time line to go on from. */
  readonly previous: TimelineEnd | null;
}

/** Who fills a stream. */
export interface StreamOwner {
  /** The larger ring is there: what waited is written and reading may go on. */
  ringInstalled(): void;
}

/** What the streams ask of their shard. */
export interface LiveStreamsHost {
  /** Milliseconds, monotonic. */
  now(): number;
  leaseRing(streamId: number, wrapBytes: number): Promise<RingLease | null>;
  post(message: FromShard): void;
  /** A ring that this shard's own readers use from now on. */
  ringOpened(streamId: number, lease: RingLease): void;
  /** Wakes readers here and elsewhere. */
  wake(streamId: number, writer: RingWriter): void;
}

/** All live streams of a shard. */
export class LiveStreams implements LiveStreamHost {
  readonly #host: LiveStreamsHost;
  readonly #owners = new Map<LiveStream, StreamOwner>();
  /** By stream. */
  readonly #rings = new Map<number, RingLease>();

  constructor(host: LiveStreamsHost) {
    this.#host = host;
  }

  /** How many there are. */
  get size(): number {
    return this.#owners.size;
  }

  /** The ring that a stream is written to; undefined while nobody publishes it here. */
  ringOf(streamId: number): RingLease | undefined {
    return this.#rings.get(streamId);
  }

  /** Begins to write a stream. */
  open(owner: StreamOwner, what: NewStream): LiveStream {
    const stream = new LiveStream({ ...what, host: this });
    this.#owners.set(stream, owner);
    return stream;
  }

  /** Ends a stream; its players stay. @returns where its time line stands. */
  close(stream: LiveStream): TimelineEnd {
    this.#owners.delete(stream);
    this.#rings.delete(stream.streamId);
    const end = stream.end();
    const { streamId, writer, figures } = stream;
    this.#host.post({ kind: "ring-ended", streamId, ringId: writer.id, end, figures });
    return end;
  }

  // --- LiveStreamHost ---

  now(): number {
    return this.#host.now();
  }

  requestRing(stream: LiveStream, wrapBytes: number): void {
    this.#host.leaseRing(stream.streamId, wrapBytes).then(
      (lease) => this.#install(stream, lease),
      () => this.#install(stream, null),
    );
  }

  ringOpened(stream: LiveStream, lease: RingLease): void {
    this.#rings.set(stream.streamId, lease);
    this.#host.post({ kind: "ring-opened", streamId: stream.streamId, lease });
    // The primary counts a second lease for this shard's players.
    this.#host.ringOpened(stream.streamId, lease);
  }

  ringClosed(lease: RingLease): void {
    // The writer's own hold; players of this shard hold it on their own account.
    this.#host.post({ kind: "ring-released", ringId: lease.ringId });
  }

  described({ streamId }: LiveStream, { video, audio }: StreamTracks): void {
    this.#host.post({ kind: "stream-info", streamId, video, audio });
  }

  wake(stream: LiveStream, writer: RingWriter): void {
    this.#host.wake(stream.streamId, writer);
  }

  #install(stream: LiveStream, lease: RingLease | null): void {
    const owner = this.#owners.get(stream);
    if (owner !== undefined) {
      stream.installRing(lease);
      owner.ringInstalled();
    } else if (lease !== null) {
      this.ringClosed(lease);
    }
  }
}
