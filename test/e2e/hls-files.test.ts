/** Files of HLS: written, removed, not to be written; and what a reload changes of a stream that runs. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { Frame } from "../support/flv-file.ts";
import { isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

describe("files", { concurrency: 3 }, () => {
  test(
    "nothing can be written: viewers are served from memory, it is told once, and files come back",
    LIMIT,
    async () => {
      const directory = join(makeScratch(), "html");
      // A file where a directory is wanted: no rights of anybody's help.
      writeFileSync(directory, "");
      const weir = await startHls({ directory, hls: "hls_ctx off;" });
      const publisher = await publishTo(weir.port, "a", clip);
      const player = await new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/a`, "play").waitReady();
      try {
        const path = "/live/a.m3u8";
        await weir.client.until(path, "segments", ({ segments }) => segments.length >= 5);
        const { segments } = await weir.client.playlist(path);
        for (const { uri } of segments) {
          assert.equal((await weir.client.get(`/live/${uri}`)).status, 200);
        }
        const told = () => weir.log().match(/hls of __defaultVhost__\/live\/a: /g)?.length ?? 0;
        await waitUntil("it is told", () => told() === 1, WAIT_MS);
        rmSync(directory);
        mkdirSync(directory);
        await waitUntil("a playlist is written", () => existsSync(join(directory, path)), WAIT_MS);
        await waitUntil("that is told too", () => told() === 2, WAIT_MS);
        assert.ok(player.received.filter(isMedia).length > 50);
        assert.equal(publisher.peer.end, "open");
      } finally {
        publisher.close();
        player.close();
        await weir.close();
      }
    },
  );

  test("hls_on_error disconnect: the publisher is closed", LIMIT, async () => {
    const directory = join(makeScratch(), "html");
    writeFileSync(directory, "");
    const weir = await startHls({ directory, hls: "hls_on_error disconnect;" });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      await publisher.peer.waitEnd(WAIT_MS);
      publisher.close();
    } finally {
      await weir.close();
    }
  });
  test("what left the window is removed, all of it after hls_dispose", LIMIT, async () => {
    const weir = await startHls({
      hls: "hls_ctx off; hls_window 1; hls_dispose 2; hls_keys on; hls_fragments_per_key 2;",
    });
    const folder = join(weir.directory, "live");
    const path = "/live/a.m3u8";
    let last = 0;
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      const isThere = (name: string): boolean => existsSync(join(folder, name));
      await waitUntil("the first segment is written", () => isThere("a-0.ts"), WAIT_MS);
      assert.ok(isThere("a-0.key"));
      await waitUntil(
        "what left the window is removed",
        () => !(isThere("a-0.ts") || isThere("a-0.key")),
        WAIT_MS,
      );
      const { segments } = await weir.client.playlist(path);
      last = segments.at(-1)?.sequence ?? 0;
      for (const { uri } of segments) {
        await waitUntil(`${uri} is written`, () => isThere(uri), WAIT_MS);
      }
      publisher.close();
      await waitUntil(
        "nothing is served",
        async () => (await weir.client.get(path)).status === 404,
        WAIT_MS,
      );
      await waitUntil("all files are gone", () => readdirSync(folder).length === 0, WAIT_MS);
      const again = await publishTo(weir.port, "a", clip);
      const after = await weir.client.until(
        path,
        "segments",
        ({ segments }) => segments.length >= 2,
      );
      assert.ok((after.segments[0]?.sequence ?? 0) > last, "numbers are not used again");
      again.close();
    } finally {
      await weir.close();
    }
  });

  test("a restart goes on with the numbers", LIMIT, async () => {
    const path = "/live/a.m3u8";
    const weir = await startHls({ hls: "hls_ctx off;" });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      await weir.client.until(path, "segments", ({ segments }) => segments.length >= 3);
      publisher.close();
    } finally {
      await weir.close();
    }
    const names = readdirSync(join(weir.directory, "live"));
    assert.ok(names.includes("a.m3u8"), names.join(" "));
    const numbers = names.map((name) => Number(/a-(\d+)\.ts/.exec(name)?.[1] ?? -1));
    const next = await startHls({ directory: weir.directory, hls: "hls_ctx off;" });
    try {
      const publisher = await publishTo(next.port, "a", clip);
      const { segments } = await next.client.until(path, "segments", (playlist) => {
        return playlist.segments.length >= 2;
      });
      assert.equal(segments[0]?.sequence, Math.max(...numbers) + 1);
      assert.equal(segments[0]?.isDiscontinuity, true);
      publisher.close();
    } finally {
      await next.close();
    }
  });

  test("hls_files off writes nothing", LIMIT, async () => {
    const weir = await startHls({ hls: "hls_ctx off; hls_files off;" });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      await weir.client.until("/live/a.m3u8", "segments", ({ segments }) => segments.length >= 2);
      assert.deepEqual(readdirSync(weir.directory), []);
      publisher.close();
    } finally {
      await weir.close();
    }
  });

  test(
    "a reload switches HLS on for a stream that runs, changes it, and switches it off",
    LIMIT,
    async () => {
      const weir = await startHls({ isOff: true });
      const path = "/live/a.m3u8";
      try {
        const publisher = await publishTo(weir.port, "a", clip);
        assert.equal((await weir.client.get(path)).status, 404);
        await weir.reloadHls("hls_ctx off;");
        await weir.client.until(path, "segments", ({ segments }) => segments.length >= 2);
        await weir.reloadHls("hls_ctx off; hls_use_fmp4 on;");
        const mixed = await weir.client.until(path, "fragmented MP4", ({ segments }) => {
          return segments.filter(({ map }) => map !== null).length >= 2;
        });
        const first = mixed.segments.find(({ map }) => map !== null);
        assert.equal(first?.isDiscontinuity, true);
        assert.match(first?.uri ?? "", /m4s$/);
        await weir.reloadHls("", { isOff: true });
        await waitUntil(
          "it is off",
          async () => (await weir.client.get(path)).status === 404,
          WAIT_MS,
        );
        await weir.reloadHls("hls_ctx off;");
        await weir.client.until(path, "segments again", ({ segments }) => segments.length >= 2);
        publisher.close();
        await waitUntil("all rings are back", () => weir.server.pool.lentCount === 0, WAIT_MS);
      } finally {
        await weir.close();
      }
    },
  );
});
