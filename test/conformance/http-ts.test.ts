/** What is published by RTMP is what HTTP-TS viewers get: every frame, its bytes and its times. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import { HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { type KeptFrame, probeTimes, readFrames } from "../support/mux-source.ts";
import { publishOnce } from "../support/publish-once.ts";
import { ClipPublisher, RtmpPeer, roundMsOf } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { TsCheck } from "../support/ts-check.ts";
import { assertAudioPayload, assertVideoPayload } from "../support/ts-payload.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;
const PACKET_BYTES = 188;
const PID_VIDEO = 0x1_00;
const PID_AUDIO = 0x1_01;
const scratch = makeScratch();

interface Case {
  readonly name: string;
  readonly messages: readonly Frame[];
  /** Stream types of video and audio in the last program map. */
  readonly streams: readonly number[];
}

let main: Frame[];
let others: Case[];

before(async () => {
  const [avc, hevc, mp3, audio, video] = await Promise.all([
    makeClip(scratch, "av", { seconds: 4 }).then(readFlv),
    makeEnhancedClip(scratch, HEVC_ENHANCED, 3),
    makeMp3Clip(scratch, "mp3", { seconds: 3, rate: 44_100 }).then(readFlv),
    makeClip(scratch, "a", { seconds: 3, hasVideo: false }).then(readFlv),
    makeClip(scratch, "v", { seconds: 3, hasAudio: false }).then(readFlv),
  ]);
  main = avc;
  others = [
    { name: "HEVC", messages: hevc, streams: [0x24] },
    { name: "MP3", messages: mp3, streams: [0x1b, 3] },
    { name: "audio", messages: audio, streams: [0x0f] },
    { name: "video", messages: video, streams: [0x1b] },
  ];
});

function check(bytes: Uint8Array): TsCheck {
  const judge = new TsCheck();
  judge.push(bytes.subarray(0, bytes.length - (bytes.length % PACKET_BYTES)));
  judge.finish();
  return judge;
}

/** Frames from the first keyframe on; of audio alone, those from where the viewer came in. */
function expected(frames: readonly KeptFrame[], judge: TsCheck): KeptFrame[] {
  const key = frames.findIndex((frame) => frame.isKeyframe);
  if (key >= 0) {
    return frames.slice(key);
  }
  const first = (judge.pes[0]?.dts ?? 0) / 90;
  assert.ok(first < 1000, `the first audio frame is that of ${first} ms`);
  return frames.filter((frame) => frame.dtsMs >= first);
}

function assertPlayed(judge: TsCheck, { messages, streams }: Omit<Case, "name">): void {
  assert.deepEqual(judge.errors, []);
  assert.deepEqual([...judge.streams.values()], streams);
  const frames = expected(readFrames(messages), judge);
  const video = frames.filter((frame) => frame.isVideo);
  const audio = frames.filter((frame) => !frame.isVideo);
  assertVideoPayload(judge, video, streams[0] === 0x1b);
  assertAudioPayload(judge, audio, streams.at(-1) === 0x0f);
  assert.deepEqual(
    judge.pes.filter((one) => one.pid === PID_AUDIO).map((one) => one.dts),
    audio.map((frame) => frame.dtsMs * 90),
  );
  const packets = judge.pes.filter((one) => one.pid === PID_VIDEO || one.pid === PID_AUDIO);
  assert.equal(packets.length, frames.length);
}

describe("HTTP-TS", { concurrency: 2 }, () => {
  for (const backend of ["uws", "node"]) {
    describe(`on ${backend}`, { concurrency: true }, () => {
      let weir: RunningServer;
      let http: number;

      before(async () => {
        http = await findFreePort();
        const remux = "http_remux { enabled on; mount [vhost]/[app]/[stream].ts; }";
        weir = await startWeir({
          directives: [
            `http_backend ${backend}; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
            `vhost soon.test { ${remux} play { play_wait 1000; } }`,
          ].join("\n"),
          vhost: `${remux} play { play_wait ${WAIT_MS}; }`,
        });
        await waitUntil("http listens", () => isListening(http), WAIT_MS);
      });

      after(() => weir?.stop());

      const ts = (name: string): string => `http://127.0.0.1:${http}/live/${name}.ts`;

      async function play(name: string, messages: readonly Frame[]): Promise<TsCheck> {
        const viewer = new HttpViewer(ts(name));
        await publishOnce(weir.url(name), messages);
        const last = (readFrames(messages).at(-1)?.dtsMs ?? 0) * 90;
        const isWhole = (bytes: Buffer): boolean => check(bytes).pes.at(-1)?.dts === last;
        const bytes = await viewer.waitBody("the last frame came", isWhole, WAIT_MS);
        viewer.close();
        assert.equal(viewer.status, 200);
        assert.equal(viewer.headers["content-type"], "video/MP2T");
        assert.equal(bytes.length % PACKET_BYTES, 0);
        return check(bytes);
      }

      test("H.264 with B-frames and AAC", LIMIT, async () => {
        assertPlayed(await play("av", main), { messages: main, streams: [0x1b, 0x0f] });
      });

      for (const name of backend === "uws" ? ["HEVC", "MP3", "audio", "video"] : []) {
        test(`${name} comes as it was published`, LIMIT, async () => {
          const one = others.find((other) => other.name === name);
          assert.ok(one);
          assertPlayed(await play(name, one.messages), one);
        });
      }

      test(
        "ffprobe that joins in the middle sees the packets that were published",
        LIMIT,
        async () => {
          const peer = await new RtmpPeer(weir.url("joined"), "publish").waitReady();
          const publisher = new ClipPublisher(peer, main);
          const packets = await probeTimes(ts("joined"), ["-read_intervals", "%+1.5"]);
          publisher.close();
          const sent = readFrames(main);
          const roundMs = roundMsOf(main);
          for (const kind of ["video", "audio"] as const) {
            const track = sent.filter((frame) => frame.isVideo === (kind === "video"));
            const got = packets
              .filter((packet) => packet.kind === kind)
              .map(({ dts, pts }) => [Math.round(dts), Math.round(pts)] as const);
            assert.ok(got.length > 25, `${got.length} packets of ${kind}`);
            const [first = 0] = got[0] ?? [];
            const start = track.findIndex((frame) => frame.dtsMs === first % roundMs);
            assert.ok(start >= 0 && (kind === "audio" || track[start]?.isKeyframe), `${first}`);
            const wanted = got.map((_, index) => {
              const round =
                Math.floor(first / roundMs) + Math.floor((start + index) / track.length);
              const { dtsMs = 0, ptsMs = 0 } = track[(start + index) % track.length] ?? {};
              return [dtsMs + round * roundMs, ptsMs + round * roundMs];
            });
            assert.deepEqual(got, wanted);
          }
        },
      );

      test("what is not served gets a status, and what is gets its type", LIMIT, async () => {
        const ask = (path: string, method = "GET"): Promise<HttpViewer> =>
          new HttpViewer(`http://127.0.0.1:${http}/live/${path}`, method).answered(WAIT_MS);
        const never = ask("never.ts?vhost=soon.test");
        assert.equal((await ask("x.flv")).status, 404);
        assert.equal((await ask("show/x.ts")).status, 404);
        assert.equal((await ask("x.ts", "POST")).status, 405);
        assert.equal((await ask("x.ts", "OPTIONS")).status, 204);
        const head = await ask("x.ts", "HEAD");
        assert.equal(head.status, 200);
        assert.equal(head.headers["content-type"], "video/MP2T");
        assert.equal(head.headers["access-control-allow-origin"], "*");
        // In the end a stream that does not come is none: within play_wait and the second that it is looked at.
        assert.equal((await never).status, 404);
        assert.equal((await never).headers["access-control-allow-origin"], "*");
      });

      test(
        "a viewer stays through a republish: time goes on, a step is marked",
        LIMIT,
        async () => {
          const viewer = new HttpViewer(ts("again"));
          await publishOnce(
            weir.url("again"),
            main.filter((frame) => frame.timestamp < 1500),
          );
          const first = (await viewer.waitBody("media", (bytes) => bytes.length > 0, WAIT_MS))
            .length;
          await publishOnce(weir.url("again"), main);
          const frames = readFrames(main).filter((frame) => frame.isVideo).length;
          const count = (bytes: Buffer): number =>
            check(bytes).pes.filter((one) => one.pid === PID_VIDEO).length;
          const bytes = await viewer.waitBody("more", (all) => count(all) > frames, WAIT_MS);
          assert.ok(bytes.length > first);
          viewer.close();
          const judge = check(bytes);
          assert.deepEqual(judge.errors, []);
          assert.equal(judge.maps.length, 1, "the same tracks are the same map");
          assert.equal(judge.steps, 4, "one on each PID");
        },
      );
    });
  }
});
