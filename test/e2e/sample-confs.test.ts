/** The configurations in conf/, started as they are but for their ports and files. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeCertificate } from "../support/certificates.ts";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { runCommand } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, makeScratch } from "../support/scratch.ts";
import { REPOSITORY, startWeir, WEIR } from "../support/weir.ts";

const FOLDER = join(REPOSITORY, "conf");
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith(".conf"));
const LIMIT = { timeout: 60_000 };

let frames: Frame[];

before(async () => {
  frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 1 }));
});

test("there is one for each way to run it", () => {
  for (const name of [
    "weir.conf",
    "origin.conf",
    "edge.conf",
    "rtmp.conf",
    "rtmps.conf",
    "https.conf",
  ]) {
    assert.ok(NAMES.includes(name), name);
  }
});

/** A sample with free ports in its blocks, and with a certificate where it names one. */
async function elsewhere(conf: string): Promise<string> {
  let text = conf;
  for (const [line, start] of conf.matchAll(/^( +listen\s+)\d+;/gm)) {
    text = text.replace(line, `${start}${await findFreePort()};`);
  }
  if (text.includes("./conf/server.key")) {
    const { key, certificate } = makeCertificate();
    text = text.replace("./conf/server.key", key).replace("./conf/server.crt", certificate);
  }
  return text;
}

describe("samples", { concurrency: 2 }, () => {
  for (const name of NAMES) {
    describe(name, () => {
      test("-t finds it right", LIMIT, async () => {
        const { code, stdout, stderr } = await runCommand(WEIR, ["-t", "-c", join(FOLDER, name)], {
          cwd: makeScratch(),
          timeoutMs: 30_000,
        });
        assert.equal(code, 0, stdout + stderr);
        const isEdge = name === "edge.conf";
        // As SRS's own samples they are open, which is told (E-01).
        const known = /strict on|anybody may publish from other machines/;
        const oddities = stderr.split("\n").filter((line) => line !== "" && !known.test(line));
        assert.ok(isEdge || oddities.length <= 1, stderr);
      });

      test("a server starts on it and ends in order", LIMIT, async () => {
        const port = await findFreePort();
        const text = readFileSync(join(FOLDER, name), "utf8");
        const own = text.replace(/^listen\s+\d+;/m, `listen 127.0.0.1:${port};\nworkers 1;`);
        assert.notEqual(own, text);
        const conf = await elsewhere(own);
        const weir = await startWeir({ conf, port });
        // Its server of callbacks does not run, so it refuses everybody.
        const isServing = name !== "http.hooks.callback.conf";
        if (isServing && name !== "edge.conf") {
          const peer = await new RtmpPeer(weir.url("sample"), "publish").waitReady();
          const publisher = new ClipPublisher(peer, frames);
          const player = await new RtmpPeer(weir.url("sample"), "play").waitReady();
          await player.waitFrames(20, 20_000);
          publisher.pause();
        }
        await delay(100);
        assert.equal((await weir.stop()).code, 0);
      });
    });
  }
});
