/**
 * The primary's sockets and when each has something to do: one epoll set that the loop itself watches. No object of the
 * loop for each socket, and all that is ready is done in one turn.
 */
import koffi from "koffi";
import { Readiness } from "./native.ts";

/** What watches a descriptor. */
export interface Watcher {
  /** There is something to read, room to write, or an error to be found by trying. */
  ready(): void;
}

/** Watches descriptors for their owners. */
export class Poller {
  readonly #readiness = new Readiness();
  readonly #watchers = new Map<number, Watcher>();
  readonly #handle: ReturnType<typeof koffi.node.poll>;
  #isDue = false;
  #isClosed = false;

  constructor() {
    // Work is done by a turn of its own: koffi's callback is not to throw, and promises do not run after it.
    this.#handle = koffi.node.poll(this.#readiness.descriptor, { readable: true }, () => {
      if (!this.#isDue) {
        this.#isDue = true;
        setImmediate(() => this.#turn());
      }
    });
  }

  /** Calls `watcher` from now on whenever one of `events` holds. A descriptor has one watcher. */
  watch(descriptor: number, events: number, watcher: Watcher): void {
    this.#watchers.set(descriptor, watcher);
    this.#readiness.add(descriptor, events);
  }

  /** Waits for other events of a watched descriptor. */
  change(descriptor: number, events: number): void {
    this.#readiness.change(descriptor, events);
  }

  /** Forgets a descriptor; to be called before it is closed or given away. */
  forget(descriptor: number): void {
    if (this.#watchers.delete(descriptor)) {
      this.#readiness.remove(descriptor);
    }
  }

  /** Does what is ready now. @returns how many watchers were called. */
  poll(): number {
    const count = this.#isClosed ? 0 : this.#readiness.take();
    for (let index = 0; index < count; index += 1) {
      // One before it may have closed it, or opened another by the same number: that one finds nothing to do.
      ready.push(this.#readiness.ready(index));
    }
    for (const descriptor of ready.splice(0)) {
      this.#watchers.get(descriptor)?.ready();
    }
    return count;
  }

  /** Watches nothing any more. */
  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#watchers.clear();
      this.#handle.close();
      this.#readiness.close();
    }
  }

  #turn(): void {
    this.#isDue = false;
    this.poll();
  }
}

/** Of the turn in progress. */
const ready: number[] = [];
