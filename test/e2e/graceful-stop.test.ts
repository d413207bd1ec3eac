/** SIGQUIT: listeners close, who is there may finish, who understands it is asked to connect elsewhere. */
import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { assertMessageRun } from "../support/message-run.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 40_000 };
const RECONNECT = "NetConnection.Connect.ReconnectRequest";
/** capsEx bit 0 of enhanced RTMP v2. */
const UNDERSTANDS_RECONNECT = 1;
const SHORT_WAITS = "grace_start_wait 300; grace_final_wait 200;";

let frames: Frame[];

before(async () => {
  frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 2 }));
});

interface Served {
  readonly publisher: ClipPublisher;
  readonly player: RtmpPeer;
}

async function serve(weir: RunningServer, name: string, capsEx: number): Promise<Served> {
  const url = weir.url(name);
  const enhanced = { connectExtras: [["capsEx", capsEx]] as const };
  const peer = await new RtmpPeer(url, "publish", enhanced).waitReady();
  const publisher = new ClipPublisher(peer, frames);
  const player = await new RtmpPeer(url, "play", enhanced).waitReady();
  await player.waitFrames(20, 4000);
  return { publisher, player };
}

async function untilClosed(weir: RunningServer): Promise<void> {
  await waitUntil("it does not listen any more", async () => !(await isListening(weir.port)), 5000);
}

function leave({ publisher, player }: Served): void {
  publisher.close();
  player.close();
}

describe("SIGQUIT", () => {
  test(
    "listeners close after grace_start_wait, sessions go on and leave by themselves",
    LIMIT,
    async () => {
      const weir = await startWeir({ workers: 2, directives: SHORT_WAITS });
      const plain = await serve(weir, "plain", 0);
      const enhanced = await serve(weir, "enhanced", UNDERSTANDS_RECONNECT);
      const askedAt = performance.now();
      weir.process.kill("SIGQUIT");
      await delay(150);
      const late = await new RtmpPeer(weir.url("plain"), "play").waitReady();
      await untilClosed(weir);
      assert.ok(performance.now() - askedAt >= 280, "it listens for the time of grace");
      const before = plain.player.received.length;
      await delay(700);
      assert.ok(plain.player.received.length > before + 20, "the stream goes on");
      assert.equal(enhanced.player.statuses.at(-1), RECONNECT);
      assert.equal(enhanced.publisher.peer.statuses.at(-1), RECONNECT);
      for (const peer of [plain.player, plain.publisher.peer, late]) {
        assert.ok(!peer.statuses.includes(RECONNECT), "who did not announce it is not asked");
        assert.equal(peer.end, "open");
      }
      assertMessageRun(frames, plain.player.received);
      assertMessageRun(frames, enhanced.player.received);
      leave(plain);
      leave(enhanced);
      late.close();
      const { code } = await weir.process.waitEnd(4000);
      assert.equal(code, 0);
      assert.match(weir.log(), /SIGQUIT: stopping gracefully\n/);
      const waitedFor = Number(/waits for (\d+) connections to leave/.exec(weir.log())?.[1]);
      // Those that asked last whether it listens may still be in the lobby.
      assert.ok(waitedFor >= 5, `it waits for ${waitedFor} connections`);
    },
  );

  test("SIGTERM does the same under force_grace_quit", LIMIT, async () => {
    const weir = await startWeir({ directives: `${SHORT_WAITS} force_grace_quit on;` });
    const served = await serve(weir, "forced", 0);
    weir.process.kill("SIGTERM");
    await untilClosed(weir);
    assert.equal(served.player.end, "open");
    leave(served);
    assert.equal((await weir.process.waitEnd(4000)).code, 0);
  });

  for (const second of ["SIGTERM", "SIGQUIT"] as const) {
    test(`C-09: ${second} during it ends at once, and clients are told`, LIMIT, async () => {
      const weir = await startWeir({ workers: 2, directives: SHORT_WAITS });
      const served = await serve(weir, "hurried", 0);
      weir.process.kill("SIGQUIT");
      await untilClosed(weir);
      const askedAt = performance.now();
      weir.process.kill(second);
      const { code } = await weir.process.waitEnd(2000);
      assert.ok(performance.now() - askedAt < 1500);
      assert.equal(code, 0);
      await served.player.waitEnd(1000);
      assert.equal(served.player.statuses.at(-1), "NetStream.Play.Stop");
      served.publisher.pause();
    });
  }

  test("it ends those who stay longer than grace_drain", LIMIT, async () => {
    const weir = await startWeir({ directives: `${SHORT_WAITS} grace_drain 500;` });
    const served = await serve(weir, "stays", 0);
    weir.process.kill("SIGQUIT");
    const { code } = await weir.process.waitEnd(5000);
    assert.equal(code, 0);
    assert.equal(served.player.statuses.at(-1), "NetStream.Play.Stop");
    served.publisher.pause();
  });
});

test("SIGUSR1: the log goes on in a new file after a rotation", LIMIT, async () => {
  const folder = makeScratch();
  const file = join(folder, "weir.log");
  const port = await findFreePort();
  const logged = await startWeir({
    conf: `listen 127.0.0.1:${port}; daemon off; srs_log_tank file; srs_log_file ${file};
           pid ${join(folder, "it.pid")}; workers 1; vhost __defaultVhost__ { }`,
    port,
  });
  await new RtmpPeer(logged.url("before"), "play").waitReady();
  await waitUntil("it is logged", () => /stream=before/.test(readFileSync(file, "utf8")), 2000);
  renameSync(file, `${file}.1`);
  logged.process.kill("SIGUSR1");
  await delay(100);
  await new RtmpPeer(logged.url("after"), "play").waitReady();
  const inNew = (): boolean => {
    try {
      return /stream=after/.test(readFileSync(file, "utf8"));
    } catch {
      return false;
    }
  };
  await waitUntil("it is in the new file", inNew, 2000);
  assert.doesNotMatch(readFileSync(`${file}.1`, "utf8"), /stream=after/);
  await logged.stop();
  assert.match(readFileSync(file, "utf8"), /stopped\n$/);
});
