/** Clips as messages for the muxers, and what ffprobe says of what they wrote. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { FrameReader } from "../../src/protocol/flv/frame-reader.ts";
import type { Frame } from "./flv-file.ts";
import type { Packet } from "./packets.ts";
import { runChecked } from "./process.ts";

/** An elementary frame with bytes of its own. */
export interface KeptFrame {
  readonly isVideo: boolean;
  readonly isKeyframe: boolean;
  readonly dtsMs: number;
  readonly ptsMs: number;
  readonly isDiscontinuity: boolean;
  readonly data: Uint8Array;
}

/** What a reader makes of messages; tracks are left out. */
export function readFrames(
  messages: readonly Frame[],
  reader: FrameReader = new FrameReader(),
): KeptFrame[] {
  const kept: KeptFrame[] = [];
  for (const { type, timestamp, payload } of messages) {
    reader.push(type, timestamp, payload, {
      videoTrack: () => undefined,
      audioTrack: () => undefined,
      frame: (frame) => {
        const { isVideo, isKeyframe, dtsMs, isDiscontinuity } = frame;
        const ptsMs = dtsMs + frame.compositionMs;
        const data = frame.payload.slice(frame.start, frame.end);
        kept.push({ isVideo, isKeyframe, dtsMs, ptsMs, isDiscontinuity, data });
      },
    });
  }
  return kept;
}

/** NAL units of a frame with lengths of four bytes. */
export function splitNalLengths(data: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < data.length; ) {
    const length = view.getUint32(at);
    units.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return units;
}

interface ProbedPacket {
  readonly codec_type: "audio" | "video";
  readonly pts_time: string;
  readonly dts_time: string;
  readonly size: string;
  readonly flags: string;
  readonly data_hash: string;
}

/** Packets with times in milliseconds, whatever the file's unit; an absent time is NaN. */
export async function probeTimes(source: string, args: readonly string[] = []): Promise<Packet[]> {
  const entries = "packet=codec_type,pts_time,dts_time,size,flags,data_hash";
  const { stdout, stderr } = await runChecked(
    "ffprobe",
    [
      ...["-v", "warning", ...args, "-show_data_hash", "md5", "-of", "json"],
      ...["-show_entries", entries, source],
    ],
    { timeoutMs: 20_000 },
  );
  // Said of every bare audio stream: it has no length.
  const warnings = stderr.split("\n").filter((line) => !/^$|Estimating duration/.test(line));
  assert.deepEqual(warnings, [], `ffprobe of ${source} warns`);
  const { packets } = JSON.parse(stdout) as { packets: ProbedPacket[] };
  return packets.map((packet) => ({
    kind: packet.codec_type,
    pts: Number(packet.pts_time) * 1000,
    dts: Number(packet.dts_time) * 1000,
    size: Number(packet.size),
    isKey: packet.flags.startsWith("K"),
    hash: packet.data_hash,
  }));
}

/** MD5 of every decoded picture, in the order shown. Anything the decoder complains about fails. */
export async function decodedPictures(
  source: string,
  args: readonly string[] = [],
): Promise<string[]> {
  const { stdout, stderr } = await runChecked(
    "ffmpeg",
    [
      ...["-hide_banner", "-loglevel", "error", "-nostdin", ...args, "-i", source],
      ...["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
    ],
    { timeoutMs: 30_000 },
  );
  assert.equal(stderr.trim(), "", `ffmpeg decoding ${source}`);
  const rows = stdout.split("\n").filter((line) => /^\d/.test(line));
  assert.ok(rows.length > 0, `${source} has no pictures`);
  return rows.map((line) => line.split(",").at(-1)?.trim() ?? "");
}

/** MD5 as ffprobe prints it. */
export function dataHash(data: Uint8Array): string {
  return `MD5:${createHash("md5").update(data).digest("hex")}`;
}

export interface SameOptions {
  /** Milliseconds that times of audio may be off: containers count it in other units. */
  readonly audioToleranceMs?: number;
  /** The container carries frames as they are, so that their bytes can be compared. */
  readonly hasHashes?: boolean;
}

/** What ffprobe found is what was put in: count, times, keyframes and, where asked for, bytes. */
export function assertSame(
  packets: readonly Packet[],
  frames: readonly KeptFrame[],
  options: SameOptions = {},
): void {
  const { audioToleranceMs = 0.01, hasHashes = true } = options;
  assertTimes(packets);
  for (const kind of ["video", "audio"] as const) {
    const sent = frames.filter((frame) => frame.isVideo === (kind === "video"));
    const got = packets.filter((packet) => packet.kind === kind);
    assert.equal(got.length, sent.length, `${kind} packets`);
    for (const [index, frame] of sent.entries()) {
      const packet = got[index];
      const tolerance = kind === "video" ? 0.01 : audioToleranceMs;
      const offBy = Math.max(
        Math.abs((packet?.dts ?? Number.NaN) - frame.dtsMs),
        Math.abs((packet?.pts ?? Number.NaN) - frame.ptsMs),
      );
      assert.ok(offBy <= tolerance, `${kind} packet ${index} off by ${offBy} ms`);
      assert.ok(kind === "audio" || packet?.isKey === frame.isKeyframe, "keyframe flag");
      assert.ok(
        !hasHashes || packet?.hash === dataHash(frame.data),
        `${kind} packet ${index}: bytes`,
      );
    }
  }
}

/** Times never go back within a track, and nothing is shown before it is decoded. */
function assertTimes(packets: readonly Packet[]): void {
  for (const kind of ["audio", "video"] as const) {
    let last = Number.NEGATIVE_INFINITY;
    for (const packet of packets.filter((one) => one.kind === kind)) {
      assert.ok(packet.dts >= last, `${kind}: dts goes back from ${last} to ${packet.dts}`);
      assert.ok(packet.pts >= packet.dts - 0.01, `${kind}: pts ${packet.pts}, dts ${packet.dts}`);
      last = packet.dts;
    }
  }
}
