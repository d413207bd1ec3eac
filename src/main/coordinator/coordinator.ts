/**
 * The directory of live streams: which shard writes a key, which ring its players read, and who was told. Exclusivity
 * lives here: one publisher per key on the whole host. Changed only by hand-offs and by what shards tell.
 */
import type {
  FromShard,
  RingLease,
  RingNews,
  StreamNews,
  StreamSettings,
  TimelineEnd,
} from "../../protocol/control/calls.ts";
import { RING_BYTES_MIN } from "../../protocol/limits.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { homeShard, type PlacementShard, placePlayer } from "./placement.ts";
import type { RingPool } from "./ring-pool.ts";

const BITS = 8;

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
  readonly settings: StreamSettings;
  /** null while nobody publishes; the row is -1 until the hand-off. */
  publisher: PublisherPlace | null;
  /** The ring that players read now. */
  ringId: number | null;
  previous: TimelineEnd | null;
  /** Players by shard. */
  readonly players: number[];
  /** Shards that know the stream. */
  readonly knownBy: Set<number>;
}

/** A player's share of a shard's assigned bitrate. */
export interface PlayerShare {
  readonly entry: StreamEntry;
  readonly shard: number;
  readonly bitsPerSecond: number;
}

/** The directory. */
export class Coordinator {
  readonly #pool: RingPool;
  readonly #shards: readonly (ShardLink | undefined)[];
  readonly #spillPlayers: number;
  readonly #byKey = new Map<string, StreamEntry>();
  readonly #byId = new Map<number, StreamEntry>();
  /** Bits per second assigned by hand-offs. */
  readonly #assigned: number[];
  #nextId = 1;

  /** @param shards Live table of the supervisor: a slot is undefined while its thread is being replaced. */
  constructor(pool: RingPool, shards: readonly (ShardLink | undefined)[], spillPlayers: number) {
    this.#pool = pool;
    this.#shards = shards;
    this.#spillPlayers = spillPlayers;
    this.#assigned = new Array<number>(shards.length).fill(0);
  }

  /** Streams with a publisher or players. */
  get streams(): Iterable<StreamEntry> {
    return this.#byKey.values();
  }

  /** Number of streams in the directory. */
  get size(): number {
    return this.#byKey.size;
  }

  find(key: string): StreamEntry | undefined {
    return this.#byKey.get(key);
  }

  /** The entry of a key; a new one lives only as long as somebody publishes or plays. */
  enter(key: string, settings: StreamSettings): StreamEntry {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      return known;
    }
    const entry: StreamEntry = {
      id: this.#nextId,
      key,
      settings,
      publisher: null,
      ringId: null,
      previous: null,
      players: this.#shards.map(() => 0),
      knownBy: new Set(),
    };
    this.#nextId += 1;
    this.#byKey.set(key, entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  /** Removes an entry that nobody uses. */
  prune(entry: StreamEntry): void {
    if (entry.publisher === null && entry.players.every((count) => count === 0)) {
      for (const shard of [...entry.knownBy]) {
        this.#forget(entry, shard);
      }
      this.#byKey.delete(entry.key);
      this.#byId.delete(entry.id);
    }
  }

  /** Shard for a publisher: the key's home. -1 when none is alive. */
  placePublisher(key: string): number {
    return homeShard(key, this.#placementShards());
  }

  /** Shard for one more player. -1 when none is alive. */
  placePlayer(entry: StreamEntry): number {
    return placePlayer({
      key: entry.key,
      shards: this.#placementShards(),
      playersOfStreamPerShard: entry.players,
      spillPlayers: this.#spillPlayers,
    });
  }

  /** Tells a shard about a stream and its ring, once. */
  announce(entry: StreamEntry, shard: number): void {
    if (entry.knownBy.has(shard)) {
      return;
    }
    entry.knownBy.add(shard);
    const { id: streamId, key, settings } = entry;
    this.#shards[shard]?.post({ kind: "stream", streamId, key, settings } satisfies StreamNews);
    this.#tellRing(entry, shard);
  }

  /** A ring for a new publisher; null when the host's ring budget is spent. */
  lendRing(shard: number, wrapBytes: number = RING_BYTES_MIN): RingLease | null {
    return this.#pool.lend(wrapBytes, shard);
  }

  /** Counts a player that was handed to a shard. */
  addPlayer(entry: StreamEntry, shard: number): PlayerShare {
    const bitsPerSecond = this.bytesPerSecond(entry) * BITS;
    entry.players[shard] = (entry.players[shard] ?? 0) + 1;
    this.#assigned[shard] = (this.#assigned[shard] ?? 0) + bitsPerSecond;
    return { entry, shard, bitsPerSecond };
  }

  /** A player is gone. */
  removePlayer({ entry, shard, bitsPerSecond }: PlayerShare): void {
    entry.players[shard] = Math.max(0, (entry.players[shard] ?? 0) - 1);
    this.#assigned[shard] = Math.max(0, (this.#assigned[shard] ?? 0) - bitsPerSecond);
    this.#forgetUnused(entry, shard);
    this.prune(entry);
  }

  /** The publisher of an entry is gone, if it still is this one. */
  removePublisher(entry: StreamEntry, place: PublisherPlace): void {
    if (entry.publisher?.shard !== place.shard || entry.publisher.row !== place.row) {
      return;
    }
    entry.publisher = null;
    entry.ringId = null;
    this.#forgetUnused(entry, place.shard);
    this.prune(entry);
  }

  /** Measured rate of a live stream, 0 when not known. */
  bytesPerSecond(entry: StreamEntry): number {
    const memory = entry.ringId === null ? undefined : this.#pool.memoryOf(entry.ringId);
    return memory === undefined ? 0 : new RingReader(memory).bytesPerSecond;
  }

  /** News of rings from a shard. */
  take(shard: number, message: Extract<FromShard, { kind: `ring-${string}` }>): void {
    if (message.kind === "ring-released") {
      this.#pool.release(message.ringId, shard);
      return;
    }
    const entry = this.#byId.get(message.streamId);
    if (message.kind === "ring-opened") {
      this.#ringOpened(entry, shard, message.lease);
    } else if (entry !== undefined && entry.ringId === message.ringId) {
      entry.ringId = null;
      entry.previous = message.end;
    }
  }

  /** A shard is gone with everything on it. Its clients are removed one by one by the caller, before this. */
  shardDied(shard: number): void {
    for (const entry of [...this.#byKey.values()]) {
      entry.knownBy.delete(shard);
      entry.players[shard] = 0;
      if (entry.publisher?.shard === shard) {
        this.#publisherDied(entry);
      }
      this.prune(entry);
    }
    this.#assigned[shard] = 0;
    this.#pool.releaseThread(shard);
  }

  #publisherDied(entry: StreamEntry): void {
    entry.publisher = null;
    const memory = entry.ringId === null ? undefined : this.#pool.memoryOf(entry.ringId);
    if (entry.ringId !== null && memory !== undefined) {
      const reader = new RingReader(memory);
      entry.previous = {
        audio: reader.lastTimestamp("audio"),
        video: reader.lastTimestamp("video"),
      };
      this.#pool.markDead(entry.ringId);
    }
    entry.ringId = null;
  }

  #placementShards(): PlacementShard[] {
    return this.#shards.map((shard, index) => ({
      index,
      alive: shard?.isAlive ?? false,
      assignedBitsPerSecond: this.#assigned[index] ?? 0,
      excluded: false,
    }));
  }

  #ringOpened(entry: StreamEntry | undefined, writer: number, lease: RingLease): void {
    // The writer's shard reads its own ring too, on a lease of its own.
    this.#pool.share(lease.ringId, writer);
    if (entry === undefined) {
      return;
    }
    entry.ringId = lease.ringId;
    for (const shard of entry.knownBy) {
      if (shard !== writer) {
        this.#tellRing(entry, shard);
      }
    }
  }

  #tellRing(entry: StreamEntry, shard: number): void {
    const lease = entry.ringId === null ? null : this.#pool.share(entry.ringId, shard);
    if (lease !== null) {
      this.#shards[shard]?.post({ kind: "ring", streamId: entry.id, lease } satisfies RingNews);
    }
  }

  #forgetUnused(entry: StreamEntry, shard: number): void {
    if ((entry.players[shard] ?? 0) === 0 && entry.publisher?.shard !== shard) {
      this.#forget(entry, shard);
    }
  }

  #forget(entry: StreamEntry, shard: number): void {
    if (entry.knownBy.delete(shard)) {
      this.#shards[shard]?.post({ kind: "forget", streamId: entry.id });
    }
  }
}
