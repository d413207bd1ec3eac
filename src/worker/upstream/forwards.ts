/** The forwards of the streams that a shard publishes: where the primary says, for as long as the publish lasts. */
import type { FromShard, RingLease } from "../../protocol/control/calls.ts";
import type { ForwardOrder, ForwardsOrder } from "../../protocol/control/forward.ts";
import { Forward } from "./forward.ts";

/** What forwards ask of their shard. */
export interface ForwardsHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  /** The ring that a stream is written to; undefined while nobody publishes it here. */
  ringOf(streamId: number): RingLease | undefined;
  /** As in `queue_length`. */
  queueLengthMs(streamId: number): number;
  post(message: FromShard): void;
}

interface ForwardedStream {
  orders: readonly ForwardOrder[];
  /** By the number of their orders; empty before the publish has begun. */
  readonly running: Map<number, Forward>;
}

/** All forwards of a shard. */
export class Forwards {
  readonly #host: ForwardsHost;
  readonly #streams = new Map<number, ForwardedStream>();

  constructor(host: ForwardsHost) {
    this.#host = host;
  }

  /** Takes an order; it may come before the publish begins, and after it has ended. */
  take({ streamId, forwards: orders }: ForwardsOrder): void {
    const stream = this.#streams.get(streamId) ?? { orders, running: new Map<number, Forward>() };
    stream.orders = orders;
    for (const [id, forward] of stream.running) {
      if (!orders.some((order) => order.id === id)) {
        forward.close();
        stream.running.delete(id);
      }
    }
    if (orders.length === 0) {
      this.#streams.delete(streamId);
      return;
    }
    this.#streams.set(streamId, stream);
    const lease = this.#host.ringOf(streamId);
    if (lease !== undefined) {
      this.#begin(streamId, stream, lease);
    }
  }

  /** Whether a stream goes anywhere. */
  has(streamId: number): boolean {
    return this.#streams.has(streamId);
  }

  /** A publish has begun, or its ring is another one from now on. */
  ringOpened(streamId: number, lease: RingLease): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      for (const forward of stream.running.values()) {
        forward.attach(lease);
      }
      this.#begin(streamId, stream, lease);
    }
  }

  /** A stream's ring has grown. */
  wake(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      for (const forward of stream.running.values()) {
        forward.advance();
      }
    }
  }

  /** A publish is over: the next one has orders of its own. */
  end(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      this.#streams.delete(streamId);
      for (const forward of stream.running.values()) {
        forward.close();
      }
    }
  }

  /** Every 100 ms. */
  tick(now: number): void {
    for (const { running } of this.#streams.values()) {
      for (const forward of running.values()) {
        forward.tick(now);
      }
    }
  }

  /** Ends all. */
  stop(): void {
    for (const streamId of [...this.#streams.keys()]) {
      this.end(streamId);
    }
  }

  #begin(streamId: number, { orders, running }: ForwardedStream, lease: RingLease): void {
    for (const order of orders.filter(({ id }) => !running.has(id))) {
      const forward = new Forward(order, lease, {
        now: () => this.#host.now(),
        random: () => this.#host.random(),
        queueLengthMs: () => this.#host.queueLengthMs(streamId),
        tell: (event) => this.#host.post({ kind: "forward", streamId, id: order.id, event }),
      });
      running.set(order.id, forward);
    }
  }
}
