/** Viewers of HLS at a member of a mesh that does not have their stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openCoworker } from "../support/coworker.ts";
import { waitUntil } from "../support/scratch.ts";
import { makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

test("a mesh of origins sends viewers to the one that has the stream", LIMIT, async () => {
  const clip = await makeHlsClip();
  const coworker = await openCoworker("moves", { ip: "127.0.0.2", port: 1935 });
  const mesh = `cluster { origin_cluster on; coworkers ${coworker.address}; }`;
  const weir = await startHls({ vhost: mesh, hls: "hls_window 30;" });
  const { client } = weir;
  const there = client.base.replace("127.0.0.1", "127.0.0.2");
  try {
    const sent = await client.get("/live/moves.m3u8?token=1&hls_ctx=mine");
    assert.equal(sent.status, 302);
    const { location } = sent.headers;
    assert.equal(location, `${there}/live/moves.m3u8?token=1&hls_ctx=mine`);
    assert.equal(await client.head("/live/moves.m3u8"), 302);
    assert.equal([...weir.server.clients].length, 0);
    assert.equal((await client.get("/live/nowhere.m3u8")).status, 404);
    assert.deepEqual(Object.fromEntries(weir.server.lobby.refusals), {
      redirect: 2,
      ERR_STREAM_NOT_FOUND: 1,
    });

    const publishers = [
      await publishTo(weir.port, "moves", clip),
      await publishTo(weir.port, "ends", clip),
    ];
    const session = await client.session("/live/moves.m3u8");
    await client.playlist(session);
    await client.playlist(await client.session("/live/ends.m3u8"));
    for (const publisher of publishers) {
      publisher.close();
    }
    const { coordinator } = weir.server;
    const isLive = (name: string): boolean =>
      coordinator.find(`__defaultVhost__/live/${name}`)?.publisher != null;
    await waitUntil("nobody publishes here", () => !(isLive("moves") || isLive("ends")), WAIT_MS);
    assert.equal((await client.get("/live/moves.m3u8")).status, 302);
    // Who has begun may end what there is, and nobody else has it.
    assert.equal((await client.get(session)).status, 200);
    assert.equal((await client.get("/live/ends.m3u8")).status, 200);
  } finally {
    await weir.close();
    await coworker.close();
  }
});
