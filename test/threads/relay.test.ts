/** Both ends of a relayed connection, with the messages between them on their way for as long as a test wants. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { Relay } from "../../src/main/shards/relay.ts";
import type { FromShard, RelayToShard } from "../../src/protocol/control/calls.ts";
import { RelayTransport } from "../../src/worker/io/relay-transport.ts";
import { RowEvent, SEND_FAILED } from "../../src/worker/io/row-transport.ts";
import { waitUntil } from "../support/scratch.ts";

const ROW = 5;
const WINDOW = 256 * 1024;

interface Setup {
  readonly relay: Relay;
  readonly shard: RelayTransport;
  readonly peer: Socket;
  /** Messages that the shard has not got. */
  readonly toShard: RelayToShard[];
  /** Delivers what is on its way. */
  deliver(): void;
}

async function setup(): Promise<Setup> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peer = connect((server.address() as AddressInfo).port, "127.0.0.1");
  peer.pause();
  peer.on("error", () => undefined);
  const [socket] = (await once(server, "connection")) as [Socket];
  server.close();
  const toShard: RelayToShard[] = [];
  const relay = new Relay((message) => toShard.push(structuredClone(message)));
  const shard = new RelayTransport((message: FromShard) => {
    relay.take(structuredClone(message) as never);
  });
  relay.adopt(ROW, socket, []);
  const deliver = (): void => {
    for (const message of toShard.splice(0)) {
      shard.take(message);
    }
  };
  return { relay, shard, peer, toShard, deliver };
}

function openRow(shard: RelayTransport): void {
  assert.equal(shard.open(ROW, { noDelay: true, stallMs: 0, unsentBytes: WINDOW }), true);
}

/** What the shard reads until `length` bytes came. */
async function readAll({ shard, deliver }: Setup, length: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let got = 0;
  await waitUntil(
    `${length} bytes come`,
    () => {
      deliver();
      while (shard.poll() > 0 && (shard.eventBits(0) & RowEvent.In) !== 0) {
        const bytes = shard.read(ROW);
        assert.ok(bytes !== null && bytes.length > 0, "ended early");
        parts.push(bytes);
        got += bytes.length;
      }
      return got >= length;
    },
    10_000,
  );
  return Buffer.concat(parts);
}

describe("a relayed connection", { timeout: 60_000 }, () => {
  test("sends within its credit, and more as the kernel takes it, to the byte", async () => {
    const all = await setup();
    const { shard, peer, deliver } = all;
    openRow(shard);
    const memory = shard.memory(new SharedArrayBuffer(10_000_000));
    const bytes = new Uint8Array(memory.buffer);
    for (let at = 0; at < bytes.length; at += 1) {
      bytes[at] = (at * 13 + (at >> 8)) & 0xff;
    }
    const got: Buffer[] = [];
    peer.on("data", (part: Buffer) => got.push(part));
    let sent = shard.send(ROW, memory, 0, bytes.length);
    assert.equal(sent, WINDOW);
    assert.equal(shard.send(ROW, memory, sent, 10), 0);
    assert.equal(shard.unacknowledged(ROW), WINDOW);
    shard.watchRoom(ROW, true);
    assert.equal(shard.poll(), 0);
    peer.resume();
    await waitUntil(
      "all is sent",
      () => {
        deliver();
        if (shard.poll() > 0 && (shard.eventBits(0) & RowEvent.Out) !== 0) {
          sent += shard.send(ROW, memory, sent, Math.max(1, bytes.length - sent));
        }
        return sent === bytes.length;
      },
      20_000,
    );
    shard.close(ROW, false);
    await once(peer, "close");
    assert.ok(Buffer.concat(got).equals(Buffer.from(bytes)), "closed in order: all arrives");
  });

  test("what comes before the shard listens waits; what is not read stays in the kernel", async () => {
    const all = await setup();
    const { shard, peer, toShard } = all;
    const bytes = Buffer.alloc(8_000_000, "0123456789abc");
    peer.write(bytes);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(toShard.length, 0);
    openRow(shard);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const relayed = toShard.reduce(
      (sum, one) => sum + (one.kind === "relay-in" ? one.bytes.length : 0),
      0,
    );
    assert.ok(relayed > 0 && relayed <= 256 * 1024 + 65_536, `${relayed}`);
    assert.ok((await readAll(all, bytes.length)).equals(bytes));
    shard.close(ROW, false);
  });

  test("an end that came before the shard listens is told after it", async () => {
    const { shard, peer, toShard, deliver } = await setup();
    peer.resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(toShard.length, 0);
    openRow(shard);
    await waitUntil(
      "it is told",
      () => {
        deliver();
        return shard.poll() > 0;
      },
      5000,
    );
    assert.equal(shard.read(ROW)?.length, 0);
    assert.equal(shard.send(ROW, shard.memory(new SharedArrayBuffer(8)), 0, 8), SEND_FAILED);
    shard.close(ROW, false);
  });

  test("a reset is one; what is late for a closed row, or for the next one, is not heard", async () => {
    const { relay, shard, peer, toShard, deliver } = await setup();
    openRow(shard);
    peer.write("late");
    await waitUntil("it comes", () => toShard.length > 0, 5000);
    let error = "";
    peer.on("error", ({ code }: NodeJS.ErrnoException) => {
      error = String(code);
    });
    shard.close(ROW, true);
    peer.resume();
    await new Promise((resolve) => peer.once("close", resolve));
    assert.equal(error, "ECONNRESET");
    deliver();
    assert.equal(shard.poll(), 0);
    openRow(shard);
    assert.equal(toShard.length, 0);
    relay.close();
  });

  test("a publisher's is told at once, paused and resumed without a loss", async () => {
    const { shard, peer, deliver } = await setup();
    const got: Uint8Array[] = [];
    let closed = 0;
    let reads = 0;
    const socket = shard.openSocket(ROW, {
      read: (bytes) => {
        got.push(bytes.slice());
        reads += 1;
        return reads % 2 === 0;
      },
      drained: () => undefined,
      closed: () => {
        closed += 1;
      },
    });
    const bytes = Buffer.alloc(3_000_000, "0123456789abc");
    peer.end(bytes);
    await waitUntil(
      "all comes",
      () => {
        deliver();
        socket.resume();
        return closed > 0;
      },
      20_000,
    );
    assert.ok(Buffer.concat(got).equals(bytes));
    assert.equal(closed, 1);
  });

  test("a shard that is gone takes its connections along", async () => {
    const { relay, shard, peer } = await setup();
    openRow(shard);
    relay.close();
    peer.resume();
    await once(peer, "close");
    assert.equal(peer.destroyed, true);
  });
});
