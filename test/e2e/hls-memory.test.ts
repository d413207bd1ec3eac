/** Memory of segments, over many streams: what is held is counted, bounded, and given back. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Frame } from "../support/flv-file.ts";
import { readPlaylist } from "../support/playlist-check.ts";
import { publishOnce } from "../support/publish-once.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 90_000 };
const WAIT_MS = 60_000;
const STREAMS = 60;
const SPEED = 1;
/** Of a host that is busy with other things some may be read too late. */
const STREAMS_MIN = STREAMS / 2;
const NAMES: readonly string[] = Array.from({ length: STREAMS }, (_, number) => `s${number}`);
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/** Publishes the clip under all names at once. */
async function publishAll({ port }: HlsServer): Promise<void> {
  const url = (name: string): string => `rtmp://127.0.0.1:${port}/live/${name}`;
  await Promise.all(NAMES.map((name) => publishOnce(url(name), clip, SPEED)));
}

/** All is published, read from its ring, and told. */
async function allPackaged({ server }: HlsServer): Promise<void> {
  await waitUntil("all are packaged", () => server.hlsHoldings.streams >= STREAMS_MIN, WAIT_MS);
  await waitUntil("all rings are read", () => server.pool.lentCount === 0, WAIT_MS);
  let files = -1;
  while (files !== server.hlsHoldings.files) {
    files = server.hlsHoldings.files;
    await delay(500);
  }
}

/** Bytes of all that the playlists of all streams list, each of which can be fetched. */
async function fetchAll(
  weir: HlsServer,
): Promise<{ streams: number; bytes: number; segments: number }> {
  const sum = { streams: 0, bytes: 0, segments: 0 };
  for (const name of NAMES) {
    const { status: found, body: text } = await weir.client.get(`/live/${name}.m3u8`);
    const { segments } = found === 200 ? readPlaylist(text.toString()) : { segments: [] };
    sum.streams += found === 200 ? 1 : 0;
    for (const { uri } of segments) {
      const { status, body } = await weir.client.get(`/live/${uri}`);
      assert.equal(status, 200, uri);
      sum.bytes += body.length;
      sum.segments += 1;
    }
  }
  return sum;
}

const hls = "hls_ctx off; hls_files off; hls_window 60;";

// Each has a server of its own; the first waits for most of its time.
describe("many streams", { concurrency: 2 }, () => {
  test("are counted byte by byte, and given back after hls_dispose", LIMIT, async (context) => {
    const weir = await startHls({ hls: `${hls} hls_dispose 15;` });
    try {
      const { server } = weir;
      await publishAll(weir);
      await allPackaged(weir);
      const { streams, bytes, segments } = await fetchAll(weir);
      assert.deepEqual(server.hlsHoldings, { streams, files: segments, bytes });
      await waitUntil("all is disposed of", () => server.hlsHoldings.streams === 0, WAIT_MS);
      assert.deepEqual(server.hlsHoldings, { streams: 0, files: 0, bytes: 0 });
      assert.equal((await weir.client.get("/live/s0-0.ts")).status, 404);
      assert.equal(server.pool.lentCount, 0);
      context.diagnostic(`${bytes} bytes in ${segments} segments`);
    } finally {
      await weir.close();
    }
  });

  test(
    "one stream holds its window and what players may still ask for, however long it runs",
    LIMIT,
    async (context) => {
      const weir = await startHls({ hls: "hls_ctx off; hls_files off; hls_window 1;" });
      const publisher = await publishTo(weir.port, "a", clip);
      try {
        const counts: number[] = [];
        const first = await weir.client.until(
          "/live/a.m3u8",
          "segments",
          ({ segments }) => segments.length > 0,
        );
        for (const more of [14, 18, 22]) {
          await weir.client.until("/live/a.m3u8", `${more} segments later`, ({ mediaSequence }) => {
            return mediaSequence >= first.mediaSequence + more;
          });
          counts.push(weir.server.hlsHoldings.files);
        }
        // Listed are three of 0.4 s; each stays for its own length, the playlist's and two target durations: 3.6 s.
        assert.ok(Math.max(...counts) <= 16, counts.join(" "));
        context.diagnostic(`files held: ${counts.join(", ")}`);
      } finally {
        publisher.close();
        await weir.close();
      }
    },
  );

  test(
    "together take no more than they may: windows are shortened, it is told once",
    LIMIT,
    async (context) => {
      const clipBytes = clip.reduce((sum, { payload }) => sum + payload.length, 0);
      const hlsBytesMax = Math.floor((STREAMS * clipBytes) / 2);
      const weir = await startHls({ hls, limits: { hlsBytesMax } });
      try {
        const { server } = weir;
        await publishAll(weir);
        await allPackaged(weir);
        await waitUntil("there is room", () => server.hlsHoldings.bytes <= hlsBytesMax, WAIT_MS);
        const { streams, bytes, segments } = await fetchAll(weir);
        assert.deepEqual(server.hlsHoldings, { streams, files: segments, bytes });
        assert.ok(bytes > hlsBytesMax / 2, "more was given up than had to be");
        assert.equal(weir.log().match(/memory for HLS is short/g)?.length, 1);
        context.diagnostic(`${bytes} bytes of ${hlsBytesMax}`);
      } finally {
        await weir.close();
      }
    },
  );
});
