/** What HLS does when its parts fail, and that live streams do not notice. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Frame } from "../support/flv-file.ts";
import { PlaylistWatch } from "../support/playlist-check.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, packagerOf, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

describe("threads that die", () => {
  let weir: HlsServer;
  let publisher: ClipPublisher;
  let player: RtmpPeer;

  before(async () => {
    weir = await startHls({ workers: 2, hls: "hls_ctx off;" });
    publisher = await publishTo(weir.port, "a", clip);
    player = await new RtmpPeer(weirUrl("a"), "play").waitReady();
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
        const watch = new PlaylistWatch();
        const path = "/live/a.m3u8";
        await client.until(path, "segments", ({ segments }) => segments.length >= 3);
        const before = watch.read((await client.get(path)).body.toString());
        const last = before.segments.at(-1)?.sequence ?? 0;
        const broken = packagerOf(weir);
        const frames = player.received.length;
        void broken?.fault(fault).catch(() => undefined);
        await waitUntil(
          "another one runs",
          () => packagerOf(weir) !== broken && packagerOf(weir)?.isAlive === true,
          WAIT_MS,
        );
        // What was listed stays served, from memory.
        for (const { uri } of before.segments) {
          assert.equal((await client.get(`/live/${uri}`)).status, 200);
        }
        const later = await client.until(path, "segments of the successor", ({ segments }) => {
          return (segments.at(-1)?.sequence ?? 0) > last + 3;
        });
        const isNew = (sequence: number): boolean => sequence > last;
        const breaks = later.segments.filter((one) => one.isDiscontinuity && isNew(one.sequence));
        assert.ok(breaks.length <= 1);
        for (const { uri } of later.segments) {
          assert.equal((await client.get(`/live/${uri}`)).status, 200);
        }
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
