/**
 * MPEG audio frame header: MP3 has no sequence header, each frame states its rate and channels.
 *
 * Spec: ISO/IEC 11172-3 §2.4.1.3; ISO/IEC 13818-3 §2.4.2.3.
 */
import { ProtocolError } from "../errors.ts";

/** What a frame header says. */
export interface Mp3FrameHeader {
  /** Hz. */
  readonly sampleRate: number;
  /** 1 or 2. */
  readonly channels: number;
}

/** By version bits: MPEG 2.5, reserved, MPEG 2, MPEG 1. */
const SAMPLE_RATES: readonly (readonly number[])[] = [
  [11_025, 12_000, 8000],
  [],
  [22_050, 24_000, 16_000],
  [44_100, 48_000, 32_000],
];
const MODE_MONO = 3;

/** Decode the header of an MPEG audio frame. @throws ProtocolError `ERR_MP3_FRAME` without sync or with reserved values. */
export function decodeMp3FrameHeader(bytes: Uint8Array): Mp3FrameHeader {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
  const hasSync = first === 0xff && second >> 5 === 7 && bytes.length >= 4;
  const sampleRate = SAMPLE_RATES[(second >> 3) & 3]?.[(third >> 2) & 3];
  if (!hasSync || sampleRate === undefined) {
    throw new ProtocolError("ERR_MP3_FRAME", "no MPEG audio frame header", {
      spec: "ISO/IEC 11172-3 §2.4.1.3",
    });
  }
  return { sampleRate, channels: fourth >> 6 === MODE_MONO ? 1 : 2 };
}
