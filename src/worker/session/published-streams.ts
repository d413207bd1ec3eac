/** What one connection publishes, by message stream: nearly always one stream, which is then found without a search. */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import type { LiveStream } from "../stream/live-stream.ts";
import { MediaLead } from "../stream/media-lead.ts";
import type { Forwards } from "../upstream/forwards.ts";

/** Until a publisher that is ahead of its time is read again. */
const AHEAD_MS = 5;

/** One publish. */
export interface Published {
  readonly stream: LiveStream;
  readonly settings: StreamSettings;
}

/** The publishes of one connection. */
export class PublishedStreams {
  readonly #readOn: () => void;
  readonly #lead = new MediaLead();
  #timer: NodeJS.Timeout | undefined;
  readonly #all = new Map<number, Published>();
  #only: Published | undefined;
  #onlyId = -1;

  /** @param readOn a publisher that was ahead of its time may be read again. */
  constructor(readOn: () => void) {
    this.#readOn = readOn;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Message streams published on. */
  get messageStreams(): number[] {
    return [...this.#all.keys()];
  }

  /** All publishes. */
  get values(): Iterable<Published> {
    return this.#all.values();
  }

  /** True while a message waits for a larger ring: nothing more should be read. */
  get isFull(): boolean {
    if (this.#only !== undefined) {
      return this.#only.stream.isFull;
    }
    for (const { stream } of this.#all.values()) {
      if (stream.isFull) {
        return true;
      }
    }
    return false;
  }

  /** After a read: nothing more should be read for now. Reading goes on with a larger ring, or by itself. */
  mustWait(nowMs: number): boolean {
    // Of one that carries several streams none is a file: their leads are not told apart.
    const isAhead =
      this.#only !== undefined && this.#lead.mustWait(this.#only.stream.writer, nowMs);
    if (isAhead && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#readOn();
      }, AHEAD_MS);
    }
    return isAhead || this.isFull;
  }

  /** Somebody reads one of them, or it goes to another server; also when there is none yet. */
  isWatched(forwards: Forwards): boolean {
    for (const { stream } of this.#all.values()) {
      if (stream.isWatched || forwards.has(stream.streamId)) {
        return true;
      }
    }
    return this.#all.size === 0;
  }

  find(messageStream: number): Published | undefined {
    return messageStream === this.#onlyId ? this.#only : this.#all.get(messageStream);
  }

  add(messageStream: number, published: Published): void {
    const { hls, dvr } = published.settings;
    if (hls !== null || dvr !== null) {
      published.stream.writer.expectKeeper();
    }
    this.#all.set(messageStream, published);
    this.#findOnly();
  }

  /** @returns what was published there. */
  remove(messageStream: number): Published | undefined {
    const published = this.#all.get(messageStream);
    this.#all.delete(messageStream);
    this.#findOnly();
    return published;
  }

  /** @returns all that was published. */
  removeAll(): Published[] {
    clearTimeout(this.#timer);
    const all = [...this.#all.values()];
    this.#all.clear();
    this.#findOnly();
    return all;
  }

  /** After the messages of one read. */
  flush(): void {
    if (this.#only !== undefined) {
      this.#only.stream.flush();
      return;
    }
    for (const { stream } of this.#all.values()) {
      stream.flush();
    }
  }

  #findOnly(): void {
    const [first] = this.#all.size === 1 ? this.#all : [];
    this.#onlyId = first?.[0] ?? -1;
    this.#only = first?.[1];
  }
}
