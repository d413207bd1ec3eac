/**
 * Clips in the forms that Debian's ffmpeg does not write to FLV: enhanced RTMP (FourCC) and HEVC as codec id 12.
 * The samples and the configuration record come from an MP4 file that ffmpeg encodes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "./flv-file.ts";
import { hashPayload, kindOf } from "./flv-file.ts";
import { runChecked } from "./process.ts";

/** How a clip is to look. */
export interface EnhancedForm {
  readonly encoder: readonly string[];
  /** The MP4 box that holds the decoder's configuration record. */
  readonly box: "hvcC" | "av1C";
  /** The FourCC on the wire; null for a classic tag with codec id 12. */
  readonly fourCc: "hvc1" | "av01" | null;
}

/** HEVC as enhanced RTMP v1 writes it. */
export const HEVC_ENHANCED: EnhancedForm = {
  encoder: [
    "libx265",
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:keyint=25:bframes=2",
  ],
  box: "hvcC",
  fourCc: "hvc1",
};

/** HEVC as codec id 12, as encoders of the field sent it before enhanced RTMP. */
export const HEVC_CLASSIC: EnhancedForm = { ...HEVC_ENHANCED, fourCc: null };

/** AV1 as enhanced RTMP v1 writes it. */
export const AV1_ENHANCED: EnhancedForm = {
  encoder: ["libsvtav1", "-preset", "12", "-g", "25"],
  box: "av1C",
  fourCc: "av01",
};

interface Sample {
  readonly pts: number;
  readonly dts: number;
  readonly isKey: boolean;
  readonly data: Uint8Array;
}

/** Encodes a clip of one video track. @returns its messages: metadata, sequence header, frames. */
export async function makeEnhancedClip(
  directory: string,
  form: EnhancedForm,
  seconds: number,
): Promise<Frame[]> {
  const file = join(directory, `${form.fourCc ?? "classic"}.mp4`);
  await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", "-y"],
      ...["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", String(seconds)],
      ...["-pix_fmt", "yuv420p", "-c:v", ...form.encoder],
      ...["-video_track_timescale", "1000", "-f", "mp4", file],
    ],
    { timeoutMs: 60_000 },
  );
  const bytes = readFileSync(file);
  const samples = await readSamples(file, bytes);
  const origin = samples[0]?.dts ?? 0;
  return [
    makeFrame(encodeHeader(form, findBox(bytes, form.box)), 0),
    ...samples.map((sample) => makeFrame(encodeSample(form, sample), sample.dts - origin)),
  ];
}

function makeFrame(payload: Uint8Array, timestamp: number): Frame {
  return { type: 9, kind: kindOf(9, payload), timestamp, hash: hashPayload(payload), payload };
}

/** Body of the first box with this name; the name is searched, as the boxes above it do not matter here. */
function findBox(file: Buffer, name: string): Uint8Array {
  const at = file.indexOf(name, 0, "latin1");
  if (at < 4) {
    throw new Error(`no ${name} box`);
  }
  return file.subarray(at + 4, at - 4 + file.readUInt32BE(at - 4));
}

async function readSamples(file: string, bytes: Buffer): Promise<Sample[]> {
  const { stdout } = await runChecked(
    "ffprobe",
    ["-v", "error", "-of", "json", "-show_entries", "packet=pts,dts,pos,size,flags", file],
    { timeoutMs: 10_000 },
  );
  const { packets } = JSON.parse(stdout) as {
    packets: { pts: number; dts: number; pos: string; size: string; flags: string }[];
  };
  return packets.map(({ pts, dts, pos, size, flags }) => ({
    pts,
    dts,
    isKey: flags.startsWith("K"),
    data: bytes.subarray(Number(pos), Number(pos) + Number(size)),
  }));
}

function encodeHeader(form: EnhancedForm, record: Uint8Array): Uint8Array {
  if (form.fourCc === null) {
    return Buffer.concat([Uint8Array.of(0x1c, 0, 0, 0, 0), record]);
  }
  return Buffer.concat([Uint8Array.of(0x90), Buffer.from(form.fourCc, "latin1"), record]);
}

function encodeSample(form: EnhancedForm, sample: Sample): Uint8Array {
  const frameType = sample.isKey ? 1 : 2;
  const offset = Buffer.alloc(3);
  offset.writeIntBE(sample.pts - sample.dts, 0, 3);
  if (form.fourCc === null) {
    return Buffer.concat([Uint8Array.of((frameType << 4) | 12, 1), offset, sample.data]);
  }
  const fourCc = Buffer.from(form.fourCc, "latin1");
  // CodedFrames carry the offset for HEVC only (enhanced RTMP, ExVideoTagBody).
  const body = form.fourCc === "hvc1" ? [offset, sample.data] : [sample.data];
  return Buffer.concat([Uint8Array.of(0x81 | (frameType << 4)), fourCc, ...body]);
}
