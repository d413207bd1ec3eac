/** What HLS does when its parts fail, and that live streams do not notice. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Frame } from "../support/flv-file.ts";
import { type ReadPlaylist, readPlaylist } from "../support/playlist-check.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, packagerOf, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
/** Each on a connection of its own: one of them reaches each gateway, almost surely. */
const FETCHES = 3;
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

/**
 * Every version of a playlist, with all that it lists, until a number is listed. @returns the last.
 * @throws AssertionError where something that is listed is not there
 */
async function fetchAll(
  { client }: HlsServer,
  before: ReadPlaylist,
  until: number,
): Promise<ReadPlaylist> {
  let last = before;
  const look = async (): Promise<boolean> => {
    const { status, body } = await client.get("/live/a.m3u8");
    assert.equal(status, 200, "the playlist is gone");
    // Who has much to catch up with may list and drop a segment between two looks: not each is seen.
    const now = readPlaylist(body.toString());
    assert.ok(now.mediaSequence >= last.mediaSequence, "numbers go back");
    assert.ok(breaksOf(now) >= breaksOf(last), "discontinuities go back");
    last = now;
    const { segments } = last;
    for (const segment of segments) {
      for (let fetch = 0; fetch < FETCHES; fetch += 1) {
        assert.equal((await client.get(`/live/${segment.uri}`)).status, 200, segment.uri);
      }
    }
    return (segments.at(-1)?.sequence ?? 0) > until;
  };
  await waitUntil(`segment ${until}`, look, WAIT_MS);
  return last;
}

/** How often it has begun anew so far. */
function breaksOf({ segments, discontinuitySequence }: ReadPlaylist): number {
  return discontinuitySequence + segments.filter(({ isDiscontinuity }) => isDiscontinuity).length;
}

describe("HLS", { concurrency: 2 }, () => {
  test(
    "a packager that dies where no files are written: numbers do not go back",
    LIMIT,
    async () => {
      const weir = await startHls({ hls: "hls_ctx off; hls_files off; hls_window 1;" });
      const publisher = await publishTo(weir.port, "a", clip);
      try {
        const path = "/live/a.m3u8";
        const { mediaSequence } = await weir.client.until(path, "segments", () => true);
        // Numbers begin with the time of day, and segments are shorter than a second.
        await weir.client.until(path, "more numbers than seconds", (now) => {
          return now.mediaSequence > mediaSequence + 10;
        });
        const before = readPlaylist((await weir.client.get(path)).body.toString());
        void packagerOf(weir)
          ?.fault("throw")
          .catch(() => undefined);
        const last = before.segments.at(-1)?.sequence ?? 0;
        const later = await fetchAll(weir, before, last + 2);
        assert.equal(breaksOf(later), breaksOf(before) + 1);
      } finally {
        publisher.close();
        await weir.close();
      }
    },
  );

  // One after the other: what dies is the same server's. Without this the tests inside inherit the two at one time.
  describe("threads that die", { concurrency: 1 }, () => {
    let weir: HlsServer;
    let publisher: ClipPublisher;
    let player: RtmpPeer;

    before(async () => {
      weir = await startHls({ workers: 2, hls: "hls_ctx off;", limits: { hangKillMs: 5000 } });
      publisher = await publishTo(weir.port, "a", clip);
      player = await new RtmpPeer(weirUrl("a"), "play").waitReady(WAIT_MS);
    });

    after(async () => {
      publisher?.close();
      player?.close();
      await weir?.close();
    });

    const weirUrl = (name: string): string => `rtmp://127.0.0.1:${weir.port}/live/${name}`;

    for (const fault of ["throw", "hang"] as const) {
      test(
        `a packager that does (${fault}) is replaced: numbers go on, players see no gap`,
        LIMIT,
        async () => {
          const { client } = weir;
          const path = "/live/a.m3u8";
          await client.until(path, "segments", ({ segments }) => segments.length >= 3);
          const before = readPlaylist((await client.get(path)).body.toString());
          const last = before.segments.at(-1)?.sequence ?? 0;
          const broken = packagerOf(weir);
          const frames = player.received.length;
          void broken?.fault(fault).catch(() => undefined);
          // All that is listed is served, from memory, by every gateway: what is older, and what the successor makes.
          const later = await fetchAll(weir, before, last + 3);
          const more = breaksOf(later) - breaksOf(before);
          assert.equal(more, 1, "the segment in the making is lost, and that is told");
          await waitUntil("it is another one", () => packagerOf(weir) !== broken, WAIT_MS);
          await player.waitFrames(frames + 50, WAIT_MS);
          assert.equal(player.end, "open");
        },
      );
    }

    test("a gateway that is replaced has the window at once", LIMIT, async () => {
      const { links } = weir.server.supervisor;
      const index = links.findIndex((link) => link?.role === "gateway");
      const broken = links[index];
      void broken?.fault("throw").catch(() => undefined);
      await waitUntil(
        "another one runs",
        () => links[index] !== broken && links[index]?.isAlive === true,
        WAIT_MS,
      );
      const { segments } = await weir.client.until(
        "/live/a.m3u8",
        "the playlist",
        ({ segments: listed }) => listed.length >= 3,
      );
      for (const { uri } of [...segments, ...segments]) {
        assert.equal((await weir.client.get(`/live/${uri}`)).status, 200);
      }
    });

    test("a shard that dies: the next publish goes on with the playlist", LIMIT, async () => {
      const { client, server } = weir;
      const path = "/live/b.m3u8";
      const first = await publishTo(weir.port, "b", clip);
      await client.until(path, "segments", ({ segments }) => segments.length >= 2);
      const shard = server.coordinator.find("__defaultVhost__/live/b")?.publisher?.shard ?? -1;
      const broken = server.supervisor.links[shard];
      void broken?.fault("throw").catch(() => undefined);
      await first.peer.waitEnd(WAIT_MS);
      await waitUntil("it is replaced", () => server.supervisor.links[shard] !== broken, WAIT_MS);
      const { segments } = await client.playlist(path);
      const last = segments.at(-1)?.sequence ?? 0;
      const second = await publishTo(weir.port, "b", clip);
      await client.until(path, "more segments", (playlist) => {
        return (playlist.segments.at(-1)?.sequence ?? 0) >= last + 3;
      });
      second.close();
    });

    test("no lease is left behind", LIMIT, async () => {
      publisher.close();
      player.close();
      await waitUntil("all rings are back", () => weir.server.pool.lentCount === 0, WAIT_MS);
    });
  });
});
