/** E-61: what is done at each level, to whom, and what is told. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type Client, Clients, NO_STREAMS } from "../../../src/main/coordinator/clients.ts";
import type { StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import { MemoryGuard } from "../../../src/main/guard/memory-guard.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { Board, boardBytes, Counter } from "../../../src/protocol/control/board.ts";

const guards: MemoryGuard[] = [];
afterEach(() => {
  for (const guard of guards.splice(0)) {
    guard.close();
  }
});

function decode(limit: string): Config {
  const text = `listen 1935; daemon off; ${limit} vhost v {}`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} }).config;
}

interface Line {
  readonly level: "info" | "warn";
  readonly id: string;
  readonly text: string;
  readonly code: string | undefined;
}

/** A guard over threads that note what they are told. */
class Bench {
  config: Config = decode("memory_limit 1000;");
  used = 0;
  available = 4000;
  readonly clients = new Clients();
  readonly lines: Line[] = [];
  /** `thread count`. */
  readonly posted: string[] = [];
  /** `shard/row reason`. */
  readonly kicked: string[] = [];
  kick: () => Promise<boolean> = () => Promise.resolve(true);
  readonly links: ShardLink[];
  readonly guard: MemoryGuard;

  constructor() {
    this.links = (["shard", "shard", "gateway", "packager"] as const).map((role, index) => {
      const board = new Board(new SharedArrayBuffer(boardBytes(4)));
      const post = ({ kind, count }: { kind: string; count: number }): void =>
        void this.posted.push(`${index} ${kind} ${count}`);
      const kick = (row: number, reason: string): Promise<boolean> => {
        this.kicked.push(`${index}/${row} ${reason}`);
        return this.kick();
      };
      return { index, role, board, isAlive: true, post, kick } as unknown as ShardLink;
    });
    const log = (level: Line["level"]) => (id: string, text: string, code?: string) =>
      void this.lines.push({ level, id, text, code });
    this.guard = new MemoryGuard({
      config: () => this.config,
      clients: this.clients,
      links: this.links,
      log: { info: log("info"), warn: log("warn") } as unknown as Logger,
      used: () => this.used,
      available: () => this.available,
    });
    guards.push(this.guard);
  }

  look(used: number): void {
    this.used = used;
    this.guard.look();
  }

  players(...counts: readonly number[]): void {
    for (const [index, count] of counts.entries()) {
      const { board } = this.links[index] ?? assert.fail();
      board.counters[Counter.Players] = count;
    }
  }

  add(row: number, since: number, isPublisher: boolean): Client {
    const published = isPublisher ? new Set([{} as StreamEntry]) : NO_STREAMS;
    const fields = { id: `c${row}`, shard: row % 2, row, since, published, plays: [] };
    const client = { ...fields, type: "rtmp-play" } as unknown as Client;
    this.clients.add(client);
    return client;
  }
}

test("E-61 newcomers are refused from 80 % on, until less than 75 % is used", () => {
  const bench = new Bench();
  const seen = [0, 799, 800, 760, 749].map((used) => {
    bench.look(used);
    return bench.guard.isShort;
  });
  assert.deepEqual(seen, [false, false, true, true, false]);
  assert.deepEqual([bench.posted, bench.kicked], [[], []], "nobody is ended");
});

test("E-61 each change is one line", () => {
  const bench = new Bench();
  const texts: string[] = [];
  for (const used of [100, 850, 850, 920, 960, 960, 910, 700, 700]) {
    bench.look(used);
    texts.push(...bench.lines.splice(0).map(({ level, code, text }) => `${level} ${code} ${text}`));
  }
  const of = (share: number): string => `${share} % of 0 MiB of memory is used:`;
  const refused = "new players and publishers are refused";
  assert.deepEqual(texts, [
    `warn ERR_MEMORY ${of(85)} ${refused}`,
    `warn ERR_MEMORY ${of(92)} slow players are ended, and new players and publishers refused`,
    `warn ERR_MEMORY ${of(96)} the newest publishers and slow players are ended, and new ones refused`,
    `info undefined ${of(70)} everybody is let in again`,
  ]);
});

test("E-61 from 90 % on each thread with players ends a twentieth of them, if they are slow", () => {
  const bench = new Bench();
  bench.players(0, 1, 41, 9);
  bench.look(890);
  assert.deepEqual(bench.posted, []);
  bench.look(900);
  assert.deepEqual(bench.posted.splice(0), ["1 end-slow 1", "2 end-slow 3"]);
  bench.look(870);
  assert.deepEqual(bench.posted, [], "the level stays, nobody is ended");
  const [, second = assert.fail()] = bench.links;
  second.isAlive = false;
  bench.look(940);
  assert.deepEqual(bench.posted, ["2 end-slow 3"]);
  assert.deepEqual(bench.kicked, []);
});

test("E-61 from 95 % on the newest publisher is ended, one at each look", () => {
  const bench = new Bench();
  bench.add(1, 500, true);
  bench.add(2, 900, true);
  bench.add(3, 990, false);
  bench.look(949);
  assert.deepEqual(bench.kicked, []);
  bench.look(950);
  assert.deepEqual(bench.kicked, ["0/2 no memory"]);
  const line = bench.lines.at(-1) ?? assert.fail();
  assert.deepEqual(
    [line.id, line.code, line.text],
    ["c2", "ERR_MEMORY", "publisher is ended: 95 % of the memory is used"],
  );
  bench.look(920);
  assert.equal(bench.kicked.length, 1, "enough is free");
  bench.look(960);
  assert.deepEqual(bench.kicked.slice(1), ["1/1 no memory"], "nobody is told twice");
  bench.look(960);
  assert.equal(bench.kicked.length, 2, "nobody is left");
});

test("E-61 a thread that does not answer stops nothing", async () => {
  const bench = new Bench();
  bench.kick = () => Promise.reject(new Error("no answer"));
  bench.add(1, 500, true);
  bench.look(990);
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(bench.lines.at(-1)?.text ?? "", /no answer/);
});

test("E-61 the limit: bytes, a share of what there is, or none; a reload counts at once", () => {
  const bench = new Bench();
  assert.equal(bench.guard.limitBytes, 1000);
  bench.config = decode("");
  assert.equal(bench.guard.limitBytes, 4000);
  bench.config = decode("memory_limit 25%;");
  assert.equal(bench.guard.limitBytes, 1000);
  bench.look(850);
  assert.equal(bench.guard.isShort, true);
  bench.available = 8000;
  bench.look(850);
  assert.equal(bench.guard.isShort, false, "the control group was given more");
  bench.look(1900);
  bench.config = decode("memory_limit off;");
  assert.equal(bench.guard.limitBytes, Number.POSITIVE_INFINITY);
  bench.look(1900);
  assert.equal(bench.guard.isShort, false);
  assert.equal(bench.lines.at(-1)?.text, "everybody is let in again");
});

test("E-61 it looks by itself, at what is resident", { timeout: 20_000 }, async () => {
  const clients = new Clients();
  const lines: string[] = [];
  const warn = (_id: string, text: string): void => void lines.push(text);
  const log = { info: warn, warn } as unknown as Logger;
  const guard = new MemoryGuard({
    config: () => decode("memory_limit 1;"),
    clients,
    links: [],
    log,
  });
  guards.push(guard);
  assert.equal(guard.isShort, false);
  while (!guard.isShort) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.match(lines[0] ?? "", /newest publishers/);
});

for (const word of ["0", "0%", "101%", "-1", "1.5", "1k", "x", "50 %%", "1e9", "9".repeat(16)]) {
  test(`E-61 memory_limit ${word} is refused, with its place`, () => {
    assert.throws(
      () => decode(`memory_limit "${word}";`),
      /^ConfigError: x\.conf:1:\d+: memory_limit is ".*", a number of bytes, 1% to 100% or off/,
    );
  });
}
