/** What the threads of the growth test agree on. */
export interface GrowthJob {
  /** Formatted rings by id, from 1, each larger than the one before. */
  readonly rings: Map<number, SharedArrayBuffer>;
  readonly bells: SharedArrayBuffer;
  /** A word for each thread: the number of the next message it expects. */
  readonly progress: SharedArrayBuffer;
  /** Thread number: 0 is the writer. */
  readonly thread: number;
}

/** What a reader of the growth test saw. */
export interface GrowthReport {
  readonly messages: number;
  readonly moves: number;
  /** Empty when every message came once, whole and in order. */
  readonly wrong: string;
}

export const GROWTH_MESSAGES = 3000;
export const GROWTH_SIZES = [50, 2000] as const;
export const GROWTH_KEYFRAME_EVERY = 20;
