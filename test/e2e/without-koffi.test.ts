/** A host where koffi does not load: weir says so and works, relaying every byte. */
import assert from "node:assert/strict";
import { type ClientRequest, get } from "node:http";
import { get as getSecurely } from "node:https";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pingRequest, play } from "../main/accept/wire-client.ts";
import { makeCertificate } from "../support/certificates.ts";
import { makeClip } from "../support/clips.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertJoined, assertMessageRun } from "../support/message-run.ts";
import { runChecked, startProcess } from "../support/process.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const PONG_MS_MAX = 50;
const PINGS = 20;

let weir: RunningServer;
let clip: string;
let frames: Frame[];

const preload = new URL("../support/without-koffi.js", import.meta.url);

before(async () => {
  weir = await startWeir({ workers: 2, preload, vhost: "play { queue_length 2; }" });
  clip = await makeClip(makeScratch(), "clip", { seconds: 6, gopFrames: 25 });
  frames = readFlv(clip);
});

after(async () => {
  const { code } = await weir.stop();
  assert.equal(code, 0);
});

async function publish(
  name: string,
  { pieceBytes, server = weir }: { pieceBytes?: number; server?: RunningServer } = {},
): Promise<ClipPublisher> {
  const options = pieceBytes === undefined ? {} : { pieceBytes };
  const peer = new RtmpPeer(server.url(name), "publish", options);
  return new ClipPublisher(await peer.waitReady(), frames);
}

describe("without koffi", { timeout: 90_000 }, () => {
  test("it says so", () => {
    assert.match(weir.log(), /koffi does not load/);
  });

  describe("streams beside each other", { concurrency: 2 }, () => {
    test("ffmpeg publishes, ffprobe and two players play, byte for byte", {
      timeout: 40_000,
    }, async () => {
      const input = ["-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "flv"];
      const ffmpeg = startProcess("ffmpeg", ["-v", "error", "-nostdin", ...input, weir.url("ff")]);
      const publisher = await publish("own", { pieceBytes: 7 });
      await delay(2500);
      const players = [1, 2].map(() => new RtmpPeer(weir.url("own"), "play"));
      await Promise.all(players.map((player) => player.waitReady()));
      const entries = ["-show_entries", "stream=codec_name", "-of", "csv=p=0"];
      const probed = await runChecked("ffprobe", ["-v", "error", ...entries, weir.url("ff")], {
        timeoutMs: 15_000,
      });
      assert.deepEqual(probed.stdout.trim().split("\n").sort(), ["aac", "h264"]);
      await delay(2000);
      for (const player of players) {
        assertJoined(player.received);
        assert.ok(assertMessageRun(frames, player.received) > 100);
        player.close();
      }
      publisher.close();
      await ffmpeg.stop();
    });

    test("a player that reads nothing skips, another loses nothing", {
      timeout: 40_000,
    }, async () => {
      const publisher = await publish("slow");
      const [slow, good] = [
        new RtmpPeer(weir.url("slow"), "play"),
        new RtmpPeer(weir.url("slow"), "play"),
      ];
      await Promise.all([slow.waitReady(), good.waitReady()]);
      await delay(500);
      slow.setStalled(true);
      await delay(6000);
      slow.setStalled(false);
      await delay(1500);
      assert.ok(assertMessageRun(frames, good.received) > 300);
      assert.equal(slow.end, "open");
      // The kernels' buffers hold what they hold; whatever was skipped, it goes on at a keyframe.
      assert.ok(slow.received.filter(isMedia).length > 50);
      for (const player of [slow, good]) {
        player.close();
      }
      publisher.close();
    });
  });

  test("pings are answered within 50 ms", { timeout: 20_000 }, async () => {
    const publisher = await publish("ping");
    const player = await play(weir.port, "ping");
    const waits: number[] = [];
    for (let ping = 0; ping < PINGS; ping += 1) {
      const since = performance.now();
      player.write(pingRequest(ping));
      while (player.pongs.at(-1) !== ping && performance.now() - since < 2000) {
        await delay(1);
      }
      waits.push(performance.now() - since);
      await delay(23);
    }
    const median = waits.sort((a, b) => a - b)[PINGS / 2] ?? 0;
    assert.ok(median < PONG_MS_MAX, `${median} ms`);
    player.destroy();
    publisher.close();
  });

  test("a publisher that leaves is noticed, its name is free, and its players go on", {
    timeout: 20_000,
  }, async () => {
    const first = await publish("again");
    const player = await new RtmpPeer(weir.url("again"), "play").waitReady();
    await player.waitFrames(30, 5000);
    first.peer.reset();
    await waitUntil("its end is logged", () => /publish ended/.test(weir.log()), 5000);
    const count = player.received.length;
    const second = await publish("again");
    await player.waitFrames(count + 30, 5000);
    assert.equal(player.end, "open");
    player.close();
    second.close();
  });
});

/** Watches until so many bytes came. @returns what came */
async function watch(url: string, bytesMin: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const ask = url.startsWith("https") ? getSecurely : get;
  const asked: ClientRequest = ask(url, { agent: false, rejectUnauthorized: false }, (response) => {
    response.on("data", (part: Buffer) => parts.push(part));
    response.on("error", () => undefined);
  });
  asked.on("error", () => undefined);
  const length = (): number => parts.reduce((sum, part) => sum + part.length, 0);
  await waitUntil(`${bytesMin} bytes come`, () => length() >= bytesMin, 15_000);
  asked.destroy();
  return Buffer.concat(parts);
}

describe("viewers without koffi", { concurrency: 2 }, () => {
  for (const backend of ["uws", "node"]) {
    test(`without koffi viewers are served by ${backend}`, { timeout: 60_000 }, async () => {
      const [http, https, rtmps] = [
        await findFreePort(),
        await findFreePort(),
        await findFreePort(),
      ];
      const { key, certificate } = makeCertificate();
      const tls = (port: number): string =>
        `{ enabled on; listen 127.0.0.1:${port}; key ${key}; cert ${certificate}; }`;
      const server = await startWeir({
        preload,
        workers: 1,
        directives: `http_backend ${backend}; gateways 2; rtmps ${tls(rtmps)}
        http_server { enabled on; listen 127.0.0.1:${http}; https ${tls(https)} }`,
        vhost: "http_remux { enabled on; }",
      });
      try {
        await waitUntil("http listens", () => isListening(http), 15_000);
        const publisher = await publish("web", { server });
        const urls = [`http://127.0.0.1:${http}`, `https://127.0.0.1:${https}`];
        const copies = await Promise.all(urls.map((url) => watch(`${url}/live/web.flv`, 50_000)));
        for (const copy of copies) {
          assert.equal(copy.toString("latin1", 0, 3), "FLV");
        }
        publisher.close();
        assert.match(server.log(), /\[ERR_RTMPS\] rtmps needs koffi, .* not served/);
        assert.ok(!(await isListening(rtmps)));
        assert.doesNotMatch(server.log(), /InvariantError/);
      } finally {
        const { code } = await server.stop();
        assert.equal(code, 0);
      }
    });
  }
});
