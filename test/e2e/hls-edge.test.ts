/** HLS at an edge: a viewer of HLS alone fetches the stream, and keeps it for as long as it asks. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import type { Frame } from "../support/flv-file.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

async function withEdge(
  hls: string,
  work: (edge: HlsServer, origin: InProcess) => Promise<void>,
): Promise<void> {
  const origin = await startInProcess({ workers: 1 });
  const upstream = `mode remote; origin 127.0.0.1:${origin.port}; origin_linger 500; origin_wait 3000;`;
  const rules = "security { enabled on; allow play all; allow publish all; }";
  const edge = await startHls({ hls, vhost: `cluster { ${upstream} } ${rules}` });
  try {
    await work(edge, origin);
  } finally {
    await edge.close();
    await origin.close();
  }
}

describe("an edge", { concurrency: 3 }, () => {
  for (const [name, hls] of [
    ["with a session", "hls_window 1;"],
    ["without sessions", "hls_window 1; hls_ctx off;"],
  ] as const) {
    test(`a viewer ${name} fetches the stream and lets it go`, LIMIT, () =>
      withEdge(hls, async (edge, origin) => {
        const publisher = await publishTo(origin.port, "a", clip);
        const path = !hls.includes("hls_ctx off")
          ? await edge.client.session("/live/a.m3u8")
          : "/live/a.m3u8";
        // Longer than the linger and than a session without requests.
        const until = performance.now() + 4000;
        let playlist = await edge.client.playlist(path);
        while (performance.now() < until) {
          playlist = await edge.client.playlist(path);
          await delay(300);
        }
        assert.ok(playlist.segments.length >= 3);
        assert.ok(playlist.segments.every(({ isDiscontinuity }) => !isDiscontinuity));
        const uri = playlist.segments.at(-1)?.uri ?? "";
        assert.equal((await edge.client.get(`/live/${uri}`)).status, 200);
        const [bare = ""] = uri.split("?");
        assert.equal((await edge.client.get(`/live/${bare}`)).status, 403);
        assert.equal(edge.server.edge.pulls, 1);
        assert.equal(edge.server.edge.attempts, 1);
        await waitUntil("the pull ends", () => edge.server.edge.pulls === 0, 20_000);
        publisher.close();
      }),
    );
  }

  test("a stream that no origin has is not there, in time", LIMIT, () =>
    withEdge("hls_ctx off;", async (edge) => {
      const began = performance.now();
      assert.equal((await edge.client.get("/live/none.m3u8")).status, 404);
      assert.ok(performance.now() - began < 20_000);
    }),
  );
});
