/** The audio of a stream alone, in ADTS and as MP3: what is published by RTMP is what viewers get. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { dataHash, type KeptFrame, probeTimes, readFrames } from "../support/mux-source.ts";
import { publishOnce } from "../support/publish-once.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { splitWholeAdts } from "../support/ts-check.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const ID3_BYTES = 20;
const FAST_CACHE_MS = 2000;
const scratch = makeScratch();

let clips: Record<"aac" | "mp3" | "alone", Frame[]>;

before(async () => {
  const [aac, mp3, alone] = await Promise.all([
    makeClip(scratch, "av", { seconds: 4 }),
    makeMp3Clip(scratch, "mp3", { seconds: 4, rate: 44_100 }),
    makeClip(scratch, "a", { seconds: 4, hasVideo: false }),
  ]);
  clips = { aac: readFlv(aac), mp3: readFlv(mp3), alone: readFlv(alone) };
});

const audioOf = (messages: readonly Frame[]): KeptFrame[] =>
  readFrames(messages).filter((frame) => !frame.isVideo);

const hashes = (frames: readonly Uint8Array[]): string[] => frames.map((data) => dataHash(data));

for (const backend of ["uws", "node"]) {
  describe(`HTTP-AAC and HTTP-MP3 on ${backend}`, { concurrency: true }, () => {
    let weir: RunningServer;
    let http: number;

    before(async () => {
      http = await findFreePort();
      const remux = (name: string, more = ""): string =>
        `vhost ${name} { http_remux { enabled on; mount [vhost]/[app]/[stream].${name.slice(0, 3)}; ${more} } }`;
      weir = await startWeir({
        directives: [
          `http_backend ${backend}; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
          remux("aac.test"),
          remux("mp3.test"),
          remux("aac.cached", `fast_cache ${FAST_CACHE_MS / 1000};`),
        ].join("\n"),
      });
      await waitUntil("http listens", () => isListening(http), WAIT_MS);
    });

    after(() => weir?.stop());

    const page = (vhost: string, name: string): string =>
      `http://127.0.0.1:${http}/live/${name}.${vhost.slice(0, 3)}?vhost=${vhost}`;
    const rtmp = (vhost: string, name: string): string => `${weir.url(name)}?vhost=${vhost}`;

    for (const [name, clip] of [
      ["beside video", "aac"],
      ["alone", "alone"],
    ] as const) {
      test(`AAC ${name}: every frame in ADTS`, LIMIT, async () => {
        const sent = hashes(audioOf(clips[clip]).map((frame) => frame.data));
        const viewer = new HttpViewer(page("aac.test", clip));
        await publishOnce(rtmp("aac.test", clip), clips[clip]);
        const isWhole = (bytes: Buffer): boolean =>
          hashes(splitWholeAdts(bytes).slice(-1))[0] === sent.at(-1);
        const got = hashes(
          splitWholeAdts(await viewer.waitBody("the last frame", isWhole, WAIT_MS)),
        );
        viewer.close();
        assert.equal(viewer.headers["content-type"], "audio/x-aac");
        assert.ok(got.length > sent.length / 2, `${got.length} of ${sent.length}`);
        assert.deepEqual(got, sent.slice(-got.length));
      });
    }

    test("MP3 beside video: a tag that says what it is, then every frame", LIMIT, async () => {
      const sent = audioOf(clips.mp3).map((frame) => frame.data);
      const viewer = new HttpViewer(page("mp3.test", "mp3"));
      await publishOnce(rtmp("mp3.test", "mp3"), clips.mp3);
      const last = Buffer.from(sent.at(-1) ?? []);
      const isWhole = (bytes: Buffer): boolean => bytes.subarray(-last.length).equals(last);
      const bytes = await viewer.waitBody("the last frame", isWhole, WAIT_MS);
      viewer.close();
      assert.equal(viewer.headers["content-type"], "audio/mpeg");
      assert.equal(bytes.toString("latin1", 0, 3), "ID3");
      const got = bytes.subarray(ID3_BYTES);
      const all = Buffer.concat(sent);
      assert.ok(got.length > all.length / 2);
      assert.ok(got.equals(all.subarray(-got.length)));
    });

    test(
      "ffprobe that joins in the middle sees the frames that were published",
      LIMIT,
      async () => {
        await Promise.all(
          (["aac", "mp3"] as const).map(async (kind) => {
            const vhost = `${kind}.test`;
            const peer = await new RtmpPeer(rtmp(vhost, "probed"), "publish").waitReady();
            const publisher = new ClipPublisher(peer, clips[kind]);
            const found = await probeTimes(page(vhost, "probed"), ["-read_intervals", "%+1"]);
            publisher.close();
            const sent = audioOf(clips[kind]).map((frame) => frame.data);
            // Of ADTS ffprobe hashes the header too.
            const name = (data: Uint8Array): string =>
              kind === "mp3" ? dataHash(data) : `${data.length + 7}`;
            const names = sent.map(name);
            const got = found.map(({ hash, size }) => (kind === "mp3" ? hash : `${size}`));
            assert.ok(got.length > 25, `${got.length} packets`);
            const doubled = [...names, ...names].join(" ");
            assert.ok(doubled.includes(got.join(" ")), `${kind}: no run of what was published`);
          }),
        );
      },
    );

    test("fast_cache: the first viewer gets the last seconds at once", LIMIT, async () => {
      const peer = await new RtmpPeer(rtmp("aac.cached", "past"), "publish").waitReady();
      const publisher = new ClipPublisher(peer, clips.aac);
      await delay(3500);
      publisher.pause();
      await delay(300);
      const viewer = new HttpViewer(page("aac.cached", "past"));
      const seconds = FAST_CACHE_MS / 1000;
      const isEnough = (bytes: Buffer): boolean => splitWholeAdts(bytes).length >= seconds * 43;
      const got = hashes(splitWholeAdts(await viewer.waitBody("two seconds", isEnough, WAIT_MS)));
      publisher.close();
      viewer.close();
      assert.ok(got.length < seconds * 55, `${got.length} frames`);
      const sent = hashes(audioOf(clips.aac).map((frame) => frame.data));
      assert.ok([...sent, ...sent].join(" ").includes(got.join(" ")));
    });

    test("a viewer stays through a republish", LIMIT, async () => {
      const viewer = new HttpViewer(page("aac.test", "again"));
      const short = clips.aac.filter((frame) => frame.timestamp < 1500);
      await publishOnce(rtmp("aac.test", "again"), short);
      await publishOnce(rtmp("aac.test", "again"), clips.aac);
      const last = hashes(audioOf(clips.aac).map((frame) => frame.data)).at(-1);
      await viewer.waitBody(
        "the second publish's last frame",
        (bytes) => hashes(splitWholeAdts(bytes).slice(-1))[0] === last,
        WAIT_MS,
      );
      viewer.close();
    });
  });
}
