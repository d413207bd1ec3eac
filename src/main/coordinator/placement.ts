/**
 * Which shard serves whom: pure functions of the primary's own counts, which change at hand-off and not with
 * measured load, so that a storm of joins is spread before any load shows.
 */

/** A shard as placement sees it. */
export interface PlacementShard {
  readonly index: number;
  readonly alive: boolean;
  /** Sum over its players of their stream's bitrate, by the primary's own count. */
  readonly assignedBitsPerSecond: number;
  /** Taken out of the choice by measured utilisation. */
  readonly excluded: boolean;
}

/** What of a shard decides whether it may be chosen. */
export type PlacementCandidate = Pick<PlacementShard, "index" | "alive" | "excluded">;

/** A player to place. */
export interface PlayerPlacement {
  /** `vhost/app/stream`. */
  readonly key: string;
  readonly shards: readonly PlacementShard[];
  /** Players of this stream by shard index, by the primary's own count. */
  readonly playersOfStreamPerShard: readonly number[];
  /** Players of one stream that stay home before others are asked; 0 = none. */
  readonly spillPlayers: number;
}

/**
 * The shard a stream's publisher goes to: rendezvous hash of the key over the live shards.
 * When a shard goes, only its own keys move.
 * @returns shard index, or -1 when none is alive.
 */
export function homeShard(key: string, shards: readonly PlacementCandidate[]): number {
  const hash = hashKey(key);
  let home = -1;
  let heaviest = -1;
  for (const { index } of eligible(shards)) {
    const weight = weigh(hash, index);
    if (weight > heaviest) {
      heaviest = weight;
      home = index;
    }
  }
  return home;
}

/** The live shards in the order in which the stream's players reach them; the first is its home. */
export function rendezvousOrder<Shard extends PlacementCandidate>(
  key: string,
  shards: readonly Shard[],
): Shard[] {
  const hash = hashKey(key);
  return eligible(shards)
    .map((shard) => ({ shard, weight: weigh(hash, shard.index) }))
    .sort((left, right) => right.weight - left.weight)
    .map(({ shard }) => shard);
}

/**
 * The shard of one more player. The first `spillPlayers` of a stream stay home; each further `spillPlayers` open the
 * next shard of the stream's rendezvous order, and the one with the least assigned bitrate among those is taken.
 * So a small stream wakes one shard, a large one all, and streams of any size even out.
 * @returns shard index, or -1 when none is alive.
 */
export function placePlayer(player: PlayerPlacement): number {
  const order = rendezvousOrder(player.key, player.shards);
  const players = order.reduce(
    (sum, { index }) => sum + (player.playersOfStreamPerShard[index] ?? 0),
    0,
  );
  const open =
    player.spillPlayers > 0 ? 1 + Math.floor(players / player.spillPlayers) : order.length;
  let [chosen] = order;
  for (const shard of order.slice(0, open)) {
    if (chosen === undefined || shard.assignedBitsPerSecond < chosen.assignedBitsPerSecond) {
      chosen = shard;
    }
  }
  return chosen?.index ?? -1;
}

/** Live shards that are not excluded; all live ones when every one is, because somebody has to serve. */
function eligible<Shard extends PlacementCandidate>(shards: readonly Shard[]): Shard[] {
  const alive = shards.filter((shard) => shard.alive);
  const free = alive.filter((shard) => !shard.excluded);
  return free.length > 0 ? free : alive;
}

/** Two independent 32-bit lanes over the key. */
interface KeyHash {
  readonly high: number;
  readonly low: number;
}

/** Odd multipliers with well-spread bits, one per lane, so that a collision in one is none in the other. */
const HIGH_FACTOR = 0x9e_37_79_b1;
const LOW_FACTOR = 0x85_eb_ca_77;

function hashKey(key: string): KeyHash {
  let high = key.length;
  let low = ~key.length;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    high = Math.imul(rotate(high, 13) ^ unit, HIGH_FACTOR);
    low = Math.imul(rotate(low, 19) + unit, LOW_FACTOR);
  }
  return { high: avalanche(high ^ rotate(low, 16)), low: avalanche(low) };
}

/** Weight of a shard for a key, 53 bits so that two shards practically never tie. */
function weigh(hash: KeyHash, shard: number): number {
  const salt = avalanche(Math.imul(shard + 1, HIGH_FACTOR));
  const high = avalanche(hash.high ^ salt);
  const low = avalanche(Math.imul(hash.low ^ high, LOW_FACTOR) + salt);
  return (high >>> 0) * 0x20_00_00 + (low >>> 11);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** Every input bit reaches every output bit. */
function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x7f_eb_35_2d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x84_6c_a6_8b);
  return mixed ^ (mixed >>> 16);
}
