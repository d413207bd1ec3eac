/**
 * H.265 sequence parameter set: picture size and frame rate.
 *
 * The frame rate sits behind reference picture sets and scaling lists of variable form; they are walked with
 * bounded counts, and whatever breaks after the picture size costs only the frame rate.
 *
 * Spec: H.265 §7.3.2.2 (seq_parameter_set_rbsp), §7.3.3, §7.3.4, §7.3.7, Annex E.2.1.
 */
import { BitReader } from "../bytes/bit-reader.ts";
import { ProtocolError } from "../errors.ts";
import { removeEmulationPrevention } from "./nal-unit.ts";
import { isPictureSide, readTickRate, skipPictureUsability } from "./video-usability.ts";

/** What a sequence parameter set says. */
export interface HevcSps {
  /** general_profile_idc. */
  readonly profileId: number;
  /** general_level_idc, thirty times the level. */
  readonly levelId: number;
  /** Luma samples after the conformance window, 1–16384. */
  readonly width: number;
  readonly height: number;
  /** Frames per second of the VUI's timing, null when it states none. */
  readonly frameRate: number | null;
}

const NAL_TYPE_SPS = 33;
const CHROMA_444 = 3;
/** Sizes of the profile_tier_level fields (§7.3.3). */
const COMPATIBILITY_AND_CONSTRAINT_BITS = 32 + 48;
const SUB_LAYER_PROFILE_BITS = 88;
const SUB_LAYER_LEVEL_BITS = 8;
const SUB_LAYERS_MAX = 8;
/** Bounds of §7.4.3.2.1 and §7.4.8. */
const SHORT_TERM_SETS_MAX = 64;
const LONG_TERM_PICTURES_MAX = 32;
const REFERENCE_PICTURES_MAX = 16;
const ORDER_COUNT_BITS_MAX = 16;

/**
 * Decode a sequence parameter set NAL unit, with its two-byte header and emulation prevention.
 *
 * **Spec**: H.265 §7.3.2.2.1; conformance window §7.4.3.2.1.
 * **Shape**: exponential Golomb codes of at most 31 leading zeros, sides of at most 16384 samples.
 * @throws ProtocolError `ERR_HEVC_SPS`.
 */
export function decodeHevcSps(unit: Uint8Array): HevcSps {
  const reader = new BitReader(removeEmulationPrevention(unit));
  const nalType = (reader.readBits(16) >> 9) & 0x3f;
  if (nalType !== NAL_TYPE_SPS) {
    throw spsError(`NAL unit type ${nalType}`);
  }
  reader.skipBits(4);
  const subLayers = reader.readBits(3) + 1;
  reader.skipBits(1);
  const { profileId, levelId } = readProfileTierLevel(reader, subLayers);
  reader.readUnsignedGolomb();
  const { width, height } = readPictureSize(reader);
  if (reader.isBroken) {
    throw spsError("truncated or impossible code");
  }
  if (!(isPictureSide(width) && isPictureSide(height))) {
    throw spsError(`picture of ${width} by ${height}`);
  }
  return { profileId, levelId, width, height, frameRate: readFrameRate(reader, subLayers) };
}

function readProfileTierLevel(
  reader: BitReader,
  subLayers: number,
): { profileId: number; levelId: number } {
  reader.skipBits(3);
  const profileId = reader.readBits(5);
  reader.skipBits(COMPATIBILITY_AND_CONSTRAINT_BITS);
  const levelId = reader.readBits(8);
  let subLayerBits = 0;
  for (let layer = 1; layer < subLayers; layer += 1) {
    subLayerBits += reader.readFlag() ? SUB_LAYER_PROFILE_BITS : 0;
    subLayerBits += reader.readFlag() ? SUB_LAYER_LEVEL_BITS : 0;
  }
  if (subLayers > 1) {
    reader.skipBits(2 * (SUB_LAYERS_MAX + 1 - subLayers));
  }
  reader.skipBits(subLayerBits);
  return { profileId, levelId };
}

function readPictureSize(reader: BitReader): { width: number; height: number } {
  const chromaFormat = reader.readUnsignedGolomb();
  if (chromaFormat > CHROMA_444) {
    throw spsError(`chroma_format_idc ${chromaFormat}`);
  }
  if (chromaFormat === CHROMA_444) {
    reader.skipBits(1);
  }
  let width = reader.readUnsignedGolomb();
  let height = reader.readUnsignedGolomb();
  const isCropped = reader.readFlag();
  if (isCropped) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
    const unitY = chromaFormat === 1 ? 2 : 1;
    width -= unitX * (reader.readUnsignedGolomb() + reader.readUnsignedGolomb());
    height -= unitY * (reader.readUnsignedGolomb() + reader.readUnsignedGolomb());
  }
  return { width, height };
}

/** @returns null when anything on the way is absent or broken. */
function readFrameRate(reader: BitReader, subLayers: number): number | null {
  reader.readUnsignedGolomb();
  reader.readUnsignedGolomb();
  const orderCountBits = reader.readUnsignedGolomb() + 4;
  if (orderCountBits > ORDER_COUNT_BITS_MAX) {
    return null;
  }
  const hasOrderingPerLayer = reader.readFlag();
  const orderings = hasOrderingPerLayer ? subLayers : 1;
  skipGolombs(reader, orderings * 3);
  // Block sizes and transform depths.
  skipGolombs(reader, 6);
  const hasScalingLists = reader.readFlag();
  if (hasScalingLists && reader.readFlag()) {
    skipScalingLists(reader);
  }
  reader.skipBits(2);
  const hasPcm = reader.readFlag();
  if (hasPcm) {
    reader.skipBits(8);
    skipGolombs(reader, 2);
    reader.skipBits(1);
  }
  if (!(skipShortTermSets(reader) && skipLongTermPictures(reader, orderCountBits))) {
    return null;
  }
  reader.skipBits(2);
  const hasUsability = reader.readFlag();
  return hasUsability ? readUsabilityRate(reader) : null;
}

function readUsabilityRate(reader: BitReader): number | null {
  skipPictureUsability(reader);
  reader.skipBits(3);
  const hasDisplayWindow = reader.readFlag();
  if (hasDisplayWindow) {
    skipGolombs(reader, 4);
  }
  return readTickRate(reader);
}

function skipGolombs(reader: BitReader, count: number): void {
  for (let code = 0; code < count; code += 1) {
    reader.readUnsignedGolomb();
  }
}

/** scaling_list_data (§7.3.4). */
function skipScalingLists(reader: BitReader): void {
  for (let sizeId = 0; sizeId < 4; sizeId += 1) {
    const coefficients = Math.min(64, 1 << (4 + sizeId * 2));
    for (let matrixId = 0; matrixId < 6; matrixId += sizeId === 3 ? 3 : 1) {
      const isCoded = reader.readFlag();
      const codes = isCoded ? coefficients + (sizeId > 1 ? 1 : 0) : 1;
      // Signed and unsigned codes have the same length.
      skipGolombs(reader, codes);
    }
  }
}

/** @returns false when a count is beyond its bound. */
function skipShortTermSets(reader: BitReader): boolean {
  const sets = reader.readUnsignedGolomb();
  if (sets > SHORT_TERM_SETS_MAX) {
    return false;
  }
  let pictures = 0;
  for (let set = 0; set < sets; set += 1) {
    const isPredicted = set > 0 && reader.readFlag();
    pictures = isPredicted ? skipPredictedSet(reader, pictures) : skipExplicitSet(reader);
    if (pictures < 0) {
      return false;
    }
  }
  return true;
}

/** st_ref_pic_set predicted from the one before (§7.3.7). @returns its number of pictures. */
function skipPredictedSet(reader: BitReader, referencePictures: number): number {
  reader.skipBits(1);
  reader.readUnsignedGolomb();
  let pictures = 0;
  for (let picture = 0; picture <= referencePictures; picture += 1) {
    const isUsed = reader.readFlag();
    const isKept = isUsed || reader.readFlag();
    pictures += isKept ? 1 : 0;
  }
  return pictures > 2 * REFERENCE_PICTURES_MAX ? -1 : pictures;
}

/** @returns its number of pictures, or -1 beyond the bound. */
function skipExplicitSet(reader: BitReader): number {
  const negative = reader.readUnsignedGolomb();
  const positive = reader.readUnsignedGolomb();
  if (negative > REFERENCE_PICTURES_MAX || positive > REFERENCE_PICTURES_MAX) {
    return -1;
  }
  for (let picture = 0; picture < negative + positive; picture += 1) {
    reader.readUnsignedGolomb();
    reader.skipBits(1);
  }
  return negative + positive;
}

/** @returns false when the count is beyond its bound. */
function skipLongTermPictures(reader: BitReader, orderCountBits: number): boolean {
  const hasLongTerm = reader.readFlag();
  if (!hasLongTerm) {
    return true;
  }
  const pictures = reader.readUnsignedGolomb();
  if (pictures > LONG_TERM_PICTURES_MAX) {
    return false;
  }
  reader.skipBits(pictures * (orderCountBits + 1));
  return true;
}

function spsError(reason: string): ProtocolError {
  return new ProtocolError("ERR_HEVC_SPS", `H.265 sequence parameter set: ${reason}`, {
    spec: "H.265 §7.3.2.2",
  });
}
