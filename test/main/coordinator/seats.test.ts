/** E-15: how many play and publish at one time is counted right, whatever ends them and whatever a reload says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Client, Clients, NO_STREAMS } from "../../../src/main/coordinator/clients.ts";
import { Coordinator, type StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { type Seat, type SeatClaim, Seats } from "../../../src/main/coordinator/seats.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { ThreadNews, type ThreadNewsHost } from "../../../src/main/thread-news.ts";
import { decodeNetwork } from "../../../src/protocol/access/network.ts";
import type { SeatLimits } from "../../../src/protocol/conf/config-types.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";

const NONE: SeatLimits = {
  streamPlayers: 0,
  players: 0,
  publishers: 0,
  addressSessions: 0,
  addressExempt: [],
  tokenSessions: 0,
};
const CLAIM: SeatClaim = { action: "play", vhost: "v", key: "v/live/a", ip: "1.2.3.4", token: "" };

let now = 0;
let lines: string[] = [];

function seatsWith(limits: Partial<SeatLimits>, vhost = "v"): Seats {
  now = 0;
  lines = [];
  return new Seats({
    limitsOf: (name) => (name === vhost ? { ...NONE, ...limits } : undefined),
    log: { warn: (cid, text, code) => void lines.push(`${cid} ${text} ${code}`) },
    now: () => now,
  });
}

function codeOf(seats: Seats, claim: Partial<SeatClaim>, leaving?: Seat | null): string {
  return seats.refusalOf({ ...CLAIM, ...claim }, leaving)?.code ?? "";
}

for (const [name, limit, code, others] of [
  [
    "stream_players",
    { streamPlayers: 2 },
    "ERR_LIMIT_STREAM",
    [{ key: "v/live/b" }, { action: "publish" }, { vhost: "w", key: "w/live/a" }],
  ],
  ["players", { players: 2 }, "ERR_LIMIT_PLAYERS", [{ action: "publish" }, { vhost: "w" }]],
  [
    "address_sessions",
    { addressSessions: 2 },
    "ERR_LIMIT_ADDRESS",
    [{ ip: "1.2.3.5" }, { ip: "" }],
  ],
] as const) {
  test(`E-15 ${name}: as many as it says, and others do not count`, () => {
    const seats = seatsWith(limit);
    const first = seats.take(CLAIM);
    assert.equal(codeOf(seats, {}), "");
    seats.take(CLAIM);
    assert.equal(codeOf(seats, {}), code);
    assert.equal(seats.refusalOf(CLAIM)?.status, "NetStream.Play.Failed");
    assert.equal(codeOf(seats, {}, first), "", "in the place of one of them");
    for (const other of others) {
      assert.equal(codeOf(seats, other), "", JSON.stringify(other));
    }
    first?.release();
    first?.release();
    assert.equal(codeOf(seats, {}), "");
    seats.take(CLAIM);
    assert.equal(codeOf(seats, {}), code, "given back once");
  });
}

test("E-15 publishers: those of the vhost, with a status of their own", () => {
  const seats = seatsWith({ publishers: 1 });
  const publish: SeatClaim = { ...CLAIM, action: "publish" };
  seats.take(publish);
  const refusal = seats.refusalOf({ ...publish, key: "v/live/b" });
  assert.deepEqual(
    [refusal?.code, refusal?.status],
    ["ERR_LIMIT_PUBLISHERS", "NetStream.Publish.Denied"],
  );
  assert.equal(codeOf(seats, {}), "", "a player");
});

test("E-15 token_sessions: plays and publishes of one token; who has none is not counted", () => {
  const seats = seatsWith({ tokenSessions: 1 });
  seats.take(CLAIM);
  seats.take(CLAIM);
  assert.equal(codeOf(seats, {}), "");
  seats.take({ ...CLAIM, token: "x" });
  assert.equal(codeOf(seats, { token: "x", action: "publish", ip: "5.6.7.8" }), "ERR_LIMIT_TOKEN");
  assert.equal(codeOf(seats, { token: "y" }), "");
});

test("E-15 an address is a /64 of IPv6, and the IPv4 address inside IPv6", () => {
  const seats = seatsWith({ addressSessions: 1 });
  seats.take({ ...CLAIM, ip: "2001:db8::1" });
  seats.take({ ...CLAIM, ip: "::ffff:10.0.0.1" });
  assert.equal(codeOf(seats, { ip: "2001:db8:0:0:ffff::2" }), "ERR_LIMIT_ADDRESS");
  assert.equal(codeOf(seats, { ip: "2001:db8:0:1::1" }), "");
  assert.equal(codeOf(seats, { ip: "10.0.0.1" }), "ERR_LIMIT_ADDRESS");
});

test("E-15 exempt addresses meet no limit of addresses, but the others", () => {
  const [edge = assert.fail()] = [decodeNetwork("10.0.0.0/8")];
  const seats = seatsWith({ addressSessions: 1, streamPlayers: 3, addressExempt: [edge] });
  for (const ip of ["10.0.0.1", "10.0.0.1", "1.2.3.4"]) {
    assert.equal(codeOf(seats, { ip }), "", ip);
    seats.take({ ...CLAIM, ip });
  }
  assert.equal(codeOf(seats, { ip: "10.0.0.1" }), "ERR_LIMIT_STREAM");
});

test("E-15 who is not counted is never refused", () => {
  const seats = seatsWith({ players: 1 });
  seats.take(CLAIM);
  assert.equal(seats.refusalOf(null), undefined);
  assert.equal(seats.take(null), null);
});

test("E-15 a flood beyond a limit is one line a second, with the number", () => {
  const seats = seatsWith({ players: 1, tokenSessions: 1 });
  seats.take({ ...CLAIM, token: "secret-token" });
  for (let time = 0; time < 1000; time += 1) {
    codeOf(seats, {});
    now += 2;
  }
  codeOf(seats, { token: "secret-token" });
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /^limits vhost v: players 1 is reached, refused: 1, .*ERR_LIMIT_P/);
  assert.match(lines[1] ?? "", /refused: 500, the last one: stream=v\/live\/a, ip=1\.2\.3\.4/);
  assert.doesNotMatch(lines.join(), /secret-token/);
});

// --- all that may happen to sessions, by the primary's own way of ending them ---

const SHARDS = 3;
const STREAMS = ["v/live/a", "v/live/b", "w/live/a"];
const ADDRESSES = ["1.1.1.1", "2.2.2.2", ""];
const TOKENS = ["", "t", "u"];
const SETTINGS = {
  keptForm: null,
  hls: null,
  dvr: null,
  upstream: null,
} as unknown as StreamSettings;

type Step =
  | { readonly kind: "join"; readonly shard: number; readonly claim: SeatClaim }
  | { readonly kind: "more" | "leave" | "end-play" | "end-publish"; readonly at: number }
  | { readonly kind: "die"; readonly shard: number }
  | { readonly kind: "limits"; readonly limits: SeatLimits };

const claims: fc.Arbitrary<SeatClaim> = fc
  .record({
    action: fc.constantFrom("play", "play", "publish"),
    key: fc.constantFrom(...STREAMS),
    ip: fc.constantFrom(...ADDRESSES),
    token: fc.constantFrom(...TOKENS),
  })
  .map((claim) => ({ ...claim, vhost: claim.key[0] ?? "" }));
const max = fc.integer({ min: 0, max: 4 });
const shards = fc.integer({ min: 0, max: SHARDS - 1 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("join"), shard: shards, claim: claims }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom("more", "leave", "end-play", "end-publish"),
      at: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("die"), shard: shards }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("limits"),
      limits: fc.record({
        streamPlayers: max,
        players: max,
        publishers: max,
        addressSessions: max,
        addressExempt: fc.constant([]),
        tokenSessions: max,
      }),
    }),
  },
);

/** What is played and published, kept the plain way. */
interface Session {
  readonly client: Client;
  readonly claims: SeatClaim[];
}

/** A primary's directory, and beside it a list of all that there is. */
class World {
  limits: SeatLimits = NONE;
  readonly seats: Seats = new Seats({
    limitsOf: () => this.limits,
    log: { warn: () => undefined },
    now: () => 0,
  });
  readonly coordinator: Coordinator;
  readonly clients = new Clients();
  sessions: Session[] = [];
  readonly #links: ShardLink[];
  readonly #news: ThreadNews;
  #row = 0;

  constructor() {
    this.#links = Array.from({ length: SHARDS }, (_, index) => {
      const board = { bytesIn: [], bytesOut: [] };
      const link = { index, board, isAlive: true, isShard: true };
      return Object.assign(link, {
        post: () => undefined,
        releaseRow: () => undefined,
      }) as unknown as ShardLink;
    });
    this.coordinator = new Coordinator(new RingPool(0), this.#links, () => 0);
    const nothing = (): void => undefined;
    this.#news = new ThreadNews({
      clients: this.clients,
      coordinator: this.coordinator,
      edge: { shardDied: nothing },
      forwards: { shardDied: nothing },
      books: { writerEnded: nothing, threadDied: nothing },
      hls: { left: nothing, died: nothing },
      rollout: { shardDied: nothing },
      log: { info: nothing },
    } as unknown as ThreadNewsHost);
  }

  step(step: Step): void {
    switch (step.kind) {
      case "join":
        this.#join(step.shard, step.claim);
        break;
      case "die":
        this.#news.shardDied(this.#linkOf(step.shard));
        this.sessions = this.sessions.filter(({ client }) => client.shard !== step.shard);
        break;
      case "limits":
        this.limits = step.limits;
        break;
      default: {
        const session = this.sessions[step.at % Math.max(1, this.sessions.length)];
        if (session !== undefined) {
          this[step.kind](session);
        }
      }
    }
  }

  /** The same by the list: which limits somebody would meet. */
  isFull(claim: SeatClaim): boolean {
    const all = this.sessions.flatMap((session) => session.claims);
    const { action, vhost, key, ip, token } = claim;
    const isPlay = action === "play";
    const same = all.filter((one) => one.vhost === vhost);
    const met: readonly (readonly [number, number])[] = [
      [isPlay ? this.limits.streamPlayers : 0, plays(all.filter((one) => one.key === key))],
      [isPlay ? this.limits.players : 0, plays(same)],
      [isPlay ? 0 : this.limits.publishers, same.length - plays(same)],
      [ip === "" ? 0 : this.limits.addressSessions, same.filter((one) => one.ip === ip).length],
      [token === "" ? 0 : this.limits.tokenSessions, same.filter((o) => o.token === token).length],
    ];
    return met.some(([limit, count]) => limit > 0 && count >= limit);
  }

  #linkOf(shard: number): ShardLink {
    return this.#links[shard] ?? assert.fail();
  }

  #join(shard: number, claim: SeatClaim): void {
    this.#row += 1;
    const common = { id: "", ip: claim.ip, type: "rtmp-play", shard, row: this.#row, path: "" };
    const rest = { since: 0, published: NO_STREAMS, plays: [], request: {} };
    const session = { client: { ...common, ...rest } as unknown as Client, claims: [] };
    if (this.#begin(session, claim)) {
      this.clients.add(session.client);
      this.sessions.push(session);
    }
  }

  /** As placing does. @returns false when it is refused. */
  #begin({ client, claims: begun }: Session, claim: SeatClaim): boolean {
    const isTaken = this.coordinator.find(claim.key)?.publisher != null;
    const isFull = this.seats.refusalOf(claim) !== undefined;
    if (isFull || (claim.action === "publish" && isTaken)) {
      return false;
    }
    const entry = this.coordinator.enter(claim.key, SETTINGS);
    const seat = this.seats.take(claim);
    if (claim.action === "play") {
      client.plays = [...client.plays, this.coordinator.addPlayer(entry, client.shard, seat)];
    } else {
      entry.publisher = { shard: client.shard, row: client.row };
      entry.seat = seat;
      entry.ringId = client.row;
      client.published = new Set([...client.published, entry]);
    }
    begun.push(claim);
    return true;
  }

  /** One play more on the connection of a session. */
  more(session: Session): void {
    const [claim] = session.claims;
    if (claim !== undefined) {
      this.#begin(session, { ...claim, action: "play" });
    }
  }

  leave({ client }: Session): void {
    const gone = { kind: "gone", row: client.row, reason: "closed by peer", detail: "" } as const;
    // A row's end is told once; a second time changes nothing.
    for (const time of [1, 2]) {
      this.#news.take(this.#linkOf(client.shard), { ...gone, bytesIn: time, bytesOut: time });
    }
    this.sessions = this.sessions.filter((session) => session.client !== client);
  }

  "end-play"({ client, claims: begun }: Session): void {
    const [share] = client.plays;
    if (share !== undefined) {
      client.plays = client.plays.slice(1);
      this.coordinator.removePlayer(share);
      begun.splice(
        begun.findIndex(({ action, key }) => action === "play" && key === share.entry.key),
        1,
      );
    }
  }

  "end-publish"({ client, claims: begun }: Session): void {
    const [entry]: readonly StreamEntry[] = [...client.published];
    if (entry !== undefined) {
      const end = { audio: 0, video: 0 };
      const ended = { kind: "ring-ended", streamId: entry.id, ringId: client.row, end } as const;
      const news = { ...ended, figures: null } as never;
      this.#news.take(this.#linkOf(client.shard), news);
      this.#news.take(this.#linkOf(client.shard), news);
      begun.splice(
        begun.findIndex(({ action }) => action === "publish"),
        1,
      );
    }
  }
}

function plays(all: readonly SeatClaim[]): number {
  return all.filter(({ action }) => action === "play").length;
}

test("E-15 joins, ends, deaths and reloads in any order never leak a seat, nor give one twice", {
  timeout: 60_000,
}, () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), claims, (taken, newcomer) => {
      const world = new World();
      for (const step of taken) {
        world.step(step);
        const isRefused = world.seats.refusalOf(newcomer) !== undefined;
        assert.equal(isRefused, world.isFull(newcomer), JSON.stringify(step));
      }
      for (const session of world.sessions) {
        world.leave(session);
      }
      assert.deepEqual(
        [world.seats.size, world.coordinator.size, world.clients.size],
        [0, 0, 0],
        "nothing is left",
      );
    }),
    { numRuns: 300 },
  );
});
