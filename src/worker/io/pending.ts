/**
 * Bytes that a row's socket did not take at once and that go out before ring bytes: replies, preambles, copies, and the
 * rest of a message that was taken out of a ring. Queued as they came, never joined.
 */
import { CONTROL_BACKLOG_BYTES_MAX } from "../../protocol/limits.ts";

/** A message taken out of a ring for all rows that stopped inside it. */
export interface SharedBytes {
  /** **Shared** by rows, never written. */
  readonly bytes: Uint8Array;
  /** Rows that still send from it. */
  users: number;
}

interface Segment {
  readonly bytes: Uint8Array;
  /** First byte not sent yet. */
  offset: number;
  readonly shared: SharedBytes | null;
}

/** One row's queue. */
export class Pending {
  readonly #segments: Segment[] = [];
  /** Bytes queued behind others since the queue was last empty. */
  #queuedBehind = 0;

  /** Nothing is left. */
  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Queues a message taken out of a ring, from `offset` on. */
  addShared(shared: SharedBytes, offset: number): void {
    shared.users += 1;
    this.#segments.push({ bytes: shared.bytes, offset, shared });
  }

  /**
   * Queues the rest of bytes. Memory: copied.
   * @returns false when a peer that reads nothing has too much waiting already.
   */
  add(bytes: Uint8Array, offset: number): boolean {
    if (this.#queuedBehind > CONTROL_BACKLOG_BYTES_MAX) {
      return false;
    }
    if (!this.isEmpty) {
      this.#queuedBehind += bytes.length - offset;
    }
    this.#segments.push({ bytes: bytes.slice(offset), offset: 0, shared: null });
    return true;
  }

  /** Copies the first bytes of the queue into `target`. @returns how many. */
  peek(target: Uint8Array): number {
    let filled = 0;
    for (const { bytes, offset } of this.#segments) {
      const part = Math.min(bytes.length - offset, target.length - filled);
      target.set(bytes.subarray(offset, offset + part), filled);
      filled += part;
      if (filled === target.length) {
        break;
      }
    }
    return filled;
  }

  /** The first `count` bytes were sent. */
  drop(count: number): void {
    let left = count;
    let done = 0;
    for (const segment of this.#segments) {
      const part = Math.min(left, segment.bytes.length - segment.offset);
      segment.offset += part;
      left -= part;
      if (segment.offset < segment.bytes.length) {
        break;
      }
      release(segment);
      done += 1;
    }
    this.#segments.splice(0, done);
    if (this.isEmpty) {
      this.#queuedBehind = 0;
    }
  }

  /** Takes all that is left, as one array. Owned. */
  takeAll(): Uint8Array {
    const left = this.#segments.reduce((sum, { bytes, offset }) => sum + bytes.length - offset, 0);
    const bytes = new Uint8Array(left);
    this.peek(bytes);
    this.clear();
    return bytes;
  }

  /** The row is over. */
  clear(): void {
    for (const segment of this.#segments.splice(0)) {
      release(segment);
    }
  }
}

function release({ shared }: Segment): void {
  if (shared !== null) {
    shared.users -= 1;
  }
}
