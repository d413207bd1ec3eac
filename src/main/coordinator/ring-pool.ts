/**
 * Rings lent and taken back. A ring goes back to the pool when every thread has let go of every lease it was sent, so
 * that streams may come and go with flat memory: a dropped SharedArrayBuffer would linger until every isolate collects.
 * While a ring waits in the pool it keeps its addresses, but not its pages.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { loadFigures, type RingFigures } from "../../protocol/ring/ring-figures.ts";
import { CONTROL_BYTES, formatRing, ringSizeBytes } from "../../protocol/ring/ring-layout.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { markRingDead } from "../../protocol/ring/ring-state.ts";

interface Lent {
  readonly wrap: number;
  /** The thread that it was lent to to be written. */
  readonly writer: number;
  readonly memory: SharedArrayBuffer;
  /** Leases out, by thread. */
  readonly holds: Map<number, number>;
  /** The primary's own view, made when it is first asked for. */
  reader: RingReader | undefined;
}

/** All rings of the host. */
export class RingPool {
  readonly #budgetBytes: number;
  readonly #forget: (memory: SharedArrayBuffer, keptBytes: number) => void;
  readonly #lent = new Map<number, Lent>();
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  #nextId = 1;
  #lentBytes = 0;
  #freeBytes = 0;
  /** Times that a ring was asked for and the budget was spent. */
  refused = 0;

  /**
   * @param budgetBytes Ring bytes that may exist at a time, lent or waiting.
   * @param forget Gives pages of memory back to the system, all but the first `keptBytes`.
   */
  constructor(
    budgetBytes: number,
    forget: (memory: SharedArrayBuffer, keptBytes: number) => void = () => undefined,
  ) {
    this.#budgetBytes = budgetBytes;
    this.#forget = forget;
  }

  /** Rings out now. */
  get lentCount(): number {
    return this.#lent.size;
  }

  /** Wrap bytes out now. */
  get lentBytes(): number {
    return this.#lentBytes;
  }

  /** Wrap bytes that may be out at a time. */
  get budgetBytes(): number {
    return this.#budgetBytes;
  }

  /** Wrap bytes of a ring that is out; 0 when it is not. */
  bytesOf(ringId: number): number {
    return this.#lent.get(ringId)?.wrap ?? 0;
  }

  /** Rings waiting to be lent again. */
  get freeCount(): number {
    let count = 0;
    for (const list of this.#free.values()) {
      count += list.length;
    }
    return count;
  }

  /** Lends a ring to a thread that will write it. @returns null when the host's budget is spent. */
  lend(wrap: number, thread: number): RingLease | null {
    if (this.#lentBytes + wrap > this.#budgetBytes) {
      this.refused += 1;
      return null;
    }
    const memory = this.#takeFree(wrap) ?? new SharedArrayBuffer(ringSizeBytes(wrap));
    this.#dropFree(this.#budgetBytes - this.#lentBytes - wrap);
    formatRing(memory, wrap);
    const ringId = this.#nextId;
    this.#nextId += 1;
    const holds = new Map([[thread, 1]]);
    this.#lent.set(ringId, { wrap, writer: thread, memory, holds, reader: undefined });
    this.#lentBytes += wrap;
    return { ringId, memory };
  }

  /** One more lease of the same ring is sent to a thread. @returns null when the ring is gone. */
  share(ringId: number, thread: number): RingLease | null {
    const ring = this.#lent.get(ringId);
    if (ring === undefined) {
      return null;
    }
    ring.holds.set(thread, (ring.holds.get(thread) ?? 0) + 1);
    return { ringId, memory: ring.memory };
  }

  /** A view of a ring that is out; undefined when it is not. */
  readerOf(ringId: number): RingReader | undefined {
    const ring = this.#lent.get(ringId);
    if (ring !== undefined && ring.reader === undefined) {
      ring.reader = new RingReader(ring.memory);
    }
    return ring?.reader;
  }

  /** What the writer of a ring has counted; undefined when it is not out. */
  figuresOf(ringId: number): RingFigures | undefined {
    const ring = this.#lent.get(ringId);
    return ring === undefined ? undefined : loadFigures(ring.memory);
  }

  /** A thread lets go of one lease. */
  release(ringId: number, thread: number): void {
    const ring = this.#lent.get(ringId);
    const holds = ring?.holds.get(thread) ?? 0;
    if (ring === undefined || holds === 0) {
      return;
    }
    if (holds === 1) {
      ring.holds.delete(thread);
    } else {
      ring.holds.set(thread, holds - 1);
    }
    this.#reclaim(ringId, ring);
  }

  /**
   * A thread died: whatever it held is let go. Readers of what it wrote finish what is whole and wait; of two rings
   * between which it was moving either may be the one that says nothing of it.
   */
  releaseThread(thread: number): void {
    for (const [ringId, ring] of [...this.#lent]) {
      if (ring.writer === thread) {
        markRingDead(ring.memory);
      }
      if (ring.holds.delete(thread)) {
        // Its successor, which has the same number, is not to be woken for what it does not read.
        this.readerOf(ringId)?.setReader(thread, false);
        this.#reclaim(ringId, ring);
      }
    }
  }

  #reclaim(ringId: number, ring: Lent): void {
    if (ring.holds.size > 0) {
      return;
    }
    this.#lent.delete(ringId);
    this.#lentBytes -= ring.wrap;
    const list = this.#free.get(ring.wrap) ?? [];
    // The control words say where a ring that is lent again counts on from.
    this.#forget(ring.memory, CONTROL_BYTES);
    list.push(ring.memory);
    this.#free.set(ring.wrap, list);
    this.#freeBytes += ring.wrap;
  }

  #takeFree(wrap: number): SharedArrayBuffer | undefined {
    const memory = this.#free.get(wrap)?.pop();
    if (memory !== undefined) {
      this.#freeBytes -= wrap;
    }
    return memory;
  }

  /** Gives waiting rings back to the system, largest first, until they have `bytesMax` together. */
  #dropFree(bytesMax: number): void {
    while (this.#freeBytes > Math.max(0, bytesMax)) {
      const wraps = [...this.#free].filter(([, list]) => list.length > 0).map(([wrap]) => wrap);
      this.#takeFree(Math.max(...wraps));
    }
  }
}
