/**
 * Where an earlier life of a playlist ended, so that its numbers are not used again.
 *
 * Spec: RFC 8216 §6.2.2 (numbers go on), §4.3.3.1 (the target duration does not change).
 */

/** Where to go on; fields of a media playlist's options. */
export interface ResumePoint {
  readonly firstSequence: number;
  readonly firstDiscontinuity: number;
  /** EXT-X-TARGETDURATION in milliseconds, 0 where that is not known. */
  readonly earlierTargetMs: number;
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
    earlierTargetMs: (numberAfter(lines, "#EXT-X-TARGETDURATION:") ?? 0) * 1000,
  };
}

function numberAfter(lines: readonly string[], prefix: string): number | null {
  const line = lines.find((one) => one.startsWith(prefix));
  const text = line?.slice(prefix.length).trim() ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}
