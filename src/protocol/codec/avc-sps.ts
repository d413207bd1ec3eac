/**
 * H.264 sequence parameter set: picture size, profile, level and frame rate.
 *
 * Spec: H.264 §7.3.2.1.1 (seq_parameter_set_data), Annex E.1.1 (VUI).
 */
import { BitReader } from "../bytes/bit-reader.ts";
import { ProtocolError } from "../errors.ts";
import { removeEmulationPrevention } from "./nal-unit.ts";
import { isPictureSide, readTickRate, skipPictureUsability } from "./video-usability.ts";

/** What a sequence parameter set says. */
export interface AvcSps {
  /** profile_idc, e.g. 100 for High. */
  readonly profileId: number;
  /** constraint_set0..5 flags and two reserved bits, as sent. */
  readonly constraints: number;
  /** level_idc, ten times the level, e.g. 31; 11 with constraint_set3 in the lower profiles is level 1b. */
  readonly levelId: number;
  /** Luma samples after cropping, 1–16384. */
  readonly width: number;
  readonly height: number;
  /** Frames per second of the VUI's timing, null when it states none. */
  readonly frameRate: number | null;
}

const NAL_TYPE_SPS = 7;
/** Profiles whose sets carry chroma format, bit depths and scaling lists. */
const HIGH_PROFILES: ReadonlySet<number> = new Set([
  44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244,
]);
const CHROMA_444 = 3;
const CYCLE_FRAMES_MAX = 255;
const MACROBLOCK_SAMPLES = 16;

/**
 * Decode a sequence parameter set NAL unit, with its one-byte header and emulation prevention.
 *
 * **Spec**: H.264 §7.3.2.1.1, cropping §7.4.2.1.1 (7-19 to 7-22).
 * **Shape**: exponential Golomb codes of at most 31 leading zeros, sides of at most 16384 samples. A VUI that is
 * cut or broken costs only the frame rate.
 * @throws ProtocolError `ERR_AVC_SPS`.
 */
export function decodeAvcSps(unit: Uint8Array): AvcSps {
  const reader = new BitReader(removeEmulationPrevention(unit));
  const nalType = reader.readBits(8) & 0x1f;
  if (nalType !== NAL_TYPE_SPS) {
    throw spsError(`NAL unit type ${nalType}`);
  }
  const profileId = reader.readBits(8);
  const constraints = reader.readBits(8);
  const levelId = reader.readBits(8);
  reader.readUnsignedGolomb();
  const chromaFormat = HIGH_PROFILES.has(profileId) ? readChromaAndScaling(reader) : 1;
  skipFrameNumbering(reader);
  const { width, height } = readPictureSize(reader, chromaFormat);
  const hasUsability = reader.readFlag();
  if (reader.isBroken) {
    throw spsError("truncated or impossible code");
  }
  if (!(isPictureSide(width) && isPictureSide(height))) {
    throw spsError(`picture of ${width} by ${height}`);
  }
  const frameRate = hasUsability ? readFrameRate(reader) : null;
  return { profileId, constraints, levelId, width, height, frameRate };
}

/** @returns chroma_format_idc; with separate planes too, as 4:4:4 and a single plane crop in the same units. */
function readChromaAndScaling(reader: BitReader): number {
  const chromaFormat = reader.readUnsignedGolomb();
  if (chromaFormat > CHROMA_444) {
    throw spsError(`chroma_format_idc ${chromaFormat}`);
  }
  if (chromaFormat === CHROMA_444) {
    reader.skipBits(1);
  }
  reader.readUnsignedGolomb();
  reader.readUnsignedGolomb();
  reader.skipBits(1);
  const hasScalingMatrix = reader.readFlag();
  if (hasScalingMatrix) {
    const lists = chromaFormat === CHROMA_444 ? 12 : 8;
    for (let list = 0; list < lists; list += 1) {
      const isPresent = reader.readFlag();
      if (isPresent) {
        skipScalingList(reader, list < 6 ? 16 : 64);
      }
    }
  }
  return chromaFormat;
}

function skipScalingList(reader: BitReader, size: number): void {
  let lastScale = 8;
  let nextScale = 8;
  for (let index = 0; index < size && nextScale !== 0; index += 1) {
    nextScale = (lastScale + reader.readSignedGolomb() + 256) % 256;
    lastScale = nextScale === 0 ? lastScale : nextScale;
  }
}

/** From log2_max_frame_num to gaps_in_frame_num_value_allowed_flag. */
function skipFrameNumbering(reader: BitReader): void {
  reader.readUnsignedGolomb();
  const orderType = reader.readUnsignedGolomb();
  if (orderType === 0) {
    reader.readUnsignedGolomb();
  } else if (orderType === 1) {
    reader.skipBits(1);
    reader.readSignedGolomb();
    reader.readSignedGolomb();
    const cycleFrames = reader.readUnsignedGolomb();
    if (cycleFrames > CYCLE_FRAMES_MAX) {
      throw spsError(`cycle of ${cycleFrames} frames`);
    }
    for (let frame = 0; frame < cycleFrames; frame += 1) {
      reader.readSignedGolomb();
    }
  }
  reader.readUnsignedGolomb();
  reader.skipBits(1);
}

function readPictureSize(
  reader: BitReader,
  chromaFormat: number,
): { width: number; height: number } {
  const macroblocksWide = reader.readUnsignedGolomb() + 1;
  const mapUnitsHigh = reader.readUnsignedGolomb() + 1;
  const isFramesOnly = reader.readFlag();
  if (!isFramesOnly) {
    reader.skipBits(1);
  }
  reader.skipBits(1);
  const fieldFactor = isFramesOnly ? 1 : 2;
  let width = macroblocksWide * MACROBLOCK_SAMPLES;
  let height = mapUnitsHigh * MACROBLOCK_SAMPLES * fieldFactor;
  const isCropped = reader.readFlag();
  if (isCropped) {
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1;
    const unitY = (chromaFormat === 1 ? 2 : 1) * fieldFactor;
    width -= unitX * (reader.readUnsignedGolomb() + reader.readUnsignedGolomb());
    height -= unitY * (reader.readUnsignedGolomb() + reader.readUnsignedGolomb());
  }
  return { width, height };
}

function readFrameRate(reader: BitReader): number | null {
  skipPictureUsability(reader);
  const tickRate = readTickRate(reader);
  // A tick is a field time (H.264 Annex E.2.1, num_units_in_tick).
  return tickRate === null ? null : tickRate / 2;
}

function spsError(reason: string): ProtocolError {
  return new ProtocolError("ERR_AVC_SPS", `H.264 sequence parameter set: ${reason}`, {
    spec: "H.264 §7.3.2.1.1",
  });
}
