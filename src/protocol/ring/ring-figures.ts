/** What the writer of a stream counts for the API and metrics, in the control words of the ring it writes. */
import { ControlWord, controlWords } from "./ring-layout.ts";

/** Told about once a second, counted since the publish began. Modulo 2^32. */
export interface RingFigures {
  readonly videoFrames: number;
  readonly audioFrames: number;
  /** Between the last two keyframes, 0 until there were two. Units: ms. */
  readonly gopMs: number;
  /** Timestamps that did not go on from the one before. */
  readonly jumps: number;
  /** Messages for which there was no ring large enough. */
  readonly dropped: number;
  /** Written to rings. */
  readonly kibibytes: number;
}

/** What a stream begins with. */
export const NO_FIGURES: RingFigures = {
  videoFrames: 0,
  audioFrames: 0,
  gopMs: 0,
  jumps: 0,
  dropped: 0,
  kibibytes: 0,
};

/** Writer only. Memory: shared; `memory` is a formatted ring. */
export function storeFigures(memory: SharedArrayBuffer, figures: RingFigures): void {
  const words = controlWords(memory);
  for (const [at, name] of FIELDS.entries()) {
    Atomics.store(words, ControlWord.Figures + at, figures[name]);
  }
}

/** Each figure is whole, all of them need not be of one moment. */
export function loadFigures(memory: SharedArrayBuffer): RingFigures {
  const words = controlWords(memory);
  const at = (field: keyof RingFigures): number =>
    Atomics.load(words, ControlWord.Figures + FIELDS.indexOf(field)) >>> 0;
  return {
    videoFrames: at("videoFrames"),
    audioFrames: at("audioFrames"),
    gopMs: at("gopMs"),
    jumps: at("jumps"),
    dropped: at("dropped"),
    kibibytes: at("kibibytes"),
  };
}

const FIELDS: readonly (keyof RingFigures)[] = [
  "videoFrames",
  "audioFrames",
  "gopMs",
  "jumps",
  "dropped",
  "kibibytes",
];
