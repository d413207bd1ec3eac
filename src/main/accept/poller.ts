/**
 * The primary's sockets and when each has something to do: one epoll set that the loop itself watches. No object of the
 * loop for each socket, and all that is ready is done in one turn.
 */
import { isNative, Readiness, watchReadable } from "./native.ts";
import { PlainReadiness } from "./plain-sockets.ts";

/** What watches a descriptor. */
export interface Watcher {
  /** There is something to read, room to write, or an error to be found by trying. */
  ready(): void;
}

/** Watches descriptors for their owners. */
export class Poller {
  readonly #readiness: Readiness | PlainReadiness;
  readonly #watchers = new Map<number, Watcher>();
  readonly #unwatch: () => void;
  #isDue = false;
  #isClosed = false;

  constructor() {
    // Work is done by a turn of its own: koffi's callback is not to throw, and promises do not run after it.
    const due = (): void => {
      if (!this.#isDue) {
        this.#isDue = true;
        setImmediate(() => this.#turn());
      }
    };
    if (isNative) {
      const readiness = new Readiness();
      this.#readiness = readiness;
      this.#unwatch = watchReadable(readiness.descriptor, due);
    } else {
      this.#readiness = new PlainReadiness(due);
      this.#unwatch = () => undefined;
    }
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
      this.#unwatch();
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
