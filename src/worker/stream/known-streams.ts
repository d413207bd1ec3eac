/** The streams that a thread knows by the primary's news and answers. */
import type {
  ForgetStream,
  RingLease,
  RingNews,
  StreamNews,
} from "../../protocol/control/calls.ts";

/** A stream as a thread serves it. */
export interface KnownStream {
  /** Of the news by which it is known. */
  announcement: number;
  /** Times that slow players were moved to a keyframe. */
  readonly skips: number;
  /** Somebody is to have each frame at once; else a tick's delay is nothing beside the merging. */
  readonly isHurried: boolean;
  /** A ring to read from now on. */
  openRing(lease: RingLease): void;
  /** The rings may have moved. */
  advance(): void;
  /** Every 10 ms, while somebody is served. */
  tick(): void;
  /** Every second. */
  tickSlow(): void;
  /** Lets go of what it holds. */
  close(): void;
}

/** An announcement, by news or by an answer. */
export type Announced = Omit<StreamNews, "kind">;

/** What streams are made and let go with. */
export interface KnownStreamsHost<Stream> {
  open(announced: Announced): Stream;
  /** The thread holds no view of the ring any more. */
  ringReleased(ringId: number): void;
}

/** Streams by directory number. */
export class KnownStreams<Stream extends KnownStream> {
  readonly #host: KnownStreamsHost<Stream>;
  readonly #streams = new Map<number, Stream>();

  constructor(host: KnownStreamsHost<Stream>) {
    this.#host = host;
  }

  find(streamId: number): Stream | undefined {
    return this.#streams.get(streamId);
  }

  /** Takes news of the primary. */
  take(news: StreamNews | RingNews | ForgetStream): void {
    if (news.kind === "stream") {
      this.learn(news);
    } else if (news.kind === "forget") {
      this.#forget(news);
    } else if (news.lease !== null) {
      this.openRing(news.streamId, news.lease);
    }
  }

  /** Makes a stream known, if it is not. */
  learn(announced: Announced): Stream {
    const { streamId, announcement } = announced;
    let stream = this.#streams.get(streamId);
    if (stream === undefined) {
      stream = this.#host.open(announced);
      this.#streams.set(streamId, stream);
    }
    stream.announcement = Math.max(stream.announcement, announcement);
    return stream;
  }

  /** A ring that is read from now on. Every lease is used or let go. */
  openRing(streamId: number, lease: RingLease): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#host.ringReleased(lease.ringId);
    } else {
      stream.openRing(lease);
    }
  }

  /** Somebody is to have frames at once. */
  get isHurried(): boolean {
    for (const stream of this.#streams.values()) {
      if (stream.isHurried) {
        return true;
      }
    }
    return false;
  }

  /** Rings may have moved. */
  advance(): void {
    for (const stream of this.#streams.values()) {
      stream.advance();
    }
  }

  /** Every 10 ms, while somebody is served. */
  tick(): void {
    for (const stream of this.#streams.values()) {
      stream.tick();
    }
  }

  /** Every second. @returns times that slow players were moved to a keyframe. */
  tickSlow(): number {
    let skips = 0;
    for (const stream of this.#streams.values()) {
      stream.tickSlow();
      skips += stream.skips;
    }
    return skips;
  }

  /** Lets a stream go, unless an answer that overtook this news has announced it again. */
  #forget({ streamId, announcement }: ForgetStream): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined && stream.announcement <= announcement) {
      stream.close();
      this.#streams.delete(streamId);
    }
  }
}
