/** Viewers by HTTP at an edge: they share its one pull with players, and come to no other end than they do. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FaultProxy } from "../support/fault-proxy.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { assertTimeLine } from "../support/message-run.ts";
import { isMedia, type ReceivedFrame } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import {
  clip,
  closeAll,
  closeLater,
  type Node,
  ORIGIN_WAIT_MS,
  play,
  publishTo,
  startEdge,
  startNode,
  WAIT_MS,
} from "./edge-nodes.ts";

const EACH = 50;
const LINGER_MS = 3000;
const NOT_FOUND = "NetStream.Play.StreamNotFound";

after(closeAll);

/** Frames follow each other as in the clip; where one does not, it is a keyframe, and there is such a place. */
function assertStepsAtKeyframes(frames: readonly ReceivedFrame[]): void {
  const media = clip.filter(isMedia);
  const next = new Map(
    media.map(({ hash }, index) => [hash, media[(index + 1) % media.length]?.hash]),
  );
  const steps = frames.filter(
    ({ hash }, index) => index > 0 && hash !== next.get(frames[index - 1]?.hash ?? ""),
  );
  assert.ok(steps.length > 0, "nothing was lost");
  assert.deepEqual(new Set(steps.map(({ kind }) => kind)), new Set(["key"]));
}

describe("an edge with viewers by HTTP", { timeout: 150_000, concurrency: 2 }, () => {
  for (const backend of ["uws", "node"] as const) {
    describe(`on ${backend}`, { concurrency: 1 }, () => {
      let origin: Node;
      let edge: Node;
      /** Gives up soon: for a stream that is not there. */
      let hasty: Node;
      let proxy: FaultProxy;

      before(async () => {
        origin = await startNode("min_latency on;");
        proxy = await new FaultProxy(origin.weir.port).open();
        closeLater(proxy);
        const http = `http_backend ${backend};`;
        const remembers = `origin_first_media_timeout 500; origin_not_found ${WAIT_MS};`;
        [edge, hasty] = await Promise.all([
          startEdge(proxy.port, `origin_linger ${LINGER_MS};`, http),
          startEdge(proxy.port, remembers, http),
        ]);
      });

      test("all that come together are one connection, which lingers after the last one", async () => {
        const publisher = await publishTo(origin.weir.port, "shared");
        const url = edge.flv("shared");
        const viewers = Array.from(
          { length: EACH },
          (_, index) => new FlvViewer(index % 2 === 0 ? url : url.replace("http:", "ws:")),
        );
        const players = Array.from({ length: EACH }, () => play(edge.weir.port, "shared"));
        await Promise.all([...viewers, ...players].map((one) => one.waitFrames(25, WAIT_MS)));
        assert.equal(proxy.connections, 1);
        for (const one of [...viewers.slice(1), ...players]) {
          one.close();
        }
        await waitUntil("one is left", () => edge.weir.server.clients.size === 1, WAIT_MS);
        await delay(LINGER_MS * 1.2);
        assert.equal(edge.weir.server.edge.pulls, 1, "a viewer keeps the pull");
        viewers[0]?.close();
        await waitUntil("nobody is left", () => edge.weir.server.clients.size === 0, WAIT_MS);
        assert.equal(edge.weir.server.edge.pulls, 1, "it lingers");
        const next = new FlvViewer(url);
        await next.waitFrames(5, WAIT_MS);
        assert.equal(proxy.connections, 1);
        next.close();
        await waitUntil("the pull ends", () => edge.weir.server.edge.pulls === 0, WAIT_MS);
        publisher.close();
      });

      test("a stream that is not there is a 404 after the wait, and the next one's at once", async () => {
        const began = performance.now();
        const first = new FlvViewer(hasty.flv("nowhere"));
        const player = play(hasty.weir.port, "nowhere");
        assert.equal(await first.waitEnd(WAIT_MS), 404);
        const tookMs = performance.now() - began;
        assert.ok(tookMs >= ORIGIN_WAIT_MS * 0.9, `after ${tookMs} ms`);
        await player.waitEnd(WAIT_MS);
        assert.equal(player.statuses.at(-1), NOT_FOUND);
        const { edge: pulls } = hasty.weir.server;
        await waitUntil("nobody asks any more", () => pulls.pulls === 0, WAIT_MS);
        const asked = proxy.connections;
        const url = hasty.flv("nowhere");
        for (const again of [new FlvViewer(url), new FlvViewer(url.replace("http:", "ws:"))]) {
          assert.equal(await again.waitEnd(WAIT_MS), 404);
        }
        assert.equal(proxy.connections, asked, "nobody was asked");
      });

      test("viewers stay when the origin is lost, and go on at a keyframe", async () => {
        const publisher = await publishTo(origin.weir.port, "lost");
        const url = edge.flv("lost");
        const viewers = [new FlvViewer(url), new FlvViewer(url.replace("http:", "ws:"))];
        await Promise.all(viewers.map((viewer) => viewer.waitFrames(30, WAIT_MS)));
        await proxy.set("refused");
        await delay(500);
        const counts = viewers.map(({ received }) => received.length);
        await proxy.set("pass");
        await Promise.all(
          viewers.map((viewer, index) => viewer.waitFrames((counts[index] ?? 0) + 30, WAIT_MS)),
        );
        for (const viewer of viewers) {
          assert.equal(viewer.isOver, false);
          assertTimeLine(viewer.received);
          assertStepsAtKeyframes(viewer.received.filter(isMedia));
          viewer.close();
        }
        publisher.close();
      });
    });
  }
});
