/** Fragmented MP4 of weir's writer, judged by ffprobe and by ffmpeg's decoders. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FrameReader } from "../../src/protocol/flv/frame-reader.ts";
import { FragmentWriter } from "../../src/protocol/fmp4/fragment-writer.ts";
import { makeClip } from "../support/clips.ts";
import { AV1_ENHANCED, HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, hashPayload, readFlv } from "../support/flv-file.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import {
  assertSame,
  decodedPictures,
  probeTimes,
  readFrames,
  type SameOptions,
} from "../support/mux-source.ts";
import { runChecked } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";

const scratch = makeScratch();
const LIMIT = { timeout: 60_000 };

/** Cuts at each keyframe, and every `audioFrames` frames without video. */
function mux(messages: readonly Frame[], audioFrames = 40): Uint8Array[] {
  const reader = new FrameReader();
  const writer = new FragmentWriter();
  const pieces: Uint8Array[] = [];
  let waiting = 0;
  const take = (nextVideoMs: number) => {
    const piece = writer.finish(nextVideoMs);
    waiting = 0;
    if (piece !== null) {
      if (pieces.length === 0) {
        pieces.push(writer.encodeInit() ?? new Uint8Array(0));
      }
      pieces.push(piece);
    }
  };
  for (const { type, timestamp, payload } of messages) {
    reader.push(type, timestamp, payload, {
      videoTrack: (track) => writer.setVideo(track),
      audioTrack: (track) => writer.setAudio(track),
      frame: (frame) => {
        if (frame.isKeyframe || (reader.video === null && waiting >= audioFrames)) {
          take(frame.isVideo ? frame.dtsMs : Number.NaN);
        }
        writer.write(frame);
        waiting += 1;
      },
    });
  }
  take(Number.NaN);
  assert.equal(writer.ignoredFrames, 0);
  assert.deepEqual(Object.values(reader.ignored), [0, 0, 0, 0]);
  return pieces;
}

async function judge(
  name: string,
  messages: readonly Frame[],
  options: SameOptions = {},
): Promise<string> {
  const pieces = mux(messages);
  assert.ok(pieces.length > 2, "one fragment only");
  const file = join(scratch, `${name}.mp4`);
  writeFileSync(file, Buffer.concat(pieces));
  const packets = await probeTimes(file);
  assertSame(packets, readFrames(messages), { audioToleranceMs: 1.01, ...options });
  return file;
}

/** Opus packets as enhanced RTMP carries them. */
async function makeOpusMessages(): Promise<Frame[]> {
  const file = join(scratch, "opus-source.mp4");
  const sound = "aevalsrc='0.4*sin(2*PI*t*(200+30*t))':sample_rate=48000:d=3";
  await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-f", "lavfi", "-i", sound],
      ...["-c:a", "libopus", "-b:a", "48k", file],
    ],
    { timeoutMs: 20_000 },
  );
  const entries = ["-show_entries", "packet=pos,size"];
  const { stdout } = await runChecked("ffprobe", ["-v", "error", "-of", "json", ...entries, file], {
    timeoutMs: 10_000,
  });
  const bytes = readFileSync(file);
  const { packets } = JSON.parse(stdout) as { packets: { pos: string; size: string }[] };
  const makeFrame = (data: Uint8Array, timestamp: number, packetType: number): Frame => {
    const head = Buffer.from([0x90 | packetType, ...Buffer.from("Opus", "latin1")]);
    const payload = Buffer.concat([head, data]);
    const kind = packetType === 0 ? "header" : "audio";
    return { type: 8, kind, timestamp, payload, hash: hashPayload(payload) };
  };
  const identification = Buffer.from(
    "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00",
    "latin1",
  );
  return [
    makeFrame(identification, 0, 0),
    ...packets.map(({ pos, size }, index) => {
      const data = bytes.subarray(Number(pos), Number(pos) + Number(size));
      return makeFrame(data, index * 20, 1);
    }),
  ];
}

describe("fragmented MP4", () => {
  test("H.264 with B-frames and AAC: every packet, its times and its bytes", LIMIT, async () => {
    const clip = await makeClip(scratch, "av", { seconds: 6, gopFrames: 50 });
    const file = await judge("av", readFlv(clip));
    assert.deepEqual(await decodedPictures(file), await decodedPictures(clip));
  });

  for (const [name, form] of Object.entries({ hevc: HEVC_ENHANCED, av1: AV1_ENHANCED })) {
    test(`${name}, enhanced`, LIMIT, async () => {
      const messages = await makeEnhancedClip(scratch, form, 3);
      const file = await judge(name, messages);
      const source = join(scratch, `${form.fourCc}.mp4`);
      assert.deepEqual(await decodedPictures(file), await decodedPictures(source));
    });
  }

  test("AAC alone", LIMIT, async () => {
    const clip = await makeClip(scratch, "a", { seconds: 3, hasVideo: false });
    await judge("a", readFlv(clip));
  });

  test("H.264 alone", LIMIT, async () => {
    const clip = await makeClip(scratch, "v", { seconds: 3, hasAudio: false });
    await judge("v", readFlv(clip));
  });

  for (const rate of [44_100, 22_050]) {
    test(`H.264 and MP3 of ${rate} Hz`, LIMIT, async () => {
      const clip = await makeMp3Clip(scratch, `mp3-${rate}`, { seconds: 3, rate });
      await judge(`mp3-${rate}`, readFlv(clip));
    });
  }

  test("Opus", LIMIT, async () => {
    await judge("opus", await makeOpusMessages());
  });
});
