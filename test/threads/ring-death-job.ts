/** What the threads of the death test agree on. */
export interface DeathJob {
  readonly sab: SharedArrayBuffer;
  /** Number of the point to stop at. */
  readonly point: number;
}

/** Messages before the one that is died in: enough that it overwrites old ones. */
export const DEATH_MESSAGES = 400;
/** Sizes of the messages: least and most. */
export const DEATH_SIZES = [200, 1400] as const;
