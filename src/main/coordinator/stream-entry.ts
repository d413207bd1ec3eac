/** One stream of the directory: who publishes and plays it, and who was told. */
import type { StreamSettings, TimelineEnd } from "../../protocol/control/calls.ts";
import type { Seat } from "./seats.ts";

/** What a player of a stream whose rate is not known yet counts for: a storm on it is spread as well. */
const BITS_PER_SECOND_UNKNOWN = 1_000_000;

/** Who publishes a stream. */
export interface PublisherPlace {
  readonly shard: number;
  readonly row: number;
}

/** One key with a publisher or players. */
export interface StreamEntry {
  readonly id: number;
  /** `vhost/app/stream`. */
  readonly key: string;
  /** Replaced by a reload. */
  settings: StreamSettings;
  /** null while nobody publishes; the row is -1 until the hand-off. */
  publisher: PublisherPlace | null;
  /** The publisher's; null of a pull. */
  seat: Seat | null;
  /** The ring that players read now. */
  ringId: number | null;
  previous: TimelineEnd | null;
  /** What each player counts for: the stream's rate when it was last looked at. */
  bitsPerSecond: number;
  /** Players by shard. */
  readonly players: number[];
  /** Shards that know the stream, each with the number of the announcement. */
  readonly knownBy: Map<number, number>;
}

/** A player as it counts for its stream and shard. */
export interface PlayerShare {
  readonly entry: StreamEntry;
  readonly shard: number;
  /** Number of the play, 1 or more, never used again while it could be mistaken. */
  readonly play: number;
  /** null: it is not counted. */
  readonly seat: Seat | null;
}

/** An entry that nobody uses yet. @param threads As many may have players. */
export function newEntry(
  id: number,
  key: string,
  settings: StreamSettings,
  threads: number,
): StreamEntry {
  return {
    id,
    key,
    settings,
    publisher: null,
    seat: null,
    ringId: null,
    previous: null,
    bitsPerSecond: BITS_PER_SECOND_UNKNOWN,
    players: new Array<number>(threads).fill(0),
    knownBy: new Map(),
  };
}

/** Nobody publishes it any more. */
export function vacate(entry: StreamEntry): void {
  entry.publisher = null;
  entry.seat?.release();
  entry.seat = null;
}
