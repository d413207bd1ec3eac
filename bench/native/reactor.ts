/**
 * An event loop over one epoll set that blocks in the kernel, not in a timer: a player's bytes are seen when
 * they arrive.
 */

import { nowUs } from "./clock.ts";
import type { LagRecorder } from "./lag-recorder.ts";
import { EpollSet } from "./libc.ts";

/** What a descriptor's events are given to. */
export interface Endpoint {
  ready(events: number): void;
}

/** Work that is due by time. @returns the next due time in µs. */
export type TimedTask = (timeUs: number) => number;

const SWEEP_EVENTS_MAX = 256;
/** Node's own loop costs more than a sweep; it gets a turn this often, so that the parent's messages are heard. */
const YIELD_US = 20_000;

export class Reactor {
  readonly #lag: LagRecorder | undefined;
  readonly #epoll: EpollSet = new EpollSet(SWEEP_EVENTS_MAX);
  readonly #endpoints: (Endpoint | undefined)[] = [];
  readonly #tasks: TimedTask[] = [];
  #running: boolean = false;

  /** Without a recorder it wakes for nothing but events and due tasks. */
  constructor(lag?: LagRecorder) {
    this.#lag = lag;
  }

  add(fd: number, events: number, endpoint: Endpoint): void {
    this.#endpoints[fd] = endpoint;
    this.#epoll.add(fd, events);
  }

  modify(fd: number, events: number): void {
    this.#epoll.modify(fd, events);
  }

  /** Forget a descriptor; closing it takes it out of the epoll set. */
  forget(fd: number): void {
    this.#endpoints[fd] = undefined;
  }

  addTask(task: TimedTask): void {
    this.#tasks.push(task);
  }

  start(): void {
    this.#running = true;
    this.#lag?.begin(nowUs());
    setImmediate(this.#turn);
  }

  stop(): void {
    this.#running = false;
  }

  readonly #turn = (): void => {
    const yieldUs = nowUs() + YIELD_US;
    while (this.#running && nowUs() < yieldUs) {
      this.#sweep();
    }
    if (this.#running) {
      setImmediate(this.#turn);
    }
  };

  #sweep(): void {
    const startUs = nowUs();
    let dueUs = this.#lag?.dueUs ?? startUs + YIELD_US;
    for (const task of this.#tasks) {
      dueUs = Math.min(dueUs, task(startUs));
    }
    const timeoutMs = Math.max(0, Math.ceil((dueUs - nowUs()) / 1000));
    const count = this.#epoll.wait(timeoutMs);
    this.#lag?.beat(nowUs());
    for (let index = 0; index < count; index++) {
      const endpoint = this.#endpoints[this.#epoll.descriptorAt(index)];
      endpoint?.ready(this.#epoll.eventsAt(index));
    }
    this.#lag?.sweep(count === SWEEP_EVENTS_MAX, nowUs());
  }
}
