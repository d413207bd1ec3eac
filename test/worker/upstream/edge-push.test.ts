/** A push loses nothing of what an origin has taken and not read. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RecordingOrigin } from "../../support/recording-origin.ts";
import { waitUntil } from "../../support/scratch.ts";
import { numbersOf, PushBench, type PushBenchOptions } from "./push-bench.ts";

const STALL_MS = 1000;
const GOP_FRAMES = 25;
const FEW: PushBenchOptions = {
  upstream: { stallTimeoutMs: STALL_MS },
  gopFrames: GOP_FRAMES,
  frameBytes: 4000,
};

describe("a push to an origin that stops reading", { timeout: 60_000 }, () => {
  let first: RecordingOrigin;
  let second: RecordingOrigin;
  let ports: number[];

  before(async () => {
    first = new RecordingOrigin();
    second = new RecordingOrigin();
    ports = await Promise.all([first.open(), second.open()]);
  });
  after(() => Promise.all([first.close(), second.close()]));

  test("is over after the stall limit, and the next origin gets what was not read", async () => {
    const bench = new PushBench(ports, FEW);
    await waitUntil("media comes", () => numbersOf(first).length > 2 * GOP_FRAMES, 10_000);
    first.setStalled(true);
    const last = numbersOf(first).at(-1) ?? assert.fail();
    await waitUntil("the next one gets it", () => numbersOf(second).length > GOP_FRAMES, 10_000);
    bench.close();
    assert.deepEqual(
      bench.ends.map(({ fault }) => fault),
      ["stall"],
    );
    const [begin = Number.NaN, ...rest] = numbersOf(second);
    assert.equal(begin % GOP_FRAMES, 0);
    assert.ok(begin <= last + 1, `from ${begin} after ${last}`);
    assert.ok(begin > last - 3 * GOP_FRAMES, `from ${begin} after ${last}: too much`);
    assert.deepEqual(
      rest,
      rest.map((_, index) => begin + 1 + index),
    );
  });
});
