import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  closeDescriptor,
  EpollSet,
  Errno,
  memoryBase,
  receive,
  send,
  setKeepAlive,
  setNoDelay,
  setResetOnClose,
  setUnsentLimit,
  setUserTimeout,
  threadCpuMs,
  unacknowledgedBytes,
} from "../../../src/worker/io/native.ts";
import { RowEvent } from "../../../src/worker/io/row-transport.ts";
import { openTcpPair } from "./tcp-pair.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function pattern(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    bytes[at] = (at * 7 + seed * 13) & 0xff;
  }
  return bytes;
}

/** Allocates what the collector has to move, and lets it. */
function stir(): void {
  const litter: Uint8Array[] = [];
  for (let at = 0; at < 2000; at += 1) {
    litter.push(new Uint8Array(at % 64));
  }
  collect();
}

describe("native calls while memory is collected", () => {
  test("memory bases of shared buffers stay where they are", { timeout: 60_000 }, () => {
    const bases = Array.from({ length: 50 }, (_, at) => memoryBase(new SharedArrayBuffer(at + 1)));
    for (let round = 0; round < 20; round += 1) {
      stir();
      for (const base of bases) {
        assert.equal(memoryBase(base.buffer).address, base.address);
      }
    }
  });

  test("100,000 bytes at a time arrive as they were while the heap moves", {
    timeout: 60_000,
  }, async () => {
    const { descriptor, peer } = await openTcpPair();
    const parts: Buffer[] = [];
    peer.on("data", (part: Buffer) => parts.push(part));
    peer.resume();
    const sent: Uint8Array[] = [];
    for (let round = 0; round < 60; round += 1) {
      // Only its base is kept over the collection.
      const base = memoryBase(new SharedArrayBuffer(100_000));
      new Uint8Array(base.buffer).set(pattern(round, 100_000));
      sent.push(pattern(round, 100_000));
      stir();
      for (let at = 0; at < 100_000; ) {
        const taken = send(descriptor, base, at, 100_000 - at, round % 2 === 0);
        if (taken === -Errno.Again) {
          await delay(1);
        } else {
          assert.ok(taken > 0, `${taken}`);
          at += taken;
        }
      }
    }
    closeDescriptor(descriptor);
    await new Promise((resolve) => peer.once("close", resolve));
    assert.ok(Buffer.concat(parts).equals(Buffer.concat(sent)));
  });

  test("reads and events arrive in their memory while the heap moves", {
    timeout: 60_000,
  }, async () => {
    const { descriptor, peer } = await openTcpPair();
    const set = new EpollSet(4);
    assert.equal(set.add(descriptor, RowEvent.In | RowEvent.RdHup, 0x12_34_56), 0);
    const target = memoryBase(new SharedArrayBuffer(70_000));
    const got: Uint8Array[] = [];
    let length = 0;
    for (let round = 0; round < 50; round += 1) {
      peer.write(pattern(round, 5000));
      for (let wait = 0; wait < 500 && length < (round + 1) * 5000; wait += 1) {
        await delay(1);
        stir();
        if (set.poll() > 0) {
          assert.equal(set.row(0), 0x12_34_56);
          assert.equal(set.events(0), RowEvent.In);
          const taken = receive(descriptor, target, 70_000);
          assert.ok(taken > 0);
          got.push(new Uint8Array(target.buffer).slice(0, taken));
          length += taken;
        }
      }
    }
    const all = Array.from({ length: 50 }, (_, round) => pattern(round, 5000));
    assert.ok(Buffer.concat(got).equals(Buffer.concat(all)));
    assert.equal(receive(descriptor, target, 10), -Errno.Again);
    set.remove(descriptor);
    closeDescriptor(descriptor);
    set.close();
    peer.destroy();
  });
});

describe("native calls", () => {
  test("options are taken by a TCP socket and refused by a number that is none", async () => {
    const { descriptor, peer } = await openTcpPair();
    const keepAlive = { idleSeconds: 30, intervalSeconds: 5, probes: 3 };
    assert.equal(setNoDelay(descriptor, true), 0);
    assert.equal(setUnsentLimit(descriptor, 65_536), 0);
    assert.equal(setUserTimeout(descriptor, 10_000), 0);
    assert.equal(setKeepAlive(descriptor, keepAlive), 0);
    assert.equal(unacknowledgedBytes(descriptor), 0);
    const badDescriptor = -9;
    assert.equal(setNoDelay(-1, true), badDescriptor);
    assert.equal(unacknowledgedBytes(-1), badDescriptor);
    assert.equal(send(-1, memoryBase(new SharedArrayBuffer(8)), 0, 8, false), badDescriptor);
    assert.equal(closeDescriptor(-1), badDescriptor);
    closeDescriptor(descriptor);
    peer.destroy();
  });

  test("a reset drops what is queued; an end does not", { timeout: 20_000 }, async () => {
    for (const isReset of [true, false]) {
      const { descriptor, peer } = await openTcpPair();
      const base = memoryBase(new SharedArrayBuffer(1024 * 1024));
      let sent = 0;
      for (let taken = 0; taken >= 0; sent += Math.max(0, taken)) {
        taken = send(descriptor, base, 0, 1024 * 1024, false);
      }
      assert.ok(unacknowledgedBytes(descriptor) > 0);
      if (isReset) {
        setResetOnClose(descriptor);
      }
      closeDescriptor(descriptor);
      let got = 0;
      peer.on("data", ({ length }: Buffer) => {
        got += length;
      });
      peer.resume();
      await new Promise((resolve) => peer.once("close", resolve));
      assert.equal(got === sent, !isReset, `${got} of ${sent}`);
    }
  });

  test("a peer that is gone is an error, not a signal", { timeout: 20_000 }, async () => {
    const { descriptor, peer } = await openTcpPair();
    peer.resetAndDestroy();
    await delay(50);
    const base = memoryBase(new SharedArrayBuffer(10));
    const results = [send(descriptor, base, 0, 10, false), send(descriptor, base, 0, 10, false)];
    assert.deepEqual(results, [-Errno.ConnReset, -Errno.Pipe]);
    closeDescriptor(descriptor);
  });

  test("this thread's processor time rises with work", () => {
    const before = threadCpuMs();
    const until = performance.now() + 30;
    while (performance.now() < until) {
      // Works.
    }
    const used = threadCpuMs() - before;
    assert.ok(used > 1 && used < 1000, `${used}`);
  });
});
