/**
 * HEVCDecoderConfigurationRecord: the body of an H.265 sequence header.
 *
 * Spec: ISO/IEC 14496-15 §8.3.3.1.
 */
import { decodeHevcSps, type HevcSps } from "./hevc-sps.ts";
import { RecordReader } from "./record-reader.ts";

/** A decoded record. **Memory**: the parameter sets are borrowed views of the record. */
export interface HevcConfig extends HevcSps {
  /** Profile name, e.g. `Main`; the number as text when it has none. */
  readonly profile: string;
  /** Level as printed, e.g. `3.1`. */
  readonly level: string;
  /** Bytes of the length before each NAL unit of a frame, 1–4. */
  readonly nalLengthBytes: number;
  /** Video parameter set NAL units, each at most 65535 bytes; at most 256 units in all. */
  readonly videoParameterSets: readonly Uint8Array[];
  /** At least one. */
  readonly sequenceParameterSets: readonly Uint8Array[];
  /** At least one. */
  readonly pictureParameterSets: readonly Uint8Array[];
}

const SPEC = "ISO/IEC 14496-15 §8.3.3.1";
const VERSION_MAX = 1;
/** From the profile to the chroma bit depth. */
const FIXED_BYTES = 18;
const NAL_TYPE_VPS = 32;
const NAL_TYPE_SPS = 33;
const NAL_TYPE_PPS = 34;
/** avgFrameRate counts frames in this many seconds. */
const AVERAGE_RATE_SECONDS = 256;
/** H.265 Annex A.3. */
const PROFILE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "Main"],
  [2, "Main10"],
  [3, "MainStillPicture"],
  [4, "Rext"],
]);

/**
 * Decode an HEVCDecoderConfigurationRecord and its first sequence parameter set.
 *
 * **Spec**: ISO/IEC 14496-15 §8.3.3.1.2.
 * **Peers**: some encoders write configurationVersion 0; it is taken.
 * **Memory**: copies only a parameter set that holds emulation prevention.
 * @throws ProtocolError `ERR_HEVC_CONFIG` (truncated, no SPS, no PPS), `ERR_HEVC_SPS`; LimitError
 * `ERR_HEVC_CONFIG` past 256 parameter sets.
 */
export function decodeHevcConfig(bytes: Uint8Array): HevcConfig {
  const reader = new RecordReader(bytes, "ERR_HEVC_CONFIG", SPEC);
  const version = reader.readByte();
  if (version > VERSION_MAX) {
    throw reader.error(`configurationVersion ${version}`);
  }
  reader.skip(FIXED_BYTES);
  const averageRate = reader.readByte() * 256 + reader.readByte();
  const nalLengthBytes = (reader.readByte() & 3) + 1;
  const sets = readParameterSets(reader);
  const [first] = sets.sequenceParameterSets;
  if (first === undefined) {
    throw reader.error("no sequence parameter set");
  }
  if (sets.pictureParameterSets.length === 0) {
    throw reader.error("no picture parameter set");
  }
  const sps = decodeHevcSps(first);
  return {
    ...sps,
    ...sets,
    frameRate: sps.frameRate ?? (averageRate === 0 ? null : averageRate / AVERAGE_RATE_SECONDS),
    profile: PROFILE_NAMES.get(sps.profileId) ?? String(sps.profileId),
    level: String(sps.levelId / 30),
    nalLengthBytes,
  };
}

function readParameterSets(
  reader: RecordReader,
): Pick<HevcConfig, "videoParameterSets" | "sequenceParameterSets" | "pictureParameterSets"> {
  const videoParameterSets: Uint8Array[] = [];
  const sequenceParameterSets: Uint8Array[] = [];
  const pictureParameterSets: Uint8Array[] = [];
  const byType: ReadonlyMap<number, Uint8Array[]> = new Map([
    [NAL_TYPE_VPS, videoParameterSets],
    [NAL_TYPE_SPS, sequenceParameterSets],
    [NAL_TYPE_PPS, pictureParameterSets],
  ]);
  const arrays = reader.readByte();
  for (let array = 0; array < arrays; array += 1) {
    const nalType = reader.readByte() & 0x3f;
    const count = reader.readByte() * 256 + reader.readByte();
    for (let index = 0; index < count; index += 1) {
      const unit = reader.readUnit();
      byType.get(nalType)?.push(unit);
    }
  }
  return { videoParameterSets, sequenceParameterSets, pictureParameterSets };
}
