/** A push loses nothing of what an origin has taken and not read. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
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

/** Where an origin began, and that nothing is missing from there on. */
function beginOf(origin: RecordingOrigin): number {
  const [begin = Number.NaN, ...rest] = numbersOf(origin);
  assert.deepEqual(
    rest,
    rest.map((_, index) => begin + 1 + index),
  );
  return begin;
}

interface Ground {
  readonly first: RecordingOrigin;
  readonly second: RecordingOrigin;
  readonly bench: PushBench;
}

/** A push to two origins, closed with the test. */
async function setUp(
  context: TestContext,
  options: PushBenchOptions,
  signs: RecordingOrigin["signs"] = "all",
): Promise<Ground> {
  const [first, second] = [new RecordingOrigin(), new RecordingOrigin()];
  first.signs = signs;
  const bench = new PushBench(await Promise.all([first.open(), second.open()]), options);
  context.after(async () => {
    bench.close();
    await Promise.all([first.close(), second.close()]);
  });
  return { first, second, bench };
}

function faultsOf(bench: PushBench): string[] {
  return bench.ends.map(({ fault }) => fault);
}

describe("a push to an origin that stops reading", { concurrency: true, timeout: 60_000 }, () => {
  const cases: [string, RecordingOrigin["signs"], PushBenchOptions][] = [
    ["few bytes", "all", FEW],
    ["one that only acknowledges", "acknowledgements", FEW],
    ["long groups", "all", { ...FEW, gopFrames: 75, frameBytes: 12_000 }],
  ];
  for (const [name, signs, options] of cases) {
    test(`${name}: it is over, and the next one gets all that was not read`, async (context) => {
      const { first, second, bench } = await setUp(context, options, signs);
      const { gopFrames } = options;
      const enough = 2 * gopFrames + 10;
      await waitUntil("media comes", () => numbersOf(first).length > enough, 20_000);
      first.setStalled(true);
      const last = numbersOf(first).at(-1) ?? assert.fail();
      const caughtUp = (): boolean => (numbersOf(second).at(-1) ?? 0) > last + gopFrames;
      await waitUntil("the next one gets it", caughtUp, 20_000);
      assert.deepEqual(faultsOf(bench), ["stall"]);
      const begin = beginOf(second);
      assert.equal(begin % gopFrames, 0);
      assert.ok(begin <= last + 1, `from ${begin} after ${last}`);
      assert.ok(begin > last - 3 * gopFrames, `from ${begin} after ${last}: too much`);
    });
  }

  test("without signs its kernel is the judge, who says nothing while it takes", async (context) => {
    const { first, second, bench } = await setUp(context, FEW, "none");
    await waitUntil("many stall limits", () => numbersOf(first).length > 100, 20_000);
    assert.deepEqual(faultsOf(bench), []);
    first.reset();
    const last = numbersOf(first).at(-1) ?? assert.fail();
    const enough = (): boolean => numbersOf(second).length > 2 * GOP_FRAMES;
    await waitUntil("the next one gets it", enough, 20_000);
    const begin = beginOf(second);
    assert.ok(begin <= last + 1, `from ${begin} after ${last}`);
  });

  test("acknowledgements are owed for each window, not for each stall limit", async (context) => {
    // Half a window, after which weir acknowledges, takes longer than the limit.
    const options = { ...FEW, gopFrames: 5, frameBytes: 1000 };
    const { first, bench } = await setUp(context, options, "acknowledgements");
    await waitUntil("many stall limits", () => numbersOf(first).length > 150, 20_000);
    assert.deepEqual(faultsOf(bench), []);
  });

  test("one that hangs before it gave any sign loses nothing either", async (context) => {
    const { first, second, bench } = await setUp(context, FEW);
    await waitUntil("it is asked", () => first.publishes.length > 0, 20_000);
    first.setStalled(true);
    await waitUntil("frames are sent", () => bench.sent > 10, 20_000);
    first.reset();
    await waitUntil("the next one gets it", () => numbersOf(second).length > GOP_FRAMES, 20_000);
    assert.ok(beginOf(second) <= (numbersOf(first).at(-1) ?? -1) + 1);
  });
});
