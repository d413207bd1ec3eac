/** A low-latency configuration of SRS's users, unchanged but for its port: each directive shows in what players get. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { runCommand } from "../support/process.ts";
import { ClipPublisher, type ReceivedFrame, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, makeScratch } from "../support/scratch.ts";
import { noDelaysOf } from "../support/socket-options.ts";
import { type RunningServer, startWeir, WEIR } from "../support/weir.ts";

const LOW_LATENCY = `
listen              1935;
max_connections     1000;
vhost __defaultVhost__ {
    tcp_nodelay     on;
    min_latency     on;
    play {
        gop_cache   off;
        queue_length 10;
    }
    publish {
        mr          off;
    }
}
`;
/** Frames that come within this belong to one send. */
const BURST_MS = 12;
const LIMIT = { timeout: 80_000 };

const servers: RunningServer[] = [];
/** Four seconds between keyframes. */
let frames: Frame[];

before(async () => {
  const clip = await makeClip(makeScratch(), "clip", {
    seconds: 8,
    gopFrames: 100,
    hasAudio: false,
  });
  frames = readFlv(clip);
});

after(() => Promise.all(servers.map((weir) => weir.stop())));

/** Starts it with some of its words replaced. */
async function start(...changes: readonly [was: string, is: string][]): Promise<RunningServer> {
  const port = await findFreePort();
  let conf = LOW_LATENCY.replace("1935;", `${port};`);
  for (const [was, is] of changes) {
    assert.ok(conf.includes(was), was);
    conf = conf.replace(was, is);
  }
  const weir = await startWeir({ conf, port });
  servers.push(weir);
  return weir;
}

interface Watched {
  readonly publisher: ClipPublisher;
  readonly player: RtmpPeer;
}

/** A player that joins in the middle of a GOP. */
async function watch(weir: RunningServer): Promise<Watched> {
  const peer = await new RtmpPeer(weir.url("low"), "publish").waitReady();
  const publisher = new ClipPublisher(peer, frames);
  await delay(1500);
  const player = await new RtmpPeer(weir.url("low"), "play").waitReady();
  return { publisher, player };
}

function isVideo({ kind }: ReceivedFrame): boolean {
  return kind === "key" || kind === "inter";
}

/** Video frames of one send, on average. */
function framesPerSend(received: readonly ReceivedFrame[]): number {
  const video = received.filter(isVideo);
  let sends = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const { at } of video) {
    sends += at - last > BURST_MS ? 1 : 0;
    last = at;
  }
  return video.length / sends;
}

test("it starts as it is, and nothing in it is without effect", LIMIT, async () => {
  const file = join(makeScratch(), "rtmp.conf");
  writeFileSync(file, LOW_LATENCY);
  const { code, stderr } = await runCommand(WEIR, ["-t", "-c", file], { timeoutMs: 10_000 });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /no effect/);
  const weir = await start();
  assert.equal((await weir.stop()).code, 0);
});

describe("min_latency", () => {
  // weir merges little while it is idle: as SRS merges, so that there is a difference to see.
  const AS_SRS: [string, string] = ["queue_length 10;", "queue_length 10; mw_adaptive off;"];

  test("on: every frame is sent at once", LIMIT, async () => {
    const weir = await start(AS_SRS, ["gop_cache   off", "gop_cache on"]);
    const { publisher, player } = await watch(weir);
    const joined = player.received.length;
    await delay(2500);
    const perSend = framesPerSend(player.received.slice(joined));
    // A busy machine is late now and then and sends two together; merged are eight.
    assert.ok(perSend < 2.5, `${perSend} frames a send`);
    publisher.close();
    await weir.stop();
  });

  test("off: frames of 350 ms are merged", LIMIT, async () => {
    const off: [string, string] = ["min_latency     on", "min_latency off"];
    const weir = await start(AS_SRS, off, ["gop_cache   off", "gop_cache on"]);
    const { publisher, player } = await watch(weir);
    await delay(500);
    const joined = player.received.length;
    await delay(2500);
    const perSend = framesPerSend(player.received.slice(joined));
    assert.ok(perSend > 4, `${perSend} frames a send`);
    publisher.close();
    await weir.stop();
  });
});

test(
  "mr: a publisher's frames are not held back for others to be read with them",
  LIMIT,
  async () => {
    const weir = await start(["gop_cache   off", "gop_cache on"]);
    const { publisher, player } = await watch(weir);
    await delay(2000);
    const spaced = player.received.filter(isVideo).slice(-40);
    const steps = spaced.slice(1).map(({ at }, index) => at - (spaced[index]?.at ?? 0));
    // 25 frames a second: merged reads of SRS's 350 ms would leave holes of that length.
    assert.ok(Math.max(...steps) < 300, `${Math.max(...steps)} ms`);
    publisher.close();
    await weir.stop();
  },
);

// No time is judged closely: each has a server of its own.
describe("a directive for itself", { concurrency: 2 }, () => {
  describe("tcp_nodelay", { concurrency: 2 }, () => {
    for (const word of ["on", "off"] as const) {
      test(`${word}: as it stands on the players' sockets`, LIMIT, async () => {
        const weir = await start(["tcp_nodelay     on", `tcp_nodelay     ${word}`]);
        await new RtmpPeer(weir.url("none"), "play").waitReady();
        await delay(100);
        assert.deepEqual(noDelaysOf(weir.pid, weir.port), [word === "on"]);
        await weir.stop();
      });
    }
  });

  describe("gop_cache", { concurrency: 2 }, () => {
    for (const word of ["off", "on"] as const) {
      test(
        `${word}: who joins within a GOP ${word === "on" ? "starts at its keyframe" : "waits for the next keyframe"}`,
        LIMIT,
        async () => {
          const weir = await start(["gop_cache   off", `gop_cache   ${word}`]);
          const { publisher, player } = await watch(weir);
          await delay(700);
          assert.equal(player.received.some(isVideo), word === "on");
          await delay(2800);
          const first = player.received.find(isVideo);
          assert.equal(first?.kind, "key");
          publisher.close();
          await weir.stop();
        },
      );
    }
  });

  describe("queue_length", { concurrency: 2 }, () => {
    /** Reads a little every second, so that it lags more and more and never stands still. */
    async function readSlowly(player: RtmpPeer, ms: number): Promise<void> {
      const until = performance.now() + ms;
      player.setStalled(true);
      while (performance.now() < until) {
        await delay(500);
        player.readSome(32 * 1024);
      }
      player.setStalled(false);
    }

    for (const [seconds, isSkipped] of [
      [10, false],
      [1, true],
    ] as const) {
      test(
        `${seconds}: a player that lags some seconds ${isSkipped ? "skips to a keyframe" : "loses nothing"}`,
        LIMIT,
        async () => {
          const weir = await start(["queue_length 10", `queue_length ${seconds}`]);
          const peer = await new RtmpPeer(weir.url("lag"), "publish").waitReady();
          const payload = Buffer.alloc(20_000, 0x55);
          let sent = 0;
          const send = setInterval(() => {
            const isKey = sent % 25 === 0;
            payload.set([isKey ? 0x17 : 0x27, 1, 0, 0, 0]);
            payload.writeUInt32BE(sent, 5);
            peer.send({ type: 9, kind: "inter", timestamp: 0, hash: "", payload }, sent * 40);
            sent += 1;
          }, 40);
          // By then the ring is as large as the stream asks for.
          await delay(2500);
          const player = await new RtmpPeer(weir.url("lag"), "play").waitReady();
          await readSlowly(player, 5400);
          await delay(1500);
          clearInterval(send);
          await delay(500);
          const times = player.received.filter(isVideo).map(({ timestamp }) => timestamp);
          const gaps = times.filter(
            (time, index) => index > 0 && time - (times[index - 1] ?? 0) > 45,
          );
          assert.ok(
            times.length > 30,
            `${times.length} frames, ${player.end}, ${peer.end}\n${weir.log()}`,
          );
          assert.equal(gaps.length > 0, isSkipped, `gaps before ${gaps.join(" ")}`);
          peer.reset();
          await weir.stop();
        },
      );
    }
  });
});
