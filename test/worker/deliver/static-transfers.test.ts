/** Large files, slow clients and those that leave: what is open and in memory stays bounded. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FILES_OPEN_MAX } from "../../../src/protocol/limits.ts";
import { StaticFiles } from "../../../src/worker/deliver/static-files.ts";
import type { BodyEvents, BodyStream } from "../../../src/worker/io/http-backend.ts";
import { waitUntil } from "../../support/scratch.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";
import { LARGE_BYTES, large, MOUNTS, openFiles, root, StaticBench } from "./static-bench.ts";

const LIMIT = { timeout: 30_000 };
const WAIT_MS = 15_000;
const STALL_MS = 1500;

/** A client that takes one write and no more until it is told to. */
class SlowReply extends FakeReply {
  override stream(status: number, headers: FakeReply["headers"], events: BodyEvents): BodyStream {
    const body = super.stream(status, headers, events);
    return {
      ...body,
      write: (bytes) => {
        body.write(bytes);
        return false;
      },
      destroy: () => {
        body.destroy();
        events.gone();
      },
    };
  }
}

describe("on a client of few lines", () => {
  const next = (): void => assert.fail("it is there");

  test("one buffer at a time, each when the one before was taken", LIMIT, async () => {
    const files = new StaticFiles(MOUNTS, []);
    const reply = new SlowReply();
    files.take(fakeRequest("GET", "/large.bin"), reply, next);
    const parts = Math.ceil(LARGE_BYTES / (64 * 1024));
    for (let count = 1; count <= 20; count += 1) {
      await waitUntil("a part", () => reply.written.length === count, WAIT_MS);
      await delay(1);
      assert.equal(reply.written.length, count, "no more than was taken");
      reply.events?.drained();
    }
    assert.ok(reply.written.length < parts);
    files.stop();
    assert.equal(reply.ended, "destroyed");
    await waitUntil("it is closed", () => openFiles() === 0, WAIT_MS);
  });

  test("E-60 only so many files are open at a time; the rest hears 503", LIMIT, async () => {
    const files = new StaticFiles(MOUNTS, []);
    const replies = Array.from({ length: FILES_OPEN_MAX }, () => new SlowReply());
    for (const reply of replies) {
      files.take(fakeRequest("GET", "/large.bin"), reply, next);
    }
    const surplus = new FakeReply();
    files.take(fakeRequest("GET", "/digits.txt"), surplus, next);
    assert.equal(surplus.status, 503);
    await waitUntil("all are sent to", () => replies.every((one) => one.status === 200), WAIT_MS);
    assert.equal(openFiles(), FILES_OPEN_MAX);
    replies[0]?.events?.gone();
    await waitUntil("one is closed", () => openFiles() === FILES_OPEN_MAX - 1, WAIT_MS);
    await waitUntil(
      "there is room",
      async () => {
        const later = new FakeReply();
        files.take(fakeRequest("GET", "/digits.txt"), later, next);
        await waitUntil("an answer", () => later.status > 0, WAIT_MS);
        return later.status === 200;
      },
      WAIT_MS,
    );
    files.stop();
    await waitUntil("all are closed", () => openFiles() === 0, WAIT_MS);
  });

  test("a client that left while the file was opened leaves nothing open", LIMIT, async () => {
    const files = new StaticFiles(MOUNTS, []);
    const reply = new FakeReply();
    files.take(fakeRequest("GET", "/large.bin"), reply, next);
    reply.isOpen = false;
    await delay(50);
    await waitUntil("it is closed", () => openFiles() === 0, WAIT_MS);
    assert.equal(reply.status, 0);
  });
});

for (const library of ["uws", "node"]) {
  describe(`on ${library}`, () => {
    let bench: StaticBench;
    const ask: StaticBench["ask"] = (...wanted) => bench.ask(...wanted);

    before(async () => {
      bench = await StaticBench.start(library, STALL_MS);
    });

    after(() => bench?.close());

    test("a large file arrives whole, also in parts", LIMIT, async () => {
      const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
      const { body } = await ask("/large.bin");
      assert.equal(digest(body), digest(large));
      const middle = await ask("/large.bin", { Range: "bytes=1000001-9000000" });
      assert.equal(digest(middle.body), digest(large.subarray(1_000_001, 9_000_001)));
      await waitUntil("nothing stays open", () => openFiles() === 0, WAIT_MS);
    });

    test("A9-12 a client that takes nothing is closed, and takes no memory", LIMIT, async () => {
      const slow = Array.from({ length: 20 }, () => bench.begin("/large.bin").pause());
      let sawAll = false;
      await waitUntil(
        "all are sent to, then closed",
        () => {
          sawAll ||= openFiles() > 0;
          return sawAll && openFiles() === 0;
        },
        WAIT_MS,
      );
      for (const socket of slow) {
        socket.destroy();
      }
    });

    test("a client that leaves, and a file that shrinks, leave nothing open", LIMIT, async () => {
      const leaver = bench.begin("/large.bin");
      await new Promise((resolve) => leaver.once("data", resolve));
      leaver.destroy();
      await waitUntil("nothing stays open", () => openFiles() === 0, WAIT_MS);
      const shrinking = join(root, `shrinking-${library}.bin`);
      writeFileSync(shrinking, large);
      const reader = bench.begin(`/shrinking-${library}.bin`);
      let bytes = 0;
      let isOver = false;
      reader.on("close", () => {
        isOver = true;
      });
      await new Promise((resolve) => reader.once("data", resolve));
      reader.pause();
      truncateSync(shrinking, 1);
      reader.on("data", (part: Buffer) => {
        bytes += part.length;
      });
      reader.resume();
      await waitUntil("it is closed", () => isOver, WAIT_MS);
      assert.ok(bytes < LARGE_BYTES, "not whole");
      await waitUntil("nothing stays open", () => openFiles() === 0, WAIT_MS);
    });

    test("a connection serves several files, one after the other", LIMIT, async () => {
      const wanted = "GET /digits.txt HTTP/1.1\r\nHost: h\r\n\r\n";
      const socket = bench.begin("/digits.txt");
      let text = "";
      socket.on("data", (part: Buffer) => {
        text += part.toString();
      });
      for (const count of [1, 2, 3]) {
        await waitUntil("it came", () => text.split("0123456789").length === count + 1, WAIT_MS);
        socket.write(wanted);
      }
      socket.destroy();
    });
  });
}
