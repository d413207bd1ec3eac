/** What a destination gets, and that it is tried again, by a clock of the test's own. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { RecordingOrigin } from "../../support/recording-origin.ts";
import { findFreePort, waitUntil } from "../../support/scratch.ts";
import { ForwardBench, GOP_FRAMES, orderTo, videoOf } from "./forward-bench.ts";

/** Nothing is judged by this: it only ends a test that hangs. */
const WAIT_MS = 20_000;
const LIMIT = { concurrency: true, timeout: 60_000 };
/** After the first, second and later failures. */
const PAUSES_MS = [750, 1500, 3000, 3000, 3000] as const;
const [PAUSE_MS] = PAUSES_MS;

async function openOrigin(
  context: TestContext,
): Promise<{ origin: RecordingOrigin; port: number }> {
  const origin = new RecordingOrigin();
  const port = await origin.open();
  context.after(() => origin.close());
  return { origin, port };
}

function openBench(context: TestContext): ForwardBench {
  const bench = new ForwardBench();
  context.after(() => bench.end());
  return bench;
}

function works(bench: ForwardBench, times = 1, id = 1): Promise<void> {
  return waitUntil(`works ${times} times`, () => bench.count("works", id) >= times, WAIT_MS);
}

/** A forward whose destination takes media. */
async function openForward(
  context: TestContext,
): Promise<{ origin: RecordingOrigin; port: number; bench: ForwardBench }> {
  const { origin, port } = await openOrigin(context);
  const bench = openBench(context);
  bench.order(orderTo(1, port));
  bench.begin();
  await works(bench);
  return { origin, port, bench };
}

function gets(origin: RecordingOrigin, frame: number, name = "pushed"): Promise<void> {
  return waitUntil(`frame ${frame}`, () => videoOf(origin, name).at(-1) === frame, WAIT_MS);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Kinds of what came before the first frame of video. */
function preludeOf(origin: RecordingOrigin): string[] {
  const all = origin.received("pushed").map(({ type, kind }) => `${type} ${kind}`);
  return all.slice(0, all.indexOf("9 key"));
}

describe("a destination", LIMIT, () => {
  test("gets everything from the publish's begin to its end, and hears that it was all", async (context) => {
    const { origin, port } = await openOrigin(context);
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin();
    // More than one group before the connection stands.
    bench.frames(25);
    await works(bench);
    bench.frames(25);
    await gets(origin, 49);
    bench.end();
    await waitUntil("it is over", () => origin.ended.includes("pushed"), WAIT_MS);
    assert.deepEqual(videoOf(origin), range(0, 49));
    assert.deepEqual(preludeOf(origin), ["9 header", "8 header"]);
    // As encoders publish: releaseStream and FCPublish go before.
    assert.deepEqual(
      origin.publishes.map(({ style }) => style),
      ["fmle-publish"],
    );
  });

  test("gets the frames of the last moment too", async (context) => {
    const { origin, bench } = await openForward(context);
    bench.frames(20);
    bench.end();
    await gets(origin, 19);
  });

  test("that nobody is behind at first is tried again, and begins at the newest keyframe", async (context) => {
    const port = await findFreePort();
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin();
    bench.frames(25);
    await waitUntil("it is lost", () => bench.count("lost") === 1, WAIT_MS);
    const origin = new RecordingOrigin();
    await origin.open(port);
    context.after(() => origin.close());
    bench.pass(PAUSE_MS);
    await works(bench);
    bench.frames(10);
    await gets(origin, 34);
    assert.deepEqual(bench.faults(), ["connect"]);
    assert.deepEqual(videoOf(origin), range(20, 34));
    assert.deepEqual(preludeOf(origin), ["9 header", "8 header"]);
  });

  test("that is lost gets the newest keyframe when it is back, and others miss nothing", async (context) => {
    const [one, other] = [await openOrigin(context), await openOrigin(context)];
    const bench = openBench(context);
    bench.order(orderTo(1, one.port), orderTo(2, other.port));
    bench.begin();
    await Promise.all([works(bench), works(bench, 1, 2)]);
    bench.frames(15);
    await Promise.all([gets(one.origin, 14), gets(other.origin, 14)]);
    one.origin.reset();
    await waitUntil("it is lost", () => bench.count("lost") === 1, WAIT_MS);
    bench.frames(17);
    bench.pass(PAUSE_MS);
    await works(bench, 2);
    bench.frames(8);
    await Promise.all([gets(one.origin, 39), gets(other.origin, 39)]);
    assert.deepEqual(bench.faults(), ["closed"]);
    assert.deepEqual(videoOf(one.origin), [...range(0, 14), ...range(30, 39)]);
    assert.deepEqual(videoOf(other.origin), range(0, 39));
    assert.equal(bench.count("lost", 2), 0);
  });

  test("that accepts and never answers is given up after ten seconds, again and again", async (context) => {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      // The client begins to speak as soon as it knows that the connection stands.
      socket.once("data", () => {
        connections += 1;
        socket.resume();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
    });
    const bench = openBench(context);
    bench.order(orderTo(1, (server.address() as AddressInfo).port));
    bench.begin();
    for (const times of [1, 2]) {
      await waitUntil("it is asked", () => connections === times, WAIT_MS);
      bench.frames(5);
      bench.pass(9000);
      assert.equal(bench.count("lost"), times - 1);
      bench.pass(1100);
      assert.equal(bench.count("lost"), times);
      bench.pass(PAUSES_MS[times - 1] ?? 0);
    }
    assert.deepEqual(bench.faults(), ["reply", "reply"]);
  });

  test("that refuses is asked again every three seconds or so", async (context) => {
    const { origin, port } = await openOrigin(context);
    origin.refusal = "NetStream.Publish.BadName";
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin();
    for (const [index, pauseMs] of PAUSES_MS.entries()) {
      await waitUntil("it is lost", () => bench.count("lost") === index + 1, WAIT_MS);
      bench.pass(pauseMs - 50);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(origin.publishes.length, index + 1);
      bench.pass(50);
      await waitUntil("again", () => origin.publishes.length === index + 2, WAIT_MS);
    }
    assert.ok(bench.faults().every((fault) => fault === "refused"));
  });

  test("that does not know releaseStream is not taken for one that refuses", async (context) => {
    const { origin, port } = await openOrigin(context);
    origin.isNarrow = true;
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin();
    await works(bench);
    bench.frames(5);
    await gets(origin, 4);
    origin.reset();
    await waitUntil("it is lost", () => bench.count("lost") === 1, WAIT_MS);
    assert.deepEqual(bench.faults(), ["closed"]);
  });
});

describe("a destination that does not keep up", LIMIT, () => {
  test("goes on at a keyframe, with headers; another one misses nothing", async (context) => {
    const [slow, other] = [await openOrigin(context), await openOrigin(context)];
    const bench = openBench(context);
    bench.order(orderTo(1, slow.port), orderTo(2, other.port));
    bench.begin();
    await Promise.all([works(bench), works(bench, 1, 2)]);
    slow.origin.setStalled(true);
    // More than kernels hold of a connection.
    for (let turn = 0; turn < 50; turn += 1) {
      bench.frames(GOP_FRAMES, 100_000);
      await gets(other.origin, bench.sent - 1);
    }
    bench.pass(100);
    slow.origin.setStalled(false);
    // As it takes what waits.
    const last = (): number => {
      bench.pass(100);
      return videoOf(slow.origin).at(-1) ?? 0;
    };
    await waitUntil("it is there", () => last() === bench.sent - 1, WAIT_MS);
    const numbers = videoOf(slow.origin);
    const gap = numbers.findIndex((number, index) => number !== index);
    assert.ok(gap > 0, "nothing was left out");
    assert.equal((numbers[gap] ?? 0) % GOP_FRAMES, 0);
    assert.ok(bench.count("skipped") > 0);
    assert.deepEqual(videoOf(other.origin), range(0, bench.sent - 1));
    const kinds = slow.origin.received("pushed").map(({ type, kind }) => `${type} ${kind}`);
    assert.ok(kinds.lastIndexOf("9 header") > kinds.indexOf("9 inter"), "headers come again");
  });

  test("nor longer than queue_length behind", async (context) => {
    const { origin, port } = await openOrigin(context);
    const bench = openBench(context);
    bench.queueLengthMs = 1000;
    bench.order(orderTo(1, port));
    bench.begin(8 * 1024 * 1024);
    await works(bench);
    origin.setStalled(true);
    // Its ring holds all of it, and kernels most: what is left is older than that.
    const before = bench.sent;
    for (let turn = 0; turn < 60; turn += 1) {
      bench.frames(GOP_FRAMES, 30_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    origin.setStalled(false);
    const last = (): number => {
      bench.pass(100);
      return videoOf(origin).at(-1) ?? 0;
    };
    await waitUntil("it is there", () => last() === bench.sent - 1, WAIT_MS);
    assert.ok(bench.count("skipped") > 0);
    assert.ok(videoOf(origin).length < bench.sent - before);
  });

  test("and takes nothing at all is given up", async (context) => {
    const { origin, bench } = await openForward(context);
    origin.setStalled(true);
    const sendMore = (): boolean => {
      bench.frames(GOP_FRAMES, 100_000);
      bench.pass(1000);
      return bench.count("lost") > 0;
    };
    await waitUntil("it is given up", sendMore, WAIT_MS);
    assert.deepEqual(bench.faults(), ["stall"]);
  });
});

describe("orders", LIMIT, () => {
  test("change where a stream goes while it is published, and leave the others alone", async (context) => {
    const [one, two, three] = await Promise.all([
      openOrigin(context),
      openOrigin(context),
      openOrigin(context),
    ]);
    const bench = openBench(context);
    bench.order(orderTo(1, one.port), orderTo(2, two.port));
    bench.begin();
    await Promise.all([works(bench), works(bench, 1, 2)]);
    bench.frames(25);
    await Promise.all([gets(one.origin, 24), gets(two.origin, 24)]);
    bench.order(orderTo(2, two.port), orderTo(3, three.port));
    await works(bench, 1, 3);
    bench.frames(10);
    await Promise.all([gets(two.origin, 34), gets(three.origin, 34)]);
    assert.deepEqual(one.origin.ended, ["pushed"]);
    assert.deepEqual(videoOf(one.origin), range(0, 24));
    assert.deepEqual(videoOf(two.origin), range(0, 34));
    assert.equal(two.origin.publishes.length, 1);
    assert.deepEqual(videoOf(three.origin), range(20, 34));
    bench.order();
    await waitUntil("all are over", () => three.origin.ended.length === 1, WAIT_MS);
    assert.equal(bench.forwards.has(1), false);
  });

  test("are of one publish: the next one has its own", async (context) => {
    const { origin, port, bench } = await openForward(context);
    bench.frames(5);
    await gets(origin, 4);
    bench.end();
    bench.begin();
    bench.frames(5);
    bench.pass(PAUSE_MS);
    assert.equal(bench.forwards.has(1), false);
    await waitUntil("it is over", () => origin.ended.length === 1, WAIT_MS);
    bench.order(orderTo(2, port));
    await works(bench, 1, 2);
    assert.equal(origin.publishes.length, 2);
  });

  test("nothing is lost when the ring moves", async (context) => {
    const { origin, port } = await openOrigin(context);
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin(128 * 1024);
    await works(bench);
    for (let turn = 0; turn < 20; turn += 1) {
      bench.frames(5, 12_000);
      await gets(origin, bench.sent - 1);
    }
    assert.ok(bench.rings > 1, `${bench.rings} rings`);
    assert.deepEqual(videoOf(origin), range(0, 99));
  });

  test("a destination that is not reached ends with its publish", async (context) => {
    const port = await findFreePort();
    const bench = openBench(context);
    bench.order(orderTo(1, port));
    bench.begin();
    bench.end();
    bench.pass(PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(bench.events, []);
  });
});
