/** What is done about a row that does not keep up. */

/** Shares of the ring behind the head: a row that far back may be moved; if it takes bytes only later; in any case. */
const FAR = 0.5;
const FAR_TAKING = 0.625;
const TOO_FAR = 0.7;

/** A row that is full. */
export interface Lag {
  /** How far behind the head it is, as a share of its ring. */
  readonly share: number;
  /** More than `queue_length`. */
  readonly isLate: boolean;
  readonly tookBytesLately: boolean;
  /** A keyframe lies after what it is getting now: a jump back would help nobody. */
  readonly hasKeyframeAhead: boolean;
}

/** What helps it. */
export interface LagVerdict {
  /** A larger ring. */
  readonly mayGrow: boolean;
  /** Moving to a keyframe. */
  readonly mustSkip: boolean;
}

/** Judges a row. */
export function judgeLag({ share, isLate, tookBytesLately, hasKeyframeAhead }: Lag): LagVerdict {
  if (!isLate && share <= FAR) {
    return { mayGrow: false, mustSkip: false };
  }
  const mayGrow = !isLate && tookBytesLately;
  const mayStay = mayGrow && share <= FAR_TAKING;
  return { mayGrow, mustSkip: !mayStay && (share > TOO_FAR || hasKeyframeAhead) };
}
