/** What the threads of the lap test agree on. */
export interface LapJob {
  readonly sab: SharedArrayBuffer;
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly durationMs: number;
  readonly seed: number;
}

/** Counts of a reader that copies as a player's send does. */
export interface CopyCounts {
  /** Copies that the rule accepts. */
  accepted: number;
  /** Copies that the rule throws away. */
  passed: number;
  /** Among the accepted: bytes were not those written. Has to stay 0. */
  acceptedTorn: number;
  /** Among the passed: bytes were not those written. What a reader that ignores `wasPassed` would have sent. */
  passedTorn: number;
  /** Torn copies that a check of head alone would have accepted. */
  headOnlyTorn: number;
}

/** Counts of a reader that goes by the frame index. */
export interface IndexCounts {
  frames: number;
  framesGone: number;
  framesWrong: number;
  /** Looks at the newest frame. */
  newest: number;
  /** Among them: it was counted, was still there afterwards, and could not be read. Has to stay 0. */
  newestEarly: number;
  ends: number;
  endsGone: number;
  endsWrong: number;
  headers: number;
  headersGone: number;
  headersWrong: number;
  keyframes: number;
  keyframesWrong: number;
}

export const KEYFRAME_EVERY = 8;
const HEADER_BYTES = 6000;

/** Headers whose bytes prove their version, and that they are whole. */
export function lapHeaders(version: number): Uint8Array {
  return new Uint8Array(HEADER_BYTES + (version % 7)).fill(version % 251);
}
