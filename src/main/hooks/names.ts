/**
 * Addresses of the servers of callbacks. The process has few threads that ask the system for names, and they answer for
 * all of it: so each name is asked for once at a time, however many calls wait, and what is known counts for a moment.
 */
import { type LookupAddress, lookup as lookupOfSystem } from "node:dns";
import type { RequestOptions } from "node:http";

/** Addresses of one name. `addresses` is empty with an error. */
export type Found = (error: Error | null, addresses: LookupAddress[]) => void;
/** Asks for all addresses of a name. */
export type FindName = (name: string, callback: Found) => void;

/** How long an address counts. */
const FRESH_MS = 5000;
/** Names that are known at one time. Reaction: all are forgotten. */
const NAMES_MAX = 1000;

/** Who wait for one name; those whose time is over among them. Reaction: no address. */
const WAITING_MAX = 10_000;

interface Known {
  readonly addresses: LookupAddress[];
  readonly at: number;
}

function findBySystem(name: string, callback: Found): void {
  lookupOfSystem(name, { all: true }, (error, addresses) => callback(error, addresses ?? []));
}

/** Looks names up. */
export class Names {
  readonly #find: FindName;
  readonly #known = new Map<string, Known>();
  /** Those who wait, by name. */
  readonly #asked = new Map<string, Found[]>();

  constructor(find: FindName = findBySystem) {
    this.#find = find;
  }

  /** For a request's option `lookup`. */
  readonly lookup: NonNullable<RequestOptions["lookup"]> = (name, options, callback) => {
    this.#addressesOf(name, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${name} has no address`), "", 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };

  #addressesOf(name: string, callback: Found): void {
    const known = this.#known.get(name);
    if (known !== undefined && performance.now() - known.at < FRESH_MS) {
      // As a look-up does: never before it has returned.
      process.nextTick(callback, null, known.addresses);
      return;
    }
    const waiting = this.#asked.get(name);
    if (waiting !== undefined) {
      if (waiting.length >= WAITING_MAX) {
        process.nextTick(callback, new Error(`too many wait for the address of ${name}`), []);
      } else {
        waiting.push(callback);
      }
      return;
    }
    this.#asked.set(name, [callback]);
    this.#find(name, (error, addresses) => this.#found(name, error, addresses));
  }

  #found(name: string, error: Error | null, addresses: LookupAddress[]): void {
    const waiting = this.#asked.get(name) ?? [];
    this.#asked.delete(name);
    this.#known.delete(name);
    if (error === null) {
      if (this.#known.size >= NAMES_MAX) {
        this.#known.clear();
      }
      this.#known.set(name, { addresses, at: performance.now() });
    }
    for (const callback of waiting) {
      callback(error, addresses);
    }
  }
}
