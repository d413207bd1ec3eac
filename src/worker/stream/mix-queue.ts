/**
 * `mix_correct`: audio and video leave in one rising order of time. Messages of one track are held until the other has
 * one as well, within bounds: a few messages, two seconds, some bytes. A track that stays alone is passed at once until
 * the other appears.
 *
 * Order within a track never changes. What arrives later than the bounds allow leaves out of order, as it came.
 */
import { Track } from "./timeline.ts";

/** Messages of one track held while the other has none: SRS's count for a pure stream. */
const HELD_MAX = 10;
/** Milliseconds of stream held of one track. */
const HELD_MS_MAX = 2000;
/** Bytes held of one track. */
const HELD_BYTES_MAX: number = 8 * 1024 * 1024;

/** What is ordered. **Owned** by the queue while it is held. */
export interface Mixable {
  /** Milliseconds modulo 2^32. */
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** Holds and orders the messages of two tracks. */
export class MixQueue<Item extends Mixable> {
  readonly #emit: (item: Item) => void;
  readonly #held: readonly [Item[], Item[]] = [[], []];
  readonly #heldBytes: [number, number] = [0, 0];
  /** The track that is alone: it has run over the bounds since the other was last seen. */
  #alone = -1;

  constructor(emit: (item: Item) => void) {
    this.#emit = emit;
  }

  /** Messages held. */
  get size(): number {
    return this.#held[0].length + this.#held[1].length;
  }

  /** Takes the next message of a track (see {@link Track}) and emits what is due. */
  push(track: number, item: Item): void {
    const own = track === Track.Audio ? 0 : 1;
    if (this.#alone === own) {
      this.#emit(item);
      return;
    }
    this.#alone = -1;
    this.#held[own].push(item);
    this.#heldBytes[own] += item.payload.length;
    this.#emitMixed();
    while (this.#isOver(own)) {
      this.#shift(own);
      this.#alone = own;
    }
    if (this.#alone === own) {
      this.drain();
    }
  }

  /** Emits all that is held, in order of time: the stream ends. */
  drain(): void {
    this.#emitMixed();
    for (const track of [0, 1] as const) {
      while (this.#held[track].length > 0) {
        this.#shift(track);
      }
    }
  }

  #emitMixed(): void {
    for (;;) {
      const [audio, video] = [this.#held[0][0], this.#held[1][0]];
      if (audio === undefined || video === undefined) {
        return;
      }
      this.#shift(((audio.timestamp - video.timestamp) | 0) <= 0 ? 0 : 1);
    }
  }

  #isOver(track: 0 | 1): boolean {
    const held = this.#held[track];
    const first = held[0];
    const last = held.at(-1);
    if (first === undefined || last === undefined) {
      return false;
    }
    return (
      held.length > HELD_MAX ||
      this.#heldBytes[track] > HELD_BYTES_MAX ||
      ((last.timestamp - first.timestamp) | 0) > HELD_MS_MAX
    );
  }

  #shift(track: 0 | 1): void {
    const item = this.#held[track].shift();
    if (item !== undefined) {
      this.#heldBytes[track] -= item.payload.length;
      this.#emit(item);
    }
  }
}
