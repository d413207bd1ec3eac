/** Which tracks HTTP-FLV announces and passes, and codecs beyond H.264 and AAC in it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import {
  AV1_ENHANCED,
  HEVC_CLASSIC,
  HEVC_ENHANCED,
  makeEnhancedClip,
} from "../support/enhanced-clips.ts";
import { type Frame, readFlv, readFlvBytes } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { probeTimes, readFrames } from "../support/mux-source.ts";
import { publishOnce } from "../support/publish-once.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const AUDIO = 4;
const VIDEO = 1;
const scratch = makeScratch();

type Clips = Record<"av" | "mp3" | "audio" | "video" | "hevc" | "classic" | "av1", Frame[]>;
let clips: Clips;

before(async () => {
  const [av, mp3, audio, video, hevc, classic, av1] = await Promise.all([
    makeClip(scratch, "av", { seconds: 4 }).then(readFlv),
    makeMp3Clip(scratch, "mp3", { seconds: 3, rate: 44_100 }).then(readFlv),
    makeClip(scratch, "a", { seconds: 3, hasVideo: false }).then(readFlv),
    makeClip(scratch, "v", { seconds: 3, hasAudio: false }).then(readFlv),
    makeEnhancedClip(scratch, HEVC_ENHANCED, 3),
    makeEnhancedClip(scratch, HEVC_CLASSIC, 3),
    makeEnhancedClip(scratch, AV1_ENHANCED, 3),
  ]);
  clips = { av, mp3, audio, video, hevc, classic, av1 };
});

const ofType = (frames: readonly Frame[], type: number): Frame[] =>
  frames.filter((frame) => frame.type === type);

/** Media of a viewer against media that was sent: a run up to the end, from a keyframe on where there is video. */
function assertRun(sent: readonly Frame[], bytes: Buffer): void {
  const [wanted, got] = [sent.filter(isMedia), readFlvBytes(bytes).filter(isMedia)];
  assert.ok(got.length > wanted.length / 2, `${got.length} of ${wanted.length} messages`);
  const hasVideo = wanted.some((frame) => frame.type === 9);
  assert.ok(!hasVideo || got[0]?.kind === "key", "the first frame is no keyframe");
  const run = wanted.slice(-got.length);
  const pairs = (frames: readonly Frame[], from: Frame | undefined): string[] =>
    frames.map(({ hash, timestamp }) => `${timestamp - (from?.timestamp ?? 0)} ${hash}`);
  // A stream that was published before goes on with its time.
  assert.deepEqual(pairs(got, got[0]), pairs(run, run[0]));
}

describe("HTTP-FLV", { concurrency: true }, () => {
  let weir: RunningServer;
  let http: number;

  before(async () => {
    http = await findFreePort();
    const remux = (name: string, more: string): string =>
      `vhost ${name} { http_remux { enabled on; ${more} } }`;
    weir = await startWeir({
      directives: [
        `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
        remux("guess.test", ""),
        remux("keep.test", "drop_if_not_match off;"),
        remux("video.test", "guess_has_av off; has_audio off;"),
        remux("audio.test", "guess_has_av off; has_video off;"),
        remux("unsure.test", "guess_has_av off; has_audio off; drop_if_not_match off;"),
        remux("legacy.test", "hevc_legacy on;"),
      ].join("\n"),
    });
    await waitUntil("http listens", () => isListening(http), WAIT_MS);
  });

  after(() => weir?.stop());

  const page = (vhost: string, name: string): string =>
    `http://127.0.0.1:${http}/live/${name}.flv?vhost=${vhost}.test`;
  const rtmp = (vhost: string, name: string): string => `${weir.url(name)}?vhost=${vhost}.test`;

  /** What a viewer got of a whole publish, up to the last message of these types. */
  async function play(
    vhost: string,
    name: string,
    clip: readonly Frame[],
    until: readonly Frame[] = clip,
  ): Promise<Buffer> {
    const viewer = new HttpViewer(page(vhost, name));
    await publishOnce(rtmp(vhost, name), clip);
    const last = until.filter(isMedia).at(-1)?.hash;
    const isWhole = (bytes: Buffer): boolean => readFlvBytes(bytes).at(-1)?.hash === last;
    const bytes = await viewer.waitBody("the last message", isWhole, WAIT_MS);
    viewer.close();
    assert.equal(viewer.headers["content-type"], "video/x-flv");
    return bytes;
  }

  for (const [name, flags] of [
    ["av", AUDIO | VIDEO],
    ["mp3", AUDIO | VIDEO],
    ["audio", AUDIO],
    ["video", VIDEO],
    ["hevc", VIDEO],
    ["av1", VIDEO],
  ] as const) {
    test(`${name}: what was published, and its tracks announced`, LIMIT, async () => {
      const bytes = await play("guess", name, clips[name]);
      assert.equal(bytes[4], flags);
      assertRun(clips[name], bytes);
      const headers = readFlvBytes(bytes).filter((frame) => frame.kind === "header");
      const sent = clips[name].filter((frame) => frame.kind === "header");
      assert.deepEqual(
        new Set(headers.map((frame) => frame.hash)),
        new Set(sent.map((frame) => frame.hash)),
      );
    });
  }

  for (const name of ["mp3", "audio", "video"] as const) {
    test(`${name}: ffprobe that joins in the middle`, LIMIT, async () => {
      const peer = await new RtmpPeer(rtmp("guess", `${name}-probed`), "publish").waitReady();
      const publisher = new ClipPublisher(peer, clips[name]);
      const found = await probeTimes(page("guess", `${name}-probed`), ["-read_intervals", "%+1"]);
      publisher.close();
      const frames = readFrames(clips[name]);
      for (const kind of ["audio", "video"] as const) {
        const sent = frames.filter((frame) => frame.isVideo === (kind === "video"));
        const got = found.filter((packet) => packet.kind === kind);
        assert.equal(got.length > 20, sent.length > 0, `${got.length} packets of ${kind}`);
        const sizes = sent.map((frame) => frame.data.length);
        const run = ` ${[...sizes, ...sizes].join(" ")} `;
        assert.ok(
          run.includes(` ${got.map((packet) => packet.size).join(" ")} `) || got.length === 0,
        );
        for (const [index, packet] of got.entries()) {
          assert.ok(packet.dts >= (got[index - 1]?.dts ?? 0), "dts goes back");
          assert.ok(packet.pts >= packet.dts);
        }
      }
    });
  }

  test("hevc_legacy: enhanced HEVC comes as codec id 12", LIMIT, async () => {
    const bytes = await play("legacy", "hevc", clips.hevc, clips.classic);
    assertRun(clips.classic, bytes);
    const header = readFlvBytes(bytes).find((frame) => frame.kind === "header");
    assert.equal(header?.hash, clips.classic.find((frame) => frame.kind === "header")?.hash);
  });

  test("has_audio off without guessing: video alone", LIMIT, async () => {
    const bytes = await play("video", "av", clips.av, ofType(clips.av, 9));
    assert.equal(bytes[4], VIDEO);
    assertRun(ofType(clips.av, 9), bytes);
    assert.deepEqual(ofType(readFlvBytes(bytes), 8), []);
  });

  test("has_video off without guessing: audio alone, from any frame on", LIMIT, async () => {
    const bytes = await play("audio", "av", clips.av, ofType(clips.av, 8));
    assert.equal(bytes[4], AUDIO);
    assertRun(ofType(clips.av, 8), bytes);
    assert.deepEqual(ofType(readFlvBytes(bytes), 9), []);
  });

  test("drop_if_not_match off: what is not announced comes all the same", LIMIT, async () => {
    const bytes = await play("unsure", "av", clips.av);
    assert.equal(bytes[4], VIDEO);
    assertRun(clips.av, bytes);
  });

  for (const vhost of ["guess", "keep"] as const) {
    test(`audio that begins later, ${vhost}`, LIMIT, async () => {
      const [early, late] = [new HttpViewer(page(vhost, "late")), page(vhost, "late")];
      const peer = await new RtmpPeer(rtmp(vhost, "late"), "publish").waitReady();
      const silent = new ClipPublisher(peer, clips.video);
      await early.answered(WAIT_MS);
      silent.pause();
      const loud = new ClipPublisher(peer, clips.av);
      const newcomer = await new HttpViewer(late).answered(WAIT_MS);
      const hasAudio = (bytes: Buffer): boolean => ofType(readFlvBytes(bytes), 8).length > 10;
      const both = await retried(late, AUDIO | VIDEO);
      await both.waitBody("audio", hasAudio, WAIT_MS);
      const before = early.bytes.length;
      await early.waitBody("more video", (all) => all.length > before + 10_000, WAIT_MS);
      loud.close();
      assert.equal(early.bytes[4], VIDEO);
      assert.equal(hasAudio(early.bytes), vhost === "keep");
      assert.ok(ofType(readFlvBytes(early.bytes), 9).length > 20);
      for (const viewer of [early, newcomer, both]) {
        viewer.close();
      }
    });
  }

  /** A viewer that is told these tracks: the server may need a moment to see them. */
  async function retried(url: string, flags: number): Promise<HttpViewer> {
    let viewer = new HttpViewer(url);
    await waitUntil(
      "the tracks are announced",
      async () => {
        await viewer.waitBody("a header", (bytes) => bytes.length > 13, WAIT_MS);
        if (viewer.bytes[4] === flags) {
          return true;
        }
        viewer.close();
        viewer = new HttpViewer(url);
        return false;
      },
      WAIT_MS,
    );
    return viewer;
  }

  test("the next publish has other tracks: newcomers are told so", LIMIT, async () => {
    const stays = new HttpViewer(page("guess", "turns"));
    await publishOnce(rtmp("guess", "turns"), clips.video);
    assert.equal((await stays.answered(WAIT_MS)).status, 200);
    const [, id = ""] = /\[(\w+)\] fmle-publish, .*stream=turns,/.exec(weir.log()) ?? [];
    const isGone = (): boolean => weir.log().includes(`[${id}] fmle-publish ended`);
    await waitUntil("the first publisher is gone", isGone, WAIT_MS);
    const waits = new HttpViewer(page("guess", "turns"));
    await publishOnce(rtmp("guess", "turns"), clips.av);
    const last = clips.av.filter(isMedia).at(-1)?.hash;
    const bytes = await waits.waitBody(
      "all of it",
      (body) => readFlvBytes(body).at(-1)?.hash === last,
      WAIT_MS,
    );
    assert.equal(bytes[4], AUDIO | VIDEO);
    assertRun(clips.av, bytes);
    const kept = await stays.waitBody(
      "the video of the second",
      (body) => ofType(readFlvBytes(body), 9).length > ofType(clips.video, 9).length * 1.5,
      WAIT_MS,
    );
    assert.deepEqual(ofType(readFlvBytes(kept), 8), []);
    stays.close();
    waits.close();
  });
});
