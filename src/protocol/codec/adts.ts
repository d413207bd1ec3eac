/**
 * ADTS: AAC frames that each say their own configuration, as MPEG-TS and raw AAC streams carry them.
 *
 * Spec: ISO/IEC 13818-7 §6.2 (adts_fixed_header, adts_variable_header), ISO/IEC 14496-3 §1.A.2.2.
 */
import type { AacConfig } from "./aac-config.ts";

/** Bytes of a header without checksum. */
export const ADTS_HEADER_BYTES = 7;
/** aac_frame_length has 13 bits. */
const FRAME_BYTES_MAX = 0x1f_ff;
const SAMPLE_RATES: readonly number[] = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
  7350,
];
const OBJECT_TYPE_MAX = 4;
const CHANNEL_CONFIGURATION_MAX = 7;
/** A program config element is not repeated in ADTS; these counts have one layout only. */
const PLAIN_CHANNELS_MAX = 2;

/** The parts of a header that a configuration decides. */
export interface AdtsForm {
  /** profile_ObjectType: object type less one, 0–3. */
  readonly profile: number;
  /** sampling_frequency_index, 0–12. */
  readonly rateIndex: number;
  /** channel_configuration, 1–7. */
  readonly channelConfiguration: number;
}

/**
 * How a configuration is said in ADTS.
 *
 * **Peers**: HE-AAC is said as its LC core, which is what encoders and players of the field expect.
 * @returns null when ADTS has no words for it: other object types, rates or channel layouts.
 */
export function adtsForm(config: AacConfig): AdtsForm | null {
  const rateIndex = SAMPLE_RATES.indexOf(config.coreSampleRate);
  const isPlain = config.channelConfiguration === 0 && config.channels <= PLAIN_CHANNELS_MAX;
  const channelConfiguration = isPlain ? config.channels : config.channelConfiguration;
  const isSaid =
    rateIndex >= 0 &&
    config.objectType >= 1 &&
    config.objectType <= OBJECT_TYPE_MAX &&
    channelConfiguration >= 1 &&
    channelConfiguration <= CHANNEL_CONFIGURATION_MAX;
  return isSaid ? { profile: config.objectType - 1, rateIndex, channelConfiguration } : null;
}

/** Whether a raw frame of this size fits in an ADTS frame. */
export function isAdtsSize(frameBytes: number): boolean {
  return frameBytes > 0 && frameBytes + ADTS_HEADER_BYTES <= FRAME_BYTES_MAX;
}

/**
 * Write the header of a raw frame of `frameBytes`.
 *
 * **Shape**: MPEG-4, no checksum, buffer fullness of a variable rate, one raw data block.
 * **Memory**: allocates nothing; `target` needs {@link ADTS_HEADER_BYTES} from `offset`.
 * @returns the offset after it.
 */
export function encodeAdtsHeader(
  target: Uint8Array,
  offset: number,
  form: AdtsForm,
  frameBytes: number,
): number {
  const length = frameBytes + ADTS_HEADER_BYTES;
  const { profile, rateIndex, channelConfiguration } = form;
  target[offset] = 0xff;
  target[offset + 1] = 0xf1;
  target[offset + 2] = (profile << 6) | (rateIndex << 2) | (channelConfiguration >> 2);
  target[offset + 3] = ((channelConfiguration & 3) << 6) | (length >> 11);
  target[offset + 4] = length >> 3;
  target[offset + 5] = ((length & 7) << 5) | 0x1f;
  target[offset + 6] = 0xfc;
  return offset + ADTS_HEADER_BYTES;
}
