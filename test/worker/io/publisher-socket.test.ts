/** A publisher's socket over real descriptors: at once, at leisure, and its end in both. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { acceptNow, closeDescriptor, listenShared } from "../../../src/main/accept/native.ts";
import { PublisherSocket } from "../../../src/worker/io/publisher-socket.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";

/** Longer than the loop needs to hear of bytes. */
const SILENCE_MS = 150;

let port = 0;
let listening = -1;

before(async () => {
  port = await findFreePort();
  listening = listenShared("127.0.0.1", port);
});

after(() => closeDescriptor(listening));

interface Pair {
  readonly peer: Socket;
  readonly socket: PublisherSocket;
  readonly reads: number[];
  readonly closes: (Error | undefined)[];
  /** What the sink answers. */
  goesOn: boolean;
}

async function openPair(): Promise<Pair> {
  const peer = connect({ port, host: "127.0.0.1", noDelay: true });
  peer.on("error", () => undefined);
  let descriptor = -1;
  const isAccepted = (): boolean => {
    descriptor = acceptNow(listening);
    return descriptor >= 0;
  };
  await waitUntil("a connection", isAccepted, 5000);
  const reads: number[] = [];
  const closes: (Error | undefined)[] = [];
  const pair = { peer, reads, closes, goesOn: true };
  const socket = new PublisherSocket(descriptor, {
    read: (bytes) => {
      reads.push(bytes.length);
      return pair.goesOn;
    },
    drained: () => undefined,
    closed: (error) => closes.push(error),
  });
  return Object.assign(pair, { socket });
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

describe("PublisherSocket", { timeout: 20_000 }, () => {
  test("bytes are read as they come", async () => {
    const { peer, reads, socket } = await openPair();
    peer.write(new Uint8Array(100));
    await waitUntil("a read", () => sum(reads) === 100, 5000);
    peer.write(new Uint8Array(50));
    await waitUntil("another read", () => sum(reads) === 150, 5000);
    socket.destroy();
  });

  test("at leisure bytes gather until they are asked for", async () => {
    const { peer, reads, socket } = await openPair();
    socket.setLeisurely(true);
    for (let write = 0; write < 5; write += 1) {
      peer.write(new Uint8Array(100));
      await delay(SILENCE_MS / 5);
    }
    assert.deepEqual(reads, []);
    socket.readNow();
    assert.deepEqual(reads, [500]);
    socket.readNow();
    assert.deepEqual(reads, [500]);
    socket.destroy();
  });

  test("at leisure much is read as it comes: no sender has to wait for a tick", async () => {
    const { peer, reads, socket } = await openPair();
    socket.setLeisurely(true);
    const size = 4 * 1024 * 1024;
    peer.write(new Uint8Array(size));
    await waitUntil("nearly all", () => size - sum(reads) <= 64 * 1024, 5000);
    socket.readNow();
    assert.equal(sum(reads), size);
    socket.destroy();
  });

  test("who is watched again has what gathered at once", async () => {
    const { peer, reads, socket } = await openPair();
    socket.setLeisurely(true);
    peer.write(new Uint8Array(100));
    await delay(SILENCE_MS);
    assert.deepEqual(reads, []);
    socket.setLeisurely(false);
    await waitUntil("a read", () => sum(reads) === 100, 5000);
    socket.destroy();
  });

  test("at leisure the peer's end is noticed at once, after its last bytes", async () => {
    const { peer, reads, closes, socket } = await openPair();
    socket.setLeisurely(true);
    peer.end(new Uint8Array(100));
    await waitUntil("the end", () => closes.length > 0, 5000);
    assert.deepEqual([sum(reads), closes], [100, [undefined]]);
  });

  test("at leisure a reset is noticed at once", async () => {
    const { peer, closes, socket } = await openPair();
    socket.setLeisurely(true);
    peer.resetAndDestroy();
    await waitUntil("the end", () => closes.length > 0, 5000);
    assert.match(String(closes[0]?.message), /ECONNRESET/);
  });

  test("who paused is not read, at leisure either", async () => {
    const pair = await openPair();
    const { peer, reads, socket } = pair;
    socket.setLeisurely(true);
    pair.goesOn = false;
    peer.write(new Uint8Array(100));
    await delay(SILENCE_MS);
    socket.readNow();
    assert.deepEqual(reads, [100]);
    peer.write(new Uint8Array(100));
    await delay(SILENCE_MS);
    socket.readNow();
    assert.deepEqual(reads, [100]);
    pair.goesOn = true;
    socket.resume();
    socket.readNow();
    assert.deepEqual(reads, [100, 100]);
    socket.destroy();
  });
});
