/** LL-HLS: parts, blocking reloads, preload hints and delta updates, from either gateway, whatever library serves. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import HLS from "hls-parser";
import type { ClipPublisher } from "../support/rtmp-peer.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 40_000 };
const PATH = "/live/a.m3u8";

describe("LL-HLS", { concurrency: 2 }, () => {
  for (const backend of ["uws", "node"] as const) {
    describe(`on ${backend}`, () => {
      let weir: HlsServer;
      let publisher: ClipPublisher;

      before(async () => {
        const hls =
          "hls_ctx off; hls_use_fmp4 on; hls_ll on; hls_part 0.2; hls_fragment 1.2; hls_window 6;";
        weir = await startHls({ hls, backend });
        publisher = await publishTo(weir.port, "a", await makeHlsClip());
        await weir.client.until(PATH, "segments", ({ segments }) => segments.length >= 3);
      });

      after(async () => {
        publisher?.close();
        await weir?.close();
      });

      test(
        "a reload that asks for what is not there is answered when it is, and not before",
        LIMIT,
        async () => {
          const { client } = weir;
          let { segments, openParts } = await client.playlist(PATH);
          for (let reload = 0; reload < 8; reload += 1) {
            const next = (segments.at(-1)?.sequence ?? 0) + 1;
            const part = openParts.length;
            const playlist = await client.playlist(`${PATH}?_HLS_msn=${next}&_HLS_part=${part}`);
            const last = playlist.segments.at(-1)?.sequence ?? 0;
            assert.ok(
              last >= next || playlist.openParts.length > part,
              `${next}.${part} is not there`,
            );
            ({ segments, openParts } = playlist);
          }
          const whole = (segments.at(-1)?.sequence ?? 0) + 1;
          const playlist = await client.playlist(`${PATH}?_HLS_msn=${whole}`);
          assert.ok((playlist.segments.at(-1)?.sequence ?? 0) >= whole);
        },
      );

      test(
        "a part that is announced is waited for; each one listed is there and as long as it says",
        LIMIT,
        async () => {
          const { client } = weir;
          const playlist = await client.playlist(PATH);
          const hint = playlist.preloadHint ?? "";
          const { status, headers, body } = await client.get(`/live/${hint}`);
          assert.equal(status, 200);
          assert.equal(headers["content-type"], "video/mp4");
          assert.equal(body.toString("latin1", 4, 8), "moof");
          const { segments } = await client.playlist(PATH);
          const parts = segments.flatMap((segment) => segment.parts);
          assert.ok(parts.length > 10);
          for (const { uri, seconds } of parts) {
            assert.ok(seconds <= (playlist.partTargetSeconds ?? 0));
            assert.equal((await client.get(`/live/${uri}`)).status, 200);
          }
          // A segment is its parts, one after the other.
          const listed = segments.find((segment) => segment.parts.length > 0);
          const bytes = await Promise.all(
            (listed?.parts ?? []).map(async ({ uri }) => (await client.get(`/live/${uri}`)).body),
          );
          const segment = await client.get(`/live/${listed?.uri}`);
          assert.equal(Buffer.compare(Buffer.concat(bytes), segment.body), 0);
        },
      );

      test("what cannot be asked is 400, what is not announced 404", LIMIT, async () => {
        const { client } = weir;
        const { segments } = await client.playlist(PATH);
        const last = segments.at(-1)?.sequence ?? 0;
        assert.equal((await client.get(`${PATH}?_HLS_msn=${last + 50}`)).status, 400);
        assert.equal((await client.get(`${PATH}?_HLS_part=1`)).status, 400);
        assert.equal((await client.get(`${PATH}?_HLS_msn=x`)).status, 400);
        assert.equal((await client.get("/live/a-99999.0.m4s")).status, 404);
      });

      test("a reader of others understands it, delta updates too", LIMIT, async () => {
        const { client } = weir;
        const { body } = await client.get(PATH);
        const playlist = HLS.parse(body.toString()) as HLS.types.MediaPlaylist;
        assert.equal(playlist.lowLatencyCompatibility?.canBlockReload, true);
        assert.ok((playlist.partTargetDuration ?? 0) >= 0.15);
        const delta = await client.get(`${PATH}?_HLS_skip=YES`);
        assert.match(delta.body.toString(), /^#EXTM3U\n/);
        assert.doesNotThrow(() => HLS.parse(delta.body.toString()));
      });
    });
  }
});
