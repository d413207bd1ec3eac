/** What one connection publishes, by message stream: nearly always one stream, which is then found without a search. */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import type { LiveStream } from "../stream/live-stream.ts";

/** One publish. */
export interface Published {
  readonly stream: LiveStream;
  readonly settings: StreamSettings;
}

/** The publishes of one connection. */
export class PublishedStreams {
  readonly #all = new Map<number, Published>();
  #only: Published | undefined;
  #onlyId = -1;

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

  /** Somebody reads one of them. */
  get isWatched(): boolean {
    for (const { stream } of this.#all.values()) {
      if (stream.isWatched) {
        return true;
      }
    }
    return false;
  }

  find(messageStream: number): Published | undefined {
    return messageStream === this.#onlyId ? this.#only : this.#all.get(messageStream);
  }

  add(messageStream: number, published: Published): void {
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
