/**
 * Where an earlier life of a playlist ended, so that its numbers are not used again.
 *
 * Spec: RFC 8216 §6.2.2 (numbers go on).
 */

/** Where to go on; the first two fields of a media playlist's options. */
export interface ResumePoint {
  readonly firstSequence: number;
  readonly firstDiscontinuity: number;
}

/** Decode a media playlist that weir or SRS wrote. @returns null when it is none. */
export function decodeResumePoint(text: string): ResumePoint | null {
  const lines = text.split(/\r?\n/);
  if (lines[0] !== "#EXTM3U") {
    return null;
  }
  const count = (prefix: string): number =>
    lines.filter((line) => line === prefix || line.startsWith(`${prefix}:`)).length;
  const sequence = numberAfter(lines, "#EXT-X-MEDIA-SEQUENCE:");
  if (sequence === null) {
    return null;
  }
  const discontinuity = numberAfter(lines, "#EXT-X-DISCONTINUITY-SEQUENCE:") ?? 0;
  return {
    firstSequence: sequence + count("#EXTINF"),
    firstDiscontinuity: discontinuity + count("#EXT-X-DISCONTINUITY"),
  };
}

function numberAfter(lines: readonly string[], prefix: string): number | null {
  const line = lines.find((one) => one.startsWith(prefix));
  const text = line?.slice(prefix.length).trim() ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
