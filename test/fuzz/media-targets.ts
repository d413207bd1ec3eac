/** Seeds and mutations for the decoders of media payloads: corpus files, changed by a seeded generator. */
import { readdirSync, readFileSync } from "node:fs";

/** Compiled files run from `dist/test/fuzz`; corpora stay with the sources. */
const CORPUS = new URL("../../../test/fuzz/corpus/", import.meta.url);

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The corpus files of a folder, by name. */
export function readCorpus(folder: string): Seed[] {
  const directory = new URL(`${folder}/`, CORPUS);
  return readdirSync(directory)
    .filter((name) => name.endsWith(".bin"))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, directory))) }));
}

/** A generator of integers below a bound, the same for the same seed (xorshift32). */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const INTERESTING = [0, 1, 3, 0x7f, 0x80, 0xff];

/** A changed copy: bits, bytes and lengths, cut, doubled, or spliced with another seed. */
export function mutateMedia(
  seed: Uint8Array,
  other: Uint8Array,
  random: (below: number) => number,
): Uint8Array {
  let bytes = seed.slice();
  for (let changes = 1 + random(4); changes > 0 && bytes.length > 0; changes -= 1) {
    const at = random(bytes.length);
    switch (random(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        bytes[at] = INTERESTING[random(INTERESTING.length)] ?? 0;
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = new Uint8Array([
          ...bytes.subarray(0, at),
          ...other.subarray(random(other.length + 1)),
        ]);
        break;
      case 4:
        bytes.fill(random(2) * 0xff, at, at + 1 + random(8));
        break;
      default:
        bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at >> 1)]);
        break;
    }
  }
  return bytes;
}

/** Runs `target` on each corpus file and then on `runs` mutations; failures name the input in hex. */
export function fuzzMedia(
  folder: string,
  runs: number,
  target: (bytes: Uint8Array, random: (below: number) => number) => void,
): void {
  const seeds = readCorpus(folder);
  const random = seededRandom(0x77_65_69_72);
  const pick = () => seeds[random(seeds.length)]?.bytes ?? new Uint8Array(0);
  const inputs = function* (): Generator<Uint8Array> {
    yield* seeds.map((seed) => seed.bytes);
    for (let run = 0; run < runs; run += 1) {
      yield mutateMedia(pick(), pick(), random);
    }
  };
  for (const bytes of inputs()) {
    try {
      target(bytes, random);
    } catch (cause) {
      throw new Error(`input ${Buffer.from(bytes).toString("hex")}`, { cause });
    }
  }
}
