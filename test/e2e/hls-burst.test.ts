/** A publisher that sends faster than it is played: a file without pacing, or what a network had held back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { codecFixture } from "../protocol/codec-fixture.ts";
import { makeClip } from "../support/clips.ts";
import { startPublishAtOnce } from "../support/ffmpeg.ts";
import { type Frame, hashPayload, kindOf, readFlv } from "../support/flv-file.ts";
import { readFrames } from "../support/mux-source.ts";
import type { ReadPlaylist } from "../support/playlist-check.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import { TsCheck } from "../support/ts-check.ts";
import { type HlsServer, startHls } from "./hls-runs.ts";

const LIMIT = { timeout: 60_000 };
const SECONDS = 60;
const FRAME_MS = 40;
const FRAME_BYTES = 10_000;
const WAIT_MS = 30_000;

/** H.264 of 2 Mbit/s with a keyframe each second: 15 MB. */
function makeFrames(): Frame[] {
  const frame = (timestamp: number, payload: Uint8Array): Frame => {
    return { type: 9, kind: kindOf(9, payload), timestamp, hash: hashPayload(payload), payload };
  };
  const header = Uint8Array.from([0x17, 0, 0, 0, 0, ...codecFixture("avc-baseline")]);
  const frames = [frame(0, header)];
  for (let index = 0; index < (SECONDS * 1000) / FRAME_MS; index += 1) {
    const isKey = index % 25 === 0;
    const payload = Buffer.alloc(FRAME_BYTES, (index % 250) + 2);
    payload.set([isKey ? 0x17 : 0x27, 1, 0, 0, 0]);
    payload.writeUInt32BE(FRAME_BYTES - 9, 5);
    payload[9] = isKey ? 0x65 : 0x41;
    frames.push(frame(index * FRAME_MS, payload));
  }
  return frames;
}

describe("HLS of a burst", () => {
  let weir: HlsServer;

  before(async () => {
    weir = await startHls({ hls: "hls_ctx off; hls_fragment 2; hls_window 120;" });
  });

  after(() => weir?.close());

  test("a file that is sent at once is there, every frame of it", LIMIT, async () => {
    const frames = makeFrames();
    const peer = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/burst`, "publish");
    await peer.waitReady(10_000);
    for (const frame of frames) {
      peer.send(frame, frame.timestamp);
    }
    peer.close();
    const judge = await judgeAll("burst", SECONDS);
    assert.equal(judge.pes.length, frames.length - 1);
  });

  test("ffmpeg without -re: every packet of the file", LIMIT, async () => {
    const seconds = 20;
    const clip = await makeClip(makeScratch(), "file", { seconds });
    const frames = readFrames(readFlv(clip));
    const publisher = startPublishAtOnce(clip, `rtmp://127.0.0.1:${weir.port}/live/file`);
    const { code } = await publisher.waitEnd(WAIT_MS);
    assert.equal(code, 0);
    const judge = await judgeAll("file", seconds);
    for (const [isVideo, pid] of [
      [true, 0x1_00],
      [false, 0x1_01],
    ] as const) {
      const sent = frames.filter((frame) => frame.isVideo === isVideo);
      const got = judge.pes.filter((one) => one.pid === pid);
      assert.deepEqual(
        got.map(({ dts, pts }) => [dts - (got[0]?.dts ?? 0), pts - dts]),
        sent.map(({ dtsMs, ptsMs }) => [
          (dtsMs - (sent[0]?.dtsMs ?? 0)) * 90,
          (ptsMs - dtsMs) * 90,
        ]),
      );
    }
  });

  /** All segments of a stream whose publisher has sent so much and left, in one line. */
  async function judgeAll(name: string, seconds: number): Promise<TsCheck> {
    const { client } = weir;
    const isWhole = ({ segments }: ReadPlaylist): boolean =>
      segments.reduce((sum, one) => sum + one.seconds, 0) > seconds - 0.1;
    const { segments } = await client.until(`/live/${name}.m3u8`, "the whole file", isWhole);
    assert.ok(segments.every(({ isDiscontinuity }) => !isDiscontinuity));
    const judge = new TsCheck();
    for (const { uri } of segments) {
      judge.pushSegment((await client.get(`/live/${uri}`)).body);
    }
    assert.deepEqual(judge.errors, []);
    return judge;
  }
});
