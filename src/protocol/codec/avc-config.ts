/**
 * AVCDecoderConfigurationRecord: the body of an H.264 sequence header.
 *
 * Spec: ISO/IEC 14496-15 §5.3.3.1.
 */
import { type AvcSps, decodeAvcSps } from "./avc-sps.ts";
import { RecordReader } from "./record-reader.ts";

/** A decoded record. **Memory**: the parameter sets are borrowed views of the record. */
export interface AvcConfig extends AvcSps {
  /** Profile name, e.g. `High`; the number as text when it has none. */
  readonly profile: string;
  /** Level as printed, e.g. `3.1` or `1b`. */
  readonly level: string;
  /** Bytes of the length before each NAL unit of a frame, 1–4. */
  readonly nalLengthBytes: number;
  /** 1–31 sequence parameter set NAL units, each at most 65535 bytes. */
  readonly sequenceParameterSets: readonly Uint8Array[];
  /** 1–255 picture parameter set NAL units, each at most 65535 bytes. */
  readonly pictureParameterSets: readonly Uint8Array[];
}

const SPEC = "ISO/IEC 14496-15 §5.3.3.1";
const VERSION = 1;
const LEVEL_1B = 11;
const CONSTRAINT_SET_3 = 0x10;
/** H.264 Annex A.2. */
const PROFILE_NAMES: ReadonlyMap<number, string> = new Map([
  [66, "Baseline"],
  [77, "Main"],
  [88, "Extended"],
  [100, "High"],
  [110, "High(10)"],
  [122, "High(422)"],
  [244, "High(444+Predictive)"],
]);

/**
 * Decode an AVCDecoderConfigurationRecord and its first sequence parameter set.
 *
 * **Spec**: ISO/IEC 14496-15 §5.3.3.1.2. The trailing chroma extension of the high profiles is not needed.
 * **Memory**: copies only a parameter set that holds emulation prevention.
 * @throws ProtocolError `ERR_AVC_CONFIG` (truncated, no SPS, no PPS), `ERR_AVC_SPS`.
 */
export function decodeAvcConfig(bytes: Uint8Array): AvcConfig {
  const reader = new RecordReader(bytes, "ERR_AVC_CONFIG", SPEC);
  const version = reader.readByte();
  if (version !== VERSION) {
    throw reader.error(`configurationVersion ${version}`);
  }
  reader.skip(3);
  const nalLengthBytes = (reader.readByte() & 3) + 1;
  const sequenceParameterSets = readUnits(reader, reader.readByte() & 31);
  const [first] = sequenceParameterSets;
  if (first === undefined) {
    throw reader.error("no sequence parameter set");
  }
  const pictureParameterSets = readUnits(reader, reader.readByte());
  if (pictureParameterSets.length === 0) {
    throw reader.error("no picture parameter set");
  }
  const sps = decodeAvcSps(first);
  return {
    ...sps,
    profile: PROFILE_NAMES.get(sps.profileId) ?? String(sps.profileId),
    level: formatLevel(sps),
    nalLengthBytes,
    sequenceParameterSets,
    pictureParameterSets,
  };
}

function readUnits(reader: RecordReader, count: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (let unit = 0; unit < count; unit += 1) {
    units.push(reader.readUnit());
  }
  return units;
}

function formatLevel(sps: AvcSps): string {
  const isLowProfile = sps.profileId <= 88;
  if (isLowProfile && sps.levelId === LEVEL_1B && (sps.constraints & CONSTRAINT_SET_3) !== 0) {
    return "1b";
  }
  return String(sps.levelId / 10);
}
