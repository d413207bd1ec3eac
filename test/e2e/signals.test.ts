/** How weir ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { isListening, makeScratch } from "../support/scratch.ts";
import { startWeir } from "../support/weir.ts";

let frames: Frame[];

before(async () => {
  frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 2 }));
});

describe("signals", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`C-09: ${signal} ends it with 0 within 5 s, and players see the end`, async () => {
      const weir = await startWeir({ workers: 2 });
      const url = weir.url("ends");
      const peer = await new RtmpPeer(url, "publish").waitReady();
      const publisher = new ClipPublisher(peer, frames);
      const playing = [1, 2, 3].map(() => new RtmpPeer(url, "play"));
      const waiting = new RtmpPeer(weir.url("nobody"), "play");
      const players = await Promise.all([...playing, waiting].map((one) => one.waitReady()));
      await Promise.all(playing.map((one) => one.waitFrames(20, 4000)));
      const askedAt = performance.now();
      weir.process.kill(signal);
      const ends = await Promise.all(players.map((one) => one.waitEnd(5000)));
      publisher.pause();
      const end = await weir.process.waitEnd(5000);
      const tookMs = performance.now() - askedAt;
      assert.ok(tookMs < 5000, `took ${Math.round(tookMs)} ms`);
      assert.deepEqual([end.code, end.signal], [0, null], weir.log().slice(-2000));
      assert.deepEqual(ends, ["eof", "eof", "eof", "eof"]);
      for (const player of players) {
        assert.equal(player.statuses.at(-1), "NetStream.Play.Stop");
      }
      assert.equal(peer.statuses.at(-1), "NetStream.Unpublish.Success");
      assert.equal(await isListening(weir.port), false);
    });
  }

  test("C-09: it ends while connections are in the middle of their handshake", async () => {
    const weir = await startWeir();
    const silent = connect(weir.port, "127.0.0.1");
    const halfway = connect(weir.port, "127.0.0.1");
    halfway.write(Uint8Array.of(3, 0, 0));
    const closed = Promise.all([silent, halfway].map((socket) => once(socket.resume(), "close")));
    await delay(200);
    const { code } = await weir.stop();
    assert.equal(code, 0, weir.log().slice(-2000));
    await closed;
  });

  test("C-09: a second SIGTERM ends it at once", async () => {
    const weir = await startWeir();
    weir.process.kill("SIGTERM");
    await delay(20);
    weir.process.kill("SIGTERM");
    await weir.process.waitEnd(2000);
  });

  test("a restart on the same port works at once", async () => {
    const weir = await startWeir();
    const player = await new RtmpPeer(weir.url("restart"), "play").waitReady();
    await weir.stop();
    await player.waitEnd(2000);
    const again = await startWeir({ port: weir.port });
    await new RtmpPeer(again.url("restart"), "play").waitReady();
    await again.stop();
  });
});
