/** HLS of weir's packager and playlists, played by ffprobe: whole clips through segments, keys left out. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import {
  AV1_ENHANCED,
  type EnhancedForm,
  HEVC_ENHANCED,
  makeEnhancedClip,
} from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { HlsRun, type HlsRunOptions } from "../support/hls-run.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { assertSame, decodedPictures, probeTimes, readFrames } from "../support/mux-source.ts";
import { makeScratch } from "../support/scratch.ts";

const scratch = makeScratch();
const LIMIT = { timeout: 60_000 };

/** The same clips for both containers, each made once. */
const clips = new Map<string, Promise<string>>();
function once(name: string, make: (name: string) => Promise<string>): Promise<string> {
  const clip = clips.get(name) ?? make(name);
  clips.set(name, clip);
  return clip;
}

const enhanced = new Map<EnhancedForm, Promise<Frame[]>>();
function messagesOf(form: EnhancedForm): Promise<Frame[]> {
  const messages = enhanced.get(form) ?? makeEnhancedClip(scratch, form, 5);
  enhanced.set(form, messages);
  return messages;
}

/** Writes a run's playlist and files, ended, so that a reader stops. @returns the playlist's path. */
function writeRun(name: string, run: HlsRun): string {
  for (const [uri, bytes] of run.files) {
    writeFileSync(join(scratch, `${name}-${uri}`), bytes);
  }
  const text = run
    .text()
    .replace(/^(?!#)(?=.)/gm, `${name}-`)
    .replace(/URI="/g, `URI="${name}-`);
  const file = join(scratch, `${name}.m3u8`);
  writeFileSync(file, `${text}#EXT-X-ENDLIST\n`);
  return file;
}

async function judge(
  name: string,
  messages: readonly Frame[],
  options: HlsRunOptions,
): Promise<string> {
  const run = new HlsRun({ fragmentMs: 2000, windowMs: 60_000, ...options });
  for (const { type, timestamp, payload } of messages) {
    run.packager.push(type, timestamp, payload, timestamp);
  }
  run.packager.finish();
  assert.ok(run.playlist.segments.length >= 2, `${run.playlist.segments.length} segments`);
  assert.ok(run.playlist.segments.every((segment) => !segment.isDiscontinuity));
  const file = writeRun(name, run);
  const isTs = options.container === "ts";
  const frames = readFrames(messages);
  const packets = await probeTimes(file, ["-allowed_extensions", "ALL"]);
  // ffmpeg's playlist reader gives the second frame of a first PES packet of many the time of the first,
  // of its own segments too; its transport stream reader does not.
  const isShared = isTs && frames.every((frame) => !frame.isVideo);
  assertSame(packets, frames, { audioToleranceMs: isShared ? 25 : 1.01, hasHashes: !isTs });
  if (isTs) {
    const whole = join(scratch, `${name}-whole.ts`);
    const segments = run.playlist.segments.map(({ uri }) => run.files.get(uri));
    writeFileSync(whole, Buffer.concat(segments.map((bytes) => bytes ?? new Uint8Array(0))));
    const options = { audioToleranceMs: 1.01, hasHashes: false };
    assertSame(await probeTimes(whole), frames, options);
  }
  return file;
}

test("HLS, ts: segments encrypted with AES-128", LIMIT, async () => {
  const clip = await makeClip(scratch, "secret", { seconds: 6, gopFrames: 50 });
  const messages = readFlv(clip);
  const key = Buffer.from("0123456789abcdef");
  const iv = "00112233445566778899aabbccddeeff";
  writeFileSync(join(scratch, "secret-s.key"), key);
  const secret = { uri: "s.key", key, iv };
  const run = new HlsRun({ container: "ts", secret });
  for (const { type, timestamp, payload } of messages) {
    run.packager.push(type, timestamp, payload, timestamp);
  }
  run.packager.finish();
  const packets = await probeTimes(writeRun("secret", run), ["-allowed_extensions", "ALL"]);
  assertSame(packets, readFrames(messages), { audioToleranceMs: 1.01, hasHashes: false });
});

for (const container of ["ts", "fmp4"] as const) {
  for (const partTargetMs of [0, 330]) {
    describe(`HLS, ${container}${partTargetMs === 0 ? "" : ", parts"}`, () => {
      const options = { container, partTargetMs };
      const prefix = `${container}-${partTargetMs}`;

      test("H.264 with B-frames and AAC", LIMIT, async () => {
        const clip = await once("av", (name) =>
          makeClip(scratch, name, { seconds: 9, gopFrames: 50 }),
        );
        const file = await judge(`${prefix}-av`, readFlv(clip), options);
        const pictures = await decodedPictures(file, ["-allowed_extensions", "ALL"]);
        assert.deepEqual(pictures, await decodedPictures(clip));
      });

      test("H.264 and MP3", LIMIT, async () => {
        const clip = await once("mp3", (name) =>
          makeMp3Clip(scratch, name, { seconds: 5, rate: 44_100 }),
        );
        await judge(`${prefix}-mp3`, readFlv(clip), options);
      });

      test("AAC alone ends segments at twice the fragment", LIMIT, async () => {
        const clip = await once("a", (name) =>
          makeClip(scratch, name, { seconds: 11, hasVideo: false }),
        );
        await judge(`${prefix}-a`, readFlv(clip), options);
      });

      test("H.264 alone", LIMIT, async () => {
        const clip = await once("v", (name) =>
          makeClip(scratch, name, { seconds: 5, hasAudio: false }),
        );
        await judge(`${prefix}-v`, readFlv(clip), options);
      });

      test("HEVC", LIMIT, async () => {
        const messages = await messagesOf(HEVC_ENHANCED);
        await judge(`${prefix}-hevc`, messages, options);
      });

      if (container === "fmp4") {
        test("AV1", LIMIT, async () => {
          const messages = await messagesOf(AV1_ENHANCED);
          await judge(`${prefix}-av1`, messages, options);
        });
      }
    });
  }
}
