/**
 * VPCodecConfigurationRecord: the body of a VP8 or VP9 sequence header.
 *
 * Spec: VP Codec ISO Media File Format Binding, "VP Codec Configuration Box".
 */
import { ProtocolError } from "../errors.ts";

/** What a record says; picture sizes are in the frames only. */
export interface VpConfig {
  /** 0–3 for VP9. */
  readonly profileId: number;
  /** Level as printed, e.g. `3.1`; null when the record leaves it open. */
  readonly level: string | null;
}

const RECORD_BYTES = 8;
const BOX_FIELDS_BYTES = 4;

/**
 * Decode a VPCodecConfigurationRecord.
 *
 * **Peers**: some writers keep the version and flags of the `vpcC` box before the record (`01 00 00 00`).
 * @throws ProtocolError `ERR_VP_CONFIG` when truncated.
 */
export function decodeVpConfig(bytes: Uint8Array): VpConfig {
  const isBox = bytes[0] === 1 && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
  const record = isBox ? bytes.subarray(BOX_FIELDS_BYTES) : bytes;
  const [profileId, level] = record;
  if (profileId === undefined || level === undefined || record.length < RECORD_BYTES) {
    throw new ProtocolError("ERR_VP_CONFIG", "VPCodecConfigurationRecord: truncated", {
      spec: "VP9-ISOBMFF, VP Codec Configuration Box",
    });
  }
  return { profileId, level: level === 0 ? null : String(level / 10) };
}
