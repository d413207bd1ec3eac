/** What real origins tell of what they have read, and that a push loses nothing of what they have not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNginxRtmp } from "../support/nginx-rtmp.ts";
import { RecordingOrigin } from "../support/recording-origin.ts";
import { waitUntil } from "../support/scratch.ts";
import { numbersOf, PushBench } from "../worker/upstream/push-bench.ts";

const GOP_FRAMES = 25;
/** Nothing is judged by this: it only ends a test that hangs. */
const WAIT_MS = 20_000;

test("nginx-rtmp answers pings: when it hangs, the next origin gets what it had not read", {
  timeout: 90_000,
}, async (context) => {
  const nginx = await startNginxRtmp("");
  const next = new RecordingOrigin();
  const options = {
    upstream: { stallTimeoutMs: 2000 },
    gopFrames: GOP_FRAMES,
    frameBytes: 4000,
  };
  const bench = new PushBench([nginx.port, await next.open()], options);
  context.after(async () => {
    bench.close();
    process.kill(nginx.pid, "SIGCONT");
    await Promise.all([nginx.stop(), next.close()]);
  });
  await waitUntil("much was sent", () => bench.sent > 6 * GOP_FRAMES, WAIT_MS);
  process.kill(nginx.pid, "SIGSTOP");
  const sent = bench.sent;
  const caughtUp = (): boolean => (numbersOf(next).at(-1) ?? 0) > sent + GOP_FRAMES;
  await waitUntil("the next one gets it", caughtUp, WAIT_MS);
  assert.deepEqual(
    bench.ends.map(({ fault }) => fault),
    ["stall"],
  );
  const numbers = numbersOf(next);
  const [begin = Number.NaN] = numbers;
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => begin + index),
  );
  // Without any sign it would have been sent from the very beginning.
  assert.ok(begin <= sent && begin > sent - 4 * GOP_FRAMES, `from ${begin} after ${sent}`);
});
