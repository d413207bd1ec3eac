/**
 * What is done about memory that runs short, before the system ends the process: first nobody new comes in, then slow
 * players go, then the newest publishers. Pure: told how much is used, it says what holds now.
 */

/** What is in force; each does what those below do. */
export const MemoryLevel = {
  Normal: 0,
  /** New players and publishers are refused. */
  Refusing: 1,
  /** Slow players are ended. */
  EndingSlow: 2,
  /** The newest publishers are ended, one at a time. */
  EndingPublishers: 3,
} as const;
export type MemoryLevel = (typeof MemoryLevel)[keyof typeof MemoryLevel];

/** Shares of the limit from which a level is in force. */
const BEGINS: Readonly<Record<MemoryLevel, number>> = { 0: 0, 1: 0.8, 2: 0.9, 3: 0.95 };
/** It stays in force until so much less is used: nobody is let in and thrown out by turns. */
const SLACK = 0.05;
const FALLING: readonly MemoryLevel[] = [
  MemoryLevel.EndingPublishers,
  MemoryLevel.EndingSlow,
  MemoryLevel.Refusing,
];

/** What one look has found. */
export interface MemoryView {
  readonly level: MemoryLevel;
  /** The level before. */
  readonly before: MemoryLevel;
  /** Used, as a share of the limit. */
  readonly share: number;
  /** Slow players, and a publisher, are to be ended now: not while the level only stays in force. */
  readonly endsSlow: boolean;
  readonly endsPublisher: boolean;
}

/** Remembers the level. */
export class Watermark {
  #level: MemoryLevel = MemoryLevel.Normal;

  get level(): MemoryLevel {
    return this.#level;
  }

  /** @param limitBytes Infinity: there is none. */
  look(usedBytes: number, limitBytes: number): MemoryView {
    const share = usedBytes / limitBytes;
    const before = this.#level;
    this.#level =
      FALLING.find((level) => share >= BEGINS[level] - (level <= before ? SLACK : 0)) ??
      MemoryLevel.Normal;
    return {
      level: this.#level,
      before,
      share,
      endsSlow: share >= BEGINS[MemoryLevel.EndingSlow],
      endsPublisher: share >= BEGINS[MemoryLevel.EndingPublishers],
    };
  }
}
