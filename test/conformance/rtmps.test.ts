/** ffmpeg publishes and plays over TLS: same packets, same bytes, same times. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeCertificate } from "../support/certificates.ts";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import { assertPassed, type Packet, probePackets } from "../support/packets.ts";
import { findFreePort, makeScratch } from "../support/scratch.ts";
import { type RunningServer, startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };

let weir: RunningServer;
let clip: string;
let source: Packet[];
let tls: number;

before(async () => {
  tls = await findFreePort();
  const { key, certificate } = makeCertificate({ kind: "rsa" });
  const rtmps = `rtmps { enabled on; listen 127.0.0.1:${tls}; key ${key}; cert ${certificate}; }`;
  weir = await startWeir({ directives: rtmps });
  clip = await makeClip(makeScratch(), "clip", { seconds: 8 });
  source = await probePackets(clip, { timeoutMs: 20_000 });
});

after(() => weir?.stop());

const secure = (name: string): string => `rtmps://127.0.0.1:${tls}/live/${name}`;

describe("ffmpeg", { concurrency: true }, () => {
  for (const [how, to, from] of [
    ["RTMPS to RTMPS", secure, secure],
    ["RTMPS to RTMP", secure, (name: string): string => weir.url(name)],
    ["RTMP to RTMPS", (name: string): string => weir.url(name), secure],
  ] as const) {
    test(`B-28 ${how}`, LIMIT, async () => {
      const name = how.replaceAll(" ", "-");
      const publisher = startPublish(clip, to(name));
      await delay(1600);
      const received = await probePackets(from(name), { seconds: 3, timeoutMs: 30_000 });
      assertPassed(source, received, { countMin: 60 });
      const { code } = await publisher.waitEnd(30_000);
      assert.equal(code, 0);
    });
  }
});
