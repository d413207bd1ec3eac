/** Settings that change the bytes on the wire but not the media. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublishLoop } from "../support/ffmpeg.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer, WeirOptions } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

interface Setting {
  readonly name: string;
  readonly options: WeirOptions;
}

const settings: readonly Setting[] = [
  { name: "F-03: chunk size 128", options: { vhost: "chunk_size 128;" } },
  { name: "chunk size 65536", options: { directives: "chunk_size 65536;" } },
  { name: "F-04: absolute times", options: { vhost: "play { atc on; }" } },
  { name: "times as published", options: { vhost: "play { time_jitter off; }" } },
  { name: "times from zero", options: { vhost: "play { time_jitter zero; }" } },
  { name: "low latency", options: { vhost: "min_latency on; tcp_nodelay on;" } },
  { name: "no GOP cache", options: { vhost: "play { gop_cache off; }" } },
];

const scratch = makeScratch();
const servers: RunningServer[] = [];
let clip: string;
let source: Packet[];

before(async () => {
  clip = await makeClip(scratch, "clip", { seconds: 20 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
});

after(() => Promise.all(servers.map((server) => server.stop())));

describe("what is published is played", { concurrency: 4 }, () => {
  for (const { name, options } of settings) {
    test(name, async () => {
      const weir = await startWeir(options);
      servers.push(weir);
      const publisher = startPublishLoop(clip, weir.url("set"));
      await delay(1300);
      const received = await probePackets(weir.url("set"), { seconds: 3, timeoutMs: 20_000 });
      assertPassed(source, received, { countMin: 60 });
      await publisher.stop();
    });
  }

  test("B-80: query values are no part of the name", async () => {
    const weir = await startWeir();
    servers.push(weir);
    const publisher = startPublishLoop(clip, weir.url("query?token=left"));
    await delay(700);
    const received = await probePackets(weir.url("query?token=right"), {
      seconds: 2,
      timeoutMs: 20_000,
    });
    assertPassed(source, received, { countMin: 40 });
    await publisher.stop();
  });

  test("B-33: the vhost of the query is part of the name", async () => {
    const weir = await startWeir({ directives: "vhost other.example { }" });
    servers.push(weir);
    const inner = startPublishLoop(clip, weir.url("same?vhost=other.example"));
    const outer = startPublishLoop(clip, weir.url("same"));
    await delay(1000);
    assert.ok(inner.isRunning && outer.isRunning, inner.stderr + outer.stderr);
    const url = weir.url("same?vhost=other.example");
    assertPassed(source, await probePackets(url, { seconds: 2, timeoutMs: 20_000 }), {
      countMin: 40,
    });
    await Promise.all([inner.stop(), outer.stop()]);
  });
});
