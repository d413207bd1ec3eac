/** Histograms of times: recorded in one process, encoded, merged with others and read in another. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

const VALUE_MAX_US = 60_000_000;
/** Percentiles that are drawn. */
const CURVE_PERCENTILES = [1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100] as const;

/** A histogram of µs, 3 digits, up to 60 s. Values are clamped by {@link clampUs}. */
export function buildHistogram(): Histogram {
  return build({
    useWebAssembly: false,
    bitBucketSize: 32,
    highestTrackableValue: VALUE_MAX_US,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
  });
}

export function clampUs(value: number): number {
  return Math.min(Math.max(Math.round(value), 1), VALUE_MAX_US);
}

/** @returns compressed base64, '' when nothing was recorded. */
export function encodeHistogram(histogram: Histogram): string {
  return histogram.totalCount === 0 ? "" : encodeIntoCompressedBase64(histogram);
}

/** @returns all of these in one; '' adds nothing. */
export function mergeEncoded(encoded: readonly string[]): Histogram {
  const merged = buildHistogram();
  for (const text of encoded) {
    if (text !== "") {
      merged.add(decodeFromCompressedBase64(text, 32, false));
    }
  }
  return merged;
}

/** Percentiles in ms. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** @returns percentiles of all of these, 0 each when there is no value. */
export function percentilesOf(encoded: readonly string[]): Percentiles {
  const histogram = mergeEncoded(encoded);
  const count = histogram.totalCount;
  if (count === 0) {
    return { count, p50: 0, p90: 0, p99: 0, max: 0 };
  }
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { count, p50: at(50), p90: at(90), p99: at(99), max: histogram.maxValue / 1000 };
}

/** @returns pairs of percentile and ms, none when there is no value. */
export function curveOf(encoded: readonly string[]): readonly (readonly [number, number])[] {
  const histogram = mergeEncoded(encoded);
  if (histogram.totalCount === 0) {
    return [];
  }
  return CURVE_PERCENTILES.map((percentile) => [
    percentile,
    histogram.getValueAtPercentile(percentile) / 1000,
  ]);
}
