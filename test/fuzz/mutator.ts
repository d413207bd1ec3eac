/**
 * A small seeded mutator: the same seed and corpus give the same inputs on every machine.
 */

import { readdirSync, readFileSync } from "node:fs";

/** xorshift32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 0x9e_37_79_b9;
  }

  /** 0 to below - 1. */
  below(below: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return below > 0 ? this.#state % below : 0;
  }

  pick<T>(list: readonly T[], otherwise: T): T {
    return list[this.below(list.length)] ?? otherwise;
  }
}

/** One corpus file. */
export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The committed corpus of a target, in the order of names. */
export function readSeeds(target: string): Seed[] {
  const folder = new URL(`../../../test/fuzz/corpus/${target}/`, import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".bin"))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, folder))) }));
}

/** Numbers at which parsers break, by their width in bytes. */
const EDGES: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 1],
  [0x7f, 1],
  [0x80, 1],
  [0xff, 1],
  [0, 2],
  [0xff_ff, 2],
  [0x7f_ff, 2],
  [0, 3],
  [0xff_ff_ff, 3],
  [0xff_ff_fe, 3],
  [0x80_00_00, 3],
  [0, 4],
  [0xff_ff_ff_ff, 4],
  [0x7f_ff_ff_ff, 4],
  [0x80_00_00_00, 4],
  [0x01_00_00_00, 4],
];

const LENGTH_MAX = 16 * 1024;

function replaced(bytes: Uint8Array, start: number, end: number, middle: Uint8Array): Uint8Array {
  const out = new Uint8Array(start + middle.length + bytes.length - end);
  out.set(bytes.subarray(0, start));
  out.set(middle, start);
  out.set(bytes.subarray(end), start + middle.length);
  return out.length > LENGTH_MAX ? out.slice(0, LENGTH_MAX) : out;
}

function flipBit(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  return replaced(bytes, at, at + 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
}

function setByte(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  return replaced(bytes, at, at + 1, Uint8Array.of(random.below(256)));
}

function setEdge(random: Random, bytes: Uint8Array): Uint8Array {
  const [value, width] = random.pick(EDGES, [0, 1]);
  const at = random.below(bytes.length);
  const edge = Uint8Array.from(
    { length: width },
    (_, index) => value >>> (8 * (width - 1 - index)),
  );
  return replaced(bytes, at, Math.min(bytes.length, at + width), edge);
}

function remove(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(random.below(4) === 0 ? 200 : 4));
  return replaced(bytes, at, end, new Uint8Array(0));
}

function insert(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const noise = Uint8Array.from({ length: 1 + random.below(8) }, () => random.below(256));
  return replaced(bytes, at, at, noise);
}

function repeat(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const part = bytes.slice(at, at + 1 + random.below(64));
  return replaced(bytes, at, at, part);
}

function truncate(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, random.below(bytes.length));
}

/** The first part of one input and the last part of another. */
function splice(random: Random, bytes: Uint8Array, seeds: readonly Seed[]): Uint8Array {
  const other = random.pick(seeds, { name: "", bytes }).bytes;
  const at = random.below(bytes.length);
  return replaced(bytes, at, bytes.length, other.subarray(random.below(other.length)));
}

const MUTATIONS: readonly ((
  random: Random,
  bytes: Uint8Array,
  seeds: readonly Seed[],
) => Uint8Array)[] = [
  flipBit,
  flipBit,
  setByte,
  setEdge,
  setEdge,
  remove,
  insert,
  repeat,
  truncate,
  splice,
];

/**
 * Runs every corpus file as it is, then `rounds` mutated ones. A failing input is named by its round, seed and bytes,
 * to be committed to the corpus.
 */
export function fuzz(
  target: string,
  rounds: number,
  run: (bytes: Uint8Array, random: Random) => void,
): void {
  const seeds = readSeeds(target);
  if (seeds.length === 0) {
    throw new Error(`no corpus for ${target}`);
  }
  const random = new Random(0x77_65_69_72);
  for (const { name, bytes } of seeds) {
    attempt(`corpus file ${name}`, bytes, () => run(bytes, random));
  }
  for (let round = 0; round < rounds; round++) {
    let { bytes } = random.pick(seeds, { name: "", bytes: new Uint8Array(1) });
    for (let count = 1 + random.below(6); count > 0; count--) {
      bytes = random.pick(MUTATIONS, flipBit)(
        random,
        bytes.length > 0 ? bytes : new Uint8Array(1),
        seeds,
      );
    }
    const input = bytes;
    attempt(`round ${round}`, input, () => run(input, random));
  }
}

function attempt(what: string, bytes: Uint8Array, run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw new Error(`${what}: ${Buffer.from(bytes).toString("hex")}`, { cause });
  }
}

/** Cuts into pieces of random sizes, small ones more often. */
export function randomCut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(random.below(3) === 0 ? 400 : 12);
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}
