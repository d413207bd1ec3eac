/**
 * How long an Opus packet lasts.
 *
 * Spec: RFC 6716 §3.1 (TOC byte), §3.2 (frame count).
 */

/** Samples at 48 kHz of one frame, by the configuration's place within SILK, hybrid and CELT. */
const SILK_SAMPLES: readonly number[] = [480, 960, 1920, 2880];
const HYBRID_SAMPLES: readonly number[] = [480, 960];
const CELT_SAMPLES: readonly number[] = [120, 240, 480, 960];
const HYBRID_FIRST = 12;
const CELT_FIRST = 16;
/** 120 ms. */
const PACKET_SAMPLES_MAX = 5760;

/** @returns samples at 48 kHz, 120–5760; never throws. */
export function opusSamples(packet: Uint8Array, start: number): number {
  const toc = packet[start] ?? 0;
  const config = toc >> 3;
  let frame = SILK_SAMPLES[config & 3] ?? 0;
  if (config >= CELT_FIRST) {
    frame = CELT_SAMPLES[config & 3] ?? 0;
  } else if (config >= HYBRID_FIRST) {
    frame = HYBRID_SAMPLES[config & 1] ?? 0;
  }
  const code = toc & 3;
  const two = code === 0 ? 1 : 2;
  const count = code === 3 ? Math.max(1, (packet[start + 1] ?? 0) & 63) : two;
  return Math.min(PACKET_SAMPLES_MAX, frame * count);
}
