/** librtmp as a player, with a simple and with a digest handshake. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublishLoop } from "../support/ffmpeg.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { startRtmpdump } from "../support/peers.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;
let source: Packet[];

before(async () => {
  weir = await startWeir();
  const clip = await makeClip(scratch, "clip", { seconds: 30 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
  startPublishLoop(clip, weir.url("live"));
});

after(() => weir?.stop());

/** @returns what rtmpdump said while it recorded. */
async function dump(name: string, hasDigest: boolean): Promise<string> {
  const file = join(scratch, `${name}.flv`);
  const player = startRtmpdump(weir.url("live"), file, { hasDigest });
  await delay(4500);
  assert.ok(player.isRunning, player.stderr.slice(-2000));
  await player.stop("SIGINT");
  assertPassed(source, await probePackets(file, { timeoutMs: 10_000 }), { countMin: 75 });
  return player.stderr;
}

describe("rtmpdump plays", { concurrency: 2 }, () => {
  test("B-05 B-06 B-30: with a simple handshake", async () => {
    const said = await dump("simple", false);
    assert.match(said, /Handshaking finished/);
    assert.doesNotMatch(said, /digest/i);
  });

  test("B-29: with a digest handshake, both sides signed", async () => {
    const said = await dump("digest", true);
    assert.match(said, /Handshaking finished/);
    assert.match(said, /Calculated digest key from secure key and server digest/);
    assert.match(said, /Genuine Adobe Flash Media Server/);
  });

  test("with an end, which the server keeps: it is told, and has no more than it asked for", async () => {
    const file = join(scratch, "limited.flv");
    const player = startRtmpdump(weir.url("live"), file, { stopAtSeconds: 2 });
    const { code } = await player.ended;
    assert.equal(code, 0, player.stderr.slice(-2000));
    assert.match(player.stderr, /NetStream\.Play\.Stop/);
    const packets = await probePackets(file, { timeoutMs: 10_000 });
    assertPassed(source, packets, { countMin: 45 });
    const times = packets.map(({ dts }) => dts);
    assert.ok(Math.max(...times) - Math.min(...times) <= 2100, `${times.length} packets`);
  });
});
