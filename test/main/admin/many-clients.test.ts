/** Listings of a full server: complete, in pages, and short for the thread that makes them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Books } from "../../../src/main/admin/books.ts";
import { encodeFields } from "../../../src/main/admin/json-list.ts";
import { listRoutes } from "../../../src/main/admin/list-routes.ts";
import { Listing } from "../../../src/main/admin/listing.ts";
import type { Route } from "../../../src/main/admin/route.ts";
import { CLIENT, STREAM, VHOST } from "../../../src/main/admin/shapes.ts";
import { type Client, Clients, NO_STREAMS } from "../../../src/main/coordinator/clients.ts";
import { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";
import { faultsOf } from "../../support/api.ts";

const CLIENTS = 5000;
const STREAMS = 50;
const THREADS = 4;
const BYTES = 1000;
const ROUNDS = 20;
/** Times that it takes to write the same page's objects as JSON: half of it on a machine that is not busy. */
const TIMES_MAX = 4;
const SETTINGS = { upstream: null, dvr: null } as unknown as StreamSettings;

interface Page {
  readonly clients: readonly { readonly id: string }[];
  readonly streams: readonly { readonly clients: number; readonly send_bytes: number }[];
  readonly vhosts: readonly { readonly name: string; readonly clients: number }[];
  readonly total: number;
}

let now = 0;
let books: Books;
let routes: Map<string, Route>;
const clients = new Clients();

function fakeThread(index: number): ShardLink {
  const board = new Board(new SharedArrayBuffer(boardBytes(CLIENTS)));
  const link = { index, name: `shard-${index}`, board, isShard: true, isAlive: true };
  return Object.assign(link, { post: () => undefined }) as unknown as ShardLink;
}

function clientOf(coordinator: Coordinator, index: number): Client {
  const name = `s${index % STREAMS}`;
  const entry = coordinator.enter(`__defaultVhost__/live/${name}`, SETTINGS);
  const share = coordinator.addPlayer(entry, index % THREADS);
  const urls = { tcUrl: "rtmp://h/live?token=canary", pageUrl: "", swfUrl: "", host: "h", port: 1 };
  return {
    id: `client-${index}`,
    ip: "192.0.2.1",
    type: "rtmp-play",
    shard: index % THREADS,
    row: 1 + Math.floor(index / THREADS),
    request: { vhost: "h", app: "live", stream: name, param: "", ...urls },
    path: "",
    since: 0,
    published: NO_STREAMS,
    plays: [share],
  };
}

async function ask(path: string, query: string): Promise<Page> {
  return JSON.parse(encodeFields(await fieldsOf(path, query))) as Page;
}

function fieldsOf(path: string, query: string): object | Promise<object> {
  const route = routes.get(path) ?? assert.fail(path);
  const question = {
    headers: { host: "", origin: "", authorization: "", fetchSite: "" },
    body: "",
    ip: "",
    isSecure: false,
  };
  return route.answer({
    method: "GET",
    path,
    query: new URLSearchParams(query),
    id: "",
    who: "test",
    question: { ...question, method: "GET", path, query },
  });
}

function cpuMsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

before(() => {
  const shards = Array.from({ length: THREADS }, (_, index) => fakeThread(index));
  const options = { include: () => "", environment: {} };
  const { config: running } = decodeConfig("listen 1935; vhost __defaultVhost__ {}", "x", options);
  const config = (): Config => running;
  const pool = new RingPool(1 << 20);
  const coordinator = new Coordinator(pool, shards, () => 100);
  const host = { config, coordinator, clients, pool, shards, now: () => now };
  books = new Books(host);
  for (let index = 0; index < CLIENTS; index += 1) {
    const client = clientOf(coordinator, index);
    const board = shards[client.shard]?.board ?? assert.fail();
    board.bytesOut[client.row] = BYTES;
    clients.add(client);
  }
  now = 10_000;
  const listing = new Listing({ ...host, books });
  const log = { info: () => undefined } as unknown as Parameters<typeof listRoutes>[0]["log"];
  const all = listRoutes({ listing, books, clients, shards, log });
  routes = new Map(all.map((route) => [route.path, route]));
});

after(() => books.close());

test("E-51 pages together are every client once, each as described and without its token", async () => {
  const seen = new Set<string>();
  for (let start = 0; start < CLIENTS; start += 900) {
    const page = await ask("/api/v1/clients", `start=${start}&count=900`);
    assert.equal(page.total, CLIENTS);
    for (const client of page.clients) {
      seen.add(client.id);
      assert.deepEqual(faultsOf(client, CLIENT), []);
    }
    assert.doesNotMatch(JSON.stringify(page), /canary/);
  }
  assert.equal(seen.size, CLIENTS);
  assert.deepEqual((await ask("/api/v1/clients", `start=${CLIENTS}`)).clients, []);
});

test("a page is a part of all clients in their order, rows without one left out", () => {
  const few = new Clients();
  const client = [...clients][0] ?? assert.fail();
  for (const [shard, row] of [
    [2, 9],
    [0, 3],
    [2, 1],
    [0, 7],
    [4, 0],
  ] as const) {
    few.add({ ...client, shard, row });
  }
  for (const [start, count] of [
    [0, 10],
    [0, 2],
    [1, 3],
    [4, 10],
    [5, 10],
    [99, 10],
  ] as const) {
    assert.deepEqual(few.page(start, count), [...few].slice(start, start + count));
  }
});

test("streams and vhosts add up to all clients", async () => {
  const { streams } = await ask("/api/v1/streams", "count=100");
  assert.equal(streams.length, STREAMS);
  for (const stream of streams) {
    assert.deepEqual(faultsOf(stream, STREAM), []);
    assert.deepEqual([stream.clients, stream.send_bytes], [CLIENTS / STREAMS, 100 * BYTES]);
  }
  const { vhosts } = await ask("/api/v1/vhosts", "");
  assert.deepEqual(
    vhosts.map((vhost) => [faultsOf(vhost, VHOST), vhost.name, vhost.clients]),
    [[[], "__defaultVhost__", CLIENTS]],
  );
  assert.equal(books.sums().total.out, CLIENTS * BYTES);
});

test("all 5000 clients in one answer take little more than to write them", async (t) => {
  const page = await ask("/api/v1/clients", `count=${CLIENTS}`);
  const listed: number[] = [];
  const written: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = process.cpuUsage();
    await fieldsOf("/api/v1/clients", `count=${CLIENTS}`);
    listed.push(cpuMsSince(began));
    const middle = process.cpuUsage();
    JSON.stringify(page);
    written.push(cpuMsSince(middle));
  }
  // Other work takes its time, and V8 its first rounds.
  const [listedMs, writtenMs] = [Math.min(...listed), Math.min(...written)];
  const figures = `${listedMs.toFixed(2)} ms, of which JSON ${writtenMs.toFixed(2)} ms`;
  t.diagnostic(`5000 clients: ${figures}`);
  assert.ok(listedMs < writtenMs * TIMES_MAX, figures);
});

test("what sessions moved is kept when they leave", () => {
  const [client] = clients;
  const gone = clients.take(client?.shard ?? -1, client?.row ?? -1) ?? assert.fail();
  clients.ended(gone, { reason: "closed", detail: "", bytesIn: 7, bytesOut: BYTES });
  const { total } = books.sums();
  assert.deepEqual(total, { in: 7, out: CLIENTS * BYTES });
  assert.equal(books.ends.get("closed"), 1);
  assert.equal(books.sessions, CLIENTS);
});
