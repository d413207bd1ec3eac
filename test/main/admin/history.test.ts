/** The console's last hour. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HISTORY_COLUMNS, History, type HistoryHost } from "../../../src/main/admin/history.ts";
import { HISTORY_SAMPLES_MAX } from "../../../src/protocol/limits.ts";

const LIMIT = { timeout: 10_000 };

interface World {
  readonly history: History;
  in: number;
  out: number;
  isAsked: boolean;
}

function makeWorld(): World {
  const world = { in: 0, out: 0, isAsked: true };
  const host = {
    server: {
      books: { sums: () => ({ total: { in: world.in, out: world.out }, streams: new Map() }) },
      clients: { size: 7 },
      supervisor: { links: [undefined] },
    },
    figures: { selfCpuShare: 0.5 },
    isAsked: () => world.isAsked,
  } as unknown as HistoryHost;
  const history = new History(host);
  history.close();
  return Object.assign(world, { history });
}

test("a row holds rates since the one before it", LIMIT, () => {
  const world = makeWorld();
  const start = Date.now();
  world.history.sample(start + 10_000);
  world.in += 1000;
  world.out += 5000;
  world.history.sample(start + 20_000);
  const row = world.history.rows().at(-1) ?? [];
  const named = Object.fromEntries(HISTORY_COLUMNS.map((name, index) => [name, row[index]]));
  assert.deepEqual(named, {
    at_ms: start + 20_000,
    recv_bits: 800,
    send_bits: 4000,
    streams: 0,
    clients: 7,
    cores: 0.5,
    delay_ms: 0,
  });
});

test("it keeps an hour, oldest first", LIMIT, () => {
  const { history } = makeWorld();
  const start = Date.now() + 10_000;
  for (let index = 0; index < HISTORY_SAMPLES_MAX + 5; index += 1) {
    history.sample(start + index * 10_000);
  }
  const times = history.rows().map(([at = 0]) => at);
  assert.equal(times.length, HISTORY_SAMPLES_MAX);
  assert.equal(times[0], start + 5 * 10_000);
  assert.equal(times.at(-1), start + (HISTORY_SAMPLES_MAX + 4) * 10_000);
});

test("while nobody may ask nothing is measured, and a pause makes no rate", LIMIT, () => {
  const world = makeWorld();
  const start = Date.now();
  world.history.sample(start + 10_000);
  world.isAsked = false;
  world.history.sample(start + 20_000);
  world.isAsked = true;
  world.in += 1_000_000;
  world.history.sample(start + 30_000);
  assert.equal(world.history.rows().length, 1);
});

test("a clock that is put back makes no row", LIMIT, () => {
  const { history } = makeWorld();
  history.sample(Date.now() - 60_000);
  assert.equal(history.rows().length, 0);
});
