/** A server that is killed and comes again: its playlists go on from their files, and what it left is cleaned up. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Frame } from "../support/flv-file.ts";
import { HlsClient } from "../support/hls-client.ts";
import { PlaylistWatch, type ReadPlaylist } from "../support/playlist-check.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";
import { makeHlsClip, publishTo } from "./hls-runs.ts";

const LIMIT = { timeout: 90_000 };
const WAIT_MS = 30_000;
const PATH = "/live/a.m3u8";
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/** A server's life on one directory. */
class Life {
  readonly weir: RunningServer;
  readonly client: HlsClient;

  private constructor(weir: RunningServer, client: HlsClient) {
    this.weir = weir;
    this.client = client;
  }

  static async begin(directory: string, hls: string): Promise<Life> {
    const http = await findFreePort();
    const weir = await startWeir({
      directives: `gateways 1; http_backend node; http_server { enabled on; listen 127.0.0.1:${http}; }`,
      vhost: `hls { ${hls} enabled on; hls_fragment 0.4; hls_window 2; hls_ctx off; hls_path ${directory}; }`,
    });
    await waitUntil("http listens", () => isListening(http), WAIT_MS);
    return new Life(weir, new HlsClient(http));
  }

  /** Publishes until a playlist is as wanted; then the publisher leaves. */
  async publish(what: string, isIt: (playlist: ReadPlaylist) => boolean): Promise<void> {
    const publisher = await publishTo(this.weir.port, "a", clip);
    try {
      await this.client.until(PATH, what, isIt, WAIT_MS);
    } finally {
      publisher.close();
    }
  }

  async kill(): Promise<void> {
    await this.weir.process.stop("SIGKILL");
  }
}

function namesIn(directory: string): string[] {
  return readdirSync(join(directory, "live"));
}

describe("a server that is killed", { concurrency: 2 }, () => {
  test(
    "goes on with the numbers and discontinuities; what it left goes with the window, all with hls_dispose",
    LIMIT,
    async () => {
      const directory = makeScratch();
      const watch = new PlaylistWatch();
      const first = await Life.begin(directory, "");
      await first.publish("segments", ({ segments }) => segments.length >= 3);
      // Of the second publish too: one more discontinuity than lives.
      const publisher = await publishTo(first.weir.port, "a", clip);
      await first.client.until(PATH, "a republish", ({ segments }) => {
        const at = segments.findIndex(({ isDiscontinuity }) => isDiscontinuity);
        return at >= 0 && segments.length - at >= 2;
      });
      const listed = (await first.client.playlist(PATH)).segments.at(-1)?.uri ?? "";
      await waitUntil("it is written", () => namesIn(directory).includes(listed), WAIT_MS);
      await first.kill();
      publisher.close();
      // What a death in the middle of a write leaves.
      writeFileSync(join(directory, "live", "a.m3u8.temp"), "#EXTM3U\n#EXT-X-MEDIA-SEQ");
      const old = watch.read(readFileSync(join(directory, PATH), "utf8"));
      const next = (old.segments.at(-1)?.sequence ?? 0) + 1;
      writeFileSync(join(directory, "live", `a-${next}.ts.tmp`), "half");
      const left = namesIn(directory);

      const isStale = (name: string): boolean => name !== "a.m3u8" && left.includes(name);
      const second = await Life.begin(directory, "hls_dispose 6;");
      try {
        const again = await publishTo(second.weir.port, "a", clip);
        let last = old;
        // Every version: the one before is the crashed server's last.
        const look = async (): Promise<boolean> => {
          const { status, body } = await second.client.get(PATH);
          if (status === 200) {
            last = watch.read(body.toString());
          }
          return last.mediaSequence > next && !namesIn(directory).some(isStale);
        };
        await waitUntil("files of the earlier life are gone", look, WAIT_MS);
        again.close();
        await waitUntil("all is disposed of", () => namesIn(directory).length === 0, WAIT_MS);
        assert.equal((await second.client.get(`/live/${listed}`)).status, 404);
      } finally {
        await second.weir.stop();
      }
    },
  );

  test("with hls_cleanup off everything stays, and numbers go on", LIMIT, async () => {
    const directory = makeScratch();
    const first = await Life.begin(directory, "hls_cleanup off;");
    await first.publish("segments", ({ mediaSequence }) => mediaSequence >= 2);
    await waitUntil("all is written", () => namesIn(directory).length >= 5, WAIT_MS);
    await first.kill();
    const left = namesIn(directory).filter((name) => name.endsWith(".ts"));
    const numbers = left.map((name) => Number(/a-(\d+)/.exec(name)?.[1]));
    assert.ok(left.includes("a-0.ts"), "what left the window stays");
    const second = await Life.begin(directory, "hls_cleanup off; hls_dispose 3;");
    try {
      await second.publish("more", (playlist) => {
        return (playlist.segments[0]?.sequence ?? 0) > Math.max(...numbers);
      });
      await waitUntil(
        "nothing is served",
        async () => (await second.client.get(PATH)).status === 404,
        WAIT_MS,
      );
      const later = namesIn(directory);
      assert.deepEqual(
        left.filter((name) => !later.includes(name)),
        [],
      );
      assert.ok(later.includes("a.m3u8"));
    } finally {
      await second.weir.stop();
    }
  });
});
