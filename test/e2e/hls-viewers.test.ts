/** Viewers of HLS: sessions, what ends them, and who may watch. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Frame } from "../support/flv-file.ts";
import type { ClipPublisher } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, packagerOf, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 40_000 };
let clip: Frame[];

before(async () => {
  clip = await makeHlsClip();
});

describe("sessions", () => {
  let weir: HlsServer;
  let publisher: ClipPublisher;

  before(async () => {
    weir = await startHls({ hls: "hls_window 1;" });
    publisher = await publishTo(weir.port, "a", clip);
  });

  after(async () => {
    publisher?.close();
    await weir?.close();
  });

  const clients = () => [...weir.server.clients].filter(({ type }) => type === "hls-play");

  test(
    "a viewer is one client on all gateways, until it has asked nothing for two windows",
    LIMIT,
    async () => {
      const path = await weir.client.session("/live/a.m3u8");
      assert.equal(clients().length, 1);
      // It holds no connection: the one that there is is the publisher's.
      assert.equal(weir.server.connections, 1);
      const [client] = clients();
      assert.match(path, new RegExp(`hls_ctx=${client?.id}$`));
      // Longer than a session lives without requests; each on a connection of its own, on either gateway.
      const until = performance.now() + 4000;
      let segments = 0;
      while (performance.now() < until) {
        const playlist = await weir.client.playlist(path).catch(() => undefined);
        const uri = playlist?.segments.at(-1)?.uri;
        if (uri !== undefined) {
          assert.equal((await weir.client.get(`/live/${uri}`)).status, 200);
          segments += 1;
        }
        await delay(200);
      }
      assert.ok(segments > 3);
      assert.deepEqual(
        clients().map(({ id }) => id),
        [client?.id],
      );
      const link = weir.server.supervisor.links[client?.shard ?? -1];
      assert.ok((link?.board.bytesOut[client?.row ?? -1] ?? 0) > 10_000, "its bytes are counted");
      await waitUntil("the session ends", () => clients().length === 0, 15_000);
      assert.match(weir.log(), new RegExp(`${client?.id}\\] hls-play ended: closed by peer`));
    },
  );

  test(
    "a viewer that brings a name of its own keeps it, and one that went silent goes on",
    LIMIT,
    async () => {
      const path = "/live/a.m3u8?hls_ctx=mine-1";
      const playlist = await weir.client.playlist(path);
      assert.match(playlist.segments[0]?.uri ?? "", /\?hls_ctx=mine-1$/);
      assert.deepEqual(
        clients().map(({ id }) => id),
        ["mine-1"],
      );
      await waitUntil("it is over", () => clients().length === 0, 15_000);
      await weir.client.playlist(path);
      assert.equal(clients().length, 1);
    },
  );

  test("one that is kicked gets nothing any more", LIMIT, async () => {
    const path = await weir.client.session("/live/a.m3u8");
    const { segments } = await weir.client.playlist(path);
    const id = path.split("hls_ctx=")[1] ?? "";
    const client = clients().find((one) => one.id === id);
    const link = weir.server.supervisor.links[client?.shard ?? -1];
    assert.equal(await link?.kick(client?.row ?? -1, "kicked"), true);
    await waitUntil("it is gone", () => clients().every((one) => one.id !== id), 5000);
    const isRefused = async (): Promise<boolean> => (await weir.client.get(path)).status === 404;
    await waitUntil("one gateway refuses", isRefused, 5000);
    for (let request = 0; request < 6; request += 1) {
      assert.equal((await weir.client.get(path)).status, 404);
    }
    assert.equal((await weir.client.get(`/live/${segments.at(-1)?.uri}`)).status, 404);
  });

  test("HEAD begins no session; what is no session's name gets another", LIMIT, async () => {
    const count = clients().length;
    assert.equal(await weir.client.head("/live/a.m3u8"), 200);
    assert.equal(clients().length, count);
    const { body } = await weir.client.get("/live/a.m3u8?hls_ctx=%22%0a%3Cscript%3E");
    assert.doesNotMatch(body.toString(), /script/);
    assert.match(body.toString(), /\?hls_ctx=\w{8}\n/);
  });

  test("a reload leaves packagers and their sessions alone", LIMIT, async () => {
    const path = await weir.client.session("/live/a.m3u8");
    await weir.client.playlist(path);
    const [, id] = /hls_ctx=(\w+)/.exec(path) ?? [];
    const packager = packagerOf(weir);
    await weir.reloadHls("");
    const before = (await weir.client.playlist(path)).segments.at(-1)?.sequence ?? 0;
    await weir.client.until(path, "segments go on", ({ segments }) => {
      return (segments.at(-1)?.sequence ?? 0) > before + 2;
    });
    assert.equal(packagerOf(weir), packager);
    assert.ok(
      clients().some((client) => client.id === id),
      "its session goes on",
    );
    assert.doesNotMatch(weir.log(), /packager.* died/);
  });

  test("a reload takes sessions off, and viewers are one nameless one", LIMIT, async () => {
    await weir.reloadHls("hls_ctx off; hls_window 1;");
    const playlist = await weir.client.playlist("/live/a.m3u8");
    assert.doesNotMatch(playlist.segments[0]?.uri ?? "", /hls_ctx/);
    const entry = weir.server.coordinator.find("__defaultVhost__/live/a");
    await waitUntil("all sessions end", () => clients().length === 0, 15_000);
    await weir.client.playlist("/live/a.m3u8");
    const players = entry?.players.reduce((sum, count) => sum + count, 0);
    assert.equal(players, 1, "all its viewers are one player");
  });
});

test(
  "who may not play gets no playlist; a stream that is not live is not there",
  LIMIT,
  async () => {
    const weir = await startHls({
      vhost: "security { enabled on; deny play 127.0.0.1; allow publish all; }",
    });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      assert.equal((await weir.client.get("/live/a.m3u8")).status, 403);
      assert.equal((await weir.client.get("/live/a.m3u8?hls_ctx=x")).status, 403);
      assert.equal(weir.server.lobby.refusals.get("ERR_SECURITY_DENIED"), 2);
      publisher.close();
    } finally {
      await weir.close();
    }
  },
);
