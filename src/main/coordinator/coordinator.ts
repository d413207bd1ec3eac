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
} from "../../protocol/control/calls.ts";
import { RING_BYTES_MIN, TAPE_BYTES_MIN } from "../../protocol/limits.ts";
import { RingState, wrapFor } from "../../protocol/ring/ring-layout.ts";
import type { RingReader } from "../../protocol/ring/ring-reader.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { isPackaged, Packagers } from "./packagers.ts";
import { homeShard, type PlacementShard, placePlayer } from "./placement.ts";
import { lastTimestampOf } from "./ring-end.ts";
import type { RingPool } from "./ring-pool.ts";
import type { Seat } from "./seats.ts";
import {
  newEntry,
  type PlayerShare,
  type PublisherPlace,
  type StreamEntry,
  vacate,
} from "./stream-entry.ts";

export type { PlayerShare, PublisherPlace, StreamEntry } from "./stream-entry.ts";

const BITS = 8;
/** Numbers of plays stand in 32 bits of a row. */
const PLAYS_MAX = 0x7f_ff_ff_ff;

/** Rows below this are no rows: the writer is an upstream pull, see {@link pullPlace}. */
const PULL_ROW = -1;

/** The place of a pull that a shard has the duty for; an edge's pulls stand where publishers do. */
export function pullPlace(shard: number, pullId: number): PublisherPlace {
  return { shard, row: PULL_ROW - pullId };
}

/** True for the place of a pull. */
export function isPull(place: PublisherPlace | null): boolean {
  return place !== null && place.row < PULL_ROW;
}

/** Who is told when a stream loses its last player or its publisher. */
export interface DirectoryObserver {
  deserted(entry: StreamEntry): void;
  vacated(entry: StreamEntry): void;
}

/** Who is told of local publishers, not of pulls. */
export interface PublishObserver {
  /** Somebody publishes: told once or more, with each ring. */
  began(entry: StreamEntry): void;
  /** Nobody does any more. */
  ended(entry: StreamEntry): void;
}

type RingOpened = Extract<FromShard, { kind: "ring-opened" }>;
type RingEnded = Omit<Extract<FromShard, { kind: "ring-ended" }>, "figures">;

/** The directory. */
export class Coordinator {
  readonly #pool: RingPool;
  readonly #shards: readonly (ShardLink | undefined)[];
  readonly #spillPlayers: () => number;
  readonly #packagers: Packagers;
  readonly #byKey = new Map<string, StreamEntry>();
  readonly #byId = new Map<number, StreamEntry>();
  /** Bits per second assigned by hand-offs. */
  readonly #assigned: number[];
  #nextId = 1;
  #publishObserver: PublishObserver | undefined;
  readonly #observers: DirectoryObserver[] = [];
  #announcements = 0;
  #plays = 0;

  /**
   * @param shards Live table of the supervisor: a slot is undefined while its thread is being replaced.
   * @param spillPlayers Players of one stream that stay on its home shard; a reload may change it.
   */
  constructor(
    pool: RingPool,
    shards: readonly (ShardLink | undefined)[],
    spillPlayers: () => number,
    packagers: Packagers = new Packagers(0, 0),
  ) {
    this.#pool = pool;
    this.#shards = shards;
    this.#spillPlayers = spillPlayers;
    this.#packagers = packagers;
    this.#assigned = new Array<number>(shards.length).fill(0);
  }

  /** Who hears of streams without players and without publisher. */
  observe(observer: DirectoryObserver): void {
    this.#observers.push(observer);
  }

  /** Who hears of local publishers. */
  observePublishers(observer: PublishObserver): void {
    this.#publishObserver = observer;
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

  findById(streamId: number): StreamEntry | undefined {
    return this.#byId.get(streamId);
  }

  /** The entry of a key; a new one lives only as long as somebody publishes or plays. */
  enter(key: string, settings: StreamSettings): StreamEntry {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      return known;
    }
    const entry = newEntry(this.#nextId, key, settings, this.#shards.length);
    this.#nextId += 1;
    this.#byKey.set(key, entry);
    this.#byId.set(entry.id, entry);
    return entry;
  }

  /** Removes an entry that nobody uses; one that was removed already stays so. */
  prune(entry: StreamEntry): void {
    const isUsed = entry.publisher !== null || entry.players.some((count) => count > 0);
    if (isUsed || !this.#byId.delete(entry.id)) {
      return;
    }
    for (const shard of [...entry.knownBy.keys()]) {
      this.#forget(entry, shard);
    }
    this.#byKey.delete(entry.key);
  }

  /** Shard for a publisher: the key's home. -1 when none is alive. */
  placePublisher(key: string): number {
    return homeShard(key, this.#placementShards());
  }

  /** Shard for one more player. -1 when none is alive. */
  placePlayer(entry: StreamEntry): number {
    this.#rate(entry);
    return placePlayer({
      key: entry.key,
      shards: this.#placementShards(),
      playersOfStreamPerShard: entry.players,
      spillPlayers: this.#spillPlayers(),
    });
  }

  /** The thread that packages a key, whether it runs or is being replaced; -1: there is none. */
  packagerOf(key: string): number {
    return this.#packagers.of(key);
  }

  /** Tells packagers of the streams that they are to make files of and do not know. */
  announceToPackagers(): void {
    for (const entry of this.#byKey.values()) {
      this.#announceToPackager(entry);
    }
  }

  /** Tells a shard about a stream and its ring, once. */
  announce(entry: StreamEntry, shard: number): void {
    if (entry.knownBy.has(shard)) {
      return;
    }
    this.#announcements += 1;
    const announcement = this.#announcements;
    entry.knownBy.set(shard, announcement);
    const { id: streamId, key, settings } = entry;
    const news: StreamNews = { kind: "stream", streamId, key, settings, announcement };
    this.#shards[shard]?.post(news);
    this.#tellRing(entry, shard);
  }

  /** A new publisher's first ring: one of which files are made is larger, since a file may be sent at once. */
  lendFirstRing(shard: number, { hls, dvr, ringBudgetBytes }: StreamSettings): RingLease | null {
    const larger = Math.min(TAPE_BYTES_MIN, wrapFor(ringBudgetBytes));
    const lease = hls === null && dvr === null ? null : this.lendRing(shard, larger);
    return lease ?? this.lendRing(shard);
  }

  /** A ring for a stream; null when the host's ring budget is spent. */
  lendRing(shard: number, wrapBytes: number = RING_BYTES_MIN): RingLease | null {
    return this.#pool.lend(wrapBytes, shard);
  }

  /** Takes a lease back: the shard has let go of it, or was never sent it. */
  releaseRing(shard: number, ringId: number): void {
    this.#pool.release(ringId, shard);
  }

  /** Counts a player that was handed to a shard. @param seat Given back when it is removed. */
  addPlayer(entry: StreamEntry, shard: number, seat: Seat | null = null): PlayerShare {
    entry.players[shard] = (entry.players[shard] ?? 0) + 1;
    this.#assign(shard, entry.bitsPerSecond);
    this.#plays = (this.#plays % PLAYS_MAX) + 1;
    return { entry, shard, play: this.#plays, seat };
  }

  /** A player is gone. */
  removePlayer({ entry, shard, seat }: PlayerShare): void {
    seat?.release();
    const players = entry.players[shard] ?? 0;
    // None are left where the shard died.
    if (players > 0) {
      entry.players[shard] = players - 1;
      this.#assign(shard, -entry.bitsPerSecond);
    }
    this.#forgetUnused(entry, shard);
    if (entry.players.every((count) => count === 0)) {
      for (const observer of this.#observers) {
        observer.deserted(entry);
      }
    }
    this.prune(entry);
  }

  /** The publisher of an entry is gone, if it still is this one. */
  removePublisher(entry: StreamEntry, place: PublisherPlace): void {
    if (entry.publisher?.shard !== place.shard || entry.publisher.row !== place.row) {
      return;
    }
    vacate(entry);
    entry.ringId = null;
    this.#forgetUnused(entry, place.shard);
    for (const observer of this.#observers) {
      observer.vacated(entry);
    }
    this.#publishObserver?.ended(entry);
    this.prune(entry);
  }

  /** True when the publisher of an entry has ended it and the news is still on its way: its ring says so first. */
  isOver(entry: StreamEntry): boolean {
    return this.#readerOf(entry)?.state === RingState.Ended;
  }

  /** Measured rate of a live stream, 0 when not known. */
  bytesPerSecond(entry: StreamEntry): number {
    return this.#readerOf(entry)?.bytesPerSecond ?? 0;
  }

  /** Players may read a new ring of a stream. */
  ringOpened(writer: number, { streamId, lease }: RingOpened): void {
    // The writer's shard reads its own ring too, on a lease of its own.
    this.#pool.share(lease.ringId, writer);
    const entry = this.#byId.get(streamId);
    if (entry?.publisher?.shard !== writer) {
      return;
    }
    this.#announceToPackager(entry);
    entry.ringId = lease.ringId;
    if (!isPull(entry.publisher)) {
      this.#publishObserver?.began(entry);
    }
    for (const shard of entry.knownBy.keys()) {
      if (shard !== writer) {
        this.#tellRing(entry, shard);
      }
    }
  }

  /**
   * A publish has ended, its connection may stay: the name is free from now on. A pull keeps it: it goes on with another
   * ring.
   * @returns who published what; undefined when that is known already.
   */
  ringEnded(
    writer: number,
    { streamId, ringId, end }: RingEnded,
  ): { entry: StreamEntry; publisher: PublisherPlace } | undefined {
    const entry = this.#byId.get(streamId);
    const publisher = entry?.publisher;
    if (entry === undefined || publisher?.shard !== writer || entry.ringId !== ringId) {
      return undefined;
    }
    entry.previous = end;
    if (isPull(publisher)) {
      entry.ringId = null;
      return undefined;
    }
    this.removePublisher(entry, publisher);
    return { entry, publisher };
  }

  /**
   * A shard is gone with everything on it. Its rings are found by the names that it published: to be called before its
   * clients are removed.
   */
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
    vacate(entry);
    const reader = this.#readerOf(entry);
    if (reader !== undefined) {
      const last = lastTimestampOf(reader);
      entry.previous = { audio: last, video: last };
    }
    entry.ringId = null;
    this.#publishObserver?.ended(entry);
  }

  /** A stream's rate has changed since its players were counted: they count anew. */
  #rate(entry: StreamEntry): void {
    const measured = this.bytesPerSecond(entry) * BITS;
    const change = measured - entry.bitsPerSecond;
    if (measured === 0 || change === 0) {
      return;
    }
    entry.bitsPerSecond = measured;
    for (const [shard, players] of entry.players.entries()) {
      this.#assign(shard, players * change);
    }
  }

  #announceToPackager(entry: StreamEntry): void {
    const packager = isPackaged(entry) ? this.packagerOf(entry.key) : -1;
    if (this.#shards[packager]?.isAlive === true) {
      this.announce(entry, packager);
    }
  }

  #assign(shard: number, bitsPerSecond: number): void {
    this.#assigned[shard] = (this.#assigned[shard] ?? 0) + bitsPerSecond;
  }

  #readerOf(entry: StreamEntry): RingReader | undefined {
    return entry.ringId === null ? undefined : this.#pool.readerOf(entry.ringId);
  }

  #placementShards(): PlacementShard[] {
    return this.#shards.map((shard, index) => ({
      index,
      alive: shard?.isShard === true && shard.isAlive,
      assignedBitsPerSecond: this.#assigned[index] ?? 0,
      excluded: false,
    }));
  }

  #tellRing(entry: StreamEntry, shard: number): void {
    const link = this.#shards[shard];
    if (entry.ringId === null || !link?.isAlive) {
      // A lease that is not sent would never come back.
      return;
    }
    const lease = this.#pool.share(entry.ringId, shard);
    if (lease !== null) {
      const isPushed = entry.settings.upstream !== null && !isPull(entry.publisher);
      const told = isPushed ? { ...lease, isPushed } : lease;
      link.post({ kind: "ring", streamId: entry.id, lease: told } satisfies RingNews);
    }
  }

  #forgetUnused(entry: StreamEntry, shard: number): void {
    const { publisher, players, settings } = entry;
    const isWatched = (players[shard] ?? 0) > 0 || publisher?.shard === shard;
    const isKept = publisher !== null && settings.keptForm !== null;
    const isKeptHere = isKept && this.#shards[shard]?.role === "gateway";
    const isPackagedHere = isPackaged(entry) && this.packagerOf(entry.key) === shard;
    if (!(isWatched || isKeptHere || isPackagedHere)) {
      this.#forget(entry, shard);
    }
  }

  #forget(entry: StreamEntry, shard: number): void {
    const announcement = entry.knownBy.get(shard);
    if (announcement !== undefined) {
      entry.knownBy.delete(shard);
      this.#shards[shard]?.post({ kind: "forget", streamId: entry.id, announcement });
    }
  }
}
